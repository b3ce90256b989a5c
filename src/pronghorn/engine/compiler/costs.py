"""The costs that several modules compare, and the sizes that stand in for unknown ones in such comparisons.

A constant that serves one module's decision alone stands in that module.
Cycles are rough figures for one core. They decide what is worth sharing or storing. Unless said otherwise they
were measured with ``bench/kernels.py`` and ``bench/scaling.py`` on two cores of an Intel Emerald Rapids with AVX-512.
The model of a register tile, in its own units, and the limits that follow from it stand in `codegen.contraction`; what
a machine has (lanes, registers, caches) in `runtime.host.Target`.
"""

from __future__ import annotations

from pronghorn.engine.graph.dim import Dim, Extent
from pronghorn.engine.graph.primitives import PRIMITIVES

TYPICAL = 64  # what a symbol of an extent, usually the batch, is taken to be

# -- sharing work among threads; with bench/loaded.py on two cores of an AMD Zen 3, too
SERIAL_CYCLES = 12_000  # work below this is not worth waking another thread for
MEETING_CYCLES = 4_000  # of a barrier: threads wait for the last, and for what it has in its cache
JOINING_CYCLES = 30_000  # of a second thread that joins a step
BRIEF_CYCLES = 30_000  # of a step for which letting other threads have Python's lock costs more than it lasts
GRAIN_CYCLES = 25_000  # what a thread takes at a time, and so what a unit of work should at least come near to
LEAST_GRAIN_CYCLES = 4_000  # taking one costs some hundred where threads compete
RUN_CYCLES = 8_000  # of small kernels in a row: from here on another thread takes what has no need of them
FEW_UNITS, MANY_UNITS = 8, 64  # of a kernel: with fewer, many threads have nothing to do; enough for as many cores
FEWEST_CHAINED = 2  # units of a chain of kernels, whatever the batch, if its largest kernel has as many
UNIT_ELEMENTS = 16  # where a kernel is one long loop: threads take many units at a time, chains only some
LEAST_COLUMNS = 4096  # of a unit where the innermost loop is cut, too: sums of parts of rows take up to twice as long
MANY_BYTES = 256 * 1024  # that are read once are read in order
MOST_GRAINS = 1 << 15
MOST_STEP_CYCLES = 400_000  # of a loop's step: longer ones are shared by themselves, at barriers
MOST_CHAIN_CYCLES = 400_000  # of a unit that goes through several kernels, for which other threads may have to wait
BLOCK_ROWS, LEAST_BLOCK_ROWS = 16, 8  # of a loop that is cut by rows: register tiles have some eight
FEW_BLOCKS, MOST_BLOCKS = 2, 32  # of rows: fewer are cut further, for threads to share, and more become larger
AHEAD_STEPS = 16  # packing ahead of a loop of few rows pays from here on: it takes four steps, and saves a fifth of one
LINE_BYTES = 64  # of a cache
MULTIPLY_ADDS = 2  # of whole vectors that a core does in a cycle

# -- what is computed where it is used, and what is stored
STEP_CYCLES, EXPENSIVE_CYCLES, RANDOM_CYCLES = 1, 12, 20  # of one element of a primitive, in additions
RANDOM_CODE = 60  # what random bits take of a kernel's code, in additions: a block's rounds, for four elements
REUSED_CYCLES = 8  # what several users would each compute is stored from here on
FAR_CYCLES = 10  # of writing a byte beyond the caches and reading it again
MOST_CYCLES = 400  # of one element: longer expressions are cut, for their code
MOST_STORES = 8  # of one kernel: more would spill registers
MOST_SUMS = 4  # of one kernel, which are in registers or near
MOST_UNIT_SUMS = 4  # of a contraction's epilogue, each a row of numbers in the first-level cache
SUM_CODE = 7  # of adding a vector to it
FEWEST_SUMMED = 1 << 21  # results of a contraction: fewer stay near, and are as quickly read again
LOOK_BACK = 12  # kernels that are tried for sharing loads
MOST_CODE = 600  # of one kernel, in additions: LLVM takes longer than in proportion for a larger one
MOST_TILE_CODE = 160  # of what becomes of a register tile's sums: more is written as a loop over the tile's rows
MOST_READ = 64  # arrays of one kernel: their addresses are in registers or on the stack
DEEPEST = 96  # levels of an element's expression: code that walks it recurses

EXPENSIVE = frozenset(name for name, prim in PRIMITIVES.items() if prim.work in ("expensive", "random"))
MOVES = frozenset(name for name, prim in PRIMITIVES.items() if prim.work == "moved")
_CYCLES = {"made": 0, "moved": 0, "step": STEP_CYCLES, "expensive": EXPENSIVE_CYCLES, "random": RANDOM_CYCLES}
_COSTS = {name: _CYCLES[prim.work] for name, prim in PRIMITIVES.items()}

# -- sums that are split; the numbers are fixed, so that no bit depends on how many threads there are
POOLED_CHUNKS = 16  # of a filter gradient from pooled values, whose sums are in registers
FEWEST_CHUNKS, MOST_CHUNKS = 16, 128  # of a split reduction
CHUNK_ROWS, CHUNK_ELEMENTS = 128, 32768  # of a chunk where there are more; each writes a row that is read again
SPLIT_LENGTH = 4096  # a reduction this long whose results are few is split
MOST_COLUMNS = 4096  # of results that are few; a chunk's are on the stack
MANY_ROWS = 256  # each of which is one result: enough for all threads, and read in order where they are not split

