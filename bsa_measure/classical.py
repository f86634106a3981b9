"""The classical model: skin by colour and place, lesions by their difference from the patient's own intact skin.

It learns nothing from other patients. Skin of every tone has nearly the same hue, so hue starts the search for
it; the photograph's own colours and the contrast at its silhouette finish it. Within the skin, redness is the
logarithm of red over green light (absorbed by blood; Diffey, Oliver and Farr, Br J Dermatol 111:663, 1984),
measured relative to the same patient's less red skin, so that it means the same on light and on dark skin and in
light and in shade. A detached surface is redder, rougher and wetter, or yellower where fibrin lies on it.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Final

import cv2
import numpy as np
import numpy.typing as npt

from .errors import ModelError
from .tissue import Tissue

if TYPE_CHECKING:
    from .segment import Entry

Floats = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]
Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Size:
    """Working sizes, in pixels of the longer side."""

    silhouette_long_side: int
    tissue_long_side: int


@dataclass(frozen=True)
class Skin:
    """How the patient is told from the room; units in ``parameters.toml``."""

    hue: float
    hue_width: float
    hue_weight: float
    least_chroma: float
    chroma_width: float
    most_chroma: float
    least_lightness: float
    most_lightness: float
    centre_weight: float
    colour_share: float
    own_share: float
    centre_share: float
    rounds: int
    certain: float
    least_part: float
    largest_hole: float


@dataclass(frozen=True)
class Detached:
    """What speaks for a detached surface; units in ``parameters.toml``."""

    bias: float
    redness: float
    redness_nearby: float
    redness_unit: float
    rough: float
    yellow: float
    yellow_start: float
    yellow_unit: float
    own_quantile: float
    pigment: float
    seed: float
    least_area: float
    largest_hole: float
    smooth: float


@dataclass(frozen=True)
class Reepithelialised:
    """What speaks for a surface that is covered again; units in ``parameters.toml``."""

    bias: float
    pink: float
    pale: float
    pale_unit: float
    rough: float


@dataclass(frozen=True)
class Hidden:
    """What cannot be assessed; units in ``parameters.toml``."""

    glare_level: int
    shadow_level: int
    least_area: float
    white_chroma: float
    white_lightness: float


@dataclass(frozen=True)
class Parameters:
    """Every number of the model."""

    size: Size
    skin: Skin
    detached: Detached
    reepithelialised: Reepithelialised
    hidden: Hidden


@dataclass(frozen=True)
class ClassicalModel:
    """A :class:`bsa_measure.segment.Model` of hand-chosen rules."""

    name: str
    sha256: str
    licence: str
    notice: str
    parameters: Parameters

    def probabilities(self, pixels: Pixels) -> Floats:
        """Class probabilities, (5, h, w) float32, of a (height, width, 3) uint8 photograph; see ``segment.Model``."""
        p = self.parameters
        small = _shrink(pixels, p.size.tissue_long_side)
        skin = _skin(small, p)
        return _tissues(small, skin, p)


def build(entry: Entry, data: bytes) -> ClassicalModel:
    """The model from its registry entry and the bytes of its ``parameters.toml``.

    Raises:
        ModelError: the parameters are not those this version knows.
    """
    try:
        parameters = _section(Parameters, tomllib.loads(data.decode()))
    except (ValueError, TypeError) as error:
        raise ModelError(
            f"The parameters of the model {entry.name} do not fit this version: install the program again."
        ) from error
    return ClassicalModel(entry.name, entry.sha256, entry.licence, entry.notice, parameters)


_SECTIONS: Final = {
    "size": Size,
    "skin": Skin,
    "detached": Detached,
    "reepithelialised": Reepithelialised,
    "hidden": Hidden,
}


def _section(kind: type[Any], table: dict[str, Any]) -> Any:
    if set(table) != {field.name for field in fields(kind)}:
        raise ValueError(f"{kind.__name__} has other keys")
    return kind(**{k: _section(_SECTIONS[k], v) if k in _SECTIONS else v for k, v in table.items()})


# ---------------------------------------------------------------------------------------------- the silhouette


def _skin(pixels: Pixels, p: Parameters) -> Floats:
    """Probability that a pixel is this patient's body surface, (h, w)."""
    small = _median(_shrink(pixels, p.size.silhouette_long_side))
    lab = _lab(small)
    colour = _skin_colour(lab, p.skin)
    height, width = colour.shape
    down, right = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    from_centre = np.hypot(down, right).astype(np.float32)
    place = p.skin.centre_weight * (0.8 - from_centre)

    bins = _colour_bins(lab)
    probable = _sigmoid(colour + place)
    for _ in range(p.skin.rounds):
        own = _own_colours(bins, probable)
        evidence = p.skin.colour_share * colour + p.skin.own_share * own + p.skin.centre_share * place
        probable = _sigmoid(cv2.blur(evidence.astype(np.float32), (5, 5)))

    body = _cut_out(small, probable, p.skin.certain)
    body = cv2.morphologyEx(body.astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8)) > 0
    body = _main_parts(body, np.exp(-(from_centre**2)), p.skin.least_part)
    body = _fill_holes(body, p.skin.largest_hole)
    return _soft_edge(body, pixels)


