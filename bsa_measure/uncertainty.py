"""From the known error of a reader to intervals and to the probability of a response.

A fraction is looked at on a logit scale that stays finite at 0 and 1, with a floor d, the area that the reader
marks where there is nothing:

    l(f) = log((f + d) / (1 - f + d))

An error model says how far the true fraction of a surface is from the fraction read, y:

    l(true) = l(y) + r (bias_k + (slope - 1) (l(y) - centre) + patient + visit + place) + rest_k + blunder

bias_k and the spread of rest_k belong to the kind of surface; *patient* is shared by all surfaces of all visits,
*visit* by all surfaces of one visit, *place* by one surface at all visits. They are shared because a reader's errors
on one patient resemble each other: taken for independent they would cancel in the sum, and the interval would be too
narrow. centre is a fixed point within the readings. r is 1; where nothing was read (y below d) it has a value of its
own, and the rest one spread for all kinds. Near 0 a spread s on this scale is an area of about s d, in the
middle about s f (1 - f). A *blunder*, a surface where something was read that is altogether something else, is rare and
has a bias and a spread of its own; without it a few of them would widen every interval.

All this is said of surfaces where there is something. Where something was read there may be nothing, a *spurious*
patch. Its probability depends on the size of what was read, since patches are small:

    log(p / (1 - p)) = level - fall l(y)

What the outline of a surface leaves open is drawn evenly as well, but not under an error model fitted to the truth,
which holds it already.

Thousands of true courses are drawn from the readings; in each, hidden skin takes a value between its bounds and the
maximum is found anew. The maximum of noisy visits reads too high (by 0.56, 0.85, 1.03, 1.16 spreads for 2 to 5 equal
visits): the drawn maximum exceeds the one read by the excess x, and the one read exceeds the true one by about as much,
so that 2 x is taken off. For equal visits that mends half of it, for unequal ones nearly all. That truth was regressed
on the reading does not make this needless: the regression knows how patients differ, not how alike one's visits are.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from .bsa import SurfaceReading, VisitBsa

FloatArray = npt.NDArray[np.floating]
Maximum = Literal["peak", "ever-detached"]
Numerator = Literal["decline", "reepithelialised"]

TRUTH: Final = "truth"
"""The reference of error models that were fitted to phantoms."""

DRAWS: Final = 10_000
_STEEPEST: Final = 30.0  # beyond this the logit scale is 0 or 1 in every digit
_ROUNDING: Final = 1e-4  # draws are made in 32 bits: 90 is reached at 89.9999
_DECIMALS: Final = 4  # of an interval, so that another processor's last digit writes the same file


@dataclass(frozen=True)
class KindError:
    """Bias and spread on one kind of surface, and from how many paired readings they come."""

    bias: float
    spread: float
    readings: int = 0


@dataclass(frozen=True)
class Blunder:
    """Surfaces that are misread altogether: which share of them, and how far off they are then."""

    share: float = 0.0
    bias: float = 0.0
    spread: float = 0.0


@dataclass(frozen=True)
class Spurious:
    """Surfaces where something was read and nothing is: how often, depending on how much was read.

    Attributes:
        level: log odds where half of a surface was read.
        fall: of the log odds for every step on the logit scale.
    """

    level: float
    fall: float

    def chance(self, logit: FloatArray) -> FloatArray:
        """Probability that nothing is there, for readings l(y)."""
        found: FloatArray = 1.0 / (1.0 + np.exp(np.clip(self.fall * logit - self.level, -_STEEPEST, _STEEPEST)))
        return found


@dataclass(frozen=True)
class FractionError:
    """How far the true fraction is from the fraction read; all on the logit scale but the floor.

    Attributes:
        floor: d, as a fraction of the surface.
        centre: of the readings.
        slope: of truth on reading; 1 is a bias that does not depend on the fraction.
        bias, spread: of a kind of surface that is not among ``kinds``.
        patient, visit, place: spreads of the shared errors.
        nothing_ratio, nothing_spread: r, and the spread of the rest, where less than the floor was read.
        blunder: what happens to a few of the surfaces where something was read.
        kinds: kind of surface to its own bias and spread, drawn towards the common ones where readings are few.
        spurious: how often nothing is there where something was read; None is never.
    """

    floor: float
    centre: float = 0.0
    slope: float = 1.0
    bias: float = 0.0
    spread: float = 0.0
    patient: float = 0.0
    visit: float = 0.0
    place: float = 0.0
    nothing_ratio: float = 1.0
    nothing_spread: float = 0.0
    blunder: Blunder = Blunder()
    kinds: Mapping[str, KindError] = field(default_factory=dict)
    spurious: Spurious | None = None

    def of(self, surface: str) -> KindError:
        """Bias and spread on this surface of a chart."""
        return self.kinds.get(kind_of(surface), KindError(self.bias, self.spread))


@dataclass(frozen=True)
class ErrorModel:
    """The error of one reader, against one reference.

    Attributes:
        reader: a person's name or ``model:NAME``.
        reference: whom the reader was compared with; ``truth`` for phantoms.
        patients, visits: how many the paired readings come from.
        detached, reepithelialised: errors of f and of e; e may be unknown.
        geometry: with which fractions were formed.
        model_sha256: the version of the model; empty for a person.
        source: one sentence on the paired readings.
    """

    reader: str
    reference: str
    patients: int
    visits: int
    detached: FractionError
    reepithelialised: FractionError | None = None
    geometry: str = "silhouette"
    model_sha256: str = ""
    source: str = ""


def kind_of(surface: str) -> str:
    """The kind of a surface: its name without its side, e.g. ``thigh-anterior``; left and right are one kind."""
    return "-".join(word for word in surface.split("-") if word not in ("left", "right"))


def to_logit(fraction: FloatArray | float, floor: float) -> FloatArray:
    """l(f), for fractions 0 to 1 and a floor above 0."""
    f = np.clip(fraction, 0.0, 1.0)
    found: FloatArray = np.log((f + floor) / (1.0 - f + floor))
    return found


def from_logit(logit: FloatArray, floor: float) -> FloatArray:
    """The fraction with this l(f), 0 to 1: below the floor's own logit there is nothing."""
    # In place: this is where most of the time goes.
    found = np.clip(logit, -_STEEPEST, _STEEPEST)
    np.negative(found, out=found)
    np.exp(found, out=found)
    found += 1.0
    np.divide(1.0 + 2.0 * floor, found, out=found)
    found -= floor
    return np.clip(found, 0.0, 1.0, out=found)


