"""Changes one place of a file at a time, and looks whether a test notices: `make mutants FILES=... TESTS=...`.

Each mutant is a forked process, in which the functions of the file have the changed code when the tests begin. Where
that changes nothing, as for a default of a parameter, or no test fails, as for a decorator that ran before, the tests
run in a new Python. Where none fails there either, the change makes no difference, or nobody needs the code, or a test
is missing.
"""

import argparse
import ast
import collections
import gc
import importlib.machinery
import itertools
import os
import random
import signal
import subprocess
import sys
import types
from pathlib import Path

import pytest

OTHER = {
    ast.Eq: "!=", ast.NotEq: "==", ast.Lt: "<=", ast.LtE: "<", ast.Gt: ">=", ast.GtE: ">",
    ast.Is: "is not", ast.IsNot: "is", ast.In: "not in", ast.NotIn: "in",
}  # fmt: skip


def changes(node, text):
    """How a node of the syntax tree may be changed, (node, text in its place); `text` gives the text of a node."""
    match node:
        case ast.Compare(left=a, ops=[op], comparators=[b]):
            yield node, f"({text(a)} {OTHER[type(op)]} {text(b)})"
        case ast.BoolOp(op=op, values=values):
            neutral = isinstance(op, ast.And)
            yield node, "(" + (" or " if neutral else " and ").join(f"({text(x)})" for x in values) + ")"
            yield from ((x, str(neutral)) for x in values)
        case ast.UnaryOp(op=ast.Not(), operand=x):
            yield node, f"({text(x)})"
        case ast.Constant(value=bool() | int() as x):
            yield node, str(not x if isinstance(x, bool) else x + 1)
        case ast.BinOp(left=a, op=ast.Add() | ast.Sub() as op, right=b):
            yield node, f"({text(a)} {'-' if isinstance(op, ast.Add) else '+'} {text(b)})"
        case ast.If(test=x) | ast.While(test=x):
            yield x, f"(not ({text(x)}))"
        case ast.comprehension(ifs=tests):
            yield from ((x, f"(not ({text(x)}))") for x in tests)
        case ast.IfExp(body=a, orelse=b):
            yield from ((node, f"({text(x)})") for x in (a, b))
        case ast.Return(value=ast.expr()):
            yield node, "return None"
        case ast.Assign(targets=[ast.Attribute() | ast.Subscript()]) | ast.AnnAssign(target=ast.Attribute()):
            yield node, "pass"
        case ast.Raise() | ast.AugAssign() | ast.Delete() | ast.Continue() | ast.Expr(value=ast.Call()):
            yield node, "pass"


def mutants(source):
    """All mutants, [(line, old text, new text, new source)], in which functions begin at the same lines."""
    data, todo, found = source.encode(), [ast.parse(source)], {}
    starts = [0, *itertools.accumulate(map(len, data.splitlines(keepends=True)))]
    for node in todo:
        for x, new in changes(node, lambda x: ast.get_source_segment(source, x)):
            start, end = starts[x.lineno - 1] + x.col_offset, starts[x.end_lineno - 1] + x.end_col_offset
            old, rest = data[start:end].decode(), data[end:].decode()
            lost = "\n" * (old.count("\n") - new.count("\n"))
            code = new[:-1] + lost + new[-1] if new[-1] == ")" else new + lost
            found[start, end, new] = x.lineno, old, new, data[:start].decode() + code + rest
        todo += ast.iter_child_nodes(node)
    return [found[place] for place in sorted(found)]


def functions(source, path):
    """The code of all functions of a file, {(name, line): [code]}."""
    todo, found = [compile(source, path, "exec", dont_inherit=True)], collections.defaultdict(list)
    for code in todo:
        found[code.co_qualname, code.co_firstlineno].append(code)
        todo += [x for x in code.co_consts if isinstance(x, types.CodeType)]
    return found


class Mutation:
    """A plugin of pytest that tries mutants in place of running the tests once."""

    def __init__(self, options):
        self.options, self.failed = options, False

    def pytest_runtest_logreport(self, report):
        self.failed |= report.failed

    def survives(self, items, changed):
        """Whether no test fails, and none takes too long, in a process in which functions have other code."""
        child = os.fork()
        if child == 0:
            signal.alarm(self.options.seconds)
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            try:
                for f, code in changed.items():
                    f.__code__ = code
                for item, following in itertools.zip_longest(items, items[1:]):
                    if not self.failed:
                        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
                os._exit(self.failed)
            finally:
                os._exit(1)
        return os.waitpid(child, 0)[1] == 0

    def survives_anew(self, path, text):
        """The same in a new Python, in which a file has another text from the start."""
        command = [sys.executable, "-m", "tests.mutants", path, "--replace", "--tests", *self.options.tests]
        try:
            run = subprocess.run(command, input=text, text=True, capture_output=True, timeout=self.options.seconds)
        except subprocess.TimeoutExpired:
            return False
        return run.returncode == 0

    def pytest_runtestloop(self, session):
        from autograd.kernels.loading import loader  # here, as `replace` has to be called before

        loader.start()  # once for all
        functions_here = [f for f in gc.get_objects() if isinstance(f, types.FunctionType)]
        for file in self.options.files:
            path, source = str(file.resolve()), file.read_text()
            if not (self.survives(session.items, {}) and self.survives_anew(path, source)):
                raise pytest.UsageError("mutants: the tests fail or take too long before anything is changed.")
            live = [f for f in functions_here if f.__code__.co_filename == path]
            found, old = mutants(source), functions(source, path)
            chosen = random.Random(self.options.seed).sample(found, min(len(found), self.options.number or len(found)))
            survived = 0
            for line, was, becomes, text in sorted(chosen):
                new, changed = functions(text, path), {}
                for f in live:
                    place = f.__code__.co_qualname, f.__code__.co_firstlineno
                    if len(old[place]) == len(new[place]):  # else it is within what the change took out
                        code = new[place][old[place].index(f.__code__)]
                        if code.co_freevars == f.__code__.co_freevars:  # else Python does not let it in
                            changed[f] = code
                same = all(code == f.__code__ for f, code in changed.items())
                if (same or self.survives(session.items, changed)) and self.survives_anew(path, text):
                    survived += 1
                    print(f"{file}:{line}: {' '.join(was.split())} -> {' '.join(becomes.split())}", flush=True)
            print(f"{file}: {survived} of {len(chosen)} mutants survived", flush=True)
        return True


def replace(path, text):
    """Lets Python import the file as if it had this text."""
    get_code = importlib.machinery.SourceFileLoader.get_code

    def replaced(self, name):
        return compile(text, path, "exec", dont_inherit=True) if self.path == path else get_code(self, name)

    importlib.machinery.SourceFileLoader.get_code = replaced


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition(":")[0])
    parser.add_argument("files", nargs="+", type=Path, help="what to change")
    parser.add_argument("--tests", nargs="+", required=True, help="files of tests, those that notice most first")
    parser.add_argument("--number", type=int, help="how many mutants of each file; default: all")
    parser.add_argument("--seed", type=int, default=0, help="which ones (default: %(default)s)")
    parser.add_argument("--seconds", type=int, default=120, help="for the tests of a mutant (default: %(default)s)")
    parser.add_argument("--replace", action="store_true", help="only run the tests, with what is in stdin as the file")
    options = parser.parse_args()
    if options.replace:
        replace(str(options.files[0]), sys.stdin.read())
    plugins = [] if options.replace else [Mutation(options)]
    return pytest.main([*options.tests, "-qqsx", "-p", "no:cacheprovider", "-p", "no:xdist"], plugins=plugins)


if __name__ == "__main__":
    sys.exit(main())
