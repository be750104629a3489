"""The clients: published packages that import `autograd`, and where their own tests are."""

from dataclasses import dataclass, field

__all__ = ["CLIENTS", "EXAMPLES", "HIPS", "Client"]

HIPS, EXAMPLES = "autograd==1.9.1", "hips_examples.py"


@dataclass(frozen=True)
class Client:
    """A package whose tests run on HIPS autograd and on ours.

    Attributes:
        name: What the report calls it.
        distribution: What the package index calls it, with the version whose source has the tests.
        tests: Files and folders of tests within the source.
        options: Arguments for pytest.
        checkout: The repository, where the source distribution has no tests.
        root: The folders of the source that packages are imported from.
        quick: Whether it runs with --quick.
        settings: Environment variables.
        known: Tests that pass with HIPS autograd alone, by a part of their names, with the reason.
        seconds: What its tests may take on one library.
    """

    name: str
    distribution: str
    tests: tuple[str, ...] = ("tests",)
    options: tuple[str, ...] = ()
    checkout: str = ""
    root: str = "."
    quick: bool = False
    settings: dict[str, str] = field(default_factory=dict)
    known: dict[str, str] = field(default_factory=dict)
    seconds: int = 3600


_SYMMETRIC = "the gradient of eigh is symmetric, as in JAX and PyTorch; the test perturbs one triangle"
_WHERE = "where of numbers or lists gives an array, as NumPy's"
_NO_WARNING = "zeros without a warning where an output depends on no input"

_SURPYVAL = """
    univariate/parametric/test_censored_hessian univariate/parametric/test_custom_distribution
    univariate/parametric/test_fixed univariate/parametric/test_mps univariate/parametric/test_offset_bound
    univariate/parametric/test_uniform univariate/regression/test_accelerated_life
    univariate/regression/test_additive_hazards_parametric univariate/regression/test_general_log_linear
    univariate/regression/test_parametric_tvc utils/test_autograd_where utils/test_incomplete_beta utils/test_normal"""

_PENNYLANE = """
    test_grad.py test_autograd_grad.py test_classical_gradients.py numpy math optimize gradients/core/test_vjp.py
    gradients/core/test_jvp.py workflow/interfaces/execute/test_autograd.py
    workflow/interfaces/qnode/test_autograd_qnode.py workflow/interfaces/qnode/test_autograd_qnode_shot_vector.py
    workflow/interfaces/run/test_autograd_run.py"""

