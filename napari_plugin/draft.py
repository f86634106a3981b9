"""What a reader has painted on a photograph and not yet recorded, kept on the disk stroke by stroke.

    drafts/READER/PHOTO/
      draft.json                what the work started from
      labels.png  ...           the planes it started from
      journal                   every act since, see :mod:`journal`
      .open                     held while a window shows the photograph

The draft is complete in itself: it can be taken up again even where the model or the reading that it started from is
gone. It is removed when its reading is in the record.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import queue
import re
import shutil
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from bsa_measure.errors import BsaMeasureError, StudyError
from bsa_measure.files import held, read_text, write_bytes, write_text
from bsa_measure.mask_png import decode_mask, encode_mask

from .activity import ActiveClock
from .canvas import PLANES, Basis, Canvas, Edit, Plane, PlaneName
from .journal import Entry, Journal, entry_of, read_entries

FORMAT: Final = 1
_ABOUT, _JOURNAL, _OPEN = "draft.json", "journal", ".open"
_RESERVED: Final = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)


@dataclass(frozen=True, eq=False)
class Start:
    """What the work on a photograph starts from.

    Attributes:
        labels: (height, width) uint8 tissue classes.
        basis: the reading that they come from.
        painted, bedside, surfaces: what that reading recorded besides, if it did.
    """

    labels: Plane
    basis: Basis = Basis()
    painted: Plane | None = None
    bedside: Plane | None = None
    surfaces: Plane | None = None

    def canvas(self) -> Canvas:
        """A new canvas with these planes."""
        return Canvas(self.labels, painted=self.painted, bedside=self.bedside, surfaces=self.surfaces, basis=self.basis)

    def plane(self, name: PlaneName) -> Plane | None:
        """A plane by its name."""
        planes = {
            "labels": self.labels,
            "painted": self.painted,
            "bedside": self.bedside,
            "surfaces": self.surfaces,
        }
        return planes[name]


def reader_folder(study: Path, reader: str) -> Path:
    """Folder of a reader's drafts. Names that no folder can have, or that differ in case only, get a folder of their
    own all the same."""
    plain = re.sub(r"[^\w.-]", "_", reader).strip("._")[:40]
    if plain != reader or plain != plain.lower() or _RESERVED.fullmatch(plain):
        plain = f"{plain.lower()}-{hashlib.sha256(reader.encode()).hexdigest()[:8]}"
    return study / "drafts" / plain


def draft_folder(study: Path, reader: str, photo_sha256: str, *, blinded: bool = False) -> Path:
    """Folder of one reader's draft of one photograph; a blinded one never goes on from one that was not."""
    return reader_folder(study, reader) / f"{'blinded-' if blinded else ''}{photo_sha256[:24]}"


def has_draft(folder: Path) -> bool:
    """Whether a draft with at least one act lies in a folder."""
    return (folder / _ABOUT).is_file() and (folder / _JOURNAL).is_file()


