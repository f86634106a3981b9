"""All patients together: responders, monitoring, SCORTEN and time to healing.

:func:`analyse` is pure; every prior and limit comes from the protocol's section ``[cohort]``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np

from .clinical import AtAdmission, Clinical, read_clinical
from .cohort_results import (
    Cohort,
    Count,
    Expected,
    Look,
    Misclassified,
    Monitoring,
    PriorTried,
    ScortenResult,
    ScortenRow,
)
from .cohort_rules import CohortRules
from .measured import Measured, Member, read_measured
from .monitoring import (
    Bound,
    Limit,
    Rule,
    Success,
    behaviour,
    boundary,
    predictive_probability,
    probability_of_success,
)
from .proportion import Beta, FallibleCall, clopper_pearson, corrected_share, distribution_of_sum
from .scorten import Admission, mortality_from_formula, mortality_from_table, observed_against_predicted, score
from .survival import Healing, course, healing_times

_SAME: Final = 1e-9
_SHARES: Final = tuple(i / 20 for i in range(21))


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
