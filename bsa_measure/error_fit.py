"""Fit the error model of a reader to paired fractions: what the reader found, and the reference.

The model is that of ``uncertainty.py``, a linear regression on the logit scale with errors shared by patient, visit
and place. Kinds of surface borrow from each other (partial pooling): the bias of a kind is drawn towards the common
bias, its spread towards the common spread, the more the fewer readings it has. Estimated by Gibbs sampling (Gelfand
and Smith 1990), with flat priors on the regression and on the shared spreads (Gelman 2006); what is stored are medians
of the draws.

Truth is regressed on the reading, not the reading on truth: what is wanted is the truth behind a reading, and readings
far out lie further out than their truth (regression to the mean). It holds for patients like those of the fit.

It is a model in two parts (Duan et al. 1983): whether anything is there behind a reading, and how much where there is.
Taken together, small spurious patches would look like large surfaces misread altogether.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from .errors import ReadingError
from .uncertainty import Blunder, ErrorModel, FractionError, KindError, Spurious, kind_of, to_logit

FloatArray = npt.NDArray[np.float64]

FEWEST_PATIENTS: Final = 5
_ROUNDS: Final = 1500
_WARM_UP: Final = 500
_NOTHING: Final = 1e-3  # a reference below this is nothing: what the reader marks there is spurious
_FLOORS: Final = (0.002, 0.05)  # outside, a floor would be noise of one pixel, or hide a twentieth of a surface
_FEW_SPURIOUS: Final = 10  # surfaces without lesions from which the floor is taken, at least
_USUAL_FLOOR: Final = 0.01
_LARGEST_RATIO: Final = 2.0
_SMALLEST: Final = 0.01  # spread on the logit scale that is as good as none
_USUAL_BLUNDER: Final = Blunder(share=0.03, bias=0.0, spread=2.0)  # before any data: one surface in thirty
_MOST_BLUNDERS: Final = 0.1  # more are no exceptions, but the reader's usual error: that is what the spreads are for
_BLUNDER_WEIGHT: Final = 30.0  # readings that this is worth
_BLUNDER_WEIGHT_OF_SPREAD: Final = 4.0  # blunders that its spread is worth
_NEWTON_STEPS: Final = 50  # far more than it takes
_KIND_WEIGHT: Final = 10.0  # the common spread counts for a kind like this many of its own readings


@dataclass(frozen=True)
class Paired:
    """One surface at one visit: the reader's fraction and the reference's, 0 to 1."""

    patient: str
    day: int
    surface: str
    read: float
    reference: float


def fit_error_model(
    detached: Sequence[Paired],
    reepithelialised: Sequence[Paired],
    *,
    reader: str,
    reference: str,
    geometry: str,
    model_sha256: str = "",
    source: str = "",
) -> ErrorModel:
    """The error model of a reader.

    Args:
        detached: pairs of detached fractions.
        reepithelialised: pairs of re-epithelialised fractions; none leaves that error unknown.
        reader, reference, geometry, model_sha256, source: see :class:`ErrorModel`.

    Raises:
        ReadingError: fewer than 5 patients: a spread between patients cannot be told from so few.
    """
    patients = {pair.patient for pair in detached}
    if len(patients) < FEWEST_PATIENTS:
        raise ReadingError(
            f"The error of {reader} cannot be told from {len(patients)} patients with readings by both: it takes "
            f"{FEWEST_PATIENTS} or more."
        )
    return ErrorModel(
        reader=reader,
        reference=reference,
        patients=len(patients),
        visits=len({(pair.patient, pair.day) for pair in detached}),
        detached=fit_fractions(detached),
        reepithelialised=fit_fractions(reepithelialised) if reepithelialised else None,
        geometry=geometry,
        model_sha256=model_sha256,
        source=source,
    )


def spurious_floor(pairs: Sequence[Paired]) -> float:
    """The mean fraction that the reader marks on surfaces where the reference has nothing, within 0.002 and 0.05."""
    spurious = [pair.read for pair in pairs if pair.reference < _NOTHING]
    if len(spurious) < _FEW_SPURIOUS:
        return _USUAL_FLOOR
    return float(np.clip(np.mean(spurious), *_FLOORS))


def spurious_readings(read: npt.NDArray[np.floating], nothing: npt.NDArray[np.bool_]) -> Spurious | None:
    """How often there is nothing where something was read, by logistic regression on the reading; None of no readings.

    Half a reading of either kind is added to each coefficient (log-F(1, 1) priors, Greenland and Mansournia 2015), so
    that the answer is finite where all readings, or none of them, are spurious.

    Args:
        read: (readings,) on the logit scale, of which none is below the floor.
        nothing: (readings,) the reference has nothing there.
    """
    if not len(read):
        return None
    centre = float(np.mean(read))
    design = np.vstack([np.column_stack([np.ones_like(read), read - centre]), np.eye(2)])
    came = np.concatenate([nothing, [0.5, 0.5]])
    found = np.zeros(2)
    for _ in range(_NEWTON_STEPS):
        chance = 1.0 / (1.0 + np.exp(-design @ found))
        information = design.T @ ((chance * (1.0 - chance))[:, None] * design)
        step = np.linalg.solve(information, design.T @ (came - chance))
        found = found + step / max(1.0, float(np.max(np.abs(step))))
    return Spurious(level=float(found[0] - found[1] * centre), fall=-float(found[1]))


def fit_fractions(pairs: Sequence[Paired], *, rounds: int = _ROUNDS) -> FractionError:
    """Bias, spread and shared errors from pairs of several patients; the same pairs give the same numbers.

    Args:
        pairs: one a surface and visit, in any order.
        rounds: of the sampler, after its warm-up.
    """
    everything = sorted(pairs, key=lambda pair: (pair.patient, pair.day, pair.surface))
    floor = spurious_floor(everything)
    marked = [pair for pair in everything if pair.read >= floor]
    spurious = spurious_readings(
        to_logit(np.array([pair.read for pair in marked]), floor),
        np.array([pair.reference < _NOTHING for pair in marked]),
    )
    ordered = [pair for pair in everything if pair.read < floor or pair.reference >= _NOTHING] or everything
    read = to_logit(np.array([pair.read for pair in ordered]), floor)
    true = to_logit(np.array([pair.reference for pair in ordered]), floor)
    centre = float(np.mean(read))
    kinds = sorted({kind_of(pair.surface) for pair in ordered})
    state = _Sampler(
        x=np.asarray(read - centre, np.float64),
        y=np.asarray(true - read, np.float64),
        nothing=np.array([pair.read < floor for pair in ordered]),
        kind=np.array([kinds.index(kind_of(pair.surface)) for pair in ordered]),
        groups={
            "patient": _numbered([pair.patient for pair in ordered]),
            "visit": _numbered([(pair.patient, pair.day) for pair in ordered]),
            "place": _numbered([(pair.patient, pair.surface) for pair in ordered]),
        },
        rng=np.random.default_rng(_seed(everything)),
    )
    for _ in range(_WARM_UP):
        state.round()
    drawn = [state.round() for _ in range(rounds)]
    bias = np.median([found.bias for found in drawn], axis=0)
    spread = np.median([found.spread for found in drawn], axis=0)
    counts = np.bincount(state.kind, minlength=len(kinds))
    shared = {name: float(np.median([found.shared[name] for found in drawn])) for name in state.groups}
    return FractionError(
        floor=floor,
        centre=centre,
        slope=1.0 + float(np.median([found.slope for found in drawn])),
        bias=float(np.median([found.common for found in drawn])),
        spread=float(np.median([found.common_spread for found in drawn])),
        patient=shared["patient"],
        visit=shared["visit"],
        place=shared["place"],
        nothing_ratio=float(np.median([found.nothing_ratio for found in drawn])),
        nothing_spread=float(np.median([found.nothing_spread for found in drawn])),
        blunder=_median([found.blunder for found in drawn]),
        spurious=spurious,
        kinds={name: KindError(float(bias[i]), float(spread[i]), int(counts[i])) for i, name in enumerate(kinds)},
    )


def _log_normal(x: FloatArray, spread: FloatArray) -> FloatArray:
    """Logarithm of the normal density, up to a constant."""
    found: FloatArray = -0.5 * (x / spread) ** 2 - np.log(spread)
    return found


def _median(drawn: Sequence[Blunder]) -> Blunder:
    return Blunder(
        *(float(np.median([getattr(found, name) for found in drawn])) for name in ("share", "bias", "spread"))
    )


def _numbered(names: Sequence[object]) -> npt.NDArray[np.intp]:
    places: dict[object, int] = {}
    return np.array([places.setdefault(name, len(places)) for name in names], np.intp)


def _seed(pairs: Sequence[Paired]) -> int:
    text = "\n".join(f"{p.patient}/{p.day}/{p.surface}/{p.read:.6f}/{p.reference:.6f}" for p in pairs)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:16], "little")


@dataclass(frozen=True)
class _Draw:
    """One draw of everything that is estimated; ``slope`` is its departure from 1."""

    common: float
    slope: float
    bias: FloatArray
    spread: FloatArray
    common_spread: float
    shared: dict[str, float]
    nothing_ratio: float
    nothing_spread: float
    blunder: Blunder


class _Sampler:
    """Gibbs sampler of y = r (common + kind + slope x + patient + visit + place) + rest + blunder.

    r is 1, and a ratio to be found where the reader marked nothing; there the rest has one spread for all kinds.
    """

    def __init__(
        self,
        x: FloatArray,
        y: FloatArray,
        nothing: npt.NDArray[np.bool_],
        kind: npt.NDArray[np.intp],
        groups: dict[str, npt.NDArray[np.intp]],
        rng: np.random.Generator,
    ) -> None:
        self.x, self.y, self.empty, self.kind, self.groups, self.rng = x, y, nothing, kind, groups, rng
        self.kinds = int(kind.max()) + 1
        start = max(float(y.std()), _SMALLEST)
        self.common, self.slope, self.ratio = float(y.mean()), 0.0, 1.0
        self.of_kind, self.kind_spread = np.zeros(self.kinds), start / 2
        self.spread, self.common_spread = np.full(self.kinds, start), start
        self.nothing_spread = start
        self.blunder = _USUAL_BLUNDER
        self.effects = {name: np.zeros(int(group.max()) + 1) for name, group in groups.items()}
        self.shared = dict.fromkeys(groups, start / 2)

    def round(self) -> _Draw:
        """Draw everything once, each given the rest."""
        far = self._far()
        clean = self.y - far
        if self.empty.any():
            self._nothing(clean[self.empty])
        scaled = np.where(self.empty, clean / self.ratio, clean)
        precision = np.where(self.empty, (self.ratio / self.nothing_spread) ** 2, 1.0 / self.spread[self.kind] ** 2)
        self._regression(scaled)
        for name in self.groups:
            self._effects(name, scaled, precision)
        self._kind_biases(scaled, precision)
        self._spreads(scaled)
        bias = self.common + self.of_kind
        return _Draw(
            common=self.common,
            slope=self.slope,
            bias=bias,
            spread=self.spread.copy(),
            common_spread=self.common_spread,
            shared=dict(self.shared),
            nothing_ratio=self.ratio,
            nothing_spread=self.nothing_spread,
            blunder=self.blunder,
        )

    def _expected(self, without: str = "") -> FloatArray:
        found = self.common + self.slope * self.x
        if without != "kind":
            found = found + self.of_kind[self.kind]
        for name, group in self.groups.items():
            if name != without:
                found = found + self.effects[name][group]
        return found

    def _far(self) -> FloatArray:
        """Which readings are blunders, and how far off each of them is; 0 for the others."""
        rows, blunder = np.flatnonzero(~self.empty), self.blunder
        rest, spread = (self.y - self._expected())[rows], self.spread[self.kind][rows]
        usual = _log_normal(rest, spread) + np.log1p(-blunder.share)
        odd = _log_normal(rest - blunder.bias, np.hypot(spread, blunder.spread)) + np.log(blunder.share)
        hit = self.rng.logistic(size=len(rows)) < odd - usual
        # Of the departure a blunder has what its larger spread explains; the rest stays the rest.
        weight = 1.0 / spread[hit] ** 2 + 1.0 / blunder.spread**2
        mean = (rest[hit] / spread[hit] ** 2 + blunder.bias / blunder.spread**2) / weight
        far = np.zeros_like(self.y)
        far[rows[hit]] = mean + self.rng.standard_normal(len(mean)) / np.sqrt(weight)
        self.blunder = self._blunder(far[rows[hit]], len(rows))
        return far

    def _blunder(self, far: FloatArray, readings: int) -> Blunder:
        """Share, bias and spread of blunders, drawn towards the usual ones while there are few."""
        usual, count = _USUAL_BLUNDER, len(far)
        share = self.rng.beta(_BLUNDER_WEIGHT * usual.share + count, _BLUNDER_WEIGHT + readings - count)
        squares = float(np.sum((far - far.mean()) ** 2)) if count else 0.0
        squares += _BLUNDER_WEIGHT_OF_SPREAD * usual.spread**2
        spread = float(np.sqrt(squares / self.rng.chisquare(_BLUNDER_WEIGHT_OF_SPREAD + max(count - 1, 0))))
        bias = (float(far.sum()) + spread * float(self.rng.standard_normal()) * (count + 1.0) ** 0.5) / (count + 1.0)
        return Blunder(min(max(float(share), 1e-6), _MOST_BLUNDERS), bias, spread)

    def _nothing(self, y: FloatArray) -> None:
        """Ratio and spread where the reader marked nothing. The ratio's prior is normal around 1 with spread 1."""
        expected = self._expected()[self.empty]
        weight = float(expected @ expected) / self.nothing_spread**2 + 1.0
        mean = (float(expected @ y) / self.nothing_spread**2 + 1.0) / weight
        self.ratio = min(max(mean + float(self.rng.standard_normal()) / weight**0.5, _SMALLEST), _LARGEST_RATIO)
        self.nothing_spread = self._common_spread(y - self.ratio * expected)

    def _regression(self, y: FloatArray) -> None:
        """Intercept and slope for a reading of whom nothing else is known: shared errors are left in, as noise.

        Given a place's error, its own readings say less about its truth, the more alike its visits are; a new patient's
        errors are not given. So the readings count as independent (Pepe and Anderson 1994).
        """
        together = sum(spread**2 for spread in self.shared.values())
        own = np.where(self.empty, (self.nothing_spread / self.ratio) ** 2, self.spread[self.kind] ** 2)
        precision = 1.0 / (own + together)
        design = np.column_stack([np.ones_like(self.x), self.x])
        information = design.T @ (precision[:, None] * design)
        information[1, 1] += 1.0  # a slope beyond 0 to 2 would be odd; and readings may be all alike
        mean = np.linalg.solve(information, design.T @ (precision * (y - self.of_kind[self.kind])))
        factor = np.linalg.cholesky(np.linalg.inv(information))
        self.common, self.slope = (float(v) for v in mean + factor @ self.rng.standard_normal(2))

    def _effects(self, name: str, y: FloatArray, precision: FloatArray) -> None:
        found = self._normal(self.groups[name], y - self._expected(name), precision, self.shared[name])
        self.effects[name], self.shared[name] = found, self._common_spread(found)

    def _kind_biases(self, y: FloatArray, precision: FloatArray) -> None:
        self.of_kind = self._normal(self.kind, y - self._expected("kind"), precision, self.kind_spread)
        self.kind_spread = self._common_spread(self.of_kind)

    def _normal(self, group: npt.NDArray[np.intp], rest: FloatArray, precision: FloatArray, prior: float) -> FloatArray:
        """Effects of groups, drawn towards 0 as far as their spread ``prior`` says."""
        count = int(group.max()) + 1
        weight = np.bincount(group, precision, count) + 1.0 / prior**2
        mean = np.bincount(group, precision * rest, count) / weight
        return np.asarray(mean + self.rng.standard_normal(count) / np.sqrt(weight), np.float64)

    def _common_spread(self, effects: FloatArray) -> float:
        """A spread with a flat prior: its square is inverse gamma with (n - 1) / 2."""
        squares = float(effects @ effects)
        return max(float(np.sqrt(squares / self.rng.chisquare(max(len(effects) - 1, 1)))), _SMALLEST)

    def _spreads(self, y: FloatArray) -> None:
        something = ~self.empty
        squares = np.bincount(self.kind, something * (y - self._expected()) ** 2, self.kinds)
        counts = np.bincount(self.kind, something, self.kinds)
        own = squares + _KIND_WEIGHT * self.common_spread**2
        self.spread = np.maximum(np.sqrt(own / self.rng.chisquare(counts + _KIND_WEIGHT)), _SMALLEST)
        # The square of a kind's spread is scaled inverse chi-square around the common one's, which is then gamma.
        rate = 0.5 * _KIND_WEIGHT * float(np.sum(1.0 / self.spread**2))
        drawn = float(self.rng.gamma(0.5 * _KIND_WEIGHT * self.kinds + 0.5) / rate)
        self.common_spread = max(drawn**0.5, _SMALLEST)
