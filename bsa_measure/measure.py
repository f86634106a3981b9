"""The main job: a study folder in, tables and report out.

Plan (what has to be done again), work (photograph by photograph, in parallel), assemble (pure), write. A
photograph is done again only when it, its reading, the model, or what the protocol says about it has changed.
"""

from __future__ import annotations

import contextlib
import fnmatch
import hashlib
import json
import platform
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Final

from . import __version__
from .assemble import assemble
from .batch import run
from .error_models import StoredErrorModel, find_error_models
from .errors import BsaMeasureError, LockedError, ModelError
from .files import held, is_unfinished, printable, write_bytes, write_text
from .final_readings import FINAL, final_reader, final_reading, whose_rereading_counts
from .photo import file_sha256
from .photo_job import PhotoJob, PhotoOutcome, measure_photo
from .protocol import Protocol
from .quality import near_duplicate
from .readings import Act, Head, NewAct, NewReading, Reading, Readings, lock_on, mask_path, scope_title
from .results import PhotoResult, PhotoStatus, Provenance, StudyResults
from .segment import Model, default_model, load_model, model_with_sha256
from .signing import latest_results, standing
from .study import PROTOCOL_FILE, PhotoFile, Study, open_study
from .sums import file_hash, read_sums, write_sums
from .tables import tables

MODEL_PREFIX: Final = "model:"
_LOCK: Final = ".measuring"
_LIBRARIES: Final = ("numpy", "opencv-python-headless", "pillow", "onnxruntime")

Progress = Callable[[int, int], None]
"""Called with the number of photographs done and the number of all that have to be done."""


@dataclass(frozen=True)
class Choice:
    """Whose reading of a photograph counts: a stored one, or the model still to be asked.

    ``held`` marks an earlier reading that counts because its visit is locked, where the model would be asked again.
    """

    reader: str
    reading: Reading | None
    held: bool = False


@dataclass(frozen=True)
class Planned:
    """One photograph: what has to be done, or why nothing can be."""

    photo: PhotoFile
    sha256: str = ""
    problem: str = ""
    choice: Choice | None = None
    job: PhotoJob | None = None
    stored: PhotoOutcome | None = None


def measure(
    folder: Path,
    *,
    workers: int = 1,
    scheduler: str | None = None,
    model: str | None = None,
    models: Path | None = None,
    photo_glob: str | None = None,
    reader: str | None = None,
    command: str = "measure",
    progress: Progress | None = None,
) -> StudyResults:
    """Measure a study folder and write its ``results/``.

    Args:
        folder: the study folder.
        workers: number of processes.
        scheduler: address of a Dask scheduler instead.
        model: name of a model other than the protocol's; refused where the protocol locks its model.
        models: folder of the site's own models; by default ``models/`` in the study folder, if it is there.
        photo_glob: of the photographs without a reading do only those whose path under photos/ matches; the others keep
            their numbers, brought up to date where something changed.
        reader: use only this reader's readings.
        command: what is written into provenance.json.
        progress: called after every photograph.

    Raises:
        BsaMeasureError: the study, its protocol, its record or the model cannot be used, or the disk is full.
    """
    study = open_study(folder)
    models = models or own_models(study.folder)
    chosen = choose_model(study.protocol, model, reader, models=models)
    with held(study.results / _LOCK, "This study is being measured already: wait until that has finished."):
        record = Readings(folder)
        entries = record.entries()
        readings = [entry for entry in entries if isinstance(entry, Reading)]
        acts = [entry for entry in entries if isinstance(entry, Act)]
        plans = plan(study, readings, chosen, models=models, reader=reader, photo_glob=photo_glob, acts=acts)
        study = replace(study, problems=(*study.problems, *_held_back(plans, chosen)))
        outcomes = _work(study, record, plans, chosen, workers, scheduler, progress)
        photos = photo_results(plans, outcomes)
        last = entries[-1] if entries else None
        seen = Head(last.number, last.hash) if last else Head(0, "")
        readers = {photo.reader for photo in photos if photo.reader}
        errors = find_error_models(
            folder, readers, geometry=study.protocol.measure.geometry, model=chosen, models=models
        )
        provenance = provenance_of(study, chosen, command, photos, seen, errors)
        results = assemble(study, photos, provenance, {reader: error.model for reader, error in errors.items()})
        texts = tables(results)
        results = replace(results, standing=tuple(standing(folder, acts, texts)))
        sums_hash = write_results(study, results, texts, plans)
        written = NewAct(
            kind="results",
            person="",
            software=__version__,
            protocol_sha256=study.protocol.sha256,
            reason=command,
            covers_sha256=sums_hash,
            model_sha256=chosen.sha256,
        )
        record.add_acts([written])
    return results


