"""What public functions answer where one argument of a call that works is replaced: errors that name who asks."""

import functools

import numpy as np
import pytest

import cuobjax
import cuobjax.numpy as jn
from cuobjax import data, functional, io, jaxboard, metrics, nn, optimizer, plot, random, zoo
from cuobjax.privacy import dpsgd
from cuobjax.zoo import resnet_v2, vgg
from tests.cuobjax.test_wrong_arguments import call, is_of_another

WRONG = (None, 3, 2.5, "x", [None], {}, object())
IMAGES, ROWS, LABELS, TOKENS = jn.ones((2, 4, 4, 4)), jn.ones((2, 3)), jn.array([0, 1]), [[1, 2]]
SCORES = jn.ones((2, 2))
NET = nn.Linear(3, 2)
NORMS = {"normalization_fn": nn.BatchNorm2D, "activation_fn": functional.relu}
BLOCK = {"use_projection": True, "bottleneck": True, **NORMS}


def applied(make, *inputs, **keywords):
    """A function that makes a layer and calls it."""

    def made(*args, **kwargs):
        return make(*args, **kwargs)(*inputs, **keywords)

    return made


def trained(x):
    return (NET(x) ** 2).mean()


def rnn(*args, **kwargs):
    net = zoo.RNN(*args, **kwargs)
    net.init_state(2)
    return net(jn.ones((3, 2, 2)))


GPT = {"ntokens": 5, "length": 4, "nfeatures": 4, "heads": 2, "layers": 1}
gpt = zoo.GPT(**GPT)

