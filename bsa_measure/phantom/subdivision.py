"""Quad meshes made smooth: one step of Catmull-Clark subdivision, as plain index arithmetic.

Every quad becomes four. Old vertices keep their numbers, so a vertex known on the coarse mesh is found on the
fine one, and child ``k`` of quad ``q`` is quad ``4 q + k`` and touches corner ``k`` of its parent, so labels of
quads are carried over by :func:`numpy.repeat`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Split:
    """How one mesh is refined; made once for a mesh, applied to any field on its vertices.

    Attributes:
        vertex_count: vertices of the coarse mesh.
        quads: (Q, 4) coarse quads.
        edges: (E, 2) coarse edges, each once.
        quad_edges: (Q, 4) edge ``k`` of a quad runs from its corner ``k`` to the next.
        edge_quads: (E, 2) the quads on both sides; the same one twice on a border.
        finer: (4 Q, 4) quads of the fine mesh, whose vertices are the old ones, then one an edge, then one a quad.
    """

    vertex_count: int
    quads: Ints
    edges: Ints
    quad_edges: Ints
    edge_quads: Ints
    finer: Ints

    def apply(self, field: Floats) -> Floats:
        """Values (V, n) on the coarse vertices to values (V + E + Q, n) on the fine ones.

        Catmull E, Clark J. Recursively generated B-spline surfaces on arbitrary topological meshes.
        Computer-Aided Design 1978;10:350-355. A vertex on a border (the lids) moves along the border only.
        """
        inner = self.edge_quads[:, 0] != self.edge_quads[:, 1]
        of_quads = field[self.quads].mean(axis=1)
        middles = field[self.edges].mean(axis=1)
        of_edges = np.where(inner[:, None], (middles + of_quads[self.edge_quads].mean(axis=1)) / 2, middles)

        valence = np.bincount(self.edges.ravel(), minlength=self.vertex_count).astype(np.float64)[:, None]
        quads_around = np.bincount(self.quads.ravel(), minlength=self.vertex_count).astype(np.float64)[:, None]
        mean_quad = self._gather(self.quads, of_quads) / np.maximum(quads_around, 1)
        mean_middle = self._gather(self.edges, middles) / np.maximum(valence, 1)
        of_vertices = (mean_quad + 2 * mean_middle + (valence - 3) * field) / np.maximum(valence, 1)

        border = self.edges[~inner]
        on_border = np.bincount(border.ravel(), minlength=self.vertex_count).astype(np.float64)[:, None]
        along = (field + self._gather(border, middles[~inner]) / np.maximum(on_border, 1)) / 2
        of_vertices = np.where(on_border > 0, along, of_vertices)
        return np.concatenate([np.where(valence > 0, of_vertices, field), of_edges, of_quads])

    def _gather(self, corners: Ints, values: Floats) -> Floats:
        """Sum at every vertex of the values of the edges or quads that touch it."""
        targets = corners.ravel()
        sums = [
            np.bincount(targets, weights=np.repeat(values[:, column], corners.shape[1]), minlength=self.vertex_count)
            for column in range(values.shape[1])
        ]
        return np.stack(sums, axis=1)


def split(quads: NDArray[np.integer], vertex_count: int) -> Split:
    """Plan the refinement of a mesh of (Q, 4) quads whose edges have at most two sides."""
    corners = quads.astype(np.int64)
    pairs = np.stack([corners, np.roll(corners, -1, axis=1)], axis=2)
    edges, number = np.unique(np.sort(pairs.reshape(-1, 2), axis=1), axis=0, return_inverse=True)
    quad_edges = number.reshape(-1, 4)

    owners = np.repeat(np.arange(len(corners)), 4)
    order = np.argsort(quad_edges.ravel(), kind="stable")
    first = np.searchsorted(quad_edges.ravel()[order], np.arange(len(edges)))
    last = np.searchsorted(quad_edges.ravel()[order], np.arange(len(edges)), side="right") - 1
    edge_quads = np.stack([owners[order][first], owners[order][last]], axis=1)

    at_edge = vertex_count + quad_edges
    at_quad = np.broadcast_to((vertex_count + len(edges) + np.arange(len(corners)))[:, None], corners.shape)
    finer = np.stack([corners, at_edge, at_quad, np.roll(at_edge, 1, axis=1)], axis=2).reshape(-1, 4)
    return Split(vertex_count, corners, edges, quad_edges, edge_quads, finer)


def triangles(quads: NDArray[np.integer]) -> NDArray[np.int32]:
    """Each quad (Q, 4) as two triangles (2 Q, 3), wound the same way; quad ``q`` gives ``2 q`` and ``2 q + 1``."""
    return quads[:, [0, 1, 2, 0, 2, 3]].reshape(-1, 3).astype(np.int32)
