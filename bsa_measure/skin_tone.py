"""Skin tone from a photograph, for subgroup tables: the individual typology angle of intact skin.

    ITA = arctan((L* - 50) / b*) in degrees

Chardon, Cretois and Hourseau, Int J Cosmet Sci 1991;13:191; the six groups and their limits as in Del Bino and
Bernerd, Br J Dermatol 2013;169 Suppl 3:33. The formula was made for a spectrophotometer. From a photograph without a
colour card it moves with the light and the camera, and red skin reads darker: it sorts patients into broad groups
for a table and says nothing about one patient.
"""

from __future__ import annotations

import math
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

LIMITS: Final = ((55.0, "very light"), (41.0, "light"), (28.0, "intermediate"), (10.0, "tan"), (-30.0, "brown"))
"""A tone's angle is above its limit; below the last one skin is dark."""

TONES: Final = (*(name for _, name in LIMITS), "dark")
FEWEST_PIXELS: Final = 500


def typology_angle(pixels: npt.NDArray[np.uint8], intact: npt.NDArray[np.bool_]) -> float | None:
    """ITA in degrees of the median L* and median b* of intact skin.

    Args:
        pixels: (height, width, 3) uint8, red-green-blue, sRGB.
        intact: (height, width) bool, the pixels to use.

    Returns:
        None with fewer than 500 pixels, or where the skin is not yellowish (b* <= 0): the light was coloured.
    """
    if np.count_nonzero(intact) < FEWEST_PIXELS:
        return None
    skin = (pixels[intact].astype(np.float32) / 255.0).reshape(-1, 1, 3)
    lab = cv2.cvtColor(skin, cv2.COLOR_RGB2LAB).reshape(-1, 3)
    lightness, yellow = float(np.median(lab[:, 0])), float(np.median(lab[:, 2]))
    return math.degrees(math.atan((lightness - 50.0) / yellow)) if yellow > 0 else None


def tone(angle: float) -> str:
    """The group of an angle in degrees."""
    return next((name for limit, name in LIMITS if angle > limit), "dark")
