"""What to write for names that people bring from PyTorch, JAX, Flax, Keras and Objax."""

from typing import Any

from autograd.absent import Remedies, declare, of_module

__all__ = ["LOSS_SCALE", "MODULE", "OPTIMIZER", "SCHEDULER", "STEP", "VARIABLE", "declare", "of_package"]

_SAVE = 'Write cuobjax.io.save_var_collection("net.npz", net.vars())'
_LOAD = 'Write cuobjax.io.load_var_collection("net.npz", net.vars())'
_LOOP = (
    "Write the loop yourself, with gradients = cuobjax.Grad(loss, net.vars()): each step is opt(lr, gradients(x, y))"
)
STEP = "Write opt(lr, gradients), with the gradients that cuobjax.Grad(loss, net.vars())(x) returns"
_NO_RECORD = (
    "Nothing is recorded outside of gradient functions, so leave it out; stop_gradient(x) stops one within them"
)
_GPU = 'Write with cuobjax.device("gpu"): around what makes arrays and networks; it is the default where there is a GPU'
_SEED = "Write cuobjax.random.seed(n)"
_NUMBERS = "Write cuobjax.random.normal((2, 3)) or uniform((2, 3))"
_KEYS = "Generators have the keys: cuobjax.random.normal((3,), generator=cuobjax.random.Generator(seed))"
_JN = "Write cuobjax.numpy.{name}"
_CONTROL = "Write autograd.{name}"
_ARRAY = "Write cuobjax.numpy.array(x)"
_LOSS = "cuobjax.functional.loss.{}"
_SPARSE = "Write " + _LOSS.format("cross_entropy_logits_sparse(logits, labels).mean()")
_SIGMOID = "Write " + _LOSS.format("sigmoid_cross_entropy_logits(logits, labels).mean()")
_SQUARED = "Write " + _LOSS.format("mean_squared_error(x, y).mean()")
_OWN = "Derive yours from cuobjax.optimizer.Optimizer, whose docstring shows how"

