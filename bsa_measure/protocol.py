"""The protocol file: everything a trial fixes before it looks at a patient.

``study.toml`` is checked against the models below. Every key has a default, so that an empty file is a valid
LYSYME study; an unknown key is refused and the nearest known one suggested.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import tomllib
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from .chart import Chart, load_chart
from .cohort_rules import CohortRules
from .errors import ProtocolError
from .quality_limits import QualityLimits

Percent = Annotated[float, Field(ge=0, le=100)]
StudyDay = Annotated[int, Field(ge=-999, le=9999)]
ReadingKind = Literal["adjudicated", "manual", "model"]
NAME_PATTERN = r"^[a-z0-9]+(-[a-z0-9]+)*$"


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=False)


class Trial(_Section):
    """What the trial is called."""

    name: str = "LYSYME"
    description: str = "Mesenchymal stromal cells in SJS/TEN; study day 0 is the infusion"


class ChartChoice(_Section):
    """Which body-surface chart."""

    name: str = "lund-browder"


class Visits(_Section):
    """Which study days are photographed."""

    planned: tuple[StudyDay, ...] = (0, 5, 7, 10, 15)
    first_day: StudyDay = -30
    last_day: StudyDay = 365


class Endpoint(_Section):
    """How visits become a call."""

    day: StudyDay = 7
    days: tuple[StudyDay, ...] = (5, 7, 10, 15)
    threshold_percent: Percent = 90.0
    maximum: Literal["peak", "ever-detached"] = "peak"
    look_forward: bool = False
    numerator: Literal["decline", "reepithelialised"] = "decline"
    category: Literal["1993", "french"] = "1993"
    disagreement_points: Percent = 10.0
    interval_percent: Annotated[float, Field(ge=50, lt=100)] = 90.0
    draws: Annotated[int, Field(ge=1000, le=1_000_000)] = 10_000

    @property
    def reported_days(self) -> tuple[int, ...]:
        """All study days with a row in endpoints.csv: ``days`` and the day of the call, in order."""
        return tuple(sorted({*self.days, self.day}))


class Eligibility(_Section):
    """Who may enter the trial."""

    minimum_percent: Percent = 10.0
    within_days: Annotated[int, Field(ge=0)] = 10


class AgreementRules(_Section):
    """When one reader may stand for another, and how their outlines are compared."""

    margin_bsa_percent: Annotated[float, Field(gt=0, le=100)] = 2.0
    minimum_patients: Annotated[int, Field(ge=5)] = 10
    boundary_tolerance_percent: Annotated[float, Field(gt=0, le=10)] = 0.5
    draws: Annotated[int, Field(ge=200, le=100_000)] = 2000
    seed: Annotated[int, Field(ge=0)] = 1


class AdjudicationRules(_Section):
    """When readers differ so much that a third person decides, and whose reading counts where they do not.

    Attributes:
        readers: their names; empty: every person who has read, and the model where there is only one person.
        final_reader: whose reading is final where nothing was adjudicated; empty: the first of the readers.
        call_differs, category_differs: whether a different call or category is a reason.
        minimum_difference_bsa_percent: a larger difference is a reason ...
        use_mdc95: ... unless it is within the readers' smallest detectable change.
    """

    readers: tuple[str, ...] = ()
    final_reader: str = ""
    call_differs: bool = True
    category_differs: bool = True
    minimum_difference_bsa_percent: Annotated[float, Field(ge=0, le=100)] = 2.0
    use_mdc95: bool = True


class Measure(_Section):
    """How photographs become classes and areas."""

    geometry: Literal["flat", "silhouette"] = "silhouette"
    unphotographed: Literal["unseen", "uninvolved"] = "unseen"
    working_long_side: Annotated[int, Field(ge=256, le=16384)] = 2048
    marker_side_mm: Annotated[float, Field(ge=0, le=500)] = 0.0
    model: str = ""
    model_sha256: Annotated[str, Field(pattern=r"^([0-9a-f]{64})?$")] = ""
    readings: tuple[ReadingKind, ...] = get_args(ReadingKind)

    @field_validator("readings")
    @classmethod
    def _each_once(cls, kinds: tuple[ReadingKind, ...]) -> tuple[ReadingKind, ...]:
        if not kinds or len(set(kinds)) != len(kinds):
            raise ValueError("name each kind of reading once")
        return kinds


class Report(_Section):
    """What the report shows."""

    pictures: bool = True


class View(_Section):
    """One standard photograph and the surfaces it shows.

    Attributes:
        title: what a nurse calls it.
        how: one sentence on taking it.
        surfaces: names of the chart's surfaces; none for a view that is documentation only.
        split: how the silhouette is divided among several surfaces: from the top of the photograph ``down`` or
            from its left edge to the ``right``.
        cuts: where, as rising shares of the silhouette's length; one fewer than surfaces.
    """

    title: str = ""
    how: str = ""
    surfaces: tuple[str, ...] = ()
    split: Literal["down", "right"] = "down"
    cuts: tuple[Annotated[float, Field(gt=0, lt=1)], ...] = ()

    @model_validator(mode="after")
    def _consistent(self) -> View:
        if len(set(self.surfaces)) != len(self.surfaces):
            raise ValueError("a surface is named twice")
        if len(self.cuts) != max(0, len(self.surfaces) - 1):
            raise ValueError(f"{len(self.surfaces)} surfaces need {max(0, len(self.surfaces) - 1)} cuts")
        if list(self.cuts) != sorted(set(self.cuts)):
            raise ValueError("cuts must rise")
        return self


@cache
def standard_views() -> dict[str, View]:
    """The standard view list: together its views show every surface of the chart exactly once."""
    text = (resources.files("bsa_measure") / "protocols" / "views.toml").read_text(encoding="utf-8")
    return {name: View(**view) for name, view in tomllib.loads(text).items()}


class Protocol(_Section):
    """Everything a trial fixes. Immutable; see :func:`load_protocol`."""

    trial: Trial = Trial()
    chart: ChartChoice = ChartChoice()
    visits: Visits = Visits()
    endpoint: Endpoint = Endpoint()
    eligibility: Eligibility = Eligibility()
    agreement: AgreementRules = AgreementRules()
    adjudication: AdjudicationRules = AdjudicationRules()
    measure: Measure = Measure()
    quality: QualityLimits = QualityLimits()
    report: Report = Report()
    cohort: CohortRules = CohortRules()
    views: dict[Annotated[str, Field(pattern=NAME_PATTERN)], View] = Field(default_factory=standard_views)

    @model_validator(mode="after")
    def _standard_views_first(self) -> Protocol:
        # A study's own views extend the standard list, or replace the standard view of the same name.
        standard = standard_views()
        merged = {**standard, **self.views}
        if list(merged.items()) != list(self.views.items()):
            object.__setattr__(self, "views", merged)
        return self

    def view(self, name: str, chart: Chart) -> View | None:
        """The view of this name; every surface of the chart is also a view that shows exactly itself."""
        if name in self.views:
            return self.views[name]
        if name in chart.surfaces:
            return View(title=name.replace("-", " "), surfaces=(name,))
        return None

    @property
    def planned_views(self) -> tuple[str, ...]:
        """The views that a complete visit has: those of the list that carry weight."""
        return tuple(name for name, view in self.views.items() if view.surfaces)

    @property
    def sha256(self) -> str:
        """SHA-256 of everything the protocol fixes, independent of comments and spelling of the file."""
        text = json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()


def builtin_protocols() -> tuple[str, ...]:
    """Names of the protocols that come with the program."""
    folder = resources.files("bsa_measure") / "protocols"
    names = (item.name.removesuffix(".toml") for item in folder.iterdir() if item.name.endswith(".toml"))
    return tuple(sorted(name for name in names if name != "views"))


def protocol_text(name: str) -> str:
    """The commented text of a protocol that comes with the program.

    Raises:
        ProtocolError: there is no protocol of this name.
    """
    if name not in builtin_protocols():
        known = ", ".join(builtin_protocols())
        raise ProtocolError(f"There is no protocol named {name!r}: use one of {known}.")
    return (resources.files("bsa_measure") / "protocols" / f"{name}.toml").read_text(encoding="utf-8")


def load_protocol(path: Path | None = None) -> tuple[Protocol, Chart]:
    """Read a protocol file and the chart it names; without a path, the default protocol (LYSYME).

    Raises:
        ProtocolError: unreadable file, unknown key, wrong value, or a surface that the chart does not have.
        ChartError: the chart does not exist or does not sum to 100.
    """
    if path is None:
        return parse_protocol("", None)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ProtocolError(f"The protocol {path.name} cannot be read: it must be a text file in UTF-8.") from error
    return parse_protocol(text, path.parent)


def parse_protocol(text: str, folder: Path | None) -> tuple[Protocol, Chart]:
    """Check the text of a protocol file; ``folder`` is where a site's own chart file lies. Raises as load_protocol."""
    try:
        protocol = Protocol.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise ProtocolError(f"study.toml is not valid TOML ({error}): mend that line.") from error
    except ValidationError as error:
        raise ProtocolError(_sentence(error)) from error
    chart = load_chart(protocol.chart.name, folder)
    for name, view in protocol.views.items():
        for surface in view.surfaces:
            # The standard views speak of the standard surfaces; with a site's own chart they must be replaced.
            if surface not in chart.surfaces and view != standard_views().get(name):
                raise ProtocolError(
                    f"study.toml: the view {name} shows {surface!r}, which the chart {chart.title} does not have"
                    f"{suggestion(surface, chart.surfaces)}: correct the view."
                )
    return protocol, chart


