"""The best one-to-one assignment of rows to calls, in small groups that are near in time. Pure."""

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

LARGEST = 48
"""More rows or calls than these in one group are cut where the time between them is longest."""
_APART = 1e6
"""The cost of a pair that cannot be: more than all pairs that can be, so that as many as possible are made."""

Cost = Callable[[int, int], float | None]
"""What it costs to pair row and call, from 0 to about 4; ``None``: they cannot be one."""


def best_pairs(rows: Sequence[float], calls: Sequence[float], reach_s: float, cost: Cost) -> Iterator[tuple[int, int]]:
    """Pairs of indices: as many as possible, then as cheap as possible.

    ``rows`` and ``calls`` are their times; those further apart than ``reach_s`` are never paired.
    """
    if len(rows) == 1 == len(calls):
        if cost(0, 0) is not None:
            yield 0, 0
        return
    for some_rows, some_calls in _groups(rows, calls, reach_s):
        yield from _assigned(some_rows, some_calls, cost)


def _groups(
    rows: Sequence[float], calls: Sequence[float], reach_s: float
) -> Iterator[tuple[Sequence[int], Sequence[int]]]:
    """Rows and calls that chains of steps within reach connect."""
    both = sorted([(at, True, no) for no, at in enumerate(rows)] + [(at, False, no) for no, at in enumerate(calls)])
    start = 0
    for end in range(1, len(both) + 1):
        if end == len(both) or both[end][0] - both[end - 1][0] > reach_s:
            yield from _small(both[start:end])
            start = end


def _small(group: list[tuple[float, bool, int]]) -> Iterator[tuple[Sequence[int], Sequence[int]]]:
    waiting = [group]
    while waiting:
        one = waiting.pop()
        rows, calls = [no for _, is_row, no in one if is_row], [no for _, is_row, no in one if not is_row]
        if rows and calls and max(len(rows), len(calls)) > LARGEST:
            gaps = [after[0] - before[0] for before, after in pairwise(one)]
            # Of equal gaps the one nearest to the middle, so that few cuts are needed.
            cut = max(range(len(gaps)), key=lambda no: (gaps[no], -abs(no - len(gaps) // 2))) + 1
            waiting += [one[:cut], one[cut:]]
        elif rows and calls:
            yield rows, calls


def _assigned(rows: Sequence[int], calls: Sequence[int], cost: Cost) -> Iterator[tuple[int, int]]:
    if len(rows) > len(calls):
        table = [[_price(cost(row, call)) for row in rows] for call in calls]
        pairs = [(right, left) for left, right in _cheapest(table)]
    else:
        table = [[_price(cost(row, call)) for call in calls] for row in rows]
        pairs = _cheapest(table)
    for left, right in pairs:
        if cost(rows[left], calls[right]) is not None:
            yield rows[left], calls[right]


def _price(cost: float | None) -> float:
    return _APART if cost is None else cost


def _cheapest(table: Sequence[Sequence[float]]) -> list[tuple[int, int]]:
    """The Hungarian method with potentials, for not more lines than columns: (line, column) of every line."""
    lines, columns = len(table), len(table[0])
    of_line, of_column = [0.0] * (lines + 1), [0.0] * (columns + 1)
    taken_by, way = [0] * (columns + 1), [0] * (columns + 1)
    for line in range(1, lines + 1):
        taken_by[0], column = line, 0
        least, used = [float("inf")] * (columns + 1), [False] * (columns + 1)
        while taken_by[column]:
            used[column] = True
            column = _step(table, (of_line, of_column), taken_by, (least, used, way), column)
        while column:
            taken_by[column] = taken_by[way[column]]
            column = way[column]
    return [(taken_by[column] - 1, column - 1) for column in range(1, columns + 1) if taken_by[column]]


def _step(
    table: Sequence[Sequence[float]],
    potentials: tuple[list[float], list[float]],
    taken_by: Sequence[int],
    search: tuple[list[float], list[bool], list[int]],
    column: int,
) -> int:
    """The column that is reached next at the least cost."""
    (of_line, of_column), (least, used, way) = potentials, search
    line, step, following = taken_by[column], float("inf"), 0
    for other in range(1, len(of_column)):
        if used[other]:
            continue
        reduced = table[line - 1][other - 1] - of_line[line] - of_column[other]
        if reduced < least[other]:
            least[other], way[other] = reduced, column
        if least[other] < step:
            step, following = least[other], other
    for other in range(len(of_column)):
        if used[other]:
            of_line[taken_by[other]] += step
            of_column[other] -= step
        else:
            least[other] -= step
    return following
