"""Crops to learn from: where they lie, and how light, camera and file change them.

Every crop depends on (seed, number) alone, so that a run which was interrupted goes on with the same crops.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.utils.data import Dataset

from bsa_measure.errors import TrainingError
from bsa_measure.tissue import Tissue

from .architecture import MEAN, STD
from .data import Example, Pixels, Source, read_example
from .recipe import Recipe

OUTSIDE: Final = -1


class Crops(Dataset[tuple[Tensor, Tensor, Tensor] | TrainingError]):  # type: ignore[misc]
    """Crop ``number`` of a run: (3, crop, crop) float32 in [-1, 1], (crop, crop) int64 mask, (values, 5) table.

    Args:
        found: the examples to draw from.
        sources: by name.
        recipe: size, scale and seed.

    Raises:
        TrainingError: there is nothing to draw from.
    """

    def __init__(self, found: Sequence[Example], sources: Mapping[str, Source], recipe: Recipe) -> None:
        self.recipe = recipe
        self.sources = sources
        self.by_source = {name: [e for e in found if e.source == name] for name in sources}
        self.names = [name for name in sources if self.by_source[name] and sources[name].share > 0]
        if not self.names:
            raise TrainingError("No photograph is there to learn from: all are kept out, or every `share` is 0.")
        shares = np.array([sources[name].share for name in self.names])
        self.shares = shares / shares.sum()
        self.values = max(len(sources[name].values) for name in self.names)

    def __len__(self) -> int:
        return self.recipe.steps * self.recipe.batch

    def __getitem__(self, number: int) -> tuple[Tensor, Tensor, Tensor] | TrainingError:
        """The crop, or why there is none: what a reader process raises would arrive with its traceback."""
        try:
            return self.crop(number)
        except TrainingError as error:
            return error

    def crop(self, number: int) -> tuple[Tensor, Tensor, Tensor]:
        """Crop ``number`` of a run. Raises as :func:`.data.read_example`."""
        rng = np.random.default_rng((self.recipe.seed, number))
        source = self.sources[str(rng.choice(self.names, p=self.shares))]
        choices = self.by_source[source.name]
        photo, mask = read_example(choices[int(rng.integers(len(choices)))], source)
        crop, cut = _cut(photo.pixels, mask, self.recipe, source.long_side or self.recipe.long_side, rng)
        if (
            len(source.values) == len(Tissue)
            and source.table[-1].tolist() == _HIDDEN_ONLY
            and rng.random() < self.recipe.dressings
        ):
            _lay_dressing(crop, cut, rng)
        developed = develop(crop, rng).transpose(2, 0, 1)
        picture = (torch.from_numpy(np.ascontiguousarray(developed)).float() / 255 - MEAN) / STD
        table = torch.zeros((self.values, source.table.shape[1]), dtype=torch.bool)
        table[: len(source.values)] = torch.from_numpy(source.table)
        return picture, torch.from_numpy(cut), table


def _cut(
    pixels: Pixels, mask: Pixels, recipe: Recipe, long_side: tuple[int, int], rng: np.random.Generator
) -> tuple[Pixels, npt.NDArray[np.int64]]:
    """A turned, scaled, perhaps mirrored square of the photograph, in one interpolation."""
    height, width = mask.shape
    low, high = long_side
    scale = math.exp(rng.uniform(math.log(low), math.log(high))) / max(height, width)
    stretch = math.exp(rng.uniform(-0.1, 0.1))
    turn = math.radians(rng.normal(0, 12) if rng.random() < 0.8 else rng.uniform(-180, 180))
    mirror = -1.0 if rng.random() < 0.5 else 1.0
    y, x = _centre(mask, recipe, scale, rng)
    linear = np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])
    linear = linear @ np.diag([mirror * scale * stretch, scale / stretch])
    middle = recipe.crop / 2
    matrix = np.hstack([linear, (np.array([middle, middle]) - linear @ np.array([x, y]))[:, None]])
    size = (recipe.crop, recipe.crop)
    # Blurred first where it shrinks much, because a warp samples without averaging.
    crop = cv2.warpAffine(
        pixels if scale > 0.7 else cv2.blur(pixels, (max(2, round(1 / scale)),) * 2),
        matrix,
        size,
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REFLECT_101 if rng.random() < 0.5 else cv2.BORDER_REPLICATE,
    )
    # Beyond the photograph is no class at all.
    cut = cv2.warpAffine(
        mask.astype(np.int16),
        matrix,
        size,
        flags=cv2.INTER_NEAREST,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=OUTSIDE,
    )
    return np.asarray(crop, np.uint8), np.asarray(cut, np.int64)


def _centre(mask: Pixels, recipe: Recipe, scale: float, rng: np.random.Generator) -> tuple[float, float]:
    """Where the crop's middle lies in the photograph: near a rarer value, or anywhere."""
    height, width = mask.shape
    reach = 0.3 * recipe.crop / scale
    if rng.random() < recipe.near_lesion:
        counts = np.bincount(mask.ravel(), minlength=2)
        # Of a mask that knows more than two values the first two are the common ones.
        lowest = 1 if len(counts) == 2 else 2
        rare = [value for value in np.flatnonzero(counts) if value >= lowest]
        if rare:
            rows, columns = np.nonzero(mask == int(rng.choice(rare)))
            place = int(rng.integers(len(rows)))
            y, x = rows[place] + rng.uniform(-reach, reach), columns[place] + rng.uniform(-reach, reach)
            return float(np.clip(y, 0, height)), float(np.clip(x, 0, width))
    inside = recipe.crop / scale / 2
    y = height / 2 if height <= 2 * inside else rng.uniform(inside, height - inside)
    x = width / 2 if width <= 2 * inside else rng.uniform(inside, width - inside)
    return float(y), float(x)


