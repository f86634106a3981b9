"""What the report says, in words and rounded numbers: from the results to records that the page only lays out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from ..bsa import SurfaceReading, VisitBsa
from ..chart import Chart
from ..chart_check import chart_error, misplaced, shares_of
from ..course import Healing
from ..endpoint import Call, likely_interval
from ..protocol import Endpoint, Protocol
from ..results import PatientResult, PhotoResult, StudyResults, TrueVisit
from ..uncertainty import Interval, Simulated
from .bodymap import Scale, SurfaceValue, body_map_svg
from .course_plot import course_plot_svg
from .words import count, day_label, interval, percent, probability, ratio_decimals, surface_title

RESPONSES: Final = {
    "yes": ("yes", "Response"),
    "no": ("no", "No response"),
    "undetermined": ("undetermined", "Undetermined"),
    None: ("none", "No detachment"),
}
_STATUS_TITLES: Final = {"measured": "measured", "needs-review": "needs review", "refused": "refused"}
_ROUNDED: Final = 1e-3  # ends of intervals have four decimals and come from 32 bits
_FULL_VIEW: Final = 0.95  # a surface of which less can be assessed is listed


@dataclass(frozen=True)
class Verdict:
    """The call of one reported study day."""

    day: str
    key: str
    title: str
    sentence: str
    arithmetic: tuple[tuple[str, str], ...]
    reason: str
    flags: tuple[str, ...]
    detached: str
    detached_interval: str
    maximum: str
    healed: str
    healed_interval: str
    reepithelialised: str
    reepithelialised_interval: str
    true_detached: str
    true_healed: str
    is_the_call: bool
    probability: str
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Pictures:
    """Small pictures as ``data:`` URIs, by the path of a photograph's overlay: its outlines, and its area weight."""

    outlines: Mapping[str, str]
    weights: Mapping[str, str]


@dataclass(frozen=True)
class PhotoCard:
    """One photograph."""

    title: str
    view: str
    file: str
    status: str
    status_title: str
    problems: tuple[str, ...]
    reader: str
    certainty: str
    findings: tuple[str, ...]
    picture: str
    weight: str


@dataclass(frozen=True)
class SurfaceRow:
    """One surface of a visit that is worth a line."""

    title: str
    weight: str
    status: str
    detached: str
    reepithelialised: str
    assessable: str
    photos: str
    contribution: str


@dataclass(frozen=True)
class VisitCard:
    """One visit, or one planned visit without a measured photograph."""

    day: str
    label: str
    measured: bool
    detached: str
    detached_interval: str
    reepithelialised: str
    true_detached: str
    true_reepithelialised: str
    small_map: str
    small_covered_map: str
    large_map: str
    large_covered_map: str
    rows: tuple[SurfaceRow, ...]
    others: str
    missing: tuple[str, ...]
    unseen: tuple[str, ...]
    unseen_weight: str
    photos: tuple[PhotoCard, ...]
    summary: str
    total: str
    is_the_call: bool


@dataclass(frozen=True)
class PatientCard:
    """One patient's section."""

    anchor: str
    name: str
    facts: tuple[tuple[str, str], ...]
    verdict: Verdict
    verdicts: tuple[Verdict, ...]
    maximum: str
    maximum_day: str
    category: str
    eligible: str
    eligible_reason: str
    to_do: tuple[str, ...]
    chart_check: str
    course: str
    above_hundred: bool
    visits: tuple[VisitCard, ...]
    absent: tuple[str, ...]


def patient_cards(results: StudyResults, pictures: Pictures) -> tuple[PatientCard, ...]:
    """The section of every patient."""
    refused = results.refused_photos
    return tuple(
        _patient_card(index, patient, results, refused, pictures) for index, patient in enumerate(results.patients, 1)
    )


def photo_cards(photos: Sequence[PhotoResult], results: StudyResults, pictures: Pictures) -> list[PhotoCard]:
    """Photographs as they are shown, in the order given."""
    return [_photo_card(photo, results.protocol, results.chart, pictures) for photo in photos]


