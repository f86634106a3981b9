"""All patients together: responders, monitoring, SCORTEN and time to healing.

The tables that `measure` has written are read, never changed; :func:`analyse` is pure and says everything else. Every
prior and limit comes from the protocol's section ``[cohort]``.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np

from .bsa import Extent
from .clinical import AtAdmission, Clinical, read_clinical
from .cohort_rules import CohortRules
from .errors import StudyError
from .files import read_table, read_text, undefuse
from .monitoring import (
    Behaviour,
    Bound,
    Limit,
    Rule,
    Success,
    behaviour,
    boundary,
    predictive_probability,
    probability_of_success,
)
from .proportion import Beta, CorrectedShare, FallibleCall, clopper_pearson, corrected_share, distribution_of_sum
from .protocol import Endpoint, Protocol, load_protocol
from .results import visit_label
from .scorten import (
    Admission,
    Mortality,
    Score,
    mortality_from_formula,
    mortality_from_table,
    observed_against_predicted,
    score,
)
from .study import PROTOCOL_FILE
from .survival import Healing, course, healing_times

RESPONSES: Final = ("yes", "no", "undetermined", "")
_SAME: Final = 1e-9
_SHARES: Final = tuple(i / 20 for i in range(21))


@dataclass(frozen=True)
class Member:
    """One patient as measured.

    Attributes:
        eligible: ``yes``, ``no`` or ``undetermined``.
        calls: reported study day to ``yes``, ``no``, ``undetermined``, or empty when no detachment was ever seen.
        detached: study day of every measured visit to % BSA detached.
        probability: that the patient responded on the day of the call, given the error of the reading; None where
            the reader has no error model.
    """

    patient: str
    age_years: float | None
    eligible: str
    calls: Mapping[int, str]
    detached: Mapping[int, Extent] = field(default_factory=dict)
    probability: float | None = None


@dataclass(frozen=True)
class Measured:
    """What `measure` has found, read back from ``results/``.

    Attributes:
        study: name of the study folder.
        members: in the order of patients.csv, which is taken for the order of inclusion.
        provenance: of the measurement, as in provenance.json.
    """

    study: str
    protocol: Protocol
    members: tuple[Member, ...]
    provenance: Mapping[str, object] = field(default_factory=dict)


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


def read_measured(folder: Path) -> Measured:
    """Read the protocol and what `measure` has written.

    Raises:
        StudyError: not a study folder, `measure` has not been run, or its tables do not fit the protocol.
        ProtocolError, ChartError: study.toml is wrong.
    """
    if not (folder / PROTOCOL_FILE).is_file():
        raise StudyError(f"{folder.name or folder} is not a study folder (no {PROTOCOL_FILE}): run 'bsa-measure init'.")
    protocol, _ = load_protocol(folder / PROTOCOL_FILE)
    results = folder / "results"
    for name in ("patients.csv", "endpoints.csv", "visits.csv", "provenance.json"):
        if not (results / name).is_file():
            raise StudyError(f"results/{name} is not there: run 'bsa-measure measure' on this study first.")
    try:
        calls, probabilities = _calls(results / "endpoints.csv", protocol.endpoint.day)
        detached = _extents(results / "visits.csv")
        members = tuple(
            Member(
                patient=undefuse(row["patient"]),
                age_years=float(row["age_years"]) if row["age_years"] else None,
                eligible=row["eligible"],
                calls=calls.get(row["patient"], {}),
                detached=detached.get(row["patient"], {}),
                probability=probabilities.get(row["patient"]),
            )
            for row in read_table(results / "patients.csv", ("patient", "age_years", "eligible"))
        )
        provenance = json.loads(read_text(results / "provenance.json"))
    except ValueError as error:
        raise StudyError(f"A table in results/ is damaged ({error}): run 'bsa-measure measure' again.") from error
    for member in members:
        missing = [day for day in protocol.endpoint.reported_days if day not in member.calls]
        if missing:
            raise StudyError(
                f"results/endpoints.csv has no row of {member.patient} for {visit_label(missing[0])}, which study.toml "
                "asks for: run 'bsa-measure measure' again."
            )
    return Measured(folder.resolve().name, protocol, members, provenance if isinstance(provenance, dict) else {})


def _calls(path: Path, call_day: int) -> tuple[dict[str, dict[int, str]], dict[str, float]]:
    """Patient to day to response, and patient to the probability of response on the day of the call."""
    found: dict[str, dict[int, str]] = {}
    probabilities: dict[str, float] = {}
    for row in read_table(path, ("patient", "day", "response")):
        if row["response"] not in RESPONSES:
            raise ValueError(f"{path.name} holds the response {row['response']!r}")
        day, probability = int(row["day"]), row.get("probability_of_response", "")
        found.setdefault(row["patient"], {})[day] = row["response"]
        if day == call_day and probability:
            probabilities[row["patient"]] = float(probability)
    return found, probabilities


def _extents(path: Path) -> dict[str, dict[int, Extent]]:
    columns = ("detached_bsa_percent", "detached_bsa_low", "detached_bsa_high")
    found: dict[str, dict[int, Extent]] = {}
    for row in read_table(path, ("patient", "day", *columns)):
        if all(row[column] for column in columns):
            found.setdefault(row["patient"], {})[int(row["day"])] = Extent(*(float(row[column]) for column in columns))
    return found


def cohort(folder: Path) -> Cohort:
    """Read a measured study folder and the clinician's tables, and analyse them; writes nothing.

    Raises:
        StudyError: `measure` has not been run, or a table cannot be used.
        ProtocolError, ChartError: study.toml is wrong.
    """
    measured = read_measured(folder)
    return analyse(measured, read_clinical(folder, [member.patient for member in measured.members]))


def analyse(measured: Measured, clinical: Clinical) -> Cohort:
    """Analyse all patients together."""
    rules, endpoint = measured.protocol.cohort, measured.protocol.endpoint
    level = rules.interval_percent / 100
    prior = Beta(*rules.efficacy_prior)
    called = [(member, member.calls[endpoint.day]) for member in measured.members]
    determined = [(member.patient, call == "yes") for member, call in called if call in ("yes", "no")]
    counts = _counts(called, prior, level)
    efficacy = _monitoring("responders", efficacy_rule(rules), determined)
    success = Success(rules.reference_rate, rules.success_certainty)
    main = counts[0]
    toxicity = None
    if clinical.toxicity is not None:
        known = [(m.patient, clinical.toxicity.get(m.patient)) for m in measured.members]
        toxicity = _monitoring("toxic events", toxicity_rule(rules), [(p, e) for p, e in known if e is not None])
    days = endpoint.reported_days
    answers = {"yes": True, "no": False}
    skin = [course(m.patient, {day: answers.get(m.calls[day]) for day in days}) for m in measured.members]
    skin = [c for c, (_, call) in zip(skin, called, strict=True) if call != "" or c.last is not None]
    result = Cohort(
        measured=measured,
        counts=counts,
        undetermined=tuple(member.patient for member, call in called if call == "undetermined"),
        undetached=tuple(member.patient for member, call in called if call == ""),
        expected=_expected(measured.members, level),
        priors=_other_priors(main, prior, level),
        efficacy=efficacy,
        predictive=predictive_probability(prior, main.responders, main.patients, rules.planned_patients, success),
        least_responders=success.least_events(prior, max(rules.planned_patients, main.patients)),
        misclassified=_misclassified(main, rules, efficacy.bounds, success),
        toxicity=toxicity,
        toxicity_unknown=()
        if clinical.toxicity is None
        else tuple(m.patient for m in measured.members if clinical.toxicity.get(m.patient) is None),
        scorten=None if clinical.admissions is None else _scorten(measured.members, clinical.admissions, level),
        healing=healing_times(skin, days, level),
        mucosa=None if clinical.mucosa is None else _mucosa(clinical.mucosa, days, level),
        notes=(),
    )
    return Cohort(**{**vars(result), "notes": _notes(result)})


def efficacy_rule(rules: CohortRules) -> Rule:
    """The protocol's rule for responders."""
    return Rule(
        prior=Beta(*rules.efficacy_prior),
        standard=Beta(*rules.efficacy_standard),
        planned=rules.planned_patients,
        minimum=rules.minimum_patients,
        every=rules.look_every,
        too_few=Limit(rules.futility_limit, rules.efficacy_gain),
        too_many=Limit(rules.promising_limit),
    )


