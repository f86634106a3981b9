"""What a benchmark may not do: print the time of a command that failed, or lose what it has trained."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from terminal import CODE

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"


@pytest.fixture
def benchmarks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))


@pytest.mark.usefixtures("benchmarks")
def test_only_a_command_that_measured_is_timed(tmp_path: Path) -> None:
    import inference

    for code in (0, 1):  # 1: something needs a human
        assert inference.command_seconds([sys.executable, "-c", f"raise SystemExit({code})"]) > 0
    with pytest.raises(SystemExit, match=r"exit code 2: bsa-measure: There is no folder '.*nowhere'"):
        inference.command_seconds([*CODE, "measure", str(tmp_path / "nowhere")])


@pytest.mark.usefixtures("benchmarks")
def test_a_comparison_of_decoders_keeps_its_work_on_the_way() -> None:
    pytest.importorskip("torch", reason="needs the extra [train]")
    import decoders

    from bsa_measure.training.recipe import Recipe

    recipe = decoders.recipe_for(Recipe(check_every=100_000, start="m", start_sha256="0"), "unet", "", 2000)
    assert (recipe.name, recipe.decoder, recipe.steps, recipe.start_sha256) == ("unet", "unet", 2000, "")
    assert recipe.check_every < 500
