"""Python numbers under Jit are Python numbers: what an expression of numbers and arrays gives, Jit gives."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import autograd
import cuobjax
import cuobjax.functional as F
import cuobjax.numpy as jn
from autograd.graph import ConcretizationError
from cuobjax import Jit

pytestmark = [pytest.mark.usefixtures("on_the_cpu"), pytest.mark.filterwarnings("ignore")]
ARGUMENTS = "n, m, s, z, a8, a16, a32, a64"
NUMBERS = [(2, 3, 0.5, 1 + 2j), (1, -2, -1.5, 2 - 1j), (100, 7, 300.0, 0j), (0, 1, 0.0, 1j)]
OF_ONE = """
    (-{}) abs({}) (+{}) (~{}) ({}).conjugate() jn.exp({}) jn.square({}) jn.sqrt({}) jn.asarray({}) jn.array({})
    jn.array([{},1]) jn.sum({}) jn.abs({}) jn.mean({}) jn.reshape({},(-1,)) jn.atleast_1d({}) jn.full((2,),{})
    jn.full_like(a8,{}) jn.sign({}) jn.cumsum({}) jn.isfinite({}) jn.ones_like({}) jn.expand_dims({},0)
    jn.logical_not({}) jn.std({}) jn.tile({},2) F.relu({}) F.softplus({}) jn.clip({},0,1) jn.power({},3) jn.power(2,{})
    jn.nan_to_num({}) jn.iscomplexobj({})*1 a32[{}] a8[{}] a64[:,None][{}] a16.at[{}].add(1) jn.take(a32,{})
    a32.at[0].set({}) a8.at[1].set({}) a8.at[0].multiply({}) jn.take_along_axis(a32,jn.atleast_1d({}),0) (a32,a8)[{}]
    a32[{}:] jn.eye(3,k={}) F.one_hot({},4) [1]*{}
""".split()
OF_TWO = """
    ({}+{}) ({}-{}) ({}*{}) ({}/{}) ({}//{}) ({}%{}) ({}**{}) ({}<{}) ({}=={}) ({}&{}) ({}<<{}) divmod({},{})[1]
    jn.add({},{}) jn.multiply({},{}) jn.maximum({},{}) jn.dot({},{}) jn.where(True,{},{}) jn.where(a32>0,{},{})
    jn.stack([{},{}]) jn.linspace({},{},3) jn.array([{},{}]) jn.arctan2({},{}) jn.outer({},{}) jn.logaddexp({},{})
    jn.less({},{}) jn.clip({},0,{}) jn.clip({},{},5) jn.mod({},{}) jn.tensordot({},{},0) jn.append({},{})
    jn.isclose({},{}) jn.interp({},jn.array([0.,1.]),jn.array([1.,2.]))*{} jn.polyval(jn.atleast_1d({}),{})
    jn.select([a32>0],[{}],{})
""".split()
TRANSFORMED = {
    "": lambda f: f,
    "grad": lambda f: lambda *args: autograd.grad(lambda a, *args: total(f(*args[:6], a, args[6]) * jn.sin(a)))(
        args[6], *args[:6], args[7]
    ),
    "gradient of a number": lambda f: lambda *args: cuobjax.Grad(
        lambda s, *args: total(f(*args[:2], s, *args[2:]) * s), None, (0,)
    )(args[2], *args[:2], *args[3:]),
    "jvp": lambda f: lambda *args: autograd.jvp(
        lambda a: jn.asarray(f(*args[:6], a, args[7])), (args[6],), (args[6],)
    ),
    "vmap": lambda f: lambda *args: autograd.vmap(
        lambda a, s: jn.asarray(f(*args[:2], s, *args[3:6], a, args[7])), (0, None)
    )(jn.stack([args[6], 2 * args[6]]), args[2]),
    "Jit": lambda f: lambda *args: Jit(f)(*args),
}  # fmt: skip


def total(x):
    return jn.sum(jn.real(jn.asarray(x)))


def sources(depth):
    """Python's text of expressions."""
    if not depth:
        constants = [repr(x) for x in (0, 1, -1, 2.0, 0.5, 1e6, 300, True)]
        return st.sampled_from([*ARGUMENTS.split(", "), *"nmsznms", *constants])
    parts = sources(depth - 1)
    return st.one_of(
        parts,
        st.builds(lambda text, x: text.format(x), st.sampled_from(OF_ONE), parts),
        st.builds(lambda text, x, y: text.format(x, y), st.sampled_from(OF_TWO), parts, parts),
    )


def described(y):
    if isinstance(y, tuple | list):
        return type(y), tuple(map(described, y))
    if isinstance(y, cuobjax.Array):
        return y.shape, y.dtype
    return type(y)


def outcome(f, args):
    try:
        return f(*args), None
    except (ArithmeticError, IndexError, TypeError, ValueError) as error:
        return None, error


@given(sources(3), st.sampled_from(sorted(TRANSFORMED)))
@example("jn.asarray(n) * a8", "")
@example("jn.exp(s) * a16", "")
@example("n ** n", "")
@example("2 ** (-n)", "")
@example("m / n", "")
@example("a32[n] + a32.at[m].set(n)[0]", "")
@example("jn.sum(n) * a8", "grad")
@example("jn.linspace(0, n, 3)", "")
@example("jn.stack([a32[0], n])", "")
@example("jn.where(True, n, 0) * a8", "vmap")
def test_jit_gives_what_the_expression_gives(source, transformed):
    """Either both raise, or the results have one type, dtype and shape; a program serves further numbers."""
    f = TRANSFORMED[transformed](eval(f"lambda {ARGUMENTS}: {source}", {"jn": jn, "F": F}))
    jitted = Jit(f)
    arrays = [jn.array([3, -1, 2], dtype=name) for name in ("int8", "float16", "float32", "float64")]
    for numbers in NUMBERS:
        expected, error = outcome(f, (*numbers, *arrays))
        got, jit_error = outcome(jitted, (*numbers, *arrays))
        if isinstance(jit_error, ConcretizationError):
            return
        if error is not None:
            assert jit_error is not None or isinstance(error, ArithmeticError | IndexError), (error, got)
            continue
        assert jit_error is None, (expected, jit_error)
        if "**" not in source:  # NumPy: booleans ** 2 are int8, of other exponents int64
            assert described(got) == described(expected)
        for a, b in zip(autograd.tree.flatten(got)[0], autograd.tree.flatten(expected)[0], strict=True):
            if not isinstance(b, cuobjax.Array):
                assert repr(a) == repr(b)
                continue
            rtol = 2e-2 if b.dtype == "float16" else 1e-3
            np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol=rtol, atol=rtol)
