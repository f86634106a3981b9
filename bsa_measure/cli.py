"""The command line: parses, calls, prints. Everything heavy is imported inside the commands."""

from __future__ import annotations

import atexit
import contextlib
import signal
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer
from typer.core import TyperCommand

from . import __version__

if TYPE_CHECKING:
    from .readings import Act
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
_EXIT_CODES_OF_PHOTOS = _EXIT_CODES.replace("something", "a photograph")


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


Models = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="Folder of the site's own models.", show_default="STUDY/models"),
]


Person = Annotated[str, typer.Option(metavar="NAME", help="Printed name of whoever does this.", show_default=False)]
OfPatient = Annotated[str, typer.Option("--patient", metavar="PATIENT", help="This patient.", show_default=False)]
OfVisit = Annotated[
    str, typer.Option("--visit", metavar="VISIT", help="This visit of the patient, e.g. D07.", show_default=False)
]
_SHOWN_ENTRIES = 20


class RoleName(StrEnum):
    """What somebody is in the trial."""

    READER = "reader"
    ADJUDICATOR = "adjudicator"
    MONITOR = "monitor"
    INVESTIGATOR = "investigator"


class ProtocolName(StrEnum):
    """The protocols that come with the program."""

    LYSYME = "lysyme"


def main() -> None:
    """Run the command line; every error a user can cause becomes one sentence and an exit code."""
    from .errors import BsaMeasureError

    # Once all is done, Ctrl-C must not make a signal of the exit code while Python takes itself down.
    atexit.register(signal.signal, signal.SIGINT, signal.SIG_IGN)
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
    typer.echo("\nStopped. What was finished is kept: run the same command again to go on.", err=True)
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


@app.command(
    cls=_Command, epilog=_EXIT_CODES_OF_PHOTOS, short_help="Measure the study: tables and report. The main job."
)
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
    models: Models = None,
    photo: Annotated[
        str | None,
        typer.Option(
            metavar="GLOB",
            help="Of the photographs without a reading do only those that match, e.g. 'LY-001/*' or '*/D07/*'; the "
            "others keep their numbers, brought up to date where something changed.",
            show_default=False,
        ),
    ] = None,
    reader: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Compute from this reader's masks alone, e.g. a person's name, model:classical-v1, or final: what was "
            "adjudicated, else the protocol's final reader.",
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
            models=models,
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


@app.command(cls=_Command, epilog=_EXIT_CODES_OF_PHOTOS, short_help="Masks of single photographs, without a study.")
def segment(
    photos: Annotated[list[Path], typer.Argument(metavar="PHOTO", help="One photograph or more.", show_default=False)],
    out: Annotated[Path, typer.Option(metavar="DIR", help="The folder that the masks go into.", show_default=False)],
    model: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="The model to ask.", show_default="the one the program recommends"),
    ] = None,
    models: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder of the site's own models.", show_default=False)
    ] = None,
) -> None:
    """Write the class mask of every photograph as DIR/NAME.png, as large as the upright photograph.

    A mask is an 8-bit PNG with one class number a pixel: 0 background, 1 intact, 2 detached,
    3 re-epithelialised, 4 not assessable.
    """
    from .segment_photos import segment_photos

    with _progress("Segmenting photographs") as progress:
        written, problems = segment_photos(photos, out, model=model, models=models, progress=progress)
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
    # A locked visit refuses each of its masks with the same sentence: said once, with how often.
    for problem, times in Counter(report.problems).items():
        typer.echo(f"- {problem}{f' ({times} masks)' if times > 1 else ''}", err=True)
    taken = len(report.recorded) + report.unchanged
    typer.echo(
        f"Masks by {reader}: {len(report.recorded)} recorded, {report.unchanged} unchanged, "
        f"{len(report.problems)} refused."
    )
    if taken:
        typer.echo(f"Next:  bsa-measure measure {quoted(study)}")
    if report.problems:
        sys.exit(NEEDS_A_HUMAN if taken else UNUSABLE)


