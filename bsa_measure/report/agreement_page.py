"""The agreement report: one self-contained page for the appendix of a study report, in the order of GRRAS."""

from __future__ import annotations

from .. import __version__
from ..compare import Comparison
from .agreement_content import (
    heading,
    methods,
    pair_contents,
    samples,
    sources_of_difference,
    together_content,
)
from .agreement_pictures import BOTH, ONLY_A, ONLY_B
from .template import environment, render


def render_agreement(comparison: Comparison) -> str:
    """The whole page as text, to be written as UTF-8. The same comparison gives the same bytes."""
    return render(
        environment(),
        "agreement.html",
        styles=["report.css", "agreement.css"],
        study=comparison.study.folder.resolve().name,
        heading=heading(comparison),
        protocol=comparison.study.protocol,
        chart=comparison.study.chart,
        version=__version__,
        readers=[reader.label for reader in comparison.readers],
        counts={
            "patients": len(comparison.patients),
            "visits": len(comparison.visits),
            "photos": len(comparison.photos),
            "excluded": len(comparison.excluded),
        },
        methods=methods(comparison),
        samples=samples(comparison),
        sources=sources_of_difference(comparison),
        pairs=pair_contents(comparison),
        together=together_content(comparison),
        excluded=_by_reason(comparison),
        colors=[f"#{red:02x}{green:02x}{blue:02x}" for red, green, blue in (ONLY_A, ONLY_B, BOTH)],
    )


def _by_reason(comparison: Comparison) -> list[tuple[str, list[str]]]:
    """Reason to files, those that somebody has to mend first."""
    reasons: dict[tuple[bool, str], list[str]] = {}
    for excluded in comparison.excluded:
        reasons.setdefault((not excluded.fault, excluded.reason), []).append(excluded.file)
    return [(reason, files) for (_, reason), files in sorted(reasons.items())]
