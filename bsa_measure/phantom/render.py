"""One photograph before the camera's electronics: linear light, and what is true of every pixel."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from bsa_measure.tissue import Tissue

from .body import Body
from .disease import Disease
from .drape import drape
from .figure import CLOTH, GLOVE, HAIR, SKIN, Figure
from .hair import draw_hairs
from .lesion_look import paint
from .light import Lighting, Shadows, cast_shadows, glossy, lit_share
from .noise import fbm
from .raster import Buffers, Camera, rasterize
from .room import Room, paint_room
from .skin import Complexion, Look, Traits, healthy_skin

Floats = NDArray[np.float64]
Image = NDArray[np.float32]


@dataclass
class Exposure:
    """What reaches the sensor, and the truth.

    Attributes:
        light: (height, width, 3) float32 linear RGB; 1 is white paper in the key light.
        tissue: (height, width) uint8 tissue classes.
        surface: (height, width) uint8, 0 none, n = n-th chart surface.
        shine: (height, width) float32, the part of the luminance that is gloss.
        depth: (height, width) float32 metres, 0 beside the patient.
    """

    light: Image
    tissue: NDArray[np.uint8]
    surface: NDArray[np.uint8]
    shine: Image
    depth: Image


def _rest_of_the_body(own: NDArray[np.bool_], buffers: Buffers, figure: Figure, hair_is_own: bool) -> NDArray[np.bool_]:
    """(height, width) the patient's skin, hair and clothes that the photograph is not about."""
    kind = figure.material[np.maximum(buffers.face, 0)]
    helper = buffers.face >= figure.own_faces
    return np.asarray((buffers.face >= 0) & ~own & ~helper & ~(hair_is_own & (kind == HAIR)))


def expose(
    body: Body,
    figure: Figure,
    traits: Traits,
    complexion: Complexion,
    disease: Disease,
    day: int,
    camera: Camera,
    lighting: Lighting,
    room: Room,
    bared: tuple[int, ...],
    rng: Generator,
) -> Exposure:
    """Render one photograph.

    Args:
        bared: numbers of the chart surfaces that stay free of the sheet over the rest; empty for no sheet.
        rng: decides where soft light is sampled, where hairs grow and how cloth falls.
    """
    buffers = rasterize(figure.vertices, figure.faces, camera)
    seed = int(rng.integers(1 << 30))
    shadows = cast_shadows(figure.vertices, figure.faces, lighting, rng)
    shown = buffers.face >= 0
    height, width = shown.shape
    cover = cv2.GaussianBlur(shown.astype(np.float32), (0, 0), width / 28)
    light = paint_room(room, camera, lighting, shadows, cover)

    pixels = np.flatnonzero(shown)
    face = buffers.face.ravel()[pixels]
    corners = figure.faces[face]
    weights = buffers.weights.reshape(-1, 2)[pixels]
    weights = np.column_stack([weights, 1 - weights.sum(axis=1)]).astype(np.float32)
    material = figure.material[face]
    place = _at(figure.vertices.astype(np.float32), corners, weights)
    normal = _unit(_at(figure.normals.astype(np.float32), corners, weights))
    opened = _at(figure.open[:, None], corners, weights)[:, 0]

    tissue = np.zeros(height * width, np.uint8)
    surface = np.zeros(height * width, np.uint8)
    look = Look(
        np.full((len(pixels), 3), 0.5, np.float32),
        np.full(len(pixels), 0.8, np.float32),
        np.full(len(pixels), 0.1, np.float32),
        np.zeros(len(pixels), np.float32),
    )
    on_skin = np.flatnonzero(material == SKIN)
    if len(on_skin):
        found, numbers = _skin(body, traits, complexion, disease, day, face[on_skin], weights[on_skin], look, on_skin)
        tissue[pixels[on_skin]] = found
        surface[pixels[on_skin]] = numbers
    on_hair, on_cloth = np.flatnonzero(material == HAIR), np.flatnonzero(material == CLOTH)
    if len(on_hair):
        _hair(place[on_hair], look, on_hair, complexion, seed)
    if len(on_cloth):
        _cloth(place[on_cloth], look, on_cloth, seed)

    on_glove = np.flatnonzero(material == GLOVE)
    if len(on_glove):
        _glove(place[on_glove], look, on_glove, seed)

    relief = np.zeros(height * width, np.float32)
    relief[pixels] = look.height
    bent = _bend(normal, place, pixels, relief.reshape(height, width), buffers, material)
    color, shine = _shade(look, bent, normal, place, opened, camera, lighting, shadows, room)
    color = _scatter(color, look.albedo, pixels, (height, width), camera, float(np.median(buffers.depth[shown])))
    flat = light.reshape(-1, 3)
    flat[pixels] = color + shine
    hairy = draw_hairs(light, tissue.reshape(height, width), buffers, body, traits, complexion, camera, rng)
    hidden = hairy.ravel() > 0.5
    gloss = np.zeros(height * width, np.float32)
    gloss[pixels] = shine @ np.array([0.2126, 0.7152, 0.0722], np.float32)
    if bared:
        own = np.isin(surface, bared).reshape(height, width)
        other = _rest_of_the_body(own, buffers, figure, hair_is_own=1 in bared or 2 in bared)
        sheet = drape(light, own, other, buffers, camera, lighting, rng).ravel()
        hidden |= sheet
        gloss[sheet] = 0
    tissue[hidden] = Tissue.BACKGROUND
    surface[hidden] = 0
    return Exposure(
        light,
        tissue.reshape(height, width),
        surface.reshape(height, width),
        gloss.reshape(height, width),
        buffers.depth,
    )


