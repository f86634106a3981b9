"""What lies behind the patient: a bed with a sheet, a drape or a wall with the clutter of a ward."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from .light import Lighting, Shadows, lit_share
from .noise import crumpled, fbm, smoothstep
from .raster import Camera

Floats = NDArray[np.float64]
Image = NDArray[np.float32]

_SHEETS = ((0.80, 0.80, 0.80), (0.74, 0.76, 0.80), (0.80, 0.77, 0.70), (0.42, 0.58, 0.70), (0.36, 0.55, 0.48),
           (0.62, 0.70, 0.76), (0.20, 0.34, 0.48))  # fmt: skip
_WALLS = ((0.62, 0.60, 0.55), (0.55, 0.60, 0.58), (0.68, 0.66, 0.64), (0.40, 0.42, 0.45), (0.16, 0.15, 0.15),
          (0.50, 0.42, 0.33))  # fmt: skip


@dataclass(frozen=True)
class Room:
    """The surroundings of one photograph.

    Attributes:
        normal, point: (3,) of the plane right behind the patient: the bed, or a wall or drape.
        sheet: whether that plane is cloth.
        color: (3,) linear RGB of it.
        half_width: metres from the middle to the bed's edge; beyond lies the room.
        beyond: (3,) linear RGB of the room.
        folds: depth of the sheet's folds, 0 to 1.
        open: whether there is no wall or drape behind the patient but the ward.
        pad: whether a paper pad lies on the sheet.
        seed: of the patterns.
    """

    normal: Floats
    point: Floats
    sheet: bool
    color: tuple[float, float, float]
    half_width: float
    beyond: tuple[float, float, float]
    folds: float
    open: bool
    pad: bool
    seed: int


def draw_room(rng: Generator, camera: Camera, vertices: Floats, lying: bool, framed: Floats) -> Room:
    """Bed under a lying patient; wall, curtain or drape behind a standing one.

    Args:
        vertices: (V, 3) of the whole body.
        framed: (n, 3) of the part that is photographed.
    """
    forward = camera.axes[2]
    middle = framed.mean(axis=0)
    if lying and forward[2] < -0.5:
        normal, point = np.array([0.0, 0.0, 1.0]), np.array([middle[0] * 0.3, middle[1], 0.0])
        sheet = True
    else:
        normal = -forward.copy()
        furthest = float(((framed - camera.eye) @ forward).max())
        point = camera.eye + forward * (furthest + float(rng.choice([0.04, 0.25, 1.2], p=[0.45, 0.2, 0.35])))
        sheet = bool(rng.random() < 0.55)
    palette = _SHEETS if sheet else _WALLS
    color = np.array(palette[int(rng.integers(len(palette)))]) * rng.uniform(0.85, 1.05)
    beyond = np.array(_WALLS[int(rng.integers(len(_WALLS)))]) * rng.uniform(0.25, 0.8)
    return Room(
        normal,
        point,
        sheet,
        tuple(color.tolist()),
        float(rng.uniform(0.38, 0.55)),
        tuple(beyond.tolist()),
        float(rng.uniform(0.3, 1.0)),
        bool(not sheet and rng.random() < 0.6),
        bool(sheet and rng.random() < 0.35),
        int(rng.integers(1 << 30)),
    )


def paint_room(room: Room, camera: Camera, lighting: Lighting, shadows: Shadows, body_blur: Image) -> Image:
    """Linear RGB (height, width, 3) of the surroundings as if the patient cast shadows but were not in the way.

    Args:
        body_blur: (height, width) how much of the near surroundings is body; darkens the room's light.
    """
    small = Camera(camera.eye, camera.axes, camera.focal / 2, camera.width // 2, camera.height // 2,
                   (camera.center[0] / 2, camera.center[1] / 2))  # fmt: skip
    rays = small.rays()
    slope = rays @ room.normal.astype(np.float32)
    reach = float((room.point - camera.eye) @ room.normal)
    distance = np.where(slope < -1e-3, reach / np.minimum(slope, -1e-3), 50.0)
    far = (distance <= 0) | (distance > 12)
    distance = np.clip(distance, 0.05, 12).astype(np.float32)
    place = camera.eye.astype(np.float32) + rays * distance[..., None]
    flat = np.ascontiguousarray(place.reshape(-1, 3))
    across = flat - room.point.astype(np.float32)
    shape = distance.shape

    folds = np.zeros(shape, np.float32)
    normal = np.broadcast_to(room.normal.astype(np.float32), (*shape, 3)).copy()
    color = np.broadcast_to(np.array(room.color, np.float32), (*shape, 3)).copy()
    if room.sheet:
        bent = across + 0.10 * np.stack([fbm(across, 3.0, 2, room.seed + k) for k in range(3)], axis=1)
        stretch = np.array([1.0, 0.45, 0.7], np.float32)
        heavy = fbm(bent * stretch, 4.0, 3, room.seed + 5, ridged=True)
        light = fbm(bent * stretch[[1, 0, 2]], 13.0, 3, room.seed + 6, ridged=True)
        sharp = crumpled((bent * stretch).astype(np.float32), 7.0, room.seed + 7)
        folds = (room.folds * (0.012 * heavy + 0.003 * light + 0.013 * sharp)).reshape(shape).astype(np.float32)
        folds = cv2.GaussianBlur(folds, (0, 0), 0.7)
        metre = small.focal / np.maximum(distance, 0.1)
        dx, dy = np.gradient(folds, axis=1) * metre, np.gradient(folds, axis=0) * metre
        normal -= dx[..., None] * camera.axes[0].astype(np.float32) + dy[..., None] * camera.axes[1].astype(np.float32)
        normal /= np.linalg.norm(normal, axis=2, keepdims=True)
        if room.pad:
            local = across + 0.01 * fbm(across, 6, 2, room.seed + 9)[:, None]
            on_pad = (np.abs(local) < np.array([0.34, 0.30, 0.34], np.float32)).all(axis=1).reshape(shape)
            color[on_pad] = color[on_pad] * 0.25 + np.array([0.28, 0.46, 0.62], np.float32) * 0.75
        if room.seed % 3 == 0:
            stains = smoothstep(0.38, 0.6, fbm(across, 6, 4, room.seed + 10)).reshape(*shape, 1)
            color *= (1 - stains * np.array([0.10, 0.25, 0.30])).astype(np.float32)
    else:
        color *= (1 + 0.06 * fbm(across, 2.5, 3, room.seed + 11)).reshape(shape)[..., None]
    on_bed = room.normal[2] > 0.9
    outside = np.abs(across[:, 0]).reshape(shape) > room.half_width if on_bed else far | room.open
    clutter = _clutter(shape, room)
    color[outside] = clutter[outside]

    light_in = np.zeros((*shape, 3), np.float32)
    for number, lamp in enumerate(lighting.lamps):
        cosine = np.clip(normal @ np.array(lamp.towards, np.float32), 0, None)
        # Few points stand for the lamp; further from it their shadows would show as steps.
        visible = cv2.GaussianBlur(lit_share(shadows, number, flat).reshape(shape), (0, 0), shape[1] / 45)
        light_in += (cosine * visible)[..., None] * np.array(lamp.color, np.float32)
    blur = cv2.resize(body_blur, shape[::-1], interpolation=cv2.INTER_AREA)
    light_in += np.array(lighting.ambient, np.float32) * (1 - 0.5 * blur[..., None])
    if lighting.flash > 0:
        # The flash is set for the patient's distance; what is behind gets less, with the square of the distance.
        subject = float(np.linalg.norm(room.point - camera.eye))
        towards = -rays / np.linalg.norm(rays, axis=2, keepdims=True)
        cosine = np.clip((normal * towards).sum(axis=2), 0, None)
        light_in += (lighting.flash * cosine * (subject / (distance + 0.05)) ** 2)[..., None] * 0.9
    out = color * light_in
    soft = cv2.GaussianBlur(out, (0, 0), small.width / 170)
    out = np.where(outside[..., None], soft, out)
    out = cv2.GaussianBlur(out, (0, 0), 0.7)
    return np.asarray(cv2.resize(out, (camera.width, camera.height), interpolation=cv2.INTER_CUBIC).clip(0), np.float32)


def _clutter(shape: tuple[int, int], room: Room) -> Image:
    """Blurred furniture, rails, floor and people in the background (h, w, 3)."""
    rng = np.random.default_rng(room.seed)
    height, width = shape
    picture = np.empty((height, width, 3), np.float32)
    picture[:] = np.array(room.beyond, np.float32)
    picture *= np.linspace(1.1, 0.7, height, dtype=np.float32)[:, None, None]
    for _ in range(int(rng.integers(3, 10))):
        gray = rng.uniform(0.05, 1.0) ** 2 * 0.6
        tint = gray * (1 + rng.normal(0, 0.09, 3))
        x, y = rng.uniform(-0.1, 1, 2) * (width, height)
        w, h = (rng.uniform(0.02, 0.5), rng.uniform(0.02, 0.6)) * np.array([width, height])
        turn = rng.normal(0, 12)
        box = cv2.boxPoints(((float(x), float(y)), (float(w), float(h)), float(turn))).astype(np.int32)
        cv2.fillConvexPoly(picture, box, tuple(float(v) for v in np.clip(tint, 0.01, 0.9)))
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), width / 75), np.float32)
