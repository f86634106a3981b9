"""A trained network as a model that the program runs: an ONNX file that carries what is needed to use it."""

from __future__ import annotations

import copy
import io
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from bsa_measure.errors import TrainingError

from .architecture import build_network, fixed_padding
from .recipe import DECODERS, ENCODERS, Recipe


def to_onnx(network: nn.Module, metadata: Mapping[str, str]) -> bytes:
    """The network as ONNX.

    The file takes ``image``, (1, 3, h, w) float32 in [-1, 1] with h and w multiples of 32, and answers with
    ``logits``, (1, 5, h, w).

    Args:
        network: as :func:`bsa_measure.training.architecture.build_network` builds it; not changed.
        metadata: see :class:`bsa_measure.network.Made`.

    Raises:
        TrainingError: two layers hold the same weights, as in a network that was never trained.
    """
    import onnx

    plain = fixed_padding(copy.deepcopy(network).to("cpu").eval())
    file = io.BytesIO()
    with warnings.catch_warnings():
        # The older exporter: the newer one does not finish with free sides. It says on every call that it is old.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            plain,
            (torch.zeros(1, 3, 256, 320),),
            file,
            input_names=["image"],
            output_names=["logits"],
            dynamic_axes={"image": {2: "height", 3: "width"}, "logits": {2: "height", 3: "width"}},
            opset_version=17,
            dynamo=False,
            # Every weight stays as it was trained, under its own name, so that a site can go on from the file;
            # ONNX Runtime folds what can be folded when it loads it.
            training=torch.onnx.TrainingMode.PRESERVE,
            do_constant_folding=False,
        )
    model = onnx.load_from_string(file.getvalue())
    for name, text in metadata.items():
        entry = model.metadata_props.add()
        entry.key, entry.value = name, text
    model.doc_string = ""
    weights = len(plain.state_dict()) - sum(key.endswith("num_batches_tracked") for key in plain.state_dict())
    if len(model.graph.initializer) < weights:
        raise TrainingError("This network was never trained: train it before it is exported.")
    return bytes(model.SerializeToString(deterministic=True))


def architecture_of(data: bytes) -> tuple[str, str] | None:
    """The encoder and the decoder, as :class:`.recipe.Recipe` calls them, of a model made by :func:`to_onnx`.

    None for a network of another make, which no training can go on from.
    """
    stored = _stored(data)
    for encoder in ENCODERS:
        for decoder in DECODERS:
            with torch.device("meta"):  # its layers are asked for, not its weights
                network = build_network(Recipe(encoder=encoder, decoder=decoder), imagenet=False)
            if _fitting(network, stored) is not None:
                return encoder, decoder
    return None


def load_onnx_weights(network: nn.Module, data: bytes, *, decoder: bool = True) -> None:
    """Give a network the weights of a model made by :func:`to_onnx`.

    Args:
        network: changed in place.
        data: the ONNX file.
        decoder: take the decoder's too; otherwise the encoder's alone.

    Raises:
        TrainingError: the model has another encoder or decoder.
    """
    from onnx.numpy_helper import to_array

    found = _fitting(network, _stored(data), "" if decoder else "encoder.")
    if found is None:
        raise TrainingError(
            "The model to start from was built with another encoder or decoder: name the same ones in [recipe]."
        )
    weights = {key: torch.from_numpy(to_array(tensor).copy()) for key, tensor in found.items()}
    network.load_state_dict(network.state_dict() | weights)


def _stored(data: bytes) -> dict[str, Any]:
    """The tensors of an ONNX file by name."""
    import onnx

    return {tensor.name: tensor for tensor in onnx.load_from_string(data).graph.initializer}


def _fitting(network: nn.Module, stored: Mapping[str, Any], part: str = "") -> dict[str, Any] | None:
    """The stored tensor for each weight of a part of a network; None where the file holds others, or more.

    A smaller encoder's layers are all found in a larger one's file, so what is left over tells them apart.
    """
    found = {}
    for key, value in network.state_dict().items():
        if key.endswith("num_batches_tracked") or not key.startswith(part):
            continue
        # Where the padding was made explicit, the layer is the second of a pair.
        names = (key, ".".join([*key.split(".")[:-1], "1", key.split(".")[-1]]))
        tensor = next((stored[name] for name in names if name in stored), None)
        if tensor is None or tuple(tensor.dims) != tuple(value.shape):
            return None
        found[key] = tensor
    held = {name for name in stored if name.startswith(part)}
    return found if {tensor.name for tensor in found.values()} == held else None


def fit_temperature(logits: Sequence[Tensor], masks: Sequence[Tensor], tables: Sequence[Tensor]) -> float:
    """The temperature that makes the network's probabilities as sure as they are right (Guo et al., ICML 2017).

    Args:
        logits: (looks, 5, n) of a sample of pixels, for each photograph; probabilities of its looks are averaged.
        masks: (n,) int64 values of the same pixels.
        tables: (values, 5), what each value of the photograph's masks may stand for.

    Returns:
        The temperature, between 0.3 and 5, with the least cross-entropy of the summed probabilities.
    """
    candidates = np.exp(np.linspace(np.log(0.3), np.log(5.0), 121))
    photographs = list(zip(logits, masks, tables, strict=True))
    losses = [np.mean([_entropy(pixels / t, mask, table) for pixels, mask, table in photographs]) for t in candidates]
    return float(candidates[int(np.argmin(losses))])


def _entropy(logits: Tensor, mask: Tensor, table: Tensor) -> float:
    merged: Any = table.to(logits.dtype) @ logits.softmax(1).mean(0)
    return float(-merged.gather(0, mask[None])[0].clamp(min=1e-6).log().mean())
