"""`python -m tests.clients` runs the clients' own tests on HIPS autograd and on ours, and prints the two side by side.

All that it installs and downloads, from the package index, goes to build/clients: an environment with the clients and
what they need, but without an `autograd`; HIPS autograd in a folder of its own; the source distributions, which have
the tests. Some have none: put a checkout of the repository where the message says, or name a folder of checkouts with
--checkouts. Each run differs from the other in the path alone.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import time
import venv
import xml.etree.ElementTree as xml
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from .table import CLIENTS, EXAMPLES, HIPS

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
BUILD = ROOT / "build" / "clients"
PYTHON = BUILD / "venv" / "bin" / "python"
OPTIONS = "-q --rootdir=. -o addopts= -o required_plugins= -W ignore -p no:cacheprovider -p right_autograd"
MOST = 30  # differences of one client that are named


def say(text):
    print(f"clients: {text}", file=sys.stderr, flush=True)


def pip(*arguments):
    command = [PYTHON, "-m", "pip", "--disable-pip-version-check", "--quiet", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"clients: pip {' '.join(map(str, arguments))} failed:\n{done.stderr.strip()}")


def install(requirements):
    """The environment, HIPS autograd beside it, and ours as links, so that nothing else of this folder is imported."""
    installed = BUILD / requirements.name
    wanted = f"{HIPS}\n{requirements.read_text()}"
    if not (installed.exists() and installed.read_text() == wanted):
        say(f"installing into {BUILD.relative_to(ROOT)}")
        if not PYTHON.exists():
            venv.create(BUILD / "venv", with_pip=True)
        pip("install", "--no-deps", "--requirement", requirements)
        pip("install", "--no-deps", "--upgrade", "--target", BUILD / "HIPS", HIPS)
        shutil.rmtree(BUILD / "reports", ignore_errors=True)
        installed.write_text(wanted)
    (BUILD / "pytest.ini").touch()  # so that a client without a configuration does not get this project's
    (BUILD / "ours").mkdir(exist_ok=True)
    for package in ("autograd", "cuobjax"):
        link = BUILD / "ours" / package
        link.unlink(missing_ok=True)
        link.symlink_to(ROOT / package)


def source(client, checkouts):
    """The folder with the tests of a client, or None where it needs a checkout that is not there."""
    if client.checkout:
        folder = checkouts / client.name
        return folder if (folder / client.tests[0]).exists() else None
    name = client.distribution.replace("==", "-")
    folder = BUILD / "sources" / name
    if not folder.exists():
        say(f"downloading the source of {client.distribution}")
        pip("download", "--no-deps", "--no-binary", ":all:", "--dest", folder.parent, client.distribution)
        with tarfile.open(folder.parent / f"{name}.tar.gz") as archive:
            archive.extractall(folder.parent, filter="data")
        shutil.rmtree(folder / "autograd", ignore_errors=True)  # the one to test with comes from elsewhere
    return folder


@dataclass
class Result:
    """What the tests of one client did on one library.

    Attributes:
        outcomes: Of each test, by name: passed, failed or skipped.
        numbers: What tests computed, for those that say it.
        seconds: How long they took.
        trouble: Why there is no more to say.
        commit: Of ours, when they ran.
    """

    outcomes: dict[str, str]
    numbers: dict[str, list[float]]
    seconds: float
    trouble: str = ""
    commit: str = ""

    def count(self, outcome):
        return sum(found == outcome for found in self.outcomes.values())


def run(client, folder, library, again):
    """The result of a client's tests, which run if it is not there or if they shall run `again`."""
    report = BUILD / "reports" / f"{re.sub('[^a-z0-9]+', '-', client.name.lower())}-{library}.xml"
    log = report.with_suffix(".log")
    if again or not report.exists():
        say(f"{client.name} on {library}")
        report.parent.mkdir(exist_ok=True)
        report.unlink(missing_ok=True)
        report.with_suffix(".commit").write_text(commit())
        try:
            with log.open("w") as printed:
                subprocess.run(
                    command(client, report), cwd=folder, env=environment(client, folder, library),
                    stdout=printed, stderr=printed, timeout=client.seconds, check=False,
                )  # fmt: skip
        except subprocess.TimeoutExpired:
            return Result({}, {}, client.seconds, f"no end within {client.seconds} s", commit())
    result = read(report) if report.exists() else Result({}, {}, 0)
    result.commit = report.with_suffix(".commit").read_text()
    if not result.outcomes:
        report.unlink(missing_ok=True)
        result.trouble = log.read_text().strip().splitlines()[-1]
    return result


def command(client, report):
    return [PYTHON, "-m", "pytest", *OPTIONS.split(), f"--junitxml={report}", *client.options, *client.tests]


def environment(client, folder, library):
    if client.tests == (EXAMPLES,):
        shutil.copy(HERE / "inside" / EXAMPLES, folder)  # away from this project's conftest.py
    roots = ["examples"] if client.distribution == HIPS else client.root.split()
    path = [BUILD / library, HERE / "inside", *(folder / root for root in roots)]
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PYTEST"))},
        "PYTHONPATH": os.pathsep.join(map(str, path)),
        "PYTHONSAFEPATH": "1",  # the folder of HIPS autograd's tests has an `autograd`, too
        "CLIENTS_LIBRARY": str(BUILD / library),
        "CUOBJAX_DEVICE": "cpu",
        "MPLBACKEND": "agg",
        "OPENBLAS_NUM_THREADS": "1",
        **client.settings,
    }


