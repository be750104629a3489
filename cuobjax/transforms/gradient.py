"""Derivatives with respect to inputs and variables, as modules."""

from __future__ import annotations

import inspect
import operator
import warnings
from collections.abc import Callable
from typing import Any

import numpy as onp

import cuobjax.numpy as jn
from autograd import grad, jacobian, tree
from autograd.backend import is_array
from autograd.core import Array, TracedNumber, lift
from autograd.dtypes import is_inexact
from autograd.errors import level_of_user, require_function, shortened
from autograd.taped_run import TapedRun, scalar_seed

from ..core.call import as_arrays, call
from ..core.collection import VarCollection, Variables, names_of, trained
from ..core.random_state import borrowing
from ..core.scope import write
from ..core.variable import TrainVar, as_value, common_dtype
from ..dtypes import default_dtype
from ..util import class_name, repr_function
from ..util.signatures import explained
from .mean_gradients import MeanGradients
from .methods import Transform, without_self

__all__ = ["Grad", "GradValues", "Hessian", "Jacobian"]


_F = "Pass a function and its variables: f, net.vars()."
_INPUTS = " For the derivative with respect to the first argument write input_argnums=(0,)."


class _Derivatives(Transform):
    """What `Grad` and its relatives share: one differentiated call of `f` in a scope of its own.

    Args:
        f, variables, input_argnums: See `Grad`.
    """

    @explained(_F, argnums="Write input_argnums=(0,).")
    def __init__(
        self, f: Callable[..., Any], variables: Variables | None = None, input_argnums: tuple[int, ...] | None = None
    ) -> None:
        if input_argnums is not None and (
            not isinstance(input_argnums, tuple) or len(set(map(operator.index, input_argnums))) != len(input_argnums)
        ):
            raise TypeError(
                f"{type(self).__name__}: expected distinct input_argnums in a tuple, got {input_argnums!r}."
            )
        require_function(f, type(self).__name__)
        self.f = f
        self.variables = VarCollection(() if variables is None else variables)
        self.input_argnums = input_argnums or ()
        where = type(self).__name__
        named = self.variables.subset(TrainVar) if self.input_argnums else trained(self.variables, where, _INPUTS)
        self._train_vars = list(named)
        self._names = [names[0] for names in names_of(named).values()]
        for name, v in named.items():
            if not is_inexact(v.dtype):
                raise TypeError(f"{where}: expected TrainVars of real or complex numbers, {name} has {v.dtype}.")
        self._dtype = common_dtype(self.variables)
        signature = _signature(f)
        if signature is not None:
            self.__signature__ = signature.replace(return_annotation=self._returns(signature.return_annotation))

    def _function(self):
        return self.f

    def _bound(self, method):
        return type(self)(method, self.variables, without_self(self.input_argnums))

    @staticmethod
    def _returns(annotation):
        """The return annotation, given that of `f`."""
        raise NotImplementedError

    def vars(self, scope: str = "") -> VarCollection:
        """The variables, under the names with which they were given."""
        return VarCollection((scope + name, v) for name, v in self.variables.items())

    def named(self, derivatives: list[Any]) -> dict[str, Any]:
        """The derivatives with respect to the TrainVars by name: one for each variable, under its first name.

        Optimizers take this dictionary in place of the list.

        Args:
            derivatives: The list that a call returned. Derivatives with respect to inputs have no names and are left
                out.

        Raises:
            ValueError: If the list has another length.
        """
        number = len(self.input_argnums) + len(self._train_vars)
        if len(derivatives) != number:
            raise ValueError(f"{type(self).__name__}.named: expected {number} derivatives, got {len(derivatives)}.")
        return dict(zip(self._names, derivatives[len(self.input_argnums) :], strict=True))

    def _means(self) -> MeanGradients | None:
        """What makes means over devices of the derivatives by TrainVars; None if nothing does."""
        return None

    def _derivatives(self, run, args, kwargs, argnums):
        """The derivatives of `run`, which returns (first output, aux), as a list for each of `argnums`, and aux."""
        raise NotImplementedError

    @borrowing
    def _differentiate(self, args, kwargs):
        """The derivatives (by inputs first, then TrainVars) and the outputs as `f` returned them.

        Variables that `f` wrote to have their new values in the caller's scope afterwards; after an exception no
        variable has changed.
        """

        means = self._means()

        def run(values, *args, **kwargs):
            pairs = [*zip(self._train_vars, values, strict=True)]
            if means is None:
                outputs, changes, _ = call(self.f, args, kwargs, pairs)
            else:
                first_read, traced = means.first_read(pairs), frozenset(self._train_vars)
                outputs, changes, _ = call(self.f, args, kwargs, first_read=first_read, traced=traced)
            return outputs[0] if isinstance(outputs, tuple | list) and outputs else outputs, (outputs, changes)

        for name, v in zip(self._names, self._train_vars, strict=True):
            if not isinstance(v, TrainVar):
                raise ValueError(
                    f"{type(self).__name__}: {name} was frozen after this module was made. Make gradient modules and "
                    "optimizers after freeze()."
                )
        try:
            args, kwargs = self._inputs(args, kwargs)
            argnums = (*(i + (i >= 0) for i in self.input_argnums), 0)
            values = [v.value for v in self._train_vars]
            derivatives, (outputs, changes) = self._derivatives(run, (values, *args), kwargs, argnums)
            if means is not None:
                first = len(self.input_argnums)
                derivatives = [*derivatives[:first], *means.of(derivatives[first:])]
            write({v: lift(x) for v, x in changes.items()})
            return derivatives, outputs
        except Exception as error:
            shortened(error)
            raise

    def _inputs(self, args, kwargs):
        """The arguments, raw arrays and numbers to differentiate as Arrays of their own on the variables' device."""
        like = self._train_vars[0] if self._train_vars else None
        args, kwargs = as_arrays((list(args), kwargs), type(self).__name__, self._train_vars, self._dtype)
        for i in self.input_argnums:
            if not -len(args) <= i < len(args):
                where = type(self).__name__
                raise TypeError(
                    f"{where}: expected a positional argument {i} to differentiate, got {len(args)} of them."
                )
            if isinstance(args[i], TracedNumber):
                args[i] = jn.asarray(args[i])
            elif isinstance(args[i], float | complex):
                args[i] = as_value(onp.asarray(args[i], default_dtype(type(args[i]))), "", like)
        return args, kwargs

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError

    def __repr__(self) -> str:
        return f"{class_name(self)}(f={repr_function(self.f)}, input_argnums={self.input_argnums or None})"


