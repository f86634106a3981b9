"""Bodies of digital phantoms: meshes in metres whose every face knows its chart surface.

``bodies.npz`` was baked by ``scripts/bake_bodies.py``; how the chart's borders were drawn is told in
``docs/bodies.md``. All bodies share one mesh: the same vertex and the same face are the same place of the skin.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bsa_measure.chart import load_chart
from bsa_measure.errors import PhantomError

from .pose import POSES, Rig
from .subdivision import Split, split, triangles

Floats = NDArray[np.float64]

#: What can look different from plain skin, in the order of the numbers in ``Body.parts``.
PARTS = (
    "skin", "scalp", "eyebrow", "lash", "lips", "ear", "areola", "genital", "nail-finger", "nail-toe", "mouth",
)  # fmt: skip

_MAX_SUBDIVISIONS = 3
# Labels are stored for the mesh after two subdivisions: 16 to a quad.
_LABEL_LEVEL = 2
_JOINTS = {
    "shoulder": "upperarm01", "elbow": "lowerarm01", "wrist": "wrist", "knuckle": "finger3-1", "hip": "upperleg01",
    "knee": "lowerleg01", "ankle": "foot", "toe": "toe1-1",
}  # fmt: skip


@dataclass(frozen=True)
class Body:
    """A body in a pose. x runs towards the patient's left; standing, z is up and the front faces -y.

    Attributes:
        name: as in :func:`body_names`.
        sex: ``female`` or ``male``.
        age_years: what the shape stands for.
        height_cm: of the body standing straight.
        weight_kg: volume of the mesh times 980 kg/m³.
        pose: as in ``pose.POSES``.
        vertices: (V, 3) float64, metres, posed. Standing on, or lying on, z = 0.
        rest: (V, 3) float64, metres, in the pose the skin is painted in, whatever the pose.
        faces: (F, 3) int32, wound so that the normal points outward.
        surface: (F,) uint8, n = the n-th surface of the Lund-Browder chart, counted from 1; 0 = inside the mouth.
        parts: (F,) uint8, number in :data:`PARTS`.
        landmarks: name to its place (3,) in ``rest``.
        landmark_vertices: name to its vertex, for the place in the pose.
        joints: name to its place (3,) in the pose.
    """

    name: str
    sex: str
    age_years: float
    height_cm: float
    weight_kg: float
    pose: str
    vertices: Floats
    rest: Floats
    faces: NDArray[np.int32]
    surface: NDArray[np.uint8]
    parts: NDArray[np.uint8]
    landmarks: Mapping[str, Floats]
    landmark_vertices: Mapping[str, int]
    joints: Mapping[str, Floats]


def body_names() -> tuple[str, ...]:
    """Names of the bodies that come with the program, youngest first."""
    return tuple(str(name) for name in _baked()["names"])


def load_body(name: str, pose: str = "standing", subdivisions: int = 1) -> Body:
    """A body in a pose. The same arguments give the same bytes.

    Args:
        name: one of :func:`body_names`.
        pose: one of ``pose.POSES``.
        subdivisions: 0 to 3. On an adult 1 gives 100,000 faces, 11 mm long on the trunk and 2 mm on the face; each
            further step halves their length.

    Raises:
        PhantomError: there is no such body, pose or subdivision.
    """
    if name not in body_names():
        raise PhantomError(f"There is no body named {name!r}: use one of {', '.join(body_names())}.")
    if pose not in POSES:
        raise PhantomError(f"There is no pose named {pose!r}: use one of {', '.join(POSES)}.")
    if subdivisions not in range(_MAX_SUBDIVISIONS + 1):
        raise PhantomError(f"A body cannot be subdivided {subdivisions} times: use 0 to {_MAX_SUBDIVISIONS}.")
    baked = _baked()
    number = body_names().index(name)
    rest = baked["rest"][number].astype(np.float64)
    posed, joints = _rig().bend(rest, baked["heads"][number].astype(np.float64), POSES[pose])
    for level in range(subdivisions):
        step = _split(level)
        rest, posed = step.apply(rest), step.apply(posed)
    posed[:, 2] -= posed[:, 2].min()
    quads = baked["quads"] if subdivisions == 0 else _split(subdivisions - 1).finer
    landmark_vertices = {
        str(key): int(vertex) for key, vertex in zip(baked["landmarks"], baked["landmark_vertices"], strict=True)
    }
    about = baked["about"][number]
    return Body(
        name=name,
        sex=str(baked["sexes"][number]),
        age_years=float(about[0]),
        height_cm=float(about[1]),
        weight_kg=float(about[2]),
        pose=pose,
        vertices=_fixed(posed),
        rest=_fixed(rest),
        faces=_fixed(triangles(quads)),
        surface=_fixed(np.repeat(_labels(baked["surface"], subdivisions), 2)),
        parts=_fixed(np.repeat(_labels(baked["parts"], subdivisions), 2)),
        landmarks=MappingProxyType({key: rest[vertex] for key, vertex in landmark_vertices.items()}),
        landmark_vertices=MappingProxyType(landmark_vertices),
        joints=MappingProxyType(_named_joints(joints, posed[landmark_vertices["head-top"]])),
    )


def face_areas(vertices: Floats, faces: NDArray[np.integer]) -> Floats:
    """Area (F,) of each triangle, in m² when the vertices (V, 3) are in metres."""
    a, b, c = (vertices[faces[:, corner]] for corner in range(3))
    return np.asarray(np.linalg.norm(np.cross(b - a, c - a), axis=1) / 2)


def vertex_normals(vertices: Floats, faces: NDArray[np.integer]) -> Floats:
    """Outward unit normals (V, 3), each the mean of its faces weighted by their area."""
    a, b, c = (vertices[faces[:, corner]] for corner in range(3))
    across = np.cross(b - a, c - a)
    sums = [np.bincount(faces.ravel(), np.repeat(across[:, k], 3), minlength=len(vertices)) for k in range(3)]
    normals = np.stack(sums, axis=1)
    return np.asarray(normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-30))


def bsa_square_metres(body: Body) -> float:
    """Body surface area of this very mesh: its skin only, in m²."""
    return float(face_areas(body.vertices, body.faces)[body.surface > 0].sum())


def surface_shares(body: Body) -> dict[str, float]:
    """Share of each chart surface in the mesh's skin, in % of its BSA; they sum to 100."""
    names = load_chart("lund-browder").surfaces
    areas = np.bincount(body.surface, face_areas(body.vertices, body.faces), minlength=len(names) + 1)[1:]
    return {name: float(share) for name, share in zip(names, 100 * areas / areas.sum(), strict=True)}


