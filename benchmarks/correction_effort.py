"""How much work five standard faults are, with the plugin's tools and with napari's bare Labels layer.

    python benchmarks/correction_effort.py [--cases 8]

Each fault is put into the true masks of the sample study and mended twice by a script that works as a practised person
would: with the plugin's tools (grow to edge with as many notches of the wheel as fit best, swap class, brush on the
surface map), and with the bare layer's best tool for it (polygon or fill). The polygon gets as few corners as reach the
same agreement with the truth, so that both end equally good. Nothing is drawn on a screen: the plugin's own functions
are called and what a hand would do is counted.

Seconds are those of the keystroke-level model (Card, Moran and Newell 1980: key 0.28, pointing 1.1, mouse button 0.1,
change of hand 0.4, thinking before each step 1.35), not of people: they compare, they do not promise. A notch of the
wheel counts as a key.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt
from bsa_measure_napari.tools.grow import Pyramid, grow_to_edge
from bsa_measure_napari.tools.lesion import swap_class
from bsa_measure_napari.tools.patch import paint
from bsa_measure_napari.tools.polygon import fill_polygon

from bsa_measure.protocol import load_protocol
from bsa_measure.surfaces import surface_map
from bsa_measure.tissue import Tissue

ROOT = Path(__file__).parent.parent
SAMPLE = ROOT / "sample_images"
KEY, POINT, BUTTON, HAND, THINK = 0.28, 1.1, 0.1, 0.4, 1.35
FEWEST_PIXELS: Final = 200
_PER_PHOTO: Final = 2

Labels = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Effort:
    """What a hand did, and how well the mended area agrees with the truth (Dice)."""

    clicks: int
    keys: int
    notches: int
    steps: int
    dice: float

    @property
    def seconds(self) -> float:
        """By the keystroke-level model; every step is thought of before, and the hand goes to the mouse once."""
        return self.clicks * (POINT + BUTTON) + (self.keys + self.notches) * KEY + HAND + self.steps * THINK


@dataclass(frozen=True)
class Case:
    """A photograph with a fault: the true labels, the labels with the fault, and the pixels it is about."""

    pixels: Labels
    truth: Labels
    faulty: Labels
    about: Mask
    tissue: int


def dice(labels: Labels, case: Case) -> float:
    """Agreement with the truth on the class in question, near the fault."""
    box = _around(case.about)
    a, b = labels[box] == case.tissue, case.truth[box] == case.tissue
    return 2.0 * float((a & b).sum()) / max(float(a.sum() + b.sum()), 1.0)


def _around(about: Mask) -> tuple[slice, slice]:
    left, top, width, height = cv2.boundingRect(about.view(np.uint8))
    margin = max(width, height)
    return slice(max(top - margin, 0), top + height + margin), slice(max(left - margin, 0), left + width + margin)


def deepest(area: Mask) -> tuple[int, int]:
    """The pixel of an area that is farthest from its border: where a person clicks."""
    depth = cv2.distanceTransform(np.pad(area.view(np.uint8), 1), cv2.DIST_L2, 5)[1:-1, 1:-1]
    row, column = np.unravel_index(int(depth.argmax()), depth.shape)
    return int(row), int(column)


def grown(case: Case) -> Effort:
    """Class key, G, a click, the wheel, Enter."""
    growth = grow_to_edge(Pyramid(case.pixels), deepest(case.about), case.faulty)
    tried = {n: dice(paint(case.faulty, growth.area(n), case.tissue).applied(case.faulty), case) for n in range(-8, 9)}
    best = max(tried, key=lambda n: (round(tried[n], 2), -abs(n)))
    return Effort(clicks=1, keys=3, notches=abs(best), steps=2, dice=tried[best])


def outlined(case: Case, at_least: float) -> Effort:
    """The bare layer's polygon: label, mode, the corners, and a double click at the end."""
    contours, _ = cv2.findContours(case.about.view(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    outline = max(contours, key=cv2.contourArea)
    best: Effort | None = None
    for coarse in (40, 30, 22, 16, 12, 9, 7, 5, 4, 3, 2, 1):
        corners = cv2.approxPolyDP(outline, coarse, True)[:, 0, ::-1]
        if len(corners) < 3:
            continue
        found = dice(fill_polygon(case.faulty, corners, case.tissue).applied(case.faulty), case)
        # Label up or down from the one chosen last: one key on average; the mode: one key.
        best = Effort(clicks=len(corners) + 1, keys=2, notches=0, steps=2, dice=found)
        if found >= at_least:
            break
    assert best is not None
    return best


def swapped(case: Case) -> Effort:
    """Class key, point, W."""
    after = swap_class(case.faulty, deepest(case.about), case.tissue).applied(case.faulty)
    return Effort(clicks=1, keys=2, notches=0, steps=1, dice=dice(after, case))


def filled(case: Case, at_least: float) -> Effort:
    """The bare layer's bucket: label, mode, a click. It fills what is connected, as swapping does."""
    after = swap_class(case.faulty, deepest(case.about), case.tissue).applied(case.faulty)
    return Effort(clicks=1, keys=2, notches=0, steps=1, dice=dice(after, case))


def brushed(case: Case) -> Effort:
    """U, the surface chosen by a click, the brush made as wide as the strip, and one stroke along it."""
    rows, columns = np.nonzero(case.about)
    (x, y), (wide, tall), angle = cv2.minAreaRect(np.column_stack([columns, rows]).astype(np.float32))
    length, width = (wide, tall) if wide >= tall else (tall, wide)
    turned = np.deg2rad(angle if wide >= tall else angle + 90)
    half = np.array([np.cos(turned), np.sin(turned)]) * max(length - width, 0) / 2
    best = Effort(0, 0, 0, 0, 0.0)
    for presses in range(6):  # of the key that makes the brush larger, from the 25 pixels it starts with
        brush = round(25 * 1.25**presses)
        after = case.faulty.copy()
        ends = [tuple(int(v) for v in np.round(np.array([x, y]) + side * half)) for side in (-1, 1)]
        cv2.line(after, ends[0], ends[1], int(case.tissue), brush)
        after[case.truth == 0] = 0  # what is painted beside the body belongs to no surface
        found = dice(after, case)
        if found > best.dice:
            best = Effort(clicks=2, keys=1 + presses, notches=0, steps=2, dice=found)
    return best


def parts(area: Mask, most_share: float = 0.2) -> Iterator[Mask]:
    """Connected parts of a size that a person would mend one by one, the largest first."""
    _, numbers, statistics, _ = cv2.connectedComponentsWithStats(area.view(np.uint8))
    for number in np.argsort(-statistics[:, cv2.CC_STAT_AREA]):
        size = statistics[number, cv2.CC_STAT_AREA]
        if number and FEWEST_PIXELS <= size <= most_share * area.size:
            yield np.asarray(numbers == number)


def missed_island(pixels: Labels, truth: Labels) -> Iterator[Case]:
    """A lesion that is called intact."""
    for part in parts(truth == Tissue.DETACHED):
        yield Case(pixels, truth, np.where(part, np.uint8(Tissue.INTACT), truth), part, Tissue.DETACHED)


def spilled_border(pixels: Labels, truth: Labels) -> Iterator[Case]:
    """A lesion whose lower half is drawn too far out over intact skin."""
    for part in parts(truth == Tissue.DETACHED):
        row, _ = deepest(part)
        wide = cv2.dilate(part.view(np.uint8), cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (41, 41))) > 0
        spill = wide & (truth == Tissue.INTACT)
        spill[:row] = False
        largest = next(parts(spill), None)
        if largest is not None:
            yield Case(pixels, truth, np.where(largest, np.uint8(Tissue.DETACHED), truth), largest, Tissue.INTACT)


def wrong_class(pixels: Labels, truth: Labels) -> Iterator[Case]:
    """A detached lesion that is called re-epithelialised."""
    for part in parts(truth == Tissue.DETACHED):
        yield Case(pixels, truth, np.where(part, np.uint8(Tissue.REEPITHELIALISED), truth), part, Tissue.DETACHED)


def dressing(pixels: Labels, truth: Labels) -> Iterator[Case]:
    """A dressing, cream or glare that is called intact skin."""
    for part in parts(truth == Tissue.NOT_ASSESSABLE):
        yield Case(pixels, truth, np.where(part, np.uint8(Tissue.INTACT), truth), part, Tissue.NOT_ASSESSABLE)


def wrong_split(truth: Labels, view_name: str) -> Iterator[Case]:
    """A surface split that lies a tenth of the limb too low; the labels here are surface numbers."""
    protocol, chart = load_protocol(SAMPLE / "study.toml")
    view = protocol.views[view_name]
    if len(view.surfaces) < 2:
        return
    right = surface_map(truth, view, chart)
    first = int(right[right > 0].min())
    shift = truth.shape[0] // 20
    moved = np.roll(right == first, shift, axis=0) & (right > 0)
    wrong = np.where(moved, np.uint8(first), right)
    strip = next(parts(wrong != right), None)
    if strip is not None:
        number = int(np.bincount(right[strip]).argmax())
        yield Case(np.zeros((*truth.shape, 3), np.uint8), right, wrong, strip, number)


def photographs() -> Iterator[tuple[str, Labels, Labels]]:
    """View, pixels and true labels of the sample study, at the photograph's size."""
    for path in sorted((SAMPLE / "photos").rglob("*.jpg")):
        mask = cv2.imread(str(SAMPLE / "truth" / "masks" / path.relative_to(SAMPLE / "photos").with_suffix(".png")), -1)
        pixels = np.ascontiguousarray(cv2.imread(str(path))[..., ::-1])
        yield path.stem, pixels, cv2.resize(mask, pixels.shape[1::-1], interpolation=cv2.INTER_NEAREST_EXACT)


def cases(fault: str, most: int) -> list[Case]:
    """A few cases of every photograph, until there are enough."""
    found: list[Case] = []
    for view, pixels, truth in photographs():
        makers: dict[str, Callable[[], Iterator[Case]]] = {
            "missed island": lambda p=pixels, t=truth: missed_island(p, t),  # type: ignore[misc]
            "spilled border": lambda p=pixels, t=truth: spilled_border(p, t),  # type: ignore[misc]
            "wrong class": lambda p=pixels, t=truth: wrong_class(p, t),  # type: ignore[misc]
            "dressing taken for skin": lambda p=pixels, t=truth: dressing(p, t),  # type: ignore[misc]
            "wrong surface split": lambda t=truth, v=view: wrong_split(t, v),  # type: ignore[misc]
        }
        found += islice(makers[fault](), _PER_PHOTO)
        if len(found) >= most:
            break
    return found[:most]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=8)
    most = parser.parse_args().cases
    tools: dict[str, tuple[Callable[[Case], Effort], Callable[[Case, float], Effort]]] = {
        "missed island": (grown, outlined),
        "spilled border": (grown, outlined),
        "wrong class": (swapped, filled),
        "dressing taken for skin": (grown, outlined),
        "wrong surface split": (brushed, outlined),
    }
    print("| fault | cases | with | clicks | keys | notches | seconds (model) | Dice |")
    print("|---|---|---|---|---|---|---|---|")
    for fault, (ours, bare) in tools.items():
        done = [(mine := ours(case), bare(case, mine.dice)) for case in cases(fault, most)]
        for name, column in (("the plugin", 0), ("bare Labels", 1)):
            efforts = [pair[column] for pair in done]
            figures = [f"{median(getattr(e, what) for e in efforts):g}" for what in ("clicks", "keys", "notches")]
            seconds, agreement = median(e.seconds for e in efforts), median(e.dice for e in efforts)
            print(f"| {fault} | {len(done)} | {name} | {' | '.join(figures)} | {seconds:.1f} | {agreement:.2f} |")


if __name__ == "__main__":
    main()