def own_models(folder: Path) -> Path | None:
    """Where a study's own models lie, if it has any."""
    return folder / "models" if (folder / "models" / "registry.toml").is_file() else None


def choose_model(
    protocol: Protocol, name: str | None = None, reader: str | None = None, *, models: Path | None = None
) -> Model:
    """The model that a study uses: the one asked for, or the protocol's, or the one that the program recommends.

    Args:
        protocol: may name a model, and lock it by its SHA-256.
        name: asked for.
        reader: asked for; may be a model's.
        models: folder of the site's own models.

    Raises:
        ModelError: unknown, damaged, or not the one that the protocol locks.
    """
    if reader is not None and reader.startswith(MODEL_PREFIX):
        if name is not None and MODEL_PREFIX + name != reader:
            raise ModelError(f"--model {name} and --reader {reader} name two models: leave one of them out.")
        name = reader.removeprefix(MODEL_PREFIX)
    locked = protocol.measure.model_sha256
    name = name or protocol.measure.model or (model_with_sha256(locked, models) if locked else None) or default_model()
    model = load_model(name, models)
    if locked and model.sha256 != locked:
        called = f" {protocol.measure.model}" if protocol.measure.model else ""
        raise ModelError(
            f"study.toml locks the model{called} with sha256 {locked[:12]}…, and {model.name} is another one: to "
            f'change the model on purpose, set  model = "{model.name}"  and  model_sha256 = "{model.sha256}"  in the '
            "section [measure] of study.toml."
        )
    return model


def plan(
    study: Study,
    readings: Sequence[Reading],
    model: Model,
    *,
    models: Path | None = None,
    reader: str | None = None,
    photo_glob: str | None = None,
    acts: Sequence[Act] = (),
) -> list[Planned]:
    """Decide for every photograph whose reading counts and whether it has to be done again.

    In what is locked no model is asked again; what was recorded before the lock counts. What an earlier run kept is
    used only where ``acts`` vouch for it.
    """
    hashes = _hashes([photo for photo in study.photos if not photo.problem])
    doubled = doubled_photos(study.photos, hashes)
    by_photo: dict[str, list[Reading]] = {}
    for reading in readings:
        by_photo.setdefault(reading.photo_sha256, []).append(reading)
    locks = [act for act in acts if act.kind in ("lock", "unlock")]
    sums = _trusted_sums(study.results, acts)
    otherwise = final_reader(readings, study.protocol) if reader == FINAL else ""
    compared = whose_rereading_counts(readings, study.protocol)
    plans: list[Planned] = []
    for photo in study.photos:
        sha256, problem = hashes.get(photo.file, ("", photo.problem))
        problem = problem or doubled.get(photo.file, "")
        if problem:
            plans.append(Planned(photo, sha256, problem))
            continue
        usable = _with_mask(study.folder, by_photo.get(sha256, ()))
        lock = lock_on(locks, photo.patient, photo.visit)
        if lock is not None:  # what was recorded since then lay elsewhere: the photograph was moved
            usable = [reading for reading in usable if reading.number < lock.number]
        if reader == FINAL:
            last_word = final_reading(usable, otherwise, compared)
            choice = Choice(last_word.reader, last_word) if last_word else None
        else:
            choice = _choose(usable, study.protocol, model, reader)
        if lock is not None and choice is not None and choice.reading is None:
            choice = _choose_held(usable, study.protocol, choice.reader, asked=reader is not None)
            if choice is None:
                scope = scope_title(photo.patient, photo.visit)
                problem = (
                    f"{printable(photo.path.name)} has no reading that can be used, and {scope} is locked (entry "
                    f"{lock.number} of the record): unlock it with a reason, or leave the photograph out."
                )
                plans.append(Planned(photo, sha256, problem))
                continue
        if choice is None:
            problem = (
                f"{printable(photo.path.name)} has no reading by {reader}: import one, or measure without --reader."
            )
            plans.append(Planned(photo, sha256, problem))
            continue
        job = _job(study, photo, sha256, choice, model, models)
        stored = _stored(study.folder, job, sums, recorded=choice.reading is not None)
        # What has been read before is brought up to date too: left out, its numbers would vanish from the results.
        if stored is None and photo_glob is not None and sha256 not in by_photo and not _matches(photo, photo_glob):
            problem = f"{printable(photo.path.name)} is not measured yet: run  bsa-measure measure  without --photo."
            plans.append(Planned(photo, sha256, problem))
            continue
        plans.append(Planned(photo, sha256, choice=choice, job=job, stored=stored))
    return plans


