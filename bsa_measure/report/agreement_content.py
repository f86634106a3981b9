"""What the agreement report says: from a comparison to words, rounded numbers and drawings that the page lays out."""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from ..agreement import Agreement, BlandAltman
from ..agreement_calls import CategoryAgreement
from ..agreement_masks import OUTLINE_LONG_SIDE
from ..compare import (
    CALLS,
    CATEGORIES,
    AllReaders,
    Comparison,
    MaskSummary,
    PairAgreement,
    ReaderInfo,
    Subgroup,
)
from ..resampling import FEWEST_PATIENTS, Estimate
from ..skin_tone import TONES
from .agreement_pictures import share_of_body, worst_photos
from .agreement_plots import Level, Point, difference_plot_svg, identity_plot_svg
from .words import count, day_label, percent, surface_title

_CLASS_TITLES: Final = {
    "detached": "detached or detachable",
    "reepithelialised": "re-epithelialised",
    "not_assessable": "not assessable",
    "body": "silhouette of the body",
}


@dataclass(frozen=True)
class NumberRow:
    """One line of the table of numbers; every field ready to be shown, intervals in ``..._range``."""

    title: str
    unit: str
    rows: str
    means: tuple[str, ...]
    bias: str
    bias_range: str
    limits: str
    limits_range: str
    icc: str
    icc_range: str
    ccc: str
    ccc_range: str
    sem: str
    mdc95: str
    mdc95_range: str


@dataclass(frozen=True)
class CategoryRow:
    """One line of the table of categories."""

    title: str
    rows: str
    alike: str
    kappa: str
    kappa_range: str
    weighted: str
    weighted_range: str
    ac1: str
    ac1_range: str


@dataclass(frozen=True)
class CrossTable:
    """How often A said the row's category and B the column's; categories that nobody used are left out."""

    title: str
    categories: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class MaskRow:
    """One line of the table of masks."""

    title: str
    outlined: int
    absent: int
    one_sided: int
    dice: str
    dice_range: str
    median: str
    boundary: str
    boundary_range: str
    distance: str
    distance_range: str


@dataclass(frozen=True)
class GroupRow:
    """One line of a subgroup table."""

    name: str
    photos: int
    rows: str
    bias: str
    limits: str
    icc: str
    icc_range: str
    mdc95: str
    dice: str
    dice_range: str


@dataclass(frozen=True)
class GroupTable:
    """One subgroup table; ``numbers`` and ``dice`` say which columns it has."""

    title: str
    unit: str
    numbers: bool
    dice: bool
    rows: tuple[GroupRow, ...]


@dataclass(frozen=True)
class Figure:
    """A drawing and what stands under it."""

    svg: str
    caption: str


@dataclass(frozen=True)
class WorstCard:
    """One of the photographs with the largest differences; pictures as data addresses."""

    title: str
    file: str
    sentence: str
    pictures: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class PairContent:
    """Everything the page shows about one pair of readers."""

    anchor: str
    title: str
    a: str
    b: str
    decision: str
    badge: str
    sentence: str
    calls: str
    relevance: tuple[str, ...]
    numbers: tuple[NumberRow, ...]
    categories: tuple[CategoryRow, ...]
    crosses: tuple[CrossTable, ...]
    accuracy: tuple[tuple[str, str], ...]
    masks: tuple[MaskRow, ...]
    figures: tuple[Figure, ...]
    groups: tuple[GroupTable, ...]
    worst: tuple[WorstCard, ...]


@dataclass(frozen=True)
class TogetherContent:
    """Agreement of more than two readers."""

    numbers: tuple[NumberRow, ...]
    categories: tuple[CategoryRow, ...]


def heading(comparison: Comparison) -> str:
    """What the study of agreement is about; GRRAS asks for it in the title."""
    names = [reader.label for reader in comparison.readers]
    if comparison.intra:
        return f"Intra-reader agreement and reliability: {comparison.readers[0].reader}, first and last reading"
    return f"Inter-reader agreement and reliability: {', '.join(names[:-1])} and {names[-1]}"


def pair_contents(comparison: Comparison) -> tuple[PairContent, ...]:
    """The content of every pair."""
    return tuple(_pair_content(comparison, number) for number in range(len(comparison.pairs)))


