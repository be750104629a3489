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
        root: The folder of the source that packages are imported from.
        quick: Whether it runs with --quick.
        settings: Environment variables.
        known: Tests that pass with HIPS autograd alone, by the end of their names, with the reason.
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


CLIENTS = [
    Client("HIPS autograd's tests", HIPS, quick=True),
    Client("HIPS autograd's examples", HIPS, (EXAMPLES,), quick=True),
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
        tuple(f"surpyval/tests/{part}" for part in ("univariate/parametric", "univariate/regression", "utils")),
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
        checkout="https://github.com/geomstats/geomstats",
        settings={"GEOMSTATS_BACKEND": "autograd"},
    ),
]
