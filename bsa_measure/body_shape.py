"""What a body part is shaped like, as far as its outline does not tell: data for ``geometry``.

The tables were fitted by ``benchmarks/geometry.py --fit`` on seven phantom bodies (named there); no body on which the
model is judged took part. Writing them by hand would be pointless: run the command again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Final

import numpy as np
import numpy.typing as npt

from .body_shape_tables import ACROSS, ALONG, CARRIED, TAPERED, TURNED, USUAL_TAPER

_DOWN, _WIDE = 60, 400  # steps of the looked-up table along and across a surface
_MOST_TAPER = 0.4  # further from the usual than this no fitted photograph was
_HALVES: Final = ("-anterior", "-posterior", "-dorsal", "-palmar", "-plantar")
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Profile:
    """How much more skin than a cylinder a surface carries at each place of its outline.

    Attributes:
        across: (U,) places from -1 at the inner outline to 1 at the outer one.
        along: (T,) places from 0 at the upper end to 1 at the lower one.
        carried: (T, U) skin per cylinder's arc, 1 on the average of a photograph.
        turned: (U,) what is added for each unit of ``Chords.turned``.
        tapered: (2, T) what is added for each unit of ``Chords.taper`` above ``usual_taper`` (2,).
    """

    across: Floats
    along: Floats
    carried: Floats
    turned: Floats
    tapered: Floats
    usual_taper: Floats

    @cached_property
    def _fine(self) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """``carried`` (_DOWN + 2, _WIDE + 1), its last row the mean of the table's, ``turned`` (_WIDE + 1,) and
        ``tapered`` (2, _DOWN + 1), between the places of the table: looking a pixel up is quicker than interpolating
        for it."""
        places = np.linspace(-1, 1, _WIDE + 1)
        rows = np.array([np.interp(places, self.across, row) for row in [*self.carried, self.carried.mean(axis=0)]])
        row = np.interp(np.linspace(0, 1, _DOWN + 1), self.along, np.arange(len(self.along)))
        top = np.minimum(row.astype(int), len(self.along) - 2)
        part = (row - top)[:, None]
        fine = rows[top] * (1 - part) + rows[top + 1] * part
        table = np.concatenate([fine, rows[-1:]]).astype(np.float32)
        places_along = np.linspace(0, 1, _DOWN + 1)
        tapered = np.array([np.interp(places_along, self.along, row) for row in self.tapered], np.float32)
        return table, np.interp(places, self.across, self.turned).astype(np.float32), tapered

    def at(
        self,
        across: npt.NDArray[np.float32],
        along: npt.NDArray[np.float32] | None,
        turned: float,
        taper: tuple[float, float] | None = None,
    ) -> npt.NDArray[np.float32]:
        """What is carried (N,) at places (N,) of a surface.

        Args:
            across: places across the part.
            along: places along the surface; None: not known.
            turned: as in ``Chords``.
            taper: likewise; without ``along`` it says nothing.
        """
        table, by_turn, by_taper = self._fine
        column = np.rint((np.clip(across, -1, 1) + 1) * np.float32(_WIDE / 2)).astype(np.intp)
        if along is None:
            return np.asarray((table[-1] + np.float32(turned) * by_turn)[column], np.float32)
        here = table[:-1] + np.float32(turned) * by_turn
        if taper is not None:
            more = np.clip(np.array(taper) - self.usual_taper, -_MOST_TAPER, _MOST_TAPER).astype(np.float32)
            here += (more @ by_taper)[:, None]
        row = np.rint(along * np.float32(_DOWN)).astype(np.intp)
        return np.asarray(here.ravel()[row * (_WIDE + 1) + column], np.float32)


@cache
def part_of(surface: str) -> str:
    """The body part that a surface is one half of: ``thigh-left`` for ``thigh-left-anterior``."""
    for half in _HALVES:
        if surface.endswith(half):
            return surface.removesuffix(half)
    return surface


def one_side(surface: str) -> str:
    """The name without left and right: both sides share one table."""
    return surface.replace("-left", "").replace("-right", "")


def mirrored(surface: str) -> bool:
    """Whether the surface is the mirror image of the one that its table describes, which is the patient's left."""
    return "-right" in surface


@cache
def profile_of(surface: str) -> Profile | None:
    """The table of a surface; None for surfaces of a site's own chart that nobody has fitted."""
    name = one_side(surface)
    if name not in CARRIED:
        return None
    along = np.array(ALONG)
    return Profile(
        np.array(ACROSS),
        along,
        np.array(CARRIED[name]),
        np.array(TURNED[name]),
        np.array(TAPERED[name]) if name in TAPERED else np.zeros((2, len(along))),
        np.array(USUAL_TAPER[name]) if name in USUAL_TAPER else np.zeros(2),
    )


def fitted_surfaces() -> Mapping[str, Profile]:
    """Every table, by the surface's name without left and right."""
    return {name: profile for name in CARRIED if (profile := profile_of(name)) is not None}
