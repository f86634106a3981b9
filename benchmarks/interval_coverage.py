"""Do the intervals hold what they promise? Tables in Markdown, one command each:

    python benchmarks/interval_coverage.py study STUDY [STUDY ...] --reader model:classical-v1 [--error-model FILE]
    python benchmarks/interval_coverage.py study STUDY [STUDY ...] --reader model:classical-v1 --folds 5
    python benchmarks/interval_coverage.py simulated [--patients 80] [--curve docs/reliability.svg]
    python benchmarks/interval_coverage.py simulated --seed 4242 [--days=-2,-1,0,1,2,3,7] [--why]

``study``: phantom studies, each measured with this reader's masks, judged with the reader's error model: by default
the one that comes with the program, which must not have been fitted to these phantoms; with ``--folds``, one fitted
anew to the other patients of the same studies. ``simulated``: readers of known error, who see the true fractions of
phantom courses through a logit-normal error shared by patient, visit and place; the model is fitted to one half of the
patients and judged on the other. Slow: a second or two a simulated patient. ``--why`` adds where in the draws the truth
lies, for H and what it is made of: as made, with the maximum as drawn, without blunders, and with the spreads of
patient, visit and place that the reader truly has. Anything about the method is decided on another ``--seed``, so that
the usual one stays a test.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from scipy.stats import norm

from bsa_measure.bsa import VisitBsa, visit_bsa
from bsa_measure.chart import load_chart
from bsa_measure.course import healing
from bsa_measure.endpoint import call
from bsa_measure.error_fit import Paired, fit_error_model
from bsa_measure.error_models import parse_error_model, study_error_models
from bsa_measure.error_pairs import measured_pairs
from bsa_measure.errors import BsaMeasureError
from bsa_measure.files import read_table, read_text, undefuse
from bsa_measure.fractions import Areas
from bsa_measure.proportion import clopper_pearson
from bsa_measure.protocol import Endpoint
from bsa_measure.segment import registered_error_model
from bsa_measure.uncertainty import (
    Blunder,
    ErrorModel,
    draw_visits,
    drawn_maximum,
    from_logit,
    simulate_course,
    to_logit,
)

RULE = Endpoint()
SEED = 20_261


@dataclass(frozen=True)
class Patient:
    """One patient: visits as read and as they truly are."""

    name: str
    read: tuple[VisitBsa, ...]
    true: tuple[VisitBsa, ...]
    pairs: tuple[tuple[Paired, Paired], ...]


@dataclass(frozen=True)
class Judged:
    """One patient with what was promised and what is true."""

    detached: tuple[tuple[bool, float, float], ...]  # held, width, error of the value
    held: bool
    held_by_bounds: bool
    width: float
    error: float
    probability: float
    response: bool
    answers: tuple[str, str]  # with and without the error model
    excess: float
    healed: float  # the true H
    missed: int  # -1: the true H lies below its interval, 1: above, 0: inside


def judge(patient: Patient, error: ErrorModel) -> Judged | None:
    """Compare the intervals of one patient with the truth; None where the true or the read course has no maximum."""
    day = RULE.day
    simulated = simulate_course(patient.read, {error.reader: error}, patient=patient.name, days=(day,))
    read, true = healing(patient.read, day), healing(patient.true, day)
    found = simulated.days.get(day)
    if found is None or found.healed is None or found.probability is None or true.healed is None:
        return None
    assert read.healed is not None
    h = true.healed.point
    totals = {visit.day: visit.detached.point for visit in patient.true if visit.detached}
    values = {visit.day: visit.detached.point for visit in patient.read if visit.detached}
    return Judged(
        detached=tuple(
            (i.low <= totals[d] <= i.high, i.high - i.low, values[d] - totals[d]) for d, i in simulated.detached.items()
        ),
        held=found.healed.low <= h <= found.healed.high,
        held_by_bounds=read.healed.low - 1e-9 <= h <= read.healed.high + 1e-9,
        width=found.healed.high - found.healed.low,
        error=read.healed.point - h,
        probability=found.probability,
        response=call(true, RULE).response == "yes",
        answers=(str(call(read, RULE, found).response), str(call(read, RULE).response)),
        excess=found.excess,
        healed=h,
        missed=int(h > found.healed.high) - int(h < found.healed.low),
    )


def tables(judged: Sequence[Judged]) -> list[str]:
    """Coverage, calls and reliability."""
    visits = [visit for one in judged for visit in one.detached]
    lines = [
        "",
        f"{len(judged)} patients, {len(visits)} visits.",
        "",
        "| 90 % interval of | holds the truth | 95 % range | median width | mean absolute error of the value |",
        "|---|---|---|---|---|",
        _line("D at a visit, % BSA", [v[0] for v in visits], [v[1] for v in visits], [v[2] for v in visits]),
        _line(
            f"H on D{RULE.day}, points", [j.held for j in judged], [j.width for j in judged], [j.error for j in judged]
        ),
        "",
        "| true H | held | true H above the interval | below |",
        "|---|---|---|---|",
        *_held_by_truth(judged),
        "",
        f"What hidden skin alone leaves open holds the true H in {_share([j.held_by_bounds for j in judged])}.",
        f"The maximum of the visits read is {np.mean([j.excess for j in judged]):.3f} % BSA too high on average.",
        "",
        f"| call on D{RULE.day} | right | wrong | false response | undetermined |",
        "|---|---|---|---|---|",
        _calls("with the error model", judged, 0),
        _calls("hidden skin alone", judged, 1),
        "",
        "| probability of response said | patients | mean said | responded |",
        "|---|---|---|---|",
    ]
    for low, high, inside in classes_of_probability(judged):
        said, came = np.mean([j.probability for j in inside]), np.mean([j.response for j in inside])
        lines.append(f"| {low:g} to {high:g} | {len(inside)} | {said:.2f} | {came:.2f} |")
    brier = np.mean([(j.probability - j.response) ** 2 for j in judged])
    usual = np.mean([j.response for j in judged])
    lines += [
        "",
        f"Brier score {brier:.3f}; always saying the overall share, {usual:.2f}, scores {usual * (1 - usual):.3f}.",
    ]
    return lines


def classes_of_probability(judged: Sequence[Judged]) -> list[tuple[float, float, list[Judged]]]:
    """Those of whom about the same probability of a response was said; classes in which there is somebody."""
    edges = [0.0, 0.05, 0.2, 0.4, 0.6, 0.8, 0.95, 1.0]
    classes = [
        (low, high, [j for j in judged if low <= j.probability < high or (high == 1.0 and j.probability == 1.0)])
        for low, high in zip(edges, edges[1:], strict=False)
    ]
    return [(low, high, inside) for low, high, inside in classes if inside]


def reliability_curve(judged: Sequence[Judged]) -> str:
    """The share of patients who responded against the probability said, as SVG; bars are exact 95 % intervals."""
    side, left, top = 300, 58, 16
    ink, grid, dot = "#3d3a36", "#d9d4cd", "#b34a00"

    def x(value: float) -> float:
        return left + side * value

    def y(value: float) -> float:
        return top + side * (1 - value)

    parts = [f'<rect width="{left + side + 22}" height="{top + side + 50}" fill="#fff"/>']
    for tick in (0, 0.2, 0.4, 0.6, 0.8, 1):
        parts.append(
            f'<path d="M{x(0)} {y(tick):.1f}h{side}M{x(tick):.1f} {y(0)}v-{side}" stroke="{grid}" stroke-width=".8"/>'
            f'<text x="{x(0) - 7}" y="{y(tick) + 4:.1f}" text-anchor="end" fill="{ink}">{tick:g}</text>'
            f'<text x="{x(tick):.1f}" y="{y(0) + 17}" text-anchor="middle" fill="{ink}">{tick:g}</text>'
        )
    parts.append(f'<path d="M{x(0)} {y(0)}L{x(1)} {y(1)}" stroke="#0072b2" stroke-width="1.3" stroke-dasharray="6 3"/>')
    for _, _, inside in classes_of_probability(judged):
        said, came = float(np.mean([j.probability for j in inside])), sum(j.response for j in inside)
        low, high = clopper_pearson(came, len(inside))
        # Numbers of patients stand beside the bars, on the side with room.
        beside, anchor = (-7, "end") if said > 0.9 else (7, "start")
        parts.append(
            f'<path d="M{x(said):.1f} {y(low):.1f}V{y(high):.1f}" stroke="{dot}" stroke-width="1.4"/>'
            f'<circle cx="{x(said):.1f}" cy="{y(came / len(inside)):.1f}" r="4" fill="{dot}"/>'
            f'<text x="{x(said) + beside:.1f}" y="{(y(low) + y(high)) / 2 + 4:.1f}" text-anchor="{anchor}" '
            f'fill="{ink}">{len(inside)}</text>'
        )
    parts.append(
        f'<text x="{x(0.5)}" y="{y(0) + 38}" text-anchor="middle" fill="{ink}">probability of a response that was said'
        f'</text><text transform="translate(16 {y(0.5)}) rotate(-90)" text-anchor="middle" fill="{ink}">'
        "share that responded</text>"
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" viewBox="0 0 {left + side + 22} {top + side + 50}" '
        f'width="{left + side + 22}" font-family="system-ui, sans-serif" font-size="12">'
        f"<title>Reliability of the probability of a response</title>{''.join(parts)}</svg>\n"
    )


def _line(name: str, held: Sequence[bool], widths: Sequence[float], errors: Sequence[float]) -> str:
    low, high = clopper_pearson(sum(held), len(held))
    return (
        f"| {name} | {100 * np.mean(held):.1f} % ({sum(held)} of {len(held)}) | {100 * low:.0f} to {100 * high:.0f} % "
        f"| {np.median(widths):.2f} | {np.mean(np.abs(errors)):.2f} |"
    )


def _held_by_truth(judged: Sequence[Judged]) -> list[str]:
    """A ceiling would show in the last row: nobody's H is above 100."""
    edges = [-np.inf, 80.0, 90.0, 95.0, 99.5, np.inf]
    lines = []
    for low, high in zip(edges, edges[1:], strict=False):
        inside = [j for j in judged if low <= j.healed < high]
        name = "to".join(f" {edge:g} " if np.isfinite(edge) else " " for edge in (low, high)).strip()
        held = _share([j.held for j in inside]) if inside else "–"
        lines.append(f"| {name} | {held} | {sum(j.missed > 0 for j in inside)} | {sum(j.missed < 0 for j in inside)} |")
    return lines


