"""Copy from the previous visit: the earlier labels, moved onto today's photograph, as a proposal.

The two photographs are laid over each other by points that both show (SIFT) and a homography that most of them agree
on; where the skin has too few, by sliding the silhouettes' grey pictures over each other (ECC). Either way the result
has to prove itself: the silhouette and the picture under it must fit, else it is refused with the reason. A proposal is
for looking and correcting; nothing is ever measured through it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from bsa_measure.tissue import Tissue

from .patch import Area, Labels, Mask, Patch, replace

Pixels = npt.NDArray[np.uint8]
Matrix = npt.NDArray[np.float64]

FEWEST_POINTS: Final = 12
LEAST_OVERLAP: Final = 0.75
"""Shared part of the two silhouettes (intersection over union) below which the photographs do not fit."""

LEAST_LIKENESS: Final = 0.3
"""Correlation of the two grey pictures on the shared skin below which they do not fit."""

_LONG_SIDE: Final = 640  # pixels at which the photographs are compared
_RATIO: Final = 0.8  # Lowe's test: the best match must be this much better than the second
_WITHIN: Final = 6.0  # pixels at that size by which a point may miss its place
_LARGEST_STRETCH: Final = 2.5  # a view is photographed from about the same place


@dataclass(frozen=True, eq=False)
class Registration:
    """How the earlier photograph lies on today's.

    Attributes:
        matrix: (3, 3) from column, row of the earlier photograph to column, row of today's.
        quality: 0 to 1, the smaller of the shared part of the silhouettes and the likeness of the pictures on it.
        points: how many points agree; 0 where the pictures were slid over each other.
    """

    matrix: Matrix
    quality: float
    points: int


@dataclass(frozen=True, eq=False)
class Proposal:
    """What the earlier labels would change today.

    Attributes:
        patch: the new classes; empty where there is none.
        registration: None where the photographs could not be laid over each other.
        sentence: how well they fit, or why they do not.
    """

    patch: Patch | None
    registration: Registration | None
    sentence: str


def copy_from_previous(
    today: Pixels,
    labels: Labels,
    earlier: Pixels,
    earlier_labels: Labels,
    *,
    locked: Collection[int] = (),
    keep: Mask | None = None,
) -> Proposal:
    """Propose the earlier visit's lesions on the skin of today's photograph.

    Detached, re-epithelialised and intact skin are taken over where today shows skin. The outline of the body and what
    cannot be assessed today stay as they are.

    Args:
        today, earlier: (height, width, 3) uint8 red-green-blue photographs of the same view.
        labels, earlier_labels: (height, width) uint8 classes of each.
        locked: classes whose pixels stay as they are.
        keep: (height, width) bool, pixels that a person has painted today; they stay as they are.
    """
    found = register(earlier, earlier_labels, today, labels)
    if isinstance(found, str):
        return Proposal(None, None, f"The two visits cannot be laid over each other: {found}.")
    height, width = labels.shape
    moved = cv2.warpPerspective(
        earlier_labels, found.matrix, (width, height), flags=cv2.INTER_NEAREST, borderValue=int(Tissue.BACKGROUND)
    )
    lesions = (Tissue.INTACT, Tissue.DETACHED, Tissue.REEPITHELIALISED)
    inside = np.isin(moved, lesions) & np.isin(labels, lesions)
    patch = replace(labels, Area(0, 0, inside), np.asarray(moved, np.uint8), locked=locked, keep=keep)
    how = f"{found.points} points agree" if found.points else "laid over each other by their outlines and shades"
    return Proposal(patch, found, f"The visits fit to {100 * found.quality:.0f} % ({how}): look before you accept.")


def register(earlier: Pixels, earlier_labels: Labels, today: Pixels, labels: Labels) -> Registration | str:
    """Lay one photograph over another of the same view; a reason, as part of a sentence, where that fails."""
    first, first_body, first_scale = _reduced(earlier, earlier_labels)
    second, second_body, second_scale = _reduced(today, labels)
    if not first_body.any() or not second_body.any():
        return "one of them shows no skin"
    judged: list[tuple[float, float, Matrix, int]] = []
    # Points are surer than shades, and quicker: shades are tried where points fail.
    for lay in (_by_points, _by_sliding):
        with contextlib.suppress(cv2.error):  # ECC raises where it does not converge
            found = lay(first, first_body, second, second_body)
            if found is not None:
                overlap, likeness = _fit(found[0], first, first_body, second, second_body)
                judged.append((overlap, likeness, *found))
                if overlap >= LEAST_OVERLAP and likeness >= LEAST_LIKENESS:
                    break
    if not judged:
        return "too few points of the skin are the same"
    overlap, likeness, matrix, points = judged[-1]
    if overlap < LEAST_OVERLAP:
        return f"their outlines share only {100 * overlap:.0f} %"
    if likeness < LEAST_LIKENESS:
        return f"the skin looks too different (likeness {likeness:.2f})"
    to_small, from_small = np.diag([first_scale, first_scale, 1.0]), np.diag([1 / second_scale, 1 / second_scale, 1.0])
    return Registration(from_small @ matrix @ to_small, min(overlap, likeness), points)


def _reduced(pixels: Pixels, labels: Labels) -> tuple[Pixels, Mask, float]:
    """Grey picture with even contrast, silhouette, and the scale of both."""
    scale = min(1.0, _LONG_SIDE / max(labels.shape))
    size = max(1, round(labels.shape[1] * scale)), max(1, round(labels.shape[0] * scale))
    small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    # Green shows skin best: blood absorbs it.
    grey = cv2.createCLAHE(2.0, (8, 8)).apply(np.ascontiguousarray(small[..., 1]))
    body = (labels != Tissue.BACKGROUND).astype(np.uint8)
    return np.asarray(grey), np.asarray(cv2.resize(body, size, interpolation=cv2.INTER_NEAREST_EXACT)) > 0, scale


def _by_points(first: Pixels, first_body: Mask, second: Pixels, second_body: Mask) -> tuple[Matrix, int] | None:
    cv2.setRNGSeed(0)  # the same photographs give the same proposal
    finder = cv2.SIFT.create(nfeatures=4000, contrastThreshold=0.02)
    # Points on the sheet beside the patient match well and mean nothing.
    points_a, described_a = finder.detectAndCompute(first, first_body.astype(np.uint8) * 255)
    points_b, described_b = finder.detectAndCompute(second, second_body.astype(np.uint8) * 255)
    if len(points_a) < FEWEST_POINTS or len(points_b) < FEWEST_POINTS:
        return None
    pairs = cv2.BFMatcher(cv2.NORM_L2).knnMatch(described_a, described_b, k=2)
    good = [pair[0] for pair in pairs if len(pair) == 2 and pair[0].distance < _RATIO * pair[1].distance]
    if len(good) < FEWEST_POINTS:
        return None
    source = np.array([points_a[match.queryIdx].pt for match in good])
    target = np.array([points_b[match.trainIdx].pt for match in good])
    matrix, agree = cv2.findHomography(source, target, cv2.RANSAC, _WITHIN, maxIters=5000, confidence=0.999)
    if matrix is None or int(agree.sum()) < FEWEST_POINTS or not _plausible(matrix, second.shape):
        return None
    return np.asarray(matrix, np.float64), int(agree.sum())


def _by_sliding(first: Pixels, first_body: Mask, second: Pixels, second_body: Mask) -> tuple[Matrix, int]:
    """Affine map found by ECC, begun where the middles of the silhouettes meet."""
    middle_a, middle_b = (np.argwhere(body).mean(axis=0)[::-1] for body in (first_body, second_body))
    size = float(np.sqrt(second_body.mean() * second_body.size / (first_body.mean() * first_body.size)))
    start = np.array([[size, 0, 0], [0, size, 0]], np.float32)
    start[:, 2] = middle_b - size * middle_a
    inverse = np.linalg.inv(np.vstack([start, [0, 0, 1]]))[:2].astype(np.float32)
    pictures = [np.where(body, grey, np.uint8(0)) for grey, body in ((second, second_body), (first, first_body))]
    stop = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 60, 1e-4)
    _, back = cv2.findTransformECC(pictures[0], pictures[1], inverse, cv2.MOTION_AFFINE, stop, None, 5)
    return np.asarray(np.linalg.inv(np.vstack([back, [0, 0, 1]])), np.float64), 0


def _plausible(matrix: Matrix, shape: tuple[int, ...]) -> bool:
    """Whether a homography neither mirrors nor stretches the frame beyond what another stand of the camera explains."""
    height, width = shape[:2]
    corners = np.array([[[0, 0], [width, 0], [width, height], [0, height]]], np.float64)
    moved = cv2.perspectiveTransform(corners, matrix)[0]
    if not np.isfinite(moved).all() or not cv2.isContourConvex(moved.astype(np.float32)):
        return False
    share = float(cv2.contourArea(moved.astype(np.float32), oriented=True)) / (height * width)
    return 1 / _LARGEST_STRETCH**2 < share < _LARGEST_STRETCH**2


def _fit(matrix: Matrix, first: Pixels, first_body: Mask, second: Pixels, second_body: Mask) -> tuple[float, float]:
    """Shared part of the silhouettes, and correlation of the pictures on it, of the part that both frames show."""
    height, width = second.shape
    moved = cv2.warpPerspective(first, matrix, (width, height))
    body = cv2.warpPerspective(first_body.astype(np.uint8), matrix, (width, height), flags=cv2.INTER_NEAREST) > 0
    frame = cv2.warpPerspective(np.ones(first.shape, np.uint8), matrix, (width, height), flags=cv2.INTER_NEAREST) > 0
    shared, either = body & second_body, (body | second_body) & frame
    overlap = float(np.count_nonzero(shared)) / max(int(np.count_nonzero(either)), 1)
    # A frame that covers only a corner of the body fits anything.
    overlap *= min(1.0, float(np.count_nonzero(second_body & frame)) / max(0.5 * np.count_nonzero(second_body), 1))
    if np.count_nonzero(shared) < 100:
        return overlap, 0.0
    # Shade from lamp to lamp is taken off: only what the skin itself shows is compared.
    fine = [
        picture.astype(np.float32) - cv2.GaussianBlur(picture.astype(np.float32), (0, 0), 20)
        for picture in (moved, second)
    ]
    a, b = fine[0][shared], fine[1][shared]
    spread = float(a.std() * b.std())
    likeness = float(((a - a.mean()) * (b - b.mean())).mean()) / spread if spread > 0 else 0.0
    return overlap, likeness