def together_content(comparison: Comparison) -> TogetherContent | None:
    """Agreement of all readers at once; None for two."""
    if comparison.together is None:
        return None
    together = comparison.together
    return TogetherContent(_together_numbers(comparison, together), _category_rows(comparison, together))


def replacement_sentence(comparison: Comparison, pair: PairAgreement) -> str:
    """One sentence: whether the first reader may stand for the second under the protocol's margin."""
    a, b = comparison.readers[pair.first].label, comparison.readers[pair.second].label
    replacement, rules = pair.replacement, comparison.study.protocol.agreement
    may, may_not = (f"{a} may {word}replace {b}" for word in ("", "not "))
    if comparison.intra:
        name = comparison.readers[0].reader
        may, may_not = (f"one reading by {name} may {word}stand for another" for word in ("", "not "))
    if replacement.decision == "refused":
        return f"No statement is made whether {may}: {replacement.reason}."
    margin = f"the protocol's margin of ± {rules.margin_bsa_percent:g} % BSA"
    size = f"{count(pair.detached.rows, 'visit')} of {count(pair.detached.patients, 'patient')}"
    low, high = _signed(replacement.lowest, 2), _signed(replacement.highest, 2)
    if replacement.decision == "yes":
        return (
            f"Under {margin}, {may} for the detached % BSA of a visit: the 95 % limits of agreement, with their "
            f"intervals, lie between {low} and {high} % BSA ({size})."
        )
    if replacement.decision == "no":
        limits = pair.detached.difference
        assert limits is not None
        reach = f"{_signed(limits.lower.value, 2)} to {_signed(limits.upper.value, 2)}"
        return (
            f"Under {margin}, {may_not} for the detached % BSA of a visit: the 95 % limits of agreement run from "
            f"{reach} % BSA ({size})."
        )
    return (
        f"Under {margin}, it is not decided whether {may}: the limits of agreement lie within the margin, their "
        f"intervals reach from {low} to {high} % BSA ({size}); more patients have to be compared."
    )


def sources_of_difference(comparison: Comparison) -> list[tuple[str, str]]:
    """What the record says about each reader: how, when, from which starting point, in which time."""
    return [(reader.label, _reader_facts(reader)) for reader in comparison.readers]


def methods(comparison: Comparison) -> list[tuple[str, str, str]]:
    """Paragraphs of introduction and methods in GRRAS order: item number, heading, text."""
    study, protocol = comparison.study, comparison.study.protocol
    rules = protocol.agreement
    patients, visits, photos = len(comparison.patients), len(comparison.visits), len(comparison.photos)
    readers = len(comparison.readers)
    by_model = [reader for reader in comparison.readers if reader.models]
    ages = sorted(study.patients[row.patient].age_years for row in comparison.patients)
    raters = "one reader, twice" if comparison.intra else f"{count(readers, 'reader')}: {_kinds(comparison)}"
    starts = [
        f"{n} of {reader.label}'s readings started from a reading by {other}"
        for reader in comparison.readers
        for other, n in reader.built_on.items()
    ]
    between = ""
    if comparison.days_between is not None:
        between = f" Median time between the two readings of a photograph: {_days(comparison.days_between)}."
    return [
        (
            "2",
            "What is measured",
            "The detached or detachable share of the body surface (% BSA) on standardised photographs: every pixel is "
            "given a class, the classes of a surface give its detached fraction, fractions are weighted by the chart "
            f"{study.chart.title}, and visits give the healed percent at {day_label(protocol.endpoint.day)} relative "
            "to the maximum. All numbers of all readers were computed from their masks by the same program."
            + (f" Automatic readings: {', '.join(r.label for r in by_model)}." if by_model else ""),
        ),
        (
            "3",
            "Subjects",
            f"{count(patients, 'patient')} of the study {protocol.trial.name} ({protocol.trial.description}), aged "
            f"{_span(ages[0], ages[-1])} years.",
        ),
        ("4", "Readers", f"{raters[:1].upper()}{raters[1:]}. Their training is not in the record: state it here."),
        (
            "5",
            "What is known",
            "From photographs, burn size reached an inter-reader ICC of 0.83 among experts and 0.68 among referring "
            "clinicians; epithelialisation 0.67 between and 0.79 within readers. No published figure was found for "
            "detached skin in SJS/TEN.",
        ),
        (
            "6",
            "Sample size",
            f"All photographs that {'were read twice' if comparison.intra else 'every reader has read'}: {photos} of "
            f"{count(visits, 'visit')} of {count(patients, 'patient')}, two or more readings each. No sample size was "
            f"computed; the protocol asks for at least {rules.minimum_patients} patients before it makes a statement.",
        ),
        (
            "7",
            "Selection",
            f"{_left_out(comparison)} Every reader's numbers are computed from the compared photographs alone, so that "
            "they can differ from those of the main report. Surfaces that were only declared free of lesions count as "
            "such for every reader and are left out of the tables of surfaces.",
        ),
        (
            "8",
            "How it was read",
            " ".join(f"{label}: {facts}." for label, facts in sources_of_difference(comparison))
            + between
            + " Whether readers knew the patient's course is not in the record: state it here.",
        ),
        (
            "9",
            "Independence",
            ("; ".join(starts) + ": such readings are not independent of it and agree too well." if starts else "")
            or "According to the record, no reading started from another reader's.",
        ),
        ("10", "Statistics", _statistics(comparison)),
    ]


