"""How every page is filled: one Jinja environment, resources of this folder, and the hashes that the policy names."""

from __future__ import annotations

import base64
import hashlib
from importlib import resources
from typing import TYPE_CHECKING, Any

from .words import visible

if TYPE_CHECKING:
    from jinja2 import Environment


def environment() -> Environment:
    """Templates of this folder; everything is escaped, and a name that is not given is an error.

    The filter ``svg`` marks our own drawings, which escape what they quote.
    """
    import jinja2
    from markupsafe import Markup

    found = jinja2.Environment(
        loader=jinja2.FunctionLoader(resource),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_finalize,
    )
    found.filters["svg"] = Markup
    return found


def resource(name: str) -> str:
    """The text of a file of this folder."""
    return (resources.files("bsa_measure") / "report" / name).read_text(encoding="utf-8").replace("\r\n", "\n")


def content_hash(text: str) -> str:
    """What a Content-Security-Policy calls this very style or script."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _finalize(value: Any) -> Any:
    return visible(value) if isinstance(value, str) and not hasattr(value, "__html__") else value
