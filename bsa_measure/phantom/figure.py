"""A patient ready to be photographed: the posed body with hair and clothes over it, and what each vertex carries."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .body import PARTS, Body, vertex_normals
from .disease import smooth_over
from .light import openness
from .noise import fbm
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
    """Meshes of one photograph, skin first. ``vertices`` (V, 3) metres; ``faces`` (F, 3); ``material`` (F,) uint8;
    ``normals`` (V, 3) smooth; ``open`` (V,) share of the room's light; the first ``skin_faces`` faces are the body's."""

    vertices: Floats
    faces: NDArray[np.int32]
    material: NDArray[np.uint8]
    normals: Floats
    open: NDArray[np.float32]
    skin_faces: int


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
        brow=part("eyebrow", rounds=1),
    )


def dress(
    body: Body,
    traits: Traits,
    complexion: Complexion,
    clothed: tuple[str, ...],
    seed: int,
    open_skin: NDArray[np.float32] | None = None,
) -> Figure:
    """The body with its hair, and with cloth over the chart surfaces ``clothed``.

    Args:
        open_skin: :func:`openness` of the body's vertices, when it is known already.
    """
    normals = vertex_normals(body.vertices, body.faces)
    opened = openness(body.vertices, body.faces, normals) if open_skin is None else open_skin
    vertices, faces, material = [body.vertices], [body.faces], [np.zeros(len(body.faces), np.uint8)]
    all_normals, all_open = [normals], [opened]
    rest = body.rest.astype(np.float32)

    def add(offset: NDArray[np.floating], kept: NDArray[np.bool_], kind: int) -> None:
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
    if clothed:
        share = smooth_over(body, np.isin(body.surface, surface_numbers(clothed)).astype(float), 14)
        hem = 0.5 + 0.10 * fbm(rest, 7, 2, seed + 3)
        folds = fbm(rest * np.array([1.7, 1.7, 0.8], np.float32), 13, 3, seed + 4)
        offset = 0.011 + 0.008 * folds
        add(offset, ((share - hem)[body.faces] > 0).all(axis=1), CLOTH)
    return Figure(
        np.concatenate(vertices),
        np.concatenate(faces).astype(np.int32),
        np.concatenate(material),
        np.concatenate(all_normals),
        np.concatenate(all_open).astype(np.float32),
        len(body.faces),
    )