def read(report):
    """The result in a report of pytest."""
    root, counts = xml.parse(report).getroot(), Counter[str]()
    result = Result({}, {}, sum(float(suite.get("time", 0)) for suite in root.iter("testsuite")))
    for case in root.iter("testcase"):
        name = f"{case.get('classname')}::{case.get('name')}".removeprefix("::")
        function, _, parameters = name.partition("[")
        if any(part in parameters for part in (" at 0x", "<primitive ", "array(")):  # which differ in each run
            counts[function] += 1
            name = f"{function}[{counts[function]}]"
        kinds = {child.tag for child in case}
        failed, skipped = kinds & {"failure", "error"}, "skipped" in kinds
        result.outcomes[name] = "failed" if failed else "skipped" if skipped else "passed"
        for found in case.iterfind("properties/property[@name='numbers']"):
            result.numbers[name] = json.loads(found.get("value", "[]"))
    return result


def differences(client, theirs, ours):
    """A line for each test that HIPS autograd alone passes or that is known as failing; how many are unexpected."""
    better = [part for part in client.known if all(o == "passed" for n, o in ours.outcomes.items() if part in n)]
    lines = [f"{client.name}: {part}: passes, take it out of the known ones" for part in better]
    unexpected = 0
    for name, outcome in theirs.outcomes.items():
        here = ours.outcomes.get(name, "not run")
        if outcome == here == "passed" and not close(theirs.numbers.get(name), ours.numbers.get(name)):
            here = "other numbers"
        if outcome == "passed" and here != "passed":
            reasons = [reason for part, reason in client.known.items() if part in name]
            lines.append(f"{client.name}: {name}: {here}: {reasons[0] if reasons else 'NOT EXPECTED'}")
            unexpected += not reasons
    if len(lines) > MOST:
        lines[MOST:] = [f"{client.name}: and {len(lines) - MOST} more"]
    return lines, unexpected


def close(theirs, ours):
    if theirs is None or ours is None:
        return theirs == ours
    return len(theirs) == len(ours) and all(
        abs(a - b) <= 1e-6 * max(abs(a), abs(b), 1) for a, b in zip(theirs, ours, strict=True)
    )


def row(client, theirs, ours):
    shared = [name for name, outcome in theirs.outcomes.items() if outcome == "passed"]
    both = sum(ours.outcomes.get(name) == "passed" for name in shared)
    alone = ours.count("passed") - both
    cells = [client.name, client.distribution.partition("==")[2], len(shared), both, alone]
    cells += [f"{theirs.count('failed')}, {ours.count('failed')}", f"{theirs.seconds:.0f}, {ours.seconds:.0f}"]
    return f"| {' | '.join(map(str, cells))} |"


HEAD = """| client | version | pass: HIPS | these on ours | on ours alone | fail: HIPS, ours | seconds: HIPS, ours |
| --- | --- | --- | --- | --- | --- | --- |"""


def commit():
    found = ["git", "rev-parse", "--short", "HEAD"]
    return subprocess.run(found, cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()


def title():
    return (
        f"# Clients of HIPS autograd, {time.strftime('%F')}\n\nTheir own tests on HIPS autograd ({HIPS}) and on ours "
        f"({commit()}), Python {sys.version.split()[0]}; written by `make clients`. Tests that HIPS autograd fails, "
        "too, are left out of the third and fourth column.\n"
    )


def chosen(options):
    """The clients to run, and a line for each that needs a checkout, which is not there: [(client, folder)], lines."""
    found, missing = [], []
    for client in CLIENTS:
        if (options.quick and not client.quick) or not any(part in client.name for part in options.names or [""]):
            continue
        folder = source(client, options.checkouts.resolve())
        if folder is not None:
            found.append((client, folder))
        else:
            missing.append(
                f"{client.name}: not run. Its source distribution has no tests: put a checkout of {client.checkout} "
                f"at version {client.distribution.partition('==')[2]} into {options.checkouts / client.name}"
            )
    return found, missing


def main():
    parser = argparse.ArgumentParser(prog="python -m tests.clients", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="client", help="these alone, by a part of their names")
    parser.add_argument("--quick", action="store_true", help="the clients that take seconds")
    parser.add_argument("--ours", action="store_true", help="on ours alone, as if all tests passed with HIPS autograd")
    parser.add_argument("--go-on", action="store_true", help="after a stop: run what has no result yet, on ours, too")
    parser.add_argument("--checkouts", type=Path, default=BUILD / "checkouts", help="the folder of checkouts")
    parser.add_argument("--output", type=Path, help="a file for the table")
    options = parser.parse_args()
    install(HERE / ("quick.txt" if options.quick else "requirements.txt"))
    clients, lines = chosen(options)
    lines += ["HIPS autograd: not run, its results are taken to be right"] * options.ours
    rows, unexpected = [HEAD], 0
    for client, folder in clients:
        ours = run(client, folder, "ours", not options.go_on)
        expected = {name: outcome.replace("failed", "passed") for name, outcome in ours.outcomes.items()}
        theirs = Result(expected, ours.numbers, 0)
        if not options.ours:
            theirs = run(client, folder, "HIPS", again=False)  # whose version is fixed
        rows.append(row(client, theirs, ours))
        found, new = differences(client, theirs, ours)
        troubles = [f"{client.name}: {result.trouble}" for result in (theirs, ours) if result.trouble]
        lines += troubles + found
        unexpected += new + len(troubles)
        if ours.commit != commit():
            lines.append(f"{client.name}: on ours at {ours.commit}")
    text = "\n".join([*rows, "", *(f"- {line}" for line in lines)])
    print(text)
    if options.output:
        options.output.write_text(f"{title()}\n{text}\n")
    return int(unexpected > 0)


if __name__ == "__main__":
    sys.exit(main())
