"""Noise, cameras, shadows, tones and views of digital phantoms, against values worked out by hand."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

pytest.importorskip("numba")

from bsa_measure.errors import PhantomError
from bsa_measure.phantom.body import load_body
from bsa_measure.phantom.noise import cells, fbm, in_two
from bsa_measure.phantom.patients import generator
from bsa_measure.phantom.raster import Camera, look_at, pixel_areas, rasterize, shadow_map
from bsa_measure.phantom.skin import tone_color
from bsa_measure.phantom.views import Aim, aim_camera, body_axes, draw_aim, seen_share, surface_numbers, view_surfaces
from bsa_measure.protocol import standard_views

STEADY = Aim(field=42.0, fill=0.85, tilt=(0.0, 0.0), roll=0.0, shift=(0.0, 0.0))


def sphere(radius: float, rings: int) -> tuple[np.ndarray, np.ndarray]:
    """Vertices and outward faces of a sphere round the origin."""
    polar = np.linspace(0, np.pi, rings + 1)
    turn = np.linspace(0, 2 * np.pi, 2 * rings, endpoint=False)
    grid = np.stack(
        [np.outer(np.sin(polar), np.cos(turn)), np.outer(np.sin(polar), np.sin(turn)),
         np.outer(np.cos(polar), np.ones_like(turn))], axis=2,
    )  # fmt: skip
    faces = []
    for i in range(rings):
        for j in range(2 * rings):
            a, b = i * 2 * rings + j, i * 2 * rings + (j + 1) % (2 * rings)
            c, d = a + 2 * rings, b + 2 * rings
            faces += [(a, c, b), (b, c, d)]
    return radius * grid.reshape(-1, 3), np.array(faces, np.int32)


def camera_at(eye: tuple[float, float, float], size: int = 400, focal: float = 500.0) -> Camera:
    """A camera that looks at the origin."""
    axes = look_at(np.array(eye), np.zeros(3), np.array([0.0, 0.0, 1.0]))
    return Camera(np.array(eye), axes, focal, size, size, (size / 2, size / 2))


def test_a_place_has_the_same_noise_whatever_else_is_asked() -> None:
    points = np.random.default_rng(0).uniform(-1, 1, (30_000, 3)).astype(np.float32)
    whole = fbm(points, 20, 4, 5)
    assert np.array_equal(whole[12_345:12_350], fbm(points[12_345:12_350], 20, 4, 5))
    assert not np.array_equal(whole, fbm(points, 20, 4, 6))
    assert [len(part) for part in in_two(lambda part: part, points)] == [15_000, 15_000]


def test_noise_is_zero_on_its_lattice_balanced_and_continuous() -> None:
    lattice = np.stack(np.meshgrid(*[np.arange(-3, 4)] * 3), axis=-1).reshape(-1, 3).astype(np.float32)
    assert np.abs(fbm(lattice, 1.0, 1, 3)).max() == 0.0
    points = np.random.default_rng(1).uniform(-9, 9, (20_000, 3)).astype(np.float32)
    values = fbm(points, 1.0, 1, 3)
    assert abs(float(values.mean())) < 0.01
    moved = fbm(points + np.float32(1e-3), 1.0, 1, 3)
    assert float(np.abs(moved - values).max()) < 0.01


def test_cells_tell_the_nearest_centre() -> None:
    points = np.random.default_rng(2).uniform(-5, 5, (4000, 3)).astype(np.float32)
    distance, gap, identity = cells(points, 1.0, 9)
    assert distance.min() >= 0
    assert distance.max() < np.sqrt(3)
    assert gap.min() >= 0
    # Walking a hair's breadth keeps the cell unless the second centre is as near.
    _, _, moved = cells(points + np.float32(1e-4), 1.0, 9)
    assert (moved == identity)[gap > 0.01].all()


def test_a_point_is_drawn_where_the_pinhole_puts_it() -> None:
    camera = camera_at((0.0, -2.0, 0.0))
    # 0.2 m to the right and 0.1 m up, seen from 2 m: 500 * 0.2 / 2 = 50 and 25 pixels from the middle.
    assert camera.project(np.array([[0.2, 0.0, 0.1]])) == pytest.approx(np.array([[250.0, 175.0, 2.0]]))


def test_pixels_add_up_to_the_visible_cap_of_a_sphere() -> None:
    vertices, faces = sphere(0.2, 160)
    camera = camera_at((0.0, -1.0, 0.0))
    buffers = rasterize(vertices, faces, camera)
    a, b, c = (vertices[faces[:, k]] for k in range(3))
    normal = np.cross(b - a, c - a)
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-20)
    area = pixel_areas(camera, buffers, normal[np.maximum(buffers.face, 0)].astype(np.float32))
    # From distance d a sphere of radius R shows a cap of 2 pi R^2 (1 - R/d).
    assert float(area.sum()) == pytest.approx(2 * np.pi * 0.04 * (1 - 0.2), rel=0.01)
    assert buffers.depth[200, 200] == pytest.approx(0.8, abs=1e-3)


def test_of_two_triangles_the_nearer_is_seen() -> None:
    corners = np.array([[-1, 0, -1], [1, 0, -1], [0, 0, 1]], float)
    vertices = np.concatenate([corners + [0, 0.5, 0], corners])
    faces = np.array([[0, 1, 2], [3, 4, 5]], np.int32)
    buffers = rasterize(vertices, faces, camera_at((0.0, -3.0, 0.0)))
    assert buffers.face[200, 200] == 1
    assert buffers.face[5, 5] == -1


def test_what_stands_in_the_light_casts_a_shadow() -> None:
    square = np.array([[-1, -1, 1], [1, -1, 1], [1, 1, 1], [-1, 1, 1]], float)
    shadow = shadow_map(square, np.array([[0, 1, 2], [0, 2, 3]], np.int32), np.array([0.0, 0.0, 1.0]), 64)
    places = np.array([[0, 0, 0], [0, 0, 2], [3, 0, 0], [0.9, -0.9, 0]], float)
    assert shadow.lit(places, 0.01).tolist() == [False, True, True, False]


@pytest.mark.parametrize("ita", [-60.0, -20.0, 5.0, 35.0, 50.0, 65.0])
def test_a_tone_has_the_angle_it_was_asked_for(ita: float) -> None:
    linear = tone_color(ita)
    srgb = np.where(linear < 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    lightness, _, b = cv2.cvtColor(srgb.reshape(1, 1, 3).astype(np.float32), cv2.COLOR_RGB2Lab)[0, 0]
    assert np.degrees(np.arctan2(lightness - 50, b)) == pytest.approx(ita, abs=1.5)


@pytest.mark.parametrize("view", standard_views())
def test_every_standard_view_shows_its_surfaces_whole(view: str) -> None:
    body = load_body("woman-45", subdivisions=0)
    camera = aim_camera(body, view, STEADY, 400)
    chosen = np.isin(body.surface, surface_numbers(view_surfaces(view)))
    seen = camera.project(body.vertices[np.unique(body.faces[chosen])])
    assert seen[:, 0].min() > 0
    assert seen[:, 1].min() > 0
    assert seen[:, 0].max() < camera.width
    assert seen[:, 1].max() < camera.height
    assert seen_share(body, view, camera) > (0.35 if "lateral" in view else 0.55)


def test_the_head_end_is_at_the_top_and_left_is_left() -> None:
    body = load_body("man-25", subdivisions=0)
    row = {}
    for view in ("arm-left-anterior", "lower-limb-right-posterior"):
        camera = aim_camera(body, view, STEADY, 400)
        joints = ("shoulder-left", "wrist-left") if "arm" in view else ("hip-right", "ankle-right")
        row[view] = camera.project(np.array([body.joints[j] for j in joints]))[:, 1]
    assert all(top < bottom for top, bottom in row.values())
    front = aim_camera(body, "trunk-anterior", STEADY, 400)
    back = aim_camera(body, "trunk-posterior", STEADY, 400)
    shoulder = body.joints["shoulder-left"][None]
    # Facing the patient, the patient's left is at the right of the photograph.
    assert front.project(shoulder)[0, 0] > front.width / 2
    assert back.project(shoulder)[0, 0] < back.width / 2
    assert body_axes(body)[1] @ (front.eye - body.joints["pelvis"]) > 0


def test_soles_are_shown_side_by_side_with_the_toes_up() -> None:
    body = load_body("man-25", subdivisions=0)
    camera = aim_camera(body, "feet-plantar", STEADY, 400)
    right, left = (camera.project(body.joints[f"toe-{side}"][None])[0] for side in ("right", "left"))
    assert right[0] < left[0]
    assert right[1] < camera.project(body.joints["ankle-right"][None])[0, 1]


def test_nobody_tilts_a_camera_by_more_than_fifteen_degrees() -> None:
    aims = [draw_aim(generator("aim", n)) for n in range(300)]
    tilts = np.array([aim.tilt for aim in aims])
    assert np.abs(tilts).max() <= 15
    assert 3.5 < tilts.std() < 5.5


def test_an_unknown_view_is_refused_by_name() -> None:
    with pytest.raises(PhantomError, match="'left-ear'"):
        view_surfaces("left-ear")
