"""The course of SJS/TEN on one body: what every point of the skin is on every study day.

A point detaches when its *severity*, a fixed pattern on the surface, exceeds the day's threshold, and heals in a
fixed order that runs from the margins inward and spreads from islands. Both thresholds are quantiles over the
surface by area, never over the pixels of a photograph, so that the course decides how much of the body is detached.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bsa_measure.chart import load_chart
from bsa_measure.tissue import Tissue

from .body import Body, face_areas, vertex_normals
from .noise import Points, Values, cells, fbm, smoothstep, warp

Floats = NDArray[np.float64]

# How readily each part is affected, from the usual pattern: trunk, face and the limbs near the trunk first,
# the scalp spared. In units of the spread of the severity's noise.
READINESS = {
    "head-anterior": 0.55, "head-posterior": -1.6, "neck-anterior": 0.50, "neck-posterior": 0.05,
    "trunk-anterior": 0.60, "trunk-posterior": 0.55, "buttock": 0.10, "genitalia": 0.10, "upper-arm": 0.20,
    "forearm": -0.05, "hand-dorsal": -0.05, "hand-palmar": -0.30, "thigh": 0.10, "leg": -0.35, "foot-dorsal": -0.40,
    "foot-plantar": -0.50,
}  # fmt: skip


@dataclass(frozen=True)
class Course:
    """How much skin is affected on each study day. Shares are of the body's skin, 0 to 1.

    Attributes:
        onset, peak: study days on which detachment begins and stops to spread.
        largest: share of the skin that is detached at the peak.
        healing_from: study day on which healing begins, not before ``peak``.
        half_time: days from then until about 63 % is healed.
        steepness: shape of the healing curve; 1 exponential, above 1 slow at first.
        late_day: study day of late new lesions; they take 1.5 days to come and heal over five.
        late: share of the skin that they take; 0 is none.
    """

    onset: float
    peak: float
    largest: float
    healing_from: float
    half_time: float
    steepness: float
    late_day: float = 99.0
    late: float = 0.0

    def ever_detached(self, day: float) -> float:
        """Share that has been detached up to ``day``, without late lesions."""
        return float(self.largest * smoothstep(self.onset, self.peak, float(day)))

    def healed(self, day: Any) -> Any:
        """Share, 0 to 1, of what was ever detached that is re-epithelialised on ``day``."""
        since = np.maximum(np.asarray(day, float) - self.healing_from, 0)
        return 1.0 - np.exp(-((since / self.half_time) ** self.steepness))

    def late_detached(self, day: float) -> float:
        """Share that late lesions have taken up to ``day``."""
        return float(self.late * smoothstep(self.late_day - 1.5, self.late_day, float(day)))

    def late_healed(self, day: float) -> float:
        """Share, 0 to 1, of the late lesions that is healed on ``day``."""
        return float(smoothstep(self.late_day + 0.5, self.late_day + 6.5, float(day)))


def half_time_for(healed: float, day: float, healing_from: float, steepness: float) -> float:
    """The ``half_time`` with which a course has healed the share ``healed`` (0 to 1, open) on ``day``."""
    return float((day - healing_from) / (-math.log(1 - healed)) ** (1 / steepness))


@dataclass(frozen=True)
class Style:
    """What one patient's lesions look like.

    Attributes:
        grain: metres across which severity varies; small makes many patches, large few sheets.
        spots: 0 confluent sheets to 1 scattered small lesions.
        ragged: how irregular borders are, 0.5 to 1.5.
        readiness: how strongly the usual pattern shows, 0.4 to 1.4.
        jitter: (33,) departure from it, one a chart surface.
        sheets: share of fresh detached skin still covered by loose epidermis.
        blisters: share of fresh lesions that are blisters.
        fibrin, crusts: 0 to 1.
        macules: how far erythema and macules reach beyond detachment, 0 to 1.
        islands: 0 heals from the margins only to 1 from islands only.
        dark_healing: pigment of healed skin, -1 pale to 1 brown.
        seed: of all patterns.
    """

    grain: float
    spots: float
    ragged: float
    readiness: float
    jitter: tuple[float, ...]
    sheets: float
    blisters: float
    fibrin: float
    crusts: float
    macules: float
    islands: float
    dark_healing: float
    seed: int


@dataclass(frozen=True)
class Cover:
    """A dressing or a layer of cream on the skin on some study days: a rounded box in the rest pose.

    Attributes:
        kind: ``dressing``, ``film`` (yellowish gauze with ointment) or ``cream``.
        center: (3,) metres; axes: (3, 3) rows, the third points out of the skin; half: (3,) metres.
        first, last: study days.
    """

    kind: str
    center: tuple[float, float, float]
    axes: tuple[tuple[float, float, float], ...]
    half: tuple[float, float, float]
    first: int
    last: int


@dataclass
class Findings:
    """What points (N,) of the skin are on one day.

    Attributes:
        tissue: uint8, the true class, whatever lies on it.
        visible: uint8, the class a photograph can show: the true one, or not assessable under a cover.
        cover: uint8, 0 none, n = n-th cover of the patient, counted from 1.
        excess: severity above the day's threshold (below it: negative), in units of the severity's spread.
        age: days since detachment where detached, since healing where healed, else 0.
        inside: how far healing has passed the point (positive) or has to go (negative).
    """

    tissue: NDArray[np.uint8]
    visible: NDArray[np.uint8]
    cover: NDArray[np.uint8]
    excess: Values
    age: Values
    inside: Values


def severity(points: Points, readiness: Values, style: Style) -> Values:
    """Severity (N,) of points (N, 3) in the rest pose; ``readiness`` (N,) as from :func:`readiness_of`."""
    seed, grain = style.seed, style.grain
    moved = warp(points, 0.9 / grain, 3, seed + 50, 0.30 * grain)
    coarse = fbm(moved, 0.42 / grain, 4, seed + 60, gain=0.55)
    fine = fbm(points, 34, 3, seed + 61, gain=0.6)
    micro = fbm(points, 190, 2, seed + 62)
    distance, _, who = cells(warp(points, 45, 2, seed + 63, 0.008), 26, seed + 64)
    spot = smoothstep(0.75, 0.2, distance / (0.35 + 0.75 * who)) - 0.3
    value = 2.6 * coarse * (1 - 0.55 * style.spots) + style.ragged * (0.38 * fine + 0.10 * micro)
    return np.asarray(value + 1.1 * style.spots * spot + style.readiness * readiness, np.float32)


def healing_order(points: Points, excess: Values, style: Style) -> Values:
    """What heals first (N,): high at the margins (small excess over the final threshold) and on islands."""
    islands = 1.3 * fbm(points, 16, 4, style.seed + 70, gain=0.6) + 0.5 * fbm(points, 110, 2, style.seed + 71)
    slow = 0.5 * fbm(points, 3.5, 2, style.seed + 72)
    margin = -1.5 * np.clip(excess, 0, 1.2)
    return np.asarray((1 - 0.6 * style.islands) * margin + (0.45 + style.islands) * islands + slow, np.float32)


def readiness_of(body: Body, style: Style) -> Values:
    """Readiness (V,) of every vertex: the usual pattern with this patient's departures, smoothed over centimetres."""
    of_surface = [0.0]
    for number, name in enumerate(load_chart("lund-browder").surfaces):
        known = READINESS.get(name)
        if known is None:
            part, *_, side = name.split("-")
            key = {"upper": "upper-arm"}.get(part, part)
            known = READINESS.get(f"{key}-{side}", READINESS.get(key))
        if known is None:
            raise KeyError(name)
        of_surface.append(known + style.jitter[number])
    of_face = np.array(of_surface)[body.surface]
    # The scalp is spared, also where it belongs to the front of the head.
    of_face = np.where(body.parts == 1, READINESS["head-posterior"], of_face)
    return smooth_over(body, of_face, 110)