@app.command(cls=_Command, epilog=_EXIT_CODES, short_help="Correct the masks in a window, worst first.")
def review(
    study: StudyFolder,
    reader: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Who reads; kept in the record.", show_default="this computer's account name"
        ),
    ] = None,
    blinded: Annotated[
        bool,
        typer.Option("--blinded", help="Visits in random order, without dates, the model's or others' labels."),
    ] = False,
    seed: Annotated[
        int | None,
        typer.Option(metavar="N", min=0, help="Of the random order, drawn once per reader.", show_default="drawn"),
    ] = None,
    full_size: Annotated[
        bool, typer.Option("--full-size", help="Work at the photograph's own size, not at the working size.")
    ] = False,
    adjudicate: Annotated[
        bool, typer.Option("--adjudicate", help="Decide what two readers disagree about, shown as A and B.")
    ] = False,
) -> None:
    """Open a window on the queue of photographs, the worst and undecided first, and correct their masks.

    What is painted is saved stroke by stroke; Done records a reading and opens the next photograph. It can be
    closed at any time and goes on where it stopped.
    """
    import getpass

    from .errors import BsaMeasureError

    try:
        from bsa_measure_napari.review import adjudicate as open_adjudication
        from bsa_measure_napari.review import review as open_review
    except ImportError as error:
        raise BsaMeasureError("The window needs napari: install it with  pip install 'bsa-measure[napari]'") from error
    if adjudicate:
        open_adjudication(study, reader or getpass.getuser())
        return
    open_review(study, reader or getpass.getuser(), blinded=blinded, seed=seed, full_size=full_size)


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


@app.command(cls=_Command, epilog=_EXIT_CODES, short_help="Train a network, or a site's own on its corrections.")
def train(
    data: Annotated[Path, typer.Argument(metavar="DATA.toml", help="Recipe and sources.", show_default=False)],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder of the run.", show_default=False)],
    sources: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Where the file's relative folders start.", show_default="the file's folder"),
    ] = None,
    models: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Folder of the site's own models, to start from one.", show_default=False),
    ] = None,
    threads: Annotated[int | None, typer.Option(metavar="N", min=1, help="Cores to use.", show_default="all")] = None,
    end_here: Annotated[
        bool, typer.Option("--end-here", help="Make the model from the last checkpoint of a run that was stopped.")
    ] = False,
) -> None:
    """Train the network that DATA.toml describes; it can be stopped at any time and goes on where it stopped.

    The finished model, with its recipe, is in DIR/models: give that folder to `measure --models`.
    """
    from .files import quoted

    try:
        from .training.command import train_model
    except ImportError as error:
        _fail(f"Training needs {error.name}: install it with  pip install 'bsa-measure[train]'")
    made = train_model(
        data,
        out,
        sources=sources,
        models=models,
        threads=threads,
        end_here=end_here,
        progress=lambda step, steps, line: typer.echo(f"step {step} of {steps}, loss {line['loss']}"),
    )
    typer.echo(
        f"The model {made.name} ({made.sha256[:12]}…) is in {made.folder}.\n"
        f"To try it:  bsa-measure measure STUDY --models {quoted(out / 'models')} --model {made.name}"
    )


@app.command(cls=_Command, epilog=_EXIT_CODES, short_help="Turn a study's corrected masks into data for training.")
def corrections(
    study: StudyFolder,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder for the data files.", show_default=False)],
    name: Annotated[str, typer.Option(metavar="NAME", help="Name of the model to be made.", show_default=False)],
    start: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="The model to go on from.", show_default="the one the program recommends"),
    ] = None,
    folds: Annotated[int, typer.Option(metavar="N", min=0, max=50, help="Parts to judge it on in turn.")] = 5,
) -> None:
    """Write data files for `train` from the masks that people made in a study: adjudicated first, else the newest.

    DIR/data.toml learns from all of them. DIR/fold-1.toml and so on leave one part of the patients out, to judge the
    result on with `evaluate`. The study is not changed and nothing is copied out of it.
    """
    from .files import quoted
    from .segment import default_model
    from .training.corrections import write_corrections

    made = write_corrections(study, out, name=name, start=start or default_model(), folds=folds)
    typer.echo(
        f"{made.photographs} photographs of {made.patients} patients.\n"
        f"Next:  bsa-measure train {quoted(made.data_file)} --out RUN"
    )


class Part(StrEnum):
    """The parts of a data file's photographs."""

    TEST = "test"
    TUNE = "tune"
    TRAIN = "train"


