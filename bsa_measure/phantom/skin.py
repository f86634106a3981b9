"""Skin without disease: its colour from very light to dark, mottling, moles, freckles, veins, palms, nails, scars.

Tone is the individual typology angle, ITA = atan((L* − 50) / b*) in degrees (Chardon et al. 1991): very light
above 55, light 41 to 55, intermediate 28 to 41, tan 10 to 28, brown −30 to 10, dark below −30. Mottling works as
pigment does: more melanin or haemoglobin multiplies the reflectance by less.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .noise import Points, Values, cells, fbm, smoothstep

Floats = NDArray[np.float64]
Colors = NDArray[np.float32]

# Absorption in red, green and blue relative to each other: haemoglobin takes green and blue, melanin mostly blue.
HAEMOGLOBIN = np.array([0.20, 1.00, 0.85], np.float32)
MELANIN = np.array([0.45, 0.75, 1.05], np.float32)

# b* and a* along the tones, read off published colorimetry of unexposed skin in broad strokes; L* follows from the ITA.
_ITA = (-65.0, -30.0, 0.0, 28.0, 41.0, 55.0, 72.0)
_B = (12.0, 17.0, 19.5, 18.0, 16.5, 14.0, 9.5)
_A = (8.5, 11.5, 12.5, 11.5, 10.0, 8.5, 7.0)


def tone_color(ita_degrees: float) -> Floats:
    """Linear red, green and blue (3,) of skin with this ITA, under daylight (D65)."""
    b = float(np.interp(ita_degrees, _ITA, _B))
    a = float(np.interp(ita_degrees, _ITA, _A))
    lightness = 50.0 + b * np.tan(np.radians(np.clip(ita_degrees, _ITA[0], _ITA[-1])))
    return _linear_rgb(lightness, a, b)


def _linear_rgb(lightness: float, a: float, b: float) -> Floats:
    """CIE L*a*b* (D65) to linear sRGB (IEC 61966-2-1)."""
    fy = (lightness + 16) / 116
    f = np.array([fy + a / 500, fy, fy - b / 200])
    xyz = np.where(f > 6 / 29, f**3, 3 * (6 / 29) ** 2 * (f - 4 / 29)) * np.array([0.95047, 1.0, 1.08883])
    matrix = np.array([[3.2406, -1.5372, -0.4986], [-0.9689, 1.8758, 0.0415], [0.0557, -0.2040, 1.0570]])
    return np.asarray(np.clip(matrix @ xyz, 0.003, 0.95))


@dataclass(frozen=True)
class Complexion:
    """What one patient's healthy skin looks like.

    Attributes:
        ita: degrees, see the module.
        blush: how much blood shows, 0.6 to 1.4.
        mottling: unevenness of pigment and blood, 0.5 to 1.5.
        moles, freckles: shares 0 to 1.
        hair: linear RGB (3,) of scalp hair.
        hair_length: thickness of the scalp hair in metres; 0 is shaved.
        body_hair: 0 to 1.
        dryness: pale scale on healthy skin, 0 to 1.
        tanned: difference in melanin between what clothes cover and what they do not; 0 is none.
        scars: (n, 7) per scar: start and end in rest coordinates, width; metres.
        seed: of all patterns.
    """

    ita: float
    blush: float
    mottling: float
    moles: float
    freckles: float
    hair: tuple[float, float, float]
    hair_length: float
    body_hair: float
    dryness: float
    tanned: float
    scars: tuple[tuple[float, ...], ...]
    seed: int

    @property
    def darkness(self) -> float:
        """0 for very light to 1 for very dark skin."""
        return float(np.clip((55 - self.ita) / 110, 0, 1))


@dataclass
class Look:
    """How points of a surface look; arrays have one row a point.

    Attributes:
        albedo: (N, 3) linear RGB reflectance.
        roughness: (N,) of the gloss, 0 mirror to 1 matt.
        gloss: (N,) strength of the gloss, 0 to 1.
        height: (N,) metres of relief.
    """

    albedo: Colors
    roughness: Values
    gloss: Values
    height: Values


@dataclass(frozen=True)
class Traits:
    """Smooth shares, 0 to 1, of what kind of skin a point is: one row a point (or a vertex)."""

    lips: Values
    areola: Values
    nail: Values
    palm: Values
    flush: Values
    covered: Values
    scalp: Values
    brow: Values


def healthy_skin(points: Points, traits: Traits, complexion: Complexion) -> Look:
    """Look of skin without disease at points (N, 3) of the rest pose."""
    seed, dark = complexion.seed, complexion.darkness
    mottle = complexion.mottling
    melanin = mottle * (0.13 * fbm(points, 14, 4, seed + 1, gain=0.6) + 0.09 * fbm(points, 140, 3, seed + 2, gain=0.6))
    patches = fbm(points, 24, 4, seed + 3, gain=0.6)
    fine = fbm(points, 330, 2, seed + 4)
    webs = np.maximum(fbm(points, 75, 3, seed + 5), 0)
    blood = mottle * complexion.blush * (0.10 + 0.26 * patches + 0.20 * webs + 0.08 * fine)
    blood += complexion.blush * (1 - 0.5 * dark) * (0.32 * traits.flush + 0.22 * traits.palm)
    melanin -= complexion.tanned * traits.covered
    melanin -= 1.35 * dark * traits.palm

    distance, _, who = cells(points, 42, seed + 6)
    is_mole = who < 0.10 * complexion.moles
    radius = 0.05 + 0.9 * np.where(is_mole, who, 0)
    mole = smoothstep(1.15, 0.75, distance / radius) * is_mole
    melanin += 1.5 * mole * (1 - 0.55 * dark)
    if complexion.freckles > 0:
        distance, _, who = cells(points, 210, seed + 7)
        spot = smoothstep(0.5, 0.2, distance) * (who < 0.5 * complexion.freckles) * (1 - traits.covered)
        melanin += 0.5 * spot * (1 - dark)
    albedo = tone_color(complexion.ita).astype(np.float32) * np.exp(
        -(np.outer(melanin, MELANIN) + np.outer(blood, HAEMOGLOBIN))
    )

    vein = smoothstep(0.86, 0.97, fbm(points, 9, 2, seed + 8, ridged=True)) * (1 - 0.85 * dark)
    albedo *= 1 - np.outer(vein, np.array([0.13, 0.05, 0.03], np.float32))
    albedo *= np.exp(-np.outer(traits.lips, (0.15 + 0.5 * HAEMOGLOBIN + 0.2 * dark * MELANIN)))
    areola = traits.areola * (0.8 + 0.4 * fbm(points, 240, 2, seed + 9))
    albedo *= np.exp(-np.outer(areola, 0.45 * HAEMOGLOBIN + (0.35 + 0.35 * dark) * MELANIN))
    nail_color = (0.5 * tone_color(complexion.ita) + np.array([0.30, 0.20, 0.17])).astype(np.float32)
    albedo = _mix(albedo, np.broadcast_to(nail_color, albedo.shape), 0.75 * traits.nail)

    _, crease, _ = cells(points, 850, seed + 10)
    # Relief: polygons of a millimetre, dents of a centimetre, creases that run across the limbs and the trunk.
    height = -0.00005 * smoothstep(0.22, 0.0, crease) + 0.00045 * fbm(points, 75, 3, seed + 11, gain=0.55)
    across = np.ascontiguousarray(points * np.array([0.45, 0.45, 1.6], np.float32))
    height -= 0.00016 * smoothstep(0.45, 0.95, fbm(across, 120, 2, seed + 13, gain=0.6, ridged=True))
    dry = smoothstep(0.15, 0.5, fbm(points, 13, 3, seed + 14) + 0.5 * fine) * complexion.dryness
    albedo = _mix(albedo, albedo * 0.6 + np.float32(0.22), 0.45 * dry)
    height += 0.0006 * mole * (radius > 0.11)
    roughness = 0.43 + 0.12 * dry + 0.12 * fbm(points, 35, 2, seed + 12) - 0.22 * traits.nail - 0.05 * traits.flush
    gloss = 0.42 + 0.22 * traits.nail + 0.12 * traits.lips + 0.08 * traits.flush
    for scar in complexion.scars:
        line = _scar(points, scar, fine)
        pale = (tone_color(complexion.ita) * np.array([1.15, 1.08, 1.1]) + 0.03).astype(np.float32)
        albedo = _mix(albedo, np.broadcast_to(pale, albedo.shape), 0.6 * line)
        height += 0.0004 * line
        roughness -= 0.1 * line
    return Look(
        np.clip(albedo, 0.004, 0.92).astype(np.float32),
        roughness.astype(np.float32),
        gloss.astype(np.float32),
        height.astype(np.float32),
    )


def _scar(points: Points, scar: tuple[float, ...], fine: Values) -> Values:
    """Share 0 to 1 of a scar along a segment with stitch-like unevenness."""
    start, end, width = np.array(scar[:3]), np.array(scar[3:6]), scar[6]
    along = end - start
    share = np.clip((points - start) @ along / (along @ along), 0, 1)
    off = np.linalg.norm(points - start - np.outer(share, along), axis=1)
    return np.asarray(smoothstep(1.0, 0.4, off / width * (1 + 0.5 * fine)), np.float32)


def _mix(a: Colors, b: Colors, share: Values) -> Colors:
    return np.asarray(a + (b - a) * share[:, None], dtype=np.float32)
