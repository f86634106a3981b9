"""Cameras and the exact geometry of a picture: which face each pixel shows, where on it, how far away.

Camera axes: right, down, forward. A pixel's centre lies at (column + 0.5, row + 0.5).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Image = NDArray[np.float32]

# A face seen edge-on stands for much skin; below this cosine it is no longer seen. 0.1 would lose 1.2 % of the area.
_SMALLEST_COSINE = 0.02


@dataclass(frozen=True)
class Camera:
    """A pinhole camera.

    Attributes:
        eye: (3,) place of the pinhole, metres.
        axes: (3, 3) rows right, down, forward, of unit length.
        focal: focal length in pixels.
        width, height: of the picture in pixels.
        center: column and row of the optical axis.
    """

    eye: Floats
    axes: Floats
    focal: float
    width: int
    height: int
    center: tuple[float, float]

    def project(self, points: Floats) -> Floats:
        """Column, row and depth (N, 3) of points (N, 3)."""
        seen = (points - self.eye) @ self.axes.T
        depth = np.where(np.abs(seen[:, 2]) < 1e-6, 1e-6, seen[:, 2])
        return np.stack(
            [
                self.focal * seen[:, 0] / depth + self.center[0],
                self.focal * seen[:, 1] / depth + self.center[1],
                seen[:, 2],
            ],
            axis=1,
        )

    def rays(self) -> Image:
        """(height, width, 3) float32: from the eye through each pixel's centre to depth 1, in the world's axes."""
        columns = (np.arange(self.width) + 0.5 - self.center[0]) / self.focal
        rows = (np.arange(self.height) + 0.5 - self.center[1]) / self.focal
        local = np.stack([*np.meshgrid(columns, rows), np.ones((self.height, self.width))], axis=2)
        return np.asarray(local @ self.axes, dtype=np.float32)


@dataclass(frozen=True)
class Buffers:
    """What each pixel (height, width) shows.

    Attributes:
        face: int32, number of the face; -1 where there is none.
        weights: (height, width, 2) float32, shares of the face's first and second corner; the third has the rest.
        depth: float32, metres along the camera's axis; 0 where there is no face.
    """

    face: NDArray[np.int32]
    weights: Image
    depth: Image


def look_at(eye: Floats, target: Floats, up: Floats, roll_degrees: float = 0.0) -> Floats:
    """Axes (3, 3) of a camera at ``eye`` that looks at ``target`` with ``up`` at the top of the picture."""
    forward = (target - eye) / np.linalg.norm(target - eye)
    right = np.cross(forward, up)
    right /= np.linalg.norm(right)
    down = np.cross(forward, right)
    angle = np.radians(roll_degrees)
    turned = np.cos(angle) * right + np.sin(angle) * down
    return np.stack([turned, np.cross(forward, turned), forward])


def rasterize(vertices: Floats, faces: NDArray[np.int32], camera: Camera, near: float = 0.05) -> Buffers:
    """Draw triangles (F, 3) of vertices (V, 3); of several at one pixel the nearest is kept."""
    inverse = np.zeros((camera.height, camera.width))
    face = np.full((camera.height, camera.width), -1, np.int32)
    weights = np.zeros((camera.height, camera.width, 2), np.float32)
    _fill(camera.project(vertices), faces, inverse, face, weights, near)
    depth = np.divide(1.0, inverse, out=np.zeros_like(inverse), where=inverse > 0)
    return Buffers(face, weights, depth.astype(np.float32))


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _fill(points: Any, faces: Any, inverse: Any, face: Any, weights: Any, near: float) -> None:
    height, width = inverse.shape
    for f in range(faces.shape[0]):
        a, b, c = faces[f, 0], faces[f, 1], faces[f, 2]
        z0, z1, z2 = points[a, 2], points[b, 2], points[c, 2]
        if z0 < near or z1 < near or z2 < near:
            continue
        x0, y0, x1, y1, x2, y2 = points[a, 0], points[a, 1], points[b, 0], points[b, 1], points[c, 0], points[c, 1]
        double = (x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0)
        if abs(double) < 1e-12:
            continue
        left, right = max(0, int(np.ceil(min(x0, x1, x2) - 0.5))), min(width - 1, int(np.floor(max(x0, x1, x2) - 0.5)))
        top, bottom = max(0, int(np.ceil(min(y0, y1, y2) - 0.5))), min(height - 1, int(np.floor(max(y0, y1, y2) - 0.5)))
        for row in range(top, bottom + 1):
            y = row + 0.5
            for column in range(left, right + 1):
                x = column + 0.5
                w0 = ((x1 - x) * (y2 - y) - (x2 - x) * (y1 - y)) / double
                w1 = ((x2 - x) * (y0 - y) - (x0 - x) * (y2 - y)) / double
                w2 = 1.0 - w0 - w1
                if w0 < -1e-9 or w1 < -1e-9 or w2 < -1e-9:
                    continue
                here = w0 / z0 + w1 / z1 + w2 / z2
                if here > inverse[row, column]:
                    inverse[row, column] = here
                    face[row, column] = f
                    weights[row, column, 0] = w0 / z0 / here
                    weights[row, column, 1] = w1 / z1 / here


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _depth_only(points: Any, faces: Any, depth: Any) -> None:
    """Parallel projection: smallest third coordinate at each pixel."""
    height, width = depth.shape
    for f in range(faces.shape[0]):
        a, b, c = faces[f, 0], faces[f, 1], faces[f, 2]
        x0, y0, x1, y1, x2, y2 = points[a, 0], points[a, 1], points[b, 0], points[b, 1], points[c, 0], points[c, 1]
        double = (x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0)
        if abs(double) < 1e-12:
            continue
        left, right = max(0, int(np.ceil(min(x0, x1, x2) - 0.5))), min(width - 1, int(np.floor(max(x0, x1, x2) - 0.5)))
        top, bottom = max(0, int(np.ceil(min(y0, y1, y2) - 0.5))), min(height - 1, int(np.floor(max(y0, y1, y2) - 0.5)))
        for row in range(top, bottom + 1):
            y = row + 0.5
            for column in range(left, right + 1):
                x = column + 0.5
                w0 = ((x1 - x) * (y2 - y) - (x2 - x) * (y1 - y)) / double
                w1 = ((x2 - x) * (y0 - y) - (x0 - x) * (y2 - y)) / double
                w2 = 1.0 - w0 - w1
                if w0 < 0 or w1 < 0 or w2 < 0:
                    continue
                z = w0 * points[a, 2] + w1 * points[b, 2] + w2 * points[c, 2]
                if z < depth[row, column]:
                    depth[row, column] = z


@dataclass(frozen=True)
class ShadowMap:
    """How far light of one direction gets: smallest depth over a square of ``size`` pixels.

    Attributes:
        axes: (3, 3) rows: two across, one along the light's way.
        origin: (2,) lower corner across, metres.
        scale: pixels a metre.
        depth: (size, size) float64, metres along the light's way; infinite where nothing stands.
    """

    axes: Floats
    origin: Floats
    scale: float
    depth: Floats

    def lit(self, points: NDArray[np.floating[Any]], margin: float) -> NDArray[np.bool_]:
        """(N,) whether nothing stands between the light and each point (N, 3), more than ``margin`` before it."""
        lit = np.empty(len(points), np.bool_)
        _lit(points, self.axes, self.origin, self.scale, self.depth, margin, lit)
        return lit


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _lit(points: Any, axes: Any, origin: Any, scale: float, depth: Any, margin: float, lit: Any) -> None:
    size = depth.shape[0]
    for n in range(points.shape[0]):
        x, y, z = points[n, 0], points[n, 1], points[n, 2]
        column = int((axes[0, 0] * x + axes[0, 1] * y + axes[0, 2] * z - origin[0]) * scale)
        row = int((axes[1, 0] * x + axes[1, 1] * y + axes[1, 2] * z - origin[1]) * scale)
        if column < 0 or column >= size or row < 0 or row >= size:
            lit[n] = True
        else:
            lit[n] = axes[2, 0] * x + axes[2, 1] * y + axes[2, 2] * z <= depth[row, column] + margin


def shadow_map(vertices: Floats, faces: NDArray[np.int32], towards_light: Floats, size: int) -> ShadowMap:
    """Shadow map of triangles for parallel light that comes from ``towards_light`` (3,)."""
    along = -np.asarray(towards_light, float) / np.linalg.norm(towards_light)
    helper = np.array([0.0, 0.0, 1.0]) if abs(along[2]) < 0.9 else np.array([1.0, 0.0, 0.0])
    first = np.cross(along, helper)
    first /= np.linalg.norm(first)
    axes = np.stack([first, np.cross(along, first), along])
    across = vertices @ axes.T
    low, high = across[:, :2].min(axis=0), across[:, :2].max(axis=0)
    scale = (size - 2) / float((high - low).max())
    origin = low - 1.0 / scale
    depth = np.full((size, size), np.inf)
    points = np.column_stack([(across[:, :2] - origin) * scale, across[:, 2]])
    _depth_only(points, faces, depth)
    return ShadowMap(axes, origin, scale, depth)


def pixel_areas(camera: Camera, buffers: Buffers, normals: Image) -> Image:
    """Skin area (height, width) in m² that each pixel shows: (z/f)² / |n·r|, 0 without a face.

    Args:
        normals: (height, width, 3) unit normals of the faces (not smoothed).
    """
    cosine = np.abs(np.einsum("hwk,hwk->hw", normals, camera.rays()))
    area = (buffers.depth / camera.focal) ** 2 / np.maximum(cosine, _SMALLEST_COSINE)
    return np.where(buffers.face >= 0, area, 0.0).astype(np.float32)
