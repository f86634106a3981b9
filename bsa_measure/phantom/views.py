"""Where the camera stands for each standard view.

The camera looks along the mean normal of the view's surfaces, with the end nearer the head at the top; soles are
shown toes up. Distance and framing follow from the field of view; a nurse's tilt, roll and framing are added.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from bsa_measure.chart import load_chart
from bsa_measure.errors import PhantomError
from bsa_measure.protocol import standard_views

from .body import Body, face_areas
from .raster import Camera, look_at, pixel_areas, rasterize

Floats = NDArray[np.float64]

_DOCUMENTATION = {"head-left-lateral": 1.0, "head-right-lateral": -1.0}
_HEAD = ("head-anterior", "head-posterior", "neck-anterior", "neck-posterior")


@dataclass(frozen=True)
class Aim:
    """How a photograph is taken.

    Attributes:
        field: field of view along the longer side, degrees.
        fill: share of the frame that the part fills.
        tilt: (2,) degrees off the standard direction, sideways and up.
        roll: degrees.
        shift: (2,) framing error, shares of the frame.
    """

    field: float
    fill: float
    tilt: tuple[float, float]
    roll: float
    shift: tuple[float, float]


def draw_aim(rng: Generator) -> Aim:
    """A phone's or compact camera's field of view, and a careful but human hand: 68 % within 5°, none beyond 15°."""
    field = float(rng.choice([36.0, 42.0, 50.0, 58.0], p=[0.3, 0.3, 0.25, 0.15]) * rng.uniform(0.95, 1.05))
    tilt = np.clip(rng.normal(0, 4.5, 2), -15, 15)
    shift = np.clip(rng.normal(0, 0.012, 2), -0.04, 0.04)
    return Aim(
        field,
        float(rng.uniform(0.85, 0.96)),
        (float(tilt[0]), float(tilt[1])),
        float(np.clip(rng.normal(0, 2.5), -8, 8)),
        (float(shift[0]), float(shift[1])),
    )


def view_surfaces(view: str) -> tuple[str, ...]:
    """Chart surfaces that a view is framed on; the lateral head views, which carry no weight, are framed on the head.

    Raises:
        PhantomError: neither a standard view nor a surface of the chart.
    """
    if view in _DOCUMENTATION:
        return _HEAD
    if view in standard_views():
        return standard_views()[view].surfaces
    if view in load_chart("lund-browder").surfaces:
        return (view,)
    raise PhantomError(f"There is no view named {view!r}: use one of {', '.join(standard_views())}.")


def surface_numbers(surfaces: tuple[str, ...]) -> list[int]:
    """1-based numbers of chart surfaces, as in ``Body.surface``."""
    names = load_chart("lund-browder").surfaces
    return [names.index(surface) + 1 for surface in surfaces]


def body_axes(body: Body) -> Floats:
    """Rows (3, 3): towards the patient's left, front, and head, in the pose."""
    up = body.joints["neck"] - body.joints["pelvis"]
    up = up / np.linalg.norm(up)
    left = body.joints["shoulder-left"] - body.joints["shoulder-right"]
    left = left - up * (left @ up)
    left /= np.linalg.norm(left)
    return np.stack([left, np.cross(left, up), up])


