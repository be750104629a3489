"""What to write for names that people bring from PyTorch, JAX, Flax, Keras and Objax."""

from typing import Any

from autograd.absent import Remedies, declare, of_module

__all__ = [
    "GENERATOR", "LOADER", "LOSS_SCALE", "METRIC", "MODULE", "OPTIMIZER", "SCHEDULER", "STEP", "VARIABLE", "WRITER",
    "declare", "of_package",
]  # fmt: skip

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
_HALF = "Write cuobjax.precision.mixed(net), and cuobjax.precision.LossScale() for float16"
_NUMBERS = "Write cuobjax.random.normal((2, 3)) or uniform((2, 3))"
_KEYS = "Generators have the keys: cuobjax.random.normal((3,), generator=cuobjax.random.Generator(seed))"
_JN = "Write cuobjax.numpy.{name}"
_ARRAY = "Write cuobjax.numpy.array(x)"
_LOSS = "cuobjax.functional.loss.{}"
_SPARSE = "Write " + _LOSS.format("cross_entropy_logits_sparse(logits, labels).mean()")
_CHANNELS = (
    "Write x * dropout(jn.ones((*x.shape[:2], 1, 1))), of whole channels, with dropout = cuobjax.nn.Dropout(keep)"
)
_SIGMOID = "Write " + _LOSS.format("sigmoid_cross_entropy_logits(logits, labels).mean()")
_LOSSES = (
    "Write cuobjax.functional.loss.huber, smooth_l1, triplet, gaussian_nll, poisson_nll, margin_ranking, ctc_logits, "
    "kl_logits, cosine_embedding, hinge, hinge_sparse, focal_logits, dice_logits or l2; most of them give a number for "
    "each example"
)
_ATTENTION = "Write cuobjax.functional.attention(q, k, v), of arrays (..., heads, positions, features)"
_SQUARED = "Write " + _LOSS.format("mean_squared_error(x, y).mean()")
_PROGRAM = (
    "Write program = cuobjax.Jit(f).lower(*args); program.save(path) writes it, cuobjax.io.load_program(path) reads it"
)
_ONNX = "Write cuobjax.util.to_onnx(net, *example)"
_OWN = "Derive yours from cuobjax.optimizer.Optimizer, whose docstring shows how"