VARIABLE: Remedies = {
    "assign_add": "Write v.assign(v.value + x)",
    "assign_sub": "Write v.assign(v.value - x)",
    "data get_value read_value": "Write v.value to read, v.assign(x) to write",
    "set_value": "Write v.assign(x)",
    "requires_grad trainable": "Write cuobjax.freeze(net, pattern) to keep variables as they are",
}
MODULE: Remedies = {
    "buffers named_parameters params parameters trainable_variables variables weights": "Write net.vars()",
    "save state_dict": _SAVE,
    "load": _LOAD,
    "load_state_dict": "Write cuobjax.io.load_state_dict(net, state); of our own files load_var_collection",
    "forward": "Write net(x)",
    "cpu cuda to": _GPU,
    "bfloat16 double float half": 'Write cuobjax.set_default_dtype("float64"), for instance, before making the network',
    "backward zero_grad": "Modules hold no gradients: cuobjax.Grad(loss, net.vars())(x) returns new ones in each call",
    "requires_grad_": "Write cuobjax.freeze(net)",
    "children modules named_children named_modules": "print(net) shows the modules in it, net.vars() the variables",
    "add_module register_buffer register_module register_parameter": (
        "Set attributes: self.w = cuobjax.TrainVar(x), self.mean = cuobjax.StateVar(x), or a module"
    ),
    "apply init": "A module has its variables: write net(x). cuobjax.functional_call(net, values, x) takes others",
    "summary": "Write print(cuobjax.summary(net, x))",
    "compile fit predict": _LOOP,
    "bias kernel weight": "print(net.vars()) shows the names; Linear and Conv2D have w and b",
}
OPTIMIZER: Remedies = {
    "apply_gradients apply_updates minimize step": STEP,
    "zero_grad": "Gradients are not stored, so leave it out: cuobjax.Grad returns new ones in each call",
    "lr learning_rate param_groups": "The learning rate comes with each call: opt(lr, gradients)",
    "add_param_group": "Make one optimizer of all variables, after the network is complete",
    "defaults state": "print(opt) shows the hyperparameters, print(opt.vars()) the states",
    "init": "An optimizer has its variables from the start: cuobjax.optimizer.Adam(net.vars())",
    "state_dict": 'Write cuobjax.io.save_var_collection("opt.npz", opt.vars())',
    "load_state_dict": 'Write cuobjax.io.load_var_collection("opt.npz", opt.vars())',
}
LOSS_SCALE: Remedies = {
    "scale_loss": "Differentiate scaling.scaled(loss)",
    "unscale_ unscale": "Write scaling.unscaled(gradients); scaling.step(opt, lr, gradients) does it by itself",
    "update": "Leave it out: scaling.step(opt, lr, gradients) finds the next scale",
    "get_scale": "Write scaling.scale.value",
}
SCHEDULER: Remedies = {
    "step get_lr get_last_lr": "Write opt(schedule(step), gradients), with the number of the step",
    "state_dict load_state_dict": "A schedule has no state: save the number of the step",
}
_FUNCTIONS: Remedies = {
    "cross_entropy nll_loss": _SPARSE,
    "binary_cross_entropy binary_cross_entropy_with_logits": _SIGMOID,
    "mse_loss": _SQUARED,
    "huber_loss smooth_l1_loss triplet_margin_loss gaussian_nll_loss poisson_nll_loss margin_ranking_loss ctc_loss "
    "kl_div cosine_embedding_loss hinge_loss multi_margin_loss": (
        "Write cuobjax.functional.loss.huber, smooth_l1, triplet, gaussian_nll, poisson_nll, margin_ranking, "
        "ctc_logits, kl_logits, cosine_embedding, hinge or hinge_sparse; they give a number for each example"
    ),
    "l1_loss": "Write " + _LOSS.format("mean_absolute_error(x, y).mean()"),
    "max_pool1d max_pool2d max_pool3d": "Write cuobjax.functional.max_pool(x, size)",
    "avg_pool1d avg_pool2d avg_pool3d": "Write cuobjax.functional.average_pool(x, size)",
    "adaptive_avg_pool2d adaptive_max_pool2d": "Write cuobjax.functional.adaptive_average_pool(x, size), or max_pool",
    "pixel_shuffle pixel_unshuffle": "Write cuobjax.functional.channel_to_space2d(x, size), space_to_channel2d",
    "embedding": "Write cuobjax.nn.Embedding(nin, nout), a layer",
    "conv2d": "Write cuobjax.nn.Conv2D(nin, nout, k), a layer",
    "dropout": "Write cuobjax.nn.Dropout(keep), a layer",
    "linear": "Write x @ w + b, or cuobjax.nn.Linear(nin, nout), a layer",
    "batch_norm": "Write cuobjax.nn.BatchNorm2D(nin), a layer",
    "hardtanh hardsigmoid hardswish": "Write cuobjax.functional.hard_tanh, hard_sigmoid or hard_swish",
}
_MODULES: dict[str, Remedies] = {
    "cuobjax": {
        "grad": "Write cuobjax.Grad(loss, net.vars()), or autograd.grad(f) for a function of arrays",
        "value_and_grad": "Write cuobjax.GradValues(loss, net.vars()), or autograd.value_and_grad(f)",
        "jit filter_jit compile": "Write cuobjax.Jit(f)",
        "vmap filter_vmap": "Write cuobjax.Vectorize(f), or autograd.vmap(f) for a function of arrays",
        "pmap DataParallel": "Write cuobjax.Parallel(f)",
        "jacobian jacfwd jacrev hessian": "Write autograd.{name}; of variables cuobjax.Jacobian, Hessian",
        "jvp vjp checkpoint": "Write autograd.{name}",
        "no_grad inference_mode enable_grad": _NO_RECORD,
        "tensor Tensor as_tensor from_numpy": _ARRAY,
        "array asarray zeros ones arange linspace stack concatenate": _JN,
        "sin cos exp log tanh sqrt sum mean float32 float64 int32": _JN,
        "manual_seed": _SEED,
        "rand randn": _NUMBERS,
        "PRNGKey key": _KEYS,
        "save": _SAVE,
        "load": _LOAD,
        "cuda": _GPU,
        "Linear Conv2D Sequential Dropout BatchNorm2D": "Write cuobjax.nn.{name}",
        "relu softmax sigmoid": "Write cuobjax.functional.{name}",
        "optim optimizers": "Write cuobjax.optimizer",
        "amp autocast GradScaler": "Write cuobjax.precision.mixed(net), and cuobjax.precision.LossScale() for float16",
        "lax": "Write autograd.scan, cond and while_loop, or Python's own loops and conditions",
        "Parameter Variable Param": "Write cuobjax.TrainVar(x)",
        "tree_map tree_util": "Write autograd.tree.tree_map(f, x)",
        "zoo": "Write import cuobjax.zoo first",
        "gradient module variable": "Its names are in cuobjax itself: cuobjax.Grad, cuobjax.Module, cuobjax.TrainVar",
    },
    "cuobjax.nn": {
        "ReLU ReLU6 SiLU ELU CELU SELU Tanh Sigmoid Softplus Softmax LogSoftmax LeakyReLU GELU Mish GLU": (
            "Activations are functions, which Sequential takes: cuobjax.functional.relu, sigmoid and so on"
        ),
        "relu silu gelu mish elu celu selu tanh sigmoid softplus": "Write cuobjax.functional.{name}",
        "softmax log_softmax leaky_relu one_hot": "Write cuobjax.functional.{name}",
        "Flatten": "Write cuobjax.functional.flatten, a function, which Sequential takes",
        "MaxPool1d MaxPool2d MaxPool3d": "Write functools.partial(cuobjax.functional.max_pool, size=2) in a Sequential",
        "AvgPool1d AvgPool2d AvgPool3d": (
            "Write functools.partial(cuobjax.functional.average_pool, size=2) in a Sequential"
        ),
        "AdaptiveAvgPool2d": "Write functools.partial(cuobjax.functional.adaptive_average_pool, size=1), a function",
        "Upsample": "Write functools.partial(cuobjax.functional.upsample_2d, scale=2) in a Sequential",
        "weight_norm spectral_norm": "Write cuobjax.nn.WeightNorm(layer) or SpectralNorm(layer)",
        "Conv1d Conv2d Conv3d": "Write cuobjax.nn.Conv1D, Conv2D or Conv3D(nin, nout, k)",
        "ConvTranspose1d ConvTranspose2d ConvTranspose3d": "Write cuobjax.nn.ConvTranspose2D(nin, nout, k), or 1D, 3D",
        "Dense": "Write cuobjax.nn.Linear(nin, nout)",
        "BatchNorm1d": "Write cuobjax.nn.BatchNorm0D(nin) for x (N, nin), BatchNorm1D for x (N, nin, L)",
        "BatchNorm2d": "Write cuobjax.nn.BatchNorm2D(nin)",
        "BatchNorm3d": "Write cuobjax.nn.BatchNorm3D(nin)",
        "InstanceNorm1d": "Write cuobjax.nn.InstanceNorm1D(nin)",
        "InstanceNorm2d": "Write cuobjax.nn.InstanceNorm2D(nin)",
        "InstanceNorm3d": "Write cuobjax.nn.InstanceNorm3D(nin)",
        "CrossEntropyLoss": _SPARSE,
        "BCELoss BCEWithLogitsLoss": _SIGMOID,
        "MSELoss": _SQUARED,
        "Parameter Param": "Write cuobjax.TrainVar(x)",
        "Buffer BatchStat": "Write cuobjax.StateVar(x)",
        "Module ModuleList ModuleDict": "Write cuobjax.{name}",
        "functional": "Write cuobjax.functional",
        "Identity": "Write a function, which Sequential takes: lambda x: x",
        "Embed": "Write cuobjax.nn.Embedding(nin, nout)",
        "MultiheadAttention": "Write cuobjax.nn.MultiHeadAttention(nin, heads)",
        "TransformerEncoderLayer": "Write cuobjax.nn.TransformerBlock(nin, heads)",
        "TransformerDecoderLayer": "Write cuobjax.nn.TransformerBlock(nin, heads, causal=True, cross=True)",
        "Rngs": _KEYS,
    },
    "cuobjax.optimizer": {
        "clip_grad_norm_ clip_grad_norm": "Write opt(lr, clip_by_global_norm(gradients, max_norm))",
        "clip_grad_value_": "Write opt(lr, clip_by_value(gradients, limit))",
        "multi_transform partition masked param_groups": (
            "A rate or weight_decay may be a mapping of patterns; for other optimizers "
            "write Groups(net.vars(), [(pattern, Adam), ...])"
        ),
        "MultiSteps": "Write Accumulator(vc), whose mean() goes to the optimizer",
        "EMA SWALR swa_utils": "Write ExponentialMovingAverage(vc)",
        "ASGD Adamax LBFGS Rprop SparseAdam": _OWN,
        "lr_scheduler schedules": (
            "The learning rate comes with each call: opt(schedule(step), gradients), with one of optimizer.scheduler"
        ),
    },
    "cuobjax.functional": {
        **_FUNCTIONS,
    },
    "cuobjax.functional.loss": {**_FUNCTIONS, "mse": _SQUARED},
    "cuobjax.io": {"save save_npz": _SAVE, "load load_npz": _LOAD},
    "cuobjax.random": {
        "manual_seed": _SEED,
        "rand randn random": _NUMBERS,
        "PRNGKey key split default_rng": _KEYS,
    },
    "cuobjax.numpy": {
        "tensor Tensor as_tensor from_numpy": _ARRAY,
        "float int double half": 'Dtypes are float32, int32 and so on: write jn.float32 or "float32"',
        "random rand randn": _NUMBERS,
        "cat": "Write jn.concatenate([x, y], axis)",
        "bmm mm": "Write x @ y",
        "unsqueeze": "Write jn.expand_dims(x, axis)",
        "clamp": "Write jn.clip(x, low, high)",
        "relu softmax sigmoid nn": "Write cuobjax.functional.relu, softmax, sigmoid and so on",
        "grad": "Write autograd.grad(f), or cuobjax.Grad(loss, net.vars())",
        "jit": "Write cuobjax.Jit(f)",
        "vmap": "Write cuobjax.Vectorize(f), or autograd.vmap(f)",
        "no_grad": _NO_RECORD,
        "device cuda": _GPU,
        "manual_seed": _SEED,
    },
}  # fmt: skip


def of_package(name: str) -> Any:
    """`__getattr__` of a module of this package: see `autograd.absent.of_module`."""
    return of_module(name, _MODULES[name])
