"""What may import what, read from the source, and what importing `stance` costs."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import stance

ORDER = (
    "version",
    "errors",
    "memory",
    "once",
    "taxonomy",
    "results",
    "terminal",
    "features",
    "text",
    "files",
    "storage",
    "pooling",
    "decision",
    "parameters",
    "scoring",
    "compiled",
    "formats",
    "lines",
    "table",
    "writer",
    "labelled",
    "model",
    "views",
    "notebook",
    "parallel",
    "processes",
    "columns",
    "arrow",
    "frame",
    "cluster",
    "dispatch",
    "outputs",
    "answering",
    "corpus",
    "pipeline",
    "counting",
    "calibration",
    "heads",
    "evaluation",
    "adapting",
    "learning",
    "similarity",
    "doubts",
    "curate",
    "suggesting",
    "inspecting",
    "comparing",
    "summaries",
    "page",
    "drawing",
    "article_page",
    "corpus_charts",
    "extremes",
    "corpus_page",
    "evaluation_page",
    "report",
    "api",
    "__init__",
    "commands",
    "cli",
    "__main__",
)
"""A module imports only from modules before it."""

LATE = {
    ("evaluation", "evaluation_page"),
    ("model", "dispatch"),
    ("model", "pipeline"),
    ("results", "notebook"),
    ("results", "terminal"),
}
"""Imports inside functions against the order: methods whose work needs what scoring does without."""

TRAINING = {
    "labelled",
    "counting",
    "calibration",
    "heads",
    "evaluation",
    "adapting",
    "learning",
    "doubts",
    "curate",
    "suggesting",
}
HEAVY = {
    "jinja2",
    "joblib",
    "matplotlib",
    "numpy",
    "pandas",
    "polars",
    "pyarrow",
    "scipy",
    "sklearn",
    "threadpoolctl",
    "tqdm",
}
VIEWS = {"html", "stance.notebook", "stance.terminal", "stance.views", "unicodedata"}
"""Imported when an answer is shown."""
PACKAGE = Path(stance.__file__).parent
TREES = {path.stem: ast.parse(path.read_text(encoding="utf-8")) for path in sorted(PACKAGE.rglob("*.py"))}


def imported(nodes: Iterator[ast.AST]) -> set[str]:
    """The modules of `stance` that some nodes import; the package itself is `__init__`."""
    found = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative import"
            inside = [f"stance.{alias.name}" for alias in node.names if alias.name in ORDER]
            names = inside if node.module == "stance" and inside else [node.module or ""]
        else:
            continue
        own = {[*name.split("."), "__init__"][1] for name in names if name.split(".")[0] == "stance"}
        found |= own - {"_counting", "_kernel", "_solver"}  # compiled: they import nothing
    return found


def at_module_level(node: ast.AST, with_types: bool = True) -> Iterator[ast.AST]:
    """All nodes outside functions; without those under ``if TYPE_CHECKING`` where `with_types` is false."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING" and not with_types:
            continue
        yield child
        yield from at_module_level(child, with_types)


def reached(start: str) -> set[str]:
    """The modules that importing `start` imports, directly or not."""
    found: set[str] = set()
    waiting = [start]
    while waiting:
        module = waiting.pop()
        if module not in found:
            found.add(module)
            waiting += imported(at_module_level(TREES[module], with_types=False))
    return found


def test_every_module_has_its_place_in_the_order() -> None:
    assert sorted(TREES) == sorted(ORDER)


@pytest.mark.parametrize("module", ORDER)
def test_imports_at_module_level_follow_the_order(module: str) -> None:
    before = set(ORDER[: ORDER.index(module)])
    assert imported(at_module_level(TREES[module])) - before == set()


def test_imports_inside_functions_follow_the_order_but_for_a_few() -> None:
    against = {
        (module, other)
        for module in ORDER
        for other in imported(ast.walk(TREES[module]))
        if ORDER.index(other) >= ORDER.index(module)
    }
    assert against == LATE


@pytest.mark.parametrize("module", ["__init__", "dispatch", "cli"])
def test_scoring_reaches_no_training_code(module: str) -> None:
    assert reached(module) & TRAINING == set()


def test_the_walk_over_imports_finds_what_is_there() -> None:
    assert imported(at_module_level(TREES["api"])) == {"storage", "model", "once", "results"}
    assert imported(at_module_level(TREES["dispatch"])) == {"arrow", "cluster", "columns", "frame", "model"}
    assert imported(at_module_level(TREES["dispatch"], with_types=False)) == {"arrow", "cluster", "columns", "frame"}
    assert {"__init__", "api", "model", "storage", "errors"} <= reached("cli")


@pytest.mark.skipif(stance.backend() == "python", reason="without the kernel NumPy scores")
def test_classifying_imports_no_heavy_package() -> None:
    program = (
        "import sys, stance\n"
        "stance.classify('Peace talks resumed.')\n"
        "stance.classify_document('Peace talks resumed.')\n"
        f"print(sorted({HEAVY | VIEWS!r} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.skipif(stance.backend() == "python", reason="without the kernel NumPy scores")
def test_the_command_line_imports_no_heavy_package_to_classify(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("Peace talks resumed.", encoding="utf-8")
    program = (
        "import sys\nfrom stance.cli import main\n"
        f"main(['classify', {str(tmp_path / 'a.txt')!r}])\n"
        f"print(sorted({HEAVY!r} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("module", [name for name in ORDER if name != "__main__"])
def test_every_module_lists_its_public_names_sorted(module: str) -> None:
    lists = [
        ast.literal_eval(node.value)
        for node in TREES[module].body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
    ]
    assert len(lists) == 1
    # Constants first, then classes, then functions.
    assert lists[0] == sorted(set(lists[0]), key=lambda name: (not name.isupper(), not name[0].isupper(), name))
    assert lists[0]


@pytest.mark.parametrize("module", ORDER)
def test_nothing_runs_code_from_data(module: str) -> None:
    for node in ast.walk(TREES[module]):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [alias.name for alias in node.names] + [getattr(node, "module", None) or ""]
            packages = {name.split(".")[0] for name in names}
            assert not packages & {"cloudpickle", "dill", "marshal", "pickle", "shelve"}
        if isinstance(node, ast.Call):
            assert ast.unparse(node.func) not in {"eval", "exec", "compile", "__import__", "os.system"}
            assert not any(keyword.arg in ("shell", "allow_pickle") for keyword in node.keywords)
