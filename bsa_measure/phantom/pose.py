"""Poses a ward photographs: how each limb is turned, and a body's points moved accordingly.

Directions as in the rest of the room: x towards the patient's left, the front faces -y, z towards the head.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Pose:
    """Angles in degrees; every pose is left-right symmetric.

    Attributes:
        arm: upper arm away from the trunk.
        elbow: bend of the elbow, 0 = straight.
        palm: 0 = palms forward, 90 = palms towards the thighs, 180 = palms backward.
        hip: thigh raised forward.
        knee: bend of the knee.
        foot: toes pointed down, added to the standing foot.
        turned_out: feet and legs rolled outward.
        lying: ``no``, ``face-up`` or ``face-down``.
    """

    arm: float = 30
    elbow: float = 0
    palm: float = 0
    hip: float = 0
    knee: float = 0
    foot: float = 0
    turned_out: float = 0
    lying: str = "no"


POSES: Mapping[str, Pose] = {
    # The anatomical position: the standard photographs, and the one in which the chart's borders are drawn.
    "standing": Pose(),
    "arms-down": Pose(arm=14, elbow=6, palm=80),
    "bent": Pose(arm=30, elbow=50, palm=40, hip=18, knee=36),
    "lying": Pose(arm=20, elbow=8, palm=0, foot=30, turned_out=18, lying="face-up"),
    "lying-bent": Pose(arm=24, elbow=35, palm=60, hip=38, knee=62, foot=10, lying="face-up"),
    "prone": Pose(arm=24, elbow=4, palm=0, foot=42, lying="face-down"),
}


@dataclass(frozen=True)
class Rig:
    """The skeleton that all bodies share.

    Attributes:
        bones: J names; ``.L`` is the patient's left.
        parents: (J,) number of each bone's parent, which comes before it; -1 for the root.
        weight_bones: (V, K) bones that move each vertex.
        weights: (V, K) how much each does; every row sums to 1.
    """

    bones: tuple[str, ...]
    parents: NDArray[np.int64]
    weight_bones: NDArray[np.int64]
    weights: Floats

    def bend(self, vertices: Floats, heads: Floats, pose: Pose) -> tuple[Floats, Floats]:
        """Vertices (V, 3) and joints (J, 3) of a body at rest, moved into a pose by linear blend skinning; metres."""
        turns = _turns(pose, dict(zip(self.bones, heads, strict=True)))
        rotations = np.empty((len(self.bones), 3, 3))
        shifts = np.empty((len(self.bones), 3))
        for bone, parent in enumerate(self.parents):
            above, moved = (np.eye(3), np.zeros(3)) if parent < 0 else (rotations[parent], shifts[parent])
            # A bone that the pose does not name goes along with its parent.
            rotations[bone] = turns.get(self.bones[bone], above)
            shifts[bone] = above @ heads[bone] + moved - rotations[bone] @ heads[bone]
        bent = np.zeros_like(vertices)
        for column in range(self.weights.shape[1]):
            bones, weights = self.weight_bones[:, column], self.weights[:, column, None]
            bent += weights * (np.einsum("vij,vj->vi", rotations[bones], vertices) + shifts[bones])
        joints = np.einsum("jik,jk->ji", rotations, heads) + shifts
        return _laid(bent, joints, pose)


def _laid(vertices: Floats, joints: Floats, pose: Pose) -> tuple[Floats, Floats]:
    """Stand the body on z = 0, or lay it there with the head towards +y (face down: towards -y)."""
    x, y, z = np.eye(3)
    turn = {"no": np.stack([x, y, z]), "face-up": np.stack([x, z, -y]), "face-down": np.stack([x, -z, y])}[pose.lying]
    vertices, joints = vertices @ turn.T, joints @ turn.T
    low, high = vertices.min(axis=0), vertices.max(axis=0)
    # Left-right the spine stays at 0; lying, the middle of the body comes to y = 0.
    offset = np.array([0.0, 0.0 if pose.lying == "no" else (low[1] + high[1]) / 2, low[2]])
    return vertices - offset, joints - offset


def _turns(pose: Pose, head: Mapping[str, Floats]) -> dict[str, Floats]:
    """Rotation (3, 3) against the rest pose of each bone that starts a bend."""
    turns: dict[str, Floats] = {}
    for side, left in (("L", 1.0), ("R", -1.0)):
        turns |= _arm(pose, head, side, left) | _leg(pose, head, side, left)
    return turns


def _arm(pose: Pose, head: Mapping[str, Floats], side: str, left: float) -> dict[str, Floats]:
    shoulder, elbow, wrist = (head[f"{bone}.{side}"] for bone in ("upperarm01", "lowerarm01", "wrist"))
    index, middle, little = (head[f"finger{n}-1.{side}"] for n in (2, 3, 5))
    away, bend = np.radians(pose.arm), np.radians(pose.elbow)
    upper = np.array([left * np.sin(away), 0.0, -np.cos(away)])
    fore = np.cos(bend) * upper + np.sin(bend) * np.array([0.0, -1.0, 0.0])
    upper_turn = _between(elbow - shoulder, upper)
    fore_turn = _between(upper_turn @ (wrist - elbow), fore) @ upper_turn
    # The palm looks along little x index on the left hand, and against it on the right one.
    palm = fore_turn @ (left * np.cross(little - wrist, index - wrist))
    facing = np.radians(pose.palm)
    twist = _angle_about(fore, palm, np.array([-left * np.sin(facing), -np.cos(facing), 0.0]))
    hand_turn = _about(fore, twist) @ fore_turn
    return {
        f"upperarm01.{side}": upper_turn,
        # The forearm's skin is wrung evenly between elbow and wrist, as when the radius turns about the ulna.
        f"lowerarm01.{side}": _about(fore, 0.25 * twist) @ fore_turn,
        f"lowerarm02.{side}": _about(fore, 0.70 * twist) @ fore_turn,
        f"wrist.{side}": _between(hand_turn @ (middle - wrist), fore) @ hand_turn,
    }


def _leg(pose: Pose, head: Mapping[str, Floats], side: str, left: float) -> dict[str, Floats]:
    thigh, shin = head[f"lowerleg01.{side}"] - head[f"upperleg01.{side}"], head[f"foot.{side}"]
    shin = shin - head[f"lowerleg01.{side}"]
    sideways = np.array([1.0, 0.0, 0.0])
    rolled = _about(thigh, np.radians(-left * pose.turned_out))
    thigh_turn = _about(sideways, np.radians(-pose.hip)) @ rolled
    # Bent from where it is at rest, about the body's left-right axis.
    shin_turn = _about(sideways, np.radians(pose.knee)) @ thigh_turn
    # A standing foot stays flat whatever the knee does; lying it follows the leg.
    flat = np.eye(3) if pose.lying == "no" else shin_turn
    foot_turn = _about(sideways, np.radians(pose.foot)) @ flat
    return {f"upperleg01.{side}": thigh_turn, f"lowerleg01.{side}": shin_turn, f"foot.{side}": foot_turn}


def _about(axis: Floats, angle: float) -> Floats:
    """Rotation (3, 3) by an angle in radians about an axis (Rodrigues)."""
    x, y, z = axis / np.linalg.norm(axis)
    cross = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    return np.asarray(np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross)


def _between(start: Floats, end: Floats) -> Floats:
    """The shortest rotation (3, 3) that turns one direction into another, which is not its opposite."""
    axis = np.cross(start, end)
    length = float(np.linalg.norm(axis))
    if length < 1e-12:
        return np.eye(3)
    return _about(axis, float(np.arctan2(length, start @ end)))


def _angle_about(axis: Floats, start: Floats, end: Floats) -> float:
    """Angle in radians about an axis that brings one direction as near as it can to another."""
    unit = axis / np.linalg.norm(axis)
    flat_start, flat_end = start - unit * (unit @ start), end - unit * (unit @ end)
    return float(np.arctan2(unit @ np.cross(flat_start, flat_end), flat_start @ flat_end))
