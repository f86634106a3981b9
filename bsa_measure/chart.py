"""Body-surface charts: how many percent of the body each surface is, by age.

A chart is data (``charts/*.toml``). It is read with exact decimals, so that a column that does not sum to
exactly 100 is refused instead of being scaled or capped.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from .errors import ChartError

_KEYS = {"title", "source", "from_age", "columns", "weights"}


@dataclass(frozen=True)
class Chart:
    """The surfaces of a body and their weights in % of the total body surface area (BSA).

    Attributes:
        name: what the protocol calls it.
        title: what the report calls it.
        source: where the values come from.
        from_age: first age, in completed years, of each column.
        columns: what each column is called.
        weights: surface name to its weight in every column.
    """

    name: str
    title: str
    source: str
    from_age: tuple[float, ...]
    columns: tuple[str, ...]
    weights: Mapping[str, tuple[float, ...]]

    @property
    def surfaces(self) -> tuple[str, ...]:
        """All surface names, in the order of the chart file."""
        return tuple(self.weights)

    def column(self, age_years: float) -> str:
        """Name of the column that holds at this age, e.g. ``adult``."""
        return self.columns[self._index(age_years)]

    def weights_at(self, age_years: float) -> dict[str, float]:
        """Weight of every surface, in % of the BSA, at this age; they sum to 100."""
        index = self._index(age_years)
        return {surface: values[index] for surface, values in self.weights.items()}

    def _index(self, age_years: float) -> int:
        # A printed column holds from its age until the next one (3 years: column "1").
        indices = [i for i, start in enumerate(self.from_age) if age_years >= start]
        if not indices:
            raise ChartError(
                f"An age of {age_years:g} years has no column in the chart {self.title}, which begins at "
                f"{self.from_age[0]:g} years: correct age_years in patients.csv."
            )
        return indices[-1]


def builtin_charts() -> tuple[str, ...]:
    """Names of the charts that come with the program."""
    folder = resources.files("bsa_measure") / "charts"
    return tuple(sorted(item.name.removesuffix(".toml") for item in folder.iterdir() if item.name.endswith(".toml")))


def load_chart(name: str, folder: Path | None = None) -> Chart:
    """Load a chart that comes with the program, or a site's own ``.toml`` file.

    Args:
        name: ``lund-browder``, ``rule-of-nines``, or the path of a chart file.
        folder: where a relative path starts; the study folder.

    Raises:
        ChartError: unknown name, unreadable file, or a column that does not sum to exactly 100.
    """
    if not name.endswith(".toml"):
        return _builtin(name)
    path = Path(name) if folder is None else folder / name
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ChartError(f"The chart file {name} cannot be read: check [chart] name in study.toml.") from error
    return parse_chart(text, name)


@cache
def _builtin(name: str) -> Chart:
    if name not in builtin_charts():
        known = ", ".join(builtin_charts())
        raise ChartError(f"There is no chart named {name!r}: use one of {known}, or the name of a .toml file.")
    text = (resources.files("bsa_measure") / "charts" / f"{name}.toml").read_text(encoding="utf-8")
    return parse_chart(text, name)


def parse_chart(text: str, name: str) -> Chart:
    """Check the text of a chart file and return the chart.

    Raises:
        ChartError: not TOML, a missing or unknown key, a bad weight, or a column that does not sum to exactly 100.
    """
    try:
        data = tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        raise ChartError(f"The chart {name} is not a valid TOML file ({error}).") from error
    if set(data) != _KEYS:
        wrong = ", ".join(sorted(set(data) ^ _KEYS))
        raise ChartError(f"The chart {name} needs exactly the keys {', '.join(sorted(_KEYS))}; look at: {wrong}.")
    if not isinstance(data["columns"], list) or not isinstance(data["weights"], dict):
        raise ChartError(f"The chart {name} needs a list of columns and a table of weights.")
    columns = tuple(str(column) for column in data["columns"])
    ages = data["from_age"]
    if not isinstance(ages, list) or not all(isinstance(a, (int, Decimal)) and Decimal(a).is_finite() for a in ages):
        raise ChartError(f"The chart {name} needs a list of ages, in years, as from_age.")
    from_age = tuple(float(age) for age in ages)
    if not columns or len(from_age) != len(columns) or list(from_age) != sorted(set(from_age)):
        raise ChartError(f"The chart {name} needs one rising from_age for each of its columns.")
    weights = {surface: _row(value, surface, len(columns), name) for surface, value in data["weights"].items()}
    for index, column in enumerate(columns):
        total = sum((row[index] for row in weights.values()), Decimal(0))
        if total != 100:
            raise ChartError(f"Column {column} of the chart {name} sums to {total.normalize():f}, not to 100: mend it.")
    return Chart(
        name=name,
        title=str(data["title"]),
        source=str(data["source"]),
        from_age=from_age,
        columns=columns,
        weights={surface: tuple(float(weight) for weight in row) for surface, row in weights.items()},
    )


def _row(value: Any, surface: str, columns: int, name: str) -> list[Decimal]:
    row = value if isinstance(value, list) else [value] * columns
    if len(row) != columns or not all(isinstance(w, (int, Decimal)) and not isinstance(w, bool) for w in row):
        raise ChartError(f"The chart {name} needs one number, or {columns} numbers, for {surface}.")
    if any(not Decimal(w).is_finite() or w < 0 for w in row):
        raise ChartError(f"The chart {name} has a weight of {surface} that is not a percentage.")
    return [Decimal(w) for w in row]