def smooth_over(body: Body, of_face: Floats, rounds: int) -> Values:
    """Values of faces (F,) carried to the vertices (V,) and averaged with their neighbours, ``rounds`` times."""
    faces, count = body.faces, len(body.rest)
    corners = np.bincount(faces.ravel(), minlength=count)
    value = np.bincount(faces.ravel(), np.repeat(of_face, 3), minlength=count) / np.maximum(corners, 1)
    start = faces[:, [0, 1, 2]].ravel()
    end = faces[:, [1, 2, 0]].ravel()
    degree = np.bincount(start, minlength=count)
    for _ in range(rounds):
        neighbours = np.bincount(start, value[end], minlength=count) / np.maximum(degree, 1)
        value = 0.4 * value + 0.6 * neighbours
    return np.asarray(value, np.float32)


@dataclass(frozen=True)
class Samples:
    """Points that stand for the whole skin, for thresholds and for the truth.

    Attributes:
        face: (N,) int32; weights: (N, 3) corner weights; rest: (N, 3) float32.
        area: (N,) float64, m² that each point stands for; surface: (N,) uint8, 1-based chart surface.
    """

    face: NDArray[np.int32]
    weights: Floats
    rest: Points
    area: Floats
    surface: NDArray[np.uint8]


def sample_skin(body: Body, per_side: int = 2) -> Samples:
    """Points at the centres of ``per_side``² equal parts of every skin face, with their share of its posed area."""
    skin = np.flatnonzero(body.surface > 0).astype(np.int32)
    weights = _centers(per_side)
    count = len(weights)
    face = np.repeat(skin, count)
    corner = np.tile(weights, (len(skin), 1))
    rest = np.einsum("nk,nkd->nd", corner, body.rest[body.faces[face]])
    area = face_areas(body.vertices, body.faces)[face] / count
    return Samples(face, corner, rest.astype(np.float32), area, body.surface[face])


