"""A phantom study: an ordinary study folder, with the truth beside it."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pictures

from bsa_measure import __version__
from bsa_measure.errors import PhantomError
from bsa_measure.files import table_text, write_bytes, write_text
from bsa_measure.protocol import load_protocol, standard_views
from bsa_measure.results import visit_label

from .body import Body, load_body, vertex_normals
from .disease import Disease
from .figure import body_traits, dress, with_helper
from .light import draw_lighting, openness
from .patients import PhantomPatient, draw_patient, generator
from .photograph import Fault, Photograph, develop, draw_fault
from .raster import Camera
from .render import expose
from .room import draw_room
from .truth import VisitTruth, truth_tables, visit_truth
from .views import Aim, aim_camera, body_axes, draw_aim, seen_share, surface_numbers, view_surfaces

VISITS = (-2, 0, 5, 7, 10, 15)
LONG_SIDE = 1024
# How many photographs are taken with a sheet over the rest of the body, as the standard views ask for.
_DRAPED = 0.85
# How many photographs show somebody's gloved hand.
_HELPED = 0.12
Progress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class PhantomStudy:
    """What :func:`generate` has made: the folder, the patients, how many photographs are new and how many were kept."""

    folder: Path
    patients: tuple[PhantomPatient, ...]
    made: int
    kept: int


class Sitter:
    """One patient in front of the camera: everything that all photographs of the patient share."""

    def __init__(self, patient: PhantomPatient, subdivisions: int = 1) -> None:
        self.patient = patient
        self.subdivisions = subdivisions
        self.standing = load_body(patient.body, "standing", subdivisions)
        self.disease = Disease(self.standing, patient.course, patient.style, patient.covers)
        self.traits = body_traits(self.standing)
        self._open: dict[str, NDArray[np.float32]] = {}

    def body(self, pose: str) -> Body:
        """The patient's body in a pose."""
        return load_body(self.patient.body, pose, self.subdivisions)

    def open_skin(self, body: Body) -> NDArray[np.float32]:
        """(V,) share of the room's light at each vertex of the posed body, computed once a pose."""
        if body.pose not in self._open:
            normals = vertex_normals(body.vertices, body.faces)
            self._open[body.pose] = openness(body.vertices, body.faces, normals)
        return self._open[body.pose]


def photograph(
    sitter: Sitter, seed: int, day: int, view: str, long_side: int, fault: Fault | None = None
) -> Photograph:
    """Take one photograph. It depends on (seed, patient, day, view) and the size, on nothing else."""
    patient = sitter.patient
    rng = generator(seed, patient.patient, day, view)
    aim = draw_aim(rng)  # the first draw, see aim_of
    body, camera = _pose(sitter, view, rng, lambda body: aim_camera(body, view, aim, long_side))
    axes = body_axes(body)
    lighting = draw_lighting(rng, -camera.axes[2], axes[2] if abs(axes[2] @ camera.axes[2]) < 0.9 else -camera.axes[1])
    framed = body.vertices[np.unique(body.faces[np.isin(body.surface, surface_numbers(view_surfaces(view)))])]
    room = draw_room(rng, camera, body.vertices, body.pose.startswith(("lying", "prone")), framed)
    clothed = _clothes(view, patient, rng)
    figure = dress(body, sitter.traits, patient.complexion, clothed, int(rng.integers(1 << 29)), sitter.open_skin(body))
    if rng.random() < _HELPED:
        figure = with_helper(figure, camera, framed, rng)
    bared = tuple(surface_numbers(view_surfaces(view))) if rng.random() < _DRAPED else ()
    exposure = expose(
        body, figure, sitter.traits, patient.complexion, sitter.disease, day, camera, lighting, room, bared, rng
    )
    drawn = draw_fault(rng)
    return develop(exposure, drawn if fault is None else fault, day, rng)


def aim_of(seed: int, patient: str, day: int, view: str) -> Aim:
    """How :func:`photograph` holds the camera, without taking the photograph."""
    return draw_aim(generator(seed, patient, day, view))