# A function, and arguments that it takes.
CALLS = {
    "Remat": (applied(cuobjax.Remat, ROWS), {"f": NET}),
    "Parallel": (cuobjax.Parallel, {"f": NET, "reduce": jn.concatenate, "axis_name": "device"}),
    "TrainVar": (cuobjax.TrainVar, {"tensor": ROWS, "reduce": jn.mean, "constraint": None}),
    "ModuleDict": (cuobjax.ModuleDict, [{"a": NET}]),
    "split": (cuobjax.split, [NET, cuobjax.TrainVar]),
    "merge": (cuobjax.merge, list(cuobjax.split(NET))),
    "subset": (NET.vars().subset, {"is_a": cuobjax.TrainVar, "is_not": cuobjax.StateVar}),
    "tensors": (NET.vars().tensors, {"is_a": cuobjax.TrainVar}),
    "rename": (NET.vars().rename, {"renamer": str.lower}),
    "VarCollection.assign": (nn.Linear(3, 2).vars().assign, {"tensors": NET.vars().tensors()}),
    "EarlyStopping": (applied(cuobjax.EarlyStopping, 1.0), {"vc": NET.vars(), "patience": 1, "mode": "max"}),
    "EarlyStopping.__call__": (cuobjax.EarlyStopping(NET.vars(), 3), {"metric": 1.0}),
    "to_onnx": (cuobjax.util.to_onnx, [NET, ROWS]),
    "Renamer": (cuobjax.util.Renamer, {"rules": {"a": "b"}, "chain": None}),
    "pad": (jn.pad, {"array": ROWS, "pad_width": 1, "mode": "edge"}),
    "rollaxis": (jn.rollaxis, {"a": ROWS, "axis": 1, "start": 0}),
    "scan": (functional.scan, {"f": lambda carry, x: (carry, x), "init": 0.0, "xs": ROWS, "length": 2}),
    "interpolate": (functional.interpolate, {"input": IMAGES, "size": (8, 8)}),
    "normal": (random.normal, {"shape": 2, "mean": 0.0, "stddev": 1.0}),
    "uniform": (random.uniform, {"shape": 2, "minval": 0.0, "maxval": 1.0}),
    "gamma": (random.gamma, {"shape": 2, "a": 1.0, "scale": 1.0}),
    "student_t": (random.student_t, {"shape": 2, "df": 1.0, "loc": 0.0, "scale": 1.0}),
    "dirichlet": (random.dirichlet, {"shape": 2, "alpha": [1.0, 1.0]}),
    "binomial": (random.binomial, {"shape": 2, "n": 3, "p": 0.5}),
    "choice": (random.choice, {"a": 3, "shape": 2, "p": [0.2, 0.3, 0.5], "axis": 0}),
    "TransformerBlock": (
        applied(nn.TransformerBlock, jn.ones((1, 3, 4)), training=True),
        {"nin": 4, "heads": 2, "nhidden": 8, "activation": jn.tanh, "keep": 0.5, "norm": nn.LayerNorm},
    ),
    "ConvNet": (
        applied(zoo.ConvNet, IMAGES),
        {"nin": 4, "nclass": 2, "scales": 1, "filters": 2, "filters_max": 2, "pooling": functional.max_pool_2d},
    ),
    "DNNet": (applied(zoo.DNNet, ROWS), {"layer_sizes": [3, 2], "activation": jn.tanh}),
    "GPT": (applied(zoo.GPT, TOKENS, training=True), {**GPT, "kv_heads": 1, "rotary": False, "keep": 0.5}),
    "GPT.__call__": (gpt.__call__, {"x": TOKENS, "caches": None, "training": False}),
    "GPT.caches": (gpt.caches, {"n": 1, "capacity": 4}),
    "GPT.generate": (gpt.generate, {"x": TOKENS, "count": 1, "temperature": 1.0, "top_k": 2}),
    "ResNetV2Block": (
        applied(resnet_v2.ResNetV2Block, IMAGES, training=True),
        {"nin": 4, "nout": 4, "stride": 1, **BLOCK},
    ),
    "ResNetV2": (
        applied(zoo.ResNetV2, jn.ones((1, 4, 8, 8)), training=True),
        {
            "in_channels": 4, "num_classes": 2, "blocks_per_group": [1], "bottleneck": False,
            "channels_per_group": [4], "group_strides": [1], "group_use_projection": [True], **NORMS,
        },
    ),
    "RNN": (rnn, {"nstate": 2, "nin": 2, "nout": 2, "activation": jn.tanh, "w_init": nn.init.kaiming_normal}),
    "VGG": (
        applied(vgg.VGG, jn.ones((1, 3, 2, 2))),
        {"group_sizes": [1], "channels": [2], "size": 1, "hidden": 2, "nclass": 2},
    ),
    "ViT": (
        applied(zoo.ViT, IMAGES, training=True),
        {"nin": 4, "nclass": 2, "size": 4, "patch": 2, "nfeatures": 4, "heads": 2, "layers": 1, "keep": 0.5},
    ),
    "WRNBlock": (
        applied(zoo.WRNBlock, IMAGES, training=True),
        {"nin": 4, "nout": 4, "stride": 1, "bn": nn.BatchNorm2D},
    ),
    "WideResNetGeneral": (
        applied(zoo.WideResNetGeneral, IMAGES, training=True),
        {"nin": 4, "nclass": 2, "blocks_per_group": [1], "width": 0.25, "bn": nn.BatchNorm2D},
    ),
    "curves": (plot.curves, {"series": {"a": [1.0]}, "name": "loss", "against": "step", "figure": None}),
    "confusion": (plot.confusion, {"counts": np.eye(2), "labels": ["a", "b"], "figure": None}),
    "images": (plot.images, {"x": np.ones((2, 2, 2)), "titles": [0, 1], "columns": 1, "low": 0.0, "figure": None}),
    "gradients": (plot.gradients, {"vc": NET.vars(), "grads": NET.vars().tensors()}),
    "activations": (plot.activations, [NET, ROWS]),
    "network": (plot.network, [NET, ROWS]),
    "save_var_collection": (io.save_var_collection, {"file": "net.npz", "vc": NET.vars()}),
    "Checkpoint": (io.Checkpoint, {"logdir": ".", "keep_ckpts": 1, "best": "max"}),
    "Checkpoint.save": (
        lambda vc, idx, run, metric: io.Checkpoint(".", 1, best="max", verbose=False).save(vc, idx, run, metric),
        {"vc": NET.vars(), "idx": 1, "run": {"a": 1}, "metric": 0.5},
    ),
    "PrivateGradValues": (
        applied(dpsgd.PrivateGradValues, ROWS),
        {
            "f": trained, "vc": NET.vars(), "noise_multiplier": 1.0, "l2_norm_clip": 0.5, "microbatch": 1,
            "batch_axis": (0,), "batch_size": 2, "axis_name": None,
        },
    ),
    "analyze_dp": (dpsgd.analyze_dp, {"q": 0.1, "noise_multiplier": 1.0, "steps": 2, "orders": [2.0], "delta": 1e-5}),
    "analyze_renyi": (dpsgd.analyze_renyi, {"q": 0.1, "noise_multiplier": 1.0, "steps": 2, "orders": [2.0]}),
    "convert_renyidp_to_dp": (
        dpsgd.convert_renyidp_to_dp,
        {"orders": [2.0, 3.0], "rdp": [0.1, 0.2], "target_eps": None, "target_delta": 1e-5},
    ),
    "Accuracy.update": (metrics.Accuracy().update, {"outputs": SCORES, "labels": LABELS, "weights": jn.ones(2)}),
    "AUC.update": (metrics.AUC().update, {"scores": jn.ones(2), "labels": LABELS, "weights": jn.ones(2)}),
    "Mean.update": (metrics.Mean().update, {"x": jn.ones(2), "weights": jn.ones(2)}),
    "F1.merge": (metrics.F1().merge, {"other": metrics.F1()}),
    "Loader": (
        lambda **options: next(iter(data.Loader([1, 2, 3], **options))),
        {"batch": 2, "shuffle": True, "transform": np.sign, "collate": np.stack, "workers": 0, "ahead": 1},
    ),
    "prefetch": (data.prefetch, {"batches": [np.ones(2)], "ahead": 1, "to": "cpu"}),
    "progress": (
        functools.partial(data.progress, hide=True),
        {"iterable": [1, 2], "description": "epoch", "total": 2},
    ),
    "cutout": (data.cutout, {"x": IMAGES, "size": 2, "value": 0.0, "p": 0.5}),
    "mixup": (data.mixup, {"x": SCORES, "y": SCORES, "alpha": 0.2}),
    "shard": (cuobjax.distributed.shard, {"batch": ROWS}),
    "broadcast_variables": (cuobjax.distributed.broadcast_variables, {"vc": NET.vars()}),
    "Summary.scalar": (jaxboard.Summary().scalar, {"tag": "a", "value": 1.0, "reduce": jaxboard.Reducer.MEAN}),
    "Summary.histogram": (jaxboard.Summary().histogram, {"tag": "a", "x": ROWS, "bins": 3}),
    "Summary.hparams": (jaxboard.Summary().hparams, {"values": {"a": 1}}),
    "Sharded": (optimizer.Sharded, {"vc": NET.vars(), "make": optimizer.Adam}),
    "Adam": (applied(optimizer.Adam, 0.1, NET.vars().tensors()), {"vc": nn.Linear(3, 2).vars(), "beta1": 0.9}),
}  # fmt: skip


@pytest.mark.parametrize("name", CALLS)
def test_one_wrong_argument(name, monkeypatch, tmp_path):
    monkeypatch.setenv("CUOBJAX_TRACEBACK", "full")
    monkeypatch.chdir(tmp_path)
    f, given = CALLS[name]
    args, kwargs = (given, {}) if isinstance(given, list) else ([], given)
    try:
        call(functools.partial(f, *args, **kwargs), 0, None)
    except ModuleNotFoundError as missing:  # an extra
        pytest.skip(str(missing))
    found = []
    for place in [*range(len(args)), *kwargs]:
        for x in WRONG:
            changed = [x if i == place else a for i, a in enumerate(args)]
            options = {name: x if name == place else a for name, a in kwargs.items()}
            try:
                call(functools.partial(f, *changed, **options), 0, None)
            except Exception as error:
                if is_of_another(error):
                    found.append(f"{place}={x!r}: {type(error).__name__}: {error}")
    assert not found
