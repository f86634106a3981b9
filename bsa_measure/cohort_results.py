"""What is known of all patients together: plain records from which the page and the tables are written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .bsa import Extent
from .cohort_rules import CohortRules
from .measured import Measured
from .monitoring import Behaviour, Bound, Rule
from .proportion import Beta, CorrectedShare
from .protocol import Endpoint
from .scorten import Mortality, Score
from .survival import Healing


@dataclass(frozen=True)
class Count:
    """Responders among some patients.

    Attributes:
        title: which patients, and what undetermined calls count as.
        exact: Clopper-Pearson interval of the share.
        posterior: of the share, from the protocol's prior.
        credible: its equal-tailed interval.
    """

    title: str
    responders: int
    patients: int
    exact: tuple[float, float]
    posterior: Beta
    credible: tuple[float, float]


@dataclass(frozen=True)
class Expected:
    """Responders expected from every patient's own probability of response, undetermined calls included.

    Attributes:
        patients: with a probability.
        responders: the sum of their probabilities.
        interval: numbers of responders between which the truth lies, from the exact distribution of the sum.
    """

    patients: int
    responders: float
    interval: tuple[int, int]


@dataclass(frozen=True)
class PriorTried:
    """The main count under another prior."""

    title: str
    prior: Beta
    mean: float
    credible: tuple[float, float]


@dataclass(frozen=True)
class Look:
    """The data after one more patient, against the boundary.

    Attributes:
        few, many: P(new > standard + delta | data) with the delta of each limit; None where there is no such limit.
        crossed: ``too few``, ``too many``, or nothing (also where no look was planned).
    """

    patient: str
    patients: int
    events: int
    few: float | None
    many: float | None
    crossed: str


@dataclass(frozen=True)
class Monitoring:
    """One outcome, monitored patient by patient.

    Attributes:
        event: what is counted, e.g. ``responders``.
        bounds: the stopping boundary.
        path: the observed course.
        behaviours: operating characteristics, by true share.
    """

    event: str
    rule: Rule
    bounds: tuple[Bound, ...]
    path: tuple[Look, ...]
    behaviours: tuple[Behaviour, ...]

    @property
    def first_crossing(self) -> Look | None:
        return next((look for look in self.path if look.crossed), None)


@dataclass(frozen=True)
class Misclassified:
    """What a call that errs as assumed does to the result and to the trial.

    Attributes:
        result: the corrected share.
        false_success: probability of final success when the true share is the reference.
        true_success: probability of final success when the true share is the target.
        stopped_at_target: probability of stopping early for futility when the true share is the target.
    """

    result: CorrectedShare
    false_success: float
    true_success: float
    stopped_at_target: float


@dataclass(frozen=True)
class ScortenRow:
    """One patient's SCORTEN.

    Attributes:
        admission_day: of the visit whose extent was used; None when no visit was measured.
        died: as the clinician wrote; None when not known.
    """

    patient: str
    score: Score
    admission_day: int | None
    detached: Extent | None
    died: bool | None


@dataclass(frozen=True)
class ScortenResult:
    """Deaths observed against predicted.

    Attributes:
        rows: of every patient.
        table, formula: comparison among patients with all seven items and known survival.
        expected_range: deaths expected among all patients with known survival, by the published table, when every
            unknown item gives no point, and when every one does.
        known_survival, deaths: counted among all patients.
    """

    rows: tuple[ScortenRow, ...]
    table: Mortality
    formula: Mortality
    expected_range: tuple[float, float]
    known_survival: int
    deaths: int


@dataclass(frozen=True)
class Cohort:
    """Everything about all patients together; see :func:`analyse`.

    Attributes:
        counts: the main count first, then other ways to count.
        undetermined, undetached: patients whose call is undetermined, and who never had detachment; neither are in
            the main count.
        expected: None where no reading has an error model.
        priors: the main count under other priors.
        predictive: probability that the trial will succeed when all planned patients are in.
        least_responders: the fewest responders of the planned patients that mean success; None when no number does.
        toxicity, scorten, mucosa: None when the clinician's table is not there.
        healing: time to cutaneous response.
        notes: what a reader has to know before using the numbers.
    """

    measured: Measured
    counts: tuple[Count, ...]
    undetermined: tuple[str, ...]
    undetached: tuple[str, ...]
    expected: Expected | None
    priors: tuple[PriorTried, ...]
    efficacy: Monitoring
    predictive: float
    least_responders: int | None
    misclassified: tuple[Misclassified, ...]
    toxicity: Monitoring | None
    toxicity_unknown: tuple[str, ...]
    scorten: ScortenResult | None
    healing: Healing
    mucosa: Mapping[str, Healing] | None
    notes: tuple[str, ...]

    @property
    def rules(self) -> CohortRules:
        return self.measured.protocol.cohort

    @property
    def endpoint(self) -> Endpoint:
        return self.measured.protocol.endpoint
