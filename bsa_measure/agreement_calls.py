"""How well readers agree on a category: kappa, weighted kappa, Gwet's AC1, sensitivity and specificity.

Sources: Cohen, Educ Psychol Meas 1960;20:37 and Psychol Bull 1968;70:213 (kappa, weighted kappa); Fleiss, Cohen and
Everitt, Psychol Bull 1969;72:323 (its standard error); Fleiss, Psychol Bull 1971;76:378 (many readers); Gwet, Br J
Math Stat Psychol 2008;61:29 (AC1 and its variance); Clopper and Pearson, Biometrika 1934;26:404 (exact intervals).
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from .resampling import Estimate, FloatArray, Groups, draw_patients, percentile_interval

FEWEST_ROWS: Final = 3
Weights = Literal["none", "linear", "quadratic"]

_TOO_FEW: Final = f"fewer than {FEWEST_ROWS} rows"
_CHANCE: Final = "every reading is in the same category, so that agreement by chance is certain"


@dataclass(frozen=True)
class CategoryAgreement:
    """How readers agree on a category.

    Attributes:
        categories: in order.
        rows, patients: how many.
        table: for two readers how often A said the row's category and B the column's; empty for more.
        observed: share of pairs of readings that are the same.
        kappa: Cohen's for two readers, Fleiss's for more.
        linear, quadratic: weighted kappa of two readers, for ordered categories; without value for more readers.
        ac1: Gwet's.
        by_patient: intervals resampled by patient, by name (kappa, linear, quadratic, ac1), for two readers.
    """

    categories: tuple[str, ...]
    rows: int
    patients: int
    table: tuple[tuple[int, ...], ...]
    observed: Estimate
    kappa: Estimate
    linear: Estimate
    quadratic: Estimate
    ac1: Estimate
    by_patient: Mapping[str, Estimate]


@dataclass(frozen=True)
class CallAccuracy:
    """One reader's calls judged by another's.

    Attributes:
        sensitivity: share of the reference's ``yes`` that the reader calls ``yes``.
        specificity: share of the reference's ``no`` that the reader calls ``no``.
        yes, no: how many of each the reference has.
        left_out: calls that the reference leaves undetermined.
    """

    sensitivity: Estimate
    specificity: Estimate
    yes: int
    no: int
    left_out: int


def category_agreement(
    ratings: Sequence[Sequence[str]],
    categories: Sequence[str],
    patients: Sequence[Hashable],
    *,
    draws: int,
    seed: int,
) -> CategoryAgreement:
    """How well readers agree on a category.

    Args:
        ratings: one sequence a row, one category a reader.
        categories: all there are, in their order.
        patients: of every row.
        draws, seed: of the resampling.
    """
    names = tuple(categories)
    place = {name: i for i, name in enumerate(names)}
    counts = np.zeros((len(ratings), len(names)))
    for i, row in enumerate(ratings):
        for name in row:
            counts[i, place[name]] += 1
    readers = len(ratings[0]) if ratings else 2
    gap = Estimate(None, reason=_TOO_FEW)
    if len(ratings) < FEWEST_ROWS:
        return CategoryAgreement(names, len(ratings), len(set(patients)), (), gap, gap, gap, gap, gap, {})
    observed = Estimate(float(_pairs_alike(counts).mean()))
    if readers > 2:
        none = Estimate(None, reason="weighted kappa is for two readers")
        groups = len(set(patients))
        kappa = fleiss_kappa(counts)
        return CategoryAgreement(names, len(ratings), groups, (), observed, kappa, none, none, gwet_ac1(counts), {})
    tables = np.zeros((len(ratings), len(names), len(names)))
    for i, (a, b) in enumerate(ratings):
        tables[i, place[a], place[b]] = 1
    table = tables.sum(axis=0)
    drawn = draw_patients(patients, draws, seed)
    return CategoryAgreement(
        categories=names,
        rows=len(ratings),
        patients=drawn.count,
        table=tuple(tuple(int(n) for n in row) for row in table),
        observed=observed,
        kappa=cohen_kappa(table),
        linear=cohen_kappa(table, "linear"),
        quadratic=cohen_kappa(table, "quadratic"),
        ac1=gwet_ac1(counts),
        by_patient=_resampled(tables, drawn),
    )


def cohen_kappa(table: FloatArray, weights: Weights = "none", confidence: float = 0.95) -> Estimate:
    """Kappa of two readers with its large-sample interval.

    Args:
        table: (categories, categories) how often A said the row's category and B the column's.
        weights: credit for near misses of ordered categories: 1 - |i - j| / (c - 1), or that difference squared.
        confidence: of the interval.
    """
    from scipy import stats

    n = float(table.sum())
    if n < FEWEST_ROWS:
        return Estimate(None, reason=_TOO_FEW)
    value = float(_kappa(table, weights))
    if not math.isfinite(value):
        return Estimate(None, reason=_CHANCE)
    p = table / n
    w = _credit(len(table), weights)
    rows, columns = p.sum(axis=1), p.sum(axis=0)
    chance = float((w * np.outer(rows, columns)).sum())
    expected = (w @ columns)[:, None] + (rows @ w)[None, :]
    spread = float((p * (w - expected * (1 - value)) ** 2).sum()) - (value - chance * (1 - value)) ** 2
    half = float(stats.norm.ppf((1 + confidence) / 2)) * math.sqrt(max(spread, 0.0) / n) / (1 - chance)
    return Estimate(value, max(-1.0, value - half), min(1.0, value + half))


def fleiss_kappa(counts: FloatArray) -> Estimate:
    """Kappa of any number of readers from (rows, categories) counts of readings; Fleiss 1971, without an interval."""
    if len(counts) < FEWEST_ROWS:
        return Estimate(None, reason=_TOO_FEW)
    share = counts.sum(axis=0) / counts.sum()
    chance = float((share**2).sum())
    if chance >= 1 - 1e-12:
        return Estimate(None, reason=_CHANCE)
    return Estimate((float(_pairs_alike(counts).mean()) - chance) / (1 - chance))


def gwet_ac1(counts: FloatArray, confidence: float = 0.95) -> Estimate:
    """Gwet's AC1 of any number of readers, which stays meaningful when nearly every call is the same.

    Args:
        counts: (rows, categories) how many readers put the row into the category.
        confidence: of the interval (t with rows - 1 degrees of freedom).
    """
    from scipy import stats

    n, q = counts.shape
    if n < FEWEST_ROWS:
        return Estimate(None, reason=_TOO_FEW)
    readers = counts.sum(axis=1)
    alike = _pairs_alike(counts)
    shares = (counts / readers[:, None]).mean(axis=0)
    chance = float((shares * (1 - shares)).sum()) / (q - 1)
    value = (float(alike.mean()) - chance) / (1 - chance)
    own_chance = (counts / readers[:, None] * (1 - shares)).sum(axis=1) / (q - 1)
    parts = (alike - chance) / (1 - chance) - 2 * (1 - value) * (own_chance - chance) / (1 - chance)
    error = math.sqrt(float(((parts - value) ** 2).sum()) / (n * (n - 1)))
    half = float(stats.t.ppf((1 + confidence) / 2, n - 1)) * error
    return Estimate(value, max(-1.0, value - half), min(1.0, value + half))


def exact_proportion(successes: int, trials: int, confidence: float = 0.95) -> Estimate:
    """A share with its exact (Clopper-Pearson) interval."""
    from scipy import stats

    if trials == 0:
        return Estimate(None, reason="there is no such case")
    tail = (1 - confidence) / 2
    low = 0.0 if successes == 0 else float(stats.beta.ppf(tail, successes, trials - successes + 1))
    high = 1.0 if successes == trials else float(stats.beta.ppf(1 - tail, successes + 1, trials - successes))
    return Estimate(successes / trials, low, high)


def call_accuracy(calls: Sequence[str | None], reference: Sequence[str | None]) -> CallAccuracy:
    """Sensitivity and specificity of calls (``yes``, ``no``, anything else undetermined), one row a patient.

    An undetermined call of the reader counts as a miss in both; where the reference is undetermined there is
    nothing to judge by, and the row is left out.
    """
    pairs = list(zip(calls, reference, strict=True))
    yes = [mine for mine, truth in pairs if truth == "yes"]
    no = [mine for mine, truth in pairs if truth == "no"]
    return CallAccuracy(
        sensitivity=exact_proportion(yes.count("yes"), len(yes)),
        specificity=exact_proportion(no.count("no"), len(no)),
        yes=len(yes),
        no=len(no),
        left_out=len(pairs) - len(yes) - len(no),
    )


def _credit(size: int, weights: Weights) -> FloatArray:
    if weights == "none":
        return np.eye(size)
    apart = np.abs(np.subtract.outer(np.arange(size), np.arange(size))) / max(size - 1, 1)
    return np.asarray(1.0 - (apart if weights == "linear" else apart**2), np.float64)


def _kappa(tables: FloatArray, weights: Weights) -> FloatArray:
    """(...) kappa of (..., categories, categories) tables; NaN where chance alone agrees always."""
    w = _credit(tables.shape[-1], weights)
    p = tables / np.maximum(tables.sum(axis=(-2, -1), keepdims=True), 1.0)
    rows, columns = p.sum(axis=-1), p.sum(axis=-2)
    observed = (w * p).sum(axis=(-2, -1))
    chance = np.einsum("...i,ij,...j->...", rows, w, columns)
    certain = chance >= 1 - 1e-12
    return np.where(certain, np.nan, (observed - chance) / np.where(certain, 1.0, 1 - chance))


def _ac1(tables: FloatArray) -> FloatArray:
    q = tables.shape[-1]
    p = tables / np.maximum(tables.sum(axis=(-2, -1), keepdims=True), 1.0)
    shares = (p.sum(axis=-1) + p.sum(axis=-2)) / 2
    chance = (shares * (1 - shares)).sum(axis=-1) / (q - 1)
    observed = np.trace(p, axis1=-2, axis2=-1)
    return np.asarray((observed - chance) / (1 - chance), np.float64)


def _pairs_alike(counts: FloatArray) -> FloatArray:
    """(rows,) share of a row's pairs of readings that are in the same category."""
    readers = counts.sum(axis=1)
    return np.asarray((counts * (counts - 1)).sum(axis=1) / (readers * (readers - 1)), np.float64)


def _resampled(tables: FloatArray, groups: Groups) -> dict[str, Estimate]:
    whole, drawn = tables.sum(axis=0), groups.drawn(tables)
    values: dict[str, tuple[float, FloatArray]] = {"ac1": (float(_ac1(whole)), _ac1(drawn))}
    kinds: tuple[tuple[str, Weights], ...] = (("kappa", "none"), ("linear", "linear"), ("quadratic", "quadratic"))
    for name, weights in kinds:
        values[name] = (float(_kappa(whole, weights)), _kappa(drawn, weights))
    return {
        name: percentile_interval(value if math.isfinite(value) else None, draws, groups)
        for name, (value, draws) in values.items()
    }
