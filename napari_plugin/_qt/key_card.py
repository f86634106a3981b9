"""The key card of docs/dermatologist.md, made from the one place where the keys are declared."""

from __future__ import annotations

from collections.abc import Iterable

from .actions import ACTIONS, CLASS_OF_KEY, DONE_KEY
from .adjudicate import DECISIONS

_GROUPS = {
    "draw": "Draw",
    "tools": "Tools, on the lesion under the mouse",
    "proposal": "Proposals",
    "look": "Look",
    "brush": "Brush",
    "history": "Take back",
}


def key_card() -> str:
    """Every key of the correction and of the adjudication as Markdown tables."""
    classes = [(key, tissue.title, tissue.description) for key, tissue in CLASS_OF_KEY.items()]
    classes.append(("Shift+1 … 5", "lock", "No pixel of this class changes while it is locked."))
    groups = list(dict.fromkeys(action.group for action in ACTIONS))
    parts = [_table("Class", classes)]
    for group in groups:
        rows = [(a.key, a.title, a.hint) for a in ACTIONS if a.group == group]
        parts.append(_table(_GROUPS.get(group, group.capitalize()), rows))
    parts.append(_table("Done", [(DONE_KEY, "Done → next", "Records the reading and opens the next photo.")]))
    decided = (DONE_KEY, "Done → next", "Records the decision and opens the next photo.")
    decisions = [(d.key, d.title, d.hint) for d in DECISIONS]
    parts.append(_table("Adjudication (classes as above)", [*decisions, decided]))
    return "\n".join(parts)


def _table(title: str, rows: Iterable[tuple[str, str, str]]) -> str:
    lines = [f"| {title} | | |", "|---|---|---|"]
    lines += [f"| `{key}` | {name} | {hint} |" for key, name, hint in rows]
    return "\n".join(lines) + "\n"