def _pose(sitter: Sitter, view: str, rng: np.random.Generator, aim: Callable[[Body], Camera]) -> tuple[Body, Camera]:
    """A pose in which the view's surfaces can be seen, and the camera for it."""
    posterior = "posterior" in view or view == "buttocks"
    if sitter.patient.lying and rng.random() < 0.85:
        preferred = ["prone"] if posterior else ["lying", "lying-bent"] if rng.random() < 0.2 else ["lying"]
    else:
        preferred = ["arms-down"] if rng.random() < 0.25 else ["standing"]
    best: tuple[float, Body, Camera] | None = None
    for pose in (preferred[-1], "standing"):
        body = sitter.body(pose)
        camera = aim(body)
        share = seen_share(body, view, camera)
        if share > 0.60 or (best is not None and view == "genitalia"):
            return body, camera
        if best is None or share > best[0] + 0.03:
            best = (share, body, camera)
    assert best is not None
    return best[1], best[2]


# Clothes that leave the photographed part free, by the first word of the view; the first group or none, and so on.
_WARDROBE = {
    "head": (("shirt", "top"),),
    "trunk": (("briefs", "trousers"),),
    "arm": (("briefs", "trousers"), ("top",)),
    "upper": (("briefs", "trousers"), ("top",)),
    "forearm": (("briefs", "trousers"), ("shirt", "top")),
    "hand": (("briefs", "trousers"), ("shirt", "top")),
    "lower": (("briefs",), ("shirt", "top")),
    "thigh": (("briefs",), ("shirt", "top")),
    "leg": (("briefs", "trousers"), ("shirt", "top")),
    "feet": (("briefs", "trousers"), ("shirt", "top")),
    "foot": (("briefs", "trousers"), ("shirt", "top")),
    "buttocks": (("top",),),
    "buttock": (("top",),),
    "genitalia": (("top",),),
    "neck": (("briefs", "trousers"), ("top",)),
}


def _clothes(view: str, patient: PhantomPatient, rng: np.random.Generator) -> tuple[str, ...]:
    groups = _WARDROBE[view.split("-")[0]]
    return tuple(group[int(rng.integers(len(group)))] for group in groups if rng.random() < patient.gowned)


def generate(
    out: Path,
    *,
    patients: int | Sequence[PhantomPatient],
    seed: int,
    visits: Sequence[int] | None = None,
    views: Sequence[str] | None = None,
    long_side: int = LONG_SIDE,
    progress: Progress | None = None,
) -> PhantomStudy:
    """Write a phantom study folder; photographs that are already there are kept.

    Args:
        out: the study folder; made if need be.
        patients: how many to draw, or the patients themselves.
        seed: another seed, other patients and photographs.
        visits: study days; by default :data:`VISITS`.
        views: by default the whole standard list.
        long_side: of the photographs, pixels.
        progress: called as each photograph is waited for, with how many are done, how many there will be, and its name.

    Raises:
        PhantomError: a number or a view that cannot be used, or the folder was begun with other settings.
    """
    days = tuple(sorted(set(VISITS if visits is None else visits)))
    names = tuple(standard_views() if views is None else views)
    for view in names:
        view_surfaces(view)
    if not 128 <= long_side <= 8192:
        raise PhantomError(f"Photographs of {long_side} pixels cannot be made: use 128 to 8192.")
    if isinstance(patients, int):
        if patients < 1:
            raise PhantomError("A phantom study needs at least one patient: use --patients 1 or more.")
        people = tuple(draw_patient(seed, number) for number in range(1, patients + 1))
    else:
        people = tuple(patients)
    out.mkdir(parents=True, exist_ok=True)
    _claim(out, seed, long_side)
    protocol, chart = load_protocol()
    truths: list[VisitTruth] = []
    made = kept = 0
    total = len(people) * len(days) * len(names)
    # Two photographs at a time; each depends on its own name alone, so the order changes nothing.
    pool = ThreadPoolExecutor(2, thread_name_prefix="photograph")
    try:
        for patient in people:
            sitter = Sitter(patient)
            for day in days:
                truths.append(visit_truth(patient.patient, sitter.standing, sitter.disease, day, chart))
                waiting = [
                    (view, pool.submit(write_photograph, out, sitter, seed, day, view, long_side)) for view in names
                ]
                for view, future in waiting:
                    if progress is not None:
                        progress(made + kept, total, _place(patient, day, view))
                    is_new = future.result()
                    made, kept = made + is_new, kept + (not is_new)
    finally:
        pool.shutdown(cancel_futures=True)
    for name, text in truth_tables(truths, protocol, chart).items():
        write_text(out / "truth" / name, text)
    write_text(out / "truth" / "patients.csv", _people(people))
    write_text(out / "truth" / "photos.csv", _aims(people, days, names, seed))
    write_text(out / "patients.csv", _patients(people))
    write_text(out / "study.toml", "# A study of digital phantoms with the default protocol; the truth is in truth/.\n")
    return PhantomStudy(out, people, made, kept)