def _share(held: Sequence[bool]) -> str:
    return f"{100 * np.mean(held):.1f} % ({sum(held)} of {len(held)})"


def _calls(name: str, judged: Sequence[Judged], which: int) -> str:
    answers = [(j.answers[which], "yes" if j.response else "no") for j in judged]
    right = sum(a == t for a, t in answers)
    undetermined = sum(a == "undetermined" for a, _ in answers)
    false = sum(a == "yes" and t == "no" for a, t in answers)
    return f"| {name} | {right} | {len(answers) - right - undetermined} | {false} | {undetermined} |"


# Measured phantom studies


def measured_patients(study: Path, reader: str) -> list[Patient]:
    """The patients of a phantom study as `measure` read them, beside their truth."""
    pairs: dict[str, list[tuple[Paired, Paired]]] = {}
    for detached, covered in zip(*measured_pairs(study, reader), strict=True):
        pairs.setdefault(detached.patient, []).append((detached, covered))
    read = _visits(study / "results" / "surfaces.csv", reader)
    true = _visits(study / "truth" / "surfaces.csv", "")
    days = {name: {visit.day for visit in visits} for name, visits in read.items()}
    return [
        Patient(f"{study.name}/{name}", visits, tuple(v for v in true[name] if v.day in days[name]), tuple(pairs[name]))
        for name, visits in read.items()
    ]


