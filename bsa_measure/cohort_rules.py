"""The protocol's section ``[cohort]``: priors, limits and assumptions of the analysis of all patients together.

The values are worked examples. No trial's own priors and limits are among them: a trial's statistician sets them
before the first patient, and the page prints every one.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

Share = Annotated[float, Field(ge=0, le=1)]
OpenShare = Annotated[float, Field(gt=0, lt=1)]
Difference = Annotated[float, Field(gt=-1, lt=1)]
Weight = Annotated[float, Field(gt=0, le=100_000)]
BetaPrior = tuple[Weight, Weight]
CallQuality = Annotated[float, Field(gt=0.5, le=1)]


class CohortRules(BaseModel):
    """Priors and limits; section ``[cohort]`` of the protocol.

    Attributes:
        planned_patients: of the whole trial.
        interval_percent: level of every interval.
        minimum_patients: no stopping before this many.
        look_every: patients between two looks.
        efficacy_prior: Beta(a, b) of the share of responders under the new treatment.
        efficacy_standard: Beta(a, b) of the share of responders under the standard treatment.
        efficacy_gain: delta that the new treatment must add.
        futility_limit: stop when P(new > standard + gain) is below.
        promising_limit: stop when P(new > standard) is above; 1 never stops.
        toxicity_prior, toxicity_standard: likewise for the share with a toxic event.
        toxicity_excess: delta that is tolerated.
        toxicity_limit: stop when P(new > standard + excess) is above.
        reference_rate: the share of responders that has to be exceeded.
        target_rate: the share of responders hoped for.
        success_certainty: final success when P(share > reference) is above.
        call_sensitivities, call_specificities: of the response call, tried out in the sensitivity analysis.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    planned_patients: Annotated[int, Field(ge=1, le=500)] = 15
    interval_percent: Annotated[float, Field(ge=50, lt=100)] = 95.0
    minimum_patients: Annotated[int, Field(ge=1)] = 5
    look_every: Annotated[int, Field(ge=1)] = 1
    efficacy_prior: BetaPrior = (1.0, 1.0)
    efficacy_standard: BetaPrior = (15.0, 35.0)
    efficacy_gain: Difference = 0.0
    futility_limit: Share = 0.05
    promising_limit: Share = 1.0
    toxicity_prior: BetaPrior = (0.2, 1.8)
    toxicity_standard: BetaPrior = (10.0, 90.0)
    toxicity_excess: Difference = 0.0
    toxicity_limit: Share = 0.95
    reference_rate: OpenShare = 0.3
    target_rate: OpenShare = 0.6
    success_certainty: OpenShare = 0.9
    call_sensitivities: Annotated[tuple[CallQuality, ...], Field(min_length=1)] = (1.0, 0.95, 0.9)
    call_specificities: Annotated[tuple[CallQuality, ...], Field(min_length=1)] = (1.0, 0.95, 0.9)

    @model_validator(mode="after")
    def _consistent(self) -> CohortRules:
        if self.minimum_patients > self.planned_patients:
            raise ValueError("minimum_patients is more than planned_patients")
        if self.futility_limit >= self.promising_limit:
            raise ValueError("futility_limit must be below promising_limit")
        if self.target_rate <= self.reference_rate:
            raise ValueError("target_rate must be above reference_rate")
        return self
