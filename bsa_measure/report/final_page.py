"""The page of the final tables: how much was adjudicated and why, and the call of every patient by every reading."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from .. import __version__
from ..final import FinalStudy
from .template import environment, render
from .words import count, day_label, percent

_WHY = {
    "call": "the call differs",
    "category": "the category differs",
    "difference": "the difference is beyond the limit",
    "seen": "not everybody sees something",
}


@dataclass(frozen=True)
class CallRow:
    """One patient on the day of the call; ``cells`` one for each column: the call and healed percent."""

    patient: str
    state: str
    cells: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class VisitRow:
    """One visit in % BSA by every column."""

    title: str
    state: str
    cells: tuple[str, ...]
    reason: str


def render_final(found: FinalStudy) -> str:
    """The whole page as text, to be written as UTF-8. The same readings give the same bytes."""
    study, worklist = found.adjudication.comparison.study, found.adjudication.worklist
    threshold, day = study.protocol.endpoint.threshold_percent, study.protocol.endpoint.day
    disputed = Counter(why for visit in worklist.visits for why in visit.why)
    titles = [
        "final" if column.name == "final" else f"{column.reader}{' (automated)' if column.name == 'automated' else ''}"
        for column in found.columns
    ]
    states = {"yes": "adjudicated", "open": "open", "read again": "read again", "no": ""}
    open_of = {visit.patient for visit in worklist.open_visits}
    adjudicated = {row.patient for row in found.rows if row.decided}
    return render(
        environment(),
        "final.html",
        styles=["report.css", "agreement.css"],
        study=study.folder.resolve().name,
        protocol=study.protocol,
        version=__version__,
        tiles=[
            (worklist.compared, "visits compared"),
            (len(worklist.visits), f"disputed ({percent(100 * len(worklist.visits) / worklist.compared)} %)"),
            (len(worklist.visits) - len(worklist.open_visits), "of them decided"),
            (sum(found.chosen.values()), "photographs adjudicated"),
        ],
        limit=f"{worklist.limit:.2f}",
        otherwise=found.columns[0].reader,
        reasons=[(_WHY[why], number) for why, number in disputed.most_common()],
        chosen=list(found.chosen.items()),
        titles=titles,
        rests=[count(column.photos, "photograph") for column in found.columns],
        call_day=day_label(day),
        calls=[
            CallRow(
                row.patient,
                "open" if row.patient in open_of else "adjudicated" if row.patient in adjudicated else "",
                tuple(
                    (str(cells["response"] or "no detachment"), f"{_cell(cells['healed_percent'], threshold)} %")
                    for cells in row.cells
                ),
            )
            for row in found.rows
            if row.day == day
        ],
        visits=[
            VisitRow(
                f"{row.patient} {day_label(row.day)}",
                states[row.state],
                tuple(_cell(cells["detached_bsa_percent"], decimals=2) for cells in row.cells),
                "; ".join(row.reasons),
            )
            for row in found.rows
            if row.cells[0]["detached_bsa_percent"] is not None
        ],
        excluded=found.excluded,
    )


def _cell(value: object, *limits: float, decimals: int = 1) -> str:
    return percent(value if isinstance(value, float) else None, *limits, decimals=decimals)
