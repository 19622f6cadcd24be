r"""Connected diagrams: a route to log p_eps(x) at any order that never takes the logarithm of a series.

log E exp(sum_n h^n P_n) is the sum over connected diagrams (linked-cluster theorem). Vertices at order n in h are
-V^(n+2) with n + 2 legs and ell^(n) with n legs; a line is a covariance N = M^-1. A diagram with vertices of
multiplicities m_i and k_i legs contributes

    (number of pairings of its legs that give it) / (prod k_i!^m_i m_i!)  *  product of tensors and lines.

Order h^2 gives L1, order h^4 gives L2. Source: claim higher-orders, an independent second route.
"""

from collections import Counter
from collections.abc import Iterator
from functools import cache
from itertools import permutations

import sympy as sp

from .indices import Formula, Term

# A vertex: its code name, number of legs, order in h and sign.
Vertex = tuple[str, int, int, int]


def vertices(order: int) -> list[Vertex]:
    """Vertices of order at most `order`."""
    potential = [(f"V{n + 2}", n + 2, n, -1) for n in range(1, order + 1)]
    return potential + [(f"l{n}", n, n, 1) for n in range(1, order + 1)]


def _collections(kinds: list[Vertex], order: int) -> Iterator[tuple[Vertex, ...]]:
    """Multisets of vertices whose orders add up to `order`, with an even number of legs."""
    if order == 0:
        yield ()
        return
    for k, vertex in enumerate(kinds):
        if vertex[2] <= order:
            for rest in _collections(kinds[k:], order - vertex[2]):
                yield (vertex, *rest)


@cache
def _edge_counts(degrees: tuple[int, ...]) -> tuple[tuple[tuple[tuple[tuple[int, int], int], ...], int], ...]:
    """Every multigraph with these degrees and its number of pairings, one vertex after the other."""

    def extend(
        remaining: tuple[int, ...], vertex: int
    ) -> Iterator[tuple[tuple[tuple[tuple[int, int], int], ...], int]]:
        if vertex == len(remaining):
            yield (), 1
            return
        free = remaining[vertex]
        for loops in range(free // 2 + 1):
            for partners, ways in distribute(free - 2 * loops, remaining, vertex + 1):
                # legs in loops: choose them, then pair them; the others go to distinct legs of later vertices
                count = ways * int(sp.binomial(free, 2 * loops) * sp.factorial2(2 * loops - 1)) if loops else ways
                edges = [((vertex, vertex), loops)] if loops else []
                edges += [((vertex, other), number) for other, number in partners if number]
                after = list(remaining)
                for other, number in partners:
                    after[other] -= number
                for later, more in extend(tuple(after), vertex + 1):
                    yield (*edges, *later), count * more

    def distribute(
        legs: int, remaining: tuple[int, ...], start: int
    ) -> Iterator[tuple[tuple[tuple[int, int], ...], int]]:
        """Send `legs` to later vertices: which ones, and in how many ways (ordered choice of legs on both sides)."""
        if start == len(remaining):
            if legs == 0:
                yield (), 1
            return
        for number in range(min(legs, remaining[start]) + 1):
            here = int(sp.binomial(legs, number) * sp.ff(remaining[start], number))
            for rest, ways in distribute(legs - number, remaining, start + 1):
                yield ((start, number), *rest), here * ways

    return tuple(extend(degrees, 0))


def _connected(edges: tuple[tuple[tuple[int, int], int], ...], size: int) -> bool:
    reached, frontier = {0}, [0]
    while frontier:
        here = frontier.pop()
        for (one, other), _ in edges:
            for a, b in ((one, other), (other, one)):
                if a == here and b not in reached:
                    reached.add(b)
                    frontier.append(b)
    return len(reached) == size


def _canonical(edges: tuple[tuple[tuple[int, int], int], ...], chosen: tuple[Vertex, ...]) -> tuple:
    """The same key for diagrams that differ by a permutation of equal vertices."""
    size = len(chosen)
    orders = (p for p in permutations(range(size)) if all(chosen[k] == chosen[p[k]] for k in range(size)))
    return min(tuple(sorted(((min(p[a], p[b]), max(p[a], p[b])), n) for (a, b), n in edges)) for p in orders)


def _term(name: str, coefficient: sp.Rational, chosen: tuple[Vertex, ...], edges: tuple) -> Term:
    """The diagram as a product of indexed factors: one index a leg, a line N between two of them."""
    letters = iter("abcdefghijklmnopqrstuvwxyz")
    legs = {k: "" for k in range(len(chosen))}
    lines = []
    for (one, other), number in edges:
        for _ in range(number):
            a, b = next(letters), next(letters)
            legs[one] += a
            legs[other] += b
            lines.append(f"N_{a}{b}")
    factors = [f"{vertex[0]}_{legs[k]}" for k, vertex in enumerate(chosen)]
    return Term(name, coefficient, " ".join([*factors, *lines]))


@cache
def connected_diagrams(symbol: str, order: int) -> Formula:
    """The coefficient of h^order in log E exp(sum h^n P_n), one term a diagram; no terms if order is odd."""
    terms: list[Term] = []
    for chosen in _collections(vertices(order), order):
        degrees = tuple(vertex[1] for vertex in chosen)
        if sum(degrees) % 2:
            continue
        repeats = sp.prod([sp.factorial(n) for n in Counter(chosen).values()])
        symmetry = repeats * sp.prod([sp.factorial(degree) for degree in degrees])
        sign = sp.prod([vertex[3] for vertex in chosen])
        found: dict[tuple, int] = {}
        for edges, ways in _edge_counts(degrees):
            if _connected(edges, len(chosen)):
                key = _canonical(edges, chosen)
                found[key] = found.get(key, 0) + ways
        for number, (edges, ways) in enumerate(sorted(found.items()), 1):
            label = "_".join(vertex[0] for vertex in chosen) + (f"_{number}" if len(found) > 1 else "")
            terms.append(_term(label, sign * sp.Rational(ways) / symmetry, chosen, edges))
    return Formula(symbol, "", tuple(terms))