# -- blocks of rows of wide arrays (`compiler.blocks`)
LEAST_WIDE_ELEMENTS = 32 << 20  # of a product: far beyond the caches, and worth computing parts of it again
LEAST_WIDE_GAIN = 6  # times as large as its operands together
ABOUT_AS_WIDE = 4  # a value is wide if it has more than a fourth of the product's elements
MADE_OF_LITTLE = 8  # times as large as what it is made of, and so made again: masks, noise, what is spread over rows
FEWEST_WIDE_ROWS = 64  # fewer do not fall into blocks
MOST_SAMPLE_ROWS = 512  # of a sample, some of which a block has: of longer ones it has a part of each
MOST_PHASES = 3  # loops of a region: each computes what it needs of those before again
BAND_COLUMNS = 64  # a bound of the columns that are computed is a multiple of so many
MOST_BANDS = 4  # of rows, each with a bound of its columns: code for each is compiled
LEAST_BAND_ROWS = 512  # of a band: fewer gain less than compiling takes
WIDE_BLOCK_ELEMENTS = 1 << 19  # of the widest value in a block, beside axes of unknown extent
SAMPLES_ELEMENTS = 1 << 22  # of the widest value in a block of whole samples
LEAST_SAMPLES_ROWS = 256  # of a block of whole samples: each block passes over the product's other operand

# -- what a stage of the compiler is worth its while for
LEAST_SPARSE_ROW = 8  # elements of a row that is looked up, so that finding its place is little beside reading it
LEAST_SPARSE_BYTES = 256 * 1024  # of an array that few rows are added to: smaller ones stay in the cache anyway
FEWEST_PLACED = 4096  # elements for which a kernel that fills the border is worth its launch
FEWEST_PIECES = 4  # of a concatenation, which are then written apart
SHORTEST_PLACED_ROW = 128  # elements side by side: shorter rows take longer to write than longer ones to copy
MOST_REMAKING_USERS = 4  # of what is larger than a cache and made again by each of them
SMALL_SHARE = 8  # how many times smaller than a product's result an input is, at least, that is read beside it
MOST_CASES = 32  # of what conditions choose in a derivative: more are not told apart
MOST_TAP_VECTORS = 24  # registers that a kernel of a pooled convolution can keep for taps, of 32
POOLED_SUMS_BYTES = 64 * 1024  # of one image, which a kernel may keep on the stack where the gradient is no float32
LEAST_WINDOW = 4  # positions in a pooled convolution's window: with fewer, the dense kernels do less work
TILES_WINDOW = 16  # the same where those multiply tiles of bfloat16
LEAST_SCANNED_WINDOW = 16  # the same where the gradient has to be looked through for what is not zero
DEEPEST_SCANNED = 8  # operations between a gradient and the extremum that it comes from
MOST_PIECES = 32  # of one concatenation: each element is looked for in all of them
MOST_POSITIONS = 9  # elements of a window that a tile of a convolution pools: it holds them all in registers
DEEPEST_DISTANCE = 8  # operations that a distance from the mean goes through before it is summed
MOST_PADDED_PARTS = 64  # of a sum of padded arrays that is written as one

# -- what a kernel is worth
LEAST_STREAMED_BYTES = 32  # of a vector that is stored past the caches: narrower ones leave lines half written
MOST_TYPICAL = 4  # times its typical size that an array may have, where that is up to the batch
FEWEST_SUMMED_ROWS = 256  # of a contraction's result that add up to a row of sums, which is written and read once more
LEAST_SUMS_ROWS = 32  # with fewer, rows of sums are as much to go through as what they save, and sums stay apart
LEAST_SAVED_CYCLES = 2 * MEETING_CYCLES  # by a run of small kernels without a meeting
MOST_SELECTED = 64  # elements of a row that are picked out; for more all are sorted
LEAST_TILE_STEPS = 128  # of a sum whose zero rows are left out, or looking at a tile's rows shows
LEAST_ZERO_STEPS = 256  # of a sum over rows whose zeros are left out, as a rule
LEAST_ZERO_CYCLES = 40 * GRAIN_CYCLES  # of a whole contraction whose zeros are left out


def typical(extent: Extent) -> int:
    """A number for an extent where costs are compared.

    >>> typical(10), typical(2 * Dim.symbol("batch"))
    (10, 128)
    """
    return extent.evaluate(dict.fromkeys(extent.symbols, TYPICAL)) if isinstance(extent, Dim) else extent


def chunks_of(length: int, results: int) -> int:
    """How many chunks a split reduction has, a power of two: as many as its work can keep busy.

    Args:
        length: how many elements each result is made of, at typical extents.
        results: how many there are.

    >>> chunks_of(8192, 256), chunks_of(8192, 1), chunks_of(1 << 20, 64)
    (64, 16, 128)
    """
    most = min(length // CHUNK_ROWS, length * results // CHUNK_ELEMENTS)
    return max(FEWEST_CHUNKS, min(MOST_CHUNKS, 1 << max(most, 1).bit_length() - 1))


def cost_of(name: str) -> int:
    """Rough cost of an element of a primitive's output, in additions.

    >>> cost_of("reshape"), cost_of("add"), cost_of("erf")
    (0, 1, 12)
    """
    return _COSTS.get(name, STEP_CYCLES)  # the compiler has some functions of its own