def _skin_colour(lab: Floats, p: Skin) -> Floats:
    """Log-odds of skin from colour alone."""
    lightness = lab[..., 0]
    chroma = np.hypot(lab[..., 1], lab[..., 2])
    hue = np.degrees(np.arctan2(lab[..., 2], lab[..., 1]))
    odds = p.hue_weight * (1 - ((hue - p.hue) / p.hue_width) ** 2)
    odds = np.maximum(odds, -2 * p.hue_weight)
    odds += np.minimum(0, (chroma - p.least_chroma) / p.chroma_width)
    odds -= np.maximum(0, (chroma - p.most_chroma) / 4)
    odds -= np.maximum(0, (p.least_lightness - lightness) / 2)
    odds -= np.maximum(0, (lightness - p.most_lightness) / 3)
    return np.clip(odds, -2 * p.hue_weight, p.hue_weight)


_LIGHTNESS_BINS: Final = 12
_COLOUR_BINS: Final = 32


def _colour_bins(lab: Floats) -> npt.NDArray[np.intp]:
    """The cell of a 12 × 32 × 32 table of CIELAB that each pixel falls into."""
    lightness = np.clip(lab[..., 0] * (_LIGHTNESS_BINS / 100), 0, _LIGHTNESS_BINS - 1).astype(np.intp)
    green_red = np.clip((lab[..., 1] + 32) / 3, 0, _COLOUR_BINS - 1).astype(np.intp)
    blue_yellow = np.clip((lab[..., 2] + 32) / 3, 0, _COLOUR_BINS - 1).astype(np.intp)
    return np.asarray((lightness * _COLOUR_BINS + green_red) * _COLOUR_BINS + blue_yellow, np.intp)


def _own_colours(bins: npt.NDArray[np.intp], probable: Floats) -> Floats:
    """Log-odds of skin from how often each colour occurs in this photograph's probable skin and in its background."""

    def table(weights: Floats) -> Floats:
        counts = np.bincount(bins.ravel(), weights.ravel(), _LIGHTNESS_BINS * _COLOUR_BINS**2).astype(np.float32)
        cells = counts.reshape(_LIGHTNESS_BINS, _COLOUR_BINS, _COLOUR_BINS)
        smooth = np.stack([_gaussian(plane, 1.0) for plane in cells])
        spread = smooth.copy()
        spread[1:] += 0.4 * smooth[:-1]
        spread[:-1] += 0.4 * smooth[1:]
        return np.asarray(spread / max(float(weights.sum()), 1.0), np.float32)

    never = 2e-4  # a colour seen nowhere speaks for nothing
    odds = np.log((table(probable) + never) / (table(1 - probable) + never))
    return np.asarray(odds.ravel()[bins], np.float32)


