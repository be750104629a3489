"""VGG networks. Source: Simonyan & Zisserman 2015."""

import functools
import os
import pickle
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as onp

import cuobjax.numpy as jn
from autograd import Array

from ..functional import flatten, max_pool_2d, relu
from ..nn import Conv2D, Linear, Sequential
from ..typing import ArrayLike
from ..util.convert import require_lengths, require_sizes

__all__ = ["VGG", "VGG19", "preprocess"]


def preprocess(x: ArrayLike) -> Array:
    """RGB images (N, 3, H, W) in [0, 255] as the published weights expect them: BGR, with the mean colour taken off."""
    x = jn.asarray(x)
    if x.ndim != 4 or x.shape[1] != 3:
        raise ValueError(f"preprocess: expected RGB images of shape (N, 3, H, W), got {x.shape}.")
    return x[:, ::-1] - jn.asarray([103.939, 116.779, 123.68]).reshape((3, 1, 1))


class VGG(Sequential):
    """Convolutions of 3 x 3 in groups, with pooling between them, and linear layers: (N, 3, H, W) to (N, nclass).

    Args:
        group_sizes: The number of convolutions of each group.
        channels: The number of channels of each group.
        size: H and W that the last pooling leaves: 7 for images of 224 x 224 and five groups.
        hidden: The number of features of the hidden linear layers.
        nclass: The number of classes.

    Attributes:
        names: The published name of each layer, such as "conv1_1": `net[net.names.index("conv3_1")]`.
    """

    names: tuple[str, ...]

    def __init__(
        self,
        group_sizes: Sequence[int],
        channels: Sequence[int],
        size: int = 7,
        hidden: int = 4096,
        nclass: int = 1000,
    ) -> None:
        require_lengths("VGG", 1, group_sizes=group_sizes, channels=channels)
        require_sizes("VGG", 1, size=size)
        groups = [group for group in (group_sizes, channels) if isinstance(group, list | tuple)]
        if len(groups) < 2 or len(group_sizes) != len(channels):
            given = f"{group_sizes!r} and {channels!r}"
            raise ValueError(f"VGG: expected group_sizes and channels as lists of one length, got {given}.")
        named: dict[str, Any] = {}
        n = 3
        for i, (count, nout) in enumerate(zip(group_sizes, channels, strict=True), 1):
            for j in range(1, count + 1):
                named |= {f"conv{i}_{j}": Conv2D(n, nout, 3), f"relu{i}_{j}": relu}
                n = nout
            named[f"pool{i}"] = functools.partial(max_pool_2d, size=2, strides=2)
        named |= {"flatten": flatten, "fc6": Linear(n * size * size, hidden), "relu6": relu}
        named |= {"fc7": Linear(hidden, hidden), "relu7": relu, "fc8": Linear(hidden, nclass)}
        self.names = tuple(named)
        super().__init__(named.values())

    def load(self, file: str | os.PathLike[str] | Mapping[str, Sequence[Any]]) -> None:
        """Assigns published weights, such as those of vgg19.npy: {name of a layer: (kernel, bias)}.

        Kernels are (height, width, nin, nout); the features of fc6 are in the order (height, width, channel).

        Args:
            file: The path of such a file, or its dictionary.

        Raises:
            ValueError: If a layer is missing, or has another shape; then none is assigned.
        """
        stored = file if isinstance(file, Mapping) else _read(file)
        layers = {name: layer for name, layer in zip(self.names, self, strict=True) if hasattr(layer, "w")}
        if missing := layers.keys() - stored.keys():
            raise ValueError(f"VGG.load: expected weights of {', '.join(layers)}; missing are {sorted(missing)}.")
        values = {}
        for name, layer in layers.items():
            kernel, bias = map(onp.asarray, stored[name])
            if name == "fc6":
                kernel = self._channels_first(kernel)
            values[layer.w] = layer.w.checked(onp.ascontiguousarray(kernel), f"VGG.load: {name}")
            values[layer.b] = layer.b.checked(bias.reshape(layer.b.shape), f"VGG.load: {name}")
        for variable, value in values.items():
            variable.assign(value)

    def _channels_first(self, kernel):
        """The rows of fc6's kernel in the order in which `flatten` has the features."""
        channels = next(layer for layer in reversed(self) if isinstance(layer, Conv2D)).w.shape[-1]
        size = round((len(kernel) / channels) ** 0.5)
        return kernel.reshape(size, size, channels, -1).transpose(2, 0, 1, 3).reshape(len(kernel), -1)


class VGG19(VGG):
    """The `VGG` of 19 layers, for images that were `preprocess`ed: (N, 3, 224, 224) to logits (N, 1000).

    Args:
        pretrained: False, or the path of vgg19.npy (published with tensorflow-vgg) or its dictionary: see `VGG.load`.
    """

    def __init__(self, pretrained: str | os.PathLike[str] | Mapping[str, Sequence[Any]] | bool = False) -> None:
        if pretrained is True:
            raise ValueError("VGG19: expected the path of vgg19.npy as pretrained, got True. Nothing is downloaded.")
        super().__init__((2, 2, 4, 4, 4), (64, 128, 256, 512, 512))
        if pretrained is not False:
            self.load(pretrained)


class _Arrays(pickle.Unpickler):
    """Reads pickles of arrays in dictionaries and lists, and refuses all that would run other code."""

    _KNOWN: ClassVar[dict[str, Any]] = {
        "ndarray": onp.ndarray,
        "dtype": onp.dtype,
        "_reconstruct": onp.ndarray.__new__,
    }

    def find_class(self, module: str, name: str) -> Any:
        """What a name in the pickle stands for."""
        if module.partition(".")[0] != "numpy" or name not in self._KNOWN:
            raise pickle.UnpicklingError(f"expected arrays, got {module}.{name}")
        return self._KNOWN[name]


def _read(path):
    """The dictionary in a file .npy that Python 2 may have written."""
    with open(path, "rb") as file:
        version = onp.lib.format.read_magic(file)
        read = onp.lib.format.read_array_header_1_0 if version == (1, 0) else onp.lib.format.read_array_header_2_0
        _, _, dtype = read(file)
        content = _Arrays(file, encoding="latin1").load() if dtype.hasobject else onp.zeros(())
    if content.shape or not isinstance(content.item(), dict):
        raise ValueError(f"{os.fspath(path)}: expected a dictionary of weights.")
    return content.item()
