"""Five steps of each optimizer against those of PyTorch and optax, which tests/data/optimizer_steps.py has stored."""

import json
from pathlib import Path

import ml_dtypes  # noqa: F401 (NumPy knows bfloat16)
import numpy as np
import pytest

import cuobjax as objax
import cuobjax.numpy as jn
from cuobjax.optimizer import (
    LAMB,
    LARS,
    SGD,
    Adadelta,
    Adafactor,
    Adagrad,
    Adam,
    AdamW,
    Lion,
    Lookahead,
    Momentum,
    Muon,
    NAdam,
    RAdam,
    RMSprop,
)

EXPECTED = json.loads((Path(__file__).parent.parent / "data" / "optimizer_steps.json").read_text())
SHAPES = [(3, 4), (4,), (2, 3, 2)]
KINDS = {
    "sgd": SGD,
    "sgd, decay": lambda vc: SGD(vc, weight_decay=0.1),
    "momentum, decay": lambda vc: Momentum(vc, weight_decay=0.1),
    "momentum, nesterov, decay": lambda vc: Momentum(vc, 0.8, nesterov=True, weight_decay=0.1),
    "adam": lambda vc: Adam(vc, eps=0),
    "adam, textbook": lambda vc: Adam(vc, eps=1e-3, textbook=True),
    "adamw": lambda vc: AdamW(vc, 0.8, 0.95, eps=1e-3, weight_decay=0.1),
    "nadam": lambda vc: NAdam(vc, eps=1e-3, weight_decay=0.1),
    "nadam, decoupled": lambda vc: NAdam(vc, 0.8, 0.95, weight_decay=0.1, decoupled=True),
    "radam": lambda vc: RAdam(vc, 0.8, 0.95, eps=1e-3, weight_decay=0.1),
    "radam, decoupled": lambda vc: RAdam(vc, 0.8, 0.5, weight_decay=0.1, decoupled=True),
    "rmsprop": lambda vc: RMSprop(vc, 0.9, eps=1e-3, weight_decay=0.1),
    "rmsprop, centered, momentum": lambda vc: RMSprop(vc, momentum=0.8, centered=True),
    "adagrad": lambda vc: Adagrad(vc, eps=1e-3, initial=0.5, weight_decay=0.1),
    "adagrad, zero": lambda vc: Adagrad(vc, eps=0),
    "adadelta": lambda vc: Adadelta(vc, 0.8, weight_decay=0.1),
    "adafactor": lambda vc: Adafactor(vc, weight_decay=0.1),
    "adafactor, others": lambda vc: Adafactor(vc, decay=0.5, eps1=1e-2, eps2=0.9, clip=1.5),
    "lion": lambda vc: Lion(vc, weight_decay=0.1),
    "lamb": lambda vc: LAMB(vc, eps=1e-3, weight_decay=0.1),
}
OTHERS = {"lars": LARS, "momentum, decoupled": lambda vc: Momentum(vc, weight_decay=0.1, decoupled=True)}
ALL = KINDS | OTHERS


def start(shape, kind="f"):
    x = np.cos(np.arange(np.prod(shape))).reshape(shape)
    return x + 1j * x[..., ::-1] if kind == "c" else x


def gradient(p, step):
    k = np.arange(p.size).reshape(p.shape)
    return 0.5 * p + np.sin(0.7 * k + step) * 10.0 ** -(k % 3)


def made(shapes, dtype):
    kind = np.dtype(dtype).kind
    values = [jn.array(start(shape, kind if kind == "c" else "f"), dtype=dtype) for shape in shapes]
    return [objax.TrainVar(value) for value in values]


def run(make, dtype, shapes=SHAPES, steps=5, jit=False):
    variables = made(shapes, dtype)
    opt = make({str(i): v for i, v in enumerate(variables)})
    call = objax.Jit(opt) if jit else opt
    for step in range(steps):
        call(0.1 / (1 + step), [jn.array(np.conj(gradient(np.asarray(v.value), step))) for v in variables])
    return [np.asarray(v.value) for v in variables]


