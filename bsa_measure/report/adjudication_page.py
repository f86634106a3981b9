"""The page on which readings are adjudicated without napari: photograph, A, B and their difference, side by side.

It holds no name, model, date, hash or file name that depends on a reader. Choices are made on the page and saved from
it as ``decisions.csv``; without its script the page shows the same, and the choices go into ``worklist.csv``.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from .. import __version__
from ..adjudicate import Adjudication
from ..adjudication import CONSENSUS, FEWEST_FOR_CONSENSUS, STAPLE, DisputedPhoto, DisputedVisit, status
from ..batch import run
from ..compare import Comparison, PatientRow
from ..errors import MaskError, PhotoError
from ..photo import read_photo
from ..photo_job import resize_mask
from ..readings import load_mask
from ..results import visit_label
from ..tissue import Tissue
from .agreement_pictures import BOTH, ONLY_A, ONLY_B, difference_picture
from .bodymap import hexadecimal
from .overlay import draw_overlay, thumbnail
from .template import environment, render
from .words import count, day_label, interval, percent

LARGE: Final = 6
"""Photographs of a visit that are shown larger; the others, which contribute less, keep the page small."""

_LONG_SIDE: Final = 480
_SMALL_LONG_SIDE: Final = 320
_CATEGORIES: Final = {"": "not known", "none": "none", "SJS": "SJS", "overlap": "overlap", "TEN": "TEN"}
_STATES: Final = {"decided": "decided", "read again": "read again since it was decided", "open": ""}


@dataclass(frozen=True)
class LetterRow:
    """The numbers of one letter, ready to be shown."""

    letter: str
    detached: str
    detached_range: str
    covered: str
    covered_range: str


@dataclass(frozen=True)
class PhotoCard:
    """One disputed photograph; ``pictures`` are pairs of a title and a data address."""

    title: str
    file: str
    sentence: str
    state: str
    pictures: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class VisitCard:
    """One disputed visit; ``kinds`` the choices that can be made."""

    anchor: str
    title: str
    patient: str
    visit: str
    code: str
    why: str
    calls: str
    letters: tuple[LetterRow, ...]
    choices: tuple[str, ...]
    between: str
    photos: tuple[PhotoCard, ...]
    alike: str
    open: int


@dataclass(frozen=True)
class PictureJob:
    """Pictures of one photograph: masks by letter, as hashes, and the two letters whose difference is drawn."""

    folder: Path
    file: str
    path: Path
    masks: tuple[str, ...]
    between: tuple[int, int]
    long_side: int


def render_adjudication(adjudication: Adjudication, *, workers: int = 1) -> str:
    """The whole page as text, to be written as UTF-8. The same readings and the same key give the same bytes."""
    comparison, found = adjudication.comparison, adjudication.worklist
    protocol = comparison.study.protocol
    pictures = _all_pictures(adjudication, workers) if protocol.report.pictures else {}
    rows = {row.patient: row for row in comparison.patients}
    visits = [
        _visit_card(number, visit, rows[visit.patient], comparison, pictures)
        for number, visit in enumerate(found.visits, start=1)
    ]
    return render(
        environment(),
        "adjudication.html",
        styles=["report.css", "agreement.css", "adjudication.css"],
        script="adjudication_script.html",
        study=comparison.study.folder.resolve().name,
        protocol=protocol,
        version=__version__,
        visits=visits,
        counts={
            "disputed": len(found.visits),
            "compared": found.compared,
            "decided": len(found.visits) - len(found.open_visits),
            "photos": sum(len(visit.open_photos) for visit in found.visits),
        },
        rule=rule_sentences(adjudication),
        tissues=[tissue for tissue in Tissue if tissue is not Tissue.BACKGROUND],
        color=hexadecimal,
        keys=[
            (hexadecimal(color), text)
            for color, text in ((ONLY_A, "only the first"), (ONLY_B, "only the second"), (BOTH, "both"))
        ],
    )


def rule_sentences(adjudication: Adjudication) -> list[str]:
    """The protocol's rule in words, with the limit of this study."""
    comparison, found = adjudication.comparison, adjudication.worklist
    protocol = comparison.study.protocol
    rules, parts = protocol.adjudication, []
    day = day_label(protocol.endpoint.day)
    if rules.call_differs:
        parts.append(f"the call on {day} differs (then {day} and the visits of the maximum are listed)")
    if rules.category_differs:
        parts.append("the category from the maximum differs")
    parts.append(f"the detached skin of the visit differs by more than {found.limit:.2f} % BSA")
    minimum = f"{rules.minimum_difference_bsa_percent:g} % BSA"
    if not rules.use_mdc95:
        limit = f"The limit is the protocol's {minimum}."
    elif found.mdc95 is None:
        limit = f"The limit is the protocol's {minimum}; with fewer than three visits the MDC95 is not known."
    else:
        limit = (
            f"The limit is the larger of the protocol's {minimum} and the readers' smallest detectable change, MDC95, "
            f"{found.mdc95:.2f} % BSA."
        )
    sentences = [f"A visit is disputed when {', or '.join(parts)}.", limit]
    left_out = len(comparison.excluded)
    if left_out:
        sentences.append(
            f"{count(left_out, 'photograph is', 'photographs are')} left out: unusable, or not read by all."
        )
    return sentences