def toxicity_rule(rules: CohortRules) -> Rule:
    """The protocol's rule for toxic events."""
    return Rule(
        prior=Beta(*rules.toxicity_prior),
        standard=Beta(*rules.toxicity_standard),
        planned=rules.planned_patients,
        minimum=rules.minimum_patients,
        every=rules.look_every,
        too_many=Limit(rules.toxicity_limit, rules.toxicity_excess),
    )


def _counts(called: Sequence[tuple[Member, str]], prior: Beta, level: float) -> tuple[Count, ...]:
    def count(title: str, calls: Sequence[str], yes: Sequence[str], no: Sequence[str]) -> Count:
        responders = sum(call in yes for call in calls)
        patients = responders + sum(call in no for call in calls)
        posterior = prior.updated(responders, patients)
        exact = clopper_pearson(responders, patients, level)
        return Count(title, responders, patients, exact, posterior, posterior.interval(level))

    calls = [call for _, call in called]
    eligible = [call for member, call in called if member.eligible == "yes"]
    return (
        count("determined calls only", calls, ["yes"], ["no"]),
        count("undetermined counted as no response", calls, ["yes"], ["no", "undetermined"]),
        count("undetermined counted as response", calls, ["yes", "undetermined"], ["no"]),
        count("determined calls of eligible patients", eligible, ["yes"], ["no"]),
    )


