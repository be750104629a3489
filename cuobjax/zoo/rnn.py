"""A recurrent network with one hidden layer."""

from collections.abc import Callable
from typing import Any

import cuobjax.numpy as jn
from autograd import Array

from ..core.module import Module
from ..core.variable import StateVar, Tensor, TrainVar
from ..nn import Linear
from ..nn.init import kaiming_normal
from ..nn.inputs import require_activation
from ..nn.linear import weights
from ..typing import ArrayLike
from ..util.convert import require_sizes

__all__ = ["RNN"]


class RNN(Module):
    """state = activation(x w_xh + state w_hh + b_h) at each step, y = output_layer(state). Source: Elman 1990.

    The state stays from call to call: `init_state(batch)` comes before the first one and makes it zero again.

    Args:
        nstate: The number of hidden units.
        nin, nout: The numbers of input and output features.
        activation: A function.
        w_init: Makes w_xh and w_hh from their shapes (nin, nstate) and (nstate, nstate).
    """

    w_xh: TrainVar
    w_hh: TrainVar
    b_h: TrainVar
    output_layer: Linear
    state: StateVar

    def __init__(
        self,
        nstate: int,
        nin: int,
        nout: int,
        activation: Callable[..., Any] = jn.tanh,
        w_init: Callable[[tuple[int, ...]], Tensor] = kaiming_normal,
    ) -> None:
        require_sizes("RNN", 1, nstate=nstate, nin=nin)
        require_activation(self, activation)
        self.num_inputs, self.num_outputs, self.nstate = nin, nout, nstate
        self.activation = activation
        self.w_xh = weights("RNN", w_init, (nin, nstate))
        self.w_hh = weights("RNN", w_init, (nstate, nstate))
        self.b_h = TrainVar(jn.zeros(nstate))
        self.output_layer = Linear(nstate, nout)

    def init_state(self, batch_size: int) -> None:
        """Makes the state zero, (batch_size, nstate); a state of another batch size is a new variable."""
        require_sizes("RNN.init_state", 0, batch_size=batch_size)
        zeros = jn.zeros((batch_size, self.nstate))
        if "state" in self.__dict__ and self.state.shape == zeros.shape:
            self.state.value = zeros
        else:
            self.state = StateVar(zeros)

    def __call__(self, inputs: ArrayLike, only_return_final: bool = False) -> Array:
        """Goes on from the state: inputs (steps, batch, nin) to (steps * batch, nout), the steps one after the other.

        Args:
            inputs: The sequences.
            only_return_final: Return the output of the last step alone, (batch, nout).

        Raises:
            RuntimeError: If there is no state yet.
            ValueError: If the inputs have another shape or no step.
        """
        if "state" not in self.__dict__:
            raise RuntimeError("RNN: expected a state. Call init_state(batch_size) first.")
        x = jn.asarray(inputs)
        batch = self.state.shape[0]
        if x.ndim != 3 or x.shape[1:] != (batch, self.num_inputs) or not len(x):
            raise ValueError(f"RNN: expected inputs of shape (steps, {batch}, {self.num_inputs}), got {x.shape}.")
        projected = jn.dot(x, self.w_xh.value) + self.b_h.value  # of all steps at once
        state, states = self.state.value, []
        for step in projected:
            state = self.activation(step + jn.dot(state, self.w_hh.value))
            states.append(state)
        self.state.value = state.astype(self.state.dtype)
        return self.output_layer(state if only_return_final else jn.concatenate(states))