def _visit_card(
    number: int,
    visit: DisputedVisit,
    row: PatientRow,
    comparison: Comparison,
    pictures: Mapping[str, tuple[bytes, ...]],
) -> VisitCard:
    cards = [_photo_card(visit, disputed, comparison, pictures) for disputed in visit.photos]
    consensus = [CONSENSUS, STAPLE] if len(visit.letters) >= FEWEST_FOR_CONSENSUS else []
    return VisitCard(
        anchor=f"visit-{number}",
        title=f"{visit.patient} {day_label(visit.day)}",
        patient=visit.patient,
        visit=visit_label(visit.day),
        code=visit.code,
        why=_why(visit, comparison),
        calls=_calls(visit, row),
        letters=tuple(
            LetterRow(
                letter,
                percent(detached.point if detached else None, decimals=2),
                interval(detached, decimals=2),
                percent(covered.point if covered else None, decimals=2),
                interval(covered, decimals=2),
            )
            for letter, detached, covered in zip(visit.letters, visit.detached, visit.reepithelialised, strict=True)
        ),
        choices=(*visit.letters, *consensus, "fresh mask"),
        between=" less ".join(visit.letters[letter] for letter in visit.between),
        photos=tuple(cards),
        alike=count(visit.alike, "photograph was", "photographs were") + " read alike" if visit.alike else "",
        open=len(visit.open_photos),
    )


def _why(visit: DisputedVisit, comparison: Comparison) -> str:
    day = day_label(comparison.study.protocol.endpoint.day)
    words = {
        "call": f"the call on {day} differs",
        "category": "the category differs",
        "difference": "the difference is beyond the limit",
        "seen": "not everybody sees something",
    }
    text = "; ".join(words[why] for why in visit.why)
    return text[0].upper() + text[1:] + "."


def _calls(visit: DisputedVisit, row: PatientRow) -> str:
    """Calls and categories in a fixed order, without letters and without percents: healed percents, or the maximum,
    would tell which letters of two visits are one reader. Where only one way of pairing the letters of a patient's
    visits gives these very calls, the words tell it too; that cannot be helped as long as a visit shows its numbers.
    """
    parts = []
    if "call" in visit.why:
        parts.append(f"Calls, not by letter: {', '.join(sorted(row.response))}.")
    if "category" in visit.why:
        words = (word for category, word in _CATEGORIES.items() for _ in range(row.category.count(category)))
        parts.append(f"Categories, not by letter: {', '.join(words)}.")
    return " ".join(parts)


def _photo_card(
    visit: DisputedVisit, disputed: DisputedPhoto, comparison: Comparison, pictures: Mapping[str, tuple[bytes, ...]]
) -> PhotoCard:
    photo = disputed.compared.photo
    first, second = (visit.letters[letter] for letter in visit.between)
    added = f"{disputed.contribution:+.2f}".replace("-", "−")
    titles = ("photograph", *visit.letters, f"{first} against {second}")
    view = comparison.study.protocol.views.get(photo.view)
    return PhotoCard(
        title=(view.title if view and view.title else photo.view.replace("-", " ")),
        file=photo.file,
        sentence=(
            f"Adds {added} % BSA to {first} less {second}. Only one of the two calls "
            f"{percent(100 * disputed.apart)} % of the body shown detached."
        ),
        state=_STATES[status(disputed)],
        pictures=tuple(
            (title, "data:image/jpeg;base64," + base64.b64encode(data).decode())
            for title, data in zip(titles, pictures.get(photo.file, ()), strict=False)
        ),
    )


def _all_pictures(adjudication: Adjudication, workers: int) -> dict[str, tuple[bytes, ...]]:
    """File of a photograph to its pictures."""
    jobs = [
        PictureJob(
            folder=adjudication.folder,
            file=disputed.file,
            path=disputed.compared.photo.path,
            masks=tuple(disputed.compared.readings[reader].mask_sha256 for reader in visit.order),
            between=visit.between,
            long_side=_LONG_SIDE if place < LARGE else _SMALL_LONG_SIDE,
        )
        for visit in adjudication.worklist.visits
        for place, disputed in enumerate(visit.photos)
    ]
    return {jobs[index].file: pictures for index, pictures in run(draw_pictures, jobs, workers=workers)}


def draw_pictures(job: PictureJob) -> tuple[bytes, ...]:
    """JPEG of the photograph, of every letter's outlines, and of the difference; none when one cannot be read."""
    try:
        pixels = read_photo(job.path, long_side=job.long_side).pixels
        height, width = pixels.shape[:2]
        masks = [resize_mask(load_mask(job.folder, sha256), width, height) for sha256 in job.masks]
    except (PhotoError, MaskError):
        return ()
    first, second = job.between
    drawn = [pixels, *(draw_overlay(pixels, labels) for labels in masks)]
    drawn.append(difference_picture(pixels, masks[first], masks[second]))
    return tuple(thumbnail(picture, job.long_side) for picture in drawn)