def _visits(table: Path, reader: str) -> dict[str, tuple[VisitBsa, ...]]:
    """Patient to visits, from a table of surfaces. In the truth nothing is hidden, whatever lies on it."""
    columns = ("patient", "day", "surface", "weight_percent", "detached_fraction", "reepithelialised_fraction")
    rows: dict[str, dict[int, list[Mapping[str, str]]]] = {}
    for row in read_table(table, (*columns, "assessable_fraction", "status")):
        rows.setdefault(undefuse(row["patient"]), {}).setdefault(int(row["day"]), []).append(row)
    found = {}
    for name, days in rows.items():
        found[name] = tuple(
            visit_bsa(
                day,
                {row["surface"]: float(row["weight_percent"]) for row in there},
                {row["surface"]: _areas(row, hidden=bool(reader)) for row in there if row["status"] == "seen"},
                readers={row["surface"]: (reader,) for row in there},
                uninvolved={row["surface"] for row in there if row["status"] == "uninvolved"},
            )
            for day, there in sorted(days.items())
        )
    return found


def _areas(row: Mapping[str, str], *, hidden: bool) -> Areas:
    f, e = float(row["detached_fraction"]), float(row["reepithelialised_fraction"])
    c = float(row["assessable_fraction"]) if hidden else 1.0
    return Areas(c * (1 - f - e), c * f, c * e, 1 - c)