@dataclass(frozen=True)
class Interval:
    """Holds the true value with the protocol's probability."""

    low: float
    high: float


@dataclass(frozen=True)
class Simulated:
    """One patient on one study day under the error models.

    Attributes:
        healed, reepithelialised: intervals of H(t) and R(t) in percent; None without a maximum, or without a model.
        probability: that the protocol's measure reaches the threshold; None likewise.
        maximum: interval of M(t) in % BSA.
        excess: by how much the maximum of visits with these errors reads too high, % BSA; taken off twice, see above.
    """

    day: int
    healed: Interval | None
    reepithelialised: Interval | None
    probability: float | None
    maximum: Interval | None
    excess: float


@dataclass(frozen=True)
class SimulatedCourse:
    """Everything that the error models say about one patient.

    Attributes:
        percent: probability that an interval is meant to hold.
        readers: whose error models were used.
        detached: study day of every visit to the interval of D in % BSA.
        days: reported study day to the interval of H and the probability of a response.
    """

    percent: float
    readers: tuple[str, ...]
    detached: Mapping[int, Interval]
    days: Mapping[int, Simulated]


@dataclass(frozen=True)
class VisitDraws:
    """Drawn true states of one visit.

    Attributes:
        visit: as read.
        fractions: (surfaces, draws) drawn fractions of what can be seen, in the order of ``visit.surfaces``; zero
            where nothing is seen.
        hidden: (draws,) 0 to 1, the state of all skin that is hidden at this visit.
        covered: like ``fractions``, re-epithelialised; None where the reader's error is not known.
    """

    visit: VisitBsa
    fractions: npt.NDArray[np.float32]
    hidden: npt.NDArray[np.float32]
    covered: npt.NDArray[np.float32] | None = None

    @cached_property
    def seen(self) -> npt.NDArray[np.float32]:
        """(surfaces,) share of every surface that is seen; 1 where it is declared uninvolved."""
        return np.array([_seen_share(s) for s in self.visit.surfaces], np.float32)

    @cached_property
    def weights(self) -> npt.NDArray[np.float32]:
        """(surfaces,) % BSA."""
        return np.array([s.weight for s in self.visit.surfaces], np.float32)

    @cached_property
    def hidden_weight(self) -> float:
        """% BSA that cannot be seen at this visit."""
        return math.fsum(s.weight * (1.0 - _seen_share(s)) for s in self.visit.surfaces)

    @cached_property
    def detached(self) -> FloatArray:
        """(draws,) D in % BSA."""
        return (self.weights * self.seen) @ self.fractions + self.hidden_weight * self.hidden

    @cached_property
    def as_seen(self) -> FloatArray:
        """(draws,) D in % BSA were hidden skin like the skin that is seen: the error of the reader alone."""
        return self.weights @ self.fractions

    @cached_property
    def reepithelialised(self) -> FloatArray | None:
        """(draws,) E in % BSA. What is hidden and not detached counts as covered."""
        if self.covered is None:
            return None
        return (self.weights * self.seen) @ self.covered + self.hidden_weight * (1.0 - self.hidden)

    def with_hidden(self) -> FloatArray:
        """(surfaces, draws) fractions of whole surfaces."""
        seen = self.seen[:, None]
        return seen * self.fractions + (1.0 - seen) * self.hidden