def suggestion(word: str, known: Any) -> str:
    """``" (did you mean 'x'?)"`` to put behind the word, or nothing."""
    near = difflib.get_close_matches(str(word), [str(k) for k in known], n=1, cutoff=0.5)
    return f" (did you mean {near[0]!r}?)" if near else ""


def _sentence(error: ValidationError) -> str:
    problem = error.errors()[0]
    location = [str(part) for part in problem["loc"]]
    where = ".".join(location)
    if problem["type"] == "extra_forbidden":
        near = suggestion(location[-1], _keys_at(location[:-1]))
        return f"study.toml: there is no key {where!r}{near}: correct or remove it."
    reason = str(problem["msg"]).removeprefix("Value error, ")
    return f"study.toml: the value of {where!r} cannot be used, correct it: {reason[:1].lower()}{reason[1:]}."


def _keys_at(location: list[str]) -> list[str]:
    model: Any = Protocol
    for part in location:
        field = model.model_fields.get(part) if isinstance(model, type) and issubclass(model, BaseModel) else None
        annotation = field.annotation if field is not None else View
        model = annotation if isinstance(annotation, type) and issubclass(annotation, BaseModel) else None
        if model is None:
            return list(View.model_fields) if location[0] == "views" else []
    return list(model.model_fields)
