"""Recurrent layers: tanh or ReLU networks, LSTM and GRU."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

import cuobjax.numpy as jn
from autograd import Array
from autograd.core import bare
from autograd.kernels.recurrence import CELLS
from autograd.recurrence import recurrence

from .. import random
from ..core.module import Module, ModuleList
from ..core.variable import Tensor, TrainVar
from ..random.generator import KeySource
from ..typing import ArrayLike
from ..util import class_name
from ..util.convert import require_sizes, to_inexact
from ..util.signatures import call_text, explained
from .dropout import Dropout
from .init import orthogonal, xavier_normal
from .inputs import as_input, require_real
from .linear import weights

__all__ = ["GRU", "LSTM", "RNN", "GRUCell", "LSTMCell", "RNNCell"]

State: TypeAlias = Array | tuple[Array, Array]
Init: TypeAlias = Callable[[tuple[int, ...]], Tensor]


_explained = explained(
    "Write the numbers of input features and of features of the state: {name}(nin, nout).",
    batch_first="Leave it out: sequences are (N, T, nin).",
    bias="Write use_bias=False.",
    dropout="Write keep, the probability that a feature is kept.",
    nonlinearity="Write activation.",
    num_layers="Write layers.",
)


class _Cell(Module):
    """One step of a recurrent network; the subclass says which.

    The gates' weights stand side by side in w_input (nin, gates * nout), w_hidden (nout, gates * nout) and b.

    Args:
        nin, nout: The numbers of input features and of features of the state.
        use_bias: Whether there are biases, zeros at first.
        w_init: Makes the weights of each gate for the input, from a shape (nin, nout).
        w_hidden_init: Makes those for the state, from a shape (nout, nout).
    """

    b: TrainVar | None
    b_hidden: TrainVar | None
    w_hidden: TrainVar
    w_input: TrainVar
    kind: str

    @_explained
    def __init__(
        self, nin: int, nout: int, use_bias: bool = True, w_init: Init = xavier_normal, w_hidden_init: Init = orthogonal
    ) -> None:
        require_sizes(type(self).__name__, 1, nin=nin, nout=nout)
        gates = CELLS[self.kind].gates
        self.b = TrainVar(jn.zeros(gates * nout)) if use_bias else None
        self.b_hidden = TrainVar(jn.zeros(nout)) if use_bias and self.kind == "gru" else None
        self.w_hidden = self._side_by_side(w_hidden_init, (nout, nout), gates)
        self.w_input = self._side_by_side(w_init, (nin, nout), gates)
        self._w_init, self._w_hidden_init = w_init, w_hidden_init

    def _side_by_side(self, init, shape, gates):
        return TrainVar(jn.concatenate([weights(type(self).__name__, init, shape).value for _ in range(gates)], 1))

    @property
    def nout(self) -> int:
        """The number of features of the state."""
        return self.w_hidden.shape[0]

    def __call__(self, x: ArrayLike, state: Any = None) -> Any:
        """x (N, nin) and the state to the next one: h (N, nout), of an LSTM a tuple (h, c).

        Args:
            x: The input of one step.
            state: The state before, zeros if it is not given.

        Raises:
            ValueError: If a shape does not fit.
        """
        x = _real(self, x)
        if x.ndim != 2 or x.shape[1] != self.w_input.shape[0]:
            raise ValueError(f"{type(self).__name__}: expected x of shape (N, {self.w_input.shape[0]}), got {x.shape}.")
        states = _as_states(self, state, self.kind, (x.shape[0], self.nout), x.dtype)
        _, *new = self.run(x[None], 1, states, False)
        return tuple(new) if len(new) > 1 else new[0]

    def run(self, x: Array, mask: Any, states: Any, reverse: bool) -> list[Array]:
        """All hidden states (T, N, nout) and the last states, for x (T, N, nin) and the first states (N, nout)."""
        b, b_hidden = [0 if v is None else v.value for v in (self.b, self.b_hidden)]
        w_input, w_hidden = self.w_input.value, self.w_hidden.value
        y = recurrence(x, w_input, w_hidden, b, b_hidden, mask, *states, cell=self.kind, reverse=reverse)
        return list(y[: 1 + len(states)])

    def __repr__(self) -> str:
        given: dict[str, Any] = {"nin": self.w_input.shape[0], "nout": self.nout, "use_bias": self.b is not None}
        return call_text(self, **given, w_init=self._w_init, w_hidden_init=self._w_hidden_init)


class RNNCell(_Cell):
    """h' = activation(x w_input + h w_hidden + b). Source: Elman 1990.

    Args:
        nin, nout: The numbers of input features and of features of the state.
        use_bias: Whether there is b, zeros at first.
        w_init: Makes the weights for the input, from a shape (nin, nout).
        w_hidden_init: Makes those for the state, from a shape (nout, nout).
        activation: "tanh" or "relu".
    """

    @_explained
    def __init__(
        self,
        nin: int,
        nout: int,
        use_bias: bool = True,
        w_init: Init = xavier_normal,
        w_hidden_init: Init = orthogonal,
        activation: str = "tanh",
    ) -> None:
        _require_activation(type(self).__name__, activation)
        self.kind = activation
        super().__init__(nin, nout, use_bias, w_init, w_hidden_init)

    def __repr__(self) -> str:
        return f"{super().__repr__()[:-1]}, activation={self.kind!r})"


class LSTMCell(_Cell):
    """Long short-term memory: c' = f * c + i * g and h' = o * tanh(c').

    i, f, o are sigmoids and g is tanh of x w_input + h w_hidden + b, whose columns are those of i, f, g, o in this
    order, as in PyTorch, whose two biases are one here: their sum. Source: Hochreiter & Schmidhuber 1997; Gers et al.
    2000.

    Args:
        nin, nout: The numbers of input features and of features of the state.
        use_bias: Whether there is b, zeros at first.
        w_init: Makes the weights of each gate for the input, from a shape (nin, nout).
        w_hidden_init: Makes those for the state, from a shape (nout, nout).
    """

    kind = "lstm"


class GRUCell(_Cell):
    """Gated recurrent unit: h' = (1 - z) * n + z * h. Source: Cho et al. 2014.

    r and z are sigmoids of x w_input + h w_hidden + b, n = tanh(x w_input + b + r * (h w_hidden + b_hidden)): the reset
    gate is applied after the product, as in cuDNN and PyTorch. The columns are those of r, z, n in this order.
    PyTorch's two biases are b and b_hidden for n; for r and z their sum is b.

    Args:
        nin, nout: The numbers of input features and of features of the state.
        use_bias: Whether there are b and b_hidden, zeros at first.
        w_init: Makes the weights of each gate for the input, from a shape (nin, nout).
        w_hidden_init: Makes those for the state, from a shape (nout, nout).
    """

    kind = "gru"


class _Recurrent(Module):
    """A recurrent network over sequences: layers of cells, in one or both directions of time.

    Args:
        nin, nout: The numbers of input features and of features of each state.
        layers: How many layers there are; each one takes the states of the one below.
        bidirectional: Whether a second cell in each layer runs from the end; its features follow those of the first.
        keep: The probability that a feature between two layers is kept in training.
        generator: Where the random numbers for that come from.
        use_bias, w_init, w_hidden_init: As for the cell.
    """

    cells: ModuleList
    dropout: Dropout | None
    bidirectional: bool
    cell: Any = None

    @_explained
    def __init__(
        self,
        nin: int,
        nout: int,
        layers: int = 1,
        bidirectional: bool = False,
        keep: float = 1,
        generator: KeySource = random.DEFAULT_GENERATOR,
        *,
        use_bias: bool = True,
        w_init: Init = xavier_normal,
        w_hidden_init: Init = orthogonal,
    ) -> None:
        self._set(nin, nout, layers, bidirectional, keep, generator, (use_bias, w_init, w_hidden_init))

    def _set(self, nin, nout, layers, bidirectional, keep, generator, of_cell):
        """Makes the cells; `of_cell` are their arguments after the numbers of features."""
        require_sizes(type(self).__name__, 1, nin=nin, nout=nout, layers=layers)
        directions = 1 + bool(bidirectional)
        self.bidirectional = bool(bidirectional)
        self.cells = ModuleList(
            self.cell(nin if layer == 0 else directions * nout, nout, *of_cell)
            for layer in range(layers)
            for _ in range(directions)
        )
        self.dropout = None if keep == 1 else Dropout(keep, generator)

    def __call__(
        self, x: ArrayLike, state: Any = None, lengths: ArrayLike | None = None, training: bool | None = None
    ) -> tuple[Array, Any]:
        """Sequences x (N, T, nin) to the states of the last layer (N, T, nout), and the last state of all layers.

        With both directions the features are 2 * nout. All steps of a layer are one operation, whose derivative is
        another one.

        Args:
            x: The sequences.
            state: The first states h (layers * directions, N, nout), of an LSTM a tuple (h, c); zeros if not given.
            lengths: For each sequence how many steps count, (N,). States stay as they are in the others, whose inputs
                count as 0 and whose results are 0.
            training: Whether to drop features; None: the mode that `train`, `eval` or `mode` of a module set.

        Returns:
            (y, state): y (N, T, directions * nout), the state in the form of the argument.

        Raises:
            ValueError: If a shape or a length does not fit.
        """
        x = _real(self, x)
        nin, nout = self.cells[0].w_input.shape[0], self.cells[0].nout
        if x.ndim != 3 or x.shape[2] != nin or not x.shape[1]:
            raise ValueError(f"{type(self).__name__}: expected x of shape (N, T, {nin}) with T > 0, got {x.shape}.")
        n, count, _ = x.shape
        mask: Any = 1 if lengths is None else _mask(self, lengths, n, count)
        states = _as_states(self, state, self.cells[0].kind, (len(self.cells), n, nout), x.dtype)
        directions, last = 1 + self.bidirectional, []
        y = x.transpose((1, 0, 2))
        if lengths is not None:
            y = jn.where(mask[:, :, None], y, 0)  # NaN in padding would reach gradients as 0 * NaN
        for i in range(0, len(self.cells), directions):
            y = self.dropout(y, training) if i and self.dropout is not None else y
            found = [
                self.cells[j].run(y, mask, [s[j] for s in states], reverse=j > i) for j in range(i, i + directions)
            ]
            y = found[0][0] if directions == 1 else jn.concatenate([f[0] for f in found], -1)
            last += [f[1:] for f in found]
        if lengths is not None:
            y = jn.where(mask[:, :, None], y, 0)
        new = tuple([jn.stack(parts) for parts in zip(*last, strict=True)])
        return y.transpose((1, 0, 2)), new if len(new) > 1 else new[0]

    def __repr__(self) -> str:
        layers, keep = len(self.cells) // (1 + self.bidirectional), 1 if self.dropout is None else self.dropout.keep
        own = f"layers={layers}, bidirectional={self.bidirectional}, keep={keep}, use_bias="
        return f"{class_name(self)}({repr(self.cells[0]).partition('(')[2].replace('use_bias=', own, 1)}"


class RNN(_Recurrent):
    """A recurrent network of `RNNCell`s over sequences (N, T, nin).

    Args:
        nin, nout: The numbers of input features and of features of each state.
        layers: How many layers there are; each one takes the states of the one below.
        bidirectional: Whether a second cell in each layer runs from the end; its features follow those of the first.
        keep: The probability that a feature between two layers is kept in training.
        generator: Where the random numbers for that come from.
        use_bias, w_init, w_hidden_init, activation: As for the cell.

    Example:
        >>> y, h = RNN(3, 8, layers=2)(jn.ones((4, 10, 3)))
        >>> y.shape, h.shape
        ((4, 10, 8), (2, 4, 8))
    """

    cell = RNNCell

    @_explained
    def __init__(
        self,
        nin: int,
        nout: int,
        layers: int = 1,
        bidirectional: bool = False,
        keep: float = 1,
        generator: KeySource = random.DEFAULT_GENERATOR,
        *,
        use_bias: bool = True,
        w_init: Init = xavier_normal,
        w_hidden_init: Init = orthogonal,
        activation: str = "tanh",
    ) -> None:
        _require_activation(type(self).__name__, activation)
        self._set(nin, nout, layers, bidirectional, keep, generator, (use_bias, w_init, w_hidden_init, activation))


class LSTM(_Recurrent):
    """A recurrent network of `LSTMCell`s over sequences (N, T, nin); its state is a tuple (h, c).

    Args:
        nin, nout: The numbers of input features and of features of each state.
        layers: How many layers there are; each one takes the states of the one below.
        bidirectional: Whether a second cell in each layer runs from the end; its features follow those of the first.
        keep: The probability that a feature between two layers is kept in training.
        generator: Where the random numbers for that come from.
        use_bias, w_init, w_hidden_init: As for the cell.

    Example:
        >>> y, (h, c) = LSTM(3, 8, bidirectional=True)(jn.ones((4, 10, 3)), lengths=[10, 7, 5, 1])
        >>> y.shape, h.shape
        ((4, 10, 16), (2, 4, 8))
    """

    cell = LSTMCell


class GRU(_Recurrent):
    """A recurrent network of `GRUCell`s over sequences (N, T, nin).

    Args:
        nin, nout: The numbers of input features and of features of each state.
        layers: How many layers there are; each one takes the states of the one below.
        bidirectional: Whether a second cell in each layer runs from the end; its features follow those of the first.
        keep: The probability that a feature between two layers is kept in training.
        generator: Where the random numbers for that come from.
        use_bias, w_init, w_hidden_init: As for the cell.

    Example:
        >>> y, h = GRU(3, 8)(jn.ones((4, 10, 3)))
        >>> y.shape, h.shape
        ((4, 10, 8), (1, 4, 8))
    """

    cell = GRUCell


def _require_activation(where: str, activation: Any) -> None:
    if activation not in ("tanh", "relu"):
        raise ValueError(f"{where}: expected activation 'tanh' or 'relu', got {activation!r}.")


def _real(layer: Any, x: Any) -> Array:
    """What is given as an Array of real numbers; integers become floating point."""
    x = as_input(layer, x)
    require_real(layer, x)
    return to_inexact(x)


def _as_states(layer, state, kind, shape, dtype):
    """The given state as a list of Arrays of a shape; zeros for None."""
    count = CELLS[kind].states
    if state is None:
        return [jn.zeros(shape, dtype)] * count
    states = list(state) if count > 1 and isinstance(state, tuple | list) else [state]
    states = [_real(layer, s) for s in states]
    if len(states) != count or any(s.shape != shape for s in states):
        expected = f"a tuple (h, c), both of shape {shape}" if count > 1 else f"a state of shape {shape}"
        got = ", ".join(str(s.shape) for s in states)
        raise ValueError(f"{type(layer).__name__}: expected {expected}, got {got}.")
    return states


def _mask(layer, lengths, n, count):
    """Which steps count, (T, N)."""
    given = np.asarray(lengths) if isinstance(lengths, list | tuple) else bare(lengths)  # on a GPU nobody looks
    lengths = jn.asarray(lengths)
    if lengths.shape != (n,) or lengths.dtype.kind not in "iu":
        raise ValueError(
            f"{type(layer).__name__}: expected lengths, integers of shape ({n},), got {lengths.dtype} {lengths.shape}."
        )
    if isinstance(given, np.ndarray) and given.size and not 0 <= given.min() <= given.max() <= count:
        raise ValueError(f"{type(layer).__name__}: expected lengths from 0 to {count}, got {given.tolist()}.")
    return jn.arange(count)[:, None] < lengths