def samples(comparison: Comparison) -> list[tuple[str, str]]:
    """Who and what was actually compared (GRRAS 11 and 12)."""
    patients, visits = comparison.patients, comparison.visits
    tones = Counter(row.tone or "not known" for row in patients)
    rows = [
        ("Readers", ", ".join(reader.label for reader in comparison.readers)),
        ("Patients, visits, photographs", f"{len(patients)}, {len(visits)}, {len(comparison.photos)}"),
        ("Surfaces of visits", str(len(comparison.surfaces))),
        ("Skin tone, patients", ", ".join(f"{name} {tones[name]}" for name in (*TONES, "not known") if tones[name])),
    ]
    for i, reader in enumerate(comparison.readers):
        categories = Counter(row.category[i] or "not known" for row in patients)
        listed = ", ".join(f"{name} {categories[name]}" for name in (*CATEGORIES, "not known") if categories[name])
        rows.append((f"Category, {reader.label}", listed))
    for i, reader in enumerate(comparison.readers):
        calls = Counter(row.response[i] for row in patients)
        listed = ", ".join(f"{name} {calls[name]}" for name in CALLS if calls[name])
        rows.append((f"Response, {reader.label}", listed))
    return rows


def _span(low: float, high: float) -> str:
    return f"{low:g}" if low == high else f"{low:g} to {high:g}"


def _left_out(comparison: Comparison) -> str:
    if not comparison.excluded:
        return "Every photograph of the study was compared."
    number = count(len(comparison.excluded), "photograph")
    return f"{number} of the study could not be compared; each is listed below with the reason."


def _kinds(comparison: Comparison) -> str:
    models = sum(1 for reader in comparison.readers if reader.models)
    people = len(comparison.readers) - models
    parts = [f"{people} {'person' if people == 1 else 'people'}"] if people else []
    parts += [count(models, "model")] if models else []
    return " and ".join(parts)


def _reader_facts(reader: ReaderInfo) -> str:
    kinds = ", ".join(f"{n} {kind}" for kind, n in reader.kinds.items())
    when = reader.first if reader.first == reader.last else f"{reader.first} to {reader.last}"
    facts = f"{kinds} readings, {when}"
    if reader.minutes is not None:
        facts += f", median {reader.minutes:.1f} minutes a photograph"
    if reader.models:
        facts += ", model " + ", ".join(f"{sha256[:12]}…" for sha256 in reader.models)
    return facts


def _days(days: float) -> str:
    return "less than a day" if days < 1 else count(round(days), "day")