@app.command(cls=_Command, epilog=_EXIT_CODES, short_help="Judge a model on photographs or phantoms with a truth.")
def evaluate(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="The model to judge.", show_default=False)],
    data: Annotated[
        Path,
        typer.Argument(
            metavar="DATA", help="A data file as for `train`, or a phantom study with its truth.", show_default=False
        ),
    ],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder for metrics.json and metrics.md.")] = Path(
        "evaluation"
    ),
    beside: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="A further model to judge on the same; may be given several times.",
            show_default=False,
        ),
    ] = None,
    part: Annotated[Part, typer.Option(help="Which photographs of the data file.")] = Part.TEST,
    sources: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Where the file's relative folders start.", show_default="the file's folder"),
    ] = None,
    models: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder of the site's own models.", show_default=False)
    ] = None,
    workers: Workers = None,
) -> None:
    """Judge a model: how well it outlines, how far its areas and its % BSA are off, and how sure it may be.

    On a data file: Dice, IoU, outlines, area errors and calibration by source, class, skin tone, lesion size and
    region. On a phantom study: % BSA of every visit, and the call. classical-v1 and predicting nothing are always
    beside.
    """
    from .batch import default_workers
    from .evaluation_files import evaluate as evaluate_model

    with _progress("Judging photographs") as progress:
        evaluate_model(
            model,
            data,
            out,
            beside=beside or (),
            part=part.value,
            sources=sources,
            models=models,
            workers=workers or default_workers(),
            progress=progress,
        )
    typer.echo((out / "metrics.md").read_text(encoding="utf-8"))


@app.command(cls=_Command, epilog=_EXIT_CODES, short_help="All patients together: responders, monitoring, SCORTEN.")
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


@app.command(cls=_Command, epilog=_EXIT_CODES, short_help="How well readers agree: one page and tables.")
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
    error_model: Annotated[
        bool,
        typer.Option(
            "--error-model", help="Take --b for right and keep how far --a is from it: measure then gives intervals."
        ),
    ] = False,
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
    if error_model:
        from .error_pairs import keep_error_model

        typer.echo(keep_error_model(comparison))
    sys.exit(NEEDS_A_HUMAN if any(excluded.fault for excluded in comparison.excluded) else DONE)


@app.command(cls=_Command, epilog=_EXIT_CODES, short_help="Decide, blinded, where readers differ; final tables.")
def adjudicate(
    study: StudyFolder,
    reader: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="Whose readings to look at; give it twice or more.",
            show_default="the protocol's, else every person who has read",
        ),
    ] = None,
    decisions: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The filled-in worklist, or what the page saved.", show_default=False),
    ] = None,
    adjudicator: Annotated[
        str | None, typer.Option(metavar="NAME", help="Who has decided; not a reader.", show_default=False)
    ] = None,
    final: Annotated[
        bool, typer.Option("--final", help="Write the final tables, with readers named, into results/final.")
    ] = False,
    workers: Workers = None,
) -> None:
    """The visits on which readers differ, blinded, for a third person; and that person's decisions.

    Writes a worklist and a page into STUDY/results/adjudication. The key to the letters is STUDY/adjudication/key.json.
    """
    from .adjudicate import open_adjudication, record_decisions, refreshed
    from .adjudicate_files import closing_lines, read_decisions, write_worklist
    from .batch import default_workers

    if (decisions is None) != (adjudicator is None):
        _fail("--decisions and --adjudicator belong together: give the table and who has decided.")
    count = workers or default_workers()
    with _progress("Comparing photographs") as show:
        found = open_adjudication(study, reader or (), workers=count, progress=show)
    problems: list[str] = []
    if decisions is not None and adjudicator is not None:
        decided, problems = read_decisions(found, decisions)
        report = record_decisions(found, decided, adjudicator=adjudicator)
        problems += report.problems
        for problem in problems:
            typer.echo(f"- {problem}", err=True)
        typer.echo(
            f"Decisions by {adjudicator}: {len(report.recorded)} recorded, {report.unchanged} unchanged, "
            f"{len(problems)} refused."
        )
        found = refreshed(found)
    if final:
        from . import final as final_tables

        with _progress("Measuring final readings") as show:
            finals = final_tables.final_study(found, workers=count, progress=show)
        typer.echo(final_tables.closing_lines(finals, final_tables.write_final(finals)))
        problems += [excluded.reason for excluded in finals.excluded]
    else:
        write_worklist(found, workers=count)
        typer.echo(closing_lines(found))
    sys.exit(NEEDS_A_HUMAN if problems or found.worklist.open_visits else DONE)


