"""What `measure` says when it is done: the calls, what needs a human, and the next command."""

from __future__ import annotations

from pathlib import Path

from .course import Healing
from .files import printable, quoted
from .results import PatientResult, StudyResults, visit_label
from .study import about
from .uncertainty import Simulated

_MOST_LINES = 20


def closing_summary(results: StudyResults, study: Path) -> str:
    """A few lines for the terminal; ``study`` is the folder as the user typed it."""
    counts = results.provenance.counts
    day = results.protocol.endpoint.day
    lines = [
        f"{counts['photos']} photographs: {counts['measured']} measured, {counts['needs_review']} measured but to be "
        f"looked at, {counts['refused']} refused.",
        "",
    ]
    if any(photo.reader.startswith("model:") for patient in results.patients for photo in patient.photos):
        made = results.provenance
        lines += [f"Model {made.model} (licence {made.model_licence}): {made.model_notice}", ""]
    lines += [_patient_line(patient, day) for patient in results.patients]
    human = list(needs_a_human(results))
    if human:
        lines += ["", "This needs a human:"]
        lines += [f"  - {sentence}" for sentence in human[:_MOST_LINES]]
        if len(human) > _MOST_LINES:
            lines.append(f"  ... and {len(human) - _MOST_LINES} more: see the report.")
    lines += ["", f"Report:  {study / 'results' / 'report.html'}  (open it in a browser)"]
    if human:
        lines.append(f"Next:    correct what you can, then run  bsa-measure measure {quoted(study)}")
    return "\n".join(lines)


def needs_a_human(results: StudyResults) -> list[str]:
    """Everything that the program could not settle by itself, a sentence each."""
    sentences = list(results.problems)
    photos = [*results.refused_photos, *(photo for patient in results.patients for photo in patient.photos)]
    for status in ("refused", "needs-review"):
        sentences += [about(photo, problem) for photo in photos if photo.status == status for problem in photo.problems]
    for patient in results.patients:
        name = patient.patient.patient
        present = {visit.day for visit in patient.visits}
        for healing, call in patient.calls:
            if healing.day == results.protocol.endpoint.day:
                sentences += [f"{name} {visit_label(healing.day)}: {flag}" for flag in call.flags]
                if call.response == "undetermined" and healing.day in present:
                    sentences.append(f"{name} {visit_label(healing.day)}: response undetermined, {call.reason}")
        absent = [visit_label(day) for day in patient.missing_views if day not in present]
        if absent:
            sentences.append(f"{name}: no photograph yet of {', '.join(absent)}")
        for day, views in patient.missing_views.items():
            if day in present:
                sentences.append(
                    f"{name} {visit_label(day)}: no usable photograph of {', '.join(views)}: take it, or list the "
                    "surfaces in uninvolved.csv if they are free of lesions"
                )
    return list(dict.fromkeys(sentences))


def _patient_line(patient: PatientResult, day: int) -> str:
    healing, call = next(pair for pair in patient.calls if pair[0].day == day)
    answer = call.response or f"no response computed, {call.reason}"
    most = "-" if patient.maximum is None else f"{patient.maximum:.1f} % BSA"
    name = printable(patient.patient.patient)
    simulated = patient.simulated.days.get(day) if patient.simulated else None
    return f"{name:<12} maximum {most:<12} {_healed(healing, simulated)}{visit_label(day)}: {answer}"


def _healed(healing: Healing, simulated: Simulated | None) -> str:
    if healing.healed is None:
        return ""
    within = (simulated and simulated.healed) or healing.healed
    return f"healed {healing.healed.point:.1f} % ({within.low:.1f} to {within.high:.1f})  "