def _statistics(comparison: Comparison) -> str:
    rules = comparison.study.protocol.agreement
    many = "" if len(comparison.readers) == 2 else " For all readers at once: overall concordance and Fleiss's kappa."
    return (
        "Differences: bias and 95 % limits of agreement (Bland and Altman 1986); logarithms are shown as well where "
        "the absolute difference grows with the mean (one-sided p < 0.05 of its regression, at least 10 pairs above "
        "zero). Reliability: ICC(A,1), two-way random effects, absolute agreement, single reading (McGraw and Wong "
        "1996), and Lin's concordance correlation. Measurement error: SEM for absolute agreement, the square root of "
        "reader plus residual variance, and MDC95 = 1.96 √2 SEM. Categories: Cohen's kappa, weighted kappa, Gwet's "
        f"AC1.{many} Sensitivity and specificity: exact (Clopper-Pearson). Intervals are 95 %. Where a patient gives "
        f"several rows they are percentile intervals of {rules.draws} draws of whole patients (seed {rules.seed}; at "
        f"least {FEWEST_PATIENTS} patients), otherwise those of the formulas (t, exact noncentral t for the limits, "
        "F, Fisher's z). Masks: Dice; boundary Dice, the share of both outlines within "
        f"{rules.boundary_tolerance_percent:g} % of the longer side of the other outline; HD95, the larger of the two "
        f"95th percentiles of the distance between outlines (masks of at most {OUTLINE_LONG_SIDE} pixels). A class "
        "that neither outlines gives no Dice and is counted; one that only one outlines gives 0 and no distance. Skin "
        "tone: individual typology angle, arctan((L* − 50) / b*), of skin that all call intact, from uncalibrated "
        "photographs: broad groups only."
    )


# One pair


def _pair_content(comparison: Comparison, number: int) -> PairContent:
    pair = comparison.pairs[number]
    a, b = comparison.readers[pair.first].label, comparison.readers[pair.second].label
    alike = sum(pair.call.table[i][i] for i in range(len(pair.call.table))) if pair.call.table else None
    calls = "" if alike is None else f"The response is the same in {alike} of {count(pair.call.rows, 'patient')}."
    badges = {"yes": "yes", "no": "no", "undecided": "undetermined", "refused": "none"}
    titles = {"yes": "Within the margin", "no": "Outside the margin", "undecided": "Not decided", "refused": "Too few"}
    return PairContent(
        anchor=f"pair-{number + 1}",
        title=f"{a} against {b}",
        a=a,
        b=b,
        decision=titles[pair.replacement.decision],
        badge=badges[pair.replacement.decision],
        sentence=replacement_sentence(comparison, pair),
        calls=calls,
        relevance=_relevance(comparison, pair),
        numbers=_pair_numbers(comparison, pair),
        categories=_category_rows(comparison, pair),
        crosses=tuple(
            _cross(title, table)
            for title, table in ((_call_title(comparison), pair.call), ("Category", pair.category))
            if table.table
        ),
        accuracy=_accuracy(pair, a, b),
        masks=tuple(_mask_row(summary) for summary in pair.masks),
        figures=_figures(comparison, pair, a, b),
        groups=_groups(pair),
        worst=_worst(comparison, number, a, b),
    )


def _relevance(comparison: Comparison, pair: PairAgreement) -> tuple[str, ...]:
    """What the figures mean in use (GRRAS 14), each sentence from numbers that exist."""
    sentences = []
    mdc, healed = pair.detached.mdc95.value, pair.healed.mdc95.value
    if mdc is not None:
        sentences.append(
            f"In 95 % of visits two readings differ by at most {percent(mdc, decimals=2)} % BSA (MDC95): a smaller "
            "change can be the reading alone."
        )
    if healed is not None:
        day, threshold = day_label(comparison.study.protocol.endpoint.day), comparison.study.protocol.endpoint
        sentences.append(
            f"In 95 % of patients two readings of healed percent at {day} differ by at most {percent(healed)} points "
            f"(MDC95): nearer than that to {threshold.threshold_percent:g} % the reader can decide the call."
        )
    if pair.detached.trend is not None and pair.detached.trend.prefer_log:
        log = pair.detached.log_difference
        if log is not None and log.lower.value is not None and log.upper.value is not None:
            sentences.append(
                "The difference grows with the detached area; as a ratio, the limits of agreement are "
                f"{log.lower.value:.2f} to {log.upper.value:.2f} times the other reading."
            )
    return tuple(sentences)


