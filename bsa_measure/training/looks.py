"""What a network in training answers of a whole photograph, looking at it as the finished model does."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from bsa_measure.network import Made, network_image, network_size
from bsa_measure.photo_job import resize_mask
from bsa_measure.tissue import Tissue

from .architecture import in_size
from .data import Pixels, Source
from .recipe import Recipe


def made_for(recipe: Recipe) -> Made:
    """What the finished network is made for, before its temperature is known."""
    return Made(
        recipe.seen_long_side,
        1.0,
        recipe.most_enlarged,
        recipe.further_looks,
        recipe.mirrored_looks,
        recipe.detached_odds,
    )


def looks(network: nn.Module, pixels: Pixels, made: Made) -> Iterator[Tensor]:
    """Logits (1, 5, h, w) of each look at a (height, width, 3) uint8 photograph, in the size of its answer."""
    device = next(network.parameters()).device
    for number, factor in enumerate((1.0, *made.further_looks)):
        mirrored = made.mirrored_looks and number > 0
        width, height = network_size(pixels.shape[1], pixels.shape[0], made, factor)
        image = torch.from_numpy(network_image(pixels, made, factor, mirrored=mirrored)).to(device)
        logits: Tensor = network(image)
        # Sides are even, so half of each is whole.
        step = image.shape[2] // logits.shape[2]
        logits = logits[:, :, : height // step, : width // step]
        yield logits.flip(-1) if mirrored else logits


def probabilities(network: nn.Module, pixels: Pixels, made: Made) -> Tensor:
    """Class probabilities (5, h, w) of all looks, as :meth:`bsa_measure.network.NetworkModel.probabilities`."""
    seen = [(logits / made.temperature).softmax(1) for logits in looks(network, pixels, made)]
    size = (seen[0].shape[2], seen[0].shape[3])
    answer = torch.cat([in_size(planes, size) for planes in seen]).mean(0)
    answer[Tissue.DETACHED] *= made.detached_odds
    normalised: Tensor = answer / answer.sum(0)
    return normalised


def overlaps(answer: npt.NDArray[np.float32], mask: Pixels, source: Source) -> dict[str, tuple[int, int, int]]:
    """How many pixels are marked, how many true and how many both, for each value of a mask beyond the first.

    Args:
        answer: (5, h, w) class probabilities.
        mask: (height, width) uint8 values of the source's masks.
        source: says what its values stand for.
    """
    marked = resize_mask(source.value_of_class[answer.argmax(0)], mask.shape[1], mask.shape[0])
    found = {}
    for value, names in enumerate(source.values[1:], start=1):
        here, there = marked == value, mask == value
        found[f"{source.name}: {' or '.join(names)}"] = (
            int(np.count_nonzero(here)),
            int(np.count_nonzero(there)),
            int(np.count_nonzero(here & there)),
        )
    return found
