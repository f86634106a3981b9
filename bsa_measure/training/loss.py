"""The loss for masks that cannot tell all classes apart (partial labels)."""

from __future__ import annotations

import torch
from torch import Tensor

_SMALLEST = 1e-6


def partial_label_loss(logits: Tensor, mask: Tensor, allowed: Tensor) -> Tensor:
    """Cross-entropy plus soft Dice on the probabilities summed over the classes that a mask value may stand for.

    With q_v = sum of p_k over the classes k that value v may stand for, the cross-entropy of a pixel with the
    value m is -log q_m, and Dice compares q_v with the pixels of value v. A mask that tells all classes apart
    makes both the ordinary ones; a wound mask asks nothing about what its "anything else" is.

    Args:
        logits: (n, classes, h, w).
        mask: (n, h, w) int64 values; -1 is ignored (outside the photograph).
        allowed: (n, values, classes) bool or float; rows of False beyond the values a mask has. It may stay in the
            processor's memory while the others are a GPU's.

    Returns:
        A scalar: the mean cross-entropy plus the mean of 1 - Dice.
    """
    probabilities = logits.softmax(1)
    merged = torch.einsum("nvk,nkhw->nvhw", allowed.to(probabilities), probabilities)
    inside = mask >= 0
    value = mask.clamp(min=0)
    chosen = merged.gather(1, value[:, None])[:, 0].clamp(min=_SMALLEST)
    entropy = -(chosen.log() * inside).sum() / inside.sum().clamp(min=1)
    target = torch.zeros_like(merged).scatter_(1, value[:, None], 1.0) * inside[:, None]
    merged = merged * inside[:, None]
    return entropy + _dice_loss(merged, target, allowed)


def _dice_loss(merged: Tensor, target: Tensor, allowed: Tensor) -> Tensor:
    """1 - Dice of each set of classes that some value of the batch stands for, over all crops that know the set.

    Pooled over the batch, so that a crop without a lesion does not ask for Dice of an empty set alone. A value
    that may be almost anything (all classes but one) adds nothing to its counterpart and is left out.
    """
    # For each set of classes (crops, values): where it is what a value of a crop stands for.
    kinds: dict[tuple[int, ...], Tensor] = {}
    classes = allowed.shape[2]
    for crop, rows in enumerate(allowed.tolist()):
        for value, row in enumerate(rows):
            names = tuple(k for k, may in enumerate(row) if may)
            if 0 < len(names) < classes - 1:
                kinds.setdefault(names, torch.zeros(allowed.shape[:2]))[crop, value] = 1
    if not kinds:
        return merged.sum() * 0.0
    # (crops, values) each: what overlaps, is marked, is there. No step asks a GPU for a number, which it would have to
    # finish everything else for.
    sums = torch.stack([(merged * target).sum((2, 3)), merged.sum((2, 3)), target.sum((2, 3))])
    both, marked, there = torch.einsum("kcv,scv->sk", torch.stack([*kinds.values()]).to(merged), sums)
    losses = 1 - (2 * both + 1) / (marked + there + 1)
    # Without a pixel of it in the whole batch there is nothing to overlap with; the cross-entropy suffices.
    counted = (there > 0).to(losses.dtype)
    return (losses * counted).sum() / counted.sum().clamp(min=1)