@app.command(cls=_Command, epilog=_EXIT_CODES, short_help="Is everything as it was recorded; who did what and why.")
def audit(
    study: StudyFolder,
    patient: Annotated[str, typer.Option(metavar="PATIENT", help="Show this patient only.", show_default=False)] = "",
    reader: Annotated[
        str, typer.Option(metavar="NAME", help="Show this person or model only.", show_default=False)
    ] = "",
    first: Annotated[
        datetime | None,
        typer.Option(
            "--from", metavar="YYYY-MM-DD", formats=["%Y-%m-%d"], help="From this day on (UTC).", show_default=False
        ),
    ] = None,
    last: Annotated[
        datetime | None,
        typer.Option(
            "--to", metavar="YYYY-MM-DD", formats=["%Y-%m-%d"], help="Up to this day (UTC).", show_default=False
        ),
    ] = None,
    blinded: Annotated[
        bool, typer.Option("--blinded", help="An edition that tells nobody which reader is which.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE.csv", help="Write the trail here, in full.", show_default=False)
    ] = None,
    expect: Annotated[
        str, typer.Option(metavar="HASH", help="A hash noted down earlier, to be found again.", show_default=False)
    ] = "",
) -> None:
    """Check the record, every mask, every result and everything signed; changes nothing. Then show the trail.

    The first bad entry is named. Exit code 1 means that something is not as it was recorded.
    """
    from . import audit as auditing
    from .files import write_text

    if blinded and (reader or first or last):
        _fail("--blinded goes with --patient only: choosing by reader or by day would tell who is who.")
    found = auditing.audit_study(study, expect=expect)
    chosen = auditing.select(
        found.entries, patient=patient, reader=reader, first=first and first.date(), last=last and last.date()
    )
    if not blinded:
        typer.echo(auditing.summary(found))
    if blinded or out is not None:
        table = auditing.blinded_table(found, patient=patient) if blinded else auditing.trail_table(found, chosen)
        if out is not None:
            write_text(out, table)
        else:
            typer.echo(table.rstrip("\n"))
    else:
        shown = chosen if patient or reader or first or last else chosen[-_SHOWN_ENTRIES:]
        if len(shown) < len(chosen):
            typer.echo(
                f"\n  ... {len(chosen) - len(shown)} earlier entries: choose with --patient or --from, or use --out"
            )
        for entry in shown:
            typer.echo(auditing.trail_line(entry))
    if not blinded:
        typer.echo(f"\n{auditing.verdict(found)}")
    elif found.faults:
        typer.echo("Something is not as it was recorded: run it without --blinded, by somebody who may know.", err=True)
    else:
        typer.echo("Everything is as it was recorded.", err=True)
    sys.exit(NEEDS_A_HUMAN if found.faults else DONE)


@app.command(cls=_Command, epilog=_EXIT_CODES, short_help="Sign the results of a visit, a patient or the study.")
def sign(
    study: StudyFolder,
    person: Person,
    role: Annotated[RoleName, typer.Option(help="In the trial.", show_default=False)],
    meaning: Annotated[
        str,
        typer.Option(
            metavar="TEXT", help="Of the signature: review, approval, responsibility or authorship.", show_default=False
        ),
    ],
    patient: OfPatient = "",
    visit: OfVisit = "",
    reason: Annotated[str, typer.Option(metavar="TEXT", help="A remark that is kept.", show_default=False)] = "",
) -> None:
    """Put a name to results: the rows of the tables as they are now are kept with the signature.

    Without --patient the whole study is signed. Nothing is locked by it.
    """
    from . import signing

    act = signing.sign(
        study, person=person, role=role.value, meaning=meaning, patient=patient, visit=visit, reason=reason
    )
    _echo_act(act)


@app.command(cls=_Command, epilog=_EXIT_CODES, short_help="Let no reading be added to a visit, a patient or the study.")
def lock(
    study: StudyFolder,
    person: Person,
    patient: OfPatient = "",
    visit: OfVisit = "",
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why; kept in the record.", show_default=False)] = "",
) -> None:
    """Lock: from now on no reading is recorded, by nobody and no model, until somebody unlocks with a reason.

    Without --patient the whole study is locked. `measure` still works, from what is recorded.
    """
    from . import signing

    _echo_act(signing.lock(study, person=person, patient=patient, visit=visit, reason=reason))


@app.command(cls=_Command, epilog=_EXIT_CODES, short_help="Open again what was locked, with a reason.")
def unlock(
    study: StudyFolder,
    person: Person,
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why; kept in the record.", show_default=False)],
    patient: OfPatient = "",
    visit: OfVisit = "",
) -> None:
    """Unlock a visit, a patient or (without --patient) the whole study. One visit of a locked study can be opened."""
    from . import signing

    _echo_act(signing.unlock(study, person=person, reason=reason, patient=patient, visit=visit))


def _echo_act(act: Act) -> None:
    from .signing import about_act

    if act.kind == "lock" and not act.covers_sha256:
        typer.echo("No results that are up to date were there to be kept with the lock: measure, then sign them.")
    typer.echo(f"{about_act(act)}. Its hash, to be kept outside the study:\n{act.hash}")


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
