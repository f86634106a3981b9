"""What a network in training answers of a whole photograph, looking at it as the finished model does."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from bsa_measure.network import Made, network_image, network_size
from bsa_measure.tissue import Tissue

from .recipe import Recipe

Pixels = npt.NDArray[np.uint8]


def made_for(recipe: Recipe) -> Made:
    """What the finished network is made for, before its temperature is known."""
    return Made(recipe.seen_long_side, 1.0, recipe.most_enlarged, recipe.further_looks, recipe.detached_odds)


def look(network: nn.Module, pixels: Pixels, made: Made, factor: float) -> Tensor:
    """Logits (5, h, w) of one look at a (height, width, 3) uint8 photograph, in the size of that look."""
    device = next(network.parameters()).device
    width, height = network_size(pixels.shape[1], pixels.shape[0], made, factor)
    logits: Tensor = network(torch.from_numpy(network_image(pixels, made, factor)).to(device))
    return logits[0, :, :height, :width]


def in_first_size(planes: Tensor, pixels: Pixels, made: Made) -> Tensor:
    """Planes (5, h, w) of one look, brought to the size of the first."""
    width, height = network_size(pixels.shape[1], pixels.shape[0], made)
    larger: Tensor = nn.functional.interpolate(planes[None], (height, width), mode="bilinear", align_corners=False)[0]
    return larger


def probabilities(network: nn.Module, pixels: Pixels, made: Made) -> Tensor:
    """Class probabilities (5, h, w) of all looks, as :meth:`bsa_measure.network.NetworkModel.probabilities`."""
    looks = (look(network, pixels, made, factor).div(made.temperature).softmax(0)
             for factor in (1.0, *made.further_looks))  # fmt: skip
    answer = torch.stack([in_first_size(planes, pixels, made) for planes in looks]).mean(0)
    answer[Tissue.DETACHED] *= made.detached_odds
    normalised: Tensor = answer / answer.sum(0)
    return normalised
