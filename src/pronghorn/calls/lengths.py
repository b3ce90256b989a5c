"""Programs for batches that differ in more than their number of samples, as those of texts of different lengths do."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from pronghorn.calls.variants import MOST_FAILURES, MOST_REMEMBERED, Programs
from pronghorn.engine.backends.interpreter import bind_extents
from pronghorn.engine.backends.kept import Kept
from pronghorn.engine.graph.dim import BATCH, SAMPLES, Dim, Extent, FloorDiv, Shape, product
from pronghorn.engine.graph.guards import HoldsOnce

if TYPE_CHECKING:
    from pronghorn.calls.batch import Batch
    from pronghorn.calls.step import Program
    from pronghorn.engine.graph.ir import Graph
    from pronghorn.engine.graph.trace import Traced

FEWEST_SHAPES = 3  # with so many, more are to be expected; a program for known extents is faster
MOST_SHAPES = 16  # that are looked at for what varies
MOST_PROGRAMS = 4
OFTEN, MOST_OWN = 50, 8  # batches of the same lengths from which these get a program of their own, and how many do
MOST_WIDE = 1 << 23  # elements of an array that grows with the square of a length


class Lengths(Programs):
    """Programs for any lengths: of extents that were not the same in all batches, and of the number of samples.

    An extent that varied is a symbol, and extents that varied alike are the same one, so that layers may ask whether
    they are equal. A batch that these do not fit gets another program, and so do a few lengths that come often.

    >>> lengths = Lengths()
    >>> for length in (5, 7):
    ...     lengths.note([(32, length), (32, length, 3), (32, 1)])
    >>> lengths.symbolic([(32, 9), (32, 9, 3), (32, 1)], 32)
    ([(batch, length0), (batch, length0, 3), (batch, 1)], {'batch': 32, 'length0': 9})
    """

    __slots__ = ("_counts", "_fewest_shapes", "_own", "_programs", "_seen")

    def __init__(self, fewest_shapes: int | None = None) -> None:
        super().__init__()
        self._fewest_shapes = FEWEST_SHAPES if fewest_shapes is None else fewest_shapes
        self._seen: list[list[tuple[int, ...]]] = []
        self._programs: list[tuple[list[Shape], tuple[Dim, ...], Program]] = []
        self._counts: Kept[int] = Kept(MOST_REMEMBERED)
        self._own = 0

    def find(self, batch: Batch) -> Program | None:
        """A program for a batch, or None."""
        if not self._programs or not batch.common_size:
            return None
        self._forget_reshaped()
        actual = batch.shapes()
        for shapes, wide, program in self._programs:
            try:
                numbers = bind_extents(shapes, actual)
            except ValueError:
                continue
            if program.traced.guards.hold(numbers) and _are_small(wide, numbers):
                return program
        return None

    def come_often(self, key: Hashable) -> bool:
        """Count a batch of certain lengths; whether a program for these very ones pays now, which is faster.

        It is counts that decide, no clocks, so that no bit of a result depends on how fast a machine is.
        """
        if self._own >= MOST_OWN:
            return False
        if self._counts.keep(key, self._counts.get(key, 0) + 1) < OFTEN:
            return False
        self._own += 1
        return True

    def note(self, shapes: Sequence[tuple[int, ...]]) -> None:
        """Remember the shapes of a batch for which a program was made, or which ran: a wrong one varies in nothing."""
        if self._is_new(shapes) and len(self._seen) < MOST_SHAPES:
            self._seen.append([shape[1:] for shape in shapes])

    def _is_new(self, shapes: Sequence[tuple[int, ...]]) -> bool:
        return [shape[1:] for shape in shapes] not in self._seen

    def may_vary(self, shapes: Sequence[tuple[int, ...]]) -> bool:
        """Whether to make a program for any lengths for a batch of such shapes that has none."""
        seen = len(self._seen) + self._is_new(shapes)
        return seen >= self._fewest_shapes and len(self._programs) < MOST_PROGRAMS and self._failures < MOST_FAILURES

    def symbolic(self, shapes: Sequence[tuple[int, ...]], samples: int) -> tuple[list[Shape], dict[str, int]] | None:
        """Shapes with symbols for what varied, and the numbers that these are in a batch of so many samples.

        None where nothing did, or where one that did is 0 now, for which no rule for symbols holds.
        """
        names: dict[tuple[int, ...], str] = {}
        numbers = {BATCH: samples}
        found: list[Shape] = []
        for place, shape in enumerate(shapes):
            extents: list[int | Dim] = [SAMPLES] if shape else []
            for axis, extent in enumerate(shape[1:]):
                varied = (*(seen[place][axis] for seen in self._seen), extent)
                if len(set(varied)) == 1:
                    extents.append(extent)
                    continue
                name = names.setdefault(varied, f"length{len(names)}")
                numbers[name] = extent
                extents.append(Dim.symbol(name))
            found.append(tuple(extents))
        return (found, numbers) if names and all(numbers.values()) else None

    def add(self, shapes: list[Shape], program: Program) -> None:
        """Keep a program for such shapes."""
        self._programs.append((shapes, _wide(program.traced.graph), program))

    @staticmethod
    def check(traced: Traced, numbers: Mapping[str, int]) -> None:
        """Raise `HoldsOnce` where an array of a step becomes so large that a program for the very lengths is wanted.

        Scores of attention grow with the square of the length. Where it is known, they are made in blocks of rows.
        """
        if not _are_small(_wide(traced.graph), numbers):
            raise HoldsOnce(f"The step makes arrays of more than {MOST_WIDE} elements at these lengths.")

    def programs(self) -> list[Program]:
        """All of them."""
        return [program for *_, program in self._programs]

    def _keep(self, suits: Callable[[Program], bool]) -> None:
        self._programs = [kept for kept in self._programs if suits(kept[-1])]


def _wide(graph: Graph) -> tuple[Dim, ...]:
    """The sizes of a graph's arrays that grow with more lengths at once than any input, such as a length squared."""
    given = {lengths for value in graph.inputs for lengths in _lengths_in(product(value.shape))}
    sizes: dict[Dim, None] = {}
    for node in graph.nodes:
        for value in node.outputs:
            size = product(value.shape)
            if isinstance(size, Dim) and any(len(found) > 1 and found not in given for found in _lengths_in(size)):
                sizes[size] = None
    return tuple(sizes)


def _lengths_in(size: Extent) -> Iterator[tuple[str, ...]]:
    """The lengths that each term of a size is a product of, or of parts of."""
    for monomial in size.terms if isinstance(size, Dim) else ():
        symbols = [atom.dim.symbols if isinstance(atom, FloorDiv) else {atom} for atom in monomial]
        yield tuple(sorted(name for names in symbols for name in names - {BATCH}))


def _are_small(sizes: Sequence[Dim], numbers: Mapping[str, int]) -> bool:
    return all(size.evaluate(numbers) <= MOST_WIDE for size in sizes)
