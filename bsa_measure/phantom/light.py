"""Light on surfaces: lamps and windows with soft shadows, what the room gives, gloss on wet and dry skin."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from .raster import ShadowMap, shadow_map

Floats = NDArray[np.float64]
Image = NDArray[np.float32]


@dataclass(frozen=True)
class Lamp:
    """A source far enough away that its light is parallel.

    Attributes:
        towards: (3,) unit vector to the lamp, in the world.
        color: (3,) linear RGB irradiance.
        spread: radius as seen from the patient, radians; softens shadows and gloss.
    """

    towards: tuple[float, float, float]
    color: tuple[float, float, float]
    spread: float


@dataclass(frozen=True)
class Lighting:
    """The light of one photograph.

    Attributes:
        lamps: windows and ceiling lights.
        ambient: (3,) linear RGB irradiance from everywhere.
        flash: strength of the camera's own flash at the distance of the patient; 0 is off.
    """

    lamps: tuple[Lamp, ...]
    ambient: tuple[float, float, float]
    flash: float


def draw_lighting(rng: Generator, towards_camera: Floats, up: Floats) -> Lighting:
    """Ward light: a window or ceiling lamp on the camera's side, a weaker second one, sometimes the flash."""
    right = np.cross(up, towards_camera)
    flash = float(rng.uniform(0.5, 1.6)) if rng.random() < 0.45 else 0.0
    lamps = []
    for strength in (rng.uniform(0.75, 1.3), rng.uniform(0.1, 0.55)):
        away = rng.uniform(0.25, 1.15)
        around = rng.uniform(0, 2 * np.pi)
        towards = towards_camera + np.tan(away) * (np.cos(around) * right + np.sin(around) * up)
        towards /= np.linalg.norm(towards)
        warmth = rng.normal(0, 0.09)
        color = strength * (0.55 if flash else 1.0) * np.array([1 + warmth, 1.0, 1 - 1.2 * warmth])
        lamps.append(Lamp(tuple(towards.tolist()), tuple(color.tolist()), float(rng.uniform(0.06, 0.35))))
    room = rng.uniform(0.14, 0.45) * (0.5 if flash else 1.0)
    tint = rng.normal(0, 0.04)
    return Lighting(tuple(lamps), (room * (1 + tint), room, room * (1 - tint)), flash)


@dataclass(frozen=True)
class Shadows:
    """Shadow maps of every lamp, several to a lamp for soft edges."""

    maps: tuple[tuple[ShadowMap, ...], ...]


def cast_shadows(
    vertices: Floats, faces: NDArray[np.int32], lighting: Lighting, rng: Generator, size: int = 640, samples: int = 5
) -> Shadows:
    """Shadow maps for the lamps of ``lighting``; each lamp is stood for by ``samples`` points of its disc."""
    every = []
    for lamp in lighting.lamps:
        maps = []
        axis = np.array(lamp.towards)
        first = np.cross(axis, [0.3, 0.5, 0.8])
        first /= np.linalg.norm(first)
        second = np.cross(axis, first)
        turn = rng.uniform(0, 2 * np.pi)
        for k in range(samples):
            # A sunflower covers the disc evenly.
            radius, angle = lamp.spread * np.sqrt((k + 0.5) / samples), turn + 2.39996 * k
            maps.append(
                shadow_map(vertices, faces, axis + radius * (np.cos(angle) * first + np.sin(angle) * second), size)
            )
        every.append(tuple(maps))
    return Shadows(tuple(every))


def lit_share(shadows: Shadows, lamp: int, points: Image, margin: float = 0.012) -> Image:
    """(N,) share of a lamp that each point (N, 3) sees."""
    total = np.zeros(len(points), np.float32)
    for one in shadows.maps[lamp]:
        total += one.lit(points, margin)
    return np.asarray(total / np.float32(len(shadows.maps[lamp])))


def openness(vertices: Floats, faces: NDArray[np.int32], normals: Floats, directions: int = 40) -> Image:
    """(V,) share of the room's light that reaches each vertex past the body itself, weighted by the cosine."""
    k = np.arange(directions) + 0.5
    height = 1 - 2 * k / directions
    angle = np.pi * (1 + 5**0.5) * k
    ring = np.sqrt(1 - height**2)
    total = np.zeros(len(vertices))
    weight = np.zeros(len(vertices))
    points = vertices + 0.004 * normals
    for towards in np.stack([ring * np.cos(angle), ring * np.sin(angle), height], axis=1):
        cosine = np.maximum(normals @ towards, 0)
        weight += cosine
        total += cosine * shadow_map(vertices, faces, towards, 320).lit(points, 0.008)
    return np.asarray(total / np.maximum(weight, 1e-9), np.float32)


def glossy(
    normals: Image, to_eye: Image, towards: Image | Floats, roughness: Image, spread: float
) -> tuple[Image, Image]:
    """Cosine and gloss (N,) of light from ``towards``: GGX with Smith's shadowing and Schlick's Fresnel for skin.

    A lamp's ``spread`` widens the highlight, as its size does in a mirror.
    """
    cosine = np.clip((normals * towards).sum(axis=-1), 0, 1)
    half = to_eye + towards
    half = half / np.maximum(np.linalg.norm(half, axis=-1, keepdims=True), 1e-6)
    nh = np.clip((normals * half).sum(axis=-1), 0, 1)
    vh = np.clip((to_eye * half).sum(axis=-1), 0, 1)
    nv = np.clip((normals * to_eye).sum(axis=-1), 0.03, 1)
    alpha = roughness**2 + 0.35 * spread
    lobe = alpha**2 / (np.pi * (nh**2 * (alpha**2 - 1) + 1) ** 2)
    k = (roughness + 1) ** 2 / 8
    shadowed = 1 / ((cosine * (1 - k) + k) * (nv * (1 - k) + k))
    fresnel = 0.028 + 0.972 * (1 - vh) ** 5
    return cosine.astype(np.float32), (lobe * shadowed * fresnel * 0.25 * cosine * np.pi).astype(np.float32)