def stored(name):
    """The arrays of a case, in their shapes."""
    parts = [p[0] if len(p) == 1 else np.array(p[0]) + 1j * np.array(p[1]) for p in EXPECTED[name]]
    return [np.reshape(x, shape) for x, shape in zip(parts, SHAPES, strict=True)]


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 1e-5), ("float64", 2e-6)])
def test_steps_are_those_of_pytorch_and_optax(name, dtype, tolerance):
    """Decay rates are debiased in float32 also for float64."""
    for x, y in zip(run(KINDS[name], dtype), stored(name), strict=True):
        np.testing.assert_allclose(x, y, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("name", ["sgd", "adam", "lamb", "adagrad, zero"])
def test_complex_steps_are_those_of_optax(name):
    make = (lambda vc: LAMB(vc, eps=1e-3, weight_decay=0.1)) if name == "lamb" else KINDS[name]
    for x, y in zip(run(make, "complex64"), stored(f"{name}, complex"), strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("jit", [False, True])
def test_lookahead_is_optaxs(jit):
    found = run(lambda vc: Lookahead(Momentum(vc), 2, 0.5), "float32", jit=jit)
    for x, y in zip(found, stored("lookahead"), strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ALL)
def test_jit_makes_the_same_steps(name):
    for x, y in zip(run(ALL[name], "float32"), run(ALL[name], "float32", jit=True), strict=True):
        np.testing.assert_allclose(x, y, rtol=2e-6, atol=2e-7)


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize(("dtype", "tolerance"), [("float16", 4e-3), ("bfloat16", 4e-2)])
def test_half_precision_makes_nearly_the_same_steps(name, dtype, tolerance):
    """The distance is that of five rounded values; where the sign of a step hangs on rounding, up to a step."""
    for x, y in zip(run(ALL[name], dtype), run(ALL[name], "float32"), strict=True):
        assert x.dtype == dtype
        far = np.abs(x.astype("float32") - y) > tolerance
        assert far.mean() < 0.1, (x, y)


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("dtype", ["complex64", "float16"])
def test_every_optimizer_takes_every_dtype_and_keeps_it(name, dtype):
    for x in run(ALL[name], dtype):
        assert x.dtype == dtype
        assert np.isfinite(x).all()


@pytest.mark.parametrize("name", ALL)
def test_states_are_saved_and_loaded_by_name(name, tmp_path):
    """A run that goes on from a file makes the steps of one that was not interrupted."""
    results = []
    for interrupted in (False, True):
        net = objax.nn.Linear(3, 2)
        net.w.assign(jn.array(start((3, 2)), dtype="float32"))
        opt = ALL[name](net.vars())
        for step in range(4):
            if interrupted and step == 2:
                objax.io.save_var_collection(tmp_path / "states.npz", net.vars() + opt.vars())
                net = objax.nn.Linear(3, 2)
                opt = ALL[name](net.vars())
                objax.io.load_var_collection(tmp_path / "states.npz", net.vars() + opt.vars())
            opt(0.1, [jn.array(gradient(np.asarray(v.value), step) + 1) for v in net.vars()])
        results.append([np.asarray(v.value) for v in net.vars()])
    for x, y in zip(*results, strict=True):
        np.testing.assert_array_equal(x, y)


@pytest.mark.parametrize("name", ALL)
def test_the_text_of_an_optimizer_makes_it_again(name):
    vc = objax.nn.Linear(3, 2).vars()
    opt = ALL[name](vc)
    text = repr(opt).replace("(", "(vc, ", 1).replace("(vc, )", "(vc)")
    assert repr(eval(text, {"cuobjax": objax, "vc": vc})) == repr(opt)


def test_the_texts_are_objaxs():
    vc = objax.nn.Linear(3, 2).vars()
    assert repr(LARS(vc)) == "cuobjax.optimizer.LARS(momentum=0.9, weight_decay=0.0001, tc=0.001, eps=1e-05)"
    assert repr(Adagrad(vc)) == "cuobjax.optimizer.Adagrad()"
    assert repr(RMSprop(vc, centered=True)) == "cuobjax.optimizer.RMSprop(rho=0.99, eps=1e-08, centered=True)"


def lars(p, m, g, lr, momentum, weight_decay, tc, eps):
    """You et al. 2017, with Objax's eps and trust of at least 1 where a norm is 0."""
    of_p, of_g = np.linalg.norm(p), np.linalg.norm(g)
    trust = max(of_p == 0 or of_g == 0, tc * of_p / (of_g + weight_decay * of_p + eps))
    m = momentum * m + lr * trust * (g + weight_decay * p)
    return p - m, m


@pytest.mark.parametrize("zero", [False, True])
def test_lars(zero):
    p = np.zeros((2, 3)) if zero else start((2, 3))
    v, m = objax.TrainVar(jn.array(p, dtype="float32")), 0.0
    opt = LARS({"v": v}, 0.8, 0.1, 0.02, 1e-3)
    for step in range(5):
        g = gradient(p, step) if step != 3 else np.zeros((2, 3))
        opt(0.5, [jn.array(g)])
        p, m = lars(p, m, g, 0.5, 0.8, 0.1, 0.02, 1e-3)
    np.testing.assert_allclose(v.value, p, rtol=1e-5, atol=1e-6)


def test_momentum_with_decoupled_decay():
    """Loshchilov & Hutter 2019, Algorithm 1: the decay is not in m."""
    p, m = start((4,)), 0.0
    v = objax.TrainVar(jn.array(p, dtype="float32"))
    opt = Momentum({"v": v}, weight_decay=0.2, decoupled=True)
    for step in range(5):
        g = gradient(p, step)
        opt(0.1, [jn.array(g)])
        m = 0.9 * m + g
        p = p - 0.1 * m - 0.1 * 0.2 * p
    np.testing.assert_allclose(v.value, p, rtol=1e-5)


@pytest.mark.parametrize("decoupled", [False, True])
def test_radam_is_pytorchs_where_the_variance_counts(decoupled):
    """From step 6 on, which the stored steps do not reach; eps is as large as the root of v."""
    beta1, beta2, eps, decay = 0.8, 0.98, 0.3, 0.1
    p, m, v = start((3, 4)), 0.0, 0.0
    x = objax.TrainVar(jn.array(p, dtype="float64"))
    opt = RAdam({"x": x}, beta1, beta2, eps, weight_decay=decay, decoupled=decoupled)
    longest = 2 / (1 - beta2) - 1
    for t in range(1, 21):
        g = gradient(p, t)
        opt(0.1, [jn.array(g, dtype="float64")])
        g, p = (g, p - 0.1 * decay * p) if decoupled else (g + decay * p, p)
        m, v = beta1 * m + (1 - beta1) * g, beta2 * v + (1 - beta2) * g * g
        rho = longest - 2 * t * beta2**t / (1 - beta2**t)
        d = m / (1 - beta1**t)
        if rho > 5:
            r = ((rho - 4) * (rho - 2) * longest / ((longest - 4) * (longest - 2) * rho)) ** 0.5
            d *= r * (1 - beta2**t) ** 0.5 / (np.sqrt(v) + eps)
        p = p - 0.1 * d
    np.testing.assert_allclose(x.value, p, rtol=1e-5)


@pytest.mark.parametrize("jit", [False, True])
@pytest.mark.parametrize(
    "make",
    [
        lambda vc: Adam(vc, 0, 0),
        lambda vc: AdamW(vc, 0, 0, weight_decay=0),
        lambda vc: NAdam(vc, 0, 0),
        lambda vc: RMSprop(vc, 0),
        lambda vc: Lion(vc, 0, 0),
    ],
)
def test_decay_rates_of_0_leave_the_sign_of_the_gradient(make, jit):
    """Also after a gradient that was so much greater that float32 has no digit of this one beside it."""
    v = objax.TrainVar(jn.zeros(2))
    opt = make({"v": v})
    call = objax.Jit(opt) if jit else opt
    for g in ([1e4, -1e4], [1e-2, 1e-2]):
        before = v.value
        call(0.5, [jn.array(g)])
        np.testing.assert_allclose(v.value - before, -0.5 * np.sign(g), rtol=1e-4)


def test_lamb_has_no_factor_where_a_norm_is_0():
    v = objax.TrainVar(jn.zeros(2))
    opt = LAMB({"v": v})
    opt(0.1, [jn.array([1.0, -2.0])])
    np.testing.assert_allclose(v.value, [-0.1, 0.1], rtol=1e-4)
    opt = LAMB({"v": v})
    before = v.value
    opt(0.1, [jn.zeros(2)])
    np.testing.assert_array_equal(v.value, before)


# Muon.


def newton_schulz(x, steps=5):
    if x.shape[0] > x.shape[1]:
        return newton_schulz(x.T, steps).T
    x = x / max(np.linalg.norm(x), 1e-7)
    for _ in range(steps):
        a = x @ x.T
        x = 3.4445 * x + (-4.775 * a + 2.0315 * a @ a) @ x
    return x


@pytest.mark.parametrize("shape", [(3, 4), (5, 3), (2, 2, 3, 4)])
def test_muon(shape):
    """Jordan et al. 2024 in float64; PyTorch computes the polynomial in bfloat16, and has the outputs in the rows."""
    p, m = start(shape), 0.0
    v = objax.TrainVar(jn.array(p, dtype="float32"))
    opt = Muon({"v": v}, 0.9, weight_decay=0.1)
    for step in range(5):
        g = gradient(p, step)
        opt(0.1, [jn.array(g)])
        m = 0.9 * m + 0.1 * g
        d = newton_schulz((0.9 * m + 0.1 * g).reshape(-1, shape[-1]))
        scale = max(1, d.shape[1] / d.shape[0]) ** 0.5
        p = p - 0.1 * 0.1 * p - 0.1 * scale * d.reshape(shape)
    np.testing.assert_allclose(v.value, p, rtol=1e-4, atol=1e-5)


def test_muon_is_pytorchs_up_to_its_bfloat16():
    variables = [objax.TrainVar(jn.array(start(shape).T, dtype="float32")) for shape in [(4, 3), (3, 5)]]
    opt = Muon({str(i): v for i, v in enumerate(variables)}, weight_decay=0.1)
    for step in range(5):
        opt(0.1 / (1 + step), [jn.array(gradient(np.asarray(v.value).T, step).T) for v in variables])
    for v, expected in zip(variables, EXPECTED["muon"], strict=True):
        np.testing.assert_allclose(np.ravel(np.asarray(v.value).T), expected[0], atol=2e-2)


def test_muon_takes_matrices_alone():
    with pytest.raises(
        ValueError, match=r"^Muon: expected variables with at least two axes, got \(Linear\)\.b of shape"
    ):
        Muon(objax.nn.Linear(2, 3).vars())
    w = objax.TrainVar(jn.array(start((2, 3)), dtype="complex64"))
    Muon({"w": w})(0.1, [jn.array(start((2, 3), "c"))])
    assert w.dtype == "complex64"


# What a single class has.


def test_adafactor_keeps_rows_and_columns():
    opt = Adafactor({"w": objax.TrainVar(jn.ones((5, 7))), "b": objax.TrainVar(jn.ones(7))})
    sizes = {name: v.shape for name, v in opt.vars().subset(objax.StateVar).items()}
    assert sizes == {
        "(Adafactor).step": (), "(Adafactor).rows.w": (5, 1), "(Adafactor).rows.b": (7,),
        "(Adafactor).columns.w": (1, 7), "(Adafactor).columns.b": (),
    }  # fmt: skip


def test_rmsprop_keeps_what_it_needs():
    vc = {"v": objax.TrainVar(jn.ones(2))}
    assert len(RMSprop(vc).vars()) == 2
    assert len(RMSprop(vc, momentum=0.9, centered=True).vars()) == 4


def test_nadam_has_one_momentum():
    with pytest.raises(TypeError, match=r"^NAdam: expected a number as beta1, got \{'\*': 0\.9\}\."):
        NAdam({"v": objax.TrainVar(jn.ones(2))}, {"*": 0.9})


@pytest.mark.parametrize("name", ALL)
def test_hyperparameters_that_are_arrays_change_no_step(name):
    """They get the dtype of the variable; a mapping gives each variable its own."""
    opt = ALL[name]({"v": objax.TrainVar(jn.ones(2))})
    numbers = [
        n for n in ("beta2", "rho", "weight_decay", "eps", "tc", "clip") if isinstance(getattr(opt, n, 0), float)
    ]
    results = [run(ALL[name], "float32")]
    for form in (lambda x: jn.array(x, dtype="float64"), lambda x: {"0": x, "*": x}):

        def changed(vc, form=form):
            opt = ALL[name](vc)
            for n in numbers:
                if hasattr(opt, n):
                    setattr(opt, n, opt.each(n, form(getattr(opt, n))))
            return opt

        results.append(run(changed, "float32"))
    for other in results[1:]:
        for x, y in zip(results[0], other, strict=True):
            np.testing.assert_allclose(x, y, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ALL)
def test_a_wrong_gradient_changes_nothing(name):
    variables = made(SHAPES, "float32")
    opt = ALL[name]({str(i): v for i, v in enumerate(variables)})
    opt(0.1, [jn.ones(shape) for shape in SHAPES])
    before = [x.value for x in opt.vars()]
    for lr, gradients, message in [
        (0.1, [jn.ones(shape) for shape in [*SHAPES[:2], (2,)]], "expected gradient 2 of shape"),
        (-0.1, [jn.ones(shape) for shape in SHAPES], "learning rate: expected a finite number"),
    ]:
        with pytest.raises(ValueError, match=message):
            opt(lr, gradients)
    assert all(x.value is old for x, old in zip(opt.vars(), before, strict=True))


@pytest.mark.parametrize("name", ALL)
def test_steps_have_derivatives(name):
    """That of two steps with respect to the rate, against differences."""

    def after(lr):
        v = objax.TrainVar(jn.array(start((3, 2)), dtype="float64"))
        opt = ALL[name]({"v": v})
        for step in range(2):
            opt(lr, [jn.array(gradient(start((3, 2)), step), dtype="float64")])
        return (v.value**2).sum()

    lr, h = jn.array(0.05, dtype="float64"), 1e-4
    (by_lr,) = objax.Grad(after, {}, (0,))(lr)
    np.testing.assert_allclose(by_lr, (after(lr + h) - after(lr - h)) / (2 * h), rtol=1e-3)


@pytest.mark.filterwarnings("error")
def test_adafactor_of_gradients_whose_fourth_powers_overflow():
    steps = []
    for size in (1.0, 1e15):
        v = objax.TrainVar(jn.ones((2, 3)))
        Adafactor({"v": v})(0.1, [size * jn.array([[1.0, -2.0, 3.0], [0.5, 1.0, -1.0]])])
        steps.append(np.asarray(objax.device_put(v.value, "cpu")))
    np.testing.assert_allclose(*steps, rtol=1e-5)
    assert (steps[0] != 1).all()
