"""Whether a photograph is fit to be measured, and if not, what the nurse does about it.

Each problem is one sentence that says what is wrong and what to do. Limits come from the protocol
(:mod:`bsa_measure.quality_limits`). Dark skin is never "too dark": darkness is judged on what the camera could
not record, not on how light the skin is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

import cv2
import numpy as np
import numpy.typing as npt

from .photo import Photo
from .quality_limits import QualityLimits
from .tissue import Tissue

Verdict = Literal["usable", "warn", "retake"]
Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float32]

_LONG_SIDE: Final = 1024  # pixels; the limits are far coarser than a pixel of this
_NEARLY_BLACK: Final = 16  # of 255; all channels
_WHITE: Final = 250
_ENDS_IN_THE_PHOTO: Final = ("head", "hand", "foot", "feet")


@dataclass(frozen=True)
class Quality:
    """The verdict on one photograph.

    Attributes:
        verdict: "usable", "warn" (measured, and shown to a person) or "retake" (refused).
        problems: sentences, the gravest first; empty when usable.
    """

    verdict: Verdict
    problems: tuple[str, ...]


def judge(photo: Photo, labels: npt.NDArray[np.uint8], view: str, limits: QualityLimits) -> Quality:
    """Judge one photograph, given its tissue classes.

    Args:
        photo: as read.
        labels: (height, width) uint8, the classes of ``photo.pixels``.
        view: name of the standard view; hands, feet and heads must end within the photo.
        limits: of the protocol.
    """
    pixels, body = _reduced(photo.pixels, labels)
    retake: list[str] = []
    warn: list[str] = []

    def above(value: float, warn_limit: float, retake_limit: float, sentence: str) -> None:
        if value > retake_limit:
            retake.append(sentence)
        elif value > warn_limit:
            warn.append(sentence)

    red, green, blue = cv2.split(pixels)
    brightest = cv2.max(cv2.max(red, green), blue)
    # Red and green together tell blood from skin: where both are at the top, the skin's state is lost.
    washed_out = cv2.min(red, green) >= _WHITE
    above(
        -_quantile(brightest, 0.95) / 255,
        -limits.dim_warn,
        -limits.dim_retake,
        "Too dark: switch on the room light or the flash and take it again.",
    )
    above(
        _share(washed_out),
        limits.white_warn,
        limits.white_retake,
        "Too bright: much of the photo is pure white; lower the exposure and take it again.",
    )
    skin_share = _share(body)
    if skin_share < limits.minimum_skin_share:
        retake.append("Hardly any skin is seen: take it again, or replace it if it is the wrong photo.")
        return _verdict(retake, warn)

    if skin_share < limits.small_skin_share:
        warn.append("The body is small in the photo: zoom in and take it again.")
    blur = blur_per_mille(pixels, body)
    if blur is None:
        warn.append("No edge shows whether the photo is sharp: include the outline of the body.")
    else:
        above(blur, limits.blur_warn, limits.blur_retake, "Blurred: take it again, elbows resting.")
    if not retake:
        dark = _share_of(brightest <= _NEARLY_BLACK, body)
        above(dark, limits.dark_warn, limits.dark_retake, "Parts of the body are black: add light from the front.")
        bright = _share_of(washed_out, body)
        above(
            bright, limits.bright_warn, limits.bright_retake, "Washed out: turn the flash aside or step back a little."
        )
    hidden = _share_of(labels == int(Tissue.NOT_ASSESSABLE), labels != int(Tissue.BACKGROUND))
    above(
        hidden,
        limits.hidden_warn,
        limits.hidden_retake,
        "Much of the body is hidden: take off dressings and wipe off cream if that is allowed, and avoid glare.",
    )
    sides = _border_shares(body)
    if np.average(sides, weights=[body.shape[1], body.shape[0]] * 2) > limits.filled_frame_share:
        warn.append("Too close: the outline of the body is not seen; step back to 1.5 metres.")
    elif view.startswith(_ENDS_IN_THE_PHOTO) and min(sides) > 0.1:
        warn.append("Cut off on all four sides: step back until the whole part is in the photo.")
    return _verdict(retake, warn)


def _verdict(retake: list[str], warn: list[str]) -> Quality:
    verdict: Verdict = "retake" if retake else "warn" if warn else "usable"
    return Quality(verdict, (*retake, *warn))


def _reduced(pixels: npt.NDArray[np.uint8], labels: npt.NDArray[np.uint8]) -> tuple[npt.NDArray[np.uint8], Bools]:
    height, width = pixels.shape[:2]
    longest = max(height, width)
    body = (labels != int(Tissue.BACKGROUND)).view(np.uint8)
    if longest <= _LONG_SIDE:
        return pixels, body > 0
    size = (max(1, round(width * _LONG_SIDE / longest)), max(1, round(height * _LONG_SIDE / longest)))
    small = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
    return small, cv2.resize(body, size, interpolation=cv2.INTER_NEAREST) > 0


def _share(mask: Bools) -> float:
    return np.count_nonzero(mask) / mask.size


def _share_of(mask: Bools, whole: Bools) -> float:
    return np.count_nonzero(mask & whole) / np.count_nonzero(whole)


def _quantile(values: npt.NDArray[np.uint8] | npt.NDArray[np.uint16], share: float) -> float:
    """As ``np.quantile``, of whole numbers below 4096; counting them is quicker than sorting."""
    up_to = np.cumsum(cv2.calcHist([values], [0], None, [4096], [0, 4096]).ravel().astype(np.int64))
    place = share * (values.size - 1)
    lower, upper = np.searchsorted(up_to, [np.floor(place), np.ceil(place)], side="right")
    return float(lower + (place - np.floor(place)) * (upper - lower))


def _border_shares(body: Bools) -> list[float]:
    """Share of the top, left, bottom and right border that the body covers."""
    return [float(side.mean()) for side in (body[0], body[:, 0], body[-1], body[:, -1])]


# ------------------------------------------------------------------------------------------------------- focus

_FIRST_BLUR: Final = 1.0  # pixels; tames noise before edges are looked for
_SECOND_BLUR: Final = 2.0
_EDGE: Final = 0.8  # grey levels a pixel
_EDGE_OVER_NOISE: Final = 1.2  # an edge must be this many times as steep as the noise's own standard deviation
_REACH: Final = 16  # pixels beyond which nothing is seen of a pixel after both blurs
_NOISE_MASK: Final = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)


def blur_per_mille(pixels: npt.NDArray[np.uint8], body: Bools) -> float | None:
    """How blurred the body and its outline are, in thousandths of the longer side of the photo.

    Smooth skin has no edges and is not punished for it: only edges are looked at. At each, the photo is blurred
    once more; the more the edge loses by that, the sharper it was (Zhuo and Sim, Pattern Recognition 44:1852,
    2011). The sharpest fifth of the edges speaks for the photo, strong ones more than faint ones, in the
    worst direction, so that a shaken camera is noticed.

    Args:
        pixels: (height, width, 3) uint8.
        body: (height, width) bool.

    Returns:
        The standard deviation of the blur, or None where too few edges are seen.
    """
    height, width = body.shape
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    least = max(_EDGE, _EDGE_OVER_NOISE * _noise(grey))
    near = cv2.dilate(body.astype(np.uint8), np.ones((9, 9), np.uint8)) > 0
    near[:2], near[-2:], near[:, :2], near[:, -2:] = False, False, False, False
    rows, columns = _box(near, _REACH)
    near, grey = near[rows, columns], grey[rows, columns].astype(np.float32)
    once = np.asarray(cv2.GaussianBlur(grey, (0, 0), _FIRST_BLUR), np.float32)
    twice = np.asarray(cv2.GaussianBlur(once, (0, 0), _SECOND_BLUR), np.float32)
    across, down, strength = _gradient(once)
    weaker = _gradient(twice)[2]
    # Only ridges of the gradient: beside an edge the ratio says nothing.
    ridge = strength >= cv2.dilate(strength, np.ones((3, 3), np.uint8)) * 0.98
    edge = ridge & (strength > least) & near
    enough = 20 + max(height, width) // 8
    if np.count_nonzero(edge) < enough:
        return None
    ratio = strength[edge] / np.maximum(weaker[edge], 1e-3)
    total = _SECOND_BLUR / np.sqrt(np.maximum(ratio**2 - 1, 1e-4))
    sigma = np.sqrt(np.maximum(total**2 - _FIRST_BLUR**2, 0))
    weight = strength[edge]
    direction = (np.degrees(np.arctan2(down[edge], across[edge])) + 22.5) % 180 // 45
    worst = 0.0
    for quarter in range(4):
        chosen = direction == quarter
        if np.count_nonzero(chosen) >= max(enough // 3, sigma.size // 10):
            worst = max(worst, _sharpest_fifth(sigma[chosen], weight[chosen]))
    return float(1000 * worst / max(height, width))


def _sharpest_fifth(sigma: npt.NDArray[Any], weight: npt.NDArray[Any]) -> float:
    """The blur that a fifth of the edges, weighted by their strength, stay below."""
    order = np.argsort(sigma, kind="stable")
    so_far = np.cumsum(weight[order])
    return float(sigma[order][np.searchsorted(so_far, 0.2 * so_far[-1])])


def _box(mask: Bools, margin: int) -> tuple[slice, slice]:
    """The smallest rectangle that holds the mask and a margin around it, within the picture."""
    left, top, width, height = cv2.boundingRect(mask.view(np.uint8))
    return (
        slice(max(0, top - margin), top + height + margin),
        slice(max(0, left - margin), left + width + margin),
    )


def _noise(grey: npt.NDArray[np.uint8]) -> float:
    """Standard deviation of the pixel noise (Immerkær 1996, with the median instead of the mean against edges)."""
    second = np.abs(cv2.filter2D(grey, cv2.CV_16S, _NOISE_MASK)).astype(np.uint16)
    return _quantile(second, 0.5) / (6 * 0.6745)


def _gradient(image: Floats) -> tuple[Floats, Floats, Floats]:
    across = np.asarray(cv2.Sobel(image, cv2.CV_32F, 1, 0, scale=1 / 8), np.float32)
    down = np.asarray(cv2.Sobel(image, cv2.CV_32F, 0, 1, scale=1 / 8), np.float32)
    return across, down, np.asarray(cv2.magnitude(across, down), np.float32)


# ---------------------------------------------------------------------------------------------- the same photo

_ALIKE_BITS: Final = 4


def photo_fingerprint(pixels: npt.NDArray[np.uint8]) -> int:
    """A 64-bit number that stays nearly the same when a photo is resized, brightened or saved again.

    Each bit says whether a cell of an 8 × 8 grid is darker than its right neighbour (difference hash).
    """
    longest = max(pixels.shape)
    if longest > _LONG_SIDE:  # quickly to a size from which the rest is quick
        size = (max(1, pixels.shape[1] * _LONG_SIDE // longest), max(1, pixels.shape[0] * _LONG_SIDE // longest))
        pixels = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    cells = cv2.resize(grey, (9, 8), interpolation=cv2.INTER_AREA).astype(np.int16)
    bits = (cells[:, 1:] > cells[:, :-1]).ravel()
    return int.from_bytes(np.packbits(bits).tobytes(), "big")


def near_duplicate(a: int, b: int) -> bool:
    """Whether two fingerprints are those of one photo, saved twice."""
    return (a ^ b).bit_count() <= _ALIKE_BITS


def doubled(photos: Mapping[str, tuple[str, int]]) -> dict[str, str]:
    """Photos of a study that are there twice.

    Args:
        photos: name of the photo → (SHA-256 of its file, fingerprint).

    Returns:
        For each photo that repeats an earlier one (in the order of names): a sentence that names the earlier one.
    """
    found: dict[str, str] = {}
    first: dict[str, str] = {}
    seen: list[tuple[int, str]] = []
    for name in sorted(photos):
        sha256, fingerprint = photos[name]
        if sha256 in first:
            found[name] = f"The same file as {first[sha256]}: replace one of the two."
            continue
        first[sha256] = name
        twin = next((other for mark, other in seen if near_duplicate(mark, fingerprint)), None)
        if twin is not None:
            found[name] = f"Looks like the same photo as {twin}: check that both were meant."
        seen.append((fingerprint, name))
    return found
