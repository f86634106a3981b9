"""The tissue classes of a mask: one unsigned byte per pixel, one class per byte.

This is the only place that says what a pixel value means, what it is called, which colour shows it and
whether it counts. The colours follow Okabe and Ito (2008), which people with any common form of colour
blindness can tell apart.
"""

from __future__ import annotations

from enum import IntEnum


class Tissue(IntEnum):
    """One class of skin, or not skin. The value is what a mask's pixel holds."""

    BACKGROUND = 0
    INTACT = 1
    DETACHED = 2
    REEPITHELIALISED = 3
    NOT_ASSESSABLE = 4

    @property
    def title(self) -> str:
        """The class as a reader of the report sees it, e.g. ``not assessable``."""
        return _TITLES[self]

    @property
    def description(self) -> str:
        """What belongs to this class, in one sentence."""
        return _DESCRIPTIONS[self]

    @property
    def color(self) -> tuple[int, int, int]:
        """Red, green and blue, 0-255."""
        return _COLORS[self]


_TITLES = {
    Tissue.BACKGROUND: "background",
    Tissue.INTACT: "intact",
    Tissue.DETACHED: "detached or detachable",
    Tissue.REEPITHELIALISED: "re-epithelialised",
    Tissue.NOT_ASSESSABLE: "not assessable",
}
_DESCRIPTIONS = {
    Tissue.BACKGROUND: "Everything that is not this patient's skin: sheets, wall, clothes, hair, ruler, other people.",
    Tissue.INTACT: "Neither detached nor detachable; erythema, macules, targets and dusky skin are intact.",
    Tissue.DETACHED: "Blisters, sliding epidermis and erosions: moist, glistening, bright red or fibrin-yellow.",
    Tissue.REEPITHELIALISED: "Formerly detached, now covered: dry, matt, continuous; pink, brown or pale.",
    Tissue.NOT_ASSESSABLE: "This patient's body, but hidden: dressing, cream, glare, deep shadow or out of focus.",
}
_COLORS = {
    Tissue.BACKGROUND: (0, 0, 0),
    Tissue.INTACT: (0, 114, 178),
    Tissue.DETACHED: (213, 94, 0),
    Tissue.REEPITHELIALISED: (0, 158, 115),
    Tissue.NOT_ASSESSABLE: (204, 121, 167),
}
