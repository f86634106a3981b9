"""Noise in space: the same place of the skin gets the same value in every view, pose and resolution.

Gradient noise (Perlin 2002) rather than value noise, whose grid shows, and Worley's cells (1996) for spots.
Points are (N, 3) float32 in metres, frequencies are per metre, results float32. No fast-math: the same on every run.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from typing import Any, TypeVar

import numba
import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float32]
Values = NDArray[np.float32]
T = TypeVar("T")

_MASK = 0xFFFFFFFF
_X, _Y, _Z, _S = 374761393, 668265263, 1440662683, 1274126177
_FEW = 20_000  # points below which a second thread costs more than it saves


@numba.njit(inline="always")  # type: ignore[untyped-decorator]
def _mixed(h: int) -> int:
    h = h & _MASK
    h = ((h ^ (h >> 15)) * 2246822519) & _MASK
    h = ((h ^ (h >> 13)) * 3266489917) & _MASK
    return h ^ (h >> 16)


@numba.njit(inline="always")  # type: ignore[untyped-decorator]
def _corner(lattice: int, x: float, y: float, z: float) -> float:
    # One of the twelve directions to the edges of a cube.
    h = _mixed(lattice) & 15
    u = x if h < 8 else y
    v = y if h < 4 else (x if h in (12, 14) else z)
    return (u if h & 1 == 0 else -u) + (v if h & 2 == 0 else -v)


@numba.njit(inline="always")  # type: ignore[untyped-decorator]
def _gradient_noise(x: float, y: float, z: float, seed: int) -> float:
    xi, yi, zi = math.floor(x), math.floor(y), math.floor(z)
    fx, fy, fz = x - xi, y - yi, z - zi
    x0, y0 = int(xi) * _X, int(yi) * _Y
    z0 = int(zi) * _Z + seed * _S
    x1, y1, z1 = x0 + _X, y0 + _Y, z0 + _Z
    u = fx * fx * fx * (fx * (fx * 6 - 15) + 10)
    v = fy * fy * fy * (fy * (fy * 6 - 15) + 10)
    w = fz * fz * fz * (fz * (fz * 6 - 15) + 10)
    a = _corner(x0 + y0 + z0, fx, fy, fz)
    b = _corner(x1 + y0 + z0, fx - 1, fy, fz)
    c = _corner(x0 + y1 + z0, fx, fy - 1, fz)
    d = _corner(x1 + y1 + z0, fx - 1, fy - 1, fz)
    near = (a + u * (b - a)) * (1 - v) + (c + u * (d - c)) * v
    a = _corner(x0 + y0 + z1, fx, fy, fz - 1)
    b = _corner(x1 + y0 + z1, fx - 1, fy, fz - 1)
    c = _corner(x0 + y1 + z1, fx, fy - 1, fz - 1)
    d = _corner(x1 + y1 + z1, fx - 1, fy - 1, fz - 1)
    far = (a + u * (b - a)) * (1 - v) + (c + u * (d - c)) * v
    return float(near + w * (far - near))


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _fbm(points: Any, frequency: float, octaves: int, seed: int, gain: float, ridged: bool) -> Any:
    out = np.empty(points.shape[0], np.float32)
    for n in range(points.shape[0]):
        amplitude, f, total, norm = 1.0, frequency, 0.0, 0.0
        for octave in range(octaves):
            # Each octave is shifted, so that their lattices do not meet in the origin.
            value = _gradient_noise(
                points[n, 0] * f + octave * 17.31, points[n, 1] * f + octave * 5.17, points[n, 2] * f + octave * 9.73,
                seed + octave * 101,
            )  # fmt: skip
            if ridged:
                value = 1.0 - 2.0 * abs(value)
            total += amplitude * value
            norm += amplitude
            amplitude *= gain
            f *= 2.03
        out[n] = total / norm
    return out


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _cells(points: Any, frequency: float, seed: int) -> Any:
    n = points.shape[0]
    nearest = np.empty(n, np.float32)
    gap = np.empty(n, np.float32)
    identity = np.empty(n, np.float32)
    for p in range(n):
        x, y, z = points[p, 0] * frequency, points[p, 1] * frequency, points[p, 2] * frequency
        xi, yi, zi = int(math.floor(x)), int(math.floor(y)), int(math.floor(z))
        first, second, who = 9.0, 9.0, 0
        for i in range(xi - 1, xi + 2):
            for j in range(yi - 1, yi + 2):
                for k in range(zi - 1, zi + 2):
                    h = _mixed(i * _X + j * _Y + k * _Z + seed * _S)
                    dx = i + (h & 1023) / 1023.0 - x
                    dy = j + ((h >> 10) & 1023) / 1023.0 - y
                    dz = k + ((h >> 20) & 1023) / 1023.0 - z
                    d = dx * dx + dy * dy + dz * dz
                    if d < first:
                        second = first
                        first = d
                        who = h
                    elif d < second:
                        second = d
        nearest[p] = math.sqrt(first)
        gap[p] = math.sqrt(second) - math.sqrt(first)
        identity[p] = (_mixed(who + _Y) & 0xFFFFFF) / 16777215.0
    return nearest, gap, identity


def fbm(
    points: Points, frequency: float, octaves: int, seed: int, *, gain: float = 0.5, ridged: bool = False
) -> Values:
    """Sum of octaves of gradient noise, (N,) in about -1 to 1, with mean near 0 (ridged: mean near 0.5).

    Args:
        points: (N, 3) float32, metres.
        frequency: of the coarsest octave, per metre.
        octaves: how many; each has about twice the frequency and ``gain`` times the amplitude.
        seed: another seed, another pattern.
        gain: how much of the fine detail.
        ridged: creases instead of hills.
    """
    run = partial(
        _fbm, frequency=float(frequency), octaves=int(octaves), seed=int(seed), gain=float(gain), ridged=bool(ridged)
    )
    return np.concatenate(in_two(run, points))


def cells(points: Points, frequency: float, seed: int) -> tuple[Values, Values, Values]:
    """Cells round scattered centres: distance to the nearest centre and how much nearer it is than the second,
    both in units of 1/frequency, and a random number 0 to 1 that tells the cells apart; each (N,)."""
    parts = in_two(partial(_cells, frequency=float(frequency), seed=int(seed)), points)
    nearest, gap, identity = (np.concatenate([part[k] for part in parts]) for k in range(3))
    return nearest, gap, identity


def in_two(run: Callable[[Any], T], points: NDArray[Any]) -> list[T]:
    """``run`` on the first and second half of many points at once. Each point is its own, so nothing else changes."""
    if len(points) < _FEW:
        return [run(points)]
    middle = len(points) // 2
    return list(_pool().map(run, (points[:middle], points[middle:])))


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(2, thread_name_prefix="phantom")


def crumpled(points: Points, frequency: float, seed: int) -> Values:
    """Facets and sharp creases of paper or starched linen, (N,) in about -0.5 to 0.5."""
    first, gap, _ = cells(warp(points, frequency, 2, seed, 0.25 / frequency), frequency, seed + 3)
    second, _, _ = cells(points, 2.7 * frequency, seed + 4)
    return np.asarray(0.75 * (first - 0.5) - 0.25 * smoothstep(0.12, 0.0, gap) + 0.22 * (second - 0.5), np.float32)


def warp(points: Points, frequency: float, octaves: int, seed: int, distance: float) -> Points:
    """The points moved by up to about ``distance`` metres, so that what is painted on them gets irregular borders."""
    moved = [points[:, axis] + distance * fbm(points, frequency, octaves, seed + 7 * axis + 1) for axis in range(3)]
    return np.ascontiguousarray(np.stack(moved, axis=1).astype(np.float32))


def smoothstep(low: float, high: float, x: Any) -> Any:
    """0 below ``low``, 1 above ``high``, smooth between; falling when low > high."""
    t = np.clip((x - low) / (high - low), 0.0, 1.0)
    return t * t * (3.0 - 2.0 * t)
