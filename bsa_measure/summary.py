"""What `measure` says when it is done: the calls, what needs a human, and the next command."""

from __future__ import annotations

from pathlib import Path

from .course import Healing
from .endpoint import Call
from .results import PatientResult, StudyResults, visit_label

_MOST_LINES = 20


def closing_summary(results: StudyResults, study: Path) -> str:
    """A few lines for the terminal; ``study`` is the folder as the user typed it."""
    counts = results.provenance.counts
    day = results.protocol.endpoint.day
    lines = [
        f"{counts['photos']} photographs of {counts['patients']} patients: {counts['measured']} measured, "
        f"{counts['needs_review']} need review, {counts['refused']} refused.",
        "",
    ]
    lines += [_patient_line(patient, day) for patient in results.patients]
    human = list(needs_a_human(results))
    if human:
        lines += ["", "A human has to look at:"]
        lines += [f"  - {sentence}" for sentence in human[:_MOST_LINES]]
        if len(human) > _MOST_LINES:
            lines.append(f"  ... and {len(human) - _MOST_LINES} more, all listed in the report.")
    lines += ["", f"Report: {study / 'results' / 'report.html'}"]
    lines.append(
        f"Next:  correct what is listed, then run  bsa-measure measure {study}  again; only what changed is redone."
        if human
        else "Next:  open the report in a browser."
    )
    return "\n".join(lines)


def needs_a_human(results: StudyResults) -> list[str]:
    """Everything that the program could not settle by itself, a sentence each."""
    sentences = list(results.problems)
    photos = [*results.refused_photos, *(photo for patient in results.patients for photo in patient.photos)]
    for photo in photos:
        if photo.status == "refused":
            sentences += [f"refused: {problem}" for problem in photo.problems]
        elif photo.status == "needs-review":
            sentences += [f"{photo.file}: {problem}" for problem in photo.problems]
    for patient in results.patients:
        name = patient.patient.patient
        for healing, call in patient.calls:
            if healing.day == results.protocol.endpoint.day:
                sentences += [f"{name} {visit_label(healing.day)}: {flag}" for flag in call.flags]
                if call.response == "undetermined":
                    sentences.append(f"{name} {visit_label(healing.day)}: response undetermined, {call.reason}")
        present = {visit.day for visit in patient.visits}
        absent = [visit_label(day) for day in patient.missing_views if day not in present]
        if absent:
            sentences.append(f"{name}: no visit yet on {', '.join(absent)}")
        for day, views in patient.missing_views.items():
            if day in present:
                sentences.append(f"{name} {visit_label(day)}: no usable photograph of {', '.join(views)}")
    return list(dict.fromkeys(sentences))


def _patient_line(patient: PatientResult, day: int) -> str:
    healing, call = next(pair for pair in patient.calls if pair[0].day == day)
    answer = call.response or "no response computed"
    most = "-" if patient.maximum is None else f"{patient.maximum:.1f} % BSA"
    return f"{patient.patient.patient:<12} maximum {most:<12} {_healed(healing, call)}{visit_label(day)}: {answer}"


def _healed(healing: Healing, call: Call) -> str:
    if healing.healed is None:
        return ""
    extent = healing.healed
    return f"healed {extent.point:.1f} % ({extent.low:.1f} to {extent.high:.1f})  "
