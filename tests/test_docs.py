"""The pages say what the program does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bsa_measure import tables
from bsa_measure.check import CheckReport
from bsa_measure.protocol import standard_views
from bsa_measure.tissue import Tissue

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def test_the_method_page_lists_every_column_of_every_table() -> None:
    text = " ".join((ROOT / "docs" / "method.md").read_text(encoding="utf-8").split())
    for columns in (
        tables.PHOTO_COLUMNS,
        tables.SURFACE_COLUMNS,
        tables.VISIT_COLUMNS,
        tables.ENDPOINT_COLUMNS,
        tables.PATIENT_COLUMNS,
    ):
        assert ", ".join(columns) in text


def test_the_method_page_names_every_class_with_its_value() -> None:
    text = (ROOT / "docs" / "method.md").read_text(encoding="utf-8")
    for tissue in Tissue:
        assert re.search(rf"^\| {tissue.value} \| {tissue.title.split(' or ')[0]}", text, re.MULTILINE)


def test_the_poster_shows_every_standard_view() -> None:
    poster = (ROOT / "docs" / "views.svg").read_text(encoding="utf-8")
    for name in standard_views():
        assert f"{name}.jpg" in poster


def test_the_nurses_page_says_which_surfaces_every_view_shows() -> None:
    text = (ROOT / "docs" / "nurse.md").read_text(encoding="utf-8")
    table = text.split("| photograph | shows the surfaces |")[1].split("\n\n")[0]
    rows = re.findall(r"^\| `(.+?)` \| (.+) \|$", table, re.MULTILINE)
    shown = [(view, re.findall(r"`(.+?)`", surfaces)) for view, surfaces in rows]
    assert shown == [(name, list(view.surfaces)) for name, view in standard_views().items()]


def test_the_nurses_page_explains_every_column_of_the_check() -> None:
    text = (ROOT / "docs" / "nurse.md").read_text(encoding="utf-8")
    heads = CheckReport((), (), ()).text().splitlines()[0].split()
    for column in (*heads[2:-2], " ".join(heads[-2:])):
        assert f"| `{column}` |" in text


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)", page.read_text(encoding="utf-8")):
        if not target.startswith("http"):
            assert (page.parent / target).exists(), target


def test_ci_runs_the_readmes_test_command() -> None:
    command = (ROOT / ".ci" / "run").read_text(encoding="utf-8").strip().splitlines()[-1]
    assert f"`{command}`" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_ci_installs_the_packages_that_the_readme_lists() -> None:
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    installed = re.search(r'^packages="(.+)"$', script, re.MULTILINE)
    listed = re.search(r"`apt-get install ([^`]+)`", readme)
    assert installed is not None
    assert listed is not None
    assert installed[1].split() == listed[1].split()
