"""The command line: parses, calls, prints. Everything heavy is imported inside the commands."""

from __future__ import annotations

import sys
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from . import __version__

if TYPE_CHECKING:
    from .results import StudyResults

DONE, NEEDS_A_HUMAN, UNUSABLE = 0, 1, 2
STOPPED = 130

app = typer.Typer(
    name="bsa-measure",
    help="Detached and re-epithelialised body surface area from standardised photographs.",
    epilog="Research use only; not a medical device.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

StudyFolder = Annotated[Path, typer.Argument(metavar="STUDY", help="The study folder.", show_default=False)]


class ProtocolName(StrEnum):
    """The protocols that come with the program."""

    LYSYME = "lysyme"


def main() -> None:
    """Run the command line; every error a user can cause becomes one sentence and an exit code."""
    from .errors import BsaMeasureError

    for stream in (sys.stdout, sys.stderr):
        # A Windows console may know fewer characters than a patient's file name.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    try:
        app(standalone_mode=True)
    except BsaMeasureError as error:
        _fail(str(error))
    except KeyboardInterrupt:
        typer.echo("\nStopped. Nothing is lost: run the same command again to go on.", err=True)
        sys.exit(STOPPED)
    except BrokenPipeError:
        sys.exit(DONE)


def _fail(sentence: str) -> NoReturn:
    typer.echo(f"bsa-measure: {sentence}", err=True)
    sys.exit(UNUSABLE)


def _show_version(value: bool) -> None:
    if value:
        typer.echo(f"bsa-measure {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and stop.")
    ] = False,
) -> None:
    pass


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder to make.", show_default=False)],
    protocol: Annotated[ProtocolName, typer.Option(help="Whose choices to start from.")] = ProtocolName.LYSYME,
) -> None:
    """Write a study folder with a commented protocol and empty tables."""
    from .study import init_study

    init_study(folder, protocol.value)
    typer.echo(
        f"Made {folder}. Next: list the patients in patients.csv, put the photographs into\n"
        f"photos/PATIENT/VISIT/VIEW.jpg, then run:  bsa-measure check {folder}"
    )


@app.command()
def check(
    study: StudyFolder,
    workers: Annotated[int | None, typer.Option(min=1, help="Number of processes.", show_default="all cores")] = None,
) -> None:
    """Read everything, measure nothing: missing views, wrong names, unreadable or poor photographs."""
    from .check import check_study

    report = check_study(study, workers=workers, progress=_progress("Reading photographs"))
    typer.echo(report.text())
    if not report.complete:
        sys.exit(NEEDS_A_HUMAN)


@app.command()
def measure(
    study: StudyFolder,
    workers: Annotated[int | None, typer.Option(min=1, help="Number of processes.", show_default="all cores")] = None,
    scheduler: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="A Dask scheduler to work on instead.", show_default=False)
    ] = None,
    model: Annotated[
        str | None, typer.Option(metavar="NAME", help="Another model than the protocol's.", show_default=False)
    ] = None,
    photo: Annotated[
        str | None,
        typer.Option(metavar="GLOB", help="Only photographs that match, e.g. 'LY-001/*'.", show_default=False),
    ] = None,
    reader: Annotated[
        str | None, typer.Option(metavar="NAME", help="Only this reader's readings.", show_default=False)
    ] = None,
) -> None:
    """Measure every photograph and write tables and report: the main job. Goes on where it stopped."""
    from .batch import default_workers
    from .measure import measure as measure_study

    results = measure_study(
        study,
        workers=workers or default_workers(),
        scheduler=scheduler,
        model=model,
        photo_glob=photo,
        reader=reader,
        command=_command_text("measure", model=model, photo=photo, reader=reader),
        progress=_progress("Measuring photographs"),
    )
    from .summary import closing_summary

    typer.echo(closing_summary(results, study))
    sys.exit(NEEDS_A_HUMAN if _needs_a_human(results) else DONE)


def _command_text(name: str, **options: str | None) -> str:
    """The command as provenance records it: what decides the numbers, not paths or process counts."""
    return " ".join([name, *(f"--{key} {value}" for key, value in options.items() if value is not None)])


def _needs_a_human(results: StudyResults) -> bool:
    photos = [photo for patient in results.patients for photo in patient.photos] + list(results.refused_photos)
    return bool(results.problems) or any(photo.status != "measured" for photo in photos)


@app.command()
def segment(
    photos: Annotated[list[Path], typer.Argument(metavar="PHOTO...", help="Photographs.", show_default=False)],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where the masks go.", show_default=False)],
    model: Annotated[str | None, typer.Option(metavar="NAME", help="The model.", show_default="the protocol's")] = None,
) -> None:
    """Write one class mask a photograph: as large as the upright photo, 8-bit PNG, one class number a pixel."""
    from .segment_photos import segment_photos

    written, problems = segment_photos(photos, out, model=model, progress=_progress("Segmenting photographs"))
    for problem in problems:
        typer.echo(problem, err=True)
    typer.echo(f"Wrote {written} masks to {out}.")
    if problems:
        sys.exit(NEEDS_A_HUMAN if written else UNUSABLE)


