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

_U = np.uint32
_X, _Y, _Z, _S = _U(374761393), _U(668265263), _U(1440662683), _U(1274126177)
_BLOCK = 512
_FEW = 20_000  # points below which a second thread costs more than it saves


@numba.njit(inline="always")  # type: ignore[untyped-decorator]
def _mixed(h: Any) -> Any:
    h = _U(_U(h ^ _U(h >> _U(15))) * _U(2246822519))
    h = _U(_U(h ^ _U(h >> _U(13))) * _U(3266489917))
    return _U(h ^ _U(h >> _U(16)))


@numba.njit(inline="always")  # type: ignore[untyped-decorator]
def _corner(lattice: Any, x: float, y: float, z: float) -> float:
    # One of the twelve directions to the edges of a cube.
    h = _U(_mixed(lattice) & _U(15))
    u = x if h < _U(8) else y
    v = y if h < _U(4) else (x if (h == _U(12)) | (h == _U(14)) else z)
    first = u if _U(h & _U(1)) == _U(0) else -u
    second = v if _U(h & _U(2)) == _U(0) else -v
    return first + second


# Both kernels work on blocks of points with the innermost loop over points, without branches and with 32-bit hashes,
# so that the compiler can do several points in one step; that is about eight times as fast as point by point.
@numba.njit(cache=True, nogil=True, error_model="numpy")  # type: ignore[untyped-decorator]
def _fbm(points: Any, frequency: float, octaves: int, seed: int, gain: float, ridged: bool) -> Any:
    count = points.shape[0]
    out = np.empty(count, np.float32)
    total, px, py, pz = np.empty(_BLOCK), np.empty(_BLOCK), np.empty(_BLOCK), np.empty(_BLOCK)
    for start in range(0, count, _BLOCK):
        size = min(_BLOCK, count - start)
        for n in range(size):
            total[n], px[n], py[n], pz[n] = 0.0, points[start + n, 0], points[start + n, 1], points[start + n, 2]
        amplitude, f, norm = 1.0, frequency, 0.0
        for octave in range(octaves):
            # Each octave is shifted, so that their lattices do not meet in the origin.
            ox, oy, oz = octave * 17.31, octave * 5.17, octave * 9.73
            salt = _U(_U(seed + octave * 101) * _S)
            for n in range(size):
                x, y, z = px[n] * f + ox, py[n] * f + oy, pz[n] * f + oz
                xi, yi, zi = np.floor(x), np.floor(y), np.floor(z)
                fx, fy, fz = x - xi, y - yi, z - zi
                x0, y0 = _U(_U(np.int32(xi)) * _X), _U(_U(np.int32(yi)) * _Y)
                z0 = _U(_U(_U(np.int32(zi)) * _Z) + salt)
                x1, y1, z1 = _U(x0 + _X), _U(y0 + _Y), _U(z0 + _Z)
                u = fx * fx * fx * (fx * (fx * 6 - 15) + 10)
                v = fy * fy * fy * (fy * (fy * 6 - 15) + 10)
                w = fz * fz * fz * (fz * (fz * 6 - 15) + 10)
                a = _corner(_U(_U(x0 + y0) + z0), fx, fy, fz)
                b = _corner(_U(_U(x1 + y0) + z0), fx - 1, fy, fz)
                c = _corner(_U(_U(x0 + y1) + z0), fx, fy - 1, fz)
                d = _corner(_U(_U(x1 + y1) + z0), fx - 1, fy - 1, fz)
                near = (a + u * (b - a)) * (1 - v) + (c + u * (d - c)) * v
                a = _corner(_U(_U(x0 + y0) + z1), fx, fy, fz - 1)
                b = _corner(_U(_U(x1 + y0) + z1), fx - 1, fy, fz - 1)
                c = _corner(_U(_U(x0 + y1) + z1), fx, fy - 1, fz - 1)
                d = _corner(_U(_U(x1 + y1) + z1), fx - 1, fy - 1, fz - 1)
                far = (a + u * (b - a)) * (1 - v) + (c + u * (d - c)) * v
                value = near + w * (far - near)
                total[n] += amplitude * (1.0 - 2.0 * abs(value) if ridged else value)
            norm += amplitude
            amplitude *= gain
            f *= 2.03
        for n in range(size):
            out[start + n] = total[n] / norm
    return out


@numba.njit(cache=True, nogil=True, error_model="numpy")  # type: ignore[untyped-decorator]
def _cells(points: Any, frequency: float, seed: int) -> Any:
    count = points.shape[0]
    nearest, gap, identity = np.empty(count, np.float32), np.empty(count, np.float32), np.empty(count, np.float32)
    px, py, pz = np.empty(_BLOCK), np.empty(_BLOCK), np.empty(_BLOCK)
    first, second, who = np.empty(_BLOCK), np.empty(_BLOCK), np.empty(_BLOCK, np.uint32)
    salt = _U(_U(seed) * _S)
    for start in range(0, count, _BLOCK):
        size = min(_BLOCK, count - start)
        for n in range(size):
            px[n], py[n] = points[start + n, 0] * frequency, points[start + n, 1] * frequency
            pz[n] = points[start + n, 2] * frequency
            first[n], second[n], who[n] = 9.0, 9.0, 0
        for i in range(-1, 2):
            for j in range(-1, 2):
                for k in range(-1, 2):
                    for n in range(size):
                        xi, yi, zi = np.floor(px[n]) + i, np.floor(py[n]) + j, np.floor(pz[n]) + k
                        lattice = _U(_U(_U(np.int32(xi)) * _X) + _U(_U(np.int32(yi)) * _Y))
                        h = _mixed(_U(_U(lattice + _U(_U(np.int32(zi)) * _Z)) + salt))
                        dx = xi + np.int32(h & _U(1023)) / 1023.0 - px[n]
                        dy = yi + np.int32(_U(h >> _U(10)) & _U(1023)) / 1023.0 - py[n]
                        dz = zi + np.int32(_U(h >> _U(20)) & _U(1023)) / 1023.0 - pz[n]
                        d = dx * dx + dy * dy + dz * dz
                        best = first[n]
                        second[n] = min(second[n], max(best, d))
                        who[n] = h if d < best else who[n]
                        first[n] = min(best, d)
        for n in range(size):
            nearest[start + n] = math.sqrt(first[n])
            gap[start + n] = math.sqrt(second[n]) - math.sqrt(first[n])
            identity[start + n] = (_mixed(_U(who[n] + _Y)) & _U(0xFFFFFF)) / 16777215.0
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