def protocol_choices(protocol: Protocol, chart: Chart) -> list[tuple[str, str]]:
    """Each choice that the protocol fixes, in words."""
    rule, measure = protocol.endpoint, protocol.measure
    numerator = {
        "decline": "what is no longer detached: H = 100 × (1 − D / M)",
        "reepithelialised": "what is seen to be covered again: R = 100 × E / M",
    }[rule.numerator]
    maximum = {
        "peak": "the largest total of one visit",
        "ever-detached": "every surface at its own worst visit, summed",
    }[rule.maximum]
    days = ", ".join(day_label(day) for day in rule.reported_days)
    return [
        ("Response", f"at least {rule.threshold_percent:g} % on {day_label(rule.day)}, on the unrounded value"),
        ("Also reported", days),
        ("What counts as healed", numerator),
        ("Maximum M", maximum),
        ("Visits that count towards M", "the whole course" if rule.look_forward else "up to and including the day"),
        (
            "Category",
            "SJS below 10 % BSA, overlap 10 to 30, TEN above 30 (1993 classification)"
            if rule.category == "1993"
            else "SJS below 10 % BSA, overlap from 10, TEN from exactly 30 (French protocol)",
        ),
        (
            "Eligibility",
            f"at least {protocol.eligibility.minimum_percent:g} % BSA within {protocol.eligibility.within_days} days "
            "of the first symptoms",
        ),
        ("Shown to a person", f"healed and re-epithelialised more than {rule.disagreement_points:g} points apart"),
        (
            "Skin behind a pixel",
            "every pixel counts alike (flat)"
            if measure.geometry == "flat"
            else "corrected for the roundness of the body (silhouette)",
        ),
        (
            "Surface without a photograph",
            "unseen: it widens the interval, unless the visit declares it uninvolved"
            if measure.unphotographed == "unseen"
            else "taken as free of lesions",
        ),
        ("Reading that counts", ", then ".join(measure.readings)),
        ("Chart", f"{chart.title}: {chart.source}"),
    ]


def _patient_card(
    index: int,
    result: PatientResult,
    results: StudyResults,
    refused: Sequence[PhotoResult],
    pictures: Pictures,
) -> PatientCard:
    protocol = results.protocol
    rule = protocol.endpoint
    name = result.patient.patient
    truth = {day: true for (patient, day), true in results.truth.items() if patient == name}
    own = {photo.file for photo in result.photos}
    photos = [*result.photos, *(p for p in refused if p.patient == name and p.file not in own)]
    days = result.simulated.days if result.simulated else {}
    verdicts = tuple(
        _verdict(found, called, rule, truth, days.get(found.day), result.unknown_errors)
        for found, called in result.calls
    )
    verdict = next(v for v in verdicts if v.is_the_call)
    visits = _visit_cards(result, photos, results, truth, pictures)
    return PatientCard(
        anchor=f"patient-{index}",
        name=name,
        facts=_facts(result),
        verdict=verdict,
        verdicts=verdicts,
        maximum=percent(result.maximum, 10, 30),
        maximum_day=day_label(result.maximum_day) if result.maximum_day is not None else "",
        category={"none": "no detachment", "": "not known: skin is hidden"}.get(result.category, result.category),
        eligible=result.eligible.answer,
        eligible_reason=result.eligible.reason,
        to_do=_to_do(result, photos, verdict, rule),
        chart_check=_chart_check(result, results.chart, rule),
        course=course_plot_svg(
            result.visits, protocol, title=f"Course of {name}: % of the body surface over the study days", truth=truth
        ),
        above_hundred=any(_above_hundred(found, days.get(found.day)) for found, _ in result.calls),
        visits=visits,
        absent=tuple(visit.day for visit in visits if not visit.measured),
    )


