"""What a blinded reader may know: neither patient nor day, and visits in an order that says nothing.

The order comes from a seed that is drawn once per reader and stored with the drafts, so that it stays the same from
one session to the next and can be told afterwards.
"""

from __future__ import annotations

import json
import random
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bsa_measure.errors import StudyError
from bsa_measure.files import read_text, write_text

SEED_FILE: Final = "blinded-order.json"

Visit = tuple[str, str]
"""Patient and visit."""


@dataclass(frozen=True)
class BlindOrder:
    """Visits in random order.

    Attributes:
        seed: where the random order starts from.
        visits: (patient, visit), in the order in which a reader meets them.
    """

    seed: int
    visits: tuple[Visit, ...]

    def number(self, visit: Visit) -> int:
        """1 for the visit that comes first."""
        return self.visits.index(visit) + 1

    def name(self, visit: Visit) -> str:
        """What the reader sees instead of patient and day."""
        return f"visit {self.number(visit)} of {len(self.visits)}"


def blind_order(visits: Iterable[Visit], seed: int) -> BlindOrder:
    """Visits in the order of a seed. The same visits and the same seed give the same order on every computer.

    A visit's place depends on a random number drawn for it in the order of names, so the order in which the visits
    are given does not matter.
    """
    draws = random.Random(seed)
    keyed = sorted((draws.random(), visit) for visit in sorted(set(visits)))
    return BlindOrder(seed, tuple(visit for _, visit in keyed))


def stored_seed(folder: Path, wanted: int | None = None) -> int:
    """The seed of one reader, drawn and stored when there is none yet.

    Args:
        folder: of the reader's drafts.
        wanted: the seed to store when there is none yet.

    Raises:
        StudyError: the file cannot be read or written, or another seed was stored than is wanted now.
    """
    path = folder / SEED_FILE
    if path.is_file():
        try:
            seed = int(json.loads(read_text(path))["seed"])
        except (ValueError, KeyError, TypeError) as error:
            raise StudyError(
                f"{SEED_FILE} in drafts/{folder.name} is damaged: restore the study from its backup."
            ) from error
        if wanted is not None and wanted != seed:
            raise StudyError(
                f"The order of visits for this reader was drawn with the seed {seed} already: leave the seed out."
            )
        return seed
    seed = secrets.randbelow(1_000_000_000) if wanted is None else wanted
    write_text(path, json.dumps({"seed": seed}) + "\n")
    return seed
