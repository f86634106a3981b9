"""Single hairs over the picture: locks across the hairline, hair on limbs and chest."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from bsa_measure.chart import load_chart
from bsa_measure.tissue import Tissue

from .body import Body, face_areas, vertex_normals
from .raster import Buffers, Camera
from .skin import Complexion, Traits

Image = NDArray[np.float32]

# How hairy each part of a body is, 0 to 1.
_HAIRY = {"leg": 1.0, "thigh": 0.6, "forearm": 0.8, "trunk-anterior": 0.5, "upper-arm": 0.25}
_SHADES = 3


def draw_hairs(
    light: Image,
    tissue: NDArray[np.uint8],
    buffers: Buffers,
    body: Body,
    traits: Traits,
    complexion: Complexion,
    camera: Camera,
    rng: Generator,
) -> Image:
    """Draw hairs into ``light`` (height, width, 3), in place; return (height, width) how much scalp hair covers."""
    covered = np.zeros(tissue.shape, np.float32)
    area = face_areas(body.vertices, body.faces)
    normals = vertex_normals(body.vertices, body.faces)
    if complexion.hair_length > 0:
        scalp = traits.scalp[body.faces].mean(axis=1)
        edge = np.clip(1 - np.abs(scalp - 0.42) / 0.35, 0, 1)
        number = int(9e4 * float((area * edge).sum() + 0.15 * area[scalp > 0.5].sum()))
        chance = area * (edge + 0.15 * (scalp > 0.5))
        length = 0.5 * complexion.hair_length + 0.008
        for _ in range(_SHADES):
            ink = _strokes(body, normals, chance, number // _SHADES, length, 0.8, buffers, camera, rng)
            color = np.array(complexion.hair) * rng.uniform(0.5, 1.9)
            near = cv2.GaussianBlur(light.mean(axis=2), (0, 0), 6)[..., None]
            light[:] = light * (1 - ink[..., None]) + ink[..., None] * color.astype(np.float32) * (0.35 + near)
            covered = np.maximum(covered, ink)
        covered = cv2.GaussianBlur(covered, (0, 0), 0.8)
    if complexion.body_hair > 0.05:
        names = ("", *load_chart("lund-browder").surfaces)
        share = np.array([max((v for k, v in _HAIRY.items() if n.startswith(k)), default=0.0) for n in names])
        chance = area * share[body.surface]
        number = int(3.2e4 * complexion.body_hair * float(chance.sum()))
        ink = _strokes(body, normals, chance, number, 0.011, 0.55, buffers, camera, rng)
        ink *= np.isin(tissue, (Tissue.INTACT, Tissue.REEPITHELIALISED)) * (0.35 + 0.45 * complexion.body_hair)
        light *= 1 - ink[..., None] * (1 - np.minimum(np.array(complexion.hair, np.float32), 0.25))
    return covered


def _strokes(
    body: Body,
    normals: NDArray[np.float64],
    chance: NDArray[np.float64],
    number: int,
    length: float,
    strength: float,
    buffers: Buffers,
    camera: Camera,
    rng: Generator,
) -> Image:
    """(height, width) 0 to 1: curved hairs that grow downward from faces drawn with ``chance`` (F,)."""
    height, width = buffers.face.shape
    ink = np.zeros((height, width), np.uint8)
    total = float(chance.sum())
    if number < 1 or total <= 0:
        return ink.astype(np.float32)
    number = min(number, 30_000)
    face = np.searchsorted(np.cumsum(chance) / total, rng.random(number))
    face = np.minimum(face, len(chance) - 1)
    corners = body.faces[face]
    weights = rng.dirichlet((1.0, 1.0, 1.0), number)
    root = np.einsum("nk,nkd->nd", weights, body.vertices[corners])
    out = normals[corners[:, 0]]
    head = body.joints["neck"] - body.joints["pelvis"]
    down = -head / np.linalg.norm(head) + rng.normal(0, 0.45, (number, 3))
    along = down - out * (down * out).sum(axis=1, keepdims=True)
    along /= np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-9)
    reach = length * rng.uniform(0.4, 1.2, (number, 1))
    curl = np.cross(out, along) * rng.normal(0, 0.25, (number, 1))
    steps = [root + reach * (t * along + t * t * curl + 0.25 * t * out) for t in (0.0, 0.33, 0.67, 1.0)]
    seen = [camera.project(step) for step in steps]
    column, row = seen[0][:, 0].astype(int), seen[0][:, 1].astype(int)
    inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
    depth = buffers.depth[np.clip(row, 0, height - 1), np.clip(column, 0, width - 1)]
    facing = ((camera.eye - root) * out).sum(axis=1) > 0
    kept = np.flatnonzero(inside & facing & (np.abs(depth - seen[0][:, 2]) < 0.02) & (seen[0][:, 2] > 0.05))
    lines = np.stack([np.round(step[kept, :2] * 16) for step in seen], axis=1).astype(np.int32)
    # A hair is thinner than a pixel: it darkens by the share of the pixel that it covers.
    pixel = float(np.median(seen[0][kept, 2])) / camera.focal if len(kept) else 1.0
    shade = int(255 * strength * np.clip(0.00016 / pixel, 0.12, 1.0))
    for line in lines:
        cv2.polylines(ink, [line], False, shade, 1, cv2.LINE_AA, 4)
    return ink.astype(np.float32) / np.float32(255)
