"""A patient ready to be photographed: the posed body with hair and clothes over it, and what each vertex carries."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from bsa_measure.chart import load_chart

from .body import PARTS, Body, load_body, vertex_normals
from .disease import smooth_over
from .light import openness
from .noise import fbm
from .raster import Camera
from .skin import Complexion, Traits
from .views import surface_numbers

Floats = NDArray[np.float64]

SKIN, HAIR, CLOTH, GLOVE = 0, 1, 2, 3

_EYES = ("eye",)
_FLUSHED = {"head-anterior": 0.8, "neck-anterior": 0.2}
_SWIMWEAR = ("buttock-left", "buttock-right", "genitalia")
_SHIRT = ("trunk-anterior", "trunk-posterior")


@dataclass(frozen=True)
class Figure:
    """Meshes of one photograph, the body's first.

    Attributes:
        vertices: (V, 3) metres, posed.
        faces: (F, 3) int32; the first ``skin_faces`` are the body's own.
        material: (F,) uint8, ``SKIN``, ``HAIR``, ``CLOTH`` or ``GLOVE``.
        normals: (V, 3) smooth.
        open: (V,) share of the room's light that reaches each vertex.
        skin_faces: how many.
        own_faces: how many are the patient's with hair and clothes; the rest is somebody else's.
    """

    vertices: Floats
    faces: NDArray[np.int32]
    material: NDArray[np.uint8]
    normals: Floats
    open: NDArray[np.float32]
    skin_faces: int
    own_faces: int


def body_traits(body: Body) -> Traits:
    """What kind of skin each vertex (V,) is."""

    def part(*names: str, rounds: int = 2) -> NDArray[np.float32]:
        return smooth_over(body, np.isin(body.parts, [PARTS.index(n) for n in names]).astype(float), rounds)

    def surface(*names: str, rounds: int) -> NDArray[np.float32]:
        return smooth_over(body, np.isin(body.surface, surface_numbers(names)).astype(float), rounds)

    flush = sum(value * surface(name, rounds=60) for name, value in _FLUSHED.items())
    for joint in ("knee-left", "knee-right", "elbow-left", "elbow-right"):
        gap = np.linalg.norm(body.rest - body.landmarks[joint], axis=1)
        flush = np.maximum(flush, 0.55 * np.exp(-((gap / 0.045) ** 2)))
    palm = surface(
        "hand-left-palmar", "hand-right-palmar", "foot-left-plantar", "foot-right-plantar", rounds=10
    )  # fmt: skip
    return Traits(
        lips=part("lips"),
        areola=part("areola"),
        nail=part("nail-finger", "nail-toe", rounds=1),
        palm=palm,
        flush=np.asarray(flush, np.float32),
        covered=surface(*_SWIMWEAR, *(_SHIRT if body.sex == "female" else ()), rounds=4),
        scalp=part("scalp", rounds=6),
        brow=part("eyebrow", "lash", rounds=1),
    )


def dress(
    body: Body,
    traits: Traits,
    complexion: Complexion,
    garments: tuple[str, ...],
    seed: int,
    open_skin: NDArray[np.float32] | None = None,
) -> Figure:
    """The body with its hair, and the clothes named, of :data:`GARMENTS`.

    Args:
        open_skin: :func:`openness` of the body's vertices, when it is known already.
    """
    normals = vertex_normals(body.vertices, body.faces)
    opened = openness(body.vertices, body.faces, normals) if open_skin is None else open_skin
    vertices, faces, material = [body.vertices], [body.faces], [np.zeros(len(body.faces), np.uint8)]
    all_normals, all_open = [normals], [opened]
    rest = body.rest.astype(np.float32)

    def add(offset: NDArray[np.floating], kept: Any, kind: int) -> None:
        count = sum(len(v) for v in vertices)
        shell = body.vertices + normals * offset[:, None]
        used, renamed = np.unique(body.faces[kept], return_inverse=True)
        if not len(used):
            return
        renamed = renamed.reshape(-1, 3).astype(np.int32)
        vertices.append(shell[used])
        faces.append(renamed + np.int32(count))
        material.append(np.full(len(renamed), kind, np.uint8))
        all_normals.append(vertex_normals(shell[used], renamed))
        all_open.append(opened[used])

    if complexion.hair_length > 0:
        tufts = 1 + 0.35 * fbm(rest, 28, 3, seed + 1) + 0.25 * fbm(rest, 90, 2, seed + 2)
        offset = complexion.hair_length * np.clip((traits.scalp - 0.30) * 2.2, -0.3, 1) * tufts
        add(offset, (traits.scalp[body.faces] > 0.30).any(axis=1), HAIR)
    for garment in garments:
        inside = _inside(body, garment) + 0.008 * fbm(rest, 9, 2, seed + 3)
        folds = fbm(rest * np.array([1.7, 1.7, 0.8], np.float32), 13, 3, seed + 4)
        # Cloth dives under the skin at its hem, so that the hem is where the two meet.
        offset = np.clip(0.7 * inside, -0.004, 0.010) + 0.007 * folds * np.clip(inside / 0.03, 0, 1)
        add(offset, (inside[body.faces] > -0.02).any(axis=1), CLOTH)
    return Figure(
        np.concatenate(vertices),
        np.concatenate(faces).astype(np.int32),
        np.concatenate(material),
        np.concatenate(all_normals),
        np.concatenate(all_open).astype(np.float32),
        len(body.faces),
        sum(len(part) for part in faces),
    )


def with_helper(figure: Figure, camera: Camera, framed: Floats, rng: Generator) -> Figure:
    """The figure and a gloved hand that reaches into the frame from an edge, as when someone holds a limb or a sheet.

    Args:
        framed: (n, 3) of the part that is photographed.
    """
    if _frame_half(camera, framed).min() < _ROOM_FOR_A_HAND:
        return figure
    helper = load_body("man-25", "standing", 1)
    numbers = surface_numbers(_HELPING)
    kept = np.isin(helper.surface, numbers)
    used, renamed = np.unique(helper.faces[kept], return_inverse=True)
    wrist, elbow = helper.joints["wrist-right"], helper.joints["elbow-right"]
    along = (wrist - elbow) / np.linalg.norm(wrist - elbow)
    side = np.cross(along, [0.0, 1.0, 0.0])
    side /= np.linalg.norm(side)
    own = np.stack([along, side, np.cross(along, side)])
    # Into the picture from a side, turned about its own axis.
    edge = rng.uniform(0, 2 * np.pi)
    inward = -(np.cos(edge) * camera.axes[0] + np.sin(edge) * camera.axes[1]) + rng.normal(0, 0.25, 3)
    inward -= 0.8 * camera.axes[2] * (inward @ camera.axes[2])
    inward /= np.linalg.norm(inward)
    across = np.cross(inward, camera.axes[2] + rng.normal(0, 0.4, 3))
    across /= np.linalg.norm(across)
    wanted = np.stack([inward, across, np.cross(inward, across)])
    depth = float(np.median((framed - camera.eye) @ camera.axes[2])) - rng.uniform(0.04, 0.12)
    half = np.array([camera.width, camera.height]) / 2 / camera.focal * depth
    place = np.array([np.cos(edge), np.sin(edge)]) * half / max(abs(np.cos(edge)), abs(np.sin(edge)))
    # The wrist stays outside the frame, so that only fingers and part of the hand are seen.
    center = camera.eye + depth * camera.axes[2] + place @ camera.axes[:2] - inward * rng.uniform(0.03, 0.11)
    vertices = (helper.vertices[used] - wrist) @ own.T @ wanted * 1.04 + center
    faces = renamed.reshape(-1, 3).astype(np.int32)
    gloved = np.isin(helper.surface[kept], surface_numbers(_HELPING[:2]))
    return Figure(
        np.concatenate([figure.vertices, vertices]),
        np.concatenate([figure.faces, faces + np.int32(len(figure.vertices))]),
        np.concatenate([figure.material, np.where(gloved, GLOVE, CLOTH).astype(np.uint8)]),
        np.concatenate([figure.normals, vertex_normals(vertices, faces)]),
        np.concatenate([figure.open, np.full(len(vertices), 0.85, np.float32)]),
        figure.skin_faces,
        figure.own_faces,
    )


# Metres from the middle of the frame to its nearer edge; in closer photographs a hand would cover the part.
_ROOM_FOR_A_HAND = 0.22


def _frame_half(camera: Camera, framed: Floats) -> Floats:
    depth = float(np.median((framed - camera.eye) @ camera.axes[2]))
    return np.asarray(np.array([camera.width, camera.height]) / 2 / camera.focal * depth)


_HELPING = ("hand-right-dorsal", "hand-right-palmar", "forearm-right-anterior", "forearm-right-posterior")


@dataclass(frozen=True)
class Garment:
    """Cloth between two heights, on some chart surfaces.

    Attributes:
        surfaces: beginnings of the names of the chart surfaces that it may lie on.
        top, bottom: (landmark or joint, share of the body's height above it).
    """

    surfaces: tuple[str, ...]
    top: tuple[str, float]
    bottom: tuple[str, float]


GARMENTS = {
    "briefs": Garment(("trunk", "buttock", "genitalia", "thigh"), ("hip", 0.015), ("crotch", -0.005)),
    "trousers": Garment(("trunk", "buttock", "genitalia", "thigh"), ("hip", 0.04), ("knee", 0.05)),
    "shirt": Garment(("trunk", "upper-arm", "neck"), ("neck", 0.005), ("hip", 0.01)),
    "top": Garment(("trunk",), ("neck", -0.06), ("navel", 0.07)),
}


def _inside(body: Body, name: str) -> Floats:
    """(V,) metres by which each vertex lies inside a garment; negative outside."""
    garment = GARMENTS[name]
    names = load_chart("lund-browder").surfaces
    allowed = np.array([False, *(surface.startswith(garment.surfaces) for surface in names)])[body.surface]
    on = smooth_over(body, allowed.astype(float), 3) - 0.5
    standing = body.rest[:, 2]
    size = float(np.ptp(standing))
    heights = {
        "hip": body.landmarks["crotch"][2] + 0.075 * size,
        "crotch": body.landmarks["crotch"][2],
        "knee": body.landmarks["knee-left"][2],
        "neck": body.landmarks["notch"][2],
        "navel": body.landmarks["navel"][2],
    }
    top, bottom = (heights[place] + share * size for place, share in (garment.top, garment.bottom))
    # A share falls from 1 to 0 over about 2 cm.
    return np.asarray(np.minimum(np.minimum(top - standing, standing - bottom), 0.04 * on))
