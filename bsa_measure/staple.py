"""The consensus of several readers' masks by STAPLE: how good each reader is, and what is there, found together.

A majority counts every reader alike. STAPLE (Warfield, Zou and Wells, IEEE Trans Med Imaging 2004;23:903, section III)
asks which truth and which readers explain the masks best. Reader j says class s' where the truth is s with probability
theta_j(s', s); what they say is independent given the truth. Expectation-maximisation goes back and forth:

    W_i(s)          ∝  f(s) Π_j theta_j(D_ij, s)                          the truth of pixel i, given the readers
    theta_j(s', s)  =  Σ W_i(s) over pixels with D_ij = s'  /  Σ_i W_i(s)    the readers, given the truth

where D_ij is what reader j says of pixel i, and f(s) is the share of class s in all masks together.

Pixels that all call background are left out, or the result would depend on how much sheet is in the frame: every reader
is perfect there. Pixels of which the readers say the same are one pixel with a count, which changes no number.

The independence is an assumption. Readers who share an error, as two who have corrected the same model, are taken for
two witnesses; with three readers two alike outvote a third just as in a majority.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from .runs import find_runs
from .tissue import Tissue

Labels = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float64]

FEWEST_READERS: Final = 3
"""Of two readers who differ, nothing in their masks tells who is right."""

_FIRST_DIAGONAL: Final = 0.99  # readers are taken for good at first, or good and bad could change places
_ENOUGH: Final = 1e-9  # change of any theta in a round, at which the search ends
_MOST_ROUNDS: Final = 1000
_SMALLEST: Final = 1e-300  # stands for a probability of zero in a logarithm


@dataclass(frozen=True)
class Staple:
    """What the readers' masks say together.

    Attributes:
        labels: (height, width) uint8 tissue classes: what all readers say, else the most probable class of those that
            a reader names there. Where none has a probability above one half the pixel is ``not_assessable``, or
            ``background`` where more than half of the readers see no skin, as in a majority.
        confusion: (readers, 5, 5) float64, theta_j(s', s): the row is what the reader says, the column the truth. A
            class that nobody names has a column of zeros.
        rounds: of the search.
    """

    labels: Labels
    confusion: Floats
    rounds: int


def staple(masks: Sequence[Labels]) -> Staple:
    """The consensus of three (height, width) uint8 class masks or more, of one size.

    Raises:
        ValueError: fewer masks, or of different sizes.
    """
    if len(masks) < FEWEST_READERS or len({mask.shape for mask in masks}) > 1:
        raise ValueError("a consensus needs three masks or more of the same size")
    runs = find_runs(masks)
    answers = [runs.of(mask) for mask in masks]
    # In an order of their own: where readers could be told apart by a rounding error only, it falls on the same one
    # whoever is named first.
    order = sorted(range(len(masks)), key=lambda reader: answers[reader].tobytes())
    said = np.stack([answers[reader] for reader in order], axis=1)
    patterns, pattern_of_run = np.unique(said, axis=0, return_inverse=True)
    counts = np.bincount(pattern_of_run.ravel(), runs.lengths, minlength=len(patterns)).astype(np.float64)
    skin = (patterns != int(Tissue.BACKGROUND)).any(axis=1)
    confusion, probable, rounds = _search(patterns[skin], counts[skin])
    chosen = np.zeros(len(patterns), np.uint8)
    chosen[skin] = _choose(patterns[skin], probable)
    labels = np.repeat(chosen[pattern_of_run.ravel()], runs.lengths).reshape(masks[0].shape)
    return Staple(labels, confusion[np.argsort(order)], rounds)


def _search(patterns: Labels, counts: Floats) -> tuple[Floats, Floats, int]:
    """Expectation-maximisation over patterns (P, readers) that occur ``counts`` (P,) times: theta (readers, 5, 5), the
    probability (P, 5) of each class, and how many rounds it took."""
    readers, classes = patterns.shape[1], len(Tissue)
    says = patterns[:, :, None] == np.arange(classes)  # (P, readers, 5)
    named = np.einsum("p,prs->s", counts, says)
    there = named > 0
    share = named / max(named.sum(), 1.0)
    off = (1 - _FIRST_DIAGONAL) / max(int(there.sum()) - 1, 1)
    theta = np.where(np.eye(classes, dtype=bool), _FIRST_DIAGONAL, off)
    theta = np.tile(np.where(there[:, None] & there[None, :], theta, 0.0), (readers, 1, 1))
    probable = np.zeros((len(patterns), classes))
    for rounds in range(1, _MOST_ROUNDS + 1):
        logs = np.log(np.maximum(theta, _SMALLEST))
        likely = np.where(there, np.log(np.maximum(share, _SMALLEST)), -np.inf)
        likely = likely + sum(logs[reader, patterns[:, reader], :] for reader in range(readers))
        probable = np.exp(likely - likely.max(axis=1, keepdims=True, initial=-np.inf))
        probable /= probable.sum(axis=1, keepdims=True)
        held = np.einsum("p,ps->s", counts, probable)
        before, theta = theta, np.einsum("p,prt,ps->rts", counts, says, probable) / np.maximum(held, _SMALLEST)
        if float(np.abs(theta - before).max(initial=0.0)) < _ENOUGH:
            return theta, probable, rounds
    return theta, probable, _MOST_ROUNDS


def _choose(patterns: Labels, probable: Floats) -> Labels:
    """(P,) the class of each pattern (P, readers), from the probability (P, 5) of each class."""
    says = patterns[:, :, None] == np.arange(len(Tissue))
    of_named = np.where(says.any(axis=1), probable, 0.0)
    best = of_named.argmax(axis=1)
    sure = of_named[np.arange(len(patterns)), best] > 0.5
    unseen = 2 * np.count_nonzero(patterns == int(Tissue.BACKGROUND), axis=1) > patterns.shape[1]
    otherwise = np.where(unseen, int(Tissue.BACKGROUND), int(Tissue.NOT_ASSESSABLE))
    alike = (patterns == patterns[:, :1]).all(axis=1)
    return np.where(alike, patterns[:, 0], np.where(sure, best, otherwise)).astype(np.uint8)
