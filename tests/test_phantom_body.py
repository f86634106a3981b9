"""The bodies of the phantoms: closed, the right size, the right way round, and divided as the chart is."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from bsa_measure.chart import load_chart
from bsa_measure.errors import PhantomError
from bsa_measure.phantom import body as body_module
from bsa_measure.phantom.body import (
    PARTS,
    Body,
    body_names,
    bsa_square_metres,
    face_areas,
    load_body,
    surface_shares,
    vertex_normals,
)
from bsa_measure.phantom.pose import POSES
from bsa_measure.phantom.shares import (
    du_bois_square_metres,
    misplaced_percent,
    mosteller_square_metres,
    share_table,
)
from bsa_measure.phantom.subdivision import split, triangles

ROOT = Path(__file__).resolve().parents[1]
SURFACES = load_chart("lund-browder").surfaces

# Bodies are read-only, so the tests share them.
loaded = cache(load_body)


def faces_of(body: Body, surface: str) -> np.ndarray:
    return body.surface == SURFACES.index(surface) + 1


def facing(body: Body, surface: str) -> np.ndarray:
    """Mean direction that a surface looks into."""
    corners = body.vertices[body.faces[faces_of(body, surface)]]
    mean = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]).sum(axis=0)
    return mean / np.linalg.norm(mean)


def centre(body: Body, surface: str) -> np.ndarray:
    inside = faces_of(body, surface)
    weights = face_areas(body.vertices, body.faces)[inside]
    return np.average(body.vertices[body.faces[inside]].mean(axis=1), axis=0, weights=weights)


def test_the_bodies_span_the_patients() -> None:
    bodies = [loaded(name, subdivisions=0) for name in body_names()]
    assert len(bodies) >= 16
    assert {body.sex for body in bodies} == {"female", "male"}
    assert {load_chart("lund-browder").column(body.age_years) for body in bodies} >= {"1", "5", "10", "15", "adult"}
    bmi = [body.weight_kg / (body.height_cm / 100) ** 2 for body in bodies if body.age_years >= 18]
    assert min(bmi) < 18.5
    assert max(bmi) > 35


def test_every_face_looks_outward() -> None:
    body = loaded("man-45")
    directed = np.concatenate([body.faces[:, [0, 1]], body.faces[:, [1, 2]], body.faces[:, [2, 0]]]).astype(np.int64)
    forward = directed[:, 0] * len(body.vertices) + directed[:, 1]
    backward = directed[:, 1] * len(body.vertices) + directed[:, 0]
    # Neighbours wound the same way run along their common edge in opposite directions, each once.
    assert len(np.unique(forward)) == len(forward)
    open_edges = ~np.isin(forward, backward)
    assert open_edges.mean() < 0.005
    # What is open are the slits of the closed lids, and nothing else.
    head = body.joints["head"]
    assert np.linalg.norm(body.vertices[directed[open_edges].ravel()] - head, axis=1).max() < 0.2
    # All bodies have these faces; that each is wound outward shows in the sign of its volume.
    for name in body_names():
        body = loaded(name, subdivisions=0)
        corners = body.rest[body.faces]
        volume = np.einsum("fk,fk->f", np.cross(corners[:, 0], corners[:, 1]), corners[:, 2]).sum() / 6
        assert volume * 980 == pytest.approx(body.weight_kg, rel=0.05), name


@pytest.mark.parametrize("name", body_names())
def test_the_area_is_that_of_a_person_of_this_size(name: str) -> None:
    body = loaded(name)
    assert bsa_square_metres(body) == pytest.approx(du_bois_square_metres(body.height_cm, body.weight_kg), rel=0.05)
    assert np.ptp(body.rest[:, 2]) * 100 == pytest.approx(body.height_cm, abs=0.1)


def test_the_formulas_give_their_published_values() -> None:
    assert du_bois_square_metres(175, 70) == pytest.approx(1.848, abs=0.0005)
    assert mosteller_square_metres(180, 80) == pytest.approx(2.0)


@pytest.mark.parametrize("name", body_names())
def test_all_surfaces_are_there_and_both_sides_alike(name: str) -> None:
    shares = surface_shares(loaded(name))
    assert tuple(shares) == SURFACES
    assert min(shares.values()) > 0.2
    assert sum(shares.values()) == pytest.approx(100)
    for surface in SURFACES:
        if "-left" in surface:
            assert shares[surface] == pytest.approx(shares[surface.replace("-left", "-right")], rel=0.03)
    assert 0.7 < shares["genitalia"] < 1.7


@pytest.mark.parametrize("name", ["man-45", "woman-45-obese", "girl-1"])
def test_surfaces_lie_where_their_names_say(name: str) -> None:
    body = loaded(name)
    for surface in SURFACES:
        if surface.endswith(("-anterior", "-palmar")):
            # Under a baby's chin the neck looks down more than forward.
            assert facing(body, surface)[1] < (-0.3 if surface.startswith("neck") else -0.6), surface
        elif surface.endswith(("-posterior", "-dorsal")) and not surface.startswith("foot"):
            assert facing(body, surface)[1] > 0.6, surface
        if "-left" in surface:
            assert centre(body, surface)[0] > 0.02, surface
        if "-right" in surface:
            assert centre(body, surface)[0] < -0.02, surface
    assert facing(body, "foot-left-plantar")[2] < -0.9
    assert facing(body, "foot-left-dorsal")[2] > 0.5
    for side in ("left", "right"):
        chain = [f"upper-arm-{side}-anterior", f"forearm-{side}-anterior", f"hand-{side}-palmar"]
        chain_down = [abs(centre(body, surface)[0]) for surface in chain]
        assert chain_down == sorted(chain_down)
        heights = [
            centre(body, surface)[2]
            for surface in (
                f"foot-{side}-plantar",
                f"leg-{side}-posterior",
                f"thigh-{side}-posterior",
                f"buttock-{side}",
                "trunk-posterior",
                "neck-posterior",
                "head-posterior",
            )
        ]
        assert heights == sorted(heights)


def test_limbs_end_at_their_joints() -> None:
    body = loaded("man-45", subdivisions=2)
    middles = body.vertices[body.faces].mean(axis=1)
    elbow, wrist, knee = (body.joints[f"{joint}-left"] for joint in ("elbow", "wrist", "knee"))
    along = (wrist - elbow) / np.linalg.norm(wrist - elbow)
    forearm = (middles[faces_of(body, "forearm-left-anterior")] - elbow) @ along
    assert forearm.min() == pytest.approx(0, abs=0.01)
    assert forearm.max() == pytest.approx(np.linalg.norm(wrist - elbow), abs=0.015)
    assert middles[faces_of(body, "thigh-left-anterior"), 2].min() == pytest.approx(knee[2], abs=0.025)


@pytest.mark.parametrize("pose", POSES)
def test_a_pose_moves_the_skin_but_keeps_it(pose: str) -> None:
    for name in ("woman-25", "boy-5"):
        standing, posed = loaded(name), loaded(name, pose)
        assert bsa_square_metres(posed) == pytest.approx(bsa_square_metres(standing), rel=0.02)
        assert posed.rest.tobytes() == standing.rest.tobytes()
        assert posed.faces.tobytes() == standing.faces.tobytes()
        assert posed.surface.tobytes() == standing.surface.tobytes()
        assert posed.vertices[:, 2].min() == pytest.approx(0, abs=1e-9)
        shares, still = surface_shares(posed), surface_shares(standing)
        assert max(abs(shares[s] - still[s]) for s in SURFACES) < 0.6


def angle(first: np.ndarray, second: np.ndarray) -> float:
    return float(np.degrees(np.arccos(first @ second / np.linalg.norm(first) / np.linalg.norm(second))))


@pytest.mark.parametrize(("pose", "away", "elbow_bend"), [("standing", 30, 0), ("arms-down", 14, 6), ("bent", 30, 50)])
def test_limbs_are_bent_as_the_pose_says(pose: str, away: float, elbow_bend: float) -> None:
    joints = loaded("woman-45", pose).joints
    for side in ("left", "right"):
        shoulder, elbow, wrist = (joints[f"{joint}-{side}"] for joint in ("shoulder", "elbow", "wrist"))
        assert angle(elbow - shoulder, np.array([0, 0, -1.0])) == pytest.approx(away, abs=0.01)
        # The forearm's two bones are not quite in line, so wringing it moves the wrist by a degree.
        assert angle(wrist - elbow, elbow - shoulder) == pytest.approx(elbow_bend, abs=1.5)


def test_lying_bodies_face_up_or_down() -> None:
    for pose, sign in (("lying", 1), ("prone", -1)):
        body = loaded("man-70", pose)
        assert sign * facing(body, "trunk-anterior")[2] > 0.6
        assert sign * (body.joints["head-top"] - body.joints["pelvis"])[1] > 0.5
        assert np.ptp(body.vertices[:, 2]) < 0.45
        assert body.joints["hip-left"][0] > 0


def test_subdividing_refines_without_moving_borders() -> None:
    coarse, fine = loaded("woman-70", subdivisions=1), loaded("woman-70", subdivisions=2)
    assert len(fine.faces) == 4 * len(coarse.faces)
    assert bsa_square_metres(fine) == pytest.approx(bsa_square_metres(coarse), rel=0.01)
    shares, finer = surface_shares(coarse), surface_shares(fine)
    assert max(abs(shares[s] - finer[s]) for s in SURFACES) < 0.2
    # Each quad of the coarse mesh has the label that most of its four quarters have.
    quarters = fine.surface[::2].reshape(-1, 4)
    agree = (quarters == coarse.surface[::2, None]).sum(axis=1)
    assert agree.min() >= 1
    assert (agree == 4).mean() > 0.95
    for name, vertex in coarse.landmark_vertices.items():
        assert np.linalg.norm(coarse.vertices[vertex] - fine.vertices[vertex]) < 0.002, name


def test_skin_looks_are_where_they_belong() -> None:
    body = loaded("man-25", subdivisions=2)
    middles = body.rest[body.faces].mean(axis=1)
    areas = face_areas(body.rest, body.faces) * 1e4

    def part(name: str) -> np.ndarray:
        return body.parts == PARTS.index(name)

    for side in ("left", "right"):
        near = np.linalg.norm(middles - body.landmarks[f"nipple-{side}"], axis=1) < 0.03
        assert 1 < areas[part("areola") & near].sum() < 25
        eye = body.landmarks[f"eye-{side}"]
        brow = middles[part("eyebrow") & ((middles[:, 0] > 0) == (eye[0] > 0))]
        assert eye[2] + 0.005 < brow[:, 2].mean() < eye[2] + 0.04
        hand = faces_of(body, f"hand-{side}-dorsal")
        assert 2 < areas[part("nail-finger") & hand].sum() < 12
    head = faces_of(body, "head-anterior") | faces_of(body, "head-posterior") | faces_of(body, "neck-posterior")
    assert head[part("scalp")].all()
    assert 350 < areas[part("scalp")].sum() < 900
    assert (body.surface[part("mouth")] == 0).all()
    assert (body.surface[~part("mouth")] > 0).all()
    assert faces_of(body, "genitalia")[part("genital")].all()
    lips = middles[part("lips")]
    assert np.linalg.norm(lips - body.landmarks["mouth"], axis=1).max() < 0.06


def test_landmarks_are_on_their_side_and_in_order() -> None:
    for name in body_names():
        body = loaded(name)
        places = body.landmarks
        down = ["head-top", "eye-left", "nose", "mouth", "chin", "notch", "nipple-left", "navel", "crotch", "knee-left"]
        heights = [places[landmark][2] for landmark in down]
        assert heights == sorted(heights, reverse=True), name
        for landmark, place in places.items():
            assert place.tobytes() == body.rest[body.landmark_vertices[landmark]].tobytes()
            if landmark.endswith("-left"):
                mirrored = places[landmark.replace("-left", "-right")] * [-1, 1, 1]
                assert np.linalg.norm(place - mirrored) < 0.01, landmark
            elif not landmark.endswith("-right"):
                assert abs(place[0]) < 0.006, landmark


def test_the_same_arguments_give_the_same_bytes() -> None:
    first = load_body("girl-10", "bent")
    for cached in (body_module._baked, body_module._rig, body_module._split):
        cached.cache_clear()
    second = load_body("girl-10", "bent")
    for field in ("vertices", "rest", "faces", "surface", "parts"):
        assert getattr(first, field).tobytes() == getattr(second, field).tobytes()
    with pytest.raises(ValueError, match="read-only"):
        first.vertices[0, 0] = 1.0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("nobody",), "no body named 'nobody'"),
        (("man-25", "flying"), "no pose"),
        (("man-25", "standing", 9), "9 times"),
    ],
)
def test_what_does_not_exist_is_refused(arguments: tuple[str, ...], words: str) -> None:
    with pytest.raises(PhantomError, match=words):
        load_body(*arguments)


def test_loading_a_body_needs_numpy_only() -> None:
    code = (
        "import sys; from bsa_measure.phantom.body import load_body; load_body('man-25');"
        "print(sorted({'torch', 'anny', 'numba', 'scipy', 'cv2'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"


def test_a_cube_is_rounded_as_catmull_and_clark_did() -> None:
    cube = np.array([[x, y, z] for x in (-1.0, 1) for y in (-1.0, 1) for z in (-1.0, 1)])
    quads = np.array([[0, 1, 3, 2], [4, 6, 7, 5], [0, 4, 5, 1], [2, 3, 7, 6], [0, 2, 6, 4], [1, 5, 7, 3]])
    step = split(quads, 8)
    fine = step.apply(cube)
    # By hand: a corner goes to (1/3 + 2 · 2/3 + 0) / 3 = 5/9, an edge to the mean of 1 and 1/2, a face stays.
    assert np.allclose(np.abs(fine[:8]), 5 / 9)
    assert np.allclose(np.sort(np.abs(fine[8:20]), axis=1), [0, 0.75, 0.75])
    assert np.allclose(np.sort(np.abs(fine[20:]), axis=1), [0, 0, 1])
    # Children 4 q … 4 q + 3 touch the corners of their parent q in turn.
    assert (step.finer[:, 0] == quads.ravel()).all()
    # Every new face looks outward as the old ones do.
    faces = triangles(step.finer)
    normals = np.cross(fine[faces[:, 1]] - fine[faces[:, 0]], fine[faces[:, 2]] - fine[faces[:, 0]])
    assert (np.einsum("fk,fk->f", normals, fine[faces].mean(axis=1)) > 0).all()
    outward = vertex_normals(fine, faces)
    assert (np.einsum("vk,vk->v", outward, fine) > 0).all()


def test_the_border_of_an_open_mesh_stays_in_its_plane() -> None:
    square = np.array([[0.0, 0, 5], [1, 0, 5], [1, 1, 5], [0, 1, 5]])
    fine = split(np.array([[0, 1, 2, 3]]), 4).apply(square)
    assert np.allclose(fine[0], [0.125, 0.125, 5])
    assert np.allclose(fine[4:8, 2], 5)
    assert np.allclose(fine[8], [0.5, 0.5, 5])


def test_the_table_sets_the_mesh_beside_the_chart() -> None:
    bodies = [loaded("girl-5"), loaded("man-45")]
    table = share_table(bodies)
    assert len(table) == 2 * 33
    for body in bodies:
        rows = [row for row in table if row.body == body.name]
        assert sum(row.mesh_percent for row in rows) == pytest.approx(100)
        assert sum(row.chart_percent for row in rows) == pytest.approx(100)
        too_much = sum(max(row.chart_percent - row.mesh_percent, 0) for row in rows)
        assert misplaced_percent(body) == pytest.approx(too_much)
    by_surface = {row.surface: row for row in table if row.body == "girl-5"}
    assert by_surface["head-anterior"].chart_percent == 6.5
    assert by_surface["head-anterior"].column == "5"


def test_the_page_tells_what_the_meshes_are() -> None:
    pytest.importorskip("numba")
    spec = importlib.util.spec_from_file_location("bodies_page", ROOT / "scripts" / "bodies_page.py")
    assert spec is not None
    assert spec.loader is not None
    page = importlib.util.module_from_spec(spec)
    path = list(sys.path)
    spec.loader.exec_module(page)
    sys.path[:] = path
    bodies = [loaded(name) for name in body_names()]
    text = (ROOT / "docs" / "bodies.md").read_text(encoding="utf-8")
    for measured in (page.area_table(bodies), page.age_table(bodies)):
        heading = measured.splitlines()[0]
        start = text.index(heading)
        printed = text[start : text.index("\n\n", start)]
        assert re.sub(r"[-+]?\d+\.\d+", "#", printed) == re.sub(r"[-+]?\d+\.\d+", "#", measured)
        numbers = [[float(n) for n in re.findall(r"[-+]?\d+\.\d+", table)] for table in (printed, measured)]
        assert np.allclose(numbers[0], numbers[1], atol=0.11)
