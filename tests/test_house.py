"""Rules of the house that no linter knows: rooms, sizes, and how docstrings begin."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FILES = sorted([*ROOT.glob("kernels/**/*.py"), *ROOT.glob("diffuse_ui/**/*.py")])
MAX_ROOMS = {"kernels": 22, "diffuse_ui": 18}
MAX_LINES, MAX_BODY, MAX_FIRST_LINE = 400, 50, 144
DANGLING = ("What ", "Of ", "By ", "As ", "The same ")


def documented(tree: ast.Module):
    """Nodes that may have a docstring, with it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield node, ast.get_docstring(node)


@pytest.mark.parametrize("package", MAX_ROOMS)
def test_a_newcomer_finds_few_rooms(package):
    rooms = [
        path
        for path in (ROOT / package).iterdir()
        if (path.suffix == ".py" and path.name != "__init__.py") or (path / "__init__.py").exists()
    ]
    assert len(rooms) <= MAX_ROOMS[package], sorted(room.name for room in rooms)


def test_files_and_functions_are_short():
    long = []
    for path in FILES:
        text = path.read_text(encoding="utf-8")
        if text.count("\n") > MAX_LINES:
            long.append(f"{path.relative_to(ROOT)}: {text.count(chr(10))} lines")
        for node, docstring in documented(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                first = node.body[1 if docstring and len(node.body) > 1 else 0]
                lines = (node.end_lineno or 0) - first.lineno + 1
                if lines > MAX_BODY:
                    long.append(f"{path.relative_to(ROOT)}: {node.name} has {lines} lines")
    assert not long


def test_docstrings_say_what_the_thing_is():
    vague = []
    for path in FILES:
        for node, docstring in documented(ast.parse(path.read_text(encoding="utf-8"))):
            first = (docstring or "").split("\n")[0].strip()
            if first.startswith(DANGLING) or len(first) > MAX_FIRST_LINE:
                vague.append(f"{path.relative_to(ROOT)}: {getattr(node, 'name', 'module')}: {first}")
    assert not vague
