"""What users can name: it is there, it has a docstring, and it is listed."""

import ast
import importlib
import inspect
import sys
import types

import numpy as np
import pytest

import autograd
import cuobjax
import cuobjax.zoo
from tests.test_architecture import FILES, tree

MODULES = [
    "autograd", "autograd.extend", "autograd.numpy", "autograd.numpy.fft", "autograd.numpy.linalg", "autograd.scipy",
    "autograd.scipy.fft", "autograd.scipy.linalg", "autograd.scipy.signal", "autograd.scipy.special",
    "autograd.scipy.stats", "autograd.testing", "autograd.tree", "autograd.typing", "cuobjax", "cuobjax.constants",
    "cuobjax.constraint", "cuobjax.data", "cuobjax.distributed", "cuobjax.functional", "cuobjax.functional.divergence",
    "cuobjax.functional.loss", "cuobjax.functional.parallel", "cuobjax.io", "cuobjax.jaxboard", "cuobjax.metrics",
    "cuobjax.nn", "cuobjax.nn.init", "cuobjax.numpy", "cuobjax.numpy.fft", "cuobjax.numpy.linalg",
    "cuobjax.optimizer", "cuobjax.optimizer.scheduler", "cuobjax.plot", "cuobjax.precision", "cuobjax.privacy",
    "cuobjax.privacy.dpsgd", "cuobjax.random", "cuobjax.typing", "cuobjax.util", "cuobjax.util.check",
    "cuobjax.util.image",
]  # fmt: skip