def stored_error_model(studies: Sequence[Path], reader: str, file: Path | None) -> ErrorModel:
    """The error model to judge: of the file, of a study's folder, or the program's own."""
    if file is not None:
        return parse_error_model(read_text(file), file.name)
    for study in studies:
        own = study_error_models(study)
        if reader in own:
            return own[reader].model
    text = registered_error_model(reader.removeprefix("model:"))
    if text is None:
        sys.exit(f"There is no error model of {reader}: name one with --error-model.")
    return parse_error_model(text, f"the error model of {reader}")


def judge_studies(studies: Sequence[Path], reader: str, file: Path | None, folds: int) -> list[str]:
    """The page about measured phantom studies."""
    patients = [patient for study in studies for patient in measured_patients(study, reader)]
    if folds:
        judged = []
        for fold in range(folds):
            rest = [patient for i, patient in enumerate(patients) if i % folds != fold]
            error = fit(rest, reader)
            judged += [judge(patient, error) for patient in patients[fold::folds]]
        about = f"{reader}, fitted in {folds} folds to the other patients of {_names(studies)}"
    else:
        error = replace(stored_error_model(studies, reader, file), reader=reader)
        judged = [judge(patient, error) for patient in patients]
        about = f"{reader}, error model from {error.source}; judged on {_names(studies)}"
    return [f"### {about}", *tables([one for one in judged if one is not None])]


def _names(studies: Sequence[Path]) -> str:
    return ", ".join(study.resolve().name for study in studies)


def fit(patients: Sequence[Patient], reader: str) -> ErrorModel:
    """The error model of these patients; a name of one study is not that of another's patient."""
    named = [(patient.name, pair) for patient in patients for pair in patient.pairs]
    return fit_error_model(
        [replace(detached, patient=name) for name, (detached, _) in named],
        [],
        reader=reader,
        reference="truth",
        geometry="silhouette",
    )


# Readers of known error


@dataclass(frozen=True)
class Reader:
    """A simulated reader: errors on the logit scale, and spurious areas on a share of the surfaces without lesions."""

    name: str
    bias: float
    patient: float
    visit: float
    place: float
    spread: float
    spurious_share: float
    spurious: float


READERS = (
    Reader("careful", 0.0, 0.03, 0.03, 0.05, 0.10, 0.05, 0.003),
    Reader("usual", 0.10, 0.10, 0.10, 0.10, 0.25, 0.10, 0.01),
    Reader("marks too much", 0.45, 0.15, 0.15, 0.20, 0.40, 0.25, 0.02),
    Reader("misses a third", -0.60, 0.25, 0.30, 0.20, 0.50, 0.10, 0.01),
)
DAYS = (-2, 0, 7)


def true_course(
    number: int, seed: int, days: Sequence[int]
) -> tuple[str, float, dict[int, dict[str, tuple[float, float]]]]:
    """A phantom's name, age, and the true fractions of every surface on every day."""
    from bsa_measure.phantom.patients import draw_patient
    from bsa_measure.phantom.study import Sitter
    from bsa_measure.phantom.truth import visit_truth

    sitter = Sitter(draw_patient(seed, number), subdivisions=0)
    found = {}
    for day in days:
        truth = visit_truth(sitter.patient.patient, sitter.standing, sitter.disease, day, load_chart("lund-browder"))
        found[day] = {
            name: (s.areas.detached_fraction or 0.0, s.areas.reepithelialised_fraction or 0.0)
            for name, s in truth.surfaces.items()
        }
    return sitter.patient.patient, sitter.patient.age_years, found