def _at(values: Image, corners: NDArray[np.int32], weights: Image) -> Image:
    """Values of vertices (V, K) at points (N, K) inside faces."""
    out = values[corners[:, 0]] * weights[:, :1]
    out += values[corners[:, 1]] * weights[:, 1:2]
    out += values[corners[:, 2]] * weights[:, 2:3]
    return out


def _unit(vectors: Image) -> Image:
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9))


def _skin(
    body: Body,
    traits: Traits,
    complexion: Complexion,
    disease: Disease,
    day: int,
    face: NDArray[np.int32],
    weights: Image,
    look: Look,
    index: NDArray[np.intp],
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Fill ``look`` at ``index``; return the visible class and the chart surface of each skin pixel."""
    corners = body.faces[face]
    rest = _at(body.rest.astype(np.float32), corners, weights)
    names = list(Traits.__dataclass_fields__)
    carried = np.column_stack([getattr(traits, name) for name in names] + [disease.readiness])
    values = _at(carried, corners, weights)
    local = Traits(**{name: np.ascontiguousarray(values[:, k]) for k, name in enumerate(names)})
    skin = healthy_skin(rest, local, complexion)
    _stubble(rest, local, complexion, skin)
    findings = disease.findings(rest, np.ascontiguousarray(values[:, -1]), day)
    paint(rest, findings, skin, disease.style, complexion, disease.covers)
    numbers = body.surface[face]
    eye = numbers == 0
    _eyes(rest[eye], body, skin, np.flatnonzero(eye))
    look.albedo[index], look.roughness[index] = skin.albedo, skin.roughness
    look.gloss[index], look.height[index] = skin.gloss, skin.height
    return np.where(eye, np.uint8(Tissue.BACKGROUND), findings.visible), numbers


# Brows and lashes grey later than the scalp.
_DARKEST_BROW = (0.11, 0.085, 0.065)


def _stubble(rest: Image, local: Traits, complexion: Complexion, skin: Look) -> None:
    """Shaved scalp and eyebrows: hair too short to be a surface of its own."""
    share = 0.8 * np.clip(local.brow * 1.5, 0, 1)
    if complexion.hair_length == 0:
        share = np.maximum(share, 0.55 * np.clip((local.scalp - 0.3) * 2.5, 0, 1))
    strands = fbm(rest * np.array([1.0, 1.0, 0.35], np.float32), 900, 2, complexion.seed + 20)
    share = np.clip(share * (0.9 + 0.9 * strands), 0, 0.95)[:, None]
    skin.albedo[:] = (
        skin.albedo * (1 - share) + np.minimum(np.array(complexion.hair), _DARKEST_BROW).astype(np.float32) * share
    )


def _eyes(rest: Image, body: Body, skin: Look, index: NDArray[np.intp]) -> None:
    for side in ("left", "right"):
        center = body.landmarks[f"eye-{side}"].astype(np.float32)
        gap = np.linalg.norm(rest - center, axis=1)
        near = gap < 0.025
        where = index[near]
        dark = (gap[near] < 0.006)[:, None]
        skin.albedo[where] = np.where(dark, [0.05, 0.035, 0.025], [0.55, 0.47, 0.45])
        skin.roughness[where], skin.gloss[where] = 0.12, 1.0


def _hair(place: Image, look: Look, index: NDArray[np.intp], complexion: Complexion, seed: int) -> None:
    strands = fbm(place * np.array([1.0, 1.0, 0.16], np.float32), 420, 3, seed + 31, gain=0.7)
    locks = fbm(place, 45, 3, seed + 32)
    shades = np.clip(1 + 0.7 * strands + 0.4 * locks, 0.2, 2)
    look.albedo[index] = np.outer(shades, np.array(complexion.hair, np.float32))
    look.roughness[index] = 0.45 + 0.1 * strands
    look.gloss[index] = 0.5
    look.height[index] = 0.0012 * strands + 0.003 * locks


_GLOVES = ((0.07, 0.14, 0.36), (0.15, 0.10, 0.32), (0.62, 0.60, 0.55), (0.03, 0.03, 0.035), (0.10, 0.28, 0.33))


def _glove(place: Image, look: Look, index: NDArray[np.intp], seed: int) -> None:
    color = np.array(_GLOVES[seed % len(_GLOVES)], np.float32)
    creases = fbm(place, 60, 3, seed + 41, ridged=True)
    look.albedo[index] = color * (1 + 0.1 * (creases - 0.5))[:, None]
    look.roughness[index] = 0.36
    look.gloss[index] = 0.6
    look.height[index] = 0.0012 * creases


_FABRICS = ((0.75, 0.77, 0.80), (0.40, 0.55, 0.68), (0.55, 0.68, 0.60), (0.13, 0.16, 0.22), (0.70, 0.60, 0.62))


def _cloth(place: Image, look: Look, index: NDArray[np.intp], seed: int) -> None:
    rng = np.random.default_rng(seed)
    chosen = np.array(_FABRICS[int(rng.integers(len(_FABRICS)))], np.float32)
    folds = fbm(place * np.array([1.6, 1.6, 0.6], np.float32), 16, 3, seed + 33, ridged=True)
    weave = fbm(place, 700, 1, seed + 34)
    dots = np.zeros(len(place), np.float32)
    if rng.random() < 0.5:  # a gown's small print
        grid = np.sin(place[:, 0] * 2 * np.pi / 0.024) * np.sin(place[:, 2] * 2 * np.pi / 0.024 + place[:, 1] * 120)
        dots = (grid > 0.78).astype(np.float32)
    look.albedo[index] = chosen * ((1 + 0.07 * weave) * (1 - 0.45 * dots))[:, None]
    look.roughness[index] = 0.92
    look.gloss[index] = 0.05
    look.height[index] = 0.006 * folds


def _bend(
    normal: Image, place: Image, pixels: NDArray[np.intp], relief: Image, buffers: Buffers, material: NDArray[np.uint8]
) -> Image:
    """Normals (N, 3) bent by the relief, from differences between neighbouring pixels (Mikkelsen 2010)."""
    height, width = relief.shape
    grid = np.zeros((height * width, 3), np.float32)
    grid[pixels] = place
    grid = grid.reshape(height, width, 3)
    kind = np.full(height * width, 255, np.uint8)
    kind[pixels] = material
    kind = kind.reshape(height, width)
    row, column = np.divmod(pixels, width)
    left, right = np.maximum(column - 1, 0), np.minimum(column + 1, width - 1)
    above, below = np.maximum(row - 1, 0), np.minimum(row + 1, height - 1)
    px, py = grid[row, right] - grid[row, left], grid[below, column] - grid[above, column]
    hx, hy = relief[row, right] - relief[row, left], relief[below, column] - relief[above, column]
    across, down = np.cross(py, normal), np.cross(normal, px)
    det = (px * across).sum(axis=1)
    slope = np.sign(det)[:, None] * (hx[:, None] * across + hy[:, None] * down)
    bent = _unit(np.abs(det)[:, None] * normal - slope)
    same = (kind[row, left] == material) & (kind[row, right] == material)
    same &= (kind[above, column] == material) & (kind[below, column] == material)
    depth = buffers.depth
    jump = np.maximum(np.abs(depth[row, right] - depth[row, left]), np.abs(depth[below, column] - depth[above, column]))
    good = same & (jump < 0.02) & (np.abs(det) > 1e-12)
    return np.where(good[:, None], bent, normal)


def _shade(
    look: Look,
    bent: Image,
    normal: Image,
    place: Image,
    opened: Image,
    camera: Camera,
    lighting: Lighting,
    shadows: Shadows,
    room: Room,
) -> tuple[Image, Image]:
    """Diffuse irradiance (N, 3) and gloss (N, 3)."""
    to_eye = _unit(camera.eye.astype(np.float32) - place)
    irradiance = opened[:, None] * np.array(lighting.ambient, np.float32)
    # Light that skin throws on skin is red, where the room's light does not reach.
    bounce = (1 - opened) * opened
    irradiance = irradiance + bounce[:, None] * look.albedo.mean() * np.array([0.55, 0.30, 0.24], np.float32)
    # Sheets and walls throw light on what turns away from the camera.
    behind = np.clip(0.8 - (normal * to_eye).sum(axis=1), 0, 1) * opened
    lamps = np.sum([lamp.color for lamp in lighting.lamps], axis=0) + lighting.ambient
    irradiance = irradiance + behind[:, None] * (0.35 * lamps * np.array(room.color)).astype(np.float32)
    shine = np.zeros_like(irradiance)
    wrap = np.array([0.16, 0.06, 0.03], np.float32)
    for number, lamp in enumerate(lighting.lamps):
        towards = np.array(lamp.towards, np.float32)
        color = np.array(lamp.color, np.float32)
        # Points move out by a little so that the mesh does not shade itself.
        visible = lit_share(shadows, number, place + 0.004 * normal)
        cosine = bent @ towards
        irradiance += color * visible[:, None] * np.clip((cosine[:, None] + wrap) / (1 + wrap), 0, None)
        _, gloss = glossy(bent, to_eye, towards, look.roughness, lamp.spread)
        shine += (gloss * look.gloss * visible)[:, None] * color
    if lighting.flash > 0:
        cosine, gloss = glossy(bent, to_eye, to_eye, look.roughness, 0.02)
        distance = np.linalg.norm(camera.eye.astype(np.float32) - place, axis=1)
        fall = lighting.flash * (np.median(distance) / distance) ** 2
        irradiance += (fall * cosine)[:, None]
        shine += (fall * gloss * look.gloss)[:, None]
    # What the room mirrors in wet skin, strongest at grazing angles.
    grazing = 0.03 + 0.5 * (1 - np.clip((bent * to_eye).sum(axis=1), 0, 1)) ** 5
    mirrored = (opened * grazing * look.gloss * np.clip(1 - look.roughness, 0, 1))[:, None]
    shine += mirrored * np.array(lighting.ambient, np.float32)
    return irradiance.astype(np.float32), np.minimum(shine, 3.0).astype(np.float32)


def _scatter(
    irradiance: Image, albedo: Image, pixels: NDArray[np.intp], shape: tuple[int, int], camera: Camera, distance: float
) -> Image:
    """Light that spreads inside the skin before it leaves: most in red. Returns the outgoing diffuse light (N, 3)."""
    millimetre = camera.focal / distance / 1000
    height, width = shape
    share = np.zeros(height * width, np.float32)
    share[pixels] = 1
    out = np.empty_like(irradiance)
    for channel, reach in enumerate((1.5, 0.6, 0.35)):
        sigma = reach * millimetre
        if sigma < 0.35:
            out[:, channel] = irradiance[:, channel]
            continue
        plane = np.zeros(height * width, np.float32)
        plane[pixels] = irradiance[:, channel]
        top = cv2.GaussianBlur(plane.reshape(shape), (0, 0), sigma).ravel()[pixels]
        bottom = cv2.GaussianBlur(share.reshape(shape), (0, 0), sigma).ravel()[pixels]
        out[:, channel] = top / np.maximum(bottom, 1e-3)
    return out * albedo
