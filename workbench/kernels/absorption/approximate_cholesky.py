"""Randomized approximate Cholesky factors of a graph Laplacian, as a preconditioner.

Vertices are eliminated roughly by their current degree, those with one or two edges first.
Eliminating one would join all of its neighbours to each other; of that clique a few edges are
sampled for each neighbour, with weights that keep its expectation.  Cliques no larger than the
sample are kept whole, so that trees, chains and other thin graphs are factored exactly.

References
----------
Kyng and Sachdeva (2016); Gao, Kyng and Spielman (2023), "Robust and practical solution of
Laplacian equations by approximate elimination", algorithm AC.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from workbench.kernels.absorption.cells import Cells
from workbench.kernels.absorption.factors import Int32
from workbench.kernels.parallel.compiled import Int64, compiled, lean, longer, unsigned
from workbench.protocols import Numpy


@dataclass(frozen=True, eq=False)
class ApproximateCholesky:
    r"""Unit lower factor with columns in the order of elimination, and its pivots.

    Attributes
    ----------
    order
        The vertices in the order of elimination, shape ``(m,)``.
    starts
        Where the column of each eliminated vertex begins, shape ``(m + 1,)``.
    index
        Positions in ``order`` of the neighbours that remained when it was eliminated.
    share
        The share of its weight that each of them has; shares of a column sum to 1.
    pivot
        The weight at elimination, shape ``(m,)``; zero for the last vertex of a component.
    """

    order: Int32
    starts: Int64
    index: Int32
    share: Numpy
    pivot: Numpy

    def solve(self, right: Numpy) -> Numpy:
        """Apply the inverse to ``right (m, K)``; the last vertex of a component gets zero."""
        found = np.empty_like(right)
        run = _solve_one if right.shape[1] == 1 else _solve_many
        factors = (unsigned(self.starts), unsigned(self.index), self.share, self.pivot)
        run(unsigned(self.order), *factors, *lean(right, np.empty_like(right), found))
        return found


def factor_laplacian(graph: Cells, samples: int = 2, seed: int = 0) -> ApproximateCholesky:
    """Factor the Laplacian of a graph.

    Parameters
    ----------
    graph
        The neighbours of each of ``m`` vertices, both ways, with positive weights.
    samples
        How many edges each neighbour of an eliminated vertex gets; more cost more, and bring the
        factors nearer to the exact ones.
    seed
        Of the sampling.
    """
    return ApproximateCholesky(
        *_eliminate(unsigned(graph.starts), unsigned(graph.index), graph.value, samples, seed)
    )


@compiled
def _eliminate(  # noqa: C901  (one loop over the vertices)
    starts: Any, index: Any, value: Any, samples: int, seed: int
) -> Any:
    m = len(starts) - 1
    chance = np.array([seed], dtype=np.uint64)
    edges = len(index)
    other = np.empty(2 * edges + 1024, dtype=np.int32)
    weight = np.empty(2 * edges + 1024)
    following = np.empty(2 * edges + 1024, dtype=np.int32)
    head = np.full(m, -1, dtype=np.int32)
    degree = np.zeros(m, dtype=np.int32)
    for v in range(m):
        for edge in range(starts[v], starts[v + 1]):
            other[edge], weight[edge], following[edge] = index[edge], value[edge], head[v]
            head[v] = edge
        degree[v] = starts[v + 1] - starts[v]

    queue = np.full(m + 1, -1, dtype=np.int32)  # the first vertex believed to have that degree
    after = np.empty(m, dtype=np.int32)
    for v in range(m - 1, -1, -1):
        level = min(degree[v], m)
        after[v], queue[level] = queue[level], v

    thin = np.empty(m, dtype=np.int32)  # a stack of those whose degree has fallen to 2 or less
    waiting = np.zeros(m, dtype=np.bool_)
    thinned = 0

    begins = np.zeros(m + 1, dtype=np.int64)
    column = np.empty(edges + 1024, dtype=np.int32)
    share = np.empty(edges + 1024)
    pivot = np.zeros(m)
    order = np.empty(m, dtype=np.int32)
    position = np.full(m, -1, dtype=np.int32)
    place = np.full(m, -1, dtype=np.int32)
    near = np.empty(m, dtype=np.int32)
    weight_of = np.empty(m)
    cumulated = np.empty(m)
    lowest, used = 0, 0
    for step in range(m):
        v, thinned = _next_thin(thin, thinned, waiting, position, degree)
        if v < 0:
            v, lowest = _next_queued(queue, after, lowest, position, degree)
        order[step], position[v] = v, step

        d = _gather(head[v], other, weight, following, position, degree, place, near, weight_of)
        _sort_by_weight(near, weight_of, d)
        total = 0.0
        for i in range(d):
            total += weight_of[i]
            cumulated[i] = total
            place[near[i]] = -1
        pivot[step] = total
        if used + d > len(column):
            column, share = longer(column, used + d), longer(share, used + d)
        for i in range(d):
            column[used], share[used] = near[i], weight_of[i] / total
            used += 1
        begins[step + 1] = used

        capacity = edges + 2 * d * samples
        if capacity > len(other):
            other, weight = longer(other, capacity), longer(weight, capacity)
            following = longer(following, capacity)
        for i in range(d - 1):
            later = d - 1 - i
            rest = total - cumulated[i]
            for draw in range(min(samples, later)):
                if later <= samples:
                    j = i + 1 + draw
                    amount = weight_of[i] * weight_of[j] / total
                else:
                    target = cumulated[i] + _uniform(chance) * rest
                    j = _drawn(cumulated, i, d, target)
                    amount = weight_of[i] * rest / (total * samples)
                _point(near[i], near[j], amount, edges, other, weight, following, head, degree)
                _point(near[j], near[i], amount, edges + 1, other, weight, following, head, degree)
                edges += 2
        for i in range(d):
            u = near[i]
            if degree[u] <= 2 and not waiting[u]:
                waiting[u], thin[thinned] = True, u
                thinned += 1

    for entry in range(used):
        column[entry] = position[column[entry]]
    return order, begins, column[:used], share[:used], pivot


@compiled
def _next_thin(thin: Any, thinned: int, waiting: Any, position: Any, degree: Any) -> Any:
    """Take from the stack a vertex still of degree 2 or less, or -1; return what remains."""
    while thinned > 0:
        thinned -= 1
        v = thin[thinned]
        if position[v] < 0 and degree[v] <= 2:
            return v, thinned
        waiting[v] = False
    return -1, thinned


@compiled
def _next_queued(queue: Any, after: Any, lowest: int, position: Any, degree: Any) -> Any:
    """Take the first vertex of the lowest degree; one whose degree has grown is queued again."""
    while True:
        while queue[lowest] < 0:
            lowest += 1
        v = queue[lowest]
        queue[lowest] = after[v]
        level = min(degree[v], len(after))
        if position[v] >= 0:
            continue
        if level <= lowest:
            return v, lowest
        after[v], queue[level] = queue[level], v


@compiled
def _gather(
    edge: int,
    other: Any,
    weight: Any,
    following: Any,
    position: Any,
    degree: Any,
    place: Any,
    near: Any,
    weight_of: Any,
) -> int:
    """List the neighbours that are left of a vertex, its edges to each added up; count them."""
    d = 0
    while edge >= 0:
        u = other[edge]
        if position[u] < 0:
            if place[u] < 0:
                place[u], near[d], weight_of[d] = d, u, weight[edge]
                d += 1
            else:
                weight_of[place[u]] += weight[edge]
            degree[u] -= 1
        edge = following[edge]
    return d


@compiled
def _point(
    a: int,
    b: int,
    amount: float,
    edge: int,
    other: Any,
    weight: Any,
    following: Any,
    head: Any,
    degree: Any,
) -> None:
    """Add the edge from ``a`` to ``b``, one way."""
    other[edge], weight[edge], following[edge] = b, amount, head[a]
    head[a] = edge
    degree[a] += 1


@compiled
def _uniform(state: Any) -> float:
    """Draw from [0, 1); cheaper than numba's generator, and its state is that of one call.

    References
    ----------
    Steele, Lea and Flood (2014), "Fast splittable pseudorandom number generators": SplitMix64.
    """
    state[0] += np.uint64(0x9E3779B97F4A7C15)
    mixed = state[0]
    mixed = (mixed ^ mixed >> np.uint64(30)) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ mixed >> np.uint64(27)) * np.uint64(0x94D049BB133111EB)
    mixed ^= mixed >> np.uint64(31)
    return np.float64(mixed >> np.uint64(11)) * 2.0**-53


@compiled
def _drawn(cumulated: Any, low: int, d: int, target: float) -> int:
    """Find the first of the neighbours after ``low`` whose cumulated weight reaches the target."""
    high = d - 1
    while high - low > 1:
        middle = (low + high) // 2
        if cumulated[middle] < target:
            low = middle
        else:
            high = middle
    return high


@compiled
def _sort_by_weight(near: Any, weight_of: Any, d: int) -> None:
    """Sort neighbours by weight, the lightest first: insertion while they are few."""
    if d > 48:
        order = np.argsort(weight_of[:d])
        near[:d], weight_of[:d] = near[:d][order], weight_of[:d][order]
        return
    for i in range(1, d):
        u, w, j = near[i], weight_of[i], i
        while j > 0 and weight_of[j - 1] > w:
            near[j], weight_of[j] = near[j - 1], weight_of[j - 1]
            j -= 1
        near[j], weight_of[j] = u, w


@compiled
def _solve_one(
    order: Any, starts: Any, index: Any, share: Any, pivot: Any, right: Any, x: Any, found: Any
) -> None:
    for i in range(len(order)):
        x[i] = right[order[i]]
    for i in range(len(order)):
        value = x[i]
        for entry in range(starts[i], starts[i + 1]):
            x[index[entry]] += share[entry] * value
        x[i] = value / pivot[i] if pivot[i] > 0.0 else 0.0
    for i in range(len(order) - 1, -1, -1):
        total = x[i]
        for entry in range(starts[i], starts[i + 1]):
            total += share[entry] * x[index[entry]]
        x[i] = total
        found[order[i]] = total


@compiled
def _solve_many(
    order: Any, starts: Any, index: Any, share: Any, pivot: Any, right: Any, x: Any, found: Any
) -> None:
    width = x.shape[1]
    for i in range(len(order)):
        x[i] = right[order[i]]
    for i in range(len(order)):
        source = x[i]
        for entry in range(starts[i], starts[i + 1]):
            target, part = x[index[entry]], share[entry]
            for k in range(width):
                target[k] += part * source[k]
        scale = 1 / pivot[i] if pivot[i] > 0.0 else 0.0
        for k in range(width):
            source[k] *= scale
    for i in range(len(order) - 1, -1, -1):
        target = x[i]
        for entry in range(starts[i], starts[i + 1]):
            source, part = x[index[entry]], share[entry]
            for k in range(width):
                target[k] += part * source[k]
        found[order[i]] = target