def _pair_numbers(comparison: Comparison, pair: PairAgreement) -> tuple[NumberRow, ...]:
    day = day_label(comparison.study.protocol.endpoint.day)
    return (
        _number_row("Surface: detached", "% of the surface", pair.surfaces, 1),
        _number_row("Visit: detached", "% BSA", pair.detached, 2),
        _number_row("Visit: re-epithelialised", "% BSA", pair.reepithelialised, 2),
        _number_row("Patient: maximum", "% BSA", pair.maximum, 2),
        _number_row(f"Patient: healed at {day}", "%", pair.healed, 1),
    )


def _together_numbers(comparison: Comparison, together: AllReaders) -> tuple[NumberRow, ...]:
    day = day_label(comparison.study.protocol.endpoint.day)
    return (
        _number_row("Surface: detached", "% of the surface", together.surfaces, 1),
        _number_row("Visit: detached", "% BSA", together.detached, 2),
        _number_row("Patient: maximum", "% BSA", together.maximum, 2),
        _number_row(f"Patient: healed at {day}", "%", together.healed, 1),
    )


def _number_row(title: str, unit: str, found: Agreement, decimals: int) -> NumberRow:
    difference = found.difference
    bias = _interval_of(found, "bias", difference.bias) if difference else Estimate(None)
    lower = _interval_of(found, "lower", difference.lower) if difference else Estimate(None)
    upper = _interval_of(found, "upper", difference.upper) if difference else Estimate(None)
    icc, ccc = _interval_of(found, "icc", found.icc), _interval_of(found, "ccc", found.ccc)
    mdc95 = found.by_patient.get("mdc95", found.mdc95)
    limits = "–" if lower.value is None else f"{_signed(lower.value, decimals)} to {_signed(upper.value, decimals)}"
    both = [_range(lower, decimals), _range(upper, decimals)]
    return NumberRow(
        title=title,
        unit=unit,
        rows=f"{found.rows} / {found.patients}",
        means=tuple(f"{mean:.{decimals}f}" for mean in found.means),
        bias=_signed(bias.value, decimals),
        bias_range=_range(bias, decimals),
        limits=limits,
        limits_range="; ".join(both) if all(both) else "",
        icc=_plain(icc, 3),
        icc_range=_range(icc, 3),
        ccc=_plain(ccc, 3),
        ccc_range=_range(ccc, 3),
        sem=_plain(found.sem, decimals),
        mdc95=_plain(found.mdc95, decimals),
        mdc95_range=_range(mdc95, decimals),
    )


def _interval_of(found: Agreement, name: str, formula: Estimate) -> Estimate:
    """The formula's interval where every patient has one row, else the one resampled by patient."""
    return formula if found.rows == found.patients else found.by_patient.get(name, formula)


def _call_title(comparison: Comparison) -> str:
    return f"Response at {day_label(comparison.study.protocol.endpoint.day)}"


def _category_rows(comparison: Comparison, found: PairAgreement | AllReaders) -> tuple[CategoryRow, ...]:
    return (
        _category_row(_call_title(comparison), found.call, ordered=False),
        _category_row("SJS, overlap, TEN", found.category, ordered=True),
    )


def _category_row(title: str, found: CategoryAgreement, *, ordered: bool) -> CategoryRow:
    alike = found.observed.value
    weighted = [found.linear, found.quadratic] if ordered else []
    known = any(estimate.value is not None for estimate in weighted)
    return CategoryRow(
        title=title,
        rows=str(found.rows),
        alike="–" if alike is None else f"{percent(100 * alike)} %",
        kappa=_plain(found.kappa, 2),
        kappa_range=_range(found.kappa, 2) or _why(found.kappa),
        weighted=" / ".join(_plain(estimate, 2) for estimate in weighted) if known else "–",
        weighted_range=" / ".join(_range(estimate, 2) for estimate in weighted) if known else "",
        ac1=_plain(found.ac1, 2),
        ac1_range=_range(found.ac1, 2) or _why(found.ac1),
    )


def _why(estimate: Estimate) -> str:
    return estimate.reason if estimate.value is None else ""


def _cross(title: str, found: CategoryAgreement) -> CrossTable:
    size = range(len(found.categories))
    used = [i for i in size if any(found.table[i][j] or found.table[j][i] for j in size)]
    return CrossTable(
        title,
        tuple(found.categories[i] for i in used),
        tuple(tuple(found.table[i][j] for j in used) for i in used),
    )


