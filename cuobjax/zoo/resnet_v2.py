"""Residual networks with normalization first, for images of about 224 x 224. Source: He et al. 2016.

As in Keras and Objax, the last block of a group has its stride.
"""

import re
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, ClassVar

import cuobjax.numpy as jn
from autograd import Array

from ..core.module import Module
from ..core.variable import TrainVar
from ..functional import global_average_pool, max_pool_2d, pad, relu
from ..io.collection import Loaded
from ..io.conventions import KERAS
from ..io.pretrained import State, load_weights
from ..nn import BatchNorm2D, Linear, Sequential
from ..nn.init import xavier_normal
from ..typing import ArrayLike
from ..util.convert import require_functions, require_lengths, require_sizes
from .residual import convolution

__all__ = [
    "ResNet18", "ResNet34", "ResNet50", "ResNet101", "ResNet152", "ResNet200", "ResNetV2", "ResNetV2Block",
    "ResNetV2BlockGroup", "load_keras_weights", "load_pretrained_weights_from_keras",
]  # fmt: skip


class ResNetV2Block(Module):
    """A residual block: x (N, nin, H, W) to (N, nout, H / stride, W / stride).

    Args:
        nin, nout: The numbers of input and output channels.
        stride: Of one of the convolutions with a kernel of 3 x 3.
        use_projection: Whether there is a convolution beside the block; without one, nin is nout.
        bottleneck: Whether the block has three convolutions, with nout / 4 channels between them, or two.
        normalization_fn: Makes a normalization layer from a number of channels.
        activation_fn: A function.
    """

    def __init__(
        self,
        nin: int,
        nout: int,
        stride: int,
        use_projection: bool,
        bottleneck: bool,
        normalization_fn: Callable[..., Any] = BatchNorm2D,
        activation_fn: Callable[..., Any] = relu,
    ) -> None:
        require_sizes("ResNetV2Block", 4 if bottleneck else 1, nout=nout)
        require_functions("ResNetV2Block", normalization_fn=normalization_fn, activation_fn=activation_fn)
        if not use_projection and nin != nout:
            raise ValueError(f"ResNetV2Block: expected a projection or nin = nout, got {nin} and {nout}.")
        self.use_projection, self.activation_fn, self.stride = use_projection, activation_fn, stride
        if use_projection:
            self.proj_conv = convolution(nin, nout, 1, stride, "VALID")
        narrow = nout // 4
        steps = [(narrow, 1, 1), (narrow, 3, stride), (nout, 1, 1)] if bottleneck else [(nout, 3, 1), (nout, 3, stride)]
        for i, (channels, k, strides) in enumerate(steps):
            setattr(self, f"norm_{i}", normalization_fn(nin))
            setattr(self, f"conv_{i}", convolution(nin, channels, k, strides, k // 2))
            nin = channels
        self.depth = len(steps)

    def __call__(self, x: ArrayLike, training: bool | None = None) -> Array:
        """x (N, nin, H, W) to (N, nout, H / stride, W / stride); `training` is that of the normalization."""
        y = jn.asarray(x)
        shortcut = max_pool_2d(y, size=1, strides=self.stride) if self.stride > 1 else y
        for i in range(self.depth):
            y = self.activation_fn(getattr(self, f"norm_{i}")(y, training))
            if i == 0 and self.use_projection:
                shortcut = self.proj_conv(y)
            y = getattr(self, f"conv_{i}")(y)
        return y + shortcut


class ResNetV2BlockGroup(Sequential):
    """Residual blocks, of which the last one has the stride and the first one, on demand, a projection.

    Args:
        nin, nout: The numbers of input and output channels.
        num_blocks: The number of blocks.
        stride, use_projection, bottleneck, normalization_fn, activation_fn: See `ResNetV2Block`.
    """

    def __init__(
        self,
        nin: int,
        nout: int,
        num_blocks: int,
        stride: int,
        use_projection: bool,
        bottleneck: bool,
        normalization_fn: Callable[..., Any] = BatchNorm2D,
        activation_fn: Callable[..., Any] = relu,
    ) -> None:
        require_sizes("ResNetV2BlockGroup", 1, num_blocks=num_blocks)
        block = partial(
            ResNetV2Block, bottleneck=bottleneck, normalization_fn=normalization_fn, activation_fn=activation_fn
        )
        super().__init__(
            block(nout if i else nin, nout, stride if i == num_blocks - 1 else 1, use_projection and not i)
            for i in range(num_blocks)
        )


class ResNetV2(Sequential):
    """A residual network: images (N, in_channels, H, W) to logits (N, num_classes).

    Args:
        in_channels: The number of channels of the images.
        num_classes: The number of classes.
        blocks_per_group: The number of blocks of each group.
        bottleneck: Whether blocks have three convolutions, with fewer channels between them, or two.
        channels_per_group, group_strides, group_use_projection: The output channels of each group, the stride of its
            last block, and whether its first block has a projection; as many as groups, else ValueError is raised.
        normalization_fn: Makes a normalization layer from a number of channels.
        activation_fn: A function.
    """

    def __init__(
        self,
        in_channels: int,
        num_classes: int,
        blocks_per_group: Sequence[int],
        bottleneck: bool = True,
        channels_per_group: Sequence[int] = (256, 512, 1024, 2048),
        group_strides: Sequence[int] = (1, 2, 2, 2),
        group_use_projection: Sequence[bool] = (True, True, True, True),
        normalization_fn: Callable[..., Any] = BatchNorm2D,
        activation_fn: Callable[..., Any] = relu,
    ) -> None:
        functions = {"normalization_fn": normalization_fn, "activation_fn": activation_fn}
        require_functions(type(self).__name__, **functions)
        groups = [blocks_per_group, channels_per_group, group_strides, group_use_projection]
        for group in groups:
            if not isinstance(group, Sequence):
                raise TypeError(f"{type(self).__name__}: expected a number for each group in a list, got {group!r}.")
        require_lengths(
            type(self).__name__, 1, blocks_per_group=blocks_per_group, channels_per_group=channels_per_group,
            group_strides=group_strides,
        )  # fmt: skip
        if len({*map(len, groups)}) > 1:
            found = ", ".join(str(len(group)) for group in groups[1:])
            raise ValueError(
                f"{type(self).__name__}: expected as many channels_per_group, group_strides and group_use_projection "
                f"as blocks_per_group, {len(blocks_per_group)}, got {found}."
            )
        n = 64
        layers: list[Any] = [
            convolution(in_channels, n, 7, 2, 3),
            partial(pad, pad_width=((0, 0), (0, 0), (1, 1), (1, 1))),
            partial(max_pool_2d, size=3, strides=2),
        ]
        for blocks, channels, stride, project in zip(*groups, strict=True):
            layers.append(ResNetV2BlockGroup(n, channels, blocks, stride, project, bottleneck, **functions))
            n = channels
        last = Linear(n, num_classes, w_init=xavier_normal)
        super().__init__([*layers, normalization_fn(n), activation_fn, global_average_pool, last])


class _Known(ResNetV2):
    """A `ResNetV2` of a known depth."""

    arguments: ClassVar[dict[str, Any]]

    def __init__(
        self,
        in_channels: int,
        num_classes: int,
        normalization_fn: Callable[..., Any] = BatchNorm2D,
        activation_fn: Callable[..., Any] = relu,
    ) -> None:
        super().__init__(
            in_channels, num_classes, **self.arguments, normalization_fn=normalization_fn, activation_fn=activation_fn
        )


_PLAIN: dict[str, Any] = {
    "bottleneck": False,
    "channels_per_group": (64, 128, 256, 512),
    "group_use_projection": (False, True, True, True),
}
_BOTTLENECK: dict[str, Any] = {"group_strides": (2, 2, 2, 1)}


class ResNet18(_Known):
    """`ResNetV2` of 18 layers: ResNet18(in_channels, num_classes)."""

    arguments: ClassVar[dict[str, Any]] = {"blocks_per_group": (2, 2, 2, 2), **_PLAIN}


class ResNet34(_Known):
    """`ResNetV2` of 34 layers: ResNet34(in_channels, num_classes)."""

    arguments: ClassVar[dict[str, Any]] = {"blocks_per_group": (3, 4, 6, 3), **_PLAIN}


class ResNet50(_Known):
    """`ResNetV2` of 50 layers: ResNet50(in_channels, num_classes)."""

    arguments: ClassVar[dict[str, Any]] = {"blocks_per_group": (3, 4, 6, 3), **_BOTTLENECK}


class ResNet101(_Known):
    """`ResNetV2` of 101 layers: ResNet101(in_channels, num_classes)."""

    arguments: ClassVar[dict[str, Any]] = {"blocks_per_group": (3, 4, 23, 3), **_BOTTLENECK}


class ResNet152(_Known):
    """`ResNetV2` of 152 layers: ResNet152(in_channels, num_classes)."""

    arguments: ClassVar[dict[str, Any]] = {"blocks_per_group": (3, 8, 36, 3), **_BOTTLENECK}


class ResNet200(_Known):
    """`ResNetV2` of 200 layers: ResNet200(in_channels, num_classes)."""

    arguments: ClassVar[dict[str, Any]] = {"blocks_per_group": (3, 24, 36, 3), **_BOTTLENECK}


def load_pretrained_weights_from_keras(
    arch: str, include_top: bool = True, num_classes: int = 1000, weights: State | None = None
) -> ResNetV2:
    """A network with the weights of Keras's ResNet50V2, ResNet101V2 or ResNet152V2, for its inputs in [-1, 1].

    Args:
        arch: "ResNet50", "ResNet101" or "ResNet152".
        include_top: Whether the last layer has Keras's weights as well; then there are 1000 classes.
        num_classes: The number of classes.
        weights: {name: array}, or the path of an .npz file, that Keras made, as nothing is downloaded here:
            `model = keras.applications.ResNet50V2(classifier_activation=None)`, then
            `numpy.savez("weights.npz", **{"/".join(v.path.split("/")[-2:]): v.numpy() for v in model.variables})`.

    Raises:
        ValueError: If there is no such network, or the weights are not those of it.
    """
    networks: dict[str, Any] = {"ResNet50": ResNet50, "ResNet101": ResNet101, "ResNet152": ResNet152}
    if arch not in networks:
        raise ValueError(f"load_pretrained_weights_from_keras: expected one of {', '.join(networks)}, got {arch!r}.")
    if weights is None:
        raise ValueError(
            "load_pretrained_weights_from_keras: expected weights, as nothing is downloaded. Save them in Keras, as "
            "the description of the argument says, and pass the path."
        )
    if include_top and num_classes != 1000:
        raise ValueError(f"load_pretrained_weights_from_keras: expected 1000 classes with the top, got {num_classes}.")
    net: ResNetV2 = networks[arch](3, num_classes, normalization_fn=partial(BatchNorm2D, momentum=0.99, eps=1.001e-5))
    load_keras_weights(net, weights, include_top)
    return net


_PARTS: dict[str, str] = {
    "preact_bn": "norm_0", "0_conv": "proj_conv", "1_conv": "conv_0", "1_bn": "norm_1", "2_conv": "conv_1",
    "2_bn": "norm_2", "3_conv": "conv_2",
}  # fmt: skip


def _place(name):
    """Where a weight of Keras belongs in a ResNetV2: "conv2_block1_1_bn/gamma" in "3/0/norm_1/gamma"."""
    layer, _, attribute = name.partition("/")
    if found := re.fullmatch(r"conv(\d)_block(\d+)_(\w+)", layer):
        return f"{int(found[1]) + 1}/{int(found[2]) - 1}/{_PARTS[found[3]]}/{attribute}"
    return {"conv1_conv": "0", "post_bn": "7", "predictions": "10"}.get(layer, layer) + f"/{attribute}"


def load_keras_weights(net: ResNetV2, weights: State, include_top: bool = True) -> Loaded:
    """Assigns weights of Keras's network of the same depth; convolutions that have a bias there get one.

    Args:
        net: The network, of four groups.
        weights: See `load_pretrained_weights_from_keras`.
        include_top: Whether to assign those of the last layer as well.

    Raises:
        ValueError: If the weights are not those of such a network.
    """
    body = net if include_top else net[:-1]
    convolutions = [net[0], *[getattr(block, name) for group in net[3:7] for block in group for name in _biased(block)]]
    for layer in convolutions:
        layer.b = TrainVar(jn.zeros((layer.w.shape[-1], 1, 1)))
    renamer = lambda name: None if name.startswith("predictions/") and not include_top else _place(name)
    try:
        return load_weights(body, weights, KERAS, renamer, True, "load_keras_weights")
    except BaseException:
        for layer in convolutions:
            layer.b = None
        raise


def _biased(block):
    """The convolutions of a block that have a bias in Keras."""
    return ["proj_conv", "conv_2"] if block.use_projection else ["conv_2"]
