"""The recipe: everything that decides what a training run makes of its photographs. Needs no torch."""

from __future__ import annotations

from typing import Annotated, Final, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, model_validator

Decoder = Literal["linknet", "unet"]
Encoder = Literal["tf_efficientnet_lite0", "tf_efficientnet_lite1", "tf_efficientnet_lite2"]
DECODERS: Final[tuple[Decoder, ...]] = get_args(Decoder)
ENCODERS: Final[tuple[Encoder, ...]] = get_args(Encoder)
# A crop or a photograph of fewer pixels shows nothing.
Sizes = tuple[Annotated[int, Field(ge=32, le=8192)], Annotated[int, Field(ge=32, le=8192)]]


class Recipe(BaseModel):
    """How a network is built and trained.

    Where a model is continued (``start``), what the file does not say of ``decoder``, ``encoder``,
    ``seen_long_side``, ``most_enlarged``, ``further_looks``, ``mirrored_looks`` and ``detached_odds`` is as in that
    model; the defaults are for a network that starts from ImageNet's encoder.

    Attributes:
        name: what the trained model is called; a site's model needs a name of its own.
        decoder: ``linknet``, or ``unet`` with narrow layers, which answers at half of the size it sees.
        encoder: the EfficientNet-Lite whose ImageNet weights the training starts from.
        start: name of a model whose weights are continued instead; it has the same encoder, and the same decoder
            unless that starts anew.
        start_sha256: of that model's file; set, any other model of the name is refused.
        start_decoder: take over its decoder too; otherwise the encoder alone, so that the decoder may be another.
        start_weight: of that model's weights in the result, the mean of them and of the trained ones. Such a mean
            forgets less and often generalizes better than either (Wortsman et al., CVPR 2022); 0 is the trained alone.
        seed: of every draw.
        steps: batches; of the last one the averaged weights are the result.
        batch: crops per step.
        crop: side of a crop, pixels, a multiple of 32.
        long_side: range of sizes to which the whole photograph of a crop is brought, long side in pixels.
        seen_long_side: long side, in pixels, at which the finished network sees a photograph.
        most_enlarged: factor by which it enlarges a smaller photograph at most.
        further_looks: smaller sizes, relative to that at which it sees a photograph, at which it looks once more; its
            probabilities are averaged. Nothing is trained differently.
        mirrored_looks: it sees the photograph mirrored then, so that the looks err less alike.
        detached_odds: by which the finished network multiplies the odds of *detached*, so that the areas that it marks
            are right on average; to be chosen on ``tune`` photographs.
        near_lesion: share of the crops that are centred on a pixel of the rarer mask values.
        dressings: share of the crops on which a dressing or cream is laid, of sources that know what is hidden.
        learning_rate: of the decoder, at its highest.
        encoder_rate: the encoder's learning rate, relative to the decoder's.
        frozen_stages: stages of the encoder, from the picture on, that keep their weights (0 to 5).
        weight_decay: of AdamW.
        averaging: decay of the running average of the weights.
        precision: of the network's arithmetic while it learns; ``bfloat16`` is faster on processors that have it.
            Weights, their averages and the loss are float32 either way, and so are depthwise layers on a processor.
        check_every: steps between checkpoints and looks at the ``tune`` photographs.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")] = "network"
    decoder: Decoder = "linknet"
    encoder: Encoder = "tf_efficientnet_lite1"
    start: str = ""
    start_sha256: str = ""
    start_decoder: bool = True
    start_weight: Annotated[float, Field(ge=0, lt=1)] = 0.0
    seed: int = 1
    steps: Annotated[int, Field(ge=1)] = 4000
    batch: Annotated[int, Field(ge=1)] = 8
    crop: Annotated[int, Field(ge=64, multiple_of=32)] = 288
    long_side: Sizes = (448, 1100)
    seen_long_side: Annotated[int, Field(ge=64, le=4096)] = 768
    most_enlarged: Annotated[float, Field(ge=1, le=16)] = 1.0
    further_looks: tuple[Annotated[float, Field(ge=0.1, le=1)], ...] = ()
    mirrored_looks: bool = False
    detached_odds: Annotated[float, Field(ge=0.1, le=10)] = 1.0
    near_lesion: Annotated[float, Field(ge=0, le=1)] = 0.5
    dressings: Annotated[float, Field(ge=0, le=1)] = 0.2
    learning_rate: Annotated[float, Field(gt=0)] = 2e-3
    encoder_rate: Annotated[float, Field(ge=0)] = 0.3
    frozen_stages: Annotated[int, Field(ge=0, le=5)] = 2
    weight_decay: Annotated[float, Field(ge=0)] = 1e-2
    averaging: Annotated[float, Field(ge=0, lt=1)] = 0.998
    precision: Literal["float32", "bfloat16"] = "float32"
    check_every: Annotated[int, Field(ge=1)] = 250

    @model_validator(mode="after")
    def _goes_together(self) -> Recipe:
        in_order(self.long_side)
        if self.start_weight and not (self.start and self.start_decoder):
            raise ValueError("start_weight is of a model that is continued whole: name it in start")
        return self


def in_order(sizes: tuple[int, int] | None) -> None:
    """Raises ValueError: a range of sizes whose second number is the smaller one."""
    if sizes is not None and sizes[0] > sizes[1]:
        raise ValueError(f"long_side is a range, the smaller size first: [{sizes[1]}, {sizes[0]}]")