def read_start(folder: Path) -> Start | None:
    """What a draft started from; None when there is no draft.

    Raises:
        StudyError, MaskError: there is one and it is damaged.
    """
    if not has_draft(folder):
        return None
    damaged = f"The draft drafts/{folder.parent.name}/{folder.name} is damaged: move that folder away to start anew."
    try:
        about = json.loads(read_text(folder / _ABOUT))
        if about["format"] > FORMAT:
            raise StudyError("A draft was written by a newer version of the program: update the program.")
        planes: dict[str, Plane] = {}
        for name in about["planes"]:
            planes[name] = decode_mask((folder / f"{name}.png").read_bytes(), f"{name}.png of a draft")
        return Start(
            labels=planes["labels"],
            basis=Basis(**about["basis"]),
            painted=planes.get("painted"),
            bedside=planes.get("bedside"),
            surfaces=planes.get("surfaces"),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StudyError(damaged) from error


def replay(canvas: Canvas, entries: list[Entry]) -> float:
    """Do every act of a journal again; returns the active seconds that it counted."""
    seconds = 0.0
    for entry in entries:
        seconds = max(seconds, entry.seconds)
        if entry.done == "edit":
            canvas.replay(entry.what, entry.after, redraws=entry.redraws, basis=entry.basis)
        elif entry.done == "undo":
            canvas.undo()
        elif entry.done == "redo":
            canvas.redo()
    return seconds


@dataclass(frozen=True)
class Taken:
    """A photograph taken up: the canvas with every stroke, and the active seconds so far."""

    start: Start
    canvas: Canvas
    seconds: float
    whole: int


def take_up(folder: Path, otherwise: Start) -> Taken:
    """The draft in a folder with every act done again, or a new start.

    Raises:
        StudyError, MaskError: the draft is damaged.
    """
    kept = read_start(folder)
    start = otherwise if kept is None else kept
    canvas = start.canvas()
    if kept is None:
        return Taken(start, canvas, 0.0, 0)
    entries, whole = read_entries(folder / _JOURNAL)
    return Taken(start, canvas, replay(canvas, entries), whole)


class Autosave:
    """Writes acts to the disk in the background, in order.

    Args:
        folder: of the draft. It is held until :meth:`close`, so that no second window writes into it.
        taken: what :func:`take_up` returned.
        failed: called, from another thread, with a sentence when something cannot be written.

    Raises:
        StudyError: another window holds the photograph, or the folder cannot be written to.
    """

    def __init__(self, folder: Path, taken: Taken, failed: Callable[[str], None]) -> None:
        self.folder = folder
        self._start = taken.start
        self._whole = taken.whole
        self._failed = failed
        self._journal: Journal | None = None
        self._waiting: queue.Queue[Entry | None] = queue.Queue()
        self._hold = contextlib.ExitStack()
        self._hold.enter_context(
            held(folder / _OPEN, "You have this photo open in another window: finish it there, or close that window.")
        )
        self._thread = threading.Thread(target=self._write_all, name="autosave", daemon=True)
        self._thread.start()

    def edit(self, edit: Edit, seconds: float) -> None:
        """A new act."""
        self._waiting.put(entry_of(edit, seconds))

    def step(self, back: bool, seconds: float) -> None:
        """An act was taken back, or brought again."""
        self._waiting.put(Entry("undo" if back else "redo", seconds))

    def flush(self) -> None:
        """Wait until everything is on the disk."""
        self._waiting.join()

    def close(self, *, discard: bool = False) -> None:
        """Write what is waiting and let go of the folder.

        Args:
            discard: remove the draft, because its reading is in the record.
        """
        self._waiting.put(None)
        self._thread.join()
        if self._journal is not None:
            self._journal.close()
            self._journal = None
        self._hold.close()
        if discard or not has_draft(self.folder):
            shutil.rmtree(self.folder, ignore_errors=True)

    def _write_all(self) -> None:
        unwritten: list[Entry] = []  # what a full disk did not take; it comes first as soon as there is room
        while True:
            entry = self._waiting.get()
            if entry is not None:
                unwritten.append(entry)
            try:
                while unwritten:
                    self._write(unwritten[0])
                    unwritten.pop(0)
            except BsaMeasureError as error:
                self._failed(str(error))
            finally:
                self._waiting.task_done()
            if entry is None:
                return

    def _write(self, entry: Entry) -> None:
        if self._journal is None:
            if not has_draft(self.folder):
                self._write_start()
            self._journal = Journal(self.folder / _JOURNAL, self._whole)
        self._journal.append(entry)

    def _write_start(self) -> None:
        kept = [name for name in PLANES if self._start.plane(name) is not None]
        for name in kept:
            plane = self._start.plane(name)
            assert plane is not None
            write_bytes(self.folder / f"{name}.png", encode_mask(plane))
        about = {
            "format": FORMAT,
            "basis": asdict(self._start.basis),
            "planes": kept,
        }
        write_text(self.folder / _ABOUT, json.dumps(about, indent=2) + "\n")


class Drafted:
    """A photograph that is worked on. Every act is journalled as it is done.

    Args:
        taken: what :func:`take_up` returned.
        folder: of the draft.
        failed: called, from another thread, with a sentence when the draft cannot be written.

    Raises:
        StudyError: another window of the same person holds the photograph.
    """

    def __init__(self, taken: Taken, folder: Path, failed: Callable[[str], None]) -> None:
        self.canvas: Canvas = taken.canvas
        self.resumed = taken.canvas.changed
        self.clock = ActiveClock(taken.seconds)
        self._autosave = Autosave(folder, taken, failed)

    def undo(self) -> Edit | None:
        """Take the last act back."""
        return self._stepped(self.canvas.undo(), back=True)

    def redo(self) -> Edit | None:
        """Bring back the act that was taken back last."""
        return self._stepped(self.canvas.redo(), back=False)

    def flush(self) -> None:
        """Wait until every act is on the disk."""
        self._autosave.flush()

    def close(self, *, discard: bool = False) -> None:
        """Let go of the photograph; its draft stays, unless what it became is in the record (``discard``)."""
        self._autosave.close(discard=discard)

    def _did(self, edit: Edit | None) -> Edit | None:
        self.clock.touch()
        if edit is not None:
            self._autosave.edit(edit, self.clock.seconds)
            self._changed(edit, back=False)
        return edit

    def _stepped(self, edit: Edit | None, *, back: bool) -> Edit | None:
        self.clock.touch()
        if edit is not None:
            self._autosave.step(back, self.clock.seconds)
            self._changed(edit, back=back)
        return edit

    def _changed(self, edit: Edit, *, back: bool) -> None:
        """Called after every act that changed something, and when it is taken back."""