def _accuracy(pair: PairAgreement, a: str, b: str) -> tuple[tuple[str, str], ...]:
    found = pair.accuracy
    left = f"; {count(found.left_out, 'patient')} without yes or no by {b} left out" if found.left_out else ""
    return (
        (
            "Sensitivity",
            f"{_share(found.sensitivity)}: of {count(found.yes, 'response')} by {b}, how many {a} calls yes{left}",
        ),
        (
            "Specificity",
            f"{_share(found.specificity)}: of {found.no} without response by {b}, how many {a} calls no{left}",
        ),
    )


def _share(estimate: Estimate) -> str:
    if estimate.value is None or estimate.low is None or estimate.high is None:
        return "–"
    return f"{percent(100 * estimate.value)} % ({percent(100 * estimate.low)} – {percent(100 * estimate.high)})"


def _mask_row(summary: MaskSummary) -> MaskRow:
    return MaskRow(
        title=_CLASS_TITLES[summary.name],
        outlined=summary.outlined,
        absent=summary.absent,
        one_sided=summary.one_sided,
        dice=_plain(summary.dice, 3),
        dice_range=_range(summary.dice, 3),
        median="–" if summary.median_dice is None else f"{summary.median_dice:.3f}",
        boundary=_plain(summary.boundary_dice, 3),
        boundary_range=_range(summary.boundary_dice, 3),
        distance=_plain(summary.hd95_percent, 2),
        distance_range=_range(summary.hd95_percent, 2),
    )


def _groups(pair: PairAgreement) -> tuple[GroupTable, ...]:
    return tuple(
        GroupTable(
            title=table.title,
            unit=table.unit,
            numbers=bool(table.unit),
            dice=any(group.dice is not None for group in table.groups),
            rows=tuple(_group_row(group, 1 if table.title == "Surface" else 2) for group in table.groups),
        )
        for table in pair.subgroups
        if table.groups
    )


def _group_row(group: Subgroup, decimals: int) -> GroupRow:
    numbers = group.numbers
    row = _number_row(group.name, "", numbers, decimals) if numbers else None
    return GroupRow(
        name=surface_title(group.name) if "-" in group.name else group.name,
        photos=group.photos,
        rows=row.rows if row else "",
        bias=row.bias if row else "",
        limits=row.limits if row else "",
        icc=row.icc if row else "",
        icc_range=row.icc_range if row else "",
        mdc95=row.mdc95 if row else "",
        dice=_plain(group.dice, 3) if group.dice else "",
        dice_range=_range(group.dice, 3) if group.dice else "",
    )


# Drawings


def _figures(comparison: Comparison, pair: PairAgreement, a: str, b: str) -> tuple[Figure, ...]:
    two = (pair.first, pair.second)
    visits = [
        Point(left.point, right.point, f"{row.patient} {day_label(row.day)}: {left.point:.2f} and {right.point:.2f}")
        for row in comparison.visits
        for left, right in [[row.detached[i] for i in two]]
        if left is not None and right is not None
    ]
    healed = [
        Point(left.point, right.point, f"{row.patient}: {left.point:.1f} and {right.point:.1f}")
        for row in comparison.patients
        for left, right in [[row.healed[i] for i in two]]
        if left is not None and right is not None
    ]
    endpoint = comparison.study.protocol.endpoint
    day = day_label(endpoint.day)
    figures: list[Figure] = []
    margin = comparison.study.protocol.agreement.margin_bsa_percent
    if visits:
        figures += _both_plots(visits, pair.detached, a, b, "Detached % BSA of a visit", "% BSA", margin=margin)
    log = pair.detached.log_difference
    if pair.detached.trend is not None and pair.detached.trend.prefer_log and log is not None:
        above = [point for point in visits if point.a > 0 and point.b > 0]
        svg = difference_plot_svg(
            above,
            _levels(pair.detached, log),
            title="Ratios of the detached % BSA of a visit",
            x_title="geometric mean of both, % BSA",
            y_title=f"{a} / {b}",
            log=True,
        )
        left = f" {count(log.left_out, 'visit')} with a zero left out." if log.left_out else ""
        figures.append(
            Figure(svg, f"The same as ratios, because the difference grows with the detached area (log scale).{left}")
        )
    if healed:
        what = f"Healed percent at {day}"
        figures += _both_plots(healed, pair.healed, a, b, what, "%", threshold=endpoint.threshold_percent)
    return tuple(
        Figure(figure.svg, f"Figure {number}. {figure.caption}") for number, figure in enumerate(figures, start=1)
    )