def _cut_out(pixels: Pixels, probable: Floats, certain: float) -> Bools:
    """The body as a sharp silhouette that follows the contrast in the photograph (GrabCut; Rother et al. 2004)."""
    guess = np.where(probable > 0.5, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    guess[probable < certain] = cv2.GC_BGD
    inside = int(np.count_nonzero(guess == cv2.GC_PR_FGD))
    if min(inside, guess.size - inside) < guess.size // 200:
        return np.asarray(probable > 0.5)  # nothing to tell apart
    cv2.setRNGSeed(0)  # GrabCut starts from random clusters; the same photograph must give the same silhouette
    cv2.grabCut(pixels, guess, (0, 0, 0, 0), np.zeros((1, 65)), np.zeros((1, 65)), 2, cv2.GC_INIT_WITH_MASK)
    return np.asarray((guess == cv2.GC_FGD) | (guess == cv2.GC_PR_FGD))


def _main_parts(body: Bools, weight: npt.NDArray[Any], least_part: float) -> Bools:
    """Drop the pieces that weigh less than ``least_part`` of the heaviest: other people, furniture."""
    count, pieces = cv2.connectedComponents(body.astype(np.uint8), connectivity=4)
    if count <= 2:
        return body
    weights = np.bincount(pieces.ravel(), weight.ravel(), count)
    weights[0] = 0
    return np.asarray((weights >= least_part * weights.max())[pieces] & body)


def _fill_holes(body: Bools, largest: float) -> Bools:
    """Fill holes up to ``largest`` of the body's area; a larger one is a gap between limbs."""
    count, pieces, stats, _ = cv2.connectedComponentsWithStats((~body).astype(np.uint8), connectivity=4)
    left, top, width, height, area = stats.T[:5]
    inside = (left > 0) & (top > 0) & (left + width < body.shape[1]) & (top + height < body.shape[0])
    holes = inside & (area <= largest * np.count_nonzero(body))
    holes[0] = False
    return np.asarray(body | holes[pieces]) if count > 1 else body


def _soft_edge(body: Bools, pixels: Pixels) -> Floats:
    """The silhouette at the size of ``pixels``, as a probability that is 0.5 on the outline."""
    height, width = pixels.shape[:2]
    outside = cv2.distanceTransform((~body).astype(np.uint8), cv2.DIST_L2, 3)
    inside = cv2.distanceTransform(body.astype(np.uint8), cv2.DIST_L2, 3)
    # Where there is no body at all, every distance is infinite.
    signed = np.clip(inside - outside, -10, 10).astype(np.float32)
    return _sigmoid(3 * _resized(signed, width, height, cv2.INTER_LINEAR))


# ------------------------------------------------------------------------------------------------- the tissues


def _tissues(pixels: Pixels, skin: Floats, p: Parameters) -> Floats:
    """Class probabilities, (5, h, w), from the photograph and the probability of skin, both (h, w)."""
    on_skin = skin > 0.5
    result = np.zeros((len(Tissue), *skin.shape), np.float32)
    if np.count_nonzero(on_skin) < 100:
        result[Tissue.BACKGROUND] = 1
        return result
    signs = _signs(pixels, on_skin, p.detached.own_quantile, p.detached.pigment)
    detached = _whole_lesions(_detached(signs, p.detached), on_skin, p.detached)
    pink = np.clip(1 - np.abs(signs.redness / p.detached.redness_unit - 1), -1, 1)
    pale = np.clip(np.minimum(signs.lightness, signs.lightness_nearby) / p.reepithelialised.pale_unit, -2, 2)
    r = p.reepithelialised
    covered = r.bias + r.pink * pink + r.pale * pale + r.rough * np.maximum(signs.roughness, 0)
    odds = np.zeros_like(result)
    odds[Tissue.DETACHED] = detached
    odds[Tissue.REEPITHELIALISED] = covered
    odds[Tissue.NOT_ASSESSABLE] = np.where(_hidden(pixels, on_skin, p.hidden), 12.0, -12.0)
    odds[Tissue.BACKGROUND] = -np.inf
    odds -= odds.max(axis=0)
    np.exp(odds, out=result)
    result *= skin / result.sum(axis=0)
    result[Tissue.BACKGROUND] = 1 - skin
    return result


@dataclass(frozen=True)
class _Signs:
    """What is seen of each pixel of skin, all (h, w) float32, all relative to the patient's own skin."""

    redness: Floats
    redness_nearby: Floats
    yellowness_nearby: Floats
    lightness: Floats
    lightness_nearby: Floats
    roughness: Floats


_LINEAR_LOG: Final = np.log((np.arange(256) / 255) ** 2.2 + 0.004).astype(np.float32)


def _signs(pixels: Pixels, on_skin: Bools, quantile: float, pigment: float) -> _Signs:
    smooth = _median(pixels)
    red, green, blue = (_LINEAR_LOG[smooth[..., channel]] for channel in range(3))
    yellowness, lightness = green - blue, np.asarray((red + green) / 2, np.float32)
    redness = np.asarray(red - green - pigment * yellowness, np.float32)
    mask = on_skin.astype(np.float32)
    core = cv2.erode(mask, np.ones((7, 7), np.uint8)) > 0
    if np.count_nonzero(core) < 100:
        core = on_skin
    near = 0.25 * float(np.sqrt(np.count_nonzero(on_skin)))
    own_redness = np.float32(np.quantile(redness[core], quantile))
    intact = core & (redness <= own_redness + 0.15)
    own_lightness = np.float32(np.median(lightness[intact]))
    roughness = _roughness(pixels, mask)
    own_roughness = np.float32(np.median(roughness[core]))
    return _Signs(
        redness - own_redness,
        redness - _nearby(redness, mask, near),
        yellowness - _nearby(yellowness, mask, near),
        lightness - own_lightness,
        lightness - _nearby(lightness, mask, near),
        roughness - own_roughness,
    )


def _roughness(pixels: Pixels, mask: Floats) -> Floats:
    """Natural logarithm of the local contrast of the skin, without the contrast of its silhouette."""
    grey = np.log(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY).astype(np.float32) + 8)
    fine = (grey - _nearby(grey, mask, 2)) * mask
    return np.asarray(np.log(np.sqrt(np.maximum(_nearby(fine * fine, mask, 4), 0)) + 0.003), np.float32)