def _trusted_sums(results: Path, acts: Sequence[Act]) -> Mapping[str, str]:
    """The list of what `measure` wrote, if it is the one in the record; else what was kept is computed again."""
    written = latest_results(acts)
    sums_hash, sums = read_sums(results)
    return sums if written is not None and sums_hash == written.covers_sha256 else {}


def _hashes(photos: Sequence[PhotoFile]) -> dict[str, tuple[str, str]]:
    """File to (sha256, problem). Threads, because hashing waits for the disk."""

    def one(photo: PhotoFile) -> tuple[str, str]:
        try:
            return file_sha256(photo.path), ""
        except BsaMeasureError as error:
            return "", str(error)

    with ThreadPoolExecutor(4) as pool:
        return dict(zip((photo.file for photo in photos), pool.map(one, photos), strict=True))


def doubled_photos(photos: Iterable[PhotoFile], hashes: Mapping[str, tuple[str, str]]) -> dict[str, str]:
    """Photographs that are the same file under several names, with the sentence for each.

    Twice the same view of the same visit: the first is kept. Anything else: it is not known which name is
    right, and all are refused.
    """
    groups: dict[str, list[PhotoFile]] = {}
    for photo in photos:
        sha256 = hashes.get(photo.file, ("", ""))[0]
        if sha256:
            groups.setdefault(sha256, []).append(photo)
    problems: dict[str, str] = {}
    for group in groups.values():
        if len(group) == 1:
            continue
        same = len({(photo.patient, photo.day, photo.view) for photo in group}) == 1
        for index, photo in enumerate(group):
            other = group[0] if index else group[1]
            if same and index == 0:
                continue
            remedy = "remove one of them." if same else "remove the one that is misnamed."
            problems[photo.file] = f"{printable(photo.file)} is the same photo as {printable(other.file)}: {remedy}"
    return problems


def _with_mask(folder: Path, readings: Sequence[Reading]) -> list[Reading]:
    """The readings that can be computed from. A model whose mask was lost is asked again, and answers the same."""
    return [r for r in readings if r.kind != "model" or mask_path(folder, r.mask_sha256).is_file()]


def _choose(readings: Sequence[Reading], protocol: Protocol, model: Model, reader: str | None) -> Choice | None:
    """The latest reading of the reader, or of the first kind in the protocol's order that there is."""
    model_reader = MODEL_PREFIX + model.name
    own = [r for r in readings if r.reader == model_reader and r.model_sha256 == model.sha256]
    # The same model in another version of the program, or at another size, may draw other outlines: it is asked again.
    made_as = (__version__, protocol.measure.working_long_side)
    current = next((r for r in reversed(own) if (r.software, r.working_long_side) == made_as), None)
    from_model = Choice(model_reader, current)
    if reader is not None:
        if reader == model_reader:
            return from_model
        latest = next((r for r in reversed(readings) if r.reader == reader), None)
        return Choice(reader, latest) if latest else None
    for kind in protocol.measure.readings:
        if kind == "model":
            return from_model
        latest = next((r for r in reversed(readings) if r.kind == kind), None)
        if latest:
            return Choice(latest.reader, latest)
    return None


def _choose_held(readings: Sequence[Reading], protocol: Protocol, model_reader: str, *, asked: bool) -> Choice | None:
    """In what is locked: the model's latest reading in whatever version. Where nobody was ``asked`` for by name,
    another model's or a person's otherwise, of the first kind in the protocol's order that there is; a kind that the
    protocol leaves out does not count."""
    own = next((r for r in reversed(readings) if r.reader == model_reader), None)
    kinds = () if asked else protocol.measure.readings
    of_kind = (r for kind in kinds for r in reversed(readings) if r.kind == kind)
    latest = own or next(of_kind, None)
    return Choice(latest.reader, latest, held=True) if latest else None


def _held_back(plans: Iterable[Planned], model: Model) -> list[str]:
    """A sentence for every visit whose photographs the model was not asked about because it is locked."""
    visits = dict.fromkeys((p.photo.patient, p.photo.visit) for p in plans if p.choice is not None and p.choice.held)
    return [
        f"{scope_title(*visit)} is locked: its photographs are measured from what is recorded, and {model.name} in "
        f"this version ({__version__}) was not asked."
        for visit in visits
    ]


