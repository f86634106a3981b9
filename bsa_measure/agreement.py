"""How well two or more readers agree on a number: difference and limits, correlation coefficients, detectable change.

Ratings are a (rows, readers) float array without gaps. Everything a resampled interval needs is a function of the
rows' count, means and covariances, so that one set of formulas serves the ratings and every draw of patients.

Sources: Bland and Altman, Lancet 1986;327:307 and Stat Methods Med Res 1999;8:135 (limits of agreement, log scale);
Carkeet, Optom Vis Sci 2015;92:e71 (exact intervals of the limits); Shrout and Fleiss, Psychol Bull 1979;86:420 and
McGraw and Wong, Psychol Methods 1996;1:30 (intraclass correlation); Lin, Biometrics 1989;45:255 with the correction
of 2000;56:324, and Barnhart, Haber and Song, Biometrics 2002;58:1020 (concordance); de Vet et al., J Clin Epidemiol
2006;59:1033 (standard error of measurement for agreement, smallest detectable change).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from .resampling import Estimate, FloatArray, draw_patients, percentile_interval

FEWEST_ROWS: Final = 3
"""With fewer rows than this no agreement is computed."""

FEWEST_FOR_TREND: Final = 10
"""The rule for the log scale needs as many rows, and as many pairs above zero."""

IccModel = Literal["1,1", "2,1", "3,1"]
ICC_TITLES: Final[Mapping[IccModel, str]] = {
    "1,1": "ICC(1): one-way random effects, absolute agreement, single reading",
    "2,1": "ICC(A,1): two-way random effects, absolute agreement, single reading",
    "3,1": "ICC(C,1): two-way mixed effects, consistency, single reading",
}

_TOO_FEW: Final = f"fewer than {FEWEST_ROWS} rows"
_ALL_THE_SAME: Final = "all values are the same"
_TINY: Final = 1e-12  # variances below this share of the squared scale of the values are rounding


@dataclass(frozen=True)
class BlandAltman:
    """Differences A - B of two readers; on the log scale, ratios A / B.

    Attributes:
        rows: how many pairs were used.
        left_out: pairs left out because a logarithm needs values above zero.
        log: whether every number below is a ratio, transformed back from differences of logarithms.
        bias: mean difference (or geometric mean ratio) with its t interval.
        sd: standard deviation of the differences, n - 1 (of the logarithms on the log scale).
        lower, upper: 95 % limits of agreement, bias -/+ 1.96 sd, each with its exact interval.
    """

    rows: int
    left_out: int
    log: bool
    bias: Estimate
    sd: float | None
    lower: Estimate
    upper: Estimate


@dataclass(frozen=True)
class Trend:
    """Whether the size of the differences grows with the size of the values.

    Attributes:
        slope: of |difference - bias| on the mean of the pair, by least squares; None when it cannot be fitted.
        p: one-sided, against a slope of zero or less.
        prefer_log: the stated rule: p < 0.05 with at least 10 pairs, and at least 10 pairs above zero.
    """

    slope: float | None
    p: float | None
    prefer_log: bool


@dataclass(frozen=True)
class Agreement:
    """Everything about how readers agree on one number.

    Attributes:
        rows, patients, readers: how many.
        means: of each reader.
        difference: Bland-Altman for two readers, intervals as if rows were independent; None for more readers.
        log_difference: the same on the log scale.
        trend: whether the log scale is to be preferred; None for more readers.
        icc, icc_consistency, ccc: coefficients with their formula's interval.
        sem: standard error of measurement for absolute agreement.
        mdc95: 1.96 sqrt(2) sem, the change that two readings must exceed.
        by_patient: the intervals resampled by patient, by name: bias, lower, upper (two readers), icc, ccc, sem, mdc95.
    """

    rows: int
    patients: int
    readers: int
    means: tuple[float, ...]
    difference: BlandAltman | None
    log_difference: BlandAltman | None
    trend: Trend | None
    icc: Estimate
    icc_consistency: Estimate
    ccc: Estimate
    sem: Estimate
    mdc95: Estimate
    by_patient: Mapping[str, Estimate]


def agreement(ratings: FloatArray, patients: Sequence[Hashable], *, draws: int, seed: int) -> Agreement:
    """How well the readers agree, with every interval.

    Args:
        ratings: (rows, readers) float64 without gaps, two readers or more.
        patients: of every row; all rows of a patient are drawn together.
        draws, seed: of the resampling.
    """
    rows, readers = ratings.shape
    if readers < 2 or len(patients) != rows:
        raise ValueError("agreement needs two readers or more, and a patient for every row")
    if not np.isfinite(ratings).all():
        raise ValueError("agreement needs a number in every place")
    two = readers == 2
    if rows < FEWEST_ROWS:
        gap = Estimate(None, reason=_TOO_FEW)
        means = tuple(float(m) for m in ratings.mean(axis=0)) if rows else ()
        count = len(set(patients))
        return Agreement(rows, count, readers, means, None, None, None, gap, gap, gap, gap, gap, {})
    a, b = ratings[:, 0], ratings[:, 1]
    groups = draw_patients(patients, draws, seed)
    centre = float(ratings.mean())
    whole = _moments(ratings - centre)
    resampled = _moments_of_sums(*(groups.drawn(part) for part in _row_sums(ratings - centre)))
    statistics: dict[str, Callable[[_Moments], FloatArray]] = {"icc": _icc21, "ccc": _ccc, "sem": _sem, "mdc95": _mdc95}
    if two:
        statistics |= {"bias": _bias, "lower": _lower, "upper": _upper}
    by_patient = {
        name: percentile_interval(_number(formula(whole)), formula(resampled), groups)
        for name, formula in statistics.items()
    }
    return Agreement(
        rows=rows,
        patients=groups.count,
        readers=readers,
        means=tuple(float(m) for m in ratings.mean(axis=0)),
        difference=bland_altman(a, b) if two else None,
        log_difference=bland_altman(a, b, log=True) if two else None,
        trend=growing_difference(a, b) if two else None,
        icc=intraclass(ratings, "2,1"),
        icc_consistency=intraclass(ratings, "3,1"),
        ccc=concordance(ratings),
        sem=Estimate(_number(_sem(whole))),
        mdc95=Estimate(_number(_mdc95(whole))),
        by_patient=by_patient,
    )


def bland_altman(a: FloatArray, b: FloatArray, *, log: bool = False, confidence: float = 0.95) -> BlandAltman:
    """Bias and limits of agreement of A - B.

    The interval of the bias is Student's; that of a limit is exact for normal differences, from the noncentral t
    distribution: bias + sd t' / sqrt(n), where t' has n - 1 degrees of freedom and noncentrality -/+ 1.96 sqrt(n).

    Args:
        a, b: (rows,) float64.
        log: work on logarithms and give ratios; pairs with a value of zero or less are left out.
        confidence: of the intervals.
    """
    from scipy import stats

    rows = len(a)
    if log:
        above = (a > 0) & (b > 0)
        a, b = np.log(a[above]), np.log(b[above])
    n = len(a)
    if n < FEWEST_ROWS:
        gap = Estimate(None, reason=f"{_TOO_FEW} above zero" if log else _TOO_FEW)
        return BlandAltman(n, rows - n, log, gap, None, gap, gap)
    difference = a - b
    bias, sd = float(difference.mean()), float(difference.std(ddof=1))
    if sd <= math.sqrt(_TINY) * float(np.abs(np.concatenate([a, b])).max(initial=0.0)):
        sd = 0.0
    tails = np.array([(1 - confidence) / 2, (1 + confidence) / 2])
    half = float(stats.t.ppf(tails[1], n - 1)) * sd / math.sqrt(n)
    z = float(stats.norm.ppf(0.975))
    reach = stats.nct.ppf(tails, n - 1, z * math.sqrt(n)) / math.sqrt(n) * sd

    def out(value: float, low: float, high: float) -> Estimate:
        return Estimate(math.exp(value), math.exp(low), math.exp(high)) if log else Estimate(value, low, high)

    return BlandAltman(
        rows=n,
        left_out=rows - n,
        log=log,
        bias=out(bias, bias - half, bias + half),
        sd=sd,
        lower=out(bias - z * sd, bias - float(reach[1]), bias - float(reach[0])),
        upper=out(bias + z * sd, bias + float(reach[0]), bias + float(reach[1])),
    )


def growing_difference(a: FloatArray, b: FloatArray) -> Trend:
    """Whether differences grow with size: |difference - bias| regressed on the mean (Bland and Altman 1999, 3.2)."""
    from scipy import stats

    mean, residual = (a + b) / 2, np.abs((a - b) - (a - b).mean())
    if len(a) < FEWEST_FOR_TREND or np.ptp(mean) == 0 or np.ptp(residual) == 0:
        return Trend(None, None, False)
    fit = stats.linregress(mean, residual, alternative="greater")
    above = int(np.count_nonzero((a > 0) & (b > 0)))
    return Trend(float(fit.slope), float(fit.pvalue), bool(fit.pvalue < 0.05 and above >= FEWEST_FOR_TREND))


def intraclass(ratings: FloatArray, model: IccModel = "2,1", confidence: float = 0.95) -> Estimate:
    """Intraclass correlation of a single reading with its F interval.

    Args:
        ratings: (rows, readers) float64.
        model: ``1,1`` one-way, ``2,1`` two-way absolute agreement (ICC(A,1)), ``3,1`` two-way consistency (ICC(C,1)).
        confidence: of the interval (McGraw and Wong 1996, table 7).
    """
    from scipy import stats

    n, k = ratings.shape
    if n < FEWEST_ROWS:
        return Estimate(None, reason=_TOO_FEW)
    squares = _mean_squares(_moments(ratings - ratings.mean()))
    rows, columns, error, within = (float(s) for s in squares)
    formula = {"1,1": _icc11, "2,1": _icc21, "3,1": _icc31}[model]
    value = _number(formula(_moments(ratings - ratings.mean())))
    if value is None:
        return Estimate(None, reason=_ALL_THE_SAME)
    noise = within if model == "1,1" else error
    if noise <= 0 and (model != "2,1" or columns <= 0):
        return Estimate(value, value, value)
    tail = (1 + confidence) / 2
    if model != "2,1":
        freedom = n * (k - 1) if model == "1,1" else (n - 1) * (k - 1)
        ratio = rows / noise
        low = ratio / float(stats.f.ppf(tail, n - 1, freedom))
        high = ratio * float(stats.f.ppf(tail, freedom, n - 1))
        return Estimate(value, (low - 1) / (low + k - 1), (high - 1) / (high + k - 1))
    if value == 1:
        return Estimate(1.0, 1.0, 1.0)
    u = k * value / (n * (1 - value))
    v = 1 + k * value * (n - 1) / (n * (1 - value))
    spread = (u * columns) ** 2 / (k - 1) + (v * error) ** 2 / ((n - 1) * (k - 1))
    freedom_v = (u * columns + v * error) ** 2 / spread if spread > 0 else 0.0
    if not freedom_v > 0 or rows <= 0:
        return Estimate(value, reason="the interval's degrees of freedom do not exist")
    f_low = float(stats.f.ppf(tail, n - 1, freedom_v))
    f_high = float(stats.f.ppf(tail, freedom_v, n - 1))
    common = k * columns + (k * n - k - n) * error
    low = n * (rows - f_low * error) / (f_low * common + n * rows)
    high = n * (f_high * rows - error) / (common + n * f_high * rows)
    if not (math.isfinite(low) and math.isfinite(high)):
        return Estimate(value, reason="the interval's degrees of freedom do not exist")
    return Estimate(value, low, high)


def concordance(ratings: FloatArray, confidence: float = 0.95) -> Estimate:
    """Lin's concordance correlation coefficient; for more than two readers the overall one of Barnhart et al.

    The interval is that of the Fisher z transformation with Lin's corrected variance; it exists for two readers.
    """
    from scipy import stats

    n, k = ratings.shape
    if n < FEWEST_ROWS:
        return Estimate(None, reason=_TOO_FEW)
    moments = _moments(ratings - ratings.mean())
    value = _number(_ccc(moments))
    if value is None:
        return Estimate(None, reason=_ALL_THE_SAME)
    if k > 2:
        return Estimate(value, reason="the formula's interval is for two readers")
    covariance = moments.covariance
    sx, sy = math.sqrt(covariance[0, 0]), math.sqrt(covariance[1, 1])
    if value >= 1 - 1e-12:
        return Estimate(1.0, 1.0, 1.0)
    r = float(covariance[0, 1]) / (sx * sy) if sx and sy else 0.0
    if abs(r) < 1e-12:
        return Estimate(value, reason="the readings do not correlate at all")
    shift = float(moments.mean[0] - moments.mean[1]) ** 2 / (sx * sy)
    c = value
    variance = (
        (1 - r**2) * c**2 / ((1 - c**2) * r**2)
        + 2 * c**3 * (1 - c) * shift / (r * (1 - c**2) ** 2)
        - c**4 * shift**2 / (2 * r**2 * (1 - c**2) ** 2)
    ) / (n - 2)
    half = float(stats.norm.ppf((1 + confidence) / 2)) * math.sqrt(max(variance, 0.0))
    return Estimate(c, math.tanh(math.atanh(c) - half), math.tanh(math.atanh(c) + half))


def standard_error(ratings: FloatArray) -> Estimate:
    """Standard error of measurement for absolute agreement: sqrt(reader variance + residual variance)."""
    if len(ratings) < FEWEST_ROWS:
        return Estimate(None, reason=_TOO_FEW)
    return Estimate(_number(_sem(_moments(ratings - ratings.mean()))))


# Below, a leading "..." is the draws, or nothing for the ratings themselves.


@dataclass(frozen=True)
class _Moments:
    count: FloatArray  # (...)
    mean: FloatArray  # (..., readers)
    covariance: FloatArray  # (..., readers, readers), divided by n
    scale: float  # largest squared value, against which rounding is judged


def _row_sums(ratings: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    return np.ones(len(ratings)), ratings, ratings[:, :, None] * ratings[:, None, :]


def _moments(ratings: FloatArray) -> _Moments:
    ones, values, products = _row_sums(ratings)
    return _moments_of_sums(ones.sum(axis=0), values.sum(axis=0), products.sum(axis=0))


def _moments_of_sums(count: FloatArray, total: FloatArray, products: FloatArray) -> _Moments:
    count = np.asarray(count, np.float64)
    mean = total / count[..., None]
    second = products / count[..., None, None]
    covariance = second - mean[..., :, None] * mean[..., None, :]
    scale = float(np.abs(second).max(initial=0.0))
    return _Moments(count, mean, np.where(np.abs(covariance) <= _TINY * scale, 0.0, covariance), scale)


def _number(value: FloatArray) -> float | None:
    number = float(value)
    return number if math.isfinite(number) else None


def _ratio(part: FloatArray, whole: FloatArray) -> FloatArray:
    """part / whole, NaN where there is nothing to divide by."""
    safe = np.where(whole > 0, whole, 1.0)
    return np.where(whole > 0, part / safe, np.nan)


def _mean_squares(m: _Moments) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Mean squares of the two-way analysis of variance: rows, columns, error; and within rows of the one-way one."""
    n, k = m.count, m.mean.shape[-1]
    total = m.covariance.sum(axis=(-2, -1))
    trace = np.trace(m.covariance, axis1=-2, axis2=-1)
    columns_sum = n * ((m.mean - m.mean.mean(axis=-1, keepdims=True)) ** 2).sum(axis=-1)
    error_sum = n * (trace - total / k)
    error_sum = np.where(error_sum <= _TINY * m.scale * n, 0.0, error_sum)
    columns_sum = np.where(columns_sum <= _TINY * m.scale * n, 0.0, columns_sum)
    less = np.maximum(n - 1, 1)
    rows = n * total / (k * less)
    return (
        np.maximum(rows, 0.0),
        columns_sum / (k - 1),
        error_sum / (less * (k - 1)),
        (columns_sum + error_sum) / (n * (k - 1)),
    )


