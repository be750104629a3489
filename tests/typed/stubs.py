"""Writes the stubs of cuobjax.numpy, what tools know of its functions: `python -m tests.typed.stubs`.

The functions of `cuobjax.numpy` are made when they are asked for, out of those of `autograd.numpy`. Their signatures
are read from the source of these, where `Result`, an Array or a raw array, becomes `Array`.
"""

import ast
import builtins
import copy
import functools
import importlib
import importlib.util
import inspect
import itertools
import operator
import textwrap
import types
from pathlib import Path

import numpy

from autograd.primitive import Primitive

ROOT = Path(__file__).parents[2]
STUBS = {
    "cuobjax.numpy": ROOT / "cuobjax/numpy/__init__.pyi",
    "cuobjax.numpy.fft": ROOT / "cuobjax/numpy/fft.pyi",
    "cuobjax.numpy.linalg": ROOT / "cuobjax/numpy/linalg.pyi",
}
LEFT_OUT = {"random", "complex192", "complex256", "float96", "float128"}  # the last ones are not on every platform
TEXT = '''\
"""{doc}"""

# Written by `make stubs` from the functions of {source}: change these.
# fmt: off
# ruff: noqa: E501, I001
{imports}

__all__ = [
{listed},
]

{body}
'''
INDEXED = "class _Indexed:\n    def __getitem__(self, key: Any, /) -> Any: ...\n"


class Stub:
    """The text of the stub of a module, and on the way the names that it imports."""

    def __init__(self, module):
        self.source = module.replace("cuobjax", "autograd", 1)
        theirs = importlib.import_module(self.source)
        self.names = [name for name in theirs.__all__ if name not in LEFT_OUT]
        self.modules, self.froms = set(), set()  # imported: modules, and pairs of a module and a name in it
        statements = [self.statement(name, getattr(theirs, name)) for name in self.names]
        indexed = INDEXED if any(s.endswith(": _Indexed") for s in statements) else ""
        froms = [
            _import(module, [name for _, name in names])
            for module, names in itertools.groupby(sorted(self.froms), operator.itemgetter(0))
        ]
        self.text = TEXT.format(
            doc=ast.get_docstring(ast.parse(STUBS[module].with_suffix(".py").read_text())),
            source=self.source,
            imports="\n".join([*(f"import {module}" for module in sorted(self.modules)), *froms]),
            listed=_filled(map('"{}"'.format, self.names)),
            body="\n".join(filter(None, [indexed, *statements])),
        )

    def statement(self, name, value):
        """What declares a public name; "" if it is imported."""
        if isinstance(value, Primitive | types.FunctionType) and value.__module__.startswith("autograd"):
            return self.function(name, value)
        if type(value).__module__.startswith("autograd") and not isinstance(value, type):
            self.imported("typing", "Any")
            return f"{name}: _Indexed"
        if isinstance(value, types.ModuleType):
            self.froms.add((".", name))
        elif name == "ndarray":
            self.froms.add(("autograd", "Array as ndarray"))
        else:
            self.froms.add(("numpy" if getattr(numpy, name, None) is value else value.__module__, name))
        return ""

    def function(self, name, value):
        nodes, origins = definitions(name, value)
        return "\n".join(self.signature(name, value, node, origins) for node in nodes)

    def signature(self, name, value, node, origins):
        parameters = node.args
        everything = [*parameters.posonlyargs, *parameters.args, *parameters.kwonlyargs]
        for a in filter(None, [*everything, parameters.vararg, parameters.kwarg]):
            a.annotation = self.annotation(a.annotation, origins)
        parameters.defaults = [_default(x) for x in parameters.defaults]
        parameters.kw_defaults = [x and _default(x) for x in parameters.kw_defaults]
        node.returns = self.annotation(node.returns, origins)
        node.name = name
        overload = _is_overload(node, name)
        node.decorator_list = [ast.Name(self.imported("typing", "overload"))] if overload else []
        node.body = [ast.Expr(ast.Constant(" ".join(inspect.getdoc(value).split("\n\n")[0].split())))]
        return ast.unparse(ast.fix_missing_locations(node))

    def annotation(self, annotation, origins):
        """An annotation in the names of the stub; `origins` says where the names of its source come from."""
        annotation = annotation or ast.Name("Any")
        if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
            annotation = ast.parse(annotation.value, mode="eval").body
        for node in ast.walk(annotation):
            if isinstance(node, ast.Name):
                node.id = self.named_here(node.id, origins)
        return annotation

    def named_here(self, name, origins):
        if name in ("Result", "Array"):
            return self.imported("autograd", "Array")
        if name in origins:
            return self.imported(*origins[name])
        if hasattr(builtins, name):
            return self.imported("builtins", name) if name in self.names else name
        return self.imported("typing" if name == "Any" else "autograd.typing", name)

    def imported(self, module, name):
        """Imports a name, None for the module itself; gives what it is called here, where public names are taken."""
        if name is not None and name not in self.names:
            self.froms.add((module, name))
            return name
        self.modules.add(module)
        return module if name is None else f"{module}.{name}"


