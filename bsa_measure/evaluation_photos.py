"""A model judged on the photographs of a data file: the work on each, and the figures of every part of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from .batch import run
from .errors import TrainingError
from .evaluation import NOTHING, TOLERANCE_PERCENT, Score, nothing, region_pixels, score, summary, targets_of
from .files import printable
from .photo_job import resize_mask
from .protocol import Protocol
from .segment import load_model, most_probable
from .skin_tone import TONES, tone, typology_angle
from .tissue import Tissue

if TYPE_CHECKING:
    from .training.data import DataFile, Example, Part, Source

_TONE_COLUMN: Final = "ITA_class"
_SIDES: Final = re.compile(r"-(left|right|anterior|posterior|dorsal|palmar|plantar|lateral)\b.*")
_SIZES_OF_SKIN: Final = ((0.0, "none"), (0.05, "up to 5 % of the skin"), (0.2, "5 to 20 %"), (1.0, "above 20 %"))
_SIZES_OF_PHOTO: Final = ((0.0, "none"), (0.01, "up to 1 % of the photo"), (0.05, "1 to 5 %"), (1.0, "above 5 %"))


@dataclass(frozen=True)
class EvaluationJob:
    """One photograph, the models to ask, and what its mask can tell."""

    example: Example
    source: Source
    models: tuple[str, ...]
    folder: Path | None
    long_side: int
    tolerance_percent: float


@dataclass(frozen=True)
class Judged:
    """One photograph as judged.

    Attributes:
        source, group: as in the data file.
        tags: kind of part (``tone``, ``lesion``, ``region``) to the part that the photograph belongs to.
        scores: target to model to score.
    """

    source: str
    group: str
    tags: Mapping[str, str]
    scores: Mapping[str, Mapping[str, Score]]


def judge_photos(
    data: DataFile,
    base: Path,
    models: Sequence[str],
    *,
    part: Part = "test",
    folder: Path | None = None,
    workers: int = 1,
    tolerance_percent: float = TOLERANCE_PERCENT,
    progress: Callable[[int, int], None] | None = None,
) -> list[Judged]:
    """Ask the models for every photograph of one part of a data file, and compare with its masks.

    Args:
        data: see :func:`bsa_measure.training.data.read_data_file`.
        base: where its relative folders start.
        models: names.
        part: ``test``, ``tune`` or ``train``.
        folder: of the site's own models.
        workers: number of processes.
        tolerance_percent: of outlines, in percent of the longer side; by default the protocol's.
        progress: called after every photograph.

    Raises:
        TrainingError: a source cannot be used, or the part is empty.
        ModelError: a model is unknown or damaged.
    """
    from .training.data import examples, pick

    for name in models:
        load_model(name, folder)
    sources = {source.name: source for source in data.source}
    chosen = pick(examples(data, base), part)
    if not chosen:
        raise TrainingError(f"No source has a photograph in the part {part!r}: name another with --part.")
    long_side = Protocol().measure.working_long_side
    jobs = [EvaluationJob(e, sources[e.source], tuple(models), folder, long_side, tolerance_percent) for e in chosen]
    found: dict[int, Judged] = {}
    for index, judged in run(judge_photo, jobs, workers=workers):
        found[index] = judged
        if progress:
            progress(len(found), len(jobs))
    return [found[index] for index in range(len(jobs))]


def judge_photo(job: EvaluationJob) -> Judged:
    """Ask the models for one photograph and compare with its mask. Raises as :func:`judge_photos`."""
    from .training.data import read_example

    example = job.example
    photo, mask = read_example(example, job.source, job.long_side)
    height, width = mask.shape
    targets = targets_of(job.source.table)
    if not targets:
        raise TrainingError(
            f"The masks of the source {printable(job.source.name)} tell no group of classes that can be judged: "
            "leave the source out, or split its values."
        )
    region = region_pixels(mask, targets)
    scores: dict[str, dict[str, Score]] = {name: {} for name in targets}
    for model in job.models:
        probabilities = load_model(model, job.folder).probabilities(photo.pixels)
        labels = most_probable(probabilities, width, height).labels
        small = resize_mask(mask, *probabilities.shape[:0:-1])
        for name, inside in targets.items():
            scores[name][model] = score(
                mask,
                inside,
                labels,
                name,
                job.tolerance_percent,
                region=region,
                probabilities=probabilities,
                small_mask=small,
            )
    tags = _tags(job, photo.pixels, mask, region, scores)
    return Judged(example.source, example.group, tags, scores)


def _tags(
    job: EvaluationJob,
    pixels: npt.NDArray[np.uint8],
    mask: npt.NDArray[np.uint8],
    region: int,
    scores: Mapping[str, Mapping[str, Score]],
) -> dict[str, str]:
    tags: dict[str, str] = {}
    about, table = job.example.about, job.source.table
    intact = table[:, Tissue.INTACT] & (table.sum(axis=1) == 1)
    if about.get(_TONE_COLUMN):
        tags["tone"] = about[_TONE_COLUMN]
    elif intact.any():
        angle = typology_angle(pixels, intact[mask])
        if angle is not None:
            tags["tone"] = tone(angle)
    if "detached" in scores:
        reference = next(iter(scores["detached"].values())).reference
        sizes = _SIZES_OF_SKIN if "skin" in scores else _SIZES_OF_PHOTO
        share = reference / region
        tags["lesion"] = next(name for limit, name in sizes if share <= limit)
    if about.get("view"):
        tags["region"] = _SIDES.sub("", about["view"])
    return tags


def figures(judged: Sequence[Judged], models: Sequence[str]) -> list[dict[str, Any]]:
    """A record for every source, target and part of it, with the figures of every model beside predicting nothing."""
    records: list[dict[str, Any]] = []
    for source in dict.fromkeys(j.source for j in judged):
        of_source = [j for j in judged if j.source == source]
        for target in of_source[0].scores:
            for kind, part in _parts(of_source):
                chosen = [j for j in of_source if kind == "all" or j.tags.get(kind) == part]
                groups = [j.group for j in chosen]
                answers = {m: summary([j.scores[target][m] for j in chosen], groups) for m in models}
                empty = [nothing(j.scores[target][models[0]]) for j in chosen]
                answers[NOTHING] = summary(empty, groups)
                records.append({"source": source, "target": target, "kind": kind, "part": part, "answers": answers})
    return records


def _parts(judged: Sequence[Judged]) -> list[tuple[str, str]]:
    order = [*TONES, *(name for sizes in (_SIZES_OF_SKIN, _SIZES_OF_PHOTO) for _, name in sizes)]

    def place(part: str) -> tuple[int, str]:
        return (order.index(part) if part in order else len(order), part)

    parts = [("all", "all")]
    for kind in ("tone", "lesion", "region"):
        names = {j.tags[kind] for j in judged if kind in j.tags}
        parts += [(kind, name) for name in sorted(names, key=place)] if len(names) > 1 else []
    return parts