def _facts(result: PatientResult) -> tuple[tuple[str, str], ...]:
    patient = result.patient
    facts = [("age", f"{patient.age_years:g} years"), ("chart column", result.chart_column)]
    if patient.sex:
        facts.append(("sex", patient.sex))
    if patient.height_cm is not None:
        facts.append(("height", f"{patient.height_cm:g} cm"))
    if patient.weight_kg is not None:
        facts.append(("weight", f"{patient.weight_kg:g} kg"))
    index = day_label(patient.index_day) if patient.index_day is not None else "not given"
    facts.append(("first symptoms", index))
    return tuple(facts)


def _chart_check(result: PatientResult, chart: Chart, rule: Endpoint) -> str:
    """How far the printed chart is from a body like the patient's, for this patient's lesions."""
    patient = result.patient
    shares = shares_of(patient, chart)
    if not shares:
        return ""
    weights = chart.weights_at(patient.age_years)
    traits = (("sex", patient.sex), ("height", patient.height_cm), ("weight", patient.weight_kg))
    named = ["age", *(name for name, value in traits if value)]
    like = " and ".join([", ".join(named[:-1]), named[-1]]) if len(named) > 1 else named[0]
    parts = []
    for day in dict.fromkeys([result.maximum_day, rule.day]):
        visit = next((v for v in result.visits if v.day == day), None)
        error = chart_error(visit, shares) if visit is not None else None
        if visit is not None and visit.detached is not None and error is not None:
            difference = f"{round(error, 2) + 0.0:+.2f}".replace("-", "−")
            parts.append(f"{day_label(visit.day)}: {visit.detached.point + error:.2f} ({difference}) % BSA")
    if not parts:
        return ""
    return (
        f"The same lesions on a body of this {like}, interpolated between phantom bodies, would be "
        f"{'; '.join(parts)}. Its shares and the chart's differ by {misplaced(shares, weights):.1f} % BSA in all."
    )


def _to_do(result: PatientResult, photos: Sequence[PhotoResult], verdict: Verdict, rule: Endpoint) -> tuple[str, ...]:
    """What needs a human, shortest first look."""
    found: list[str] = []
    if verdict.key == "undetermined":
        found.append(f"the call at {verdict.day} is open: {_why_open(result, rule)}")
    found += [f"{verdict.day}: {flag}" for flag in verdict.flags]
    if result.eligible.answer == "undetermined":
        found.append(f"eligibility is open: {result.eligible.reason}")
    statuses = Counter(photo.status for photo in photos)
    if statuses["needs-review"]:
        found.append(f"{count(statuses['needs-review'], 'photograph')} to review")
    if statuses["refused"]:
        found.append(f"{count(statuses['refused'], 'photograph')} refused")
    missing = result.missing_views.get(rule.day, ())
    if missing and any(visit.day == rule.day and visit.detached is not None for visit in result.visits):
        found.append(f"{count(len(missing), 'view')} missing at {verdict.day}")
    return tuple(found)


def _why_open(result: PatientResult, rule: Endpoint) -> str:
    found, called = next((found, called) for found, called in result.calls if found.day == rule.day)
    measure = found.healed if rule.numerator == "decline" else found.reepithelialised
    if measure is None:
        return called.reason
    simulated = result.simulated.days.get(rule.day) if result.simulated else None
    within = likely_interval(simulated, rule)
    if within is not None and simulated is not None:
        return (
            f"{rule.interval_percent:g} % interval {interval(within, rule.threshold_percent)} %, the threshold is "
            f"{rule.threshold_percent:g} %, probability of a response {probability(simulated.probability)}"
        )
    return f"{interval(measure, rule.threshold_percent)} % is possible, the threshold is {rule.threshold_percent:g} %"


