"""The quality limits of a protocol: beyond them a photograph is shown to a person ("warn") or refused ("retake").

Every limit is stated here, once, with what it is a share of. :mod:`bsa_measure.quality` says how each is measured.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

Share = Annotated[float, Field(ge=0, le=1)]
PerMille = Annotated[float, Field(gt=0, le=1000)]


class QualityLimits(BaseModel):
    """Limits of photograph quality; section ``[quality]`` of the protocol.

    Attributes:
        minimum_skin_share: skin, as a share of the photo; below it the photo is the wrong one: retake.
        small_skin_share: below it the body is too small in the photo: warn.
        filled_frame_share: share of the photo's border that skin touches; above it the photo is too close: warn.
        blur_warn: blur of the body's edges, in thousandths of the photo's longer side (2 is 4 pixels of 2048): warn.
        blur_retake: above it: retake.
        dark_warn: share of the body that is nearly black: warn.
        dark_retake: above it: retake.
        bright_warn: share of the body that is washed out, where the camera saw nothing but white: warn.
        bright_retake: above it: retake.
        dim_warn: brightness, 0 to 1, that only a twentieth of the photo exceeds; below it there was little light: warn.
        dim_retake: below it: retake.
        white_warn: share of the photo, background included, that is washed out: warn.
        white_retake: above it: retake.
        hidden_warn: share of the body under a dressing, cream, glare or shadow: warn.
        hidden_retake: above it: retake.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    minimum_skin_share: Share = 0.03
    small_skin_share: Share = 0.06
    filled_frame_share: Share = 0.9
    blur_warn: PerMille = 2.5
    blur_retake: PerMille = 4.0
    dark_warn: Share = 0.15
    dark_retake: Share = 0.4
    bright_warn: Share = 0.1
    bright_retake: Share = 0.3
    dim_warn: Share = 0.4
    dim_retake: Share = 0.25
    white_warn: Share = 0.25
    white_retake: Share = 0.5
    hidden_warn: Share = 0.25
    hidden_retake: Share = 0.7

    @model_validator(mode="after")
    def _warn_before_retake(self) -> QualityLimits:
        if self.minimum_skin_share > self.small_skin_share:
            raise ValueError("minimum_skin_share must not be above small_skin_share")
        if self.dim_retake > self.dim_warn:
            raise ValueError("dim_retake must not be above dim_warn")
        for name in ("blur", "dark", "bright", "white", "hidden"):
            if getattr(self, f"{name}_warn") > getattr(self, f"{name}_retake"):
                raise ValueError(f"{name}_warn must not be above {name}_retake")
        return self
