"""What diseased skin looks like: erythema and targets, blisters, loose sheets, raw dermis, healing, covers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bsa_measure.tissue import Tissue

from .disease import Cover, Findings, Style
from .noise import Points, Values, cells, fbm, smoothstep
from .skin import HAEMOGLOBIN, MELANIN, Colors, Complexion, Look, tone_color


def paint(points: Points, findings: Findings, look: Look, style: Style, complexion: Complexion,
          covers: tuple[Cover, ...]) -> None:  # fmt: skip
    """Change ``look``, in place, from healthy skin to what ``findings`` say of the points (N, 3)."""
    for tissue, painter in (
        (Tissue.INTACT, _intact),
        (Tissue.DETACHED, _detached),
        (Tissue.REEPITHELIALISED, _healed),
    ):
        index = np.flatnonzero((findings.tissue == tissue) & (findings.cover == 0))
        if tissue is Tissue.INTACT:
            # Skin far from every lesion stays as it is.
            index = index[findings.excess[index] > -0.5 - 2.2 * style.macules]
        if len(index):
            part = Look(look.albedo[index], look.roughness[index], look.gloss[index], look.height[index])
            painter(points[index], findings.excess[index], findings.age[index], findings.inside[index], part, style,
                    complexion)  # fmt: skip
            _put(look, index, part)
    for number, cover in enumerate(covers, start=1):
        index = np.flatnonzero(findings.cover == number)
        if len(index):
            part = Look(look.albedo[index], look.roughness[index], look.gloss[index], look.height[index])
            _cover(points[index], cover, number, part, style)
            _put(look, index, part)


def _put(look: Look, index: NDArray[np.intp], part: Look) -> None:
    look.albedo[index] = np.clip(part.albedo, 0.004, 0.93)
    look.roughness[index] = part.roughness
    look.gloss[index] = part.gloss
    look.height[index] = part.height


def _mix(a: Colors, b: Colors, share: Values) -> Colors:
    return np.asarray(a + (b - a) * np.clip(share, 0, 1)[:, None], np.float32)


def _flat(color: tuple[float, float, float], n: int) -> Colors:
    return np.broadcast_to(np.array(color, np.float32), (n, 3))


def _intact(p: Points, excess: Values, age: Values, inside: Values, look: Look, style: Style, skin: Complexion) -> None:
    """Erythema near detachment; macules and targets further out, some of them dusky."""
    seed, dark = style.seed, skin.darkness
    reach = 0.25 + 1.7 * style.macules
    near = smoothstep(-0.45, -0.02, excess)
    cloud = smoothstep(-0.05, 0.4, fbm(p, 15, 4, seed + 101, gain=0.6))
    erythema = 0.75 * near + 0.45 * cloud * smoothstep(-reach, -0.2, excess)

    # Macules of two sizes: irregular blots, and rounder targets with a dusky centre and a paler ring.
    jag = 0.22 * fbm(p, 130, 3, seed + 102, gain=0.65)
    distance, _, who = cells(p, 38, seed + 103)
    here = smoothstep(-reach - 0.35, -reach + 0.35, excess + 0.9 * (who - 0.5)) * (who > 0.30)
    blot = smoothstep(0.06, -0.10, distance + jag - 0.16 - 0.30 * who) * here
    distance, _, who2 = cells(p, 21, seed + 104)
    size = 0.14 + 0.20 * who2
    d = (distance + 0.5 * jag) / size
    here = smoothstep(-reach - 0.2, -reach + 0.5, excess + 0.9 * (who2 - 0.5)) * (who2 > 0.45)
    target = smoothstep(1.15, 0.9, d) * here
    eye = smoothstep(0.55, 0.35, d) * here
    ring = smoothstep(0.5, 0.65, d) * smoothstep(0.95, 0.75, d) * here
    erythema = erythema + 0.75 * blot * (0.5 + 0.7 * who) + 0.85 * target - 0.35 * ring
    erythema = erythema * (1 + 0.35 * fbm(p, 70, 3, seed + 105, gain=0.6))
    dusky = eye * 0.9 + 0.55 * blot * (who > 0.72) + 0.5 * smoothstep(-0.15, 0.0, excess) * cloud
    strength = 1.15 - 0.45 * dark
    look.albedo *= np.exp(-np.outer(np.maximum(erythema, 0) * strength, HAEMOGLOBIN * 0.85)).astype(np.float32)
    # On dark skin erythema reads as darkening; dusky skin is grey-violet on any.
    shade = dusky * 0.55 + 0.35 * dark * np.clip(erythema, 0, 1.5)
    look.albedo *= np.exp(-np.outer(shade, np.array([0.85, 0.75, 0.42], np.float32))).astype(np.float32)
    look.height += (0.00025 * np.maximum(erythema, 0) * (1 + 0.5 * fbm(p, 200, 2, seed + 106))).astype(np.float32)


def _detached(
    p: Points, excess: Values, age: Values, inside: Values, look: Look, style: Style, skin: Complexion
) -> None:
    """Blisters and loose sheets where fresh; raw wet dermis, fibrin and crusts, later drier."""
    seed, dark, n = style.seed, skin.darkness, len(p)
    tone = tone_color(skin.ita).astype(np.float32)
    broad = fbm(p, 12, 4, seed + 110, gain=0.6)
    mid = fbm(p, 48, 4, seed + 111, gain=0.6)
    fine = fbm(p, 230, 3, seed + 112, gain=0.6)

    # --- raw dermis, from bright red to pale pink, deeper red in the depth
    wet = np.clip(1.0 - 0.07 * age + 0.3 * broad, 0.15, 1.0)
    red = _flat((0.38, 0.044, 0.040), n) * (1 - 0.42 * dark)
    pink = _flat((0.52, 0.175, 0.145), n) * (1 - 0.48 * dark)
    deep = _flat((0.20, 0.018, 0.021), n)
    raw = _mix(red, pink, smoothstep(-0.05, 0.45, broad + 0.25 * mid) * 0.85)
    raw = _mix(raw, deep, smoothstep(0.08, 0.5, -broad + 0.4 * mid) * 0.7)
    raw = raw * np.exp(0.75 * mid + 0.40 * fine + 0.25 * broad)[:, None]
    dots, _, who = cells(p, 380, seed + 113)
    who2 = np.clip(1.5 * mid, 0, 1)
    raw = raw * np.exp(-np.outer(smoothstep(0.34, 0.10, dots) * (who > 0.7) * (0.3 + who2), np.array([0.3, 0.6, 0.5])))
    # Remnants of pigment where dark skin is denuded.
    stains = smoothstep(0.05, 0.4, fbm(p, 55, 4, seed + 114, gain=0.65)) * dark
    left = np.broadcast_to(tone * np.array([1.3, 0.9, 0.9], np.float32), (n, 3))
    raw = _mix(raw.astype(np.float32), left, 0.7 * stains)
    old = np.minimum(age, 8)
    fibrin = smoothstep(0.34 - 0.36 * style.fibrin, 0.62, fbm(p, 26, 4, seed + 115, gain=0.7) + 0.015 * old)
    fibrin = fibrin * smoothstep(0.02, 0.2, excess)
    film = _flat((0.47, 0.36, 0.20), n) * ((1 - 0.3 * dark) * (1 + 0.35 * fine + 0.2 * mid))[:, None]
    raw = _mix(raw, film.astype(np.float32), 0.8 * fibrin)
    crust = smoothstep(0.56 - 0.32 * style.crusts, 0.64, fbm(p, 40, 4, seed + 116, gain=0.65) + 0.02 * old)
    scab = _flat((0.105, 0.030, 0.020), n) * (1 + 0.6 * fine[:, None])
    raw = _mix(raw, scab.astype(np.float32), 0.9 * crust)

    rough = np.clip(0.15 + 0.30 * (1 - wet) + 0.12 * np.abs(fine) + 0.25 * fibrin + 0.35 * crust, 0.12, 0.8)
    gloss = 0.55 + 0.45 * wet - 0.45 * crust
    height = -0.0007 + 0.00022 * mid + 0.00012 * fine + 0.0007 * crust + 0.0002 * fibrin

    # --- loose epidermis: grey, wrinkled, over red; the share falls with age
    fresh = np.clip(1.15 - 0.22 * age, 0, 1)
    lift = fbm(p, 14, 4, seed + 117, gain=0.55) + 0.10 * mid - 0.36 * (1 - 2 * style.sheets * fresh)
    wrinkles = fbm(p * np.array([1.0, 1.0, 2.3], np.float32), 130, 3, seed + 118, gain=0.55, ridged=True) - 0.5
    loose = (tone * 0.50 + np.array([0.24, 0.19, 0.17], np.float32) * (0.35 + 0.65 * (1 - dark))).astype(np.float32)
    under = np.exp(-np.outer(0.35 + 0.3 * mid, HAEMOGLOBIN * (0.6 - 0.3 * dark)))
    sheet_color = (loose * under).astype(np.float32)
    violet = smoothstep(-0.1, 0.4, fbm(p, 22, 3, seed + 119))
    sheet_color = _mix(sheet_color, sheet_color * np.array([0.66, 0.55, 0.66], np.float32), violet * 0.8)
    sheet_color = sheet_color * (1 + 0.30 * wrinkles + 0.10 * fine)[:, None]
    sheet = smoothstep(-0.004, 0.004, lift)
    albedo = _mix(raw.astype(np.float32), sheet_color.astype(np.float32), sheet)
    rough = rough + (0.42 - rough) * sheet
    gloss = gloss + (0.55 - gloss) * sheet
    height = height + sheet * (0.0012 * smoothstep(0, 0.08, lift) + 0.0006 * wrinkles + 0.0004)

    # --- blisters: tense or flaccid domes of clear, cloudy or bloody fluid
    bulge, _, who = cells(p, 33, seed + 120)
    dome = smoothstep(1.0, 0.55, (bulge + 0.10 * mid) / (0.18 + 0.42 * who)) * (who < style.blisters * fresh)
    bloody = (who * 97 % 1 > 0.75)[:, None]
    fluid = np.where(bloody, np.array([0.30, 0.06, 0.07]), tone * 0.75 + np.array([0.16, 0.12, 0.05]))
    albedo = _mix(albedo, (fluid * (1 + 0.12 * fine[:, None])).astype(np.float32), smoothstep(0.1, 0.5, dome) * 0.9)
    rim = smoothstep(0.02, 0.2, dome) * smoothstep(0.6, 0.25, dome)
    rough = rough + (0.22 - rough) * smoothstep(0.2, 0.5, dome)
    height = height + 0.0030 * dome
    albedo = albedo * (1 - 0.25 * rim)[:, None]

    # --- rolled white edges: where epidermis ends
    uneven = smoothstep(-0.25, 0.3, fbm(p, 38, 3, seed + 121))
    edge = smoothstep(0.055, 0.012, excess * (1 + 0.5 * mid)) * uneven
    edge = np.maximum(edge, smoothstep(0.030, 0.006, np.abs(lift)) * uneven) * np.clip(1.1 - 0.1 * age, 0.25, 1)
    rolled = np.array([0.64, 0.55, 0.42], np.float32) * (0.50 + 0.50 * (1 - dark)) * (1 + 0.3 * fine)[:, None]
    albedo = _mix(albedo, rolled.astype(np.float32), 0.8 * edge)
    look.albedo[:] = albedo
    look.roughness[:] = rough * (1 - edge) + 0.5 * edge
    look.gloss[:] = gloss * (1 - 0.5 * edge)
    look.height[:] = height + 0.0006 * edge


def _healed(p: Points, excess: Values, age: Values, inside: Values, look: Look, style: Style, skin: Complexion) -> None:
    """New epidermis: dry and pink first, brown or pale with time, a scale at its border."""
    seed, dark = style.seed, skin.darkness
    young = np.exp(-age / 4.0).astype(np.float32)
    broad = fbm(p, 20, 4, seed + 130, gain=0.6)
    fine = fbm(p, 210, 3, seed + 131, gain=0.6)
    blood = (0.25 + 0.75 * young) * (0.95 - 0.25 * dark) * (1 + 0.5 * broad + 0.2 * fine)
    # Fresh epidermis lacks pigment: dark skin heals pale and pink, then darkens around the follicles.
    bare = (1.5 * dark) * young
    later = (1 - young) * (0.55 * style.dark_healing + 0.25 * broad)
    dots, _, who = cells(p, 95, seed + 132)
    follicle = smoothstep(0.45, 0.15, dots) * (who > 0.4) * dark
    melanin = -bare + later + 0.9 * follicle * young + 0.25 * broad * (1 - young)
    look.albedo *= np.exp(-np.outer(np.maximum(blood, 0), HAEMOGLOBIN) - np.outer(melanin, MELANIN)).astype(np.float32)
    look.albedo *= (1 + 0.08 * fine)[:, None]
    scale = smoothstep(0.62, 0.85, fbm(p, 85, 3, seed + 133, gain=0.6, ridged=True)) * (0.3 + 0.7 * young)
    border = smoothstep(0.10, 0.0, inside) * smoothstep(-0.2, 0.3, fbm(p, 45, 3, seed + 134))
    flake = np.clip(0.35 * scale + 0.55 * border, 0, 0.8)
    pale = np.array([0.55, 0.47, 0.41], np.float32) * (0.45 + 0.55 * (1 - dark))
    look.albedo[:] = _mix(look.albedo, np.broadcast_to(pale, look.albedo.shape), flake)
    look.roughness[:] = 0.56 + 0.12 * flake - 0.14 * young * (1 - flake)
    look.gloss[:] = 0.32 + 0.10 * young
    look.height[:] = look.height - 0.0002 * young + 0.00015 * flake


def _cover(p: Points, cover: Cover, number: int, look: Look, style: Style) -> None:
    """Gauze, ointment gauze or cream on the skin."""
    seed, n = style.seed + 140 + 10 * number, len(p)
    local = (p - np.array(cover.center, np.float32)) @ np.array(cover.axes, np.float32).T
    broad = fbm(p, 18, 3, seed)
    if cover.kind == "cream":
        smear = fbm(local * np.array([0.35, 1.6, 1], np.float32), 60, 3, seed + 1)
        thick = np.clip(0.78 + 0.25 * smear, 0.55, 0.97)
        look.albedo[:] = _mix(look.albedo, _flat((0.86, 0.85, 0.82), n), thick)
        look.roughness[:] = 0.30
        look.gloss[:] = 0.75
        look.height[:] = 0.0012 + 0.0008 * smear
        return
    weave = np.sin(local[:, 0] * 2 * np.pi / 0.0021) * np.sin(local[:, 1] * 2 * np.pi / 0.0021)
    color = (0.80, 0.80, 0.78) if cover.kind == "dressing" else (0.70, 0.62, 0.40)
    albedo = _flat(color, n) * (1 + 0.05 * weave + 0.10 * broad)[:, None]
    soaked = smoothstep(0.12, 0.42, fbm(p, 11, 3, seed + 2)) * (0.8 if cover.kind == "dressing" else 0.5)
    albedo = _mix(albedo.astype(np.float32), _flat((0.52, 0.34, 0.19), n), soaked * 0.55)
    folds = fbm(local * np.array([0.5, 1.8, 1], np.float32), 35, 3, seed + 3, ridged=True)
    look.albedo[:] = albedo
    look.roughness[:] = 0.9
    look.gloss[:] = 0.1 if cover.kind == "dressing" else 0.5
    look.height[:] = 0.0022 + 0.0014 * folds + 0.0002 * weave