def _verdict(
    found: Healing,
    called: Call,
    rule: Endpoint,
    truth: Mapping[int, TrueVisit],
    simulated: Simulated | None,
    unknown: Sequence[str],
) -> Verdict:
    threshold = rule.threshold_percent
    key, title = RESPONSES[called.response]
    true_healed = _true_healed(truth, found.day, rule)
    return Verdict(
        day=day_label(found.day),
        key=key,
        title=title,
        sentence=_sentence(found, called, rule, simulated),
        arithmetic=tuple(_arithmetic(found, rule, simulated, unknown)),
        reason=called.reason,
        flags=called.flags,
        detached=percent(found.detached.point if found.detached else None),
        detached_interval=interval(found.detached),
        maximum=percent(found.maximum, 10, 30),
        healed=percent(found.healed.point if found.healed else None, threshold),
        healed_interval=interval((simulated and simulated.healed) or found.healed, threshold),
        reepithelialised=percent(found.reepithelialised.point if found.reepithelialised else None, threshold),
        reepithelialised_interval=interval(
            (simulated and simulated.reepithelialised) or found.reepithelialised, threshold
        ),
        true_detached=percent(truth[found.day].detached, decimals=2) if found.day in truth else "",
        true_healed=percent(true_healed, threshold) if true_healed is not None else "",
        is_the_call=found.day == rule.day,
        probability=probability(simulated.probability if simulated else None),
        notes=_outside_notes(found, simulated),
    )


def _above_hundred(found: Healing, simulated: Simulated | None) -> bool:
    """Whether the re-epithelialised percent of a day, or its interval as shown, reaches beyond 100."""
    shown = (simulated and simulated.reepithelialised) or found.reepithelialised
    return (
        shown is not None and found.reepithelialised is not None and max(shown.high, found.reepithelialised.point) > 100
    )


def _outside_notes(found: Healing, simulated: Simulated | None) -> tuple[str, ...]:
    """Which value lies outside its own simulated interval, and why it can: D and with it H stay as they were read."""
    if simulated is None:
        return ()
    pairs = (
        ("healed", found.healed, simulated.healed),
        ("re-epithelialised", found.reepithelialised, simulated.reepithelialised),
    )
    return tuple(
        f"the {what} percent lies outside its interval: the interval is corrected for the known bias of the reading, "
        "the value is not"
        for what, value, within in pairs
        if value is not None and within is not None and not _holds(within, value.point)
    )


def _holds(within: Interval, value: float) -> bool:
    """Whether the interval holds the value; its ends are rounded, so that a value at an end is inside."""
    return within.low - _ROUNDED <= value <= within.high + _ROUNDED


def _sentence(found: Healing, called: Call, rule: Endpoint, simulated: Simulated | None) -> str:
    """The call as one plain sentence."""
    day, threshold = day_label(found.day), rule.threshold_percent
    measure = found.healed if rule.numerator == "decline" else found.reepithelialised
    what = "healed" if rule.numerator == "decline" else "re-epithelialised"
    if found.detached is None:
        return f"No call is possible: there is no measured photograph of {day}."
    if called.response is None:
        return "No detachment was observed up to this day, so no response is computed."
    if measure is None:
        return "No call is possible: no detachment was seen, but part of the skin is hidden or not photographed."
    value = f"At {day}, {percent(measure.point, threshold)}\u00a0% of the maximal detached skin is {what}"
    within = likely_interval(simulated, rule)
    if within is not None and simulated is not None:
        return f"{value}. {_likely_sentence(called, within, simulated, rule)}"
    if called.response == "yes":
        return f"{value}: a response takes {threshold:g}\u00a0%, which is reached even if all hidden skin is detached."
    if called.response == "no":
        return (
            f"{value}: a response takes {threshold:g}\u00a0%, which is not reached even if all hidden skin is healthy."
        )
    return (
        f"{value}, but hidden skin leaves {interval(measure, threshold)}\u00a0% open, on both sides of "
        f"{threshold:g}\u00a0%: a person decides."
    )


