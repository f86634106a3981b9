"""The agreement report: one self-contained page for the appendix of a study report, in the order of GRRAS."""

from __future__ import annotations

import base64
import hashlib
from importlib import resources
from typing import Any

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
from .words import visible


def render_agreement(comparison: Comparison) -> str:
    """The whole page as text, to be written as UTF-8. The same comparison gives the same bytes."""
    import jinja2
    from markupsafe import Markup

    def trusted(text: str) -> Markup:
        return Markup(text)  # our own style sheet and drawings, which escape what they quote

    style = _resource("report.css") + _resource("agreement.css")
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(_resource),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_finalize,
    )
    environment.filters["svg"] = trusted
    style_hash = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return environment.get_template("agreement.html").render(
        policy=f"default-src 'none'; img-src data:; style-src 'sha256-{style_hash}'; base-uri 'none'; "
        "form-action 'none'",
        style=trusted(style),
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


def _resource(name: str) -> str:
    return (resources.files("bsa_measure") / "report" / name).read_text(encoding="utf-8").replace("\r\n", "\n")


def _finalize(value: Any) -> Any:
    return visible(value) if isinstance(value, str) and not hasattr(value, "__html__") else value
