"""What ``bsa-measure phantom`` does, without the command line."""

from __future__ import annotations

from pathlib import Path

from bsa_measure.errors import PhantomError, StudyError
from bsa_measure.study import parse_visit

from .study import LONG_SIDE, PhantomStudy, Progress, generate


def generate_study(
    out: Path,
    *,
    patients: int,
    seed: int = 1,
    visits: str = "",
    views: str = "",
    size: int = LONG_SIDE,
    progress: Progress | None = None,
) -> PhantomStudy:
    """Make a phantom study from the texts a user types.

    Args:
        out: the study folder; an interrupted run is continued in the same folder.
        patients: how many.
        seed: another seed, other patients.
        visits: such as ``D-2,D0,D7``; empty for the usual six.
        views: such as ``trunk-anterior,buttocks``; empty for the whole standard list.
        size: pixels on the longer side of a photograph.
        progress: see :func:`bsa_measure.phantom.study.generate`.

    Raises:
        PhantomError: something asked for does not exist, or the folder holds another study.
    """
    if (out / "patients.csv").exists() and not (out / "truth" / "made-with.txt").exists():
        raise PhantomError(f"{out.name} already holds a study that is not a phantom study: choose another folder.")
    days = [_day(word) for word in visits.replace(";", ",").split(",") if word.strip()]
    names = [word.strip().lower() for word in views.replace(";", ",").split(",") if word.strip()]
    try:
        return generate(
            out, patients=patients, seed=seed, visits=days or None, views=names or None, long_side=size,
            progress=progress,
        )  # fmt: skip
    except (StudyError, OSError) as error:
        raise PhantomError(f"{out.name} cannot be written to ({error}): choose another folder.") from error


def _day(word: str) -> int:
    day = parse_visit(word)
    if day is None:
        raise PhantomError(f"{word.strip()!r} is not a visit: write it like D7 or D-2, several with commas between.")
    return day