def _likely_sentence(called: Call, within: Interval, simulated: Simulated, rule: Endpoint) -> str:
    """What the error model makes of the value, in plain words."""
    threshold = rule.threshold_percent
    side = {
        "yes": f"all of it at or above the {threshold:g}\u00a0% that a response takes",
        "no": f"all of it below the {threshold:g}\u00a0% that a response takes",
        "undetermined": f"and a response takes {threshold:g}\u00a0%: a person decides",
    }[called.response or "undetermined"]
    return (
        f"With the error of the reading and hidden skin counted in, the true value lies with "
        f"{rule.interval_percent:g}\u00a0% probability within {interval(within, threshold)}\u00a0%, {side}. "
        f"The probability of a response is {probability(simulated.probability)}."
    )


def _arithmetic(
    found: Healing, rule: Endpoint, simulated: Simulated | None, unknown: Sequence[str]
) -> list[tuple[str, str]]:
    """The calculation, line by line, with enough decimals to be done again by hand."""
    if found.detached is None or not found.maximum:
        return []
    threshold = rule.threshold_percent
    day, d, m = day_label(found.day), found.detached, found.maximum
    decimals = ratio_decimals(d.point, m, lambda part, whole: 100 * (1 - part / whole), threshold)
    lines = [("Maximum M", f"{_maximum_words(found, rule, decimals)}")]
    lines.append((f"Detached at {day}, D", f"{d.point:.{decimals}f} % BSA, possible {interval(d, decimals=2)}"))
    if found.healed is not None:
        h = found.healed
        lines.append(
            (
                "Healed H",
                f"100 × (1 − {d.point:.{decimals}f} / {m:.{decimals}f}) = {percent(h.point, threshold, decimals=2)} %, "
                f"possible {interval(h, threshold)}",
            )
        )
    if found.reepithelialised is not None and found.reepithelialised_bsa is not None:
        e, r = found.reepithelialised_bsa, found.reepithelialised
        decimals = ratio_decimals(e.point, m, lambda part, whole: 100 * part / whole, threshold)
        lines.append(
            (
                "Re-epithelialised R",
                f"100 × {e.point:.{decimals}f} / {m:.{decimals}f} = {percent(r.point, threshold, decimals=2)} %, "
                f"possible {interval(r, threshold)}",
            )
        )
    letter = "H" if rule.numerator == "decline" else "R"
    within = likely_interval(simulated, rule)
    if within is not None and simulated is not None:
        lines.append(
            (
                f"{rule.interval_percent:g} % interval of {letter}",
                f"{interval(within, threshold)} %, probability of a response {probability(simulated.probability)}, "
                f"from {rule.draws} simulated courses under the error of the reading; the maximum of visits read with "
                f"this error is {percent(simulated.excess, decimals=2)} % BSA too high on average, which is taken off",
            )
        )
        lines.append(("Rule", f"response when {letter}, and all of this interval, is at least {threshold:g} %"))
        return lines
    if unknown:
        lines.append(
            (
                "Error of the reading",
                f"not known (no error model of {', '.join(unknown)}): what is possible is what hidden skin leaves "
                "open, and nothing else",
            )
        )
    lines.append(("Rule", f"response when {letter}, and all of its possible range, is at least {threshold:g} %"))
    return lines


def _maximum_words(found: Healing, rule: Endpoint, decimals: int) -> str:
    peak = percent(found.peak, decimals=2)
    ever = percent(found.ever_detached, decimals=2)
    until = "the whole course" if rule.look_forward else f"visits up to {day_label(found.day)}"
    peak_day = day_label(found.peak_day) if found.peak_day is not None else ""
    if rule.maximum == "peak":
        return (
            f"{found.maximum:.{decimals}f} % BSA, the visit total of {peak_day} ({until}); "
            f"every surface at its own worst: {ever}"
        )
    return (
        f"{found.maximum:.{decimals}f} % BSA, every surface at its own worst visit ({until}); "
        f"largest visit total: {peak} on {peak_day}"
    )


