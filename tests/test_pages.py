"""What the pages in docs/ promise of names: they are there, and nothing that ought to be on a page is missing."""

import importlib
import re
from pathlib import Path

import pytest

from tests.test_public_names import MODULES, NAMES

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = {path.name: path.read_text() for path in [*sorted(DOCS.glob("*.md")), ROOT / "README.md"]}
FROM_ANOTHER_LIBRARY = [name for name in PAGES if name.startswith("from_")]

OBJAX = [
    (line.partition(": ")[0], name)
    for line in (ROOT / "tests" / "data" / "objax_names.txt").read_text().splitlines()
    if not line.startswith("#")
    for name in line.partition(": ")[2].split()
]


def found(path):
    """The object at a dotted path, of which the first parts are modules; raises where there is none."""
    value, names = importlib.import_module(path.partition(".")[0]), path.split(".")[1:]
    for name in names:
        if not hasattr(value, name):
            importlib.import_module(f"{value.__name__}.{name}")
        value = getattr(value, name)
    return value


def is_here(path):
    try:
        found(path)
    except (AttributeError, ImportError):
        return False
    return True


def remedies():
    """What the left column of the tables of from_objax.md names."""
    rows = re.findall(r"^\| ([^|]+) \| [^|]+ \|$", PAGES["from_objax.md"], re.MULTILINE)
    return set(re.findall(r"`objax\.([\w.]+)`", "".join(rows)))


@pytest.mark.parametrize("module", sorted({module for module, _ in OBJAX}))
def test_names_of_objax_are_here_or_have_a_remedy(module):
    listed = remedies()
    missing = [
        f"{module}.{name}"
        for of, name in OBJAX
        if of == module and not is_here(f"{module}.{name}".replace("objax", "cuobjax"))
    ]
    parts = {name: [name.removeprefix("objax.").rsplit(".", n)[0] for n in range(name.count("."))] for name in missing}
    assert [name for name in missing if not listed.intersection(parts[name])] == []


def test_no_remedy_for_a_name_that_is_here():
    assert len(remedies()) >= 5
    assert [name for name in sorted(remedies()) if is_here(f"cuobjax.{name}")] == []


# What code in the text of pages begins with.
ROOTS = {"cuobjax": "cuobjax", "autograd": "autograd", "jn": "cuobjax.numpy", "np": "autograd.numpy"}
ROOTS |= {
    name: f"cuobjax.{name}"
    for name in "data debug distributed functional io jaxboard metrics nn optimizer plot precision privacy".split()
}


def names_in(text):
    """The dotted names of ours in the code within a text."""
    paragraphs = re.split(r"\n(?=\n|\|)", text)  # code may go on in the next line, but not in the next row
    for code in (code for paragraph in paragraphs for code in re.findall(r"`([^`]+)`", paragraph)):
        for name in re.findall(r"(?<![\w./\"'])[a-z]\w*(?:\.[A-Za-z_]\w*)+", code):
            first, _, rest = name.partition(".")
            if first in ROOTS and not re.search(r"\.(py|md|npz|pyi)$", name):
                yield f"{ROOTS[first]}.{rest}"


@pytest.mark.parametrize("page", PAGES)
def test_names_in_the_text_of_pages_are_there(page):
    text = re.sub(r"^```.*?^```", "", PAGES[page], flags=re.DOTALL | re.MULTILINE)
    if page in FROM_ANOTHER_LIBRARY:  # the last column is ours
        text = "\n".join(line.split(" | ")[-1] for line in text.splitlines() if line.startswith("|"))
    wrong = [name for name in dict.fromkeys(names_in(text)) if not is_here(name)]
    assert wrong == []


def test_names_are_looked_at():
    text = "`jn.exp(nn.Linear(2, 3).w)` jn.no `a\nb`, `jn.sin(\njn.cos)`, `numpy.exp`, `docs/io.py`"
    names = ["cuobjax.numpy.exp", "cuobjax.nn.Linear", "cuobjax.numpy.sin", "cuobjax.numpy.cos"]
    assert list(names_in(text)) == names
    assert not is_here("cuobjax.numpy.expo") and is_here("cuobjax.nn.Linear.vars")
    assert sum(len(list(names_in(text))) for text in PAGES.values()) > 200


def test_all_kinds_of_benchmarks_are_shown():
    written = {path.stem.split("-")[-1] for path in (ROOT / "benchmarks" / "results").glob("*.md")}
    assert written <= set(re.findall(r"newest-(\w+)\.md", PAGES["benchmarks.md"]))


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "examples/README.md"])
def test_links_of_pages_outside_of_the_site_lead_to_files(page):
    links = re.findall(r"\]\((?!https?:)([^)#]+)", (ROOT / page).read_text())
    assert [link for link in links if not (ROOT / page).parent.joinpath(link).is_file()] == []


# The programs in pages, by what follows ``` at their beginning, and who runs them; {…} is for Sphinx.
RUN_BY = {
    "python": "test_readme.py, which reads these pages",
    "python error": "test_errors_page.py",
    "python setup": "test_errors_page.py",
    "python tape": "test_tape_page.py",
    "py": "exchange/test_training_loops.py, where PyTorch and the others are installed",
}
PAGES_OF_ONE_TEST = {"python error": {"errors.md"}, "python setup": {"errors.md"}, "python tape": {"tape.md"}}
PAGES_OF_ONE_TEST["py"] = {*FROM_ANOTHER_LIBRARY}


@pytest.mark.parametrize("page", PAGES)
def test_every_program_of_a_page_is_run_by_a_test(page):
    fences = re.findall(r"^[ \t>]*(?:```+|~~~+)(.*)", PAGES[page], re.MULTILINE)
    kinds = {begin for begin, end in zip(fences[::2], fences[1::2], strict=True) if not end}
    assert {kind for kind in kinds if not kind.startswith("{")} <= RUN_BY.keys() | {"", "sh"}
    assert all(page in pages for kind, pages in PAGES_OF_ONE_TEST.items() if kind in kinds)
    texts = re.findall(r"^```(.*?)\n(.*?)^```$", PAGES[page], re.DOTALL | re.MULTILINE)
    program = re.compile(r"^(import|from) \w|^ *print\(", re.MULTILINE)
    assert not any(program.search(text) for kind, text in texts if not kind)
    assert len(re.findall(r"```python\n", PAGES[page])) == len(re.findall(r"^```python$", PAGES[page], re.MULTILINE))


def test_what_newcomers_read_stays_short():
    lines = PAGES["design.md"].splitlines()
    assert len(lines) <= 200 and max(map(len, lines)) <= 120
    assert len((ROOT / "CONTRIBUTING.md").read_text().splitlines()) <= 80


@pytest.mark.parametrize("name", sorted({*MODULES, *NAMES}))
def test_every_public_module_has_a_page_of_the_reference(name):
    pages = [path.read_text() for path in (DOCS / "api").glob("*.md")]
    assert sum(len(re.findall(rf"^\.\. automodule:: {re.escape(name)}$", page, re.MULTILINE)) for page in pages) == 1


def test_every_page_of_the_reference_is_in_its_index():
    listed = re.findall(r"^([\w.]+)$", (DOCS / "api" / "index.md").read_text(), re.MULTILINE)
    assert sorted(listed) == sorted(path.stem for path in (DOCS / "api").glob("*.md") if path.stem != "index")
