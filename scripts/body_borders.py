"""Where one chart surface ends and the next begins: drawn once, on the average adult in anatomical position.

All bodies share one mesh, so a border drawn here lies at the same place of the skin on every body. The words for
each border are in ``docs/bodies.md``; lengths below are fractions of the body height, as a tailor would give them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bsa_measure.chart import load_chart

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

_GROUPS = {
    "head": ("head", "eye"),
    "neck": ("neck",),
    "trunk": ("spine", "root", "clavicle", "pelvis", "shoulder"),
    "upper-arm": ("upperarm",),
    "forearm": ("lowerarm",),
    "hand": ("wrist", "finger", "metacarpal"),
    "thigh": ("upperleg",),
    "leg": ("lowerleg",),
    "foot": ("foot", "toe"),
}


@dataclass(frozen=True)
class Adult:
    """The average adult, standing in anatomical position, twice subdivided; metres.

    Attributes:
        centres, normals: (N, 3) of every small quad.
        weights: bone to how much it moves each small quad (N,).
        joints: bone to its joint (3,).
        points: landmark to its place (3,).
        nails: (N,) which small quads are fingernail.
    """

    centres: Floats
    normals: Floats
    weights: Mapping[str, Floats]
    joints: Mapping[str, Floats]
    points: Mapping[str, Floats]
    nails: Bools

    @property
    def height(self) -> float:
        return float(self.points["head-top"][2])

    def group(self, name: str) -> Floats:
        """How much the bones of a part of the body move each small quad."""
        return np.sum([w for bone, w in self.weights.items() if bone.startswith(_GROUPS[name])], axis=0)


def surfaces(adult: Adult) -> NDArray[np.uint8]:
    """Number of the Lund-Browder surface of each small quad, from 1, in the order of the chart."""
    centres, height, joints = adult.centres, adult.height, adult.joints
    left = centres[:, 0] > 0
    across = np.abs(centres[:, 0])
    mirrored = centres * [1, 1, 1]
    mirrored[:, 0] = across
    names = np.full(len(centres), "", dtype="U32")

    # --- the midline from front to back, seen from the side
    in_front = centres[:, 1] < _side_line(adult)(centres[:, 2])

    # --- arm: from the fold of the armpit over the acromion
    shoulder, elbow, wrist = (joints[f"{bone}.L"] for bone in ("upperarm01", "lowerarm01", "wrist"))
    along = _unit(wrist - shoulder)
    arm_weight = adult.group("upper-arm") + adult.group("forearm") + adult.group("hand")
    outward = _unit(along + [1.1, 0, 0])
    arm = (arm_weight > 0.3) & ((mirrored - shoulder) @ outward > 0)
    arm |= arm_weight > 0.97
    station = (mirrored - shoulder) @ along
    at_elbow, at_wrist = (elbow - shoulder) @ along, (wrist - shoulder) @ along + 0.004 * height
    upper, hand = arm & (station < at_elbow), arm & (station >= at_wrist)
    fore = arm & ~upper & ~hand
    arm_front = centres[:, 1] < _middle(station, centres[:, 1], arm & ~hand)(station)
    for region, where in (("upper-arm", upper), ("forearm", fore)):
        _halves(names, where, region, left, arm_front, ("anterior", "posterior"))
    _halves(names, hand, "hand", left, _palmar(adult), ("palmar", "dorsal"))

    # --- head and neck
    rest = ~arm
    chin, nape = adult.points["chin"], adult.points["nape"]
    head = rest & (centres[:, 2] > joints["neck01"][2]) & (_above(centres, chin - [0, 0, 0.004 * height], nape) > 0)
    notch, vertebra = adult.points["notch"], adult.points["c7"]
    # Over the collar bone and the slope of the shoulder the border rises towards the side.
    base = _above(centres, notch, vertebra) - 0.5 * across
    neck = rest & ~head & (base > 0) & (across < 0.07 * height) & (centres[:, 2] > 0.8 * height)
    # Down from the opening of the ear, the midline follows the side of the neck to the top of the shoulder.
    ear, ridge = adult.points["ear-left"], shoulder
    line = np.interp(centres[:, 2], [ridge[2], ear[2]], [ridge[1], ear[1]])
    upper_front = centres[:, 1] < line
    names[head] = np.where(upper_front, "head-anterior", "head-posterior")[head]
    names[neck] = np.where(upper_front, "neck-anterior", "neck-posterior")[neck]

    # --- leg: from the groin in front, from the fold of the buttock behind
    body = rest & ~head & ~neck
    hip, knee, ankle = (joints[f"{bone}.L"] for bone in ("upperleg01", "lowerleg01", "foot"))
    crotch = float(adult.points["crotch"][2])
    flank = 0.098 * height
    medial, lateral = crotch + 0.012 * height, hip[2] + 0.035 * height
    groin = medial + (lateral - medial) * np.minimum(across / flank, 1.2)
    fold = crotch - 0.005 * height
    leg = body & np.where(in_front, centres[:, 2] < groin, centres[:, 2] < fold)
    shin = _unit(_unit(knee - hip) + _unit(ankle - knee))
    below_knee = (mirrored - knee) @ shin > 0
    foot = leg & (centres[:, 2] < ankle[2])
    thigh, lower = leg & ~below_knee, leg & below_knee & ~foot
    # The midline of the flank goes over into that of the leg between the hip and a hand's breadth under the fold.
    up = centres[:, 2]
    of_leg = _middle(up, centres[:, 1], leg & ~foot & (up < fold))(np.minimum(up, fold))
    share = np.clip((up - (fold - 0.08 * height)) / (hip[2] - fold + 0.08 * height), 0, 1)
    leg_front = centres[:, 1] < (1 - share) * of_leg + share * _side_line(adult)(up)
    _halves(names, thigh, "thigh", left, leg_front, ("anterior", "posterior"))
    _halves(names, lower, "leg", left, leg_front, ("anterior", "posterior"))
    sole = (adult.normals[:, 2] < -0.25) & (centres[:, 2] < 0.022 * height)
    _halves(names, foot, "foot", left, sole, ("plantar", "dorsal"))

    # --- trunk
    trunk = body & ~leg
    names[trunk] = np.where(in_front, "trunk-anterior", "trunk-posterior")[trunk]
    buttock = trunk & ~in_front & (centres[:, 2] < hip[2] + 0.048 * height)
    names[buttock] = np.where(left, "buttock-left", "buttock-right")[buttock]
    names[body & _genitalia(adult, crotch)] = "genitalia"

    order = {name: number for number, name in enumerate(load_chart("lund-browder").surfaces, start=1)}
    return np.array([order[str(name)] for name in names], dtype=np.uint8)


def _genitalia(adult: Adult, crotch: float) -> Bools:
    """The mound and the perineum: the front of the crotch, and under it back to the anus."""
    height, centres = adult.height, adult.centres
    across, up = np.abs(centres[:, 0]) / height, (centres[:, 2] - crotch) / height
    # An egg, point down, around the mound, and a strip between the thighs.
    mound = (across / 0.031) ** 2 + ((up - 0.024) / 0.031) ** 2 < 1
    strip = (across < 0.014) & (np.abs(up) < 0.022)
    return (mound | strip) & (centres[:, 1] < adult.points["crotch"][1] + 0.035 * height)


def _palmar(adult: Adult) -> Bools:
    """Which side of the hand a quad is on: the side away from the nails, finger by finger."""
    towards = np.tile([0.0, -1.0, 0.0], (len(adult.centres), 1))
    for side in ("L", "R"):
        for finger in range(1, 6):
            bones = [f"finger{finger}-{phalanx}.{side}" for phalanx in (1, 2, 3)]
            weight = np.sum([adult.weights[bone] for bone in bones], axis=0)
            nail = adult.nails & (weight > 0.5)
            away = -_unit(adult.normals[nail].mean(axis=0))
            share = (0.85 if finger == 1 else 0.5) * weight[:, None]
            towards = (1 - share) * towards + share * away
    return np.einsum("nk,nk->n", adult.normals, towards) > 0


def _side_line(adult: Adult) -> Callable[[Floats], Floats]:
    """The mid-axillary line as y over z: where the flank is widest, from the hip to the armpit."""
    centres, height = adult.centres, adult.height
    trunk = adult.group("trunk") + adult.group("thigh") > 0.85
    low, high = adult.joints["upperleg01.L"][2], adult.joints["upperarm01.L"][2] - 0.06 * height
    heights, sides = [], []
    for z in np.linspace(low, high, 40):
        band = np.flatnonzero(trunk & (np.abs(centres[:, 2] - z) < 0.01 * height))
        widest = band[np.abs(centres[band, 0]) > 0.97 * np.abs(centres[band, 0]).max()]
        heights.append(z)
        sides.append(centres[widest, 1].mean())
    flank = np.polynomial.Polynomial.fit(heights, sides, 2)
    shoulder = adult.joints["upperarm01.L"]

    def line(z: Floats) -> Floats:
        # Over the armpit it runs straight to the top of the shoulder.
        over = np.interp(z, [high, shoulder[2]], [flank(high), shoulder[1]])
        return np.where(z < high, flank(np.clip(z, low, high)), over)

    return line


def _middle(station: Floats, depth: Floats, where: Bools) -> Callable[[Floats], Floats]:
    """Half-way from the front to the back of a limb, as depth over the station along it."""
    bins = np.linspace(station[where].min(), station[where].max(), 41)
    places, middles = [], []
    for start, end in zip(bins[:-1], bins[1:], strict=True):
        inside = depth[where & (station >= start) & (station <= end)]
        if len(inside) > 20:
            places.append((start + end) / 2)
            middles.append((inside.min() + inside.max()) / 2)
    return np.polynomial.Polynomial.fit(places, middles, 5)


def _above(points: Floats, front: Floats, back: Floats) -> Floats:
    """Height of points over the plane that holds a front and a back point and the left-right direction."""
    slope = back - front
    normal = _unit(np.array([0.0, -slope[2], slope[1]]))
    return (points - front) @ (normal * np.sign(normal[2]))


def _halves(
    names: NDArray[np.str_], where: Bools, region: str, left: Bools, first: Bools, halves: tuple[str, str]
) -> None:
    """Name the two halves of a limb on both sides, the first one where ``first`` holds."""
    for side, on_side in (("left", left), ("right", ~left)):
        for half, on_half in zip(halves, (first, ~first), strict=True):
            names[where & on_side & on_half] = f"{region}-{side}-{half}"


def _unit(vector: Floats) -> Floats:
    return np.asarray(vector / np.linalg.norm(vector))