def _seen_share(surface: SurfaceReading) -> float:
    if surface.status == "uninvolved":
        return 1.0
    return (surface.assessable_fraction or 0.0) if surface.status == "seen" else 0.0


def draw_visits(
    visits: Sequence[VisitBsa],
    models: Mapping[str, ErrorModel],
    *,
    patient: str,
    draws: int = DRAWS,
    covered_days: Collection[int] = (),
) -> tuple[VisitDraws, ...]:
    """Draw the true state of every visit of one patient from what was read.

    Args:
        visits: of one patient; each surface that is seen names its readers, all of them in ``models``. Of several
            readers of one surface the one with the larger spread counts.
        models: reader to error model.
        patient: together with a fixed word the start of the random numbers: the same patient and the same readings
            give the same draws, whoever else is in the study.
        draws: how many.
        covered_days: study days on which re-epithelialised skin is drawn as well, where its error is known.

    Raises:
        KeyError: a reader has no error model.
    """
    drawn = []
    shared = _Shared(patient, draws, {})
    for visit in visits:
        rng = _generator(patient, "visit", visit.day)
        hidden = rng.random(draws, np.float32)
        fractions = _draw_fractions(visit, models, shared, rng, draws, covered=False)
        covered = None
        if visit.day in covered_days and all(model.reepithelialised for model in models.values()):
            covered = np.minimum(_draw_fractions(visit, models, shared, rng, draws, covered=True), 1.0 - fractions)
        drawn.append(VisitDraws(visit, fractions, hidden, covered))
    return tuple(drawn)


def _generator(*words: object) -> np.random.Generator:
    digest = hashlib.sha256("/".join(["bsa-measure error model", *map(str, words)]).encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:16], "little"))


@dataclass
class _Shared:
    """Errors that several readings of one patient share, drawn when first asked for."""

    patient: str
    draws: int
    found: dict[tuple[object, ...], npt.NDArray[np.float32]]

    def normal(self, *words: object) -> npt.NDArray[np.float32]:
        """(draws,) standard normal numbers, the same whenever asked for by the same words."""
        if words not in self.found:
            self.found[words] = _generator(self.patient, *words).standard_normal(self.draws, np.float32)
        return self.found[words]

    def heavy(self, patients: int, *words: object) -> npt.NDArray[np.float32]:
        """(draws,) numbers as uncertain as a new patient's error when spread and mean come from few patients."""
        key = ("heavy", patients, *words)
        if key not in self.found:
            freedom = max(patients - 1, 1)
            scale = np.sqrt(freedom / _generator(self.patient, *key).chisquare(freedom, self.draws))
            wider = math.sqrt(1.0 + 1.0 / max(patients, 1))
            self.found[key] = (self.normal(*words) * scale * wider).astype(np.float32)
        return self.found[key]