def _job(study: Study, photo: PhotoFile, sha256: str, choice: Choice, model: Model, models: Path | None) -> PhotoJob:
    view = photo.shows
    assert view is not None
    settings, reading = study.protocol.measure, choice.reading
    # What the chosen model would answer today; every other reading is known by its own mask.
    made_as = (model.sha256, __version__, settings.working_long_side)
    asked = reading is None or (
        reading.kind == "model" and (reading.model_sha256, reading.software, reading.working_long_side) == made_as
    )
    stands_by_itself = choice.held or not asked
    # A surface map was drawn for one view; under another name of the photograph it means nothing.
    surfaces = reading.surfaces_sha256 if reading and reading.view == photo.view else ""
    description = {
        "version": __version__,
        "photo": sha256,
        "name": photo.path.name,  # problems name the file
        "view": [photo.view, view.model_dump(mode="json")],
        "surfaces": study.chart.surfaces,
        "long_side": settings.working_long_side,
        "geometry": settings.geometry,
        "marker_side_mm": settings.marker_side_mm,
        "quality": study.protocol.quality.model_dump(mode="json"),
        # A model answers the same photo with the same mask, so its name stands for the mask before there is one.
        "mask": [reading.mask_sha256, surfaces] if reading and stands_by_itself else model.sha256,
        "overlay": photo.overlay,
    }
    key = hashlib.sha256(json.dumps(description, sort_keys=True).encode()).hexdigest()[:32]
    return PhotoJob(
        folder=study.folder.absolute(),  # a cluster's workers start elsewhere
        file=photo.file,
        photo_sha256=sha256,
        view_name=photo.view,
        view=view,
        chart=study.chart,
        long_side=settings.working_long_side,
        geometry=settings.geometry,
        marker_side_mm=settings.marker_side_mm,
        limits=study.protocol.quality,
        model=model.name,
        models=models.absolute() if models else None,
        mask_sha256=reading.mask_sha256 if reading else "",
        surfaces_sha256=surfaces,
        overlay=f"results/{photo.overlay}",
        thumbnail=f"results/cache/{key}.jpg",
        weight_picture=f"results/cache/{key}-weight.jpg",
    )


def _stored_path(folder: Path, job: PhotoJob) -> Path:
    return (folder / job.thumbnail).with_suffix(".json")


def _stored(folder: Path, job: PhotoJob, sums: Mapping[str, str], *, recorded: bool) -> PhotoOutcome | None:
    """What an earlier run found for the same job, if all of it is there as it was written and its reading recorded.

    What ``sums`` does not list is not believed: only a run that came to its end vouches for what it kept. After a kill
    areas are computed again, from masks that are recorded, so that no model is asked again.
    """
    kept = _stored_path(folder, job)
    if not recorded:
        return None
    try:
        for path in _files_of(folder, job):
            name = path.relative_to(folder / "results").as_posix()
            if name not in sums or file_hash(path) != sums[name]:
                return None
        return PhotoOutcome.from_json(json.loads(kept.read_bytes()))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _files_of(folder: Path, job: PhotoJob) -> tuple[Path, ...]:
    """Everything in ``results/`` that belongs to one photograph alone."""
    pictures = [job.overlay, job.thumbnail, *([job.weight_picture] if job.geometry != "flat" else [])]
    return (*(folder / picture for picture in pictures), _stored_path(folder, job))


def _matches(photo: PhotoFile, glob: str) -> bool:
    return fnmatch.fnmatch(photo.file.removeprefix("photos/"), glob) or fnmatch.fnmatch(photo.path.name, glob)


def _work(
    study: Study,
    record: Readings,
    plans: Sequence[Planned],
    model: Model,
    workers: int,
    scheduler: str | None,
    progress: Progress | None,
) -> dict[str, PhotoOutcome]:
    """Do what has to be done; every outcome is recorded and stored as soon as it is there."""
    outcomes = {p.photo.file: p.stored for p in plans if p.stored is not None}
    todo = [p for p in plans if p.job is not None and p.stored is None]
    jobs = [p.job for p in todo if p.job is not None]
    if progress:
        progress(0, len(todo))
    for done, (index, found) in enumerate(run(measure_photo, jobs, workers=workers, scheduler=scheduler), start=1):
        outcomes[todo[index].photo.file] = _keep(study, record, todo[index], found, model)
        if progress:
            progress(done, len(todo))
    return outcomes