# Objax 1.8's names in the modules that exist so far, and what is ours.
NAMES = {
    "cuobjax": """
        BaseState BaseVar ConvPadding ForceArgs Function Grad GradValues Hessian Jacobian Jit Module ModuleDict
        ModuleList Parallel RandomState StateVar TrainRef TrainVar VarCollection Vectorize constants functional io nn
        optimizer random typing util
        Array ConstrainedVar Device DeviceError EarlyStopping FrozenVar Remat constraint data debug debug_print
        default_device default_dtype device device_put distributed freeze functional_call jaxboard make_graph merge
        metrics numpy plot precision privacy profile replace set_default_dtype split stop_gradient summary
        unfreeze""",
    "cuobjax.debug": "checks nans print",
    "cuobjax.distributed": """
        ProcessesError barrier broadcast broadcast_variables gather initialize is_main local_rank rank shard size""",
    "cuobjax.functional": """
        adaptive_average_pool adaptive_max_pool attention average_pool average_pool_1d average_pool_2d average_pool_3d
        batch_to_space2d celu channel_to_space2d conv conv_transpose cosine_similarity divergence dynamic_slice elu
        flatten fold gelu global_average_pool global_max_pool glu group_norm hard_shrink hard_sigmoid hard_swish
        hard_tanh instance_norm interpolate layer_norm leaky_relu log_sigmoid log_softmax logsumexp loss max_pool
        max_pool_1d max_pool_2d
        max_pool_3d mish normalize one_hot pad parallel prelu relu relu6 rms_norm rotary_embedding rsqrt scan selu
        sigmoid silu
        sinusoidal_embedding soft_shrink soft_sign softmax softplus space_to_batch2d space_to_channel2d stop_gradient
        swiglu swish tanh top_k unfold upsample_2d upscale_nn""",
    "cuobjax.functional.loss": """
        contrastive cosine_distance cosine_embedding cross_entropy_logits cross_entropy_logits_sparse ctc_logits
        dice_logits focal_logits focal_logits_sparse gaussian_nll hinge hinge_sparse huber info_nce kl_logits l2
        log_cosh margin_ranking mean_absolute_error mean_squared_error mean_squared_log_error poisson_nll
        sigmoid_cross_entropy_logits smooth_l1 triplet""",
    "cuobjax.functional.divergence": "kl",
    "cuobjax.functional.parallel": "all_gather axis_index pmax pmean pmin ppermute psum reduce_scatter",
    "cuobjax.jaxboard": "DelayedScalar Image Reducer Summary SummaryWriter Text",
    "cuobjax.plot": "activations confusion curves gradients graph images network profile",
    "cuobjax.privacy": "dpsgd",
    "cuobjax.privacy.dpsgd": """
        PrivateGradValues analyze_dp analyze_dp_sample_without_replacement analyze_renyi
        analyze_renyi_sample_without_replacement convert_renyidp_to_dp poisson_batches""",
    "cuobjax.data": """
        Loader Progress brightness contrast cutout flip mixup prefetch progress random_crop saturation""",
    "cuobjax.metrics": """
        AUC Accuracy ConfusionMatrix F1 Mean Metric PerClass Perplexity Precision Recall TopK Total roc_auc""",
    "cuobjax.constraint": "Constraint interval positive unit_norm",
    "cuobjax.nn": """
        GRU LSTM MLP RNN BatchNorm BatchNorm0D BatchNorm1D BatchNorm2D BatchNorm3D Conv Conv1D Conv2D Conv3D
        ConvTranspose ConvTranspose1D ConvTranspose2D ConvTranspose3D DepthwiseConv DepthwiseConv1D DepthwiseConv2D
        DepthwiseConv3D Dropout Embedding ExponentialMovingAverage GRUCell GroupNorm GroupNorm0D GroupNorm1D
        GroupNorm2D GroupNorm3D InstanceNorm1D InstanceNorm2D InstanceNorm3D KVCache LSTMCell LayerNorm Linear LoRA
        MovingAverage MultiHeadAttention PReLU RMSNorm RNNCell SeparableConv SeparableConv1D SeparableConv2D
        SeparableConv3D Sequential SpectralNorm SyncedBatchNorm SyncedBatchNorm0D SyncedBatchNorm1D
        SyncedBatchNorm2D TransformerBlock WeightNorm init""",
    "cuobjax.nn.init": """
        gain_leaky_relu identity kaiming_normal kaiming_normal_gain kaiming_truncated_normal kaiming_uniform orthogonal
        truncated_normal xavier_uniform
        xavier_normal xavier_normal_gain xavier_truncated_normal""",
    "cuobjax.optimizer": """
        ExponentialMovingAverage ExponentialMovingAverageModule LARS
        Accumulator Adadelta Adafactor Adagrad Adam AdamW Groups LAMB Lion Lookahead Momentum Muon NAdam Optimizer RAdam
        RMSprop SGD Sharded clip_by_global_norm clip_by_norm clip_by_value global_norm scheduler""",
    "cuobjax.optimizer.scheduler": """
        Annealing Constant CosineAnnealing ExponentialDecay LinearAnnealing OneCycle Piecewise PolynomialAnnealing
        Scheduler StepDecay Warmup""",
    "cuobjax.precision": "LossScale Modules Policy is_normalization mixed set_policy",
    "cuobjax.random": """
        DEFAULT_GENERATOR Generator ball bernoulli beta binomial bits categorical cauchy chisquare choice dirichlet
        exponential gamma gumbel laplace logistic normal orthogonal permutation poisson rademacher randint seed shuffle
        student_t truncated_normal uniform""",
    "cuobjax.util": """
        EasyDict Renamer args_indexes check class_name dummy_context_mgr get_local_devices ilog2 image local_kwargs
        map_to_device multi_host_barrier override_args_kwargs positional_args_names re_sign repr_function
        to_interpolate to_onnx to_padding to_positions to_tuple""",
    "cuobjax.constants": "ConvPadding Interpolate",
    "cuobjax.io": """
        Checkpoint DamagedFileError Loaded LoadedProgram Stored list_variables load_program load_state_dict
        load_var_collection save_state_dict save_var_collection state_dict""",
    "cuobjax.typing": """
        ConvPaddingInt FileOrStr JaxArray JaxDType
        ArrayLike Axes DTypeLike DeviceLike Padding RawArray Scalar Shape Tree""",
    "autograd": """
        Array Device DeviceError checkpoint cond custom_jvp custom_vjp debug debug_nans debug_print default_device
        defjvp defvjp
        deterministic device device_put elementwise_grad flatten get_array_module grad hessian hvp jacfwd jacobian
        jacrev jvp linearize primitive scan stop_gradient trace_report value_and_grad vjp vmap while_loop
        deriv grad_and_aux grad_named hessian_tensor_product hessian_vector_product holomorphic_grad make_ggnvp make_hvp
        make_jvp make_vjp multigrad_dict tensor_jacobian_product vector_jacobian_product""",
    "autograd.extend": """
        Composition custom_jvp custom_vjp defjvp defvjp elementwise irregular jointly_linear linear multilinear
        nondifferentiable primitive
        Box JVPNode VJPNode VSpace def_linear defjvp_argnum defjvp_argnums defvjp_argnum defvjp_argnums
        notrace_primitive register_notrace vspace""",
    "autograd.builtins": "DictBox SequenceBox dict isinstance list tuple type",
    "autograd.differential_operators": """
        checkpoint deriv elementwise_grad forward grad grad_and_aux grad_named hessian hessian_tensor_product
        hessian_vector_product holomorphic_grad jacobian make_ggnvp make_hvp make_jvp make_jvp_reversemode make_vjp
        multigrad_dict reverse tensor_jacobian_product unary_to_nary value_and_grad vector_jacobian_product vspace""",
    "autograd.misc": "const_graph fixed_points flatten flatten_func optimizers tracers",
    "autograd.misc.fixed_points": "fixed_point",
    "autograd.misc.optimizers": "adam rmsprop sgd unflatten_optimizer",
    "autograd.misc.tracers": "const_graph",
    "autograd.numpy.numpy_boxes": "ArrayBox Box",
    "autograd.numpy.numpy_vspaces": "ArrayVSpace ComplexArrayVSpace NestedVSpace VSpace vspace",
    "autograd.test_util": "check_equivalent check_grads check_jvp check_vjp combo_check scalar_close",
    "autograd.tracer": """
        Box JVPNode Node VJPNode backward_pass getval isbox new_box notrace_primitive primitive primitive_vjps
        register_notrace toposort trace trace_stack""",
    "autograd.util": "func quick_grad_check subval subvals toposort",
    "autograd.wrap_util": "get_name subvals unary_to_nary wraps",
    "autograd.testing": "check_batching check_grads",
    "cuobjax.zoo": """
        GPT RNN VGG19 ConvNet DNNet ResNet18 ResNet34 ResNet50 ResNet101 ResNet152 ResNet200 ResNetV2 ViT WRNBlock
        WideResNet WideResNetGeneral""",
}  # fmt: skip

