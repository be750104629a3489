"""The static checks: what type checkers make of the packages, and of the programs of their users.

`python -m tests.typed.check` prints a line for each check and, where one fails, what is wrong. The blocks of README.md
and of docs/, the examples and `program.py` are checked as programs of a user are: from outside of this repository, with
the packages as they are installed.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).parents[2]
PROGRAM = ROOT / "tests" / "typed" / "program.py"
COMPLETE = 0.95  # of the public names of a package whose types are known


def run(tool, *arguments, folder=ROOT):
    """The exit status and the output of a tool of this virtual environment."""
    bin_first = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # where pyright looks for packages
    command = [sys.executable, "-m", tool, *map(str, arguments)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, env={**os.environ, "PATH": bin_first})
    if done.stderr.strip() and not done.stdout.strip():
        raise SystemExit(f"{tool}: {done.stderr.strip()}")
    return done.returncode, done.stdout


def mypy(*arguments):
    status, output = run("mypy", *arguments)
    return output.splitlines() if status else []


def strict_mypy():
    """With a cache of its own, as what mypy stores for other options is of no use to it."""
    return mypy("--strict", "--follow-imports=silent", f"--cache-dir={ROOT / '.mypy_cache' / 'strict'}", PROGRAM)


def pyright(folder):
    """Errors in the blocks of all pages, the examples and the program; a block has the line numbers of its page."""
    pages = {}
    for page in [ROOT / "README.md", *sorted(ROOT.glob("docs/*.md"))]:
        text = page.read_text()
        for block in re.finditer(r"```python\n(.*?)```", text, re.DOTALL):
            above = text.count("\n", 0, block.start(1))
            path = Path(folder, f"{page.stem}_{above}.py")
            path.write_text("\n" * above + block[1])
            pages[str(path)] = page
    files = [*pages, *sorted(ROOT.glob("examples/*.py")), PROGRAM]
    _, output = run("pyright", "--outputjson", *files, folder=folder)
    return [
        f"{pages.get(error['file'], Path(error['file'])).relative_to(ROOT)}:{error['range']['start']['line'] + 1}: "
        + " ".join(error["message"].split())
        for error in json.loads(output)["generalDiagnostics"]
        if error["severity"] == "error"
    ]


def completeness(package, folder):
    """The share of public names whose types are known, and a line for each of the others."""
    _, output = run("pyright", "--outputjson", "--ignoreexternal", "--verifytypes", package, folder=folder)
    found = json.loads(output)["typeCompleteness"]
    missing = []
    for symbol in found["symbols"]:
        if symbol["isExported"] and (symbol["isTypeAmbiguous"] or not symbol["isTypeKnown"]):
            reasons = {" ".join(d["message"].split()) for d in symbol["diagnostics"] if d["severity"] == "error"}
            missing.append(f"{symbol['name']}: {'; '.join(sorted(reasons)) or 'a part of it is unknown'}")
    return found["completenessScore"], missing


def complete(package, folder):
    """The name and the errors of the check that the types of a package's public names are known."""
    share, missing = completeness(package, folder)
    return f"pyright --verifytypes {package}: {share:.1%}", missing if share < COMPLETE else []


def main():
    failed = False
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(os.cpu_count()) as threads:
        # The tools are processes of their own, of one core each.
        checks = [
            threads.submit(lambda: ("mypy of autograd and cuobjax", mypy())),
            threads.submit(lambda: ("pyright of README.md, docs/, examples/ and the typed program", pyright(folder))),
            threads.submit(complete, "cuobjax", folder),
            threads.submit(complete, "autograd", folder),
            threads.submit(lambda: ("mypy --strict of the typed program", strict_mypy())),
        ]
        for check in checks:
            name, errors = check.result()
            print(f"{'FAILED' if errors else 'ok':6}  {name}", *errors, sep="\n  ", flush=True)
            failed = failed or bool(errors)
    return failed


if __name__ == "__main__":
    sys.exit(main())
