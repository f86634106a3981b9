"""Every key and what it does, stated once: the buttons show it, the window obeys it, the key card lists it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from bsa_measure.tissue import Tissue

from .correction import Correction

DONE_KEY: Final = "D"

CLASS_OF_KEY: Final = {
    "1": Tissue.INTACT,
    "2": Tissue.DETACHED,
    "3": Tissue.REEPITHELIALISED,
    "4": Tissue.NOT_ASSESSABLE,
    "5": Tissue.BACKGROUND,
}


@dataclass(frozen=True)
class Action:
    """One thing that a key or a button does.

    Attributes:
        key: as Qt writes it.
        title: on the button.
        hint: what it does, in one sentence.
        do: what is called.
        mode: the mode of :class:`Correction` that it chooses, so that its button stays pressed; empty for the others.
        group: where its button stands.
    """

    key: str
    title: str
    hint: str
    do: Callable[[Correction], object]
    mode: str = ""
    group: str = "tools"


def _mode(mode: str) -> Callable[[Correction], object]:
    return lambda correction: correction.choose_mode(mode)


ACTIONS: Final = (
    Action("B", "Brush", "Paint the chosen class.", _mode("paint"), "paint", "draw"),
    Action("L", "Lasso", "Click corner by corner; a double click closes it.", _mode("polygon"), "polygon", "draw"),
    Action("F", "Fill", "Connected pixels of one class become the chosen class.", _mode("fill"), "fill", "draw"),
    Action("G", "Grow", "Click inside a lesion: it grows to its edge; the wheel sets the size, Enter accepts.",
           _mode("grow"), "grow", "draw"),
    Action("E", "Erase", "Paint background.", _mode("erase"), "erase", "draw"),
    Action("P", "Move", "Drag to move, turn the wheel to zoom; holding the space bar does the same.",
           _mode("pan_zoom"), "pan_zoom", "draw"),
    Action("N", "Nikolsky", "Paint skin that was found detachable at the bedside; recorded as such.",
           _mode("bedside"), "bedside", "draw"),
    Action("C", "Copy before", "Propose the labels of the visit before.", Correction.copy_previous),
    Action("S", "Smooth", "Smooth the border of the lesion under the mouse.", Correction.smooth),
    Action("H", "Fill holes", "Fill what the lesion under the mouse encloses.", Correction.holes),
    Action("W", "Swap class", "The lesion under the mouse becomes the chosen class.", Correction.swap),
    Action("X", "Nothing assessable", "Nothing of this view can be judged.", Correction.not_assessable),
    Action("U", "Surfaces", "Redraw which surface of the chart the pixels show.", _mode("surfaces"), "surfaces"),
    Action("Return", "Accept", "Accept the proposal.", Correction.accept, group="proposal"),
    Action("Esc", "Reject", "Give the proposal up.", Correction.reject, group="proposal"),
    Action("Ctrl+Z", "Undo", "Take the last act back.", Correction.undo, group="history"),
    Action("Ctrl+Shift+Z", "Redo", "Bring it again.", Correction.redo, group="history"),
    Action("[", "Smaller brush", "A smaller brush.", lambda c: c.change_brush(0.8), group="brush"),
    Action("]", "Larger brush", "A larger brush.", lambda c: c.change_brush(1.25), group="brush"),
    Action("-", "Fainter", "Show the classes fainter.", lambda c: c.change_opacity(-0.1), group="look"),
    Action("=", "Stronger", "Show the classes stronger.", lambda c: c.change_opacity(0.1), group="look"),
    Action("O", "Outlines", "Show outlines instead of areas.", Correction.toggle_outlines, group="look"),
    Action("M", "Model", "Show the model's outlines too.", lambda c: c.toggle_layer("model"), group="look"),
    Action("K", "Whose", "Outline what a person has painted.", lambda c: c.toggle_layer("person"), group="look"),
    Action("A", "Skin per pixel", "Show how much skin each pixel stands for.", lambda c: c.toggle_layer("weight"),
           group="look"),
    Action("Ctrl+E", "Picture", "Save the photo with its outlines as a picture, without a name or a date.",
           Correction.ask_for_picture, group="look"),
)  # fmt: skip