def _centers(per_side: int) -> Floats:
    """Centres (per_side², 3) of the equal parts of a triangle whose sides are cut into ``per_side``."""
    n = per_side
    upward = [(i + 1 / 3, j + 1 / 3) for i in range(n) for j in range(n - i)]
    downward = [(i + 2 / 3, j + 2 / 3) for i in range(n - 1) for j in range(n - 1 - i)]
    first = np.array(upward + downward) / n
    return np.column_stack([first, 1 - first.sum(axis=1)])


class Disease:
    """One patient's disease on one body. Immutable once made; :meth:`findings` may be asked for any points and day."""

    def __init__(self, body: Body, course: Course, style: Style, covers: tuple[Cover, ...] = ()) -> None:
        self.course, self.style, self.covers = course, style, covers
        self.readiness = readiness_of(body, style)
        samples = sample_skin(body, per_side=1)
        vertex = self.readiness[body.faces[samples.face]]
        values = severity(samples.rest, vertex.mean(axis=1), style)
        self._severity = _Quantiles(values, samples.area)
        self._final = self._severity.upper(course.largest)
        ever = values > self._final
        order = healing_order(samples.rest, values - self._final, style)
        self._order = _Quantiles(order[ever], samples.area[ever])
        late = self._late(samples.rest)[~ever]
        self._late_share = 1.0 / max(1e-9, float(samples.area[~ever].sum() / samples.area.sum()))
        self._late_values = _Quantiles(late, samples.area[~ever])

    def _late(self, points: Points) -> Values:
        distance, _, who = cells(warp(points, 40, 2, self.style.seed + 90, 0.01), 17, self.style.seed + 91)
        broad = fbm(points, 5, 2, self.style.seed + 92)
        fine = fbm(points, 60, 2, self.style.seed + 93)
        return np.asarray(broad + 0.4 * who - 0.9 * distance + 0.2 * fine, np.float32)

    def findings(self, points: Points, readiness: Values, day: int) -> Findings:
        """What points (N, 3) of the rest pose are on ``day``; ``readiness`` (N,) is interpolated from the vertices."""
        course = self.course
        value = severity(points, readiness, self.style)
        now = self._severity.upper(course.ever_detached(day))
        ever = value > max(now, self._final)
        order = healing_order(points, value - self._final, self.style)
        front = self._order.upper(float(course.healed(day)))
        healed = ever & (order > front)
        age = np.zeros(len(points), np.float32)
        if ever.any():
            age[ever] = self._days_detached(value[ever], day)
        if healed.any():
            age[healed] = self._days_healed(order[healed], day)
        inside = np.where(np.isfinite(front), order - front, -9.0).astype(np.float32)
        excess = value - (now if np.isfinite(now) else self._severity.upper(0.0005) + 0.4)

        late_share = course.late_detached(day) * self._late_share
        if late_share > 0:
            late = self._late(points)
            late_now = self._late_values.upper(late_share)
            fresh = ~(value > self._final) & (late > late_now)
            most = max(1e-6, float(np.max(late[fresh], initial=late_now) - late_now))
            core = self._late_values.upper(late_share * (1 - course.late_healed(day)))
            ever |= fresh
            # Late lesions, too, close from their margins.
            healed |= fresh & (late < core)
            excess = np.where(fresh, np.minimum((late - late_now) / most, 1.0) * 0.5 + 0.01, excess)
            inside = np.where(fresh, np.clip(core - late, -1, 1), inside)
            age = np.where(fresh, max(0.0, day - course.late_day) + 0.3, age)

        tissue = np.full(len(points), Tissue.INTACT, np.uint8)
        tissue[ever] = Tissue.DETACHED
        tissue[healed] = Tissue.REEPITHELIALISED
        cover = self._covered(points, day)
        visible = np.where(cover > 0, np.uint8(Tissue.NOT_ASSESSABLE), tissue)
        return Findings(tissue, visible, cover, excess.astype(np.float32), age.astype(np.float32), inside)

    def _days_detached(self, values: Values, day: int) -> Values:
        days = np.linspace(self.course.onset, max(self.course.peak, self.course.onset + 0.1), 24)
        reached = [self._severity.upper(self.course.ever_detached(float(d))) for d in days]
        falling = np.minimum(np.nan_to_num(np.array(reached), posinf=1e3), 1e3)
        began = np.interp(-values, -falling, days)
        return np.asarray(np.maximum(day - began, 0), np.float32)

    def _days_healed(self, order: Values, day: int) -> Values:
        days = np.linspace(self.course.healing_from, max(day, self.course.healing_from + 0.1), 24)
        share = self.course.healed(days)
        return np.asarray(np.maximum(day - np.interp(self._order.share_above(order), share, days), 0), np.float32)

    def _covered(self, points: Points, day: int) -> NDArray[np.uint8]:
        cover = np.zeros(len(points), np.uint8)
        for number, item in enumerate(self.covers, start=1):
            if not item.first <= day <= item.last:
                continue
            local = (points - np.array(item.center, np.float32)) @ np.array(item.axes, np.float32).T
            half = np.array(item.half, np.float32)
            near = np.flatnonzero((np.abs(local) < 1.25 * half).all(axis=1))
            if item.kind == "cream":
                share = np.linalg.norm(local[near] / half, axis=1)
                edge = share + 0.55 * fbm(points[near], 22, 3, self.style.seed + 95 + number)
                cover[near[edge < 0.85]] = number
            else:
                uneven = 1 + 0.05 * fbm(points[near], 30, 2, self.style.seed + 95 + number)
                cover[near[(np.abs(local[near]) < half * uneven[:, None]).all(axis=1)]] = number
        return cover