def _signature(f):
    try:
        return inspect.signature(f)
    except (TypeError, ValueError):
        return None


def _flat(derivatives):
    """(by inputs..., [by TrainVars...]) as one list."""
    *inputs, trained = derivatives
    return [*inputs, *trained]


class _Gradient(_Derivatives):
    """What `Grad` and `GradValues` share: one backward pass.

    Args:
        f, variables, input_argnums, mean_over, bucket: See `Grad`.
    """

    @explained(_F, argnums="Write input_argnums=(0,).")
    def __init__(
        self,
        f: Callable[..., Any],
        variables: Variables | None = None,
        input_argnums: tuple[int, ...] | None = None,
        *,
        mean_over: str | None = None,
        bucket: float = 25.0,
    ) -> None:
        super().__init__(f, variables, input_argnums)
        where = type(self).__name__
        if not (mean_over is None or isinstance(mean_over, str)):
            raise TypeError(f"{where}: expected mean_over as the axis_name of a Parallel, got {mean_over!r}.")
        if not (isinstance(bucket, int | float) and bucket > 0):
            raise ValueError(f"{where}: expected bucket as a positive number of megabytes, got {bucket!r}.")
        self.mean_over, self.bucket = mean_over, bucket

    def _bound(self, method):
        own = without_self(self.input_argnums)
        return type(self)(method, self.variables, own, mean_over=self.mean_over, bucket=self.bucket)

    def _means(self):
        return None if self.mean_over is None else MeanGradients(self.mean_over, self.bucket * 1e6)

    def __repr__(self) -> str:
        mean = "" if self.mean_over is None else f", mean_over={self.mean_over!r}, bucket={self.bucket}"
        return f"{super().__repr__()[:-1]}{mean})"

    def _derivatives(self, run, args, kwargs, argnums):
        where = type(self).__name__
        with TapedRun(run, args, kwargs, argnums, where, raw=False) as taped:
            first, aux = taped.output
            gradients = taped.gradients([first], [scalar_seed(first, where)])
            if taped.unreached:
                self._warn_if_lost(len(taped.inputs[0]), taped.unreached)
            return _flat(gradients), taped.values(aux)

    def _warn_if_lost(self, count, unreached):
        """Warns if the output depends on no TrainVar, the last ones of `count` arrays: all their gradients are zero."""
        last = range(count - len(self._train_vars), count)
        if not last or not set(last) <= set(unreached):
            return
        names = list(self.variables.subset(TrainVar).keys())
        shown = ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
        warnings.warn(
            f"{type(self).__name__}: the output depends on none of the variables, so that all their gradients are "
            f"zero: {shown}. Pass the variables that the function uses, and compute its output from them alone: no "
            "gradient flows through argmax, comparisons or stop_gradient.",
            stacklevel=level_of_user(),
        )


class Grad(_Gradient):
    """The gradient of the first output of `f` with respect to inputs and TrainVars.

    Calling it with the arguments of `f` returns a list of gradients: those of the inputs in the order of
    `input_argnums`, then those of the TrainVars in the order of the collection, each variable once.

    Args:
        f: A function or module. Only its first output is differentiated, which must be a real scalar.
        variables: The VarCollection (or dictionary, or pairs) whose TrainVars are differentiated; None for none.
        input_argnums: Positions of the inputs to differentiate, a tuple; None for none.
        mean_over: The `axis_name` of a `Parallel` in whose function this is called: the gradients by TrainVars are the
            means over its devices, as `functional.parallel.pmean` gives them. They travel in buckets while the backward
            pass goes on. All devices must read the variables in the same order.
        bucket: How large a bucket is, in megabytes.

    Warns UserWarning if that output depends on none of the TrainVars, so that all their gradients are zero.

    Raises:
        ValueError: If there is nothing to differentiate: no TrainVar and no input.
        TypeError: If the first output is no real scalar, or what to differentiate is not of real or complex numbers.
    """

    @staticmethod
    def _returns(annotation):
        return list[Array]

    def __call__(self, *args: Any, **kwargs: Any) -> list[Array]:
        """The gradients at the arguments of `f`, raw arrays or Arrays: each has the shape and dtype of its variable."""
        return self._differentiate(args, kwargs)[0]