def _both_plots(
    points: Sequence[Point],
    found: Agreement,
    a: str,
    b: str,
    what: str,
    unit: str,
    *,
    margin: float | None = None,
    threshold: float | None = None,
) -> list[Figure]:
    levels = _levels(found, found.difference)
    difference = difference_plot_svg(
        points,
        levels,
        title=f"Differences: {what}",
        x_title=f"mean of both, {unit}",
        y_title=f"{a} − {b}, {unit}",
        margin=margin,
    )
    identity = identity_plot_svg(
        points, title=f"Both readers: {what}", x_title=f"{b}, {unit}", y_title=f"{a}, {unit}", threshold=threshold
    )
    many = found.rows != found.patients
    bands = any(level.low is not None for level in levels)
    of_bands = f"; bands: their 95 % intervals{', resampled by patient' if many else ''}" if bands else ""
    how = f"Solid blue: bias; dashed: 95 % limits of agreement{of_bands}."
    if not levels:
        how = "Too few rows for limits of agreement."
    per = "visit" if many else "patient"
    icc = _interval_of(found, "icc", found.icc)
    reliability = ""
    if icc.value is not None:
        reliability = f" ICC(A,1) {_plain(icc, 3)}" + (f" ({_range(icc, 3)})." if icc.low is not None else ".")
    limit = "" if threshold is None else " Dashed: the limit of the response for each reader."
    return [
        Figure(difference, f"{what}: difference {a} − {b} against the mean, one dot a {per}. {how}"),
        Figure(identity, f"{what}: {a} against {b}, with the line of identity.{reliability}{limit}"),
    ]


def _levels(found: Agreement, difference: BlandAltman | None) -> list[Level]:
    if difference is None or difference.bias.value is None:
        return []
    levels = []
    names = ("ratio", "upper limit", "lower limit") if difference.log else ("bias", "upper limit", "lower limit")
    parts = (("bias", difference.bias), ("upper", difference.upper), ("lower", difference.lower))
    for name, (key, formula) in zip(names, parts, strict=True):
        estimate = formula if difference.log else _interval_of(found, key, formula)
        if estimate.value is not None:
            levels.append(Level(name, estimate.value, estimate.low, estimate.high))
    return levels


def _worst(comparison: Comparison, number: int, a: str, b: str) -> tuple[WorstCard, ...]:
    cards = []
    for worst in worst_photos(comparison, number):
        photo = worst.compared.photo
        dice = worst.compared.pairs[number].classes["detached"].dice
        share_a, share_b = share_of_body(worst.compared, number)
        cards.append(
            WorstCard(
                title=f"{photo.patient} {photo.visit} {photo.view.replace('-', ' ')}",
                file=photo.file,
                sentence=(
                    f"Only one of the two calls {percent(100 * worst.apart)} % of the body shown detached "
                    f"({a} {percent(100 * share_a)} %, {b} {percent(100 * share_b)} %); Dice {dice:.2f}."
                ),
                pictures=tuple(
                    (title, "data:image/jpeg;base64," + base64.b64encode(data).decode())
                    for title, data in zip((a, b, "difference"), worst.pictures, strict=False)
                ),
            )
        )
    return tuple(cards)


# Numbers in words


def _plain(estimate: Estimate, decimals: int) -> str:
    return "–" if estimate.value is None else _minus(f"{estimate.value:.{decimals}f}")


def _range(estimate: Estimate, decimals: int) -> str:
    if estimate.low is None or estimate.high is None:
        return ""
    return _minus(f"{estimate.low:.{decimals}f} to {estimate.high:.{decimals}f}")


def _signed(value: float | None, decimals: int) -> str:
    if value is None:
        return "–"
    text = f"{value:+.{decimals}f}"
    return _minus(text if float(text) else text[1:])


def _minus(text: str) -> str:
    return text.replace("-", "−")