def _nearby(values: Floats, mask: Floats, sigma: float) -> Floats:
    """Gaussian mean of ``values`` over the skin nearby; ``sigma`` in pixels. Far from any skin it is 0."""
    height, width = values.shape
    step = max(1, int(sigma // 4))
    weighted, weight = values * mask, mask
    if step > 1:
        small = (max(1, width // step), max(1, height // step))
        weighted = _resized(weighted, *small, cv2.INTER_AREA)
        weight = _resized(weight, *small, cv2.INTER_AREA)
    total, amount = _gaussian(weighted, sigma / step), _gaussian(weight, sigma / step)
    mean = np.asarray(total / np.maximum(amount, 1e-3), np.float32)
    return mean if step == 1 else _resized(mean, width, height, cv2.INTER_LINEAR)


def _detached(signs: _Signs, p: Detached) -> Floats:
    """Log-odds of detached against intact skin."""
    odds = (
        p.bias
        + p.redness * np.clip(signs.redness / p.redness_unit, -1, 3)
        + p.redness_nearby * np.clip(signs.redness_nearby / p.redness_unit, -1, 3)
        + p.rough * np.clip(signs.roughness, -1, 1.5)
        + p.yellow * np.clip((signs.yellowness_nearby - p.yellow_start) / p.yellow_unit, 0, 2)
    )
    return np.asarray(odds, np.float32)


def _whole_lesions(odds: Floats, on_skin: Bools, p: Detached) -> Floats:
    """Smooth the log-odds, and keep only lesions that are certain somewhere and not tiny."""
    smooth = _gaussian(odds, p.smooth)
    lesion = ((smooth > 0) & on_skin).astype(np.uint8)
    count, pieces, stats, _ = cv2.connectedComponentsWithStats(lesion, connectivity=8)
    certain = np.zeros(count, bool)
    certain[np.unique(pieces[smooth > np.log(p.seed / (1 - p.seed))])] = True
    certain &= stats[:, cv2.CC_STAT_AREA] >= p.least_area * np.count_nonzero(on_skin)
    certain[0] = False
    doubtful = (lesion > 0) & ~certain[pieces]
    kept = (lesion > 0) & certain[pieces]
    inner = _fill_holes(kept, p.largest_hole) & ~kept
    odds = np.where(doubtful, -np.abs(smooth) - 0.5, smooth)
    return np.where(inner, np.abs(smooth), odds).astype(np.float32)


def _hidden(pixels: Pixels, on_skin: Bools, p: Hidden) -> Bools:
    """Skin whose state cannot be seen: glare, deep shadow, something white upon it."""
    lab = _lab(_median(pixels))
    white = (np.hypot(lab[..., 1], lab[..., 2]) < p.white_chroma) & (lab[..., 0] > p.white_lightness)
    blind = (pixels.min(axis=2) >= p.glare_level) | (pixels.max(axis=2) <= p.shadow_level) | white
    blind = cv2.morphologyEx((blind & on_skin).astype(np.uint8), cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
    count, pieces, stats, _ = cv2.connectedComponentsWithStats(blind, connectivity=8)
    large = stats[:, cv2.CC_STAT_AREA] >= p.least_area * np.count_nonzero(on_skin)
    large[0] = False
    return np.asarray(large[pieces])


# ----------------------------------------------------------------------------------------------------- helpers


def _shrink(pixels: Pixels, long_side: int) -> Pixels:
    height, width = pixels.shape[:2]
    longest = max(height, width)
    if longest <= long_side:
        return np.ascontiguousarray(pixels)
    size = (max(1, round(width * long_side / longest)), max(1, round(height * long_side / longest)))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)


def _median(pixels: Pixels) -> Pixels:
    return np.asarray(cv2.medianBlur(pixels, 5), np.uint8)


def _gaussian(values: Floats, sigma: float) -> Floats:
    return np.asarray(cv2.GaussianBlur(values, (0, 0), sigma), np.float32)


def _resized(values: Floats, width: int, height: int, how: int) -> Floats:
    return np.asarray(cv2.resize(values, (width, height), interpolation=how), np.float32)


def _lab(pixels: Pixels) -> Floats:
    return np.asarray(cv2.cvtColor(pixels.astype(np.float32) / 255, cv2.COLOR_RGB2LAB), np.float32)


def _sigmoid(odds: npt.NDArray[Any]) -> Floats:
    return np.asarray(1 / (1 + np.exp(-np.clip(odds, -30, 30))), np.float32)