def _icc11(m: _Moments) -> FloatArray:
    rows, _, _, within = _mean_squares(m)
    return _ratio(rows - within, rows + (m.mean.shape[-1] - 1) * within)


def _icc21(m: _Moments) -> FloatArray:
    rows, columns, error, _ = _mean_squares(m)
    k = m.mean.shape[-1]
    return _ratio(rows - error, rows + (k - 1) * error + k * (columns - error) / m.count)


def _icc31(m: _Moments) -> FloatArray:
    rows, _, error, _ = _mean_squares(m)
    return _ratio(rows - error, rows + (m.mean.shape[-1] - 1) * error)


def _ccc(m: _Moments) -> FloatArray:
    # 2 sum of cov(i, j) over i < j  /  ((k - 1) sum of variances + sum of (mean i - mean j)^2 over i < j)
    k = m.mean.shape[-1]
    trace = np.trace(m.covariance, axis1=-2, axis2=-1)
    apart = k * ((m.mean - m.mean.mean(axis=-1, keepdims=True)) ** 2).sum(axis=-1)
    return _ratio(m.covariance.sum(axis=(-2, -1)) - trace, (k - 1) * trace + apart)


def _sem(m: _Moments) -> FloatArray:
    _, columns, error, _ = _mean_squares(m)
    return np.sqrt(np.maximum(columns - error, 0.0) / m.count + error)


def _mdc95(m: _Moments) -> FloatArray:
    return 1.96 * math.sqrt(2) * _sem(m)


def _bias(m: _Moments) -> FloatArray:
    return np.asarray(m.mean[..., 0] - m.mean[..., 1], np.float64)


def _sd(m: _Moments) -> FloatArray:
    c = m.covariance
    variance = c[..., 0, 0] + c[..., 1, 1] - 2 * c[..., 0, 1]
    variance = np.where(variance <= _TINY * m.scale, 0.0, variance)
    return np.sqrt(variance * m.count / np.maximum(m.count - 1, 1))


def _lower(m: _Moments) -> FloatArray:
    return _bias(m) - 1.959963984540054 * _sd(m)


def _upper(m: _Moments) -> FloatArray:
    return _bias(m) + 1.959963984540054 * _sd(m)
