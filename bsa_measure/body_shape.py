"""What a body part is shaped like, as far as its outline does not tell: data for ``geometry``.

The tables were fitted by ``benchmarks/geometry.py --fit`` on seven phantom bodies (named there); no body on which the
model is judged took part. Writing them by hand would be pointless: run the command again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
import numpy.typing as npt

from .body_shape_tables import ACROSS, ALONG, CARRIED, TURNED

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
    """

    across: Floats
    along: Floats
    carried: Floats
    turned: Floats


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
    return Profile(np.array(ACROSS), np.array(ALONG), np.array(CARRIED[name]), np.array(TURNED[name]))


def fitted_surfaces() -> Mapping[str, Profile]:
    """Every table, by the surface's name without left and right."""
    return {name: profile for name in CARRIED if (profile := profile_of(name)) is not None}
