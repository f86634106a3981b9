"""Runs of equal pixels along the rows: masks are patches, so that most can be asked of a run and not of every pixel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Labels = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Runs:
    """Runs within which no label changes, one after the other; a run may go on from one row to the next.

    Attributes:
        starts: (R,) first pixel of each run, counted along the rows.
        lengths: (R,) pixels of each run.
    """

    starts: npt.NDArray[np.intp]
    lengths: npt.NDArray[np.intp]

    def of(self, labels: Labels) -> Labels:
        """(R,) the label of each run, of one of the (height, width) images that the runs were found in."""
        return np.asarray(labels.ravel()[self.starts])

    def sums(self, weight: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
        """(R,) sum of a (height, width) weight over each run."""
        return np.add.reduceat(weight.astype(np.float64).ravel(), self.starts)


def find_runs(images: Sequence[Labels]) -> Runs:
    """The runs of (height, width) uint8 images of one size; none where there are no pixels."""
    flat = [np.ascontiguousarray(image).ravel() for image in images]
    if not flat[0].size:
        return Runs(np.empty(0, np.intp), np.empty(0, np.intp))
    changes = flat[0][1:] != flat[0][:-1]
    for labels in flat[1:]:
        changes |= labels[1:] != labels[:-1]
    starts = np.concatenate([[0], np.flatnonzero(changes) + 1])
    return Runs(starts, np.diff(starts, append=flat[0].size))
