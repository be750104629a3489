"""How `make docs` builds the pages of this folder: Sphinx, offline; every warning is an error."""

import re
from inspect import isfunction
from pathlib import Path
from typing import Any

from sphinx.util.inspect import signature, stringify_signature

import cuobjax

project, author = "cuobjax", "the cuobjax authors"
release = version = cuobjax.__version__
copyright = "2026, " + author

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build"]

myst_heading_anchors = 3
myst_enable_extensions = ["colon_fence"]

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_preserve_defaults = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True
add_module_names = False
default_role = "code"  # `name` in docstrings

html_theme = "furo"
html_title = "cuobjax"
html_static_path, html_css_files = ["_static"], ["tables.css"]
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


def _of_class(
    app: Any, what: str, name: str, obj: Any, options: Any, arguments: str | None, returned: str | None
) -> tuple[str, str | None] | None:
    """The arguments of a class are those of its `__init__`, not the `*args` of the `__new__` of modules."""
    if what != "class" or not isfunction(obj.__init__):
        return None
    found = signature(obj.__init__, bound_method=True)
    return stringify_signature(found, show_return_annotation=False, unqualified_typehints=True), None


def _with_newest(app: Any, name: str, source: list[str]) -> None:
    """The newest table of a kind in place of `newest-KIND.md`; a sentence where there is none yet."""

    def named(match: re.Match[str]) -> str:
        found = sorted((Path(app.srcdir).parent / "benchmarks" / "results").glob(f"*-{match[1]}.md"))
        return match[0].replace(f"newest-{match[1]}.md", found[-1].name) if found else "There is no table yet."

    source[0] = re.sub(r"```\{include\} \S*/newest-(\w+)\.md\n.*?```", named, source[0], flags=re.DOTALL)


def setup(app: Any) -> None:
    """Sphinx calls it."""
    app.connect("source-read", _with_newest)
    app.connect("env-get-outdated", lambda *args: ["benchmarks"])  # read anew, as files may have come
    app.connect("autodoc-process-docstring", _as_text, priority=400)  # before napoleon
    app.connect("autodoc-process-signature", _of_class)
