"""Why a reading was made: a short list, and free text where good clinical practice wants it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from bsa_measure.errors import ReadingError
from bsa_measure.tissue import Tissue

from .canvas import Edit

REASONS: Final = (
    "confirmed as it is",
    "lesion missed",
    "border corrected",
    "wrong class",
    "dressing, cream or glare taken for skin",
    "surface split corrected",
    "bedside examination",
    "outlined by hand",
    "whole view not assessable",
    "other",
)
"""The list that a person chooses from."""


@dataclass(frozen=True)
class Reason:
    """Why a reading is as it is.

    Attributes:
        chosen: an entry of REASONS.
        text: in the reader's own words.
    """

    chosen: str
    text: str = ""

    def sentence(self, *, changes_a_person: bool) -> str:
        """The text that goes into the record.

        Args:
            changes_a_person: whether the reading follows another one that a person made.

        Raises:
            ReadingError: the reason is not in the list, or words of the reader's own are required and missing.
        """
        if self.chosen not in REASONS:
            raise ReadingError(f"{self.chosen!r} is no reason of the list: choose one.")
        text = " ".join(self.text.split())
        if not text and changes_a_person:
            raise ReadingError("This changes a reading that a person made: write in a few words why.")
        if not text and self.chosen == "other":
            raise ReadingError("The reason is 'other': write in a few words which.")
        return f"{self.chosen}: {text}" if text else self.chosen


def suggested(acts: Sequence[Edit], *, blank: bool = False) -> str:
    """The entry of REASONS that fits what was done; the person may choose another.

    Args:
        acts: every act that was not taken back, in order.
        blank: whether the work started without labels.
    """
    if not acts:
        return "confirmed as it is"
    names = {act.what for act in acts}
    for name, reason in _REASON_OF_ACT.items():
        if name in names:
            return reason
    if blank:
        return "outlined by hand"
    moved = np.sum([act.moved for act in acts], axis=0)
    before, after = (Tissue(int(place)) for place in np.unravel_index(int(moved.argmax()), moved.shape))
    most = int(moved.max())
    if not most:
        return "border corrected"
    if after in (Tissue.NOT_ASSESSABLE, Tissue.BACKGROUND) and before not in (Tissue.NOT_ASSESSABLE, Tissue.BACKGROUND):
        return "dressing, cream or glare taken for skin"
    if {before, after} == {Tissue.DETACHED, Tissue.REEPITHELIALISED}:
        return "wrong class"
    return "border corrected"


_REASON_OF_ACT: Final = {
    "whole view not assessable": "whole view not assessable",
    "bedside examination": "bedside examination",
    "surface map": "surface split corrected",
    "other class": "wrong class",
}