VARIABLE: Remedies = {
    "assign_add": "Write v.assign(v.value + x)",
    "assign_sub": "Write v.assign(v.value - x)",
    "data get_value read_value": "Write v.value to read, v.assign(x) to write",
    "set_value": "Write v.assign(x)",
    "requires_grad requires_grad_ trainable": "Write cuobjax.freeze(net, pattern) to keep variables as they are",
}
MODULE: Remedies = {
    "trace script lower": _PROGRAM,
    "export to_onnx": _ONNX,
    "buffers named_parameters params parameters trainable_variables variables weights": "Write net.vars()",
    "save": _SAVE,
    "state_dict": f"{_SAVE}; for PyTorch cuobjax.io.state_dict(net)",
    "load": _LOAD,
    "load_state_dict": "Write cuobjax.io.load_state_dict(net, state); of our own files load_var_collection",
    "forward": "Write net(x)",
    "cpu cuda to": _GPU,
    "double float": 'Write cuobjax.set_default_dtype("float64"), for instance, before making the network',
    "bfloat16 half": (
        'Write cuobjax.set_default_dtype("{name}"), before making the network, or cuobjax.precision.mixed(net), '
        "which keeps the variables in float32"
    ),
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
GENERATOR: Remedies = {
    "choice exponential gamma integers normal permutation poisson randint random standard_normal shuffle uniform": (
        "Functions draw: cuobjax.random.normal((2, 3), generator=g)"
    ),
    "manual_seed": "Write g.seed(n)",
}
LOADER: Remedies = {
    "dataset": "Keep the data in a name of your own",
    "batch_size": "Read loader.batch",
    "num_workers": "Read loader.workers, which are threads",
    "set_epoch": "Leave it out: each epoch draws its order from the generator",
    "state_dict": "loader.vars() are its place: save them with those of the network",
    "load_state_dict": "loader.vars() are its place: load them with those of the network",
}
METRIC: Remedies = {
    "compute result": "Read metric.value",
    "update_state": "Write metric.update(outputs, labels)",
    "reset_state reset_states": "Write metric.reset()",
}
_SUMMARY = "Write summary = jaxboard.Summary(), summary.{}, and writer.write(summary, step)"
WRITER: Remedies = {
    "add_scalar add_scalars scalar": _SUMMARY.format("scalar(tag, x)"),
    "add_image add_images image": _SUMMARY.format("image(tag, x)"),
    "add_text text": _SUMMARY.format("text(tag, text)"),
    "add_histogram histogram": _SUMMARY.format("histogram(tag, x)"),
    "add_figure figure": _SUMMARY.format("figure(tag, figure)"),
    "add_hparams hparams": _SUMMARY.format("hparams(values)"),
    "add_graph": "Write writer.graph(f, *args)",
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
    "kl_div cosine_embedding_loss hinge_loss multi_margin_loss l2_loss kl_divergence triplet_loss focal_loss "
    "sigmoid_focal_loss dice_loss triplet_margin_with_distance_loss nll": _LOSSES,
    "softmax_cross_entropy linear_cross_entropy": "Write "
    + _LOSS.format("cross_entropy_logits(logits, labels).mean()"),
    "softmax_cross_entropy_with_integer_labels safe_softmax_cross_entropy": _SPARSE,
    "sigmoid_binary_cross_entropy soft_margin_loss multilabel_soft_margin_loss": _SIGMOID,
    "hinge_embedding_loss multilabel_margin_loss": "Write jn.maximum(0, margin - x).mean(), for instance",
    "smooth_labels": "Write " + _LOSS.format("cross_entropy_logits_sparse(logits, labels, smoothing=0.1)"),
    "l1_loss mae": "Write " + _LOSS.format("mean_absolute_error(x, y).mean()"),
    "mse squared_error": _SQUARED,
    "max_pool1d max_pool2d max_pool3d": "Write cuobjax.functional.max_pool(x, size)",
    "avg_pool avg_pool1d avg_pool2d avg_pool3d": "Write cuobjax.functional.average_pool(x, size)",
    "adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d adaptive_max_pool1d adaptive_max_pool2d "
    "adaptive_max_pool3d": "Write cuobjax.functional.adaptive_average_pool(x, size), or max_pool",
    "pixel_shuffle pixel_unshuffle": "Write cuobjax.functional.channel_to_space2d(x, size), space_to_channel2d",
    "embedding": "Write cuobjax.nn.Embedding(nin, nout), a layer",
    "conv1d conv2d conv3d": "Write cuobjax.functional.conv(x, w), w (*kernel, nin, nout), or nn.Conv2D, a layer",
    "conv_transpose1d conv_transpose2d conv_transpose3d": (
        "Write cuobjax.functional.conv_transpose(x, w), w (*kernel, nout, nin), or nn.ConvTranspose2D, a layer"
    ),
    "scaled_dot_product_attention dot_product_attention dot_product_attention_weights": _ATTENTION,
    "multi_head_attention_forward": "Write cuobjax.nn.MultiHeadAttention(nin, heads), a layer",
    "gumbel_softmax": "Write functional.softmax((logits + cuobjax.random.gumbel(logits.shape)) / temperature)",
    "pairwise_distance pdist": "Write jn.linalg.norm(x - y, axis=-1)",
    "upsample upsample_bilinear upsample_nearest": 'Write cuobjax.functional.upsample_2d(x, 2, "nearest")',
    "softmin": "Write cuobjax.functional.softmax(-x)",
    "threshold": "Write jn.where(x > threshold, x, value)",
    "logsigmoid": "Write cuobjax.functional.log_sigmoid",
    "softsign hardshrink softshrink tanhshrink": "Write cuobjax.functional.soft_sign, hard_shrink or soft_shrink",
    "relu_ elu_ selu_ celu_ leaky_relu_ hardtanh_ threshold_": "Arrays never change: write the name without _",
    "channel_shuffle": "Write x.reshape((n, groups, c // groups, h, w)).swapaxes(1, 2).reshape(x.shape)",
    "dropout1d dropout2d dropout3d": _CHANNELS,
    "identity": "Write a function: lambda x: x",
    "standardize": "Write cuobjax.functional.layer_norm(x)",
    "hard_silu": "Write cuobjax.functional.hard_swish",
    "make_causal_mask combine_masks make_attention_mask": "Write causal=True; & joins masks",
    "checkpoint remat": "Write cuobjax.Remat(f)",
    "jit vmap grad value_and_grad split merge": "Write cuobjax.Jit, Vectorize, Grad, GradValues, split or merge",
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
        "make_jaxpr fx": "Write cuobjax.make_graph(f)(*args)",
        "onnx export to_onnx": _ONNX,
        "load_program": "Write cuobjax.io.load_program(path)",
        "trace script lower aot_compile": _PROGRAM,
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
        "amp autocast GradScaler": _HALF,
        "lax": "Write autograd.scan, cond and while_loop, or Python's own loops and conditions",
        "Parameter Variable Param": "Write cuobjax.TrainVar(x)",
        "tree_map tree_util": "Write autograd.tree.tree_map(f, x)",
        "zoo": "Write import cuobjax.zoo first",
        "DataLoader Dataset TensorDataset": "Write cuobjax.data.Loader((x, y), batch=32)",
        "profiler": "Write with cuobjax.profile(net) as p:",
        "SummaryWriter tensorboard": "Write cuobjax.jaxboard.SummaryWriter(folder)",
        "dpsgd": "Write cuobjax.privacy.dpsgd",
        "matplotlib": "Write cuobjax.plot",
        "gradient module variable": "Its names are in cuobjax itself: cuobjax.Grad, cuobjax.Module, cuobjax.TrainVar",
    },
    "cuobjax.data": {
        "DataLoader Dataset TensorDataset ArrayDataset": "Write cuobjax.data.Loader((x, y), batch=32)",
        "tqdm": "Write cuobjax.data.progress(iterable)",
        "random_flip RandomHorizontalFlip random_flip_left_right hflip": "Write cuobjax.data.flip(x)",
        "RandomCrop crop": "Write cuobjax.data.random_crop(x, padding=4)",
        "RandomErasing random_erasing": "Write cuobjax.data.cutout(x, size)",
        "ColorJitter color_jitter": "Write cuobjax.data.brightness, contrast and saturation",
    },
    "cuobjax.metrics": {
        "F1Score F1_score f1_score": "Write cuobjax.metrics.F1()",
        "AUROC": "Write cuobjax.metrics.AUC(), or roc_auc(scores, labels)",
        "Average MeanMetric": "Write cuobjax.metrics.Mean()",
        "BinaryAccuracy": "Write cuobjax.metrics.Accuracy(threshold=0.5), 0 for logits",
        "TopKAccuracy TopKCategoricalAccuracy top_k_accuracy": "Write cuobjax.metrics.TopK(k)",
        "accuracy_score accuracy": "Write cuobjax.metrics.Accuracy()",
        "MultiMetric MetricCollection": "Write a module with the metrics as attributes",
    },
    "cuobjax.nn": {
        "ReLU ReLU6 SiLU ELU CELU SELU Tanh Sigmoid Softplus Softmax LogSoftmax LeakyReLU GELU Mish GLU Hardtanh "
        "Hardsigmoid Hardswish Hardshrink Softshrink Tanhshrink Softsign LogSigmoid Softmin Softmax2d Threshold RReLU "
        "Activation Lambda": (
            "Activations are functions, which Sequential takes: cuobjax.functional.relu, sigmoid and so on"
        ),
        "relu silu gelu mish elu celu selu tanh sigmoid softplus glu hard_sigmoid hard_swish hard_tanh log_sigmoid "
        "logsumexp relu6 soft_sign swish max_pool softmax log_softmax leaky_relu one_hot": (
            "Write cuobjax.functional.{name}"
        ),
        "avg_pool min_pool": "Write cuobjax.functional.average_pool or max_pool",
        "identity": "Write a function, which Sequential takes: lambda x: x",
        "Flatten": "Write cuobjax.functional.flatten, a function, which Sequential takes",
        "MaxPool1d MaxPool2d MaxPool3d": "Write functools.partial(cuobjax.functional.max_pool, size=2) in a Sequential",
        "AvgPool1d AvgPool2d AvgPool3d": (
            "Write functools.partial(cuobjax.functional.average_pool, size=2) in a Sequential"
        ),
        "AdaptiveAvgPool1d AdaptiveAvgPool2d AdaptiveAvgPool3d AdaptiveMaxPool1d AdaptiveMaxPool2d AdaptiveMaxPool3d": (
            "Write functools.partial(cuobjax.functional.adaptive_average_pool, size=1), or adaptive_max_pool"
        ),
        "GlobalAveragePooling2D GlobalMaxPooling2D": "Write cuobjax.functional.global_average_pool, or global_max_pool",
        "MaxPooling2D AveragePooling2D": "Write functools.partial(cuobjax.functional.max_pool, size=2)",
        "Upsample UpsamplingBilinear2d UpsamplingNearest2d UpSampling2D": (
            "Write functools.partial(cuobjax.functional.upsample_2d, scale=2) in a Sequential"
        ),
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
        "CrossEntropyLoss NLLLoss": _SPARSE,
        "BCELoss BCEWithLogitsLoss SoftMarginLoss MultiLabelSoftMarginLoss": _SIGMOID,
        "MSELoss": _SQUARED,
        "L1Loss": "Write " + _LOSS.format("mean_absolute_error(x, y).mean()"),
        "HuberLoss SmoothL1Loss TripletMarginLoss GaussianNLLLoss PoissonNLLLoss MarginRankingLoss CTCLoss KLDivLoss "
        "CosineEmbeddingLoss MultiMarginLoss HingeEmbeddingLoss TripletMarginWithDistanceLoss MultiLabelMarginLoss": (
            _LOSSES
        ),
        "CosineSimilarity PairwiseDistance": "Write functional.cosine_similarity(x, y), or jn.linalg.norm(x - y)",
        "PixelShuffle PixelUnshuffle": "Write functools.partial(cuobjax.functional.channel_to_space2d, size=2)",
        "ChannelShuffle": "Write a function: x.reshape((n, groups, c // groups, h, w)).swapaxes(1, 2).reshape(x.shape)",
        "Unflatten Reshape Permute": "Write a function, which Sequential takes: lambda x: x.reshape((len(x), 8, 4))",
        "Fold Unfold": "Write functools.partial(cuobjax.functional.unfold, size=3), or fold",
        "ConstantPad1d ConstantPad2d ConstantPad3d ZeroPad1d ZeroPad2d ZeroPad3d ZeroPadding2D ReflectionPad1d "
        "ReflectionPad2d ReflectionPad3d ReplicationPad1d ReplicationPad2d ReplicationPad3d CircularPad1d "
        "CircularPad2d CircularPad3d": (
            "Write functools.partial(cuobjax.functional.pad, pad_width=((0, 0), (0, 0), (1, 1), (1, 1))), "
            'with mode="reflect", "edge" or "wrap"'
        ),
        "Dropout1d Dropout2d Dropout3d SpatialDropout2D": _CHANNELS,
        "AlphaDropout FeatureAlphaDropout GaussianNoise": "Write a Module that draws from cuobjax.random",
        "Bilinear Einsum LinearGeneral": "Write a Module with a TrainVar that calls jn.einsum",
        "LazyLinear LazyConv1d LazyConv2d LazyConv3d LazyBatchNorm1d LazyBatchNorm2d LazyBatchNorm3d": (
            "Layers need the numbers of their inputs: cuobjax.nn.Linear(nin, nout)"
        ),
        "EmbeddingBag": "Write cuobjax.nn.Embedding(nin, nout), and the mean of its result over an axis",
        "ParameterList ParameterDict List Dict": "Write cuobjax.ModuleList or ModuleDict, which hold variables, too",
        "DataParallel": "Write cuobjax.Parallel(f)",
        "SyncBatchNorm": "Write cuobjax.nn.SyncedBatchNorm2D(nin)",
        "Transformer TransformerEncoder TransformerDecoder": (
            "Write cuobjax.ModuleList(cuobjax.nn.TransformerBlock(nin, heads) for _ in range(layers)), "
            "of a decoder with causal=True, cross=True"
        ),
        "SimpleRNN RNNBase Bidirectional": "Write cuobjax.nn.RNN, LSTM or GRU(nin, nout, bidirectional=True)",
        "SimpleCell OptimizedLSTMCell RNNCellBase": "Write cuobjax.nn.RNNCell, LSTMCell or GRUCell(nin, nout)",
        "RotaryPositionalEmbedding": "Write cuobjax.functional.rotary_embedding, or MultiHeadAttention(rotary=True)",
        "LoRALinear": "Write cuobjax.nn.LoRA(layer, rank)",
        "scaled_dot_product_attention dot_product_attention": _ATTENTION,
        "BatchNormalization LayerNormalization GroupNormalization InstanceNorm": (
            "Write cuobjax.nn.BatchNorm2D(nin), LayerNorm, GroupNorm2D or InstanceNorm2D"
        ),
        "Conv2DTranspose": "Write cuobjax.nn.ConvTranspose2D(nin, nout, k)",
        "TimeDistributed": "Linear takes x (..., nin): write it alone, or cuobjax.Vectorize(layer)",
        "Add Concatenate Input InputLayer": "Write a Module, whose __call__ adds or jn.concatenate's",
        "initializers": "Write cuobjax.nn.init",
        "Variable State": "Write cuobjax.StateVar(x), or TrainVar(x)",
        "Optimizer ModelAndOptimizer": "Write cuobjax.optimizer.Adam(net.vars())",
        "jit grad value_and_grad vmap pmap remat split merge scan": (
            "Write cuobjax.Jit, Grad, GradValues, Vectorize, Parallel, Remat, split, merge or functional.scan"
        ),
        "utils": "Write cuobjax.nn.WeightNorm(layer) or SpectralNorm(layer); clipping is in cuobjax.optimizer",
        "tabulate": "Write print(cuobjax.summary(net, x))",
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
        "adamw rmsprop adagrad adadelta nadam radam lamb lars adafactor lookahead Nadam Lamb": (
            "Write the class: cuobjax.optimizer.Adam(net.vars()), for instance"
        ),
        "clip": "Write opt(lr, clip_by_value(gradients, limit))",
        "chain apply_updates apply_if_finite scale scale_by_adam GradientTransformation identity": (
            "Write opt(lr, clip_by_global_norm(gradients, 1.0)): functions of gradients are called before the optimizer"
        ),
        "add_decayed_weights": "Write weight_decay=0.01 as an argument of the optimizer",
        "inject_hyperparams": "Assign them: opt.weight_decay = 0.02; the rate comes with each call",
        "set_to_zero": "Write cuobjax.freeze(net, pattern) before making the optimizer",
        "ema incremental_update": "Write ExponentialMovingAverage(vc)",
        "exponential_decay cosine_decay_schedule warmup_cosine_decay_schedule constant_schedule linear_schedule "
        "piecewise_constant_schedule join_schedules polynomial_schedule": (
            "Write cuobjax.optimizer.scheduler.ExponentialDecay, CosineAnnealing, Warmup, Constant, LinearAnnealing, "
            "Piecewise or PolynomialAnnealing"
        ),
        "MultiSteps": "Write Accumulator(vc), whose mean() goes to the optimizer",
        "EMA SWALR swa_utils": "Write ExponentialMovingAverage(vc)",
        "ASGD Adamax LBFGS Rprop SparseAdam adamax novograd yogi adabelief fromage noisy_sgd sm3 rprop adan amsgrad "
        "sign_sgd schedule_free sophia polyak_sgd optimistic_gradient_descent Ftrl": _OWN,
        "lr_scheduler schedules": (
            "The learning rate comes with each call: opt(schedule(step), gradients), with one of optimizer.scheduler"
        ),
    },
    "cuobjax.optimizer.scheduler": {
        "StepLR MultiStepLR": "Write cuobjax.optimizer.scheduler.StepDecay",
        "ConstantLR constant_schedule": "Write cuobjax.optimizer.scheduler.Constant",
        "LinearLR linear_schedule": "Write cuobjax.optimizer.scheduler.LinearAnnealing, or Warmup",
        "ExponentialLR exponential_decay": "Write cuobjax.optimizer.scheduler.ExponentialDecay",
        "CosineAnnealingLR CosineAnnealingWarmRestarts cosine_decay_schedule": (
            "Write cuobjax.optimizer.scheduler.CosineAnnealing, which has restarts, too"
        ),
        "OneCycleLR CyclicLR cosine_onecycle_schedule": "Write cuobjax.optimizer.scheduler.OneCycle",
        "PolynomialLR polynomial_schedule": "Write cuobjax.optimizer.scheduler.PolynomialAnnealing",
        "SequentialLR ChainedScheduler piecewise_constant_schedule join_schedules": (
            "Write cuobjax.optimizer.scheduler.Piecewise"
        ),
        "warmup_cosine_decay_schedule": "Write cuobjax.optimizer.scheduler.Warmup around CosineAnnealing",
        "LambdaLR MultiplicativeLR": "Any function of the step serves: opt(schedule(step), gradients)",
        "ReduceLROnPlateau": "Multiply the rate in the loop: opt(lr, gradients)",
        "LRScheduler": "Derive yours from cuobjax.optimizer.scheduler.Scheduler",
    },
    "cuobjax.nn.init": {
        "kaiming_normal_ kaiming_uniform_ xavier_normal_ xavier_uniform_ orthogonal_ eye_": (
            "Pass the function: cuobjax.nn.Linear(nin, nout, w_init=cuobjax.nn.init.orthogonal)"
        ),
        "normal normal_ uniform uniform_ trunc_normal_ constant constant_ ones_ zeros_ eye zeros ones": (
            "Functions of a shape make weights: w_init=cuobjax.random.uniform, or functools.partial(jn.full, "
            "fill_value=3.0)"
        ),
        "calculate_gain": "Write cuobjax.nn.init.gain_leaky_relu(0.0), of ReLU",
        "lecun_normal glorot_normal he_normal": "Write cuobjax.nn.init.kaiming_normal or xavier_normal",
        "lecun_uniform glorot_uniform he_uniform": "Write cuobjax.nn.init.kaiming_uniform or xavier_uniform",
    },
    "cuobjax.functional": {
        **_FUNCTIONS,
        "BatchNorm BatchNorm2D Conv Conv2D ConvTranspose Dense Dropout Embed Embedding GRUCell GroupNorm LSTMCell "
        "LayerNorm Linear MultiHeadAttention PReLU RMSNorm Sequential": "Layers are in cuobjax.nn",
    },
    "cuobjax.functional.loss": {**_FUNCTIONS},
    "cuobjax.distributed": {
        "init_process_group": "Write cuobjax.distributed.initialize(), and start the program with mpirun",
        "get_rank get_world_size": "Write cuobjax.distributed.rank() or size()",
        "all_reduce all_gather reduce_scatter": "Write cuobjax.functional.parallel.psum, pmean, all_gather and so on, "
        "in a function under cuobjax.Parallel",
        "DistributedDataParallel FullyShardedDataParallel": "Write cuobjax.Parallel(step)",
    },
    "cuobjax.io": {"save save_npz": _SAVE, "load load_npz": _LOAD, "save_program export": _PROGRAM, "to_onnx": _ONNX},
    "cuobjax.precision": {"amp autocast GradScaler DynamicLossScale": _HALF},
    "cuobjax.random": {
        "manual_seed": _SEED,
        "rand randn random": _NUMBERS,
        "PRNGKey key split default_rng": _KEYS,
    },
    "cuobjax.numpy": {
        "tensor Tensor as_tensor from_numpy": _ARRAY,
        "float int": 'Dtypes are float32, int32 and so on: write jn.float32 or "float32"',
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