def measure_planned(study: Study, planned: Planned, model: Model) -> PhotoOutcome:
    """Do the work on one planned photograph, and record and store what it found, as :func:`measure` does.

    Args:
        planned: has a job.

    Raises:
        StudyError, ModelError, ReadingError: as :func:`measure`.
    """
    assert planned.job is not None
    if planned.stored is not None:
        return planned.stored
    found = measure_photo(planned.job)
    return _keep(study, Readings(study.folder), planned, found, model)


def _keep(study: Study, record: Readings, planned: Planned, found: PhotoOutcome, model: Model) -> PhotoOutcome:
    """Record a model's answer, and store what was found for the next run."""
    assert planned.choice is not None
    assert planned.job is not None
    if planned.choice.reading is None and found.mask_sha256:
        try:
            record.add([_model_reading(study, planned, found, model)])
        except LockedError as error:  # it was locked in the meantime
            found = PhotoOutcome("refused", (str(error),))
    if found.verdict != "refused":  # what could not be read today may be readable tomorrow
        # The reading carries the certainty; left out here, a run that was disturbed ends in the same bytes.
        stored = replace(found, certainty=None)
        write_bytes(_stored_path(study.folder, planned.job), json.dumps(stored.to_json()).encode())
    return found


def _model_reading(study: Study, planned: Planned, outcome: PhotoOutcome, model: Model) -> NewReading:
    photo = planned.photo
    return NewReading(
        kind="model",
        reader=MODEL_PREFIX + model.name,
        photo_sha256=planned.sha256,
        patient=photo.patient,
        visit=photo.visit,
        view=photo.view,
        mask_sha256=outcome.mask_sha256,
        software=__version__,
        protocol_sha256=study.protocol.sha256,
        reason="automatic",
        model_sha256=model.sha256,
        working_long_side=study.protocol.measure.working_long_side,
        certainty=outcome.certainty,
    )


def photo_results(plans: Sequence[Planned], outcomes: Mapping[str, PhotoOutcome]) -> list[PhotoResult]:
    """What is known of every planned photograph, in the same order.

    Args:
        outcomes: by file, what was found; a photograph without is refused with the problem of its plan.
    """
    twins = _near_duplicates(plans, outcomes)
    return [_photo_result(p, outcomes.get(p.photo.file), twins.get(p.photo.file)) for p in plans]


def _photo_result(planned: Planned, outcome: PhotoOutcome | None, twin: str | None) -> PhotoResult:
    photo, choice = planned.photo, planned.choice
    problems = outcome.problems if outcome else (planned.problem,)
    if twin is not None:
        problems = (*problems, f"Looks the same as {printable(twin)}: check that each is under its right name.")
    status = _status(choice, outcome, problems)
    used = outcome if status != "refused" else None
    return PhotoResult(
        patient=photo.patient,
        visit=photo.visit,
        day=photo.day,
        view=photo.view,
        file=photo.file,
        sha256=planned.sha256,
        status=status,
        problems=problems,
        reader=choice.reader if used and choice else "",
        areas=dict(used.areas or {}) if used else {},
        areas_flat=dict(used.areas_flat or {}) if used else {},
        geometry_flags=used.geometry_flags if used else {},
        outline=used.outline if used else {},
        scale=used.scale if used else None,
        detached_cm2=used.detached_cm2 if used else None,
        certainty=_certainty(planned, used) if used else None,
        mask_sha256=used.mask_sha256 if used else "",
        overlay=photo.overlay if outcome is not None and outcome.verdict != "refused" else "",
    )


def _status(choice: Choice | None, outcome: PhotoOutcome | None, problems: Sequence[str]) -> PhotoStatus:
    if choice is None or outcome is None or outcome.verdict == "refused":
        return "refused"
    if not choice.reader.startswith(MODEL_PREFIX):
        return "measured"  # whoever outlined the photograph by hand has judged it fit to be read
    if outcome.verdict == "retake":
        return "refused"
    return "needs-review" if problems else "measured"


def _certainty(planned: Planned, outcome: PhotoOutcome) -> float | None:
    reading = planned.choice.reading if planned.choice else None
    return outcome.certainty if reading is None else reading.certainty


