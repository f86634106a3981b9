"""The command line: parses, calls, prints. Everything heavy is imported inside the commands."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer
from typer.core import TyperCommand

from . import __version__

if TYPE_CHECKING:
    from .results import StudyResults

DONE, NEEDS_A_HUMAN, UNUSABLE = 0, 1, 2
STOPPED = 130

_FIRST_STEPS = """Detached and re-epithelialised body surface area from standardised photographs.

\b
A new study:  bsa-measure init my-study       makes the folder
              bsa-measure check my-study      what is missing, misnamed or too poor
              bsa-measure measure my-study    tables and report in my-study/results
"""
_EXIT_CODES = (
    "Exit code: 0 done, 1 something needs a human (it is listed), 2 the input cannot be used at all. "
    "Research use only; not a medical device."
)


class _Command(TyperCommand):
    def collect_usage_pieces(self, ctx: typer.Context) -> list[str]:  # type: ignore[override]
        """Usage without the braces that look as if they had to be typed."""
        return [piece.replace("{", "").replace("}", "") for piece in super().collect_usage_pieces(ctx)]


app = typer.Typer(
    name="bsa-measure",
    help=_FIRST_STEPS,
    epilog=_EXIT_CODES,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

StudyFolder = Annotated[Path, typer.Argument(metavar="STUDY", help="The study folder.", show_default=False)]
Workers = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        min=1,
        help="Photographs worked on at once; fewer need less memory.",
        show_default="one a processor core",
    ),
]


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
    except BrokenPipeError:
        sys.exit(DONE)
    except KeyboardInterrupt:
        _stopped()
    except SystemExit as end:
        if end.code == STOPPED:  # how typer answers Ctrl-C
            _stopped()
        raise
    except Exception as error:
        _fail(_own_fault(error))


def _stopped() -> NoReturn:
    typer.echo("\nStopped. Nothing is lost: run the same command again to go on.", err=True)
    sys.exit(STOPPED)


def _own_fault(error: Exception) -> str:
    """A sentence about a fault of the program itself; its details go into a file, not over a nurse's screen."""
    import tempfile
    import traceback

    details = Path(tempfile.gettempdir()) / "bsa-measure-fault.txt"
    with contextlib.suppress(OSError):
        details.write_text("".join(traceback.format_exception(error)), encoding="utf-8", errors="replace")
    return (
        f"this is a fault of the program, not yours ({type(error).__name__}): what is measured is kept; "
        f"send the file {details} to whoever looks after the program."
    )


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


@app.command(cls=_Command, epilog=_EXIT_CODES, short_help="Make a new study folder.")
def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder to make.", show_default=False)],
    protocol: Annotated[ProtocolName, typer.Option(help="Whose choices to start from.")] = ProtocolName.LYSYME,
) -> None:
    """Make a new study folder: a protocol with comments that explain every choice, and empty tables.

    Tables that are there already are kept; a folder that holds a study already is left alone.
    """
    from .files import quoted
    from .study import init_study

    init_study(folder, protocol.value)
    typer.echo(
        f"Made {folder}. Next:\n"
        "  1. list the patients in patients.csv,\n"
        "  2. put the photographs into photos/PATIENT/VISIT/VIEW.jpg, e.g. photos/LY-001/D07/trunk-anterior.jpg,\n"
        f"  3. run:  bsa-measure check {quoted(folder)}"
    )


@app.command(cls=_Command, epilog=_EXIT_CODES, short_help="See what is missing, misnamed or too poor.")
def check(study: StudyFolder, workers: Workers = None) -> None:
    """Read everything and measure nothing: missing views, wrong names, unreadable or poor photographs, as a table.

    Changes nothing in the study folder.
    """
    from .check import check_study

    with _progress("Reading photographs") as progress:
        report = check_study(study, workers=workers, progress=progress)
    typer.echo(report.text())
    if not report.complete:
        sys.exit(NEEDS_A_HUMAN)


