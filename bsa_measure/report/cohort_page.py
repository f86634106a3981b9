"""The page of all patients together: one self-contained file without script, in the look of the report."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .. import __version__
from ..bsa import Extent
from ..cohort_results import Cohort, Monitoring
from ..cohort_rules import CohortRules
from ..monitoring import Bound
from ..proportion import Beta, distribution_of_sum
from ..scorten import Score, mortality_from_table
from ..survival import Healing
from .cohort_plots import behaviour_plot, boundary_plot, deaths_plot, healing_plot, posterior_plot
from .template import environment, render
from .words import count, day_label, interval, percent


def render_cohort(cohort: Cohort) -> str:
    """The whole page as text, to be written as UTF-8. The same cohort gives the same bytes."""
    pages = environment()
    pages.filters |= {
        "pct": _share,
        "prob": _probability,
        "day": day_label,
        "changes": _changes,
        "mortality": mortality_from_table,
        "points": _points,
        "extent": _extent,
        "often": _often,
        "stops": _stops,
    }
    measured = cohort.measured
    return render(
        pages,
        "cohort.html",
        styles=["report.css", "cohort.css"],
        version=__version__,
        study=measured.study,
        protocol=measured.protocol,
        endpoint=cohort.endpoint,
        rules=cohort.rules,
        cohort=cohort,
        notes=cohort.notes,
        patients=len(measured.members),
        main=cohort.counts[0],
        level=f"{cohort.rules.interval_percent:g}",
        toxic=_events(cohort.toxicity),
        sentences=list(summary_sentences(cohort)),
        plots=_plots(cohort),
        efficacy_rule=_rule_sentence(cohort.efficacy),
        toxicity_rule=_rule_sentence(cohort.toxicity) if cohort.toxicity else "",
        predictive_sentence=_predictive_sentence(cohort),
        scorten_sentence=_scorten_sentence(cohort),
        healing_sentence=_healing_sentence(cohort.healing),
        origin=_origin(cohort.rules),
        choices=_choices(cohort.rules),
        provenance=[(name.replace("_", " "), value) for name, value in _measured_by(cohort)],
    )


def summary_sentences(cohort: Cohort) -> tuple[str, ...]:
    """The result in a few sentences, for the page and for the terminal."""
    main, day = cohort.counts[0], day_label(cohort.endpoint.day)
    level = f"{cohort.rules.interval_percent:g} %"
    if not main.patients:
        return (f"No patient has a determined call at {day}.",)
    sentences = [
        f"{main.responders} of {count(main.patients, 'patient')} with a determined call responded at {day}: "
        f"{_share(main.responders / main.patients)} % (exact {level} interval {_pair(main.exact)}; posterior mean "
        f"{_share(main.posterior.mean)} %, {level} interval {_pair(main.credible)}).",
        f"Efficacy: {_boundary_sentence(cohort.efficacy)}",
    ]
    if cohort.toxicity is not None:
        sentences.append(f"Toxicity: {_boundary_sentence(cohort.toxicity)}")
    return tuple(sentences)


def _boundary_sentence(monitoring: Monitoring) -> str:
    crossing, path = monitoring.first_crossing, monitoring.path
    if not path:
        return "no outcome is known yet."
    singular = monitoring.event.removesuffix("s")
    known = f"{count(path[-1].events, singular)} among {count(path[-1].patients, 'patient')}"
    if crossing is None:
        return f"{known}, the stopping boundary has not been crossed."
    return (
        f"{known}; the stopping boundary was crossed after {count(crossing.patients, 'patient')} "
        f"({count(crossing.events, singular)}: {crossing.crossed})."
    )


def _rule_sentence(monitoring: Monitoring) -> str:
    rule, parts = monitoring.rule, []
    for limit, side, word in ((rule.too_few, "too_few", "below"), (rule.too_many, "too_many", "above")):
        if limit is not None and _stops(monitoring, side):
            plus = f" + {limit.delta:g}" if limit.delta else ""
            parts.append(f"P(E > S{plus} | data) is {word} {limit.probability:g}")
    start = (
        f"With E ~ {_beta(rule.prior)} for the share of {monitoring.event} under the new treatment and "
        f"S ~ {_beta(rule.standard)} under the standard, "
    )
    if not parts:
        return start + "no limit is set: the trial never stops."
    every = "every patient" if rule.every == 1 else f"every {rule.every} patients"
    return (
        f"{start}the trial stops when {', or when '.join(parts)}. Looks after {every}, from {rule.minimum} to "
        f"{rule.planned} patients."
    )


def _predictive_sentence(cohort: Cohort) -> str:
    rules, main = cohort.rules, cohort.counts[0]
    least = cohort.least_responders
    criterion = f"P(share > {_share(rules.reference_rate, 0)} %) above {rules.success_certainty:g}"
    if least is None:
        return f"Success is {criterion}: no number of responders among {rules.planned_patients} reaches it."
    planned = max(rules.planned_patients, main.patients)
    waiting = " A patient whose call is undetermined counts as still to come." if cohort.undetermined else ""
    return (
        f"Success is {criterion}, that is at least {count(least, 'responder')} of {planned}. Given "
        f"{main.responders} of {main.patients}, the probability of success with all {planned} is "
        f"{_probability(cohort.predictive, rules.success_certainty)}.{waiting}"
    )


def _scorten_sentence(cohort: Cohort) -> str:
    found = cohort.scorten
    if found is None:
        return ""
    if not found.table.patients:
        return "No patient has all seven items and known survival, so that nothing can be compared."
    return (
        f"{found.table.deaths} of {count(found.table.patients, 'patient')} with a complete SCORTEN died; "
        f"{found.table.expected:.2f} deaths were predicted by the published table and {found.formula.expected:.2f} by "
        "the logistic formula."
    )


def _healing_sentence(healing: Healing) -> str:
    half = (
        "half have not been seen to respond"
        if healing.median_day is None
        else f"half were seen to respond by {day_label(healing.median_day)}"
    )
    return f"{count(healing.patients, 'patient')} with at least one determined call; {half}."


def _origin(rules: CohortRules) -> str:
    if rules == CohortRules():
        return (
            "Nobody has set these for this trial: they are the program's worked examples, not the trial's own. "
            "A statistician sets them in study.toml, section [cohort], before the first patient."
        )
    return "As set in study.toml, section [cohort]; what is not set there is the program's worked example."


def _choices(rules: CohortRules) -> list[tuple[str, str]]:
    return [(name, _written(value)) for name, value in rules.model_dump().items()]


def _written(value: Any) -> str:
    return ", ".join(f"{v:g}" for v in value) if isinstance(value, tuple) else f"{value:g}"


def _measured_by(cohort: Cohort) -> list[tuple[str, str]]:
    wanted = ("version", "model", "model_sha256", "protocol_sha256", "chart")
    known = cohort.measured.provenance
    return [(f"measured: {name}", str(known[name])) for name in wanted if known.get(name)]


def _plots(cohort: Cohort) -> dict[str, Any]:
    main, rules = cohort.counts[0], cohort.rules
    plots: dict[str, Any] = {
        "posterior": posterior_plot(
            Beta(*rules.efficacy_prior),
            main.posterior,
            main.credible,
            [(rules.reference_rate, "reference"), (rules.target_rate, "target")],
            "Posterior density of the share of responders",
        ),
        "efficacy": boundary_plot(cohort.efficacy, "Responders against the stopping boundary"),
        "efficacy_behaviour": behaviour_plot(cohort.efficacy, "Probability of stopping early, efficacy"),
        "healing": healing_plot(cohort.healing, "Share of patients with a response by study day"),
        "mucosa": {
            site: healing_plot(found, f"Share with healed {site} mucosa by study day", small=True)
            for site, found in (cohort.mucosa or {}).items()
        },
        "deaths": "",
    }
    if cohort.toxicity is not None:
        plots["toxicity"] = boundary_plot(cohort.toxicity, "Toxic events against the stopping boundary")
        plots["toxicity_behaviour"] = behaviour_plot(cohort.toxicity, "Probability of stopping early, toxicity")
    if cohort.scorten is not None and cohort.scorten.table.patients:
        complete = [r for r in cohort.scorten.rows if r.died is not None and not r.score.missing]
        chances = distribution_of_sum([mortality_from_table(r.score.low) for r in complete])
        plots["deaths"] = deaths_plot(chances.tolist(), cohort.scorten.table.deaths, "Predicted number of deaths")
    return plots


def _events(monitoring: Monitoring | None) -> int:
    return monitoring.path[-1].events if monitoring is not None and monitoring.path else 0


def _changes(bounds: Sequence[Bound]) -> list[tuple[str, int | None, int | None]]:
    """The boundary with looks of the same counts in one line: ``6 – 12``."""
    rows: list[tuple[int, int, int | None, int | None]] = []
    for bound in bounds:
        if rows and rows[-1][2:] == (bound.at_most, bound.at_least):
            rows[-1] = (rows[-1][0], bound.patients, bound.at_most, bound.at_least)
        else:
            rows.append((bound.patients, bound.patients, bound.at_most, bound.at_least))
    return [(str(a) if a == b else f"{a} – {b}", few, many) for a, b, few, many in rows]


def _share(share: float, decimals: int = 1) -> str:
    """A share of 0 to 1 in percent, without the sign."""
    return percent(100 * share, decimals=decimals)


def _pair(pair: tuple[float, float]) -> str:
    return f"{_share(pair[0])} – {_share(pair[1])}"


def _often(share: float) -> str:
    """How often something happens, in percent; the nearly impossible and the nearly certain are not spelt out."""
    if 0 < share < 0.0005 or 0.9995 < share < 1:
        return "< 0.1" if share < 0.5 else "> 99.9"
    return _share(share)


def _stops(monitoring: Monitoring, side: str) -> bool:
    """Whether the rule has a limit on this side, ``too_few`` or ``too_many``, that can be crossed."""
    limit = monitoring.rule.too_few if side == "too_few" else monitoring.rule.too_many
    return limit is not None and 0 < limit.probability < 1


def _probability(value: float, limit: float) -> str:
    """A probability, 0 to 1, never rounded onto its limit."""
    if 0 < value < 0.0005 or 0.9995 < value < 1:
        return "< 0.001" if value < 0.5 else "> 0.999"
    return percent(value, limit, 1.0, decimals=3)


def _beta(beta: Beta) -> str:
    return f"Beta({beta.a:g}, {beta.b:g})"


def _points(score: Score) -> str:
    return "; ".join(item.name for item in score.items if item.point)


def _extent(extent: Extent) -> str:
    return f"{percent(extent.point, 10.0)} ({interval(extent, 10.0)})"