def _near_duplicates(plans: Sequence[Planned], outcomes: Mapping[str, PhotoOutcome]) -> dict[str, str]:
    """Photographs of one visit that look alike under different views, each with the other's file."""
    twins: dict[str, str] = {}
    visits: dict[tuple[str, str], list[tuple[PhotoFile, int]]] = {}
    for planned in plans:
        outcome = outcomes.get(planned.photo.file)
        if outcome is not None and outcome.fingerprint is not None:
            key = (planned.photo.patient, planned.photo.visit)
            visits.setdefault(key, []).append((planned.photo, outcome.fingerprint))
    for photos in visits.values():
        for i, (a, fingerprint) in enumerate(photos):
            for b, other in photos[i + 1 :]:
                if a.view != b.view and near_duplicate(fingerprint, other):
                    twins.setdefault(a.file, b.file)
                    twins.setdefault(b.file, a.file)
    return twins


def provenance_of(
    study: Study,
    model: Model,
    command: str,
    photos: Sequence[PhotoResult],
    seen: Head | None = None,
    errors: Mapping[str, StoredErrorModel] | None = None,
) -> Provenance:
    """What makes the results of these photographs, now and by this program.

    Args:
        study, model, command, photos: what was measured, and how.
        seen: the record's last entry.
        errors: reader to the error model that was used.
    """
    seen = seen or Head(0, "")
    statuses = [photo.status for photo in photos]
    return Provenance(
        version=__version__,
        model=model.name,
        model_sha256=model.sha256,
        model_licence=model.licence,
        model_notice=model.notice,
        protocol=study.protocol.trial.name,
        protocol_sha256=study.protocol.sha256,
        protocol_file_sha256=hashlib.sha256((study.folder / PROTOCOL_FILE).read_bytes()).hexdigest(),
        chart=study.chart.name,
        command=command,
        counts={
            "patients": len(study.patients),
            "photos": len(photos),
            "measured": statuses.count("measured"),
            "needs_review": statuses.count("needs-review"),
            "refused": statuses.count("refused"),
        },
        libraries={"python": platform.python_version(), **_versions()},
        measured_utc=datetime.now(UTC).isoformat(timespec="seconds"),
        record_entries=seen.number,
        record_hash=seen.hash,
        tables=study.tables,
        error_models={reader: error.sha256 for reader, error in sorted((errors or {}).items())},
    )


def _versions() -> dict[str, str]:
    found: dict[str, str] = {}
    for name in _LIBRARIES:
        with contextlib.suppress(metadata.PackageNotFoundError):  # installed by other means than pip
            found[name] = metadata.version(name)
    return found


def write_results(study: Study, results: StudyResults, texts: Mapping[str, str], plans: Sequence[Planned]) -> str:
    """Write tables (``texts``), report and provenance, and remove pictures of photographs that are gone.

    Returns:
        The hash of the list of all these files, for the record.

    Raises:
        StudyError: the study folder cannot be written to.
    """
    from .report.page import render_report

    folder = study.results
    for name, text in texts.items():
        write_text(folder / name, text)
    pictures: dict[str, bytes] = {}
    weights: dict[str, bytes] = {}
    if study.protocol.report.pictures:
        planned = [(p.photo.overlay, p.job) for p in plans if p.job is not None]
        pictures = _read({overlay: study.folder / job.thumbnail for overlay, job in planned})
        weights = _read({overlay: study.folder / job.weight_picture for overlay, job in planned})
    write_text(folder / "report.html", render_report(results, pictures, weights))
    provenance = {**vars(results.provenance)}
    write_text(folder / "provenance.json", json.dumps(provenance, indent=2, sort_keys=True) + "\n")
    kept = {folder / photo.overlay for p in results.patients for photo in p.photos if photo.overlay}
    for plan_ in plans:
        if plan_.job is not None:
            job = plan_.job
            kept |= {study.folder / job.thumbnail, study.folder / job.weight_picture, _stored_path(study.folder, job)}
    _sweep(folder, kept)
    return write_sums(folder, [*kept, *(folder / name for name in (*texts, "report.html", "provenance.json"))])


def _read(files: Mapping[str, Path]) -> dict[str, bytes]:
    return {name: path.read_bytes() for name, path in files.items() if path.is_file()}


def _sweep(folder: Path, kept: Collection[Path]) -> None:
    """Remove from ``results/`` what belongs to photographs that are gone, and what a killed run left unfinished."""
    ours = [path for place in ("overlays", "cache") for path in (folder / place).rglob("*") if path not in kept]
    for path in [*ours, *filter(is_unfinished, folder.iterdir())]:
        if path.is_file():
            with contextlib.suppress(OSError):  # a picture that a viewer holds open on Windows goes the next time
                path.unlink(missing_ok=True)
