"""Rules that keep the house in order: what may import what, what is public, and that the linters are content."""

from __future__ import annotations

import ast
import doctest
import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

import bsa_measure

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "bsa_measure"
HEAVY = {
    "napari",
    "qtpy",
    "PyQt6",
    "torch",
    "pandas",
    "jinja2",
    "scipy",
    "skimage",
    "numba",
    "distributed",
    "onnxruntime",
}


def modules_after(statement: str) -> set[str]:
    code = f"import sys\n{statement}\nprint(' '.join(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return {name.partition(".")[0] for name in done.stdout.split()}


@pytest.mark.parametrize("module", ["", ".measure", ".cli", ".study", ".readings"])
def test_importing_the_core_loads_nothing_heavy(module: str) -> None:
    assert not modules_after(f"import bsa_measure{module}") & HEAVY


def test_the_command_line_and_the_package_load_not_even_numpy() -> None:
    assert not modules_after("import bsa_measure.cli") & {"numpy", "cv2", "pydantic", "PIL"}


def test_every_public_name_is_there_and_listed_once() -> None:
    assert bsa_measure.__all__ == sorted(set(bsa_measure.__all__))
    for name in bsa_measure.__all__:
        assert getattr(bsa_measure, name) is not None


def test_type_checkers_see_the_same_public_names() -> None:
    tree = ast.parse((PACKAGE / "__init__.py").read_text(encoding="utf-8"))
    block = next(node for node in tree.body if isinstance(node, ast.If))
    seen = {
        alias.asname or alias.name
        for node in ast.walk(block)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert {*seen, "__version__"} == set(bsa_measure.__all__)


def imports_of(path: Path) -> set[str]:
    """Modules of this package that a module imports, at any depth."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = path.relative_to(PACKAGE).parts[: -node.level]
            if node.module:
                found.add(".".join([*base, node.module]))
            else:
                found.update(".".join([*base, alias.name]) for alias in node.names)
    return found


# Each may import those before it: records and classes, the measurement, the folder and the record, the main job.
PURE = {
    "tissue", "chart", "errors", "fractions", "bsa", "course", "surfaces", "geometry", "quality_limits", "uncertainty",
    "error_fit",
}  # fmt: skip
NOT_FOR_THE_PURE = {"study", "readings", "measure", "batch", "cli", "files", "photo_job", "report.page", "imports"}


@pytest.mark.parametrize("module", sorted(PURE))
def test_the_middle_is_pure(module: str) -> None:
    assert not imports_of(PACKAGE / f"{module}.py") & NOT_FOR_THE_PURE


def test_nobody_imports_the_command_line() -> None:
    for path in PACKAGE.rglob("*.py"):
        assert "cli" not in imports_of(path), path


def test_examples_in_docstrings_hold() -> None:
    for name in ("bsa_measure",):
        result = doctest.testmod(sys.modules[name])
        assert result.attempted
        assert not result.failed


@pytest.mark.skipif(importlib.util.find_spec("ruff") is None, reason="the [check] extra is not installed")
@pytest.mark.parametrize("arguments", [["check"], ["format", "--check"]])
def test_ruff_is_content(arguments: list[str]) -> None:
    done = subprocess.run([sys.executable, "-m", "ruff", *arguments, str(ROOT)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


@pytest.mark.skipif(importlib.util.find_spec("mypy") is None, reason="the [check] extra is not installed")
def test_mypy_is_content() -> None:
    done = subprocess.run([sys.executable, "-m", "mypy"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
