"""A summary: what is written for one step."""

import io
import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as onp

import cuobjax.numpy as jn
from autograd import Array, stop_gradient
from autograd.backend import is_cupy
from autograd.core import Tracer, dereferenced

from ..installation import optional
from ..typing import ArrayLike
from ..util.image import to_png

__all__ = ["DelayedScalar", "Image", "Reducer", "Summary", "Text", "protocol"]

_BINS = 30


def protocol(name: str) -> Any:
    """A module of tensorboard."""
    return optional(f"tensorboard.{name}", "jaxboard", "board")


class Reducer:
    """What makes one number of those that a step gave; any function of a list of numbers will do."""

    @staticmethod
    def FIRST(values: Sequence[float]) -> float:
        """The first one."""
        return values[0]

    @staticmethod
    def LAST(values: Sequence[float]) -> float:
        """The last one."""
        return values[-1]

    @staticmethod
    def MEAN(values: Sequence[float]) -> float:
        """Their mean."""
        return sum(values) / len(values)


class DelayedScalar:
    """Numbers, of which one is made when it is written.

    Args:
        reduce: The function.

    Attributes:
        values: The numbers; arrays stay on their device until then, so that nothing waits.
    """

    values: list[Any]

    def __init__(self, reduce: Callable[[Sequence[float]], Any]) -> None:
        if not callable(reduce):
            raise TypeError(f"DelayedScalar: expected reduce as a function, got {reduce!r}. Write Reducer.MEAN.")
        self.values, self.reduce = [], reduce

    def __call__(self) -> Any:
        """The number."""
        return self.reduce([float(onp.asarray(x).item()) for x in self.values])


class Image:
    """An image.

    Args:
        shape: (C, H, W).
        png: Its file.
    """

    def __init__(self, shape: tuple[int, int, int], png: bytes) -> None:
        self.shape, self.png = shape, png


class Text:
    """A text, which TensorBoard shows as Markdown."""

    def __init__(self, text: str) -> None:
        self.text = text


def require_tag(tag: Any) -> None:
    """Raises TypeError for a tag that is no text."""
    if not isinstance(tag, str):
        raise TypeError(f"Summary: expected a text as a tag, got {type(tag).__name__}.")