class GradValues(_Gradient):
    """As `Grad`, but returns the outputs of `f`, too.

    Calling it returns (gradients, outputs): the list of gradients as `Grad` returns it, and the outputs as `f` returned
    them; an output that is neither a tuple nor a list is returned as a list of one.

    Args:
        f, variables, input_argnums, mean_over, bucket: As for `Grad`; the first output of `f` is a real scalar.

    Raises:
        TypeError: If the first output is no real scalar, or what to differentiate is not of real or complex numbers.
    """

    @staticmethod
    def _returns(annotation):
        return tuple[list[Array], annotation]  # type: ignore[valid-type]

    def __call__(self, *args: Any, **kwargs: Any) -> tuple[list[Array], Any]:
        """(gradients, outputs) at the arguments of `f`: each gradient has the shape and dtype of its variable."""
        gradients, outputs = self._differentiate(args, kwargs)
        return gradients, outputs if isinstance(outputs, tuple | list) else [outputs]


class Jacobian(_Derivatives):
    """All derivatives of the first output of `f` with respect to inputs and TrainVars, in one pass for all of them.

    Calling it with the arguments of `f` returns a list of arrays of shape `output.shape + x.shape`: for the inputs in
    the order of `input_argnums`, then for the TrainVars in the order of the collection, each variable once.

    Args:
        f, variables, input_argnums: As for `Grad`, but the first output of `f` is a real array of any shape.

    Raises:
        TypeError: If the first output is no real array, or what to differentiate is not of real or complex numbers.
    """

    @staticmethod
    def _returns(annotation):
        return list[Array]

    def __call__(self, *args: Any, **kwargs: Any) -> list[Array]:
        """The derivatives at the arguments of `f`, of shape `output.shape + x.shape` for each input and TrainVar x."""
        return self._differentiate(args, kwargs)[0]

    def _derivatives(self, run, args, kwargs, argnums):
        def of_array(*args, **kwargs):
            first, aux = run(*args, **kwargs)
            if not isinstance(first, Array | int | float | complex) and not is_array(first):
                raise TypeError(
                    f"Jacobian: expected a function whose output is an array, got an output of {type(first).__name__}."
                )
            return jn.asarray(first), aux

        derivatives, aux = jacobian(of_array, argnums, has_aux=True)(*args, **kwargs)
        return _flat(derivatives), aux


class Hessian(_Derivatives):
    """All second derivatives of the first output of `f` with respect to inputs and TrainVars.

    Calling it with the arguments of `f` returns a list of lists: element [i][j] is the derivative with respect to the
    i-th and the j-th of the inputs and TrainVars, in the order of `Grad`, an array of shape `xi.shape + xj.shape`.

    Args:
        f, variables, input_argnums: As for `Grad`; the first output of `f` is a real scalar.

    Raises:
        TypeError: If the first output is no real scalar, or what to differentiate is not of real or complex numbers.
    """

    @staticmethod
    def _returns(annotation):
        return list[list[Array]]

    def __call__(self, *args: Any, **kwargs: Any) -> list[list[Array]]:
        """The second derivatives at the arguments of `f`: [i][j] has the shape `xi.shape + xj.shape`."""
        return self._differentiate(args, kwargs)[0]

    def named(self, derivatives: list[Any]) -> dict[str, Any]:
        """The second derivatives with respect to the TrainVars by two names: `named(h)["w"]["b"]`."""
        return {name: super(Hessian, self).named(row) for name, row in super().named(derivatives).items()}

    def _derivatives(self, run, args, kwargs, argnums):
        def of_scalar(*args, **kwargs):
            first, aux = run(*args, **kwargs)
            scalar_seed(first, "Hessian")
            return first, aux

        derivatives, aux = jacobian(grad(of_scalar, argnums, has_aux=True), argnums, has_aux=True)(*args, **kwargs)
        inputs = _flat([args[i] for i in argnums])
        return [_columns(x, row) for x, row in zip(inputs, _flat(derivatives), strict=True)], aux


def _columns(x, row):
    """The derivatives of a gradient with respect to nested arrays `x`, as a list of such structures."""
    structure = tree.flatten(x)[1]
    rows = tree.leaves_along(structure, row)
    if rows is None:
        raise AssertionError("Hessian: derivatives have the structure of the inputs")
    columns = zip(*map(_flat, rows), strict=True)
    return [tree.unflatten(structure, column) for column in columns]