class _Quantiles:
    """Quantiles of values (N,) by area (N,)."""

    def __init__(self, values: Values, area: Floats) -> None:
        order = np.argsort(values, kind="stable")[::-1]
        self._values = values[order].astype(np.float64)
        cumulated = np.cumsum(area[order])
        total = cumulated[-1] if len(cumulated) else 1.0
        # Half of its own area lies above a value.
        self._share = (cumulated - area[order] / 2) / total

    def upper(self, share: float) -> float:
        """The value that ``share`` of the area exceeds; infinite for none, minus infinite for all."""
        if share <= 0 or not len(self._values):
            return math.inf
        if share >= 1:
            return -math.inf
        return float(np.interp(share, self._share, self._values))

    def share_above(self, values: Values) -> Floats:
        """Share of the area that exceeds each value."""
        return np.asarray(np.interp(-values, -self._values, self._share))


def place_cover(
    body: Body, kind: str, surface: str, spot: Floats, size: tuple[float, float], first: int, last: int, wrap: bool
) -> Cover:
    """A cover on a chart surface: ``spot`` (2,) 0 to 1 picks the place, ``size`` is its half extent in metres.

    With ``wrap`` it goes all round a limb.
    """
    number = load_chart("lund-browder").surfaces.index(surface) + 1
    faces = np.flatnonzero(body.surface == number)
    centers = body.rest[body.faces[faces]].mean(axis=1)
    along = np.linalg.svd(centers - centers.mean(axis=0), full_matrices=False)[2][0]
    along *= 1.0 if along[2] >= 0 else -1.0
    position = (centers - centers.mean(axis=0)) @ along
    wanted = np.quantile(position, 0.2 + 0.6 * spot[0])
    ring = np.flatnonzero(np.abs(position - wanted) < 0.25 * np.ptp(position))
    face = faces[ring[int(spot[1] * (len(ring) - 1))]]
    out = vertex_normals(body.rest, body.faces)[body.faces[face]].mean(axis=0)
    out -= along * (out @ along)
    out /= np.linalg.norm(out)
    center = body.rest[body.faces[face]].mean(axis=0)
    depth = 0.05
    if wrap:
        near = centers[ring]
        center = near.mean(axis=0) - out * 0.02
        reach = 0.11
        size, depth = (size[0], reach), reach
    axes = np.stack([along, np.cross(out, along), out])
    return Cover(
        kind,
        (float(center[0]), float(center[1]), float(center[2])),
        tuple((float(row[0]), float(row[1]), float(row[2])) for row in axes),
        (size[0], size[1], depth),
        first,
        last,
    )
