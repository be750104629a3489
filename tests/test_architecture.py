"""Who may import whom, and who may know of CuPy: read from the source, nothing is imported."""

import ast
import re
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent


def layers():
    """The rows of README's map from the bottom to the top: a module imports from its own row and from those below."""
    _, _, text = (ROOT / "README.md").read_text().partition("## How it is built")
    rows, package = [], ""
    for line in text.split("```")[1].strip("\n").splitlines():
        package = line[:11].strip(" /") or package
        rows.append([f"{package}.{name.strip('/')}" for name in line[11:36].split()])
        if line[:11].strip():
            rows[-1].append(package)  # the package itself stands on top
    return [row for row in reversed(rows) if row]


LAYERS = layers()


def files():
    """{name: file} of every module of both packages."""
    for path in sorted([*ROOT.glob("autograd/**/*.py"), *ROOT.glob("cuobjax/**/*.py")]):
        parts = path.relative_to(ROOT).with_suffix("").parts
        yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


FILES = dict(files())


@cache
def tree(name):
    """The syntax tree of a module, which takes some milliseconds to read."""
    return ast.parse(FILES[name].read_text(), str(FILES[name]))


@cache
def modules():
    """All nodes of the syntax tree of every module of both packages, by its name: to walk takes longer than to read."""
    return {name: [*ast.walk(tree(name))] for name in FILES}


def is_package(name):
    return FILES[name].name == "__init__.py"


@cache
def imports(name):
    """The modules of both packages that a module imports, within functions as well: (line, module)."""
    found = [node for node in statements(tree(name)) if isinstance(node, ast.Import | ast.ImportFrom)]
    return [(node.lineno, target) for node in found for target in imported(name, node)]


def statements(node):
    """All statements below `node`, but nothing that only type checkers see."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.expr) or (isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING"):
            continue  # no expression has a statement in it
        yield child
        yield from statements(child)


def imported(name, node):
    """The modules that an import statement names, packages resolved to the submodules that are meant."""
    if isinstance(node, ast.Import):
        found = [alias.name for alias in node.names]
    else:
        base = name.split(".") if is_package(name) else name.split(".")[:-1]
        start = ".".join(base[: len(base) - node.level + 1]) if node.level else ""
        source = ".".join(filter(None, [start, node.module]))
        found = [f"{source}.{alias.name}" if f"{source}.{alias.name}" in FILES else source for alias in node.names]
    return [target for target in dict.fromkeys(found) if target in FILES]


def layer(name):
    """The row that a module stands in: that of the longest name that it begins with, the packages' own are on top."""
    rows = [
        (len(start), row)
        for row, starts in enumerate(LAYERS)
        for start in starts
        if name == start or (name.startswith(f"{start}.") and start not in ("autograd", "cuobjax"))
    ]
    assert rows, f"{name}: give it a place in the map of README.md"
    return max(rows)[1]


def test_imports_run_downward():
    wrong = [
        f"{name}:{line} imports {target}"
        for name in FILES
        for line, target in imports(name)
        if layer(target) > layer(name)
    ]
    assert not wrong, "\n".join(wrong)


def test_autograd_never_imports_cuobjax():
    for name, nodes in modules().items():
        for node in nodes:
            if isinstance(node, ast.Import | ast.ImportFrom) and name.startswith("autograd"):
                assert not any(target.startswith("cuobjax") for target in imported(name, node)), f"{name}:{node.lineno}"


def test_there_are_no_cycles():
    """A package and its submodules count as what they are: `from . import x` is an import of x."""
    graph = {name: {target for _, target in imports(name)} - {name} for name in FILES}
    done, path = set(), []

    def visit(name):
        assert name not in path, " -> ".join([*path[path.index(name) :], name])
        if name not in done:
            path.append(name)
            for target in sorted(graph[name]):
                visit(target)
            done.add(path.pop())

    for name in graph:
        visit(name)


def test_what_is_private_stays_in_its_folder():
    """cuobjax imports no module of autograd whose name begins with an underscore."""
    wrong = [
        f"{name}:{line} imports {target}"
        for name in FILES
        for line, target in imports(name)
        if "._" in target and name.partition(".")[0] != target.partition(".")[0]
    ]
    assert not wrong, "\n".join(wrong)


def test_every_layer_is_there():
    starts = [start for row in LAYERS for start in row]
    assert [s for s in starts if not any(name == s or name.startswith(f"{s}.") for name in FILES)] == []


def test_nothing_is_imported_by_star():
    for name, nodes in modules().items():
        for node in nodes:
            if isinstance(node, ast.ImportFrom):
                assert all(alias.name != "*" for alias in node.names), f"{name}:{node.lineno}"


def test_only_the_backend_knows_cupy():
    """It imports CuPy, lazily; the protocols of Arrays look it up where it is loaded already."""
    for name, nodes in modules().items():
        for node in nodes:
            if isinstance(node, ast.Import | ast.ImportFrom):
                names = [alias.name for alias in node.names] + [getattr(node, "module", None) or ""]
                assert name == "autograd.backend" or not any(re.match(r"cupy(x|$|\.)", n) for n in names), (
                    f"{name}:{node.lineno}"
                )
            if isinstance(node, ast.Name) and node.id in ("cupy", "cupyx"):
                assert name in ("autograd.backend", "autograd.array_protocols"), f"{name}:{node.lineno}"
    loading = [node for node in tree("autograd.backend").body if isinstance(node, ast.Import)]
    assert not any("cupy" in alias.name for node in loading for alias in node.names)


def texts(nodes):
    """Strings that are no docstrings."""
    documented = (ast.Module, ast.FunctionDef, ast.ClassDef)
    docstrings = {
        id(node.body[0].value)
        for node in nodes
        if isinstance(node, documented) and node.body and isinstance(node.body[0], ast.Expr)
    }
    return [n for n in nodes if isinstance(n, ast.Constant) and isinstance(n.value, str) and id(n) not in docstrings]


def test_cupys_modules_are_named_in_few_places():
    """As strings, for `sys.modules`: where dispatch asks whether CuPy is loaded."""
    for name, nodes in modules().items():
        for node in texts(nodes):
            if re.fullmatch(r"cupyx?(\.\w+)*", node.value):
                known = (
                    "autograd.backend",
                    "autograd.primitive",
                    "autograd.array_protocols",
                    "cuobjax.doctor",
                    "cuobjax.core.contents",
                )
                assert name in known, f"{name}:{node.lineno}"


def test_no_assertions_in_public_code():
    """`assert` would vanish with -O; an invariant of our own raises AssertionError with what it saw."""
    found = [
        f"{name}:{node.lineno}" for name, nodes in modules().items() for node in nodes if isinstance(node, ast.Assert)
    ]
    assert not found


def test_files_are_short_and_say_what_they_are():
    assert [name for name in FILES if not ast.get_docstring(tree(name))] == []
    assert [name for name, path in FILES.items() if len(path.read_text().splitlines()) > 500] == []
