"""The course of the disease on a body, and the truth that is integrated from it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("numba")

from bsa_measure.chart import load_chart
from bsa_measure.fractions import Areas
from bsa_measure.phantom.body import Body, face_areas, load_body
from bsa_measure.phantom.disease import Course, Disease, half_time_for, place_cover, sample_skin
from bsa_measure.phantom.patients import PhantomPatient, draw_patient
from bsa_measure.phantom.truth import SurfaceTruth, VisitTruth, truth_tables, visit_truth
from bsa_measure.protocol import load_protocol
from bsa_measure.tissue import Tissue

CHART = load_chart("lund-browder")
COURSE = Course(onset=-4, peak=-1, largest=0.30, healing_from=0.5, steepness=1.5,
                half_time=half_time_for(0.90, 7, 0.5, 1.5))  # fmt: skip


@pytest.fixture(scope="module")
def body() -> Body:
    return load_body("man-45", subdivisions=1)


@pytest.fixture(scope="module")
def patient() -> PhantomPatient:
    return draw_patient(3, 1, body="man-45")


@pytest.fixture(scope="module")
def disease(body: Body, patient: PhantomPatient) -> Disease:
    return Disease(body, COURSE, patient.style)


def readiness(body: Body, disease: Disease) -> np.ndarray:
    samples = sample_skin(body, 1)
    return disease.readiness[body.faces[samples.face]].mean(axis=1)


def test_a_course_heals_what_it_was_made_to_heal() -> None:
    assert COURSE.healed(7) == pytest.approx(0.90)
    assert COURSE.healed(0) == 0
    assert COURSE.ever_detached(-4) == 0
    assert COURSE.ever_detached(-1) == COURSE.ever_detached(9) == 0.30
    assert COURSE.ever_detached(-2.5) == pytest.approx(0.15)


def test_the_mesh_has_as_much_detached_skin_as_the_course_says(body: Body, disease: Disease) -> None:
    for day, detached, healed in ((-5, 0, 0), (0, 30, 0), (7, 3, 27), (15, None, None)):
        truth = visit_truth("A", body, disease, day, CHART)
        if detached is None:
            detached, healed = 30 * (1 - float(COURSE.healed(15))), 30 * float(COURSE.healed(15))
        assert truth.mesh_percent(Tissue.DETACHED) == pytest.approx(detached, abs=0.25)
        assert truth.mesh_percent(Tissue.REEPITHELIALISED) == pytest.approx(healed, abs=0.35)


def test_the_areas_of_the_surfaces_add_up_to_the_body(body: Body, disease: Disease) -> None:
    truth = visit_truth("A", body, disease, 5, CHART)
    skin = face_areas(body.vertices, body.faces)[body.surface > 0].sum()
    assert sum(s.areas.seen for s in truth.surfaces.values()) == pytest.approx(skin)
    assert tuple(truth.surfaces) == CHART.surfaces


def test_skin_goes_from_intact_to_detached_to_healed_and_never_back(body: Body, disease: Disease) -> None:
    samples = sample_skin(body, 1)
    ready = readiness(body, disease)
    before = np.full(len(samples.rest), Tissue.INTACT, np.uint8)
    for day in (-5, -3, -2, 0, 3, 5, 7, 10, 15):
        now = disease.findings(samples.rest, ready, day).tissue
        assert (now >= before).all()
        before = now


def test_a_place_is_the_same_whatever_else_is_looked_at(body: Body, disease: Disease) -> None:
    samples = sample_skin(body, 1)
    ready = readiness(body, disease)
    whole = disease.findings(samples.rest, ready, 5)
    part = disease.findings(samples.rest[500:900], ready[500:900], 5)
    assert np.array_equal(whole.tissue[500:900], part.tissue)
    assert np.array_equal(whole.age[500:900], part.age)


def test_healing_begins_at_the_margins(body: Body, disease: Disease) -> None:
    samples = sample_skin(body, 1)
    found = disease.findings(samples.rest, readiness(body, disease), 4)
    ever = found.tissue != Tissue.INTACT
    healed = found.tissue == Tissue.REEPITHELIALISED
    shallow = ever & (found.excess < np.median(found.excess[ever]))
    assert healed[shallow].mean() > 1.3 * healed[ever & ~shallow].mean()


def test_the_scalp_is_spared_and_the_trunk_is_not(body: Body, disease: Disease) -> None:
    truth = visit_truth("A", body, disease, 0, CHART)
    fraction = {name: s.areas.detached_fraction for name, s in truth.surfaces.items()}
    assert fraction["head-posterior"] < 0.05
    assert (fraction["trunk-anterior"] + fraction["trunk-posterior"]) / 2 > 0.30


def test_late_lesions_add_their_share_outside_the_old_ones(body: Body, patient: PhantomPatient) -> None:
    late = replace(COURSE, late_day=6.0, late=0.02)
    without = visit_truth("A", body, Disease(body, COURSE, patient.style), 6, CHART)
    with_late = visit_truth("A", body, Disease(body, late, patient.style), 6, CHART)
    more = with_late.mesh_percent(Tissue.DETACHED) - without.mesh_percent(Tissue.DETACHED)
    assert more == pytest.approx(2.0, abs=0.15)
    end = visit_truth("A", body, Disease(body, late, patient.style), 15, CHART)
    assert end.mesh_percent(Tissue.REEPITHELIALISED) == pytest.approx(
        100 * (0.30 * float(COURSE.healed(15)) + 0.02), abs=0.4
    )


def test_a_dressing_hides_the_truth_but_does_not_change_it(body: Body, patient: PhantomPatient) -> None:
    spot, size = np.array([0.5, 0.5]), (0.08, 0.05)
    cover = place_cover(body, "dressing", "trunk-anterior", spot, size, 0, 5, wrap=False)
    covered = Disease(body, COURSE, patient.style, (cover,))
    samples = sample_skin(body, 1)
    ready = readiness(body, covered)
    on, off = covered.findings(samples.rest, ready, 5), covered.findings(samples.rest, ready, 6)
    hidden = on.visible == Tissue.NOT_ASSESSABLE
    # The dressing is 16 cm by 10 cm, and the skin under it is curved.
    assert 0.014 < samples.area[hidden].sum() < 0.028
    assert not (off.visible == Tissue.NOT_ASSESSABLE).any()
    assert (samples.surface[hidden] == CHART.surfaces.index("trunk-anterior") + 1).mean() > 0.6
    plain = Disease(body, COURSE, patient.style).findings(samples.rest, ready, 5)
    assert np.array_equal(on.tissue, plain.tissue)


def test_finer_sampling_does_not_change_the_truth(body: Body, disease: Disease) -> None:
    totals = []
    for per_side in (2, 4):
        samples = sample_skin(body, per_side)
        corner = disease.readiness[body.faces[samples.face]]
        ready = np.einsum("nk,nk->n", corner, samples.weights).astype(np.float32)
        found = disease.findings(samples.rest, ready, 5)
        totals.append(100 * samples.area[found.tissue == Tissue.DETACHED].sum() / samples.area.sum())
        assert samples.area.sum() == pytest.approx(face_areas(body.vertices, body.faces)[body.surface > 0].sum())
    assert totals[0] == pytest.approx(totals[1], abs=0.06)


def test_chart_bsa_and_mesh_bsa_are_told_apart() -> None:
    # A body of two square metres: the front of the trunk has 0.4 m², a quarter of it detached; all else is healthy.
    area = {name: (0.4 if name == "trunk-anterior" else 1.6 / 32) for name in CHART.surfaces}
    surfaces = {
        name: SurfaceTruth(Areas(intact=a * (0.75 if name == "trunk-anterior" else 1),
                                 detached=a * (0.25 if name == "trunk-anterior" else 0)), 0.0)
        for name, a in area.items()
    }  # fmt: skip
    visit = VisitTruth("A", 40, 0, surfaces)
    assert visit.mesh_percent(Tissue.DETACHED) == pytest.approx(5.0)
    detached = visit.by_chart(CHART).detached
    assert detached is not None
    assert detached.point == pytest.approx(13 * 0.25)
    tables = truth_tables([visit], *load_protocol())
    row = dict(zip(*(line.split(",") for line in tables["visits.csv"].splitlines()[:2]), strict=True))
    assert float(row["detached_bsa_percent"]) == pytest.approx(3.25)
    assert float(row["mesh_detached_bsa_percent"]) == pytest.approx(5.0)


def test_patients_cover_the_range_and_crowd_the_line() -> None:
    people = [draw_patient(11, number) for number in range(1, 81)]
    largest = np.array([p.course.largest for p in people])
    healed = np.array([100 * float(p.course.healed(7)) for p in people])
    ita = np.array([p.complexion.ita for p in people])
    assert largest.min() < 0.08
    assert largest.max() > 0.70
    assert ((healed > 85) & (healed < 95)).mean() > 0.4
    assert ita.min() < -45
    assert ita.max() > 55
    assert {p.sex for p in people} == {"female", "male"}
    assert all(p.index_day < p.course.onset for p in people)
    assert draw_patient(11, 7) == people[6]
