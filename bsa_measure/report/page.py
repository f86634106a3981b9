"""The report: one self-contained page that a clinician reads in two minutes.

No file beside it is needed and nothing is fetched: pictures are embedded, drawings are SVG, the few lines of
script (filters, open and close, larger pictures) may be blocked and the page still says everything. The same
results give the same bytes; the time of the run is kept in ``provenance.json`` only.
"""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Mapping

from ..results import StudyResults
from ..tissue import Tissue
from .bodymap import hexadecimal, legend_svg, shared_outlines_svg
from .content import Pictures, patient_cards, photo_cards, protocol_choices
from .overlay import weight_scale_svg
from .template import environment, render
from .words import day_label


def render_report(
    results: StudyResults, pictures: Mapping[str, bytes], weights: Mapping[str, bytes] | None = None
) -> str:
    """The whole page as text, to be written as UTF-8.

    Args:
        results: of the study.
        pictures: path of an overlay inside ``results/`` to a small JPEG to embed; pictures may be absent.
        weights: the same to a small JPEG of the photograph's area weight; none where every pixel counts alike.
    """
    pages = environment()
    trusted = pages.filters["svg"]
    embedded = Pictures(_data_uris(pictures), _data_uris(weights or {}))
    patients = patient_cards(results, embedded)
    names = {patient.name for patient in patients}
    # In no visit's list: of an unknown patient, or in a folder that is no study day.
    orphans = [photo for photo in results.refused_photos if photo.patient not in names or photo.day is None]
    orphans += [photo for patient in results.patients for photo in patient.photos if photo.day is None]
    statuses = Counter(photo.status for patient in patients for visit in patient.visits for photo in visit.photos)
    statuses["refused"] += len(orphans)
    return render(
        pages,
        "page.html",
        styles=["report.css"],
        script="script.html",
        results=results,
        protocol=results.protocol,
        chart=results.chart,
        provenance=results.provenance,
        patients=patients,
        orphans=photo_cards(orphans, results, embedded),
        refused=[
            (patient, visit, photo)
            for patient in patients
            for visit in patient.visits
            for photo in visit.photos
            if photo.status == "refused"
        ],
        statuses=statuses,
        responses=Counter(patient.verdict.key for patient in patients),
        call_day=day_label(results.protocol.endpoint.day),
        has_truth=bool(results.truth),
        simulated=_simulated(results),
        unknown=sorted({reader for patient in results.patients for reader in patient.unknown_errors}),
        choices=protocol_choices(results.protocol, results.chart),
        tissues=[tissue for tissue in Tissue if tissue is not Tissue.BACKGROUND],
        color=hexadecimal,
        outlines=trusted(shared_outlines_svg()),
        weight_scale=trusted(weight_scale_svg()) if results.protocol.measure.geometry != "flat" else "",
        legends=[trusted(legend_svg("detached")), trusted(legend_svg("reepithelialised"))],
        columns=_columns(results),
    )


def _simulated(results: StudyResults) -> str:
    """Whether ``all``, ``some`` or ``none`` of the patients have intervals under error models."""
    having = [patient.simulated is not None for patient in results.patients if patient.photos]
    return "all" if having and all(having) else "some" if any(having) else "none"


def _data_uris(pictures: Mapping[str, bytes]) -> dict[str, str]:
    return {path: "data:image/jpeg;base64," + base64.b64encode(data).decode() for path, data in pictures.items()}


def _columns(results: StudyResults) -> str:
    return ", ".join(sorted({patient.chart_column for patient in results.patients}))