def read_course(
    course: tuple[str, float, dict[int, dict[str, tuple[float, float]]]], reader: Reader, rng: np.random.Generator
) -> Patient:
    """What a simulated reader makes of a course."""
    name, age, days = course
    weights = load_chart("lund-browder").weights_at(age)
    of_patient = reader.patient * rng.standard_normal()
    of_place = {surface: reader.place * rng.standard_normal() for surface in weights}
    read, true, pairs = [], [], []
    for day, fractions in days.items():
        of_visit = reader.visit * rng.standard_normal()
        seen, known = {}, {}
        for surface, (f, e) in fractions.items():
            shared = reader.bias + of_patient + of_visit + of_place[surface]
            found = float(_moved(f, shared + reader.spread * rng.standard_normal()))
            if rng.random() < reader.spurious_share:
                found = min(1.0, found + float(rng.exponential(reader.spurious)))
            seen[surface] = Areas(1 - found, found)
            known[surface] = Areas(1 - f - e, f, e)
            pair = Paired(name, day, surface, found, f)
            pairs.append((pair, pair))
        read.append(visit_bsa(day, weights, seen, readers=dict.fromkeys(weights, ("R",))))
        true.append(visit_bsa(day, weights, known))
    return Patient(name, tuple(read), tuple(true), tuple(pairs))


def _moved(fraction: float, by: float) -> np.ndarray:
    """A fraction moved on the plain logit scale; 0 and 1 stay where they are."""
    floor = 1e-9
    return from_logit(to_logit(np.array([fraction]), floor) + by, floor)[0]


Places = dict[str, float]
"""What: the share of the draws that are below its truth."""


def places(patient: Patient, error: ErrorModel, *, taken_off: bool = True) -> Places | None:
    """Where in the draws the truth of the last day lies; ``taken_off``: with the maximum freed from its bias."""
    drawn = draw_visits(patient.read, {error.reader: error}, patient=patient.name)
    true, now = healing(patient.true, RULE.day), drawn[-1].detached
    if true.healed is None or true.detached is None or true.maximum is None:
        return None
    most = np.max([visit.detached for visit in drawn], axis=0)
    if taken_off:
        most, _ = drawn_maximum(drawn, now, RULE.maximum)
    # Without a maximum there is no H: below every truth, which none of these patients comes near.
    h = np.where(most > 0, 100 * (1 - now / np.maximum(most, 1e-9)), -np.inf)
    pairs = {"H": (h, true.healed.point), "D": (now, true.detached.point), "M": (most, true.maximum)}
    return {name: float(np.mean(values < truth)) for name, (values, truth) in pairs.items()}


def _places_line(name: str, found: Sequence[Places]) -> str:
    """Mean place, and how wide the draws are: the reciprocal of the spread of the places as normal scores."""
    cells = []
    for what in ("H", "D", "M"):
        place = np.clip([one[what] for one in found], 0.0005, 0.9995)
        cells.append(f"{place.mean():.2f} | {1 / norm.ppf(place).std():.2f}")
    return f"| {name} | {' | '.join(cells)} |"


def why(reader: Reader, everyone: Sequence[Patient], error: ErrorModel) -> list[str]:
    """Where the truth lies in the draws, as made and with one part left out, or known, at a time."""
    d = error.detached
    own = {"patient": reader.patient, "visit": reader.visit, "place": reader.place}
    known = replace(error, detached=replace(d, **own))
    made = {
        "as made": [places(patient, error) for patient in everyone],
        "the maximum as drawn": [places(patient, error, taken_off=False) for patient in everyone],
        "no blunders": [
            places(patient, replace(error, detached=replace(d, blunder=Blunder()))) for patient in everyone
        ],
        "no spurious patches": [
            places(patient, replace(error, detached=replace(d, spurious=None))) for patient in everyone
        ],
        "true shared spreads": [places(patient, known) for patient in everyone],
    }
    return [_places_line(f"{reader.name}, {name}", [one for one in found if one]) for name, found in made.items()]