def _labels(stored: NDArray[np.uint8], subdivisions: int) -> NDArray[np.uint8]:
    """Labels (Q, 16) of the twice subdivided mesh, for the quads of another level: most frequent, else inherited."""
    if subdivisions >= _LABEL_LEVEL:
        return np.repeat(stored.ravel(), 4 ** (subdivisions - _LABEL_LEVEL))
    grouped = stored.reshape(-1, 4 ** (_LABEL_LEVEL - subdivisions))
    votes = np.stack([(grouped == grouped[:, [k]]).sum(axis=1) for k in range(grouped.shape[1])], axis=1)
    return np.asarray(grouped[np.arange(len(grouped)), votes.argmax(axis=1)])


def _named_joints(joints: Floats, head_top: Floats) -> dict[str, Floats]:
    place = dict(zip(_rig().bones, joints, strict=True))
    named = {
        f"{joint}-{side}": place[f"{bone}.{letter}"]
        for joint, bone in _JOINTS.items()
        for side, letter in (("left", "L"), ("right", "R"))
    }
    return named | {"neck": place["neck01"], "head": place["head"], "pelvis": place["root"], "head-top": head_top}


def _fixed(array: Any) -> Any:
    array.flags.writeable = False
    return array


@cache
def _baked() -> dict[str, NDArray[Any]]:
    with resources.as_file(resources.files("bsa_measure.phantom") / "bodies.npz") as path, np.load(path) as arrays:
        return {name: arrays[name] for name in arrays.files}


@cache
def _rig() -> Rig:
    baked = _baked()
    weights = baked["weights"].astype(np.float64)
    return Rig(
        bones=tuple(str(bone) for bone in baked["bones"]),
        parents=baked["parents"].astype(np.int64),
        weight_bones=baked["weight_bones"].astype(np.int64),
        weights=weights / weights.sum(axis=1, keepdims=True),
    )


@cache
def _split(level: int) -> Split:
    """The step from ``level`` subdivisions to one more; the same for every body."""
    if level == 0:
        baked = _baked()
        return split(baked["quads"], baked["rest"].shape[1])
    coarser = _split(level - 1)
    return split(coarser.finer, int(coarser.finer.max()) + 1)
