"""How well a model outlines: Dice, IoU, outlines, areas and calibration, pooled and per photograph, with intervals.

A *target* is a set of classes that a mask can tell from the rest: ``detached``, ``reepithelialised``,
``not_assessable``, ``intact``, ``skin`` (intact, detached and re-epithelialised together) or ``body`` (everything but
background).
Rules, stated once:

- *pooled* adds the pixels of all photographs first; *mean* weighs each photograph alike;
- where the reference is empty, an empty answer scores 1 and any other 0; means over the photographs whose reference
  is not empty are given beside;
- boundary Dice is the share of both outlines that lies within the tolerance of the other (``agreement_masks``); whether
  there is an outline is judged on the whole mask, before it is reduced for that;
- area error is the answer's area minus the reference's, in % of the region: the skin that the reference shows, and the
  whole photograph where it shows none or cannot tell. Where it shows a sliver, an error of its size is 100 %, and the
  mean over photographs holds that as it is;
- expected calibration error: the mean distance between what a probability says and how often it is right, in 15 bins
  of equal width, weighted by pixels (Naeini, Cooper and Hauskrecht, AAAI 2015);
- intervals are 95 % percentile intervals over draws of whole groups (patients, wounds, scenes).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from .agreement_masks import both_show, outline_agreement, outline_size
from .protocol import Protocol
from .resampling import Estimate, Groups, draw_patients, percentile_interval
from .tissue import Tissue

DRAWS: Final = 2000
SEED: Final = 1
BINS: Final = 15
NOTHING: Final = "predict nothing"
BASELINE: Final = "classical-v1"
"""The model that every other one is judged beside."""
TOLERANCE_PERCENT: Final = Protocol().agreement.boundary_tolerance_percent
"""Of outlines, in percent of the longer side, where nothing else is asked for."""

Labels = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]

TARGETS: Final[dict[str, tuple[Tissue, ...]]] = {
    "detached": (Tissue.DETACHED,),
    "reepithelialised": (Tissue.REEPITHELIALISED,),
    "not_assessable": (Tissue.NOT_ASSESSABLE,),
    "intact": (Tissue.INTACT,),
    "skin": (Tissue.INTACT, Tissue.DETACHED, Tissue.REEPITHELIALISED),
    "body": (Tissue.INTACT, Tissue.DETACHED, Tissue.REEPITHELIALISED, Tissue.NOT_ASSESSABLE),
}


@dataclass(frozen=True)
class Score:
    """One target of one photograph, by one answer.

    Attributes:
        both, reference, answer: pixels in both masks, in the reference, in the answer.
        region: pixels of the region that areas are given in percent of; at least 1.
        boundary: boundary Dice by the rule for an empty reference.
        calibration: (15, 3) pixels, sum of probabilities and pixels of the target, by bin of probability; None for an
            answer without probabilities.
    """

    both: int
    reference: int
    answer: int
    region: int
    boundary: float
    calibration: Floats | None = None

    @property
    def dice(self) -> float:
        """2 both / (reference + answer), by the rule for an empty reference."""
        total = self.reference + self.answer
        return 2 * self.both / total if total else 1.0

    @property
    def iou(self) -> float:
        """both / (reference or answer), by the rule for an empty reference."""
        either = self.reference + self.answer - self.both
        return self.both / either if either else 1.0

    @property
    def area_error(self) -> float:
        """Percentage points of the region."""
        return 100 * (self.answer - self.reference) / self.region


def targets_of(table: Mask) -> dict[str, Mask]:
    """The targets that a source's masks can tell from the rest.

    Args:
        table: (values, classes), whether a pixel of this mask value may have this class.

    Returns:
        Target to (values,) bool: the mask values that belong to it.
    """
    found: dict[str, Mask] = {}
    for name, tissues in TARGETS.items():
        wanted = np.isin(np.arange(table.shape[1]), tissues)
        inside = ~(table & ~wanted).any(axis=1)
        outside = ~(table & wanted).any(axis=1)
        # Each value must be all in or all out, and together those inside must stand for the whole target.
        if (inside ^ outside).all() and (table[inside].any(axis=0) >= wanted).all():
            found[name] = np.asarray(inside, np.bool_)
    return found


def region_pixels(mask: Labels, targets: Mapping[str, Mask]) -> int:
    """Pixels of the region that areas are given in percent of.

    Args:
        mask: (height, width) uint8 mask values.
        targets: of :func:`targets_of`.
    """
    skin = int(np.count_nonzero(targets["skin"][mask])) if "skin" in targets else 0
    return skin or mask.size


def score(
    mask: Labels,
    inside: Mask,
    labels: Labels,
    target: str,
    tolerance_percent: float,
    *,
    region: int,
    probabilities: npt.NDArray[np.float32] | None = None,
    small_mask: Labels | None = None,
) -> Score:
    """Compare one photograph's answer with its mask.

    Args:
        mask: (height, width) uint8 mask values.
        inside: (values,) bool, the mask values that belong to the target.
        labels: (height, width) uint8 classes, the answer.
        target: a key of ``TARGETS``.
        tolerance_percent: of outlines, in percent of the longer side.
        region: of :func:`region_pixels`.
        probabilities: (5, h, w) of the answer.
        small_mask: (h, w) the mask at the size of the probabilities.
    """
    chosen = np.isin(np.arange(len(Tissue)), TARGETS[target])
    reference, answer = inside[mask], chosen[labels]
    reduced = inside[outline_size(mask)], chosen[outline_size(labels)]
    outlines = reduced if both_show(reduced) else (reference, answer)
    near, _ = outline_agreement(*outlines, tolerance_percent)
    calibration = None
    if probabilities is not None and small_mask is not None:
        calibration = calibration_bins(probabilities[chosen].sum(axis=0), inside[small_mask])
    return Score(
        both=int(np.count_nonzero(reference & answer)),
        reference=int(np.count_nonzero(reference)),
        answer=int(np.count_nonzero(answer)),
        region=region,
        boundary=1.0 if near is None else near,
        calibration=calibration,
    )


def calibration_bins(probability: npt.NDArray[np.float32], truth: Mask) -> Floats:
    """(15, 3) pixels, sum of probabilities, and true pixels, by bin of probability; both (h, w)."""
    flat = np.clip(probability.ravel(), 0, 1)
    at = np.minimum((flat * BINS).astype(np.intp), BINS - 1)
    return np.stack([np.bincount(at, weights, BINS) for weights in (None, flat, truth.ravel())], axis=1).astype(float)


def calibration_error(bins: Floats) -> float | None:
    """Expected calibration error of (15, 3) bins; None without pixels."""
    pixels = bins[:, 0].sum()
    return float(np.abs(bins[:, 1] - bins[:, 2]).sum() / pixels) if pixels else None


def summary(scores: Sequence[Score], groups: Sequence[str], *, draws: int = DRAWS, seed: int = SEED) -> dict[str, Any]:
    """Every figure of one answer on one set of photographs.

    Args:
        scores: of each photograph.
        groups: of each photograph; those of one group are drawn together.
        draws, seed: of the intervals.
    """
    drawn = draw_patients(groups, draws, seed)
    counts = np.array([(s.both, s.reference, s.answer, s.region) for s in scores], float)
    present = counts[:, 1] > 0

    def pooled(formula: Any) -> dict[str, Any]:
        return _rounded(percentile_interval(_number(formula(counts.sum(axis=0))), formula(drawn.drawn(counts)), drawn))

    def mean(values: Sequence[float], kept: Mask | None = None) -> dict[str, Any]:
        return _rounded(_mean(np.array(values, float), np.ones(len(scores), bool) if kept is None else kept, drawn))

    bins = [s.calibration for s in scores if s.calibration is not None]
    return {
        "photographs": len(scores),
        "groups": drawn.count,
        "without_reference": int(np.count_nonzero(~present)),
        "answered_without_reference": int(np.count_nonzero(~present & (counts[:, 2] > 0))),
        "dice_pooled": pooled(lambda c: _ratio(2 * c[..., 0], c[..., 1] + c[..., 2])),
        "dice_mean": mean([s.dice for s in scores]),
        "dice_mean_where_present": mean([s.dice for s in scores], present),
        "iou_pooled": pooled(lambda c: _ratio(c[..., 0], c[..., 1] + c[..., 2] - c[..., 0])),
        "iou_mean": mean([s.iou for s in scores]),
        "boundary_dice_mean": mean([s.boundary for s in scores]),
        "boundary_dice_mean_where_present": mean([s.boundary for s in scores], present),
        "sensitivity_pooled": pooled(lambda c: _ratio(c[..., 0], c[..., 1])),
        "precision_pooled": pooled(lambda c: _ratio(c[..., 0], c[..., 2])),
        "area_error_percent_mean": mean([s.area_error for s in scores]),
        "area_error_percent_absolute_mean": mean([abs(s.area_error) for s in scores]),
        "calibration_error": _round(calibration_error(np.sum(bins, axis=0))) if bins else None,
        "reliability": _reliability(np.sum(bins, axis=0)) if bins else None,
    }


def nothing(answer: Score) -> Score:
    """What an answer that never finds anything scores on the same photograph."""
    return Score(0, answer.reference, 0, answer.region, 0.0 if answer.reference else 1.0)


def _reliability(bins: Floats) -> list[dict[str, float]]:
    """What the probabilities of each bin say, and how often they are right."""
    return [
        {"said": round(float(said / pixels), 4), "found": round(float(found / pixels), 4), "pixels": int(pixels)}
        for pixels, said, found in bins
        if pixels
    ]


def _mean(values: Floats, kept: Mask, groups: Groups) -> Estimate:
    if not kept.any():
        return Estimate(None, reason="there is no such photograph")
    totals = groups.drawn(np.column_stack([values * kept, kept]))
    return percentile_interval(float(values[kept].mean()), _ratio(totals[:, 0], totals[:, 1]), groups)


def _ratio(part: Floats, whole: Floats) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(whole > 0, np.divide(part, whole), np.nan)


def _number(value: Floats) -> float | None:
    return float(value) if np.isfinite(value) else None


def _rounded(estimate: Estimate) -> dict[str, Any]:
    return {"value": _round(estimate.value), "low": _round(estimate.low), "high": _round(estimate.high)}


def _round(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