def _expected(members: Sequence[Member], level: float) -> Expected | None:
    known = [member.probability for member in members if member.probability is not None]
    if not known:
        return None
    up_to = np.cumsum(distribution_of_sum(known))
    tail = (1 - level) / 2
    low, high = (int(np.searchsorted(up_to, edge - _SAME)) for edge in (tail, 1 - tail))
    return Expected(len(known), math.fsum(known), (low, high))


def _other_priors(main: Count, prior: Beta, level: float) -> tuple[PriorTried, ...]:
    tried = (("the protocol's", prior), ("uniform", Beta(1, 1)), ("Jeffreys", Beta(0.5, 0.5)))
    found: list[PriorTried] = []
    for title, beta in tried:
        if beta in [other.prior for other in found]:
            continue
        posterior = beta.updated(main.responders, main.patients)
        found.append(PriorTried(title, beta, posterior.mean, posterior.interval(level)))
    return tuple(found)


def _monitoring(event: str, rule: Rule, outcomes: Sequence[tuple[str, bool]]) -> Monitoring:
    bounds = boundary(rule)
    at = {bound.patients: bound for bound in bounds}
    path, events = [], 0
    for n, (patient, happened) in enumerate(outcomes, start=1):
        events += happened
        bound = at.get(n)
        few, many = rule.too_few, rule.too_many
        path.append(
            Look(
                patient=patient,
                patients=n,
                events=events,
                few=rule.probability(events, n, few.delta) if few else None,
                many=rule.probability(events, n, many.delta) if many else None,
                crossed=bound.crossed(events) if bound else "",
            )
        )
    behaviours = tuple(behaviour(bounds, rule.planned, share) for share in _SHARES)
    return Monitoring(event, rule, bounds, tuple(path), behaviours)


def _misclassified(
    main: Count, rules: CohortRules, bounds: Sequence[Bound], success: Success
) -> tuple[Misclassified, ...]:
    prior, planned = Beta(*rules.efficacy_prior), rules.planned_patients
    found = []
    for sensitivity in rules.call_sensitivities:
        for specificity in rules.call_specificities:
            call = FallibleCall(sensitivity, specificity)
            result = corrected_share(
                main.responders,
                main.patients,
                call,
                prior,
                reference=rules.reference_rate,
                level=rules.interval_percent / 100,
            )
            at_target = call.apparent(rules.target_rate)
            at_reference = call.apparent(rules.reference_rate)
            found.append(
                Misclassified(
                    result,
                    false_success=probability_of_success(prior, planned, success, at_reference),
                    true_success=probability_of_success(prior, planned, success, at_target),
                    stopped_at_target=behaviour(bounds, planned, at_target).stopped_too_few,
                )
            )
    return tuple(found)


