"""What a person does in the end-to-end test, in the process with the window.

python window_scene.py STUDY correct|resume REPORT
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent / "scripts"))

import cv2
import numpy as np
from window_hand import Hand, Scene, play

from bsa_measure.tissue import Tissue

REPORT = Path(sys.argv[3])


def say(**facts: Any) -> None:
    """Write a line for the test that waits outside."""
    with REPORT.open("a", encoding="utf-8") as file:
        file.write(json.dumps(facts) + "\n")


def hashed(photo: Any) -> str:
    return hashlib.sha256(photo.canvas.labels.tobytes()).hexdigest()


def ready(review: Any, than: str = "") -> Any:
    correction = review.correction

    def is_ready() -> bool:
        photo = correction.photo
        return photo is not None and not correction.work.busy and photo.item.sha256 != than

    return is_ready


def middle_of_the_body(labels: Any, without: Tissue) -> tuple[int, int]:
    """Row and column of the place farthest from the background and from a class."""
    inside = ((labels > 0) & (labels != without)).astype(np.uint8)
    depth = cv2.distanceTransform(inside, cv2.DIST_L2, 5)
    row, column = np.unravel_index(depth.argmax(), depth.shape)
    return int(row), int(column)


def paint(hand: Hand, review: Any) -> Scene:
    """A stroke of detached skin over the middle of the body, where no model has marked any."""
    row, column = middle_of_the_body(review.correction.photo.canvas.labels, Tissue.DETACHED)
    before = len(review.correction.photo.canvas.history.done)
    yield from hand.key("2", "b")
    yield from hand.drag([(row - 30, column - 25), (row + 30, column + 25)])
    yield lambda: len(review.correction.photo.canvas.history.done) > before


def undo_and_grow(hand: Hand, review: Any) -> Scene:
    """Take the stroke back and grow another class from there, by keys and a click alone; then paint it after all."""
    correction = review.correction
    yield from paint(hand, review)
    acts = len(correction.photo.canvas.history.done)
    yield from hand.key("ctrl+z", "3", "g")
    yield lambda: len(correction.photo.canvas.history.done) < acts and correction.mode == "grow"
    row, column = middle_of_the_body(correction.photo.canvas.labels, Tissue.REEPITHELIALISED)
    yield from hand.click(row, column)
    yield lambda: correction.layers.proposing
    yield from hand.key("Escape")
    yield lambda: not correction.layers.proposing
    say(grown=True)


def correct(review: Any, hand: Hand) -> Scene:
    """Two photographs to the end, the third only painted on; then wait to be killed."""
    for number in range(3):
        before = review.correction.photo.item.sha256 if number else ""
        yield ready(review)
        photo = review.correction.photo
        if number == 0:
            yield from undo_and_grow(hand, review)
        text = review.figures.text.text()
        yield from paint(hand, review)
        yield 1.0
        say(photo=photo.item.sha256, number=number, figures_changed=review.figures.text.text() != text)
        if number < 2:
            before = photo.item.sha256
            yield from hand.key("d")
            yield ready(review, than=before)
    yield 3.0  # the last few seconds may be lost; these are not among them
    say(kill=True, photo=review.correction.photo.item.sha256, labels=hashed(review.correction.photo))
    yield 600.0


def resume(review: Any, hand: Hand) -> Scene:
    """Everything is there; finish it."""
    yield ready(review)
    photo = review.correction.photo
    say(photo=photo.item.sha256, labels=hashed(photo), resumed=photo.resumed, done=review.correction.session.done)
    yield from hand.key("d")
    yield lambda: review.correction.session.done == 3
    say(finished=True)


if __name__ == "__main__":
    from bsa_measure_napari._qt.window import open_window

    shown = open_window(Path(sys.argv[1]), "Duval")
    hand = Hand(shown.viewer)
    play(shown.viewer, (correct if sys.argv[2] == "correct" else resume)(shown, hand))
