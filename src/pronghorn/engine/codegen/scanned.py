"""Gradients of a convolution from a gradient that is mostly zeros, such as that of a maximum over all positions.

Where the others lie is not known beforehand, so vectors of output channels are compared with zero, and each element
that is not zero adds one outer product, as in `pooled`, in the order of images, positions and channels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from math import prod

from pronghorn.engine.codegen.builder import Operand, literal, vec
from pronghorn.engine.codegen.contraction.nest import load_elements
from pronghorn.engine.codegen.pooled import CHANNELS, Pooled

MOST_UNROLLED = 32  # vectors of taps and channels that are written one after another: for more there is a loop


class Scanned(Pooled):
    """Writes one kernel."""

    def _channels_of_a_unit(self) -> int:
        """As many as have their sums in a part of the second-level cache: the fewer units look through the input."""
        fitting = self.target.l2_bytes // 4 // (4 * self._row)
        return CHANNELS * max(1, min(fitting // CHANNELS, -(-self.g.channels_out // CHANNELS)))

    @property
    def _row(self) -> int:
        """Elements of all taps and input channels."""
        return len(self.vectors) * self.lanes

    @contextmanager
    def _positions(self) -> Iterator[tuple[Operand, Operand]]:
        """For each position of an image: its number, and its offset in the input."""
        fb, node = self.fb, self.node
        x = node.inputs[0] if node.prim.name == "conv_filter_grad" else node.outputs[0]
        number: Operand = 0
        offset: Operand = 0
        with ExitStack() as loops:
            for axis, step in enumerate(node.params["strides"], 1):
                count = int(self.operands.values.shape[axis])
                at = loops.enter_context(fb.loop(0, count))
                number = fb.add(fb.mul(number, count), at)
                offset = fb.add(offset, fb.mul(at, step * prod(map(int, x.shape[axis + 1 :]))))
            yield number, offset

    def _visit(
        self, image: Operand, channels: Sequence[Operand], infinite: str, add: Callable[[str, Operand, Operand], None]
    ) -> None:
        """``add`` each gradient of the image and the channels (from, to) that is not zero, in every lane, for an
        offset in the input and an output channel; all of them if zero times something is not zero."""
        fb, lanes = self.fb, self.lanes
        positions = prod(map(int, self.operands.values.shape[1:-1]))
        first, last = channels
        base = fb.gep(self.storage, self.values, fb.mul(image, positions * self.g.channels_out))
        every = fb.cast("sext", infinite, "i1", f"i{lanes}")
        with self._positions() as (number, offset):
            here = fb.gep(self.storage, base, fb.mul(number, self.g.channels_out))
            with fb.loop(first, last, lanes) as start:
                bits = self._live(fb.gep(self.storage, here, start), fb.sub(last, start), every)
                with fb.loop_carry(0, fb.intrinsic("llvm.ctpop", "i64", bits), [("i64", bits)]) as loop:
                    (left,) = loop.carried
                    lane = fb.call("llvm.cttz.i64", "i64", [("i64", left), ("i1", "true")])
                    loop.following.append(fb.op("and", "i64", left, fb.op("sub", "i64", left, 1)))
                    channel = fb.add(start, lane)
                    gradient = fb.splat(self._load(here, channel, 1), "float", lanes)
                    add(gradient, offset, channel)

    def _live(self, pointer: str, count: Operand, every: str) -> str:
        """A bit for each of the next channels, of which there are ``count``, whose gradient counts."""
        fb, lanes = self.fb, self.lanes
        whole = self.g.channels_out % lanes == 0
        mask = None if whole else fb.mask_first(count, lanes)
        values = load_elements(fb, pointer, self.dtype, "float32", lanes, self.target, mask)
        live = fb.cmp("une", self.ty, values, literal(0.0, self.ty))
        bits = fb.op("or", f"i{lanes}", fb.cast("bitcast", live, vec("i1", lanes), f"i{lanes}"), every)
        if mask is not None:
            bits = fb.op("and", f"i{lanes}", bits, fb.cast("bitcast", mask, vec("i1", lanes), f"i{lanes}"))
        return fb.cast("zext", bits, f"i{lanes}", "i64")

    def _each_vector(self, visit: Callable[[Operand, Operand], None]) -> None:
        """``visit`` every vector of taps and input channels: its offset in a row of them, and from a position's."""
        fb, g = self.fb, self.g
        if len(self.vectors) <= MOST_UNROLLED:
            for number, at in enumerate(self.vectors):
                visit(number * self.lanes, at)
            return
        taps = self.module.constant("i64", g.taps)
        with fb.loop(0, len(g.taps)) as tap:
            offset = fb.load("i64", fb.gep("i64", taps, tap))
            with fb.loop(0, g.channels_in, self.lanes) as channel:
                visit(fb.add(fb.mul(tap, g.channels_in), channel), fb.add(offset, channel))

    def _multiply_add(self, gradient: str, source: str, at: Operand, sums: str, place: Operand) -> None:
        """``sums[place] += gradient * source[at]``, a vector of each."""
        fb = self.fb
        cell = fb.gep("float", sums, place)
        factor = self._load(source, at, self.lanes)
        fb.store(self.ty, fb.fma(self.ty, gradient, factor, fb.load(self.ty, cell)), cell)

    def _filter_rows(self, x: str, images: tuple[Operand, Operand], start: Operand, rows: str, infinite: str) -> None:
        fb, g = self.fb, self.g
        last = fb.min(fb.add(start, self.channels), g.channels_out)
        with fb.loop(0, fb.mul(fb.sub(last, start), self._row), self.lanes) as at:
            fb.store(self.ty, literal(0.0, self.ty), fb.gep("float", rows, at))
        with fb.loop(*images) as image:
            base = fb.gep(self.storage, x, fb.mul(image, g.image))

            def add(gradient: str, offset: Operand, channel: Operand) -> None:
                here = fb.gep(self.storage, base, offset)
                row = fb.gep("float", rows, fb.mul(fb.sub(channel, start), self._row))
                self._each_vector(lambda place, at: self._multiply_add(gradient, here, at, row, place))

            self._visit(image, (start, last), infinite, add)

    def _add_image(self, kernel: str, base: str, image: Operand, infinite: str) -> None:
        fb, g = self.fb, self.g

        def add(gradient: str, offset: Operand, channel: Operand) -> None:
            here = fb.gep("float", base, offset)
            row = fb.gep(self.storage, kernel, fb.mul(channel, self._row))
            self._each_vector(lambda place, at: self._multiply_add(gradient, row, place, here, at))

        self._visit(image, (0, g.channels_out), infinite, add)
        with fb.if_(infinite), fb.loop(0, g.channels_out) as channel:
            self._add_border(fb.gep(self.storage, kernel, fb.mul(channel, self._row)), base)

    def cost(self) -> float:
        """Rough cycles of one (image, output channel): looked through, and a few outer products."""
        return 2 * prod(map(int, self.operands.values.shape[1:-1])) / self.lanes + 6 * len(self.vectors)
