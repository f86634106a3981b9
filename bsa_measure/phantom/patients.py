"""Who the phantom patients are: body, skin, course and lesions, drawn from one documented distribution.

The distribution is told, with its reasons, in ``docs/phantoms.md``. A patient is drawn from (seed, number) alone:
asking for more patients does not change the first ones.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from numpy.random import Generator

from bsa_measure.chart import load_chart

from .body import Body, body_names, load_body
from .disease import Course, Cover, Style, half_time_for, place_cover
from .skin import Complexion


@dataclass(frozen=True)
class PhantomPatient:
    """One phantom patient.

    Attributes:
        patient: pseudonym, ``PH-001``.
        body: one of ``body_names()``.
        age_years, height_cm, weight_kg, sex: as the body's.
        index_day: study day of the first symptoms.
        lying: whether the patient is photographed in bed.
        gowned: how readily clothes stay on outside the photographed part, 0 to 1.
        complexion, course, style, covers: skin and disease.
    """

    patient: str
    body: str
    age_years: float
    height_cm: float
    weight_kg: float
    sex: str
    index_day: int
    lying: bool
    gowned: float
    complexion: Complexion
    course: Course
    style: Style
    covers: tuple[Cover, ...]


def generator(*words: object) -> Generator:
    """A random generator that depends on nothing but these words."""
    digest = hashlib.sha256("/".join(str(word) for word in words).encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:16], "little"))


# Adults are most of the patients; each child's age is rare in SJS/TEN but has its own chart column.
_ADULT_SHARE = 0.85


def draw_patient(
    seed: int,
    number: int,
    *,
    ita: float | None = None,
    largest: float | None = None,
    healed_d7: float | None = None,
    body: str | None = None,
) -> PhantomPatient:
    """Patient ``number`` (from 1) of a seed.

    Args:
        ita: skin tone in degrees instead of a drawn one.
        largest: share of the skin, 0 to 1, that is detached at the peak, instead of a drawn one.
        healed_d7: percent healed on D7 of the course, instead of a drawn one.
        body: name of the body instead of a drawn one.
    """
    rng = generator(seed, "patient", number)
    names = body_names()
    adults = [name for name in names if _age(name) >= 18]
    children = [name for name in names if _age(name) < 18]
    pool = adults if rng.random() < _ADULT_SHARE else children
    drawn_body = pool[int(rng.integers(len(pool)))]
    shape = _shape(body or drawn_body)
    drawn_ita = float(rng.uniform(-60, 68))
    complexion = _complexion(rng, drawn_ita if ita is None else ita, shape.age_years, shape.sex)
    course = _course(rng, largest, healed_d7)
    style = _style(rng, course.largest, shape.height_cm)
    patient = PhantomPatient(
        patient=f"PH-{number:03d}",
        body=shape.name,
        age_years=shape.age_years,
        height_cm=round(shape.height_cm, 1),
        weight_kg=round(shape.weight_kg, 1),
        sex=shape.sex,
        index_day=round(course.onset - rng.uniform(1, 4)),
        lying=bool(rng.random() < 0.45 + 0.5 * course.largest),
        gowned=float(rng.uniform(0.2, 1.0)),
        complexion=complexion,
        course=course,
        style=style,
        covers=(),
    )
    return replace(patient, covers=_covers(rng, patient))


@cache
def _shape(name: str) -> Body:
    return load_body(name, subdivisions=0)


def _age(name: str) -> float:
    return float(name.split("-")[1])


def _complexion(rng: Generator, ita: float, age: float, sex: str) -> Complexion:
    grey = age >= 60 and rng.random() < 0.8
    if grey:
        hair = np.array([0.42, 0.41, 0.40]) * rng.uniform(0.6, 1.2)
    elif ita > 41 and rng.random() < 0.7:
        hair = np.array([0.22, 0.13, 0.06]) * rng.uniform(0.3, 1.6)
    else:
        hair = np.array([0.022, 0.016, 0.013]) * rng.uniform(0.7, 1.8)
    bald = sex == "male" and age >= 25 and rng.random() < 0.25
    scars = []
    for _ in range(int(rng.integers(0, 3))):
        start = np.array([rng.uniform(-0.15, 0.15), rng.choice([-0.12, 0.10]), rng.uniform(-0.4, -0.1)])
        start = start * np.array([1, 1, 1.5])
        end = start + rng.normal(0, 0.045, 3) * np.array([1, 0.3, 1])
        scars.append((*start.tolist(), *end.tolist(), float(rng.uniform(0.002, 0.005))))
    return Complexion(
        ita=float(ita),
        blush=float(rng.uniform(0.6, 1.4)),
        mottling=float(rng.uniform(0.6, 1.6)),
        moles=float(rng.uniform(0, 1) ** 2 * (0.3 if age < 15 else 1.0)),
        freckles=float(max(0.0, rng.uniform(-1.5, 1.0))) if ita > 28 else 0.0,
        hair=(float(hair[0]), float(hair[1]), float(hair[2])),
        hair_length=0.0 if bald else float(rng.uniform(0.006, 0.030)),
        body_hair=float(rng.uniform(0.2, 1.0) if sex == "male" and age > 15 else rng.uniform(0, 0.25)),
        dryness=float(max(0.0, rng.uniform(-0.6, 1.0))),
        tanned=float(max(0.0, rng.uniform(-0.3, 0.35))),
        scars=tuple(scars),
        seed=int(rng.integers(1 << 29)),
    )


def _course(rng: Generator, largest: float | None, healed_d7: float | None) -> Course:
    peak = float(rng.uniform(-2.5, 0.3))
    onset = peak - float(rng.uniform(1.5, 4.5))
    # Log-uniform: as many patients between 5 and 10 % BSA as between 45 and 90 %.
    drawn = float(np.exp(rng.uniform(np.log(0.05), np.log(0.90))))
    # Six in ten lie round the line where the trial's call is decided.
    near = float(np.clip(rng.normal(90, 4), 70, 99.5))
    anywhere = float(rng.uniform(25, 99.5))
    healed = near if rng.random() < 0.6 else anywhere
    steepness = float(rng.uniform(1.3, 2.6))
    healing_from = float(max(peak, 0) + rng.uniform(0, 1.0))
    late = float(np.exp(rng.uniform(np.log(0.002), np.log(0.02)))) if rng.random() < 0.25 else 0.0
    late_day = float(rng.uniform(4, 11))
    wanted = (healed if healed_d7 is None else healed_d7) / 100
    return Course(
        onset=onset,
        peak=peak,
        largest=drawn if largest is None else largest,
        healing_from=healing_from,
        half_time=half_time_for(wanted, 7, healing_from, steepness),
        steepness=steepness,
        late_day=late_day,
        # A patient whose healing was asked for has no late lesions to upset it.
        late=late if healed_d7 is None else 0.0,
    )


def _style(rng: Generator, largest: float, height_cm: float) -> Style:
    count = len(load_chart("lund-browder").surfaces)
    # Small extents are scattered spots, large ones confluent sheets.
    spots = float(np.clip(rng.uniform(0, 1) * (1.1 - 1.2 * largest), 0, 1))
    return Style(
        grain=float(rng.uniform(0.10, 0.26) * height_cm / 170),
        spots=spots,
        ragged=float(rng.uniform(0.6, 1.4)),
        readiness=float(rng.uniform(0.5, 1.3)),
        jitter=tuple(float(v) for v in rng.normal(0, 0.30, count)),
        sheets=float(rng.uniform(0.2, 0.8)),
        blisters=float(rng.uniform(0.05, 0.6)),
        fibrin=float(rng.uniform(0.0, 1.0)),
        crusts=float(rng.uniform(0.0, 1.0) ** 1.5),
        macules=float(rng.uniform(0.1, 1.0)),
        islands=float(rng.uniform(0.1, 0.9)),
        dark_healing=float(rng.uniform(-0.6, 1.0)),
        seed=int(rng.integers(1 << 29)),
    )


_COVERABLE = ("forearm", "leg", "thigh", "upper-arm", "trunk", "foot", "hand")


def _covers(rng: Generator, patient: PhantomPatient) -> tuple[Cover, ...]:
    """Dressings and cream that were still on when the photograph was taken, in about four of ten patients."""
    if rng.random() > 0.4:
        return ()
    body = _shape(patient.body)
    surfaces = [s for s in load_chart("lund-browder").surfaces if s.startswith(_COVERABLE)]
    covers = []
    for _ in range(int(rng.integers(1, 5))):
        kind = str(rng.choice(["dressing", "film", "cream"], p=[0.45, 0.25, 0.30]))
        surface = surfaces[int(rng.integers(len(surfaces)))]
        first = int(rng.integers(-3, 12))
        wrap = kind != "cream" and surface.startswith(("forearm", "leg", "upper-arm")) and rng.random() < 0.6
        size = rng.uniform(0.03, 0.09, 2) * patient.height_cm / 170
        covers.append(
            place_cover(
                body, kind, surface, rng.uniform(0, 1, 2), (float(size[0]), float(size[1])), first,
                first + int(rng.integers(0, 8)), bool(wrap),
            )
        )  # fmt: skip
    return tuple(covers)