def _true_healed(truth: Mapping[int, TrueVisit], day: int, rule: Endpoint) -> float | None:
    """H from a phantom's true totals; with ``ever-detached`` they do not say enough."""
    if rule.maximum != "peak" or day not in truth:
        return None
    maximum = max(true.detached for u, true in truth.items() if rule.look_forward or u <= day)
    if rule.numerator == "decline":
        return 100 * (1 - truth[day].detached / maximum) if maximum > 0 else None
    return None


def _visit_cards(
    result: PatientResult,
    photos: Sequence[PhotoResult],
    results: StudyResults,
    truth: Mapping[int, TrueVisit],
    pictures: Pictures,
) -> tuple[VisitCard, ...]:
    measured = {visit.day: visit for visit in result.visits}
    days = sorted({*measured, *(p.day for p in photos if p.day is not None), *results.protocol.visits.planned})
    cards = []
    for day in days:
        visit = measured.get(day)
        cards.append(
            _visit_card(
                day,
                visit,
                [p for p in photos if p.day == day],
                result,
                results,
                truth.get(day),
                pictures,
            )
        )
    return tuple(cards)


def _visit_card(
    day: int,
    visit: VisitBsa | None,
    photos: Sequence[PhotoResult],
    result: PatientResult,
    results: StudyResults,
    true: TrueVisit | None,
    pictures: Pictures,
) -> VisitCard:
    label = day_label(day)
    unseen = visit.having("unseen") if visit else ()
    missing = _missing_titles(result.missing_views.get(day, ()), results)
    detached = visit.detached if visit else None
    covered = visit.reepithelialised if visit else None
    name = f"{result.patient.patient} {label}"
    return VisitCard(
        day=label,
        label=f"study day {label}",
        measured=detached is not None,
        detached=percent(detached.point if detached else None),
        detached_interval=interval(detached),
        reepithelialised=percent(covered.point if covered else None),
        true_detached=percent(true.detached, decimals=2) if true else "",
        true_reepithelialised=percent(true.reepithelialised, decimals=2)
        if true and true.reepithelialised is not None
        else "",
        small_map=_map(visit, name, "detached", numbers=False),
        small_covered_map=_map(visit, name, "reepithelialised", numbers=False),
        large_map=_map(visit, name, "detached", numbers=True),
        large_covered_map=_map(visit, name, "reepithelialised", numbers=True),
        rows=tuple(_surface_row(s) for s in visit.surfaces if _worth_a_line(s)) if visit else (),
        others=_others(visit) if visit else "",
        missing=tuple(missing),
        unseen=tuple(surface_title(s.surface) for s in unseen),
        unseen_weight=percent(sum(s.weight for s in unseen)),
        photos=tuple(photo_cards(photos, results, pictures)),
        total=percent(detached.point if detached else None, decimals=2),
        summary=_visit_summary(photos, len(result.missing_views.get(day, ())), unseen),
        is_the_call=day == results.protocol.endpoint.day,
    )


def _visit_summary(photos: Sequence[PhotoResult], missing: int, unseen: Sequence[SurfaceReading]) -> str:
    statuses = Counter(photo.status for photo in photos)
    parts = [count(len(photos), "photograph")]
    if statuses["needs-review"]:
        parts.append(f"{statuses['needs-review']} to review")
    if statuses["refused"]:
        parts.append(f"{statuses['refused']} refused")
    if missing:
        parts.append(f"{count(missing, 'view')} missing")
    if unseen:
        parts.append(f"{count(len(unseen), 'surface')} unseen")
    return ", ".join(parts)


def _map(visit: VisitBsa | None, name: str, scale: Scale, *, numbers: bool) -> str:
    if visit is None:
        return ""
    what = "detached" if scale == "detached" else "re-epithelialised"
    values = {s.surface: surface_value(s, scale) for s in visit.surfaces}
    return body_map_svg(
        values, title=f"Body map of {name}, % {what}", scale=scale, numbers=numbers, shared_outlines=True
    )