def _filled(words):
    return textwrap.fill(", ".join(words), 120, initial_indent="    ", subsequent_indent="    ")


def _import(module, names):
    text = f"from {module} import {', '.join(names)}"
    return text if len(text) <= 120 else f"from {module} import (\n{_filled(names)},\n)"


def _default(node):
    """A default value as a stub shows it."""
    try:
        ast.literal_eval(node)
    except ValueError:
        return ast.Constant(...)
    return node


def definitions(name, function):
    """The syntax tree of the definition of a function, or those of its overloads, and where names in them come from.

    A function that another one made gives what the annotation of its variable says, `Callable[..., result]`.
    """
    if isinstance(function, Primitive):
        node = ast.parse(f"def primitive{function.__signature__} -> Result: ...").body[0]
        for a in (*node.args.posonlyargs, *node.args.args, *filter(None, [node.args.vararg])):
            a.annotation = ast.Name("ArrayLike")
        return [node], {}
    inner = getattr(function, "__wrapped__", function)
    code = (inner if inner.__module__.startswith("autograd") else function).__code__
    tree, origins = parsed(Path(code.co_filename))
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.name == code.co_name:
            first = min(line.lineno for line in (node, *node.decorator_list))
            if first == code.co_firstlineno:
                found = copy.deepcopy([other for other in tree.body if _is_overload(other, node.name)] or [node])
                for variable in tree.body:
                    if isinstance(variable, ast.AnnAssign) and variable.target.id == name:
                        found[0].returns = copy.deepcopy(variable.annotation.slice.elts[1])
                return found, origins
    raise LookupError(f"stubs: expected a definition of {function.__qualname__} in {code.co_filename}, found none.")


def _is_overload(node, name):
    return (
        isinstance(node, ast.FunctionDef) and node.name == name and "overload" in map(ast.unparse, node.decorator_list)
    )


@functools.cache
def parsed(path):
    """The syntax tree of a file, and {name: (module, name there or None for the module itself)}."""
    tree = ast.parse(path.read_text())
    module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
    origins = {}
    for node in tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", node)]
        names = [getattr(target, "id", getattr(target, "name", None)) for target in targets]
        origins.update({name: (module, name) for name in names})
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            origins.update({a.asname or a.name: (a.name, None) for a in node.names})
        elif isinstance(node, ast.ImportFrom):
            source = importlib.util.resolve_name("." * node.level + (node.module or ""), module.rpartition(".")[0])
            origins.update({a.asname or a.name: (source, a.name) for a in node.names})
    return tree, origins


def stubs():
    """{path: text} of all stubs."""
    return {path: Stub(module).text for module, path in STUBS.items()}


if __name__ == "__main__":
    for path, text in stubs().items():
        path.write_text(text)