class Summary(dict[str, Any]):
    """What is written for one step, by tags; calling it gives the protocol buffer.

    `/` in a tag groups figures on the page. A tag that is given again is replaced, but for `scalar`, which collects.
    Values that `Grad` traces are taken as numbers. A program of `Jit` has none while it is recorded: return them.
    """

    def __setitem__(self, tag: str, x: Any) -> None:
        require_tag(tag)
        super().__setitem__(tag, x)

    def scalar(self, tag: str, value: ArrayLike, reduce: Callable[[Sequence[float]], Any] = Reducer.MEAN) -> None:
        """Adds a number.

        Args:
            tag: Its name.
            value: A number, a variable or an array of one element, which is read when it is written.
            reduce: What makes one number of all that were added; that of the first time counts.

        Raises:
            ValueError: If it is an array of several elements, or complex.
            TypeError: If it is no number, or `reduce` no function.
        """
        value = _number(value, "scalar", tag)
        require_tag(tag)
        try:
            shape = jn.shape(value)
        except TypeError:
            got = type(value).__name__
            raise TypeError(f"Summary.scalar: expected a real number for {tag!r}, got {got}.") from None
        kind = getattr(getattr(value, "dtype", None), "kind", "f")  # other libraries' dtypes have none
        kind = "c" if isinstance(value, complex) else kind
        if math.prod(shape) != 1 or kind not in "fiubV":
            raise ValueError(f"Summary.scalar: expected a real number for {tag!r}, got an array of shape {shape}.")
        if tag not in self:
            self[tag] = DelayedScalar(reduce)
        known = self[tag]
        if not isinstance(known, DelayedScalar):
            raise ValueError(f"Summary.scalar: {tag!r} is the tag of a {type(known).__name__}. Take another one.")
        known.values.append(_of_now(value))

    def image(self, tag: str, image: ArrayLike) -> None:
        """Adds an image (C, H, W) of floating-point numbers from -1 to 1, or (H, W, C) of uint8; (H, W) is grey.

        Raises:
            ValueError: If the shape or dtype is another one.
        """
        image = _number(image, "image", tag)
        png = to_png(image)
        height, width = int.from_bytes(png[20:24], "big"), int.from_bytes(png[16:20], "big")  # its header has both
        channels = math.prod(jn.shape(image)) // (height * width)
        self[tag] = Image((channels, height, width), png)

    def text(self, tag: str, text: str) -> None:
        """Adds a text, in Markdown."""
        if not isinstance(text, str):
            raise TypeError(f"Summary.text: expected a text for {tag!r}, got {type(text).__name__}. Write str(x).")
        self[tag] = Text(text)

    def histogram(self, tag: str, x: ArrayLike, bins: int | Sequence[float] = _BINS) -> None:
        """Adds the histogram of the numbers of an array; those that are not finite are left out.

        Args:
            tag: Its name.
            x: The array, which is read at once.
            bins: The number of bins or their edges, as for `numpy.histogram`.

        Raises:
            ValueError, TypeError: If these are no numbers.
        """
        x = _number(x, "histogram", tag)
        try:
            numbers = onp.asarray(x).astype(float).reshape(-1)
            self[tag] = _Histogram(numbers[onp.isfinite(numbers)], bins)
        except (TypeError, ValueError) as error:
            kind = TypeError if isinstance(error, TypeError) else ValueError
            raise kind(f"Summary.histogram: {error}") from None

    def figure(self, tag: str, figure: Any) -> None:
        """Adds the picture of a figure of matplotlib."""
        if not hasattr(figure, "savefig"):
            raise TypeError(f"Summary.figure: expected a figure of matplotlib, got {type(figure).__name__}.")
        file = io.BytesIO()
        figure.savefig(file, format="png")
        png = file.getvalue()
        self[tag] = Image((4, int.from_bytes(png[20:24], "big"), int.from_bytes(png[16:20], "big")), png)

    def hparams(self, values: Mapping[str, bool | int | float | str]) -> None:
        """Adds the hyperparameters of the run, which the page compares between runs.

        Raises:
            TypeError: If one is no number, boolean or text.
        """
        if not isinstance(values, Mapping):
            raise TypeError(f"Summary.hparams: expected values as a dictionary, got {type(values).__name__}.")
        for name, x in values.items():
            if not isinstance(x, bool | int | float | str):
                raise TypeError(
                    f"Summary.hparams: expected {name} as a number, boolean or text, got {type(x).__name__}."
                )
        self["_hparams_/session_start_info"] = _Hyperparameters(dict(values))

    def __call__(self) -> Any:
        """The protocol buffer `tensorboard.compat.proto.summary_pb2.Summary`."""
        buffers = protocol("compat.proto.summary_pb2")
        found = buffers.Summary()
        for tag, x in self.items():
            value = found.value.add(tag=tag)
            if isinstance(x, DelayedScalar):
                value.simple_value = x()
            elif isinstance(x, Image):
                channels, height, width = x.shape
                value.image.CopyFrom(
                    buffers.Summary.Image(encoded_image_string=x.png, colorspace=channels, height=height, width=width)
                )
            elif isinstance(x, Text):
                _name_plugin(value, "text")
                _set_text(value, x.text)
            elif isinstance(x, _Histogram | _Hyperparameters):
                x.put_into(value)
            else:
                raise TypeError(f"Summary: expected what its methods add for {tag!r}, got {type(x).__name__}.")
        return found


class _Histogram:
    def __init__(self, numbers, bins):
        self.numbers = numbers
        self.counts, self.edges = onp.histogram(numbers, bins)

    def put_into(self, value):
        x = self.numbers
        if not x.size:
            return
        value.histo.min, value.histo.max, value.histo.num = x.min(), x.max(), x.size
        value.histo.sum, value.histo.sum_squares = x.sum(), (x * x).sum()
        value.histo.bucket_limit.extend(self.edges[1:])
        value.histo.bucket.extend(self.counts)


class _Hyperparameters:
    def __init__(self, values):
        self.values, self.time = values, time.time()

    def put_into(self, value):
        data = protocol("plugins.hparams.plugin_data_pb2").HParamsPluginData()
        data.session_start_info.start_time_secs = self.time
        for name, x in self.values.items():
            of = data.session_start_info.hparams[name]
            if isinstance(x, bool):
                of.bool_value = x
            elif isinstance(x, str):
                of.string_value = x
            else:
                of.number_value = x
        _name_plugin(value, "hparams", data.SerializeToString())
        value.tensor.CopyFrom(protocol("plugins.hparams.metadata").NULL_TENSOR)


def _name_plugin(value, name, content=b""):
    value.metadata.plugin_data.plugin_name = name
    value.metadata.plugin_data.content = content


def _set_text(value, text):
    value.tensor.dtype = protocol("compat.proto.types_pb2").DT_STRING
    value.tensor.tensor_shape.dim.add(size=1)
    value.tensor.string_val.append(text.encode())


def _number(x, method, tag):
    """A value without its gradient; TypeError where there is none yet."""
    x = stop_gradient(x) if isinstance(x, Tracer) else x
    if isinstance(x, Tracer):
        raise TypeError(
            f"Summary.{method}: expected an array for {tag!r}, got one of a program that is being recorded or mapped, "
            "which has no value. Return it from the function, and add it there."
        )
    return x


def _of_now(x):
    """A number that does not change any more: variables and buffers may, before it is read."""
    if isinstance(x, Array):
        return dereferenced(x)
    return jn.array(x) if is_cupy(x) else onp.asarray(x).item()
