"""The wheel and the source distribution, as users install them: in fresh environments, outside of this folder.

`python -m tests.packages` builds both, and installs each with every Python given. It prints a line for each check
and ends with status 1 where one fails. Packages come from the index that pip is set up for.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
ENVIRONMENT = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
PROGRAM = f"""
import importlib.metadata, importlib.resources, sys
import cuobjax
assert cuobjax.__version__ == importlib.metadata.version("cuobjax") == {VERSION!r}
assert all((importlib.resources.files(name) / "py.typed").is_file() for name in ("autograd", "cuobjax"))
assert not any(name in sys.modules for name in ("tests", "examples", "benchmarks"))
assert cuobjax.default_device().library.__name__ == "numpy"
"""


class Failed(Exception):
    """A command ended otherwise than expected; the text is what it printed."""


def run(*command, folder, fails=False):
    """What a command prints, which must succeed, or fail."""
    done = subprocess.run(
        [*map(str, command)], cwd=folder, env=ENVIRONMENT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    if (done.returncode != 0) != fails:
        raise Failed(f"{' '.join(map(str, command))[:200]}: status {done.returncode}\n{done.stdout}")
    return done.stdout


def environment(python, folder, *packages):
    """The Python of a new environment in `folder` with these packages."""
    run(python, "-m", "venv", folder, folder=folder.parent)
    found = folder / "bin" / "python"
    for package in packages:
        run(found, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", package, folder=folder)
    return found


def works(python, folder):
    """The package is found where it was installed, says its version, trains, and finds nothing wrong with itself."""
    first = re.search(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    run(python, "-P", "-c", PROGRAM, folder=folder)
    printed = run(python, "-P", "-c", first[1], folder=folder)
    if not (accuracy := re.search(r"accuracy (\d+)%", printed)) or int(accuracy[1]) < 90:
        raise Failed(f"README's first block: expected an accuracy of at least 90%, got {printed}")
    run(python, "-P", "-m", "cuobjax.doctor", folder=folder)


def alone(python, folder, package):
    """Installed with what it requires, which is NumPy."""
    works(environment(python, folder / "venv", package), folder)


def beside_cupy(python, folder, package):
    """With CuPy on a machine without a GPU, all is computed by NumPy."""
    found = environment(python, folder / "venv", package, "cupy-cuda12x>=14,<15")
    works(found, folder)


def over_hips(python, folder, package):
    """HIPS autograd first, then ours: ours is whole."""
    works(environment(python, folder / "venv", "autograd", package), folder)


def under_hips(python, folder, package):
    """Ours first, then HIPS autograd: one clear error, and the commands in it mend it."""
    found = environment(python, folder / "venv", package, "autograd")
    printed = run(found, "-P", "-c", "import cuobjax", folder=folder, fails=True)
    remedy = re.search(r"Run: python -m (pip .*?); then: python -m (pip .*)", printed)
    if "found HIPS autograd" not in printed or not remedy:
        raise Failed(f"expected an error that names HIPS autograd and its remedy, got\n{printed}")
    for command in remedy.groups():
        run(found, "-m", *command.replace("cuobjax", str(package)).split(), folder=folder)
    works(found, folder)


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("pythons", nargs="*", default=[sys.executable], help="(this one)")
    arguments = parser.parse_args()
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        run(sys.executable, "-m", "build", "--outdir", folder, ROOT, folder=folder)
        (wheel,), (source,) = Path(folder).glob("*.whl"), Path(folder).glob("*.tar.gz")
        checks = [(python, package, alone) for python in arguments.pythons for package in (wheel, source)]
        first = arguments.pythons[0]
        checks += [(first, wheel, check) for check in (over_hips, under_hips, beside_cupy)]
        for python, package, check in checks:
            name = f"{run(python, '--version', folder=folder).strip()}, {package.name}: {check.__doc__}"
            with tempfile.TemporaryDirectory() as own:
                try:
                    check(python, Path(own), package)
                    print("passed ", name, flush=True)
                except Failed as error:
                    failed += 1
                    print("FAILED ", name, error, sep="\n", flush=True)
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