def _draw_fractions(
    visit: VisitBsa,
    models: Mapping[str, ErrorModel],
    shared: _Shared,
    rng: np.random.Generator,
    draws: int,
    *,
    covered: bool,
) -> npt.NDArray[np.float32]:
    fractions = np.zeros((len(visit.surfaces), draws), np.float32)
    by_reader: dict[str, list[int]] = {}
    for index, surface in enumerate(visit.surfaces):
        if surface.status == "seen":
            by_reader.setdefault(_widest(surface, models), []).append(index)
    for reader, rows in by_reader.items():
        model = models[reader]
        error = model.reepithelialised if covered else model.detached
        assert error is not None
        which = ("covered" if covered else "detached", reader)
        fractions[rows] = _drawn(
            [visit.surfaces[row] for row in rows],
            error,
            model.patients,
            visit.day,
            shared,
            rng,
            which,
            outline=model.reference != TRUTH,
        )
    return fractions


def _widest(surface: SurfaceReading, models: Mapping[str, ErrorModel]) -> str:
    return max(sorted(surface.readers), key=lambda reader: models[reader].detached.of(surface.surface).spread)


def _drawn(
    surfaces: Sequence[SurfaceReading],
    error: FractionError,
    patients: int,
    day: int,
    shared: _Shared,
    rng: np.random.Generator,
    which: tuple[str, str],
    *,
    outline: bool,
) -> npt.NDArray[np.float32]:
    """(surfaces, draws) drawn fractions of one reader at one visit; ``outline``: with what the outline leaves open."""
    covered = which[0] == "covered"
    areas = [s.areas.reepithelialised_fraction if covered else s.areas.detached_fraction for s in surfaces]
    fraction = np.array([f or 0.0 for f in areas])
    read = to_logit(fraction, error.floor)
    kinds = [error.of(s.surface) for s in surfaces]
    nothing = fraction < error.floor
    ratio = np.where(nothing, error.nothing_ratio, 1.0)
    middle = read + ratio * (np.array([k.bias for k in kinds]) + (error.slope - 1.0) * (read - error.centre))
    spread = np.where(nothing, error.nothing_spread, [k.spread for k in kinds])
    together = np.zeros(shared.draws, np.float32)
    if error.patient > 0:
        together += np.float32(error.patient) * shared.heavy(patients, *which, "patient")
    if error.visit > 0:
        together += np.float32(error.visit) * shared.normal(*which, "visit", day)
    found = rng.standard_normal((len(surfaces), shared.draws), np.float32)
    for row, surface in enumerate(surfaces):
        found[row] *= np.float32(spread[row])
        found[row] += np.float32(middle[row]) + np.float32(ratio[row]) * together
        if error.place > 0:
            common = shared.normal(*which, "place", surface.surface)
            found[row] += np.float32(ratio[row] * error.place) * common
    for place in np.flatnonzero(~nothing) if error.blunder.share > 0 else ():
        count = int(rng.binomial(shared.draws, error.blunder.share))
        # In draws at random; one that comes twice has one blunder, a share of blunders below a hundredth too few.
        hit = rng.integers(shared.draws, size=count)
        far = rng.standard_normal(count, np.float32)
        found[place, hit] += np.float32(error.blunder.bias) + np.float32(error.blunder.spread) * far
    fractions = from_logit(found, error.floor)
    if error.spurious is not None:
        chance = error.spurious.chance(read).astype(np.float32)
        for place in np.flatnonzero(~nothing):
            fractions[place, rng.random(shared.draws, np.float32) < chance[place]] = 0.0
    for row, surface in enumerate(surfaces) if outline else ():
        least, most = surface.outline.reepithelialised if covered else surface.outline.detached
        if most > least:
            off = np.float32(least) + np.float32(most - least) * rng.random(shared.draws, np.float32)
            fractions[row] = np.clip(fractions[row] + off, 0.0, 1.0)
    return fractions.astype(np.float32, copy=False)