_HIDDEN_ONLY: Final = [tissue == Tissue.NOT_ASSESSABLE for tissue in Tissue]


def _lay_dressing(crop: Pixels, cut: npt.NDArray[np.int64], rng: np.random.Generator) -> None:
    """Lay a dressing or a smear of cream on the body, in place: the skin under it becomes not assessable.

    Phantoms wear few, and a network that has not met them takes them for background or for healthy skin.
    """
    rows, columns = np.nonzero(cut > Tissue.BACKGROUND)
    if not len(rows):
        return
    side = len(cut)
    place = int(rng.integers(len(rows)))
    shape = np.zeros((side, side), np.uint8)
    size = side * np.exp(rng.uniform(np.log(0.1), np.log(0.45), 2))
    corners = cv2.boxPoints(((float(columns[place]), float(rows[place])), tuple(map(float, size)), rng.uniform(0, 180)))
    is_cream = rng.random() < 0.3
    if is_cream:
        centre, half = (int(columns[place]), int(rows[place])), tuple(int(s / 2) + 1 for s in size)
        cv2.ellipse(shape, centre, half, rng.uniform(0, 180), 0, 360, 1, -1)
        edge = cv2.GaussianBlur(rng.normal(size=(side, side)).astype(np.float32), (0, 0), 6)
        shape &= cv2.blur(shape.astype(np.float32), (15, 15)) + 4 * edge > 0.5
    else:
        cv2.fillConvexPoly(shape, np.round(corners).astype(np.int32), 1)
    # Gauze, tape and silver or foam dressings: white to tan or grey, woven, lit as unevenly as the skin.
    color = np.array([rng.uniform(150, 250)] * 3) * rng.uniform((0.92, 0.86, 0.72), (1.0, 0.98, 0.97))
    weave = rng.normal(0, rng.uniform(2, 14), (side, side, 1))
    if rng.random() < 0.5:
        weave = cv2.blur(weave, (1, int(rng.integers(2, 6))))[..., None]
    slope = np.linspace(rng.uniform(0.75, 1), rng.uniform(0.75, 1), side)[:, None, None]
    cover = (color + weave) * slope
    opacity = rng.uniform(0.8, 0.95) if is_cream else 1.0
    inside = shape.astype(bool)
    crop[inside] = np.clip(opacity * cover + (1 - opacity) * crop, 0, 255).astype(np.uint8)[inside]
    # Where it reaches beyond the body there is no skin to hide.
    cut[inside & (cut > Tissue.BACKGROUND)] = Tissue.NOT_ASSESSABLE


# A turn of colours around the grey axis, to the first order of the angle.
_HUE: Final = np.array([[0, -1, 1], [1, 0, -1], [-1, 1, 0]]) / math.sqrt(3)
_GREY: Final = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601


def develop(picture: Pixels, rng: np.random.Generator) -> Pixels:
    """(h, w, 3) uint8: other light, skin tone, white balance, sharpness, noise and compression.

    In tables and one matrix a pixel, a quarter of the time of the same steps one by one: what prepares crops must
    keep up with a GPU.
    """
    light = np.linspace(0, 1, 256)[:, None].repeat(3, 1)
    noise = 0.0
    if rng.random() < 0.85:
        # A gamma darkens or lightens skin as tone does; gains are a lamp's colour.
        light = np.clip(light ** math.exp(rng.uniform(-0.45, 0.45)) * np.exp(rng.uniform(-0.12, 0.12, 3)), 0, 1)
        noise = rng.uniform(0.005, 0.04) if rng.random() < 0.3 else 0.0
    brightness, saturation = rng.uniform(0.65, 1.35, 2)
    contrast = rng.uniform(0.7, 1.3)
    matrix = saturation * np.eye(3) + (1 - saturation) * _GREY
    matrix = (np.eye(3) + 2 * math.pi * rng.uniform(-0.03, 0.03) * _HUE) @ matrix * brightness * contrast
    shown = cv2.LUT(picture, np.asarray(light[None] * 255, np.float32))
    if noise:
        shown += rng.standard_normal(shown.shape, np.float32) * np.float32(255 * noise)
    # Contrast is about the mean grey.
    middle = brightness * (1 - contrast) * float(_GREY @ cv2.mean(shown)[:3])
    shown = cv2.transform(shown, np.hstack([matrix, np.full((3, 1), middle)]))
    if rng.random() < 0.25:
        shown = cv2.GaussianBlur(shown, (5, 5), rng.uniform(0.4, 1.8))
    developed = np.clip(shown, 0, 255).astype(np.uint8)
    if rng.random() < 0.4:
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(35, 96))]
        file = cv2.imencode(".jpg", developed[..., ::-1], quality)[1]
        developed = np.asarray(cv2.imdecode(file, cv2.IMREAD_COLOR), np.uint8)[..., ::-1]
    return np.asarray(developed, np.uint8)