def surface_value(surface: SurfaceReading, scale: Scale) -> SurfaceValue:
    """What the body map shows of one surface of a visit."""
    fraction = surface.detached if scale == "detached" else surface.reepithelialised
    note = f"{surface.weight:g} % of the body"
    if surface.status == "seen" and fraction is not None and fraction.high - fraction.low > 0.005:
        note = f"hidden skin leaves {100 * fraction.low:.0f} to {100 * fraction.high:.0f} %; {note}"
    mostly_hidden = surface.status == "seen" and (surface.assessable_fraction or 0.0) < 0.5
    return SurfaceValue(surface.status, fraction.point if fraction else None, note, mostly_hidden)


def _worth_a_line(surface: SurfaceReading) -> bool:
    if surface.status == "unseen":
        return True
    areas = surface.areas
    hidden = surface.status == "seen" and (surface.assessable_fraction or 0.0) < _FULL_VIEW
    return areas.detached > 0 or areas.reepithelialised > 0 or hidden


def _surface_row(surface: SurfaceReading) -> SurfaceRow:
    f, e, c = surface.detached, surface.reepithelialised, surface.assessable_fraction
    seen = surface.status == "seen"
    return SurfaceRow(
        title=surface_title(surface.surface),
        weight=f"{surface.weight:g}",
        status=surface.status,
        detached=percent(100 * f.point) if seen and f else "–",
        reepithelialised=percent(100 * e.point) if seen and e else "–",
        assessable=percent(100 * c) if c is not None else "–",
        photos=str(surface.photos) if surface.photos else "–",
        contribution=percent(surface.weight * f.point, decimals=2) if seen and f else f"0 – {surface.weight:g}",
    )


def _others(visit: VisitBsa) -> str:
    free = [s for s in visit.having("seen") if not _worth_a_line(s)]
    declared = visit.having("uninvolved")
    parts = []
    if free:
        parts.append(f"{count(len(free), 'other surface')} seen, with nothing detached or re-epithelialised")
    if declared:
        parts.append(
            f"{count(len(declared), 'surface')} declared free of lesions: "
            + "; ".join(surface_title(s.surface) for s in declared)
        )
    return ". ".join(parts) + "." if parts else ""


def _photo_card(photo: PhotoResult, protocol: Protocol, chart: Chart, pictures: Pictures) -> PhotoCard:
    view = protocol.view(photo.view, chart)
    findings = []
    for surface, areas in photo.areas.items():
        fraction = areas.detached_fraction
        if fraction is None:
            findings.append(f"{surface_title(surface)}: nothing assessable")
        else:
            covered = areas.reepithelialised_fraction or 0.0
            text = f"{surface_title(surface)}: {percent(100 * fraction)}\u00a0% detached"
            findings.append(text + (f", {percent(100 * covered)}\u00a0% re-epith." if covered else ""))
    return PhotoCard(
        title=view.title if view is not None and view.title else photo.view,
        view=photo.view,
        file=photo.file,
        status=photo.status,
        status_title=_STATUS_TITLES[photo.status],
        problems=photo.problems,
        reader=photo.reader,
        certainty=f"{photo.certainty:.2f}" if photo.certainty is not None else "",
        findings=tuple(findings),
        picture=pictures.outlines.get(photo.overlay, "") if photo.overlay else "",
        weight=pictures.weights.get(photo.overlay, "") if photo.overlay else "",
    )


def _missing_titles(views: Sequence[str], results: StudyResults) -> list[str]:
    if len(views) > 1 and set(views) >= set(results.protocol.planned_views):
        return [f"all {len(views)}"]
    return [_view_title(view, results) for view in views]


def _view_title(view: str, results: StudyResults) -> str:
    found = results.protocol.view(view, results.chart)
    return found.title if found is not None and found.title else view