def about_fit(reader: Reader, everyone: Sequence[Patient], error: ErrorModel) -> str:
    """What was fitted beside what is true, and what draws that are cut off at 0 add."""
    d = error.detached
    fitted = (f"{name} {getattr(d, name):.2f} ({getattr(reader, name):.2f})" for name in ("patient", "visit", "place"))
    drawn, true = [], []
    for patient in everyone:
        last = draw_visits(patient.read, {error.reader: error}, patient=patient.name)[-1]
        for read, known, draws in zip(last.visit.surfaces, patient.true[-1].surfaces, last.fractions, strict=True):
            if (read.areas.detached_fraction or 0.0) < d.floor:
                drawn.append(read.weight * float(draws.mean()))
                true.append(read.weight * (known.areas.detached_fraction or 0.0))
    return (
        f"- {reader.name}: spreads fitted (true): {', '.join(fitted)}; slope {d.slope:.2f}; blunders "
        f"{100 * d.blunder.share:.1f} %; "
        f"surfaces read below the floor on the last day: drawn {sum(drawn) / len(everyone):.3f} % BSA a patient, true "
        f"{sum(true) / len(everyone):.3f}"
    )


def judge_readers(patients: int, seed: int, days: Sequence[int], curve: Path | None, explain: bool) -> list[str]:
    """The page about readers of known error; the reliability curve goes to a file of its own."""
    with ProcessPoolExecutor() as pool:
        draw = partial(true_course, seed=seed, days=days)
        courses = list(pool.map(draw, range(1, patients + 1), chunksize=4))
    lines: list[str] = []
    together: list[Judged] = []
    reasons: list[str] = []
    fits: list[str] = []
    for place, reader in enumerate(READERS):
        rng = np.random.default_rng([seed, place])
        everyone = [read_course(course, reader, rng) for course in courses]
        half = len(everyone) // 2
        error = fit(everyone[:half], "R")
        judged = [found for patient in everyone[half:] if (found := judge(patient, error)) is not None]
        together += judged
        if explain:
            reasons += why(reader, everyone[half:], error)
            fits.append(about_fit(reader, everyone[half:], error))
        about = ", ".join(
            f"{key.replace('_', ' ')} {value:g}" for key, value in vars(reader).items() if isinstance(value, float)
        )
        lines += ["", f"### A simulated reader: {reader.name}", "", f"{about}; fitted to {half} patients."]
        lines += tables(judged)
    if curve is not None:
        curve.write_text(reliability_curve(together), encoding="utf-8")
    lines += ["", "### The simulated readers together", *tables(together)]
    if explain:
        lines += [
            "",
            "### Where the truth lies in the draws",
            "",
            "Place: 0.5 is right, above it the draws are too low. Width: 1 is right, above it they are too wide.",
            "",
            "| reader | H, place | width | D, place | width | M, place | width |",
            "|---|---|---|---|---|---|---|",
            *reasons,
            "",
            f"The largest true H is {max(one.healed for one in together):.1f}.",
            *fits,
        ]
    return lines


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    of_study = commands.add_parser("study", help="measured phantom studies")
    of_study.add_argument("studies", type=Path, nargs="+")
    of_study.add_argument("--reader", required=True)
    of_study.add_argument("--error-model", type=Path)
    of_study.add_argument("--folds", type=int, default=0)
    simulated = commands.add_parser("simulated", help="readers of known error")
    simulated.add_argument("--patients", type=int, default=80)
    simulated.add_argument("--seed", type=int, default=SEED, help="other phantoms and other errors")
    simulated.add_argument("--days", default=",".join(map(str, DAYS)), help="of the visits; the last one is judged")
    simulated.add_argument("--why", action="store_true", help="where in the draws the truth lies, part by part")
    simulated.add_argument("--curve", type=Path, help="write the reliability curve here, as SVG")
    wish = parser.parse_args()
    work: Callable[[], list[str]]
    if wish.command == "study":
        work = partial(judge_studies, wish.studies, wish.reader, wish.error_model, wish.folds)
    else:
        days = sorted(int(day) for day in wish.days.split(","))
        if days[-1] != RULE.day:
            sys.exit(f"The last of --days must be {RULE.day}, the day on which calls are made.")
        work = partial(judge_readers, wish.patients, wish.seed, days, wish.curve, wish.why)
    try:
        print("\n".join(work()))
    except BsaMeasureError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
