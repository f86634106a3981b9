"""A label layer whose brush leaves some pixels as they are, already while it is drawn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from napari.layers import Labels

from ..tools.patch import Box, Mask, around

_RIM: Final = 2  # pixels around the brush, for its rounding


class HeldLabels(Labels):
    """napari's Labels with pixels that no brush changes.

    napari's own ``preserve_labels`` keeps every class but the background, not one of them.

    Attributes:
        held: called with a rectangle, says which of its pixels stay; None: no pixel is held.
    """

    held: Callable[[Box], Mask] | None = None

    @property
    def _type_string(self) -> str:
        return "labels"  # it is saved as napari's own layer

    def paint(self, coord: Sequence[float], new_label: int, refresh: bool = True) -> None:
        """Paint one dab of the brush; every dab of a drag comes through here."""
        if self.held is None:
            super().paint(coord, new_label, refresh)
            return
        row, column = (round(float(place)) for place in coord[-2:])
        reach = int(self.brush_size) // 2 + _RIM
        height, width = self.data.shape
        box = around((slice(row, row + 1), slice(column, column + 1)), reach, (height, width))
        kept = self.held(box)
        if not kept.any():
            super().paint(coord, new_label, refresh)
            return
        part: Any = self.data[box]
        before = part[kept]
        super().paint(coord, new_label, refresh=False)
        part[kept] = before
        if refresh:
            self.refresh(thumbnail=False, highlight=False, extent=False)
