"""Small kernels in a row: where a grain of them ends, so that threads share what together is no small work.

A kernel that takes some thousand cycles is not shared out, and those that follow each other are one grain. A model with
an embedding for each of its columns has a hundred of them in a row, which one thread would run while all others wait.
So a run that is long enough ends where nothing that follows has need of it, and another thread takes what does follow.
Where all that follows has need of the first few, threads may meet behind these, if sharing then saves more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from pronghorn.engine.codegen.chains import Chain
from pronghorn.engine.compiler.costs import LEAST_SAVED_CYCLES, RUN_CYCLES
from pronghorn.engine.graph.ir import Value


@dataclass
class Cuts:
    """The numbers of the launches before which a run of small ones ends, and of those before which threads meet."""

    ends: set[int] = field(default_factory=set)
    meetings: set[int] = field(default_factory=set)


def cut_runs(chains: Sequence[Chain]) -> Cuts:
    """Where runs of small launches are cut.

    Args:
        chains: launches in the order in which they are written.
    """
    cuts = Cuts()
    reads: set[Value] = set()  # since threads have met, but for the run that is open
    writes: set[Value] = set()
    begin = 0  # of the run that is open
    for number, chain in enumerate(chains):
        small = _is_small(chain)
        if small and reads.isdisjoint(chain.writes) and writes.isdisjoint(chain.reads | chain.writes):
            continue
        _cut(chains, begin, number, cuts)
        if small:  # it needs what others than the run have made
            cuts.meetings.add(number)
            reads, writes, begin = set(), set(), number
            continue
        for other in chains[begin : number + 1]:
            reads |= other.reads
            writes |= other.writes
        begin = number + 1
    _cut(chains, begin, len(chains), cuts)
    return cuts


def _is_small(chain: Chain) -> bool:
    return len(chain.launches) == 1 and chain.launches[0].serial


def _cut(chains: Sequence[Chain], begin: int, end: int, cuts: Cuts) -> None:
    """Cut the run from ``begin`` to ``end``."""
    cycles = [launch.cost * launch.units.typical for chain in chains[begin:end] for launch in chain.launches]
    if len(cycles) < 2 or sum(cycles) < 2 * RUN_CYCLES:
        return
    first, last = _needed(chains[begin:end])
    ahead, blocks = _before(cycles, first)
    behind = _behind(cycles, last)
    at = min(range(1, len(cycles)), key=lambda i: ahead[i] + behind[i])
    if ahead[-1] - (ahead[at] + behind[at]) >= LEAST_SAVED_CYCLES:
        cuts.meetings.add(begin + at)
        _cut(chains, begin, begin + at, cuts)
        _cut(chains, begin + at, end, cuts)
        return
    run = 0.0
    for start, block in blocks:
        if run >= RUN_CYCLES:
            cuts.ends.add(begin + start)
            run = 0.0
        run += block


def _needed(chains: Sequence[Chain]) -> tuple[list[int], list[int]]:
    """For each launch, the first and the last with which it may not change places; or itself."""
    both = []
    for order in (range(len(chains)), range(len(chains) - 1, -1, -1)):
        touched: dict[Value, int] = {}  # by the one that did so soonest
        written: dict[Value, int] = {}
        found = [0] * len(chains)
        way = 1 if order.step > 0 else -1
        for i in order:
            chain = chains[i]
            met = [i, *(written.get(v, i) for v in chain.reads), *(touched.get(v, i) for v in chain.writes)]
            found[i] = way * min(way * j for j in met)
            for v in chain.writes:
                written.setdefault(v, i)
            for v in chain.reads | chain.writes:
                touched.setdefault(v, i)
        both.append(found)
    return both[0], both[1]


def _before(cycles: Sequence[float], first: Sequence[int]) -> tuple[list[float], list[tuple[int, float]]]:
    """The cycles that two threads take for as many of the first launches, and in what blocks they share all of them:
    the number of a block's first launch, and its cycles."""
    taken, total, longest = [0.0], 0.0, 0.0
    blocks: list[tuple[int, float]] = []
    for i, own in enumerate(cycles):
        total, start, block = total + own, i, own
        while blocks and first[i] < start:
            start, before = blocks.pop()
            block += before
        blocks.append((start, block))
        longest = max(longest, block)
        taken.append(max(longest, total / 2))
    return taken, blocks


def _behind(cycles: Sequence[float], last: Sequence[int]) -> list[float]:
    """The cycles that two threads take for the launches from each one on."""
    turned = [len(cycles) - 1 - number for number in reversed(last)]  # counted from the end, last are first
    taken, _ = _before(cycles[::-1], turned)
    return taken[::-1]
