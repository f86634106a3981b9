"""What is painted on the open photograph, by whom, and how to take it back.

Four planes of one size, (height, width) uint8:

- ``labels``: the tissue classes;
- ``painted``: 1 where a person has set the class, 0 where it is still the one that the work started from;
- ``bedside``: 1 where skin is marked as detachable because of an examination at the bedside (Nikolsky's sign), which no
  photograph shows;
- ``surfaces``: the surface map, once a person has redrawn it; None as long as it is split automatically.

Every act becomes an :class:`Edit` of changed rectangles, so that undo, the journal and the counting are local.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from bsa_measure.tissue import Tissue

from .tools.patch import Patch

Plane: TypeAlias = npt.NDArray[np.uint8]
PlaneName = Literal["labels", "painted", "bedside", "surfaces"]
PLANES: Final[tuple[PlaneName, ...]] = ("labels", "painted", "bedside", "surfaces")


@dataclass(frozen=True)
class Change:
    """A rectangle of one plane before and after an act."""

    plane: PlaneName
    before: Patch
    after: Patch


@dataclass(frozen=True)
class Basis:
    """The reading that the labels come from.

    Attributes:
        number: in the record; None where they come from no reading.
        source: who read, e.g. ``model:classical-v1``; empty where there were no labels.
        by_person: whether a person made it.
    """

    number: int | None = None
    source: str = ""
    by_person: bool = False


@dataclass(frozen=True)
class Edit:
    """One act: what it was called, what it changed, whether it made the surface map a person's, and the reading that
    it went on from, if it took over another one."""

    what: str
    changes: tuple[Change, ...]
    redraws: bool = False
    basis: Basis | None = None

    def of(self, plane: PlaneName) -> Change | None:
        """The change of one plane, if the act changed it."""
        return next((change for change in self.changes if change.plane == plane), None)

    @cached_property
    def moved(self) -> npt.NDArray[np.int64]:
        """How many pixels went from each class (row) to each class (column); those that stayed are not counted."""
        size = len(Tissue)
        change = self.of("labels")
        if change is None:
            return np.zeros((size, size), np.int64)
        before, after = change.before.labels, change.after.labels
        at = before != after
        pairs = before[at].astype(np.intp) * size + after[at]
        return np.bincount(pairs, minlength=size * size).reshape(size, size).astype(np.int64)


@dataclass
class History:
    """Acts that can be taken back, and acts that were taken back."""

    done: list[Edit] = field(default_factory=list)
    undone: list[Edit] = field(default_factory=list)

    def add(self, edit: Edit) -> None:
        """A new act; what was taken back before it cannot be brought again."""
        self.done.append(edit)
        self.undone.clear()


class Canvas:
    """The planes of one photograph and their history.

    Args:
        labels: (height, width) uint8 tissue classes that the work starts from; copied.
        painted, bedside: what an earlier reading recorded about them; nothing by default.
        surfaces: the surface map of an earlier reading if a person drew it.
        basis: the reading that all this comes from.
    """

    def __init__(
        self,
        labels: Plane,
        *,
        painted: Plane | None = None,
        bedside: Plane | None = None,
        surfaces: Plane | None = None,
        basis: Basis | None = None,
    ) -> None:
        self.labels: Plane = np.array(labels, np.uint8)
        self.painted: Plane = _plane(painted, labels)
        self.bedside: Plane = _plane(bedside, labels)
        self.surfaces: Plane | None = None if surfaces is None else np.array(surfaces, np.uint8)
        self._basis = Basis() if basis is None else basis
        self.locked: set[int] = set()
        self.history = History()

    @property
    def size(self) -> tuple[int, int]:
        """(height, width)."""
        height, width = self.labels.shape
        return height, width

    @property
    def basis(self) -> Basis:
        """The reading that the labels come from now."""
        taken_over = (edit.basis for edit in reversed(self.history.done) if edit.basis is not None)
        return next(taken_over, self._basis)

    @property
    def changed(self) -> bool:
        """Whether anything is different from what the work started from, as far as the history tells."""
        return bool(self.history.done)

    def take(self, shown: Plane, what: str = "stroke") -> Edit | None:
        """Take over what was painted on a copy of the labels.

        Pixels of a locked class stay as they are.

        Args:
            shown: (height, width) uint8 classes as they now look.
            what: name of the act.

        Returns:
            The act, or None when nothing changed.
        """
        box = changed_box(self.labels, shown)
        if box is None:
            return None
        return self._paint(Patch(box[0].start, box[1].start, shown[box].copy()), what)

    def apply(self, patch: Patch, what: str) -> Edit | None:
        """Lay a tool's new rectangle of classes over the labels; locked classes stay."""
        return self._paint(patch, what)

    def take_bedside(self, shown: Plane) -> Edit | None:
        """Take over what was painted on a copy of the bedside plane: newly marked skin becomes detached or detachable.

        Where a mark is wiped off, the class stays: only the statement about the examination is taken back.
        """
        box = changed_box(self.bedside, shown)
        if box is None:
            return None
        before = self.labels[box]
        wanted = shown[box].astype(bool)
        allowed = wanted & ~self.held(box)
        labels = np.where(allowed, np.uint8(Tissue.DETACHED), before)
        kept = wanted & (labels == Tissue.DETACHED)  # a locked class is not marked
        return self._record(
            "bedside examination",
            box,
            {
                "labels": labels,
                "painted": np.where(allowed, np.uint8(1), self.painted[box]),
                "bedside": kept.astype(np.uint8),
            },
        )

    def take_surfaces(self, shown: Plane, automatic: Plane, what: str = "surface map") -> Edit | None:
        """Take over a redrawn surface map.

        Args:
            shown: (height, width) uint8 surface numbers as they now look.
            automatic: the automatic split, which the drawing started from; used the first time.
            what: name of the act.
        """
        current = automatic if self.surfaces is None else self.surfaces
        box = changed_box(current, shown)
        if box is None:
            return None
        first = self.surfaces is None
        if first:
            # From now on the whole map is a person's, so the whole map is recorded.
            box = (slice(0, self.size[0]), slice(0, self.size[1]))
            self.surfaces = automatic.copy()
        return self._record(what, box, {"surfaces": shown[box].copy()}, redraws=first)

    def take_over(
        self, labels: Plane, painted: Plane, bedside: Plane, surfaces: Plane | None, basis: Basis
    ) -> Edit | None:
        """Go on from another reading: its planes replace these. A map that it does not have stays as it is."""
        whole = (slice(0, self.size[0]), slice(0, self.size[1]))
        planes: dict[PlaneName, Plane] = {"labels": labels, "painted": painted, "bedside": bedside}
        redraws = surfaces is not None and self.surfaces is None
        if surfaces is not None:
            planes["surfaces"] = surfaces
        return self._record(f"continue from reading {basis.number}", whole, planes, redraws=redraws, basis=basis)

    def held(self, box: tuple[slice, slice]) -> npt.NDArray[np.bool_]:
        """Where a lock forbids a change: (height, width) bool of a rectangle."""
        before = self.labels[box]
        if not self.locked:
            return np.zeros(before.shape, bool)
        return np.isin(before, list(self.locked))

    def undo(self) -> Edit | None:
        """Take the last act back; None when there is none."""
        if not self.history.done:
            return None
        edit = self.history.done.pop()
        self.history.undone.append(edit)
        self._lay(edit, lambda change: change.before)
        if edit.redraws:
            self.surfaces = None
        return edit

    def redo(self) -> Edit | None:
        """Bring the last act back that was taken back; None when there is none."""
        if not self.history.undone:
            return None
        edit = self.history.undone.pop()
        self.history.done.append(edit)
        self._lay(edit, lambda change: change.after)
        return edit

    def replay(
        self, what: str, after: Mapping[PlaneName, Patch], *, redraws: bool = False, basis: Basis | None = None
    ) -> Edit:
        """Do an act again as it was written down, whatever is locked now."""
        changes = []
        for plane, patch in after.items():
            target = self._plane_for(plane)
            changes.append(Change(plane, patch.inverse(target), patch))
            patch.lay(target)
        edit = Edit(what, tuple(changes), redraws, basis)
        self.history.add(edit)
        return edit

    def _paint(self, patch: Patch, what: str) -> Edit | None:
        box = patch.box
        before = self.labels[box]
        changed = (patch.labels != before) & ~self.held(box)
        if not changed.any():
            return None
        labels = np.where(changed, patch.labels, before)
        planes: dict[PlaneName, Plane] = {
            "labels": labels,
            "painted": self.painted[box] | changed,
            # What is no longer called detached cannot be detachable at the bedside.
            "bedside": np.where(labels == Tissue.DETACHED, self.bedside[box], np.uint8(0)),
        }
        return self._record(what, box, planes)

    def _record(
        self,
        what: str,
        box: tuple[slice, slice],
        after: Mapping[PlaneName, Plane],
        *,
        redraws: bool = False,
        basis: Basis | None = None,
    ) -> Edit | None:
        changes = []
        for plane, values in after.items():
            target = self._plane_for(plane)
            top, left = box[0].start, box[1].start
            if np.array_equal(target[box], values) and not (redraws and plane == "surfaces"):
                continue
            changes.append(Change(plane, Patch(top, left, target[box].copy()), Patch(top, left, values)))
            target[box] = values
        if not changes and basis is None:
            return None
        edit = Edit(what, tuple(changes), redraws, basis)
        self.history.add(edit)
        return edit

    def _lay(self, edit: Edit, side: Callable[[Change], Patch]) -> None:
        for change in edit.changes:
            side(change).lay(self._plane_for(change.plane))

    def _plane_for(self, plane: PlaneName) -> Plane:
        if plane == "labels":
            return self.labels
        if plane == "painted":
            return self.painted
        if plane == "bedside":
            return self.bedside
        if self.surfaces is None:
            self.surfaces = np.zeros(self.labels.shape, np.uint8)
        return self.surfaces


def changed_box(before: Plane, after: Plane) -> tuple[slice, slice] | None:
    """Rows and columns of the smallest rectangle outside which two (height, width) uint8 planes are equal.

    The whole frame is compared: 12 megapixels take a millisecond or two, and no event has to be trusted to say where.
    """
    differ = before != after
    rows = np.flatnonzero(differ.any(axis=1))
    if not len(rows):
        return None
    top, bottom = int(rows[0]), int(rows[-1]) + 1
    columns = np.flatnonzero(differ[top:bottom].any(axis=0))
    return slice(top, bottom), slice(int(columns[0]), int(columns[-1]) + 1)


def _plane(given: Plane | None, like: Plane) -> Plane:
    return np.zeros(like.shape, np.uint8) if given is None else np.array(given, np.uint8)