def drawn_maximum(visits: Sequence[VisitDraws], today: FloatArray, maximum: Maximum) -> tuple[FloatArray, float]:
    """(draws,) M in % BSA, freed from the upward bias of a maximum, and that bias once, in % BSA.

    Args:
        visits: those that count, at least one.
        today: (draws,) D of the day in question, below which no maximum lies.
        maximum: the largest total of one visit, or every surface at its own worst.
    """
    if maximum == "peak":
        most = np.max([visit.detached for visit in visits], axis=0)
        alone = np.max([visit.as_seen for visit in visits], axis=0)
        fixed = max(float(visit.as_seen.mean(dtype=np.float64)) for visit in visits)
    else:
        weights = visits[0].weights
        most = weights @ np.maximum.reduce([visit.with_hidden() for visit in visits])
        alone = weights @ np.maximum.reduce([visit.fractions for visit in visits])
        worst = np.max([visit.fractions.mean(axis=1, dtype=np.float64) for visit in visits], axis=0)
        fixed = float(weights @ worst)
    excess = max(0.0, float(alone.mean(dtype=np.float64)) - fixed)
    return np.maximum(most - 2.0 * excess, today), excess


def simulate_day(
    drawn: Sequence[VisitDraws],
    day: int,
    *,
    maximum: Maximum,
    look_forward: bool,
    numerator: Numerator,
    threshold: float,
    percent: float,
) -> Simulated | None:
    """Intervals and probability of a response on one study day; None where that day shows nothing.

    Args:
        drawn: every visit of the patient, see :func:`draw_visits`.
        day: study day t.
        maximum, look_forward, numerator, threshold: as in the protocol.
        percent: probability that the intervals hold.
    """
    counted = [visit for visit in drawn if look_forward or visit.visit.day <= day]
    now = next((visit for visit in counted if visit.visit.day == day), None)
    if now is None or now.visit.detached is None:
        return None
    most, excess = drawn_maximum(counted, now.detached, maximum)
    with_maximum = most > 0
    if not with_maximum.any():
        return Simulated(day, None, None, None, None, excess)
    most, left = most[with_maximum], now.detached[with_maximum]
    healed = 100.0 * (1.0 - left / most)
    covered = None
    if now.reepithelialised is not None:
        covered = 100.0 * now.reepithelialised[with_maximum] / most
    measure = healed if numerator == "decline" else covered
    return Simulated(
        day=day,
        healed=interval_of(healed, percent),
        reepithelialised=interval_of(covered, percent) if covered is not None else None,
        probability=None if measure is None else float(np.mean(measure >= threshold - _ROUNDING)),
        maximum=interval_of(most, percent),
        excess=round(excess, _DECIMALS),
    )


def interval_of(drawn: FloatArray, percent: float) -> Interval:
    """The equal-tailed interval that holds this percentage of the (draws,) values."""
    tail = 0.5 - percent / 200.0
    low, high = np.quantile(drawn, [tail, 1.0 - tail])
    return Interval(round(float(low), _DECIMALS), round(float(high), _DECIMALS))


def simulate_course(
    visits: Sequence[VisitBsa],
    models: Mapping[str, ErrorModel],
    *,
    patient: str,
    days: Sequence[int],
    maximum: Maximum = "peak",
    look_forward: bool = False,
    numerator: Numerator = "decline",
    threshold: float = 90.0,
    percent: float = 90.0,
    draws: int = DRAWS,
) -> SimulatedCourse:
    """Everything that the error models say about one patient.

    Args:
        visits: of one patient, at most one a day; see :func:`draw_visits` for readers and the random numbers.
        models: reader to error model, of every reader in the visits.
        days: reported study days.
        patient, draws: see :func:`draw_visits`.
        maximum, look_forward, numerator, threshold, percent: see :func:`simulate_day`.
    """
    drawn = draw_visits(visits, models, patient=patient, draws=draws, covered_days=days)
    found = {
        day: simulate_day(
            drawn,
            day,
            maximum=maximum,
            look_forward=look_forward,
            numerator=numerator,
            threshold=threshold,
            percent=percent,
        )
        for day in days
    }
    return SimulatedCourse(
        percent=percent,
        readers=tuple(sorted(models)),
        detached={v.visit.day: interval_of(v.detached, percent) for v in drawn if v.visit.detached is not None},
        days={day: simulated for day, simulated in found.items() if simulated is not None},
    )