@app.command(name="import")
def import_(
    study: StudyFolder,
    masks: Annotated[Path, typer.Argument(metavar="MASKS", help="A tree like photos/, of PNG.", show_default=False)],
    reader: Annotated[str, typer.Option(metavar="NAME", help="Who made the masks.", show_default=False)],
    adjudicated: Annotated[bool, typer.Option("--adjudicated", help="They are an adjudicator's final word.")] = False,
    surfaces: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="A tree of surface maps to go with the masks.", show_default=False),
    ] = None,
    reason: Annotated[str, typer.Option(help="Why they were made; kept in the record.")] = "imported",
) -> None:
    """Take masks made elsewhere as a reader's readings."""
    from .imports import import_masks
    from .study import open_study

    report = import_masks(
        open_study(study), masks, reader=reader, adjudicated=adjudicated, surfaces=surfaces, reason=reason
    )
    for problem in report.problems:
        typer.echo(problem, err=True)
    typer.echo(
        f"Recorded {len(report.recorded)} readings by {reader}, {report.unchanged} unchanged, "
        f"{len(report.problems)} refused. Next:  bsa-measure measure {study}"
    )
    if report.problems:
        sys.exit(NEEDS_A_HUMAN)


@app.command()
def phantom(
    out: Annotated[Path, typer.Option(metavar="DIR", help="The study folder to make.", show_default=False)],
    patients: Annotated[int, typer.Option(min=1, max=9999, help="How many patients.")] = 1,
    seed: Annotated[int, typer.Option(min=0, help="Another seed, other patients.")] = 1,
    visits: Annotated[str, typer.Option(help="Study days, e.g. D-2,D0,D7.", show_default="the usual six")] = "",
    views: Annotated[
        str, typer.Option(help="Views, e.g. trunk-anterior,buttocks.", show_default="the whole standard list")
    ] = "",
    size: Annotated[int, typer.Option(min=256, max=4096, help="Pixels on a photograph's longer side.")] = 1024,
) -> None:
    """Make digital phantom patients: photographs, masks and true % BSA. Goes on where it stopped."""
    try:
        from .phantom.command import generate_study
    except ImportError as error:
        _fail(f"Phantoms need {error.name}: install it with  pip install 'bsa-measure[phantom]'")
    show = _progress("Making photographs")
    study = generate_study(
        out,
        patients=patients,
        seed=seed,
        visits=visits,
        views=views,
        size=size,
        progress=lambda done, total, _: show(done, total),
    )
    typer.echo(
        f"Made {study.made} photographs, {study.kept} were there already. Next:  bsa-measure measure {out}\n"
        f"With the true masks as a reader:  bsa-measure import {out} {out / 'truth' / 'masks'} --reader truth "
        f"--surfaces {out / 'truth' / 'surfaces'}"
    )


@app.command()
def compare(
    study: StudyFolder,
    a: Annotated[str, typer.Option("--a", metavar="READER", help="A reader, or model:NAME.", show_default=False)],
    b: Annotated[
        list[str],
        typer.Option(
            "--b",
            metavar="READER",
            help="The reader to compare with; several times for several. The same as --a: first against last reading.",
            show_default=False,
        ),
    ],
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where the report goes.", show_default="results/compare-A-B")
    ] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Number of processes.", show_default="all cores")] = None,
) -> None:
    """How well readers agree: photographs, surfaces, visits and calls, as one page and tables."""
    from .batch import default_workers
    from .compare import compare_readers
    from .compare_files import closing_lines, default_folder, write_comparison

    readers = [a, *b]
    comparison = compare_readers(
        study, readers, workers=workers or default_workers(), progress=_progress("Comparing photographs")
    )
    folder = out or default_folder(study, readers)
    write_comparison(comparison, folder)
    typer.echo(closing_lines(comparison, folder))
    sys.exit(NEEDS_A_HUMAN if any(excluded.fault for excluded in comparison.excluded) else DONE)


def _progress(title: str) -> Callable[[int, int], None]:
    """A progress bar with the time left on a terminal; nothing in a file or a pipe."""
    if not sys.stderr.isatty():
        return lambda done, total: None
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("left"),
        console=Console(stderr=True),
        transient=True,
    )
    task = bar.add_task(title, total=None)

    def update(done: int, total: int) -> None:
        if total and not bar.live.is_started and done < total:
            bar.start()
        bar.update(task, completed=done, total=total)
        if done >= total:
            bar.stop()

    return update


if __name__ == "__main__":
    main()
