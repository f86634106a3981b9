"""The quality limits of a protocol: below them a photograph is shown to a person, or refused."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Share = Annotated[float, Field(ge=0, le=1)]


class QualityLimits(BaseModel):
    """Limits of photograph quality; section ``[quality]`` of the protocol."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    minimum_skin_share: Share = 0.03