CLIENTS = [
    Client(
        "HIPS autograd's tests",
        HIPS,
        quick=True,
        known={
            "test_rfftn_odd_not_implemented": "there is a derivative where the test demands an error",
            "test_pinv": "a function of NumPy that begins with an underscore",
            **dict.fromkeys(
                [
                    f"test_eigvalh_{part}"
                    for part in "lower upper lower_broadcasting upper_broadcasting lower_complex upper_complex".split()
                ],
                _SYMMETRIC,
            ),
            "test_cast_to_int": "numpy.int64(x) of a traced value: write x.astype(int)",
            "test_sqrtm": "the root of a real matrix is real or NaN; that of a complex one is SciPy's",
            **dict.fromkeys(
                [
                    "test_custom_where_dtypes[int-True-1-2]",
                    "test_custom_where_dtypes[float-True-3.0-4.0]",
                    "test_custom_where_dtypes[float-False-1-2.0]",
                    "test_custom_where_dtypes[list-True-x3-y3]",
                ],
                _WHERE,
            ),
            "test_wrapped_name_and_docs": "docstrings are other texts",
        },
    ),
    Client(
        "HIPS autograd's examples",
        HIPS,
        (EXAMPLES,),
        quick=True,
        known={"rkhs.py]": "functions as an own vector space: only arrays are differentiated"},
    ),
    Client(
        "autograd-gamma",
        "autograd-gamma==0.5.0",
        checkout="https://github.com/CamDavidsonPilon/autograd-gamma",
        quick=True,
    ),
    Client("grcwa", "grcwa==0.1.2", quick=True),
    Client(
        "pymanopt",
        "pymanopt==2.2.1",
        ("tests/backends/test_autograd.py", "tests/manifolds", "tests/optimizers"),
        ("--noconftest",),  # which imports TensorFlow
        root="src",
    ),
    Client(
        "mici", "mici==0.4.1", ("tests/test_autodiff.py",), checkout="https://github.com/matt-graham/mici", root="src"
    ),
    Client("ceviche", "ceviche==0.1.3", checkout="https://github.com/fancompute/ceviche"),
    Client(
        "pymoo",
        "pymoo==0.6.2",
        (
            "tests/gradients",
            "tests/problems/test_autodiff.py",
            "tests/misc/test_kktpm.py",
            "tests/misc/test_reference_directions.py",
        ),
        checkout="https://github.com/anyoptimization/pymoo",
    ),
    Client("reliability", "reliability==0.9.0"),
    Client(
        "surpyval",
        "surpyval==0.25",
        tuple(f"surpyval/tests/{part}.py" for part in _SURPYVAL.split()),  # of 5,000 tests those that take gradients
        known={
            "test_562_where_values_and_python_types": _WHERE,
            "test_562_autograd_still_needs_the_patch": "it demands that gradients of `where` are wrong; ours are right",
        },
    ),
    Client(
        "lifelines",
        "lifelines==0.30.3",
        ("lifelines/tests",),
        ("--ignore=lifelines/tests/test_plotting.py",),
    ),
    Client(
        "geomstats",
        "geomstats==2.8.0",
        tuple(
            f"tests/tests_geomstats/{part}"
            for part in (
                "test_backend",
                "test_numerics",
                *(
                    f"test_geometry/test_{name}.py"
                    for name in ("hypersphere", "pullback_metric", "spd_matrices", "special_orthogonal", "stiefel")
                ),
            )
        ),
        checkout="https://github.com/geomstats/geomstats",  # its main branch: 2.8.0 itself needs NumPy 1
        options=("-k", "not TestLieCholeskyMetric"),  # which fails and hangs at random, on HIPS autograd, too
        settings={"GEOMSTATS_BACKEND": "autograd"},
    ),
    Client(
        "lifetimes",
        "lifetimes==0.11.3",
        checkout="https://github.com/CamDavidsonPilon/lifetimes",
        options=("--ignore=tests/test_plotting.py", "--ignore=tests/test_utils.py"),  # which needs pandas 1
    ),
    Client(
        "legume",
        "legume-gme==1.0.3",
        tuple(f"tests/test_{name}.py" for name in ("gme_grad", "primitives", "guided_modes", "gme_1layer")),
        checkout="https://github.com/fancompute/legume",
    ),
    Client(
        "paragami",
        "paragami==0.42",
        ("paragami/tests",),
        checkout="https://github.com/rgiordan/paragami",
        known={"test_slogdet_3d": "there is a derivative where the test demands an error"},
    ),
    Client(
        "vittles",
        "vittles==0.173",
        ("vittles/tests",),
        checkout="https://github.com/rgiordan/vittles",
        root=". ../paragami",  # which it imports
    ),
    Client(
        "pennylane",
        "pennylane==0.45.1",
        tuple(f"tests/{part}" for part in _PENNYLANE.split()),
        checkout="https://github.com/PennyLaneAI/pennylane",
        options=("-m", "not torch and not tf and not jax", "-o", "xfail_strict=false"),
        seconds=3 * 3600,
        known={
            **dict.fromkeys(["test_max_diff", "test_hamiltonian_expansion_analytic"], _NO_WARNING),
            "test_chained_qnodes": "NumPy's own array of a tuple of traced values raises, and is one of objects there",
            "test_grad_single_measurement_param": "gradients are plain arrays and numbers",
            "test_qnspsa::test_workflow_integration": "arrays of its class are split to plain arrays",
            "test_step_and_cost_supplied_grad[sin-cos": "it takes the attribute `forward` of a function for its own",
        },
    ),
]
