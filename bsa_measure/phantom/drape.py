"""The sheet that a nurse lays over everything that a photograph is not about, as the standard views ask for."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from .light import Lighting
from .noise import crumpled, fbm
from .raster import Buffers, Camera

Image = NDArray[np.float32]

_LINEN = ((0.80, 0.80, 0.80), (0.72, 0.75, 0.80), (0.42, 0.58, 0.70), (0.36, 0.55, 0.48), (0.62, 0.70, 0.76))
# Less than this share of the picture is not worth a sheet.
_LITTLE = 0.004


def drape(
    light: Image,
    own: NDArray[np.bool_],
    other: NDArray[np.bool_],
    buffers: Buffers,
    camera: Camera,
    lighting: Lighting,
    rng: Generator,
) -> NDArray[np.bool_]:
    """Draw a sheet over the rest of the body into ``light`` (height, width, 3), in place.

    Args:
        own: (height, width) the part that the photograph is about; stays free but for the hem's unevenness.
        other: (height, width) the rest of the body with its clothes.

    Returns:
        (height, width) where the sheet lies.
    """
    nothing = np.zeros(own.shape, np.bool_)
    if not own.any() or other.mean() < _LITTLE:
        return nothing
    metre = camera.focal / float(np.median(buffers.depth[own]))
    height, width = own.shape
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32) / np.float32(metre)
    flat = np.stack([columns.ravel(), rows.ravel(), np.zeros(own.size, np.float32)], axis=1)
    seed = int(rng.integers(1 << 29))
    wavy = fbm(flat, 4, 3, seed).reshape(own.shape)

    # Narrow strips of the far side of the same limb are left alone.
    body = cv2.morphologyEx(other.astype(np.uint8), cv2.MORPH_OPEN, _disc(0.03 * metre)) > 0
    over = _blown_up(body, 0.30 * metre, 0.05 * metre) > 0.5 + 0.2 * wavy
    hem = cv2.GaussianBlur(own.astype(np.float32), (0, 0), max(0.5, 0.006 * metre)) > 0.45 + 0.20 * wavy
    # Where the part borders on the bed, the sheet keeps some distance.
    beside = cv2.dilate(own.astype(np.uint8), _disc(0.035 * metre)) > 0
    near_body = cv2.dilate(body.astype(np.uint8), _disc(0.012 * metre)) > 0
    sheet = over & ~hem & (near_body | ~beside)
    sheet = cv2.GaussianBlur(sheet.astype(np.float32), (0, 0), max(0.5, 0.003 * metre)) > 0.5
    sheet &= ~hem
    if not sheet.any():
        return nothing

    # Cloth rounds off what lies under it and falls into folds.
    deepest = float(buffers.depth.max())
    risen = np.where(buffers.depth > 0, deepest - buffers.depth, 0).astype(np.float32)
    risen = cv2.GaussianBlur(np.minimum(risen, 0.35), (0, 0), 0.022 * metre)
    turn = rng.uniform(0, np.pi)
    along = flat @ np.array([[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0], [0, 0, 1]], np.float32)
    bent = along + 0.03 * np.stack([fbm(flat, 6, 2, seed + k) for k in (1, 2, 3)], axis=1)
    heavy = fbm((bent * np.array([1.0, 0.3, 1.0], np.float32)).astype(np.float32), 11, 3, seed + 4, ridged=True)
    small = fbm(bent.astype(np.float32), 40, 2, seed + 5)
    sharp = crumpled(bent.astype(np.float32), 8.0, seed + 6)
    folds = (0.009 * heavy + 0.0012 * small + 0.010 * sharp).reshape(own.shape)
    # The hem lies up: its rim catches the light.
    rim = cv2.GaussianBlur(sheet.astype(np.float32), (0, 0), max(0.6, 0.004 * metre))
    relief = risen + cv2.GaussianBlur(folds, (0, 0), 0.7) + 0.006 * rim
    dx, dy = np.gradient(relief, axis=1) * metre, np.gradient(relief, axis=0) * metre
    normal = np.stack([-dx, -dy, -np.ones_like(dx)], axis=2)
    normal /= np.linalg.norm(normal, axis=2, keepdims=True)

    color = np.array(_LINEN[int(rng.integers(len(_LINEN)))], np.float32) * np.float32(rng.uniform(0.85, 1.05))
    arriving = np.broadcast_to(np.array(lighting.ambient, np.float32) * 0.85, light.shape).copy()
    for lamp in lighting.lamps:
        towards = camera.axes @ np.array(lamp.towards)
        cosine = np.clip((normal @ towards.astype(np.float32) + 0.1) / 1.1, 0, None)
        arriving += cosine[..., None] * np.array(lamp.color, np.float32)
    if lighting.flash > 0:
        arriving += (lighting.flash * np.clip(-normal[..., 2], 0, None) * 0.9)[..., None]
    soft = cv2.GaussianBlur(sheet.astype(np.float32), (0, 0), max(0.6, 0.008 * metre))
    light *= 1 - 0.45 * (soft * ~sheet)[..., None]
    light[sheet] = (arriving * color)[sheet]
    return np.asarray(sheet)


def _disc(radius: float) -> NDArray[np.uint8]:
    size = max(3, int(radius)) | 1
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size)), np.uint8)


def _blown_up(mask: NDArray[np.bool_], gap: float, margin: float) -> Image:
    """A mask (height, width) with gaps closed and a margin added, 0 to 1 with soft edges; pixels."""
    height, width = mask.shape
    small = cv2.resize(mask.astype(np.uint8), (width // 4, height // 4), interpolation=cv2.INTER_NEAREST)
    pad = int(gap / 4) + 2
    small = cv2.copyMakeBorder(small, pad, pad, pad, pad, cv2.BORDER_REPLICATE)
    small = cv2.morphologyEx(small, cv2.MORPH_CLOSE, _disc(gap / 4))
    small = cv2.dilate(small, _disc(margin / 2))[pad:-pad, pad:-pad]
    soft = cv2.GaussianBlur(small.astype(np.float32), (0, 0), max(0.5, 1.1 * margin / 4))
    return np.asarray(cv2.resize(soft, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)