def _scorten(members: Sequence[Member], admissions: Mapping[str, AtAdmission], level: float) -> ScortenResult:
    rows = []
    for member in members:
        known = admissions.get(member.patient, AtAdmission())
        day = min(member.detached, default=None) if known.admission_day is None else known.admission_day
        detached = None if day is None else member.detached.get(day)
        found = score(
            Admission(
                age_years=member.age_years,
                malignancy=known.malignancy,
                heart_rate=known.heart_rate,
                detached=detached,
                urea=known.urea,
                glucose=known.glucose,
                bicarbonate=known.bicarbonate,
            )
        )
        rows.append(ScortenRow(member.patient, found, day, detached, known.died))
    survival = [row for row in rows if row.died is not None]
    complete = [row for row in survival if not row.score.missing]
    deaths = sum(row.died is True for row in complete)
    return ScortenResult(
        rows=tuple(rows),
        table=observed_against_predicted(deaths, [mortality_from_table(r.score.low) for r in complete], level),
        formula=observed_against_predicted(deaths, [mortality_from_formula(r.score.low) for r in complete], level),
        expected_range=(
            math.fsum(mortality_from_table(r.score.low) for r in survival),
            math.fsum(mortality_from_table(r.score.high) for r in survival),
        ),
        known_survival=len(survival),
        deaths=sum(row.died is True for row in survival),
    )


def _mucosa(
    seen: Mapping[str, Mapping[str, Mapping[int, bool | None]]], days: Sequence[int], level: float
) -> dict[str, Healing]:
    """Time from study day 0. A site that was healed by then is not at risk and is left out."""
    found = {}
    for site, patients in seen.items():
        courses = [course(patient, visits) for patient, visits in patients.items()]
        after_infusion = [c for c in courses if c.last is not None and c.last > 0]
        found[site] = healing_times(after_infusion, days, level)
    return found


def _notes(cohort: Cohort) -> tuple[str, ...]:
    measured, rules = cohort.measured, cohort.rules
    notes = []
    if measured.provenance.get("protocol_sha256") != measured.protocol.sha256:
        notes.append(
            "study.toml has changed since the photographs were measured: run 'bsa-measure measure' again, so that the "
            "calls and this page rest on one protocol."
        )
    if cohort.undetermined:
        share = f"{len(cohort.undetermined)} of {len(measured.members)}"
        notes.append(
            f"{share} calls are undetermined ({', '.join(cohort.undetermined)}): they are in neither the responders "
            "nor the denominator of the main count, nor in the monitoring; both other ways to count are beside it."
        )
    if cohort.undetached:
        notes.append(f"No detachment was ever seen in {', '.join(cohort.undetached)}: not counted.")
    unsure = [member.patient for member in measured.members if member.eligible != "yes"]
    if unsure:
        notes.append(f"Not eligible, or not known to be: {', '.join(unsure)}; counted, except where it says otherwise.")
    if cohort.counts[0].patients > rules.planned_patients:
        notes.append(
            f"More calls are determined than planned_patients = {rules.planned_patients}: the boundary ends there."
        )
    reopened = [c.patient for c in cohort.healing.courses if c.reopened]
    if reopened:
        notes.append(f"After a response a later visit shows none in {', '.join(reopened)}: the first response counts.")
    if cohort.toxicity_unknown and cohort.toxicity is not None:
        notes.append(f"toxicity.csv does not say for {', '.join(cohort.toxicity_unknown)}: not in the monitoring.")
    for site, healing in (cohort.mucosa or {}).items():
        again = [c.patient for c in healing.courses if c.reopened]
        if again:
            notes.append(f"{site.capitalize()} mucosa, {', '.join(again)}: not healed again after it was healed.")
    return tuple(notes)
