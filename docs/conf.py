"""How `make docs` builds the pages of this folder: Sphinx, offline; every warning is an error."""

import re
from enum import Enum
from inspect import isfunction
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.domains.python import PyObject
from sphinx.ext.autodoc.preserve_defaults import update_defvalue
from sphinx.util.inspect import signature, stringify_signature
from sphinx.util.nodes import make_refnode
from sphinx.util.typing import stringify_annotation

import cuobjax
from autograd import typing

project, author = "cuobjax", "the cuobjax authors"
release = version = cuobjax.__version__
copyright = "2026, " + author

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build"]

myst_heading_anchors = 3
myst_enable_extensions = ["colon_fence"]

autodoc_member_order = "alphabetical"
autodoc_typehints = "signature"
autodoc_preserve_defaults = True
maximum_signature_line_length = 100  # longer ones have a line for each argument
napoleon_numpy_docstring = False
napoleon_use_ivar = True
add_module_names = False
default_role = "code"  # `name` in docstrings

html_theme = "furo"
html_title = "cuobjax"
html_static_path, html_css_files = ["_static"], ["pages.css"]
highlight_language = "text"  # of blocks that name none
html_show_sourcelink = False


def _as_text(app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Docstrings are plain text with code in backticks: `*` and `|` mean themselves in them."""
    paragraphs = "\n".join(lines).split("\n\n")
    for i, text in enumerate(paragraphs):
        if not text.lstrip().startswith(">>>"):
            parts = re.split(r"(`[^`]+`)", text)
            parts[::2] = [re.sub(r"([*|])", r"\\\1", part) for part in parts[::2]]
            pairs = zip(parts[1::2], parts[2::2], strict=True)
            parts[1::2] = [f"`{code}`" + "\\ " * after[:1].isalpha() for code, after in pairs]  # `Cell`s
            paragraphs[i] = "".join(parts)
    lines[:] = "\n\n".join(paragraphs).splitlines()
    if what in ("attribute", "data", "property") and lines:
        lines[:1] = lines[0].replace(": ", ":\n", 1).splitlines()  # napoleon takes what precedes a colon for a type


def _expanded() -> list[tuple[str, str]]:
    """What Python makes of names of types in annotations, and these names; longer texts first."""
    array, shape, dtype, axes = (
        stringify_annotation(t, "smart") for t in (typing.ArrayLike, typing.Shape, typing.DTypeLike, typing.Axes)
    )
    nested = array.replace("[ArrayLike]", f"[{array}]")
    found = {nested: "ArrayLike", array: "ArrayLike", dtype: "DTypeLike", f"shape: {shape}": "Shape", axes: "Axes"}
    return [(text, "shape: " * (name == "Shape") + f"~autograd.typing.{name}") for text, name in found.items()]


_EXPANDED = _expanded()


def _signature(
    app: Any, what: str, name: str, obj: Any, options: Any, arguments: str | None, returned: str | None
) -> tuple[str | None, str | None]:
    """Types by their names; the arguments of a class are those of its `__init__`, not of the `__new__` of modules."""
    if what == "class" and issubclass(obj, Enum):
        return "", None  # nobody calls it
    if what == "class" and isfunction(obj.__init__):
        update_defvalue(app, obj.__init__, bound_method=True)  # as written in the source
        found = signature(obj.__init__, bound_method=True)
        arguments = stringify_signature(found, show_return_annotation=False, unqualified_typehints=True)
        returned = None
    for text, alias in _EXPANDED:
        arguments, returned = (part and part.replace(text, alias) for part in (arguments, returned))
    return arguments, returned


def _with_newest(app: Any, name: str, source: list[str]) -> None:
    """The newest table of a kind in place of `newest-KIND.md`; a sentence where there is none yet."""

    def named(match: re.Match[str]) -> str:
        found = sorted((Path(app.srcdir).parent / "benchmarks" / "results").glob(f"*-{match[1]}.md"))
        return match[0].replace(f"newest-{match[1]}.md", found[-1].name) if found else "There is no table yet."

    source[0] = re.sub(r"```\{include\} \S*/newest-(\w+)\.md\n.*?```", named, source[0], flags=re.DOTALL)


# Where names stand that pages write without them.
_PREFIXES = ("", "cuobjax.", "autograd.", "cuobjax.nn.", "cuobjax.optimizer.", "cuobjax.optimizer.scheduler.")


def _with_links(app: Any, tree: Any, page: str) -> None:
    """Code that begins with one name of the reference leads there, but for columns of other libraries' names."""
    objects = app.env.get_domain("py").objects
    for node in [*tree.findall(nodes.literal)]:
        name = re.match(r"[A-Za-z][\w.]*", node.astext())
        entry = node.parent
        while entry is not None and not isinstance(entry, nodes.entry | nodes.reference | nodes.title):
            entry = entry.parent
        theirs = page.startswith("from_") and isinstance(entry, nodes.entry) and entry.parent.index(entry) == 0
        if not name or theirs or isinstance(entry, nodes.reference | nodes.title):
            continue
        if name[0].islower() and "." not in name[0] and "(" not in node.astext():
            continue  # a word
        found = [objects[prefix + name[0]] for prefix in _PREFIXES if prefix + name[0] in objects]
        if len(found) == 1 and found[0].docname != page:
            node.replace_self(make_refnode(app.builder, page, found[0].docname, found[0].node_id, [node.deepcopy()]))


def setup(app: Any) -> None:
    """Sphinx calls it."""
    next(field for field in PyObject.doc_field_types if field.name == "variable").label = "Attributes"
    app.connect("doctree-resolved", _with_links)
    app.connect("source-read", _with_newest)
    app.connect("env-get-outdated", lambda *args: ["benchmarks"])  # read anew, as files may have come
    app.connect("autodoc-process-docstring", _as_text, priority=400)  # before napoleon
    app.connect("autodoc-process-signature", _signature)
