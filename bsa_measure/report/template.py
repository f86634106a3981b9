"""How every page is filled: one Jinja environment, resources of this folder, and the hashes that the policy names."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Sequence
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


def render(pages: Environment, template: str, *, styles: Sequence[str], script: str = "", **content: Any) -> str:
    """A whole page: the template with its style sheets and its script, and a policy that allows nothing else.

    Args:
        pages: what :func:`environment` returned.
        template: sets ``title`` and begins with ``head.html``.
        styles: names of style sheets of this folder, in order.
        script: name of a script of this folder; empty for a page without one.
        content: what else the template asks for.
    """
    trusted = pages.filters["svg"]
    style = "".join(resource(name) for name in styles)
    code = _script(script) if script else ""
    allowed = f"style-src '{content_hash(style)}'; " + (f"script-src '{content_hash(code)}'; " if code else "")
    policy = f"default-src 'none'; img-src data:; {allowed}base-uri 'none'; form-action 'none'"
    return str(
        pages.get_template(template).render(policy=policy, style=trusted(style), script=trusted(code), **content)
    )


def resource(name: str) -> str:
    """The text of a file of this folder."""
    return (resources.files("bsa_measure") / "report" / name).read_text(encoding="utf-8").replace("\r\n", "\n")


def _script(name: str) -> str:
    """What stands between the tags of a script: a file of its own, so that an editor can check it."""
    found = re.search(r"<script>(.*)</script>", resource(name), re.DOTALL)
    assert found is not None
    return found.group(1)


def content_hash(text: str) -> str:
    """What a Content-Security-Policy calls this very style or script."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _finalize(value: Any) -> Any:
    return visible(value) if isinstance(value, str) and not hasattr(value, "__html__") else value