@app.command(cls=_Command, epilog=_EXIT_CODES, short_help="Measure the study: tables and report. The main job.")
def measure(
    study: StudyFolder,
    workers: Workers = None,
    scheduler: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="Work on a Dask cluster, whose computers see the same folder, e.g. tcp://server:8786.",
            show_default=False,
        ),
    ] = None,
    model: Annotated[
        str | None, typer.Option(metavar="NAME", help="Another model than the protocol's.", show_default=False)
    ] = None,
    photo: Annotated[
        str | None,
        typer.Option(
            metavar="GLOB",
            help="Do only the photographs that match, e.g. 'LY-001/*' or '*/D07/*'; the others stay as they are.",
            show_default=False,
        ),
    ] = None,
    reader: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Compute from this reader's masks alone, e.g. a person's name or model:classical-v1.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Measure every photograph of a study, and write tables and report into STUDY/results.

    It can be stopped at any time (Ctrl-C) and goes on where it stopped; only what changed is done again. At the
    end it says what needs a human.
    """
    from .batch import default_workers
    from .measure import measure as measure_study

    with _progress("Measuring photographs") as progress:
        results = measure_study(
            study,
            workers=workers or default_workers(),
            scheduler=scheduler,
            model=model,
            photo_glob=photo,
            reader=reader,
            command=_command_text("measure", model=model, photo=photo, reader=reader),
            progress=progress,
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


@app.command(cls=_Command, epilog=_EXIT_CODES, short_help="Masks of single photographs, without a study.")
def segment(
    photos: Annotated[list[Path], typer.Argument(metavar="PHOTO", help="One photograph or more.", show_default=False)],
    out: Annotated[Path, typer.Option(metavar="DIR", help="The folder that the masks go into.", show_default=False)],
    model: Annotated[
        str | None, typer.Option(metavar="NAME", help="The model to ask.", show_default="the protocol's")
    ] = None,
) -> None:
    """Write the class mask of every photograph as DIR/NAME.png, as large as the upright photograph.

    A mask is an 8-bit PNG with one class number a pixel: 0 background, 1 intact, 2 detached,
    3 re-epithelialised, 4 not assessable.
    """
    from .segment_photos import segment_photos

    with _progress("Segmenting photographs") as progress:
        written, problems = segment_photos(photos, out, model=model, progress=progress)
    for problem in problems:
        typer.echo(f"- {problem}", err=True)
    typer.echo(f"Wrote {written} {'mask' if written == 1 else 'masks'} to {out}.")
    if problems:
        sys.exit(NEEDS_A_HUMAN if written else UNUSABLE)


@app.command(name="import", cls=_Command, epilog=_EXIT_CODES, short_help="Take masks made elsewhere into a study.")
def import_(
    study: StudyFolder,
    masks: Annotated[
        Path,
        typer.Argument(metavar="MASKS", help="A folder like photos/: PATIENT/VISIT/VIEW.png.", show_default=False),
    ],
    reader: Annotated[str, typer.Option(metavar="NAME", help="Who made the masks.", show_default=False)],
    adjudicated: Annotated[bool, typer.Option("--adjudicated", help="They are an adjudicator's final word.")] = False,
    surfaces: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="A tree of surface maps to go with the masks.", show_default=False),
    ] = None,
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why they were made; kept in the record.")] = "imported",
) -> None:
    """Take masks made elsewhere as a reader's readings; earlier readings are kept.

    A mask is an 8-bit PNG with one class number a pixel (0 background, 1 intact, 2 detached, 3 re-epithelialised,
    4 not assessable), as large as the upright photograph or as the working image.
    """
    from .files import quoted
    from .imports import import_masks
    from .study import open_study

    report = import_masks(
        open_study(study), masks, reader=reader, adjudicated=adjudicated, surfaces=surfaces, reason=reason
    )
    for problem in report.problems:
        typer.echo(f"- {problem}", err=True)
    taken = len(report.recorded) + report.unchanged
    typer.echo(
        f"Masks by {reader}: {len(report.recorded)} recorded, {report.unchanged} unchanged, "
        f"{len(report.problems)} refused."
    )
    if taken:
        typer.echo(f"Next:  bsa-measure measure {quoted(study)}")
    if report.problems:
        sys.exit(NEEDS_A_HUMAN if taken else UNUSABLE)


@app.command(cls=_Command, epilog=_EXIT_CODES, short_help="Make digital phantom patients to try things on.")
def phantom(
    out: Annotated[Path, typer.Option(metavar="DIR", help="The study folder to make.", show_default=False)],
    patients: Annotated[int, typer.Option(metavar="N", min=1, max=9999, help="How many patients.")] = 1,
    seed: Annotated[int, typer.Option(metavar="N", min=0, help="Another seed, other patients.")] = 1,
    visits: Annotated[
        str, typer.Option(metavar="LIST", help="Study days, e.g. D-2,D0,D7.", show_default="the usual six")
    ] = "",
    views: Annotated[
        str,
        typer.Option(
            metavar="LIST", help="Views, e.g. trunk-anterior,buttocks.", show_default="the whole standard list"
        ),
    ] = "",
    size: Annotated[
        int, typer.Option(metavar="N", min=256, max=4096, help="Pixels on a photograph's longer side.")
    ] = 1024,
) -> None:
    """Make a study of digital phantom patients: photographs, masks and true % BSA.

    It can be stopped at any time (Ctrl-C) and goes on where it stopped. The same seed gives the same patients.
    """
    from .files import quoted

    try:
        from .phantom.command import generate_study
    except ImportError as error:
        _fail(f"Phantoms need {error.name}: install it with  pip install 'bsa-measure[phantom]'")
    with _progress("Making photographs") as show:
        study = generate_study(
            out,
            patients=patients,
            seed=seed,
            visits=visits,
            views=views,
            size=size,
            progress=lambda done, total, _: show(done, total),
        )
    truth = out / "truth"
    typer.echo(
        f"Made {study.made} photographs, {study.kept} were there already.\n"
        f"Next:  bsa-measure measure {quoted(out)}\n"
        f"With the true masks as a reader:  bsa-measure import {quoted(out)} {quoted(truth / 'masks')} "
        f"--reader truth --surfaces {quoted(truth / 'surfaces')}"
    )


@app.command()
def cohort(
    study: StudyFolder,
    tables: Annotated[
        bool, typer.Option("--tables", help="Write the clinician's empty tables that are missing, and stop.")
    ] = False,
) -> None:
    """All patients together: responders, stopping boundaries, SCORTEN, time to healing. After `measure`."""
    from .cohort_tables import cohort_study, write_empty_tables

    if tables:
        written = ", ".join(write_empty_tables(study))
        typer.echo(f"Wrote {written} to {study}, to be filled in." if written else "All tables are there already.")
        return
    from .report.cohort_page import summary_sentences

    found = cohort_study(study)
    for sentence in summary_sentences(found):
        typer.echo(sentence)
    if found.notes:
        typer.echo("\nBefore using these numbers:")
    for note in found.notes:
        typer.echo(f"  - {note}")
    typer.echo(f"\nPage: {study / 'results' / 'cohort.html'}")


@app.command()
def compare(
    study: StudyFolder,
    a: Annotated[str, typer.Option("--a", metavar="READER", help="A reader, or model:NAME.", show_default=False)],
    b: Annotated[
        list[str],
        typer.Option(
            "--b",
            metavar="READER",
            help="Whom to compare with; may be given several times. The same as --a: first against last reading.",
            show_default=False,
        ),
    ],
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where the report goes.", show_default="results/compare-A-B")
    ] = None,
    workers: Workers = None,
) -> None:
    """How well readers agree: photographs, surfaces, visits and calls, as one page and tables."""
    from .batch import default_workers
    from .compare import compare_readers
    from .compare_files import closing_lines, default_folder, write_comparison

    readers = [a, *b]
    with _progress("Comparing photographs") as show:
        comparison = compare_readers(study, readers, workers=workers or default_workers(), progress=show)
    folder = out or default_folder(study, readers)
    write_comparison(comparison, folder)
    typer.echo(closing_lines(comparison, folder))
    sys.exit(NEEDS_A_HUMAN if any(excluded.fault for excluded in comparison.excluded) else DONE)


@contextlib.contextmanager
def _progress(title: str) -> Iterator[Callable[[int, int], None]]:
    """A progress bar with the time left on a terminal; nothing in a file or a pipe."""
    if not sys.stderr.isatty():
        yield lambda done, total: None
        return
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
        if done < total and not bar.live.is_started:
            bar.start()
        bar.update(task, completed=done, total=total)

    try:
        yield update
    finally:
        bar.stop()  # also after Ctrl-C or an error: it gives the cursor back


if __name__ == "__main__":
    main()