def _place(patient: PhantomPatient, day: int, view: str) -> str:
    return f"{patient.patient}/{visit_label(day)}/{view}"


def write_photograph(out: Path, sitter: Sitter, seed: int, day: int, view: str, long_side: int) -> bool:
    """Write one photograph and its truth; False when it is there already."""
    place = _place(sitter.patient, day, view)
    # The photograph is written last: where it is, its truth is, too.
    photo = out / "photos" / f"{place}.jpg"
    if photo.is_file():
        return False
    taken = photograph(sitter, seed, day, view, long_side)
    write_bytes(out / "truth" / "masks" / f"{place}.png", _png(taken.tissue))
    write_bytes(out / "truth" / "surfaces" / f"{place}.png", _png(taken.surface))
    write_bytes(photo, taken.jpeg)
    return True


def _claim(out: Path, seed: int, long_side: int) -> None:
    """Remember in the folder what it is made with, so that it is not continued with something else."""
    text = f"version = {__version__}\nseed = {seed}\nlong_side = {long_side}\n"
    note = out / "truth" / "made-with.txt"
    if not note.is_file():
        write_text(note, text)
    elif note.read_text(encoding="utf-8") != text:
        raise PhantomError(
            f"{out.name} holds phantoms made with another version, seed or size: choose an empty folder."
        )


def _png(labels: NDArray[np.uint8]) -> bytes:
    file = io.BytesIO()
    Pictures.fromarray(labels).save(file, "PNG", optimize=True)
    return file.getvalue()


def _patients(people: Sequence[PhantomPatient]) -> str:
    columns = ("patient", "age_years", "index_day", "sex", "height_cm", "weight_kg")
    return table_text(columns, ({name: getattr(p, name) for name in columns} for p in people))


def _aims(people: Sequence[PhantomPatient], days: Sequence[int], views: Sequence[str], seed: int) -> str:
    columns = ("patient", "visit", "day", "view", "tilt_degrees", "roll_degrees", "field_degrees")
    rows = []
    for patient in people:
        for day in days:
            for view in views:
                aim = aim_of(seed, patient.patient, day, view)
                rows.append(
                    {
                        "patient": patient.patient,
                        "visit": visit_label(day),
                        "day": day,
                        "view": view,
                        "tilt_degrees": float(np.degrees(np.arctan(np.hypot(*np.tan(np.radians(aim.tilt)))))),
                        "roll_degrees": aim.roll,
                        "field_degrees": aim.field,
                    }
                )
    return table_text(columns, rows)


def _people(people: Sequence[PhantomPatient]) -> str:
    columns = ("patient", "body", "ita_degrees", "planned_largest_percent", "planned_healed_d7_percent", "lying")
    return table_text(columns, (
        {
            "patient": p.patient, "body": p.body, "ita_degrees": p.complexion.ita,
            "planned_largest_percent": 100 * p.course.largest,
            "planned_healed_d7_percent": 100 * float(p.course.healed(7)), "lying": p.lying,
        } for p in people
    ))  # fmt: skip