def aim_camera(body: Body, view: str, aim: Aim, long_side: int) -> Camera:
    """The camera of one photograph of a posed body; portrait or landscape, 4 : 3, whichever fits the part."""
    surfaces = view_surfaces(view)
    numbers = surface_numbers(surfaces)
    chosen = np.isin(body.surface, numbers)
    corners = body.vertices[np.unique(body.faces[chosen])]
    left, front, head = body_axes(body)
    direction, up = _directions(body, view, numbers, chosen, left, front, head)
    right = np.cross(-direction, up)
    extent = [float(np.ptp(corners @ right)), float(np.ptp(corners @ up))]
    portrait = extent[1] > extent[0] * 1.05
    short = round(long_side * 3 / 4)
    width, height = (short, long_side) if portrait else (long_side, short)
    focal = long_side / 2 / np.tan(np.radians(aim.field) / 2)
    sideways, upwards = np.radians(aim.tilt)
    tilted = direction + np.tan(sideways) * right + np.tan(upwards) * up
    tilted /= np.linalg.norm(tilted)
    target = (corners.max(axis=0) + corners.min(axis=0)) / 2
    distance = max(extent) * 1.6 + 0.2
    camera = Camera(target, np.eye(3), focal, width, height, (width / 2, height / 2))
    for _ in range(6):
        eye = target + tilted * distance
        camera = Camera(eye, look_at(eye, target, up, aim.roll), focal, width, height, (width / 2, height / 2))
        seen = camera.project(corners)
        low, high = seen[:, :2].min(axis=0), seen[:, :2].max(axis=0)
        share = ((high - low) / np.array([width, height])).max()
        middle = (low + high) / 2 - np.array([width, height]) * (0.5 + np.array(aim.shift))
        target = target + (middle[0] * camera.axes[0] + middle[1] * camera.axes[1]) * distance / focal
        nearest = float(((corners - eye) @ camera.axes[2]).min())
        # What bulges towards the camera keeps its distance when the camera moves.
        distance += nearest * (share / aim.fill - 1)
    return camera


def _directions(
    body: Body, view: str, numbers: list[int], chosen: NDArray[np.bool_], left: Floats, front: Floats, head: Floats
) -> tuple[Floats, Floats]:
    """Towards the camera, and towards the top of the picture; unit length, at right angles."""
    up = head
    if view in _DOCUMENTATION:
        direction = left * _DOCUMENTATION[view]
    else:
        a, b, c = (body.vertices[body.faces[chosen][:, k]] for k in range(3))
        direction = np.cross(b - a, c - a).sum(axis=0)
    if view == "feet-plantar" or (view.startswith("foot") and view.endswith("plantar")):
        joints = body.joints
        up = joints["toe-left"] + joints["toe-right"] - joints["ankle-left"] - joints["ankle-right"]
    elif len(numbers) > 1 and not view.startswith(("head", "buttocks")):
        areas = face_areas(body.vertices, body.faces)
        centers = body.vertices[body.faces].mean(axis=1)
        ends = [
            np.average(centers[body.surface == n], axis=0, weights=areas[body.surface == n])
            for n in (numbers[0], numbers[-1])
        ]
        up = ends[0] - ends[1]
    elif view.startswith(("hand", "forearm", "upper-arm", "leg", "thigh", "foot")):
        chain = {"hand": ("wrist", "knuckle"), "forearm": ("elbow", "wrist"), "upper": ("shoulder", "elbow"),
                 "thigh": ("hip", "knee"), "leg": ("knee", "ankle"), "foot": ("ankle", "toe")}  # fmt: skip
        first, last = chain[view.split("-")[0]]
        side = "left" if "-left-" in view else "right"
        up = body.joints[f"{first}-{side}"] - body.joints[f"{last}-{side}"]
    if view in ("feet-plantar",) or view.startswith("foot"):
        up = up - direction * (up @ direction) / (direction @ direction)
    else:
        direction = direction - up * (up @ direction) / (up @ up)
    return direction / np.linalg.norm(direction), up / np.linalg.norm(up)


def seen_share(body: Body, view: str, camera: Camera) -> float:
    """Share of the area of the view's surfaces that the camera sees, judged at a low resolution."""
    scale = 200 / max(camera.width, camera.height)
    small = Camera(camera.eye, camera.axes, camera.focal * scale, round(camera.width * scale),
                   round(camera.height * scale), (camera.center[0] * scale, camera.center[1] * scale))  # fmt: skip
    buffers = rasterize(body.vertices, body.faces, small)
    a, b, c = (body.vertices[body.faces[:, k]] for k in range(3))
    normal = np.cross(b - a, c - a)
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-20)
    area = pixel_areas(small, buffers, normal[np.maximum(buffers.face, 0)].astype(np.float32))
    chosen = np.isin(body.surface, surface_numbers(view_surfaces(view)))
    on_view = (buffers.face >= 0) & chosen[np.maximum(buffers.face, 0)]
    return float(area[on_view].sum() / face_areas(body.vertices, body.faces)[chosen].sum())