# (method or function, parameters) as in Objax: code that gives them by position or by name keeps working.
SIGNATURES = [
    (cuobjax.TrainVar, "tensor reduce constraint"), (cuobjax.StateVar, "tensor reduce"), (cuobjax.TrainRef, "ref"),
    (cuobjax.RandomState, "seed"), (cuobjax.BaseVar.assign, "self tensor check"), (cuobjax.RandomState.split, "self n"),
    (cuobjax.VarCollection.subset, "self is_a is_not"), (cuobjax.VarCollection.tensors, "self is_a"),
    (cuobjax.VarCollection.rename, "self renamer"), (cuobjax.VarCollection.assign, "self tensors"),
    (cuobjax.Module.vars, "self scope"), (cuobjax.Function, "f vc"), (cuobjax.Function.with_vars, "vc"),
    (cuobjax.Jacobian, "f variables input_argnums"), (cuobjax.Hessian, "f variables input_argnums"),
    (cuobjax.Vectorize, "f vc batch_axis"), (cuobjax.Jit, "f vc static_argnums"),
    (cuobjax.Parallel, "f vc reduce axis_name static_argnums"),
    (cuobjax.Grad, "f variables input_argnums mean_over bucket"),
    (cuobjax.GradValues, "f variables input_argnums mean_over bucket"),
    (cuobjax.nn.Linear, "nin nout use_bias w_init"), (cuobjax.nn.Dropout, "keep generator"),
    (cuobjax.nn.Conv2D, "nin nout k strides dilations groups padding use_bias w_init"),
    (cuobjax.nn.BatchNorm, "dims redux momentum eps"), (cuobjax.nn.BatchNorm2D, "nin momentum eps"),
    (cuobjax.nn.GroupNorm, "nin rank groups eps"), (cuobjax.nn.GroupNorm2D, "nin groups eps"),
    (cuobjax.nn.GroupNorm.__call__, "self x training"),
    (cuobjax.nn.Dropout.__call__, "self x training dropout_keep"), (cuobjax.nn.BatchNorm.__call__, "self x training"),
    (cuobjax.optimizer.SGD, "vc weight_decay"), (cuobjax.optimizer.SGD.__call__, "self lr grads"),
    (cuobjax.optimizer.Optimizer, "vc"), (cuobjax.optimizer.Momentum, "vc momentum nesterov weight_decay decoupled"),
    (cuobjax.optimizer.Momentum.__call__, "self lr grads momentum"),
    (cuobjax.optimizer.scheduler.Scheduler, "base_lr"),
    (cuobjax.optimizer.scheduler.LinearAnnealing, "max_step base_lr is_cycle min_lr growth"),
    (cuobjax.optimizer.scheduler.StepDecay, "step_size base_lr gamma"),
    (cuobjax.optimizer.ExponentialMovingAverage, "vc momentum debias eps"),
    (cuobjax.optimizer.ExponentialMovingAverageModule, "module momentum debias eps"),
    (cuobjax.optimizer.LARS, "vc momentum weight_decay tc eps"),
    (cuobjax.optimizer.Adam, "vc beta1 beta2 eps textbook"),
    (cuobjax.optimizer.Adam.__call__, "self lr grads beta1 beta2"),
    (cuobjax.random.Generator, "seed"), (cuobjax.functional.leaky_relu, "x negative_slope"),
    (cuobjax.functional.max_pool_2d, "x size strides padding"),
    (cuobjax.functional.one_hot, "x num_classes dtype axis"),
    (cuobjax.functional.loss.mean_squared_error, "x y keep_axis"), (cuobjax.functional.divergence.kl, "p q eps"),
    (cuobjax.nn.init.orthogonal, "shape gain axis"), (cuobjax.nn.init.truncated_normal, "shape lower upper stddev"),
    (cuobjax.nn.ConvTranspose2D, "nin nout k strides dilations padding use_bias w_init groups"),
    (cuobjax.nn.MovingAverage, "shape buffer_size init_value"),
    (cuobjax.nn.ExponentialMovingAverage, "shape momentum init_value"),
    (cuobjax.functional.interpolate, "input size scale_factor mode"),
    (cuobjax.functional.upsample_2d, "x scale method"), (cuobjax.functional.upscale_nn, "x scale"),
    (cuobjax.functional.scan, "f init xs length reverse unroll"), (cuobjax.functional.top_k, "operand k"),
    (cuobjax.functional.dynamic_slice, "operand start_indices slice_sizes"),
    (cuobjax.zoo.ConvNet, "nin nclass scales filters filters_max pooling kwargs"),
    (cuobjax.zoo.DNNet, "layer_sizes activation"), (cuobjax.zoo.VGG19, "pretrained"),
    (cuobjax.zoo.ResNet18, "in_channels num_classes normalization_fn activation_fn"),
    (cuobjax.zoo.RNN, "nstate nin nout activation w_init"), (cuobjax.zoo.WideResNet, "nin nclass depth width bn"),
    (cuobjax.util.local_kwargs, "kwargs f"), (cuobjax.util.to_padding, "padding ndim"),
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_names_are_there_and_listed(name):
    module = importlib.import_module(name)
    listed = getattr(module, "__all__", None)
    for public in NAMES[name].split():
        assert hasattr(module, public), public
        assert listed is None or public in listed, public
    for public in listed or ():
        assert public in NAMES[name].split(), f"{name}.{public}: add it to NAMES"


def _listed_in_source(name):
    """The `__all__` that tools read, in the stub of a module if it has one; None if it is no list of strings."""
    stub = FILES[name].with_suffix(".pyi")
    for node in (ast.parse(stub.read_text()) if stub.exists() else tree(name)).body:
        targets = getattr(node, "targets", [getattr(node, "target", None)])
        if isinstance(node, ast.Assign | ast.AnnAssign) and ast.unparse(targets[0]) == "__all__":
            try:
                return ast.literal_eval(node.value)
            except ValueError:
                return None
    return None


PUBLIC = [name for name in FILES if "._" not in name]


@pytest.mark.parametrize("name", PUBLIC)
def test_modules_list_their_names_for_tools(name):
    module, listed = importlib.import_module(name), _listed_in_source(name)
    if name == "autograd.numpy.random":  # which is NumPy's own module
        assert listed is None
        assert module is np.random
        return
    if len(tree(name).body) == 1:  # a docstring, which names the modules of a folder
        assert listed is None
        return
    assert isinstance(listed, list), f"{name}: write a literal __all__"
    assert len(set(listed)) == len(listed)
    assert [public for public in listed if not hasattr(module, public)] == []


def test_all_public_modules_are_looked_at():
    assert set(MODULES) <= set(PUBLIC)


_PYTHONS = {"dict", "isinstance", "list", "map", "tuple", "type"}  # names that `import *` must not replace


@pytest.mark.parametrize("name", MODULES)
def test_dir_shows_the_listed_names_and_submodules(name):
    module = importlib.import_module(name)
    shown = {public for public in dir(module) if not public.startswith("_") and hasattr(module, public)}
    own = {public for public in shown if f"{name}.{public}" not in sys.modules or public in module.__all__}
    assert own - (_PYTHONS if name == "autograd" else set()) == set(module.__all__)


@pytest.mark.parametrize("name", MODULES)
def test_public_functions_and_classes_are_documented(name):
    module = importlib.import_module(name)
    assert module.__doc__
    package = name.split(".")[0]
    for public in getattr(module, "__all__", None) or dir(module):
        value = getattr(module, public)
        if public.startswith("_") or isinstance(value, types.ModuleType) or not callable(value):
            continue
        if not (getattr(value, "__module__", None) or "").startswith(package):
            continue
        assert inspect.getdoc(value), f"{name}.{public}: write a docstring"


@pytest.mark.parametrize(
    "kind", [value for value in vars(cuobjax).values() if isinstance(value, type)], ids=lambda k: k.__name__
)
def test_public_methods_are_documented(kind):
    for name, value in vars(kind).items():
        if not name.startswith("_") and inspect.isfunction(value) and kind.__module__.startswith("cuobjax"):
            assert inspect.getdoc(getattr(kind, name)), f"{kind.__name__}.{name}: write a docstring"


@pytest.mark.parametrize(("function", "names"), SIGNATURES, ids=lambda x: getattr(x, "__qualname__", None))
def test_parameters_are_objaxs(function, names):
    assert list(inspect.signature(function).parameters) == names.split()


def test_array_is_one_class():
    assert cuobjax.Array is autograd.Array is cuobjax.numpy.ndarray
    assert autograd.numpy.ndarray is np.ndarray
