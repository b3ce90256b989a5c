"""Gradients of a convolution from a max-pooled gradient: only one position of each window contributes.

Each (image, output channel) visits its windows; a window whose gradient is not zero adds one outer product of its
gradient with the taps of the input (filter gradient) or of the kernel (input gradient). Taps and input channels lie in
vector registers. Sums are float32, whatever the dtype.

Zero times an infinity or NaN is NaN: where the other operand (the input, the kernel) is not all finite, a second pass
adds its product with the zero gradients of all other positions, for the input gradient those of the border too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import product as cartesian
from math import prod

from pronghorn.engine.codegen.arguments import start_kernel
from pronghorn.engine.codegen.builder import ModuleBuilder, Operand, literal, vec
from pronghorn.engine.codegen.contraction.nest import load_elements
from pronghorn.engine.codegen.convert import convert, storage_type
from pronghorn.engine.codegen.slots import Slots, Tables
from pronghorn.engine.compiler.costs import POOLED_CHUNKS
from pronghorn.engine.compiler.kernels import PooledKernel, PooledOperands
from pronghorn.engine.graph.dim import Extent
from pronghorn.engine.graph.ir import Node, Value
from pronghorn.engine.graph.primitives.contraction import input_grad_border
from pronghorn.engine.runtime.host import Target

CHANNELS = 16  # output channels of a unit of the filter gradient, if there are as many


@dataclass
class _Geometry:
    """Sizes in elements, all known at compile time but the number of images."""

    images: Extent
    channels_in: int
    channels_out: int
    image: int  # elements of one input image
    taps: list[int]  # offset of each tap in the input, without its channel
    windows: list[int]  # offset in the input of each window's first position
    positions: list[int]  # offset of each position inside a window
    rest: list[int]  # offsets in the input of the positions that are in no window
    border: list[
        tuple[int, int]
    ]  # for the input gradient: a tap, and an offset that it reaches from beyond all positions


def _row_offsets(counts: tuple[int, ...], steps: tuple[int, ...], strides: list[int]) -> list[int]:
    """Offsets of the points of a grid, row-major."""
    grid = cartesian(*(range(n) for n in counts))
    return [sum(i * step * stride for i, step, stride in zip(point, steps, strides)) for point in grid]


def _geometry(node: Node, operands: PooledOperands) -> _Geometry:
    p = node.params
    if node.prim.name == "conv_filter_grad":
        x, w = node.inputs[0].shape, node.outputs[0].shape
    else:
        x, w = node.outputs[0].shape, node.inputs[1].shape
    *spatial, channels = map(int, x[1:])
    kernel = tuple(map(int, w))
    strides = [prod(spatial[a + 1 :]) * channels for a in range(len(spatial))]
    return _Geometry(
        x[0],
        channels,
        kernel[-1],
        prod(spatial) * channels,
        _row_offsets(kernel[:-2], p["dilation"], strides),
        *(_pooled_positions(operands.pool, operands.values, p["strides"], strides) if operands.pool else ([], [], [])),
        _border(node, strides) if node.prim.name == "conv_input_grad" else [],
    )


def _pooled_positions(
    pool: Node, values: Value, steps: tuple[int, ...], strides: list[int]
) -> tuple[list[int], list[int], list[int]]:
    """What `_Geometry` calls windows, positions and rest."""
    p = pool.params
    window_steps = tuple(s * c for s, c in zip(p["strides"][1:-1], steps))
    windows = _row_offsets(tuple(map(int, values.shape[1:-1])), window_steps, strides)
    positions = _row_offsets(p["window"][1:-1], steps, strides)
    scattered = tuple(map(int, pool.outputs[0].shape[1:-1]))
    pooled = {window + position for window in windows for position in positions}
    return windows, positions, [at for at in _row_offsets(scattered, steps, strides) if at not in pooled]


def _border(node: Node, element_strides: list[int]) -> list[tuple[int, int]]:
    """Pairs of a tap and an offset in the input that it reaches from the zero border of the gradient."""
    p, (g, w) = node.params, node.inputs
    shape = p["input_shape"]
    low, high = input_grad_border(shape, g.shape, w.shape, p["strides"], p["padding"], p["dilation"])
    counts = tuple(map(int, g.shape[1:-1]))
    positions = [at for at in cartesian(*(range(-a, n + b) for a, n, b in zip(low, counts, high)))
                 if not all(0 <= i < n for i, n in zip(at, counts))]  # fmt: skip
    found = []
    for tap, steps in enumerate(cartesian(*map(range, map(int, w.shape[:-2])))):
        for at in positions:
            cell = [i * s + k * d for i, s, k, d in zip(at, p["strides"], steps, p["dilation"])]
            if all(0 <= i < n for i, n in zip(cell, shape[1:-1])):
                found.append((tap, sum(i * stride for i, stride in zip(cell, element_strides))))
    return found


class Pooled:
    """Writes one kernel."""

    def __init__(self, module: ModuleBuilder, kernel: PooledKernel, tables: Tables, target: Target):
        self.node, self.operands = kernel.node, kernel.operands
        self.module, self.target = module, target
        self.dtype = self.operands.values.dtype
        self.storage = storage_type(self.dtype)
        self.g = _geometry(kernel.node, self.operands)
        self.lanes = target.lanes("float32")
        self.fb = start_kernel(module, kernel.name)
        self.slots = Slots(self.fb, tables)
        self.ty = vec("float", self.lanes)
        self.values = self.slots.pointer(self.operands.values)
        self.vectors = [  # offset in the input of each register of taps and channels
            tap + c for tap in self.g.taps for c in range(0, self.g.channels_in, self.lanes)
        ]
        self.channels = self._channels_of_a_unit()
        self.blocks = -(-self.g.channels_out // self.channels)

    def _channels_of_a_unit(self) -> int:
        """How many output channels a unit of the filter gradient has: its input is looked through once for all."""
        return CHANNELS

    @contextmanager
    def _gradients(self, image: Operand, channel: Operand) -> Iterator[tuple[Operand, Operand, Operand]]:
        """For each window of (image, channel): its gradient, the number of the position it belongs to, and the
        window's offset in the input."""
        fb, channels = self.fb, self.g.channels_out
        assert self.operands.argmax is not None
        start = fb.add(fb.mul(image, len(self.g.windows) * channels), channel)
        values = fb.gep(self.storage, self.values, start)
        argmax = fb.gep("i32", self.slots.pointer(self.operands.argmax), start)
        windows = self.module.constant("i64", self.g.windows)
        with fb.loop(0, len(self.g.windows)) as window:
            at = fb.mul(window, channels)
            gradient = self._load(values, at, 1)
            chosen = fb.cast("zext", fb.load("i32", fb.gep("i32", argmax, at)), "i32", "i64")
            yield gradient, chosen, fb.load("i64", fb.gep("i64", windows, window))

    @contextmanager
    def _live_windows(self, image: Operand, channel: Operand) -> Iterator[tuple[str, Operand]]:
        """For each window of (image, channel) with a gradient that is not zero: the gradient in every lane, and the
        offset in the input of the position it belongs to."""
        fb = self.fb
        with self._gradients(image, channel) as (gradient, chosen, window):
            live = fb.cmp("une", "float", gradient, literal(0.0, "float"))
            with fb.if_(live):
                positions = self.module.constant("i64", self.g.positions)
                position = fb.load("i64", fb.gep("i64", positions, chosen))
                yield fb.splat(gradient, "float", self.lanes), fb.add(window, position)

    def _add_zeros(self, image: Operand, channel: Operand, add: Callable[[str, Operand], None]) -> None:
        """``add`` a gradient of zero at every position of (image, channel) that `_live_windows` leaves out."""
        fb = self.fb
        zero = fb.splat(literal(0.0, "float"), "float", self.lanes)
        positions = self.module.constant("i64", self.g.positions)
        with self._gradients(image, channel) as (gradient, chosen, window):
            dark = fb.cmp("oeq", "float", gradient, literal(0.0, "float"))
            with fb.loop(0, len(self.g.positions)) as number:
                left_out = fb.op("or", "i1", dark, fb.cmp("ne", "i64", chosen, number))
                with fb.if_(left_out):
                    add(zero, fb.add(window, fb.load("i64", fb.gep("i64", positions, number))))
        if self.g.rest:
            rest = self.module.constant("i64", self.g.rest)
            with fb.loop(0, len(self.g.rest)) as number:
                add(zero, fb.load("i64", fb.gep("i64", rest, number)))

    def _not_finite(self, base: str, count: Operand) -> str:
        """Whether any of the first ``count`` elements (whole vectors of them) is infinite or NaN."""
        fb, bits = self.fb, vec("i32", self.lanes)
        found = fb.alloca(bits)
        fb.store(bits, "zeroinitializer", found)
        with fb.loop(0, count, self.lanes) as at:
            x = self._load(base, at, self.lanes)
            difference = fb.cast("bitcast", fb.op("fsub", self.ty, x, x), self.ty, bits)  # +0 for what is finite
            fb.store(bits, fb.op("or", bits, fb.load(bits, found), difference), found)
        whole = f"i{32 * self.lanes}"
        return fb.cmp("ne", whole, fb.cast("bitcast", fb.load(bits, found), bits, whole), 0)

    def _load(self, base: str, at: Operand, lanes: int) -> Operand:
        """Adjacent elements of an array, as float32."""
        pointer = self.fb.gep(self.storage, base, at)
        return load_elements(self.fb, pointer, self.dtype, "float32", lanes, self.target, None)

    def filter_gradient(self, partial: Value) -> None:
        """``partial[chunk, co, taps, ci]``: units are (chunk, some co); the sums of a channel stay in registers."""
        fb, g = self.fb, self.g
        x = self.slots.pointer(self.node.inputs[0])
        out = self.slots.pointer(partial)
        size = self.slots.extent((g.images + (POOLED_CHUNKS - 1)) // POOLED_CHUNKS)
        images = self.slots.extent(g.images)
        with fb.loop("%begin", "%end") as unit:
            chunk, block = fb.div(unit, self.blocks), fb.rem(unit, self.blocks)
            first = fb.mul(chunk, size)
            last = fb.min(fb.add(first, size), images)
            begin = fb.gep(self.storage, x, fb.mul(first, g.image))
            infinite = self._not_finite(begin, fb.mul(fb.sub(last, first), g.image))
            start = fb.mul(block, self.channels)
            row = fb.mul(fb.add(fb.mul(chunk, g.channels_out), start), len(self.vectors) * self.lanes)
            self._filter_rows(x, (first, last), start, fb.gep("float", out, row), infinite)
        fb.ret()

    def _filter_rows(self, x: str, images: tuple[Operand, Operand], start: Operand, rows: str, infinite: str) -> None:
        """Write what the images from one to another give to the rows of the output channels from ``start`` on."""
        fb, g = self.fb, self.g
        sums = [fb.alloca(self.ty) for _ in self.vectors]
        with fb.loop(0, fb.min(self.channels, fb.sub(g.channels_out, start))) as number:
            channel = fb.add(start, number)
            for s in sums:
                fb.store(self.ty, literal(0.0, self.ty), s)
            with fb.loop(*images) as image:
                self._filter_sums(fb.gep(self.storage, x, fb.mul(image, g.image)), image, channel, sums, infinite)
            row = fb.gep("float", rows, fb.mul(number, len(self.vectors) * self.lanes))
            for n, s in enumerate(sums):
                fb.store(self.ty, fb.load(self.ty, s), fb.gep("float", row, n * self.lanes))

    def _filter_sums(self, base: str, image: Operand, channel: Operand, sums: list[str], infinite: str) -> None:
        """Add what one (image, channel) gives to the sums of the filter's taps."""
        fb = self.fb

        def add(gradient: str, offset: Operand) -> None:
            here = fb.gep(self.storage, base, offset)
            for s, at in zip(sums, self.vectors):
                taps = self._load(here, at, self.lanes)
                fb.store(self.ty, fb.fma(self.ty, gradient, taps, fb.load(self.ty, s)), s)

        with self._live_windows(image, channel) as (gradient, offset):
            add(gradient, offset)
        with fb.if_(infinite):
            self._add_zeros(image, channel, add)

    def input_gradient(self) -> None:
        """``dx[image]``: a unit zeroes its image, then adds the taps of every live window."""
        fb, g = self.fb, self.g
        kernel = self.slots.pointer(self.operands.other)  # [co, taps, ci]
        out = self.slots.pointer(self.node.outputs[0])
        narrow = self.dtype != "float32"
        sums = fb.alloca("float", g.image, align=64) if narrow else ""
        infinite = self._not_finite(kernel, g.channels_out * len(self.vectors) * self.lanes)
        with fb.loop("%begin", "%end") as image:
            place = fb.gep(self.storage, out, fb.mul(image, g.image))
            base = sums or place
            with fb.loop(0, g.image, self.lanes) as i:
                fb.store(self.ty, literal(0.0, self.ty), fb.gep("float", base, i))
            self._add_image(kernel, base, image, infinite)
            if narrow:
                self._store_rounded(sums, place)
        fb.ret()

    def _add_image(self, kernel: str, base: str, image: Operand, infinite: str) -> None:
        """Add what all channels give to the image's gradient."""
        with self.fb.loop(0, self.g.channels_out) as channel:
            self._add_taps(kernel, base, image, channel, infinite)

    def _add_taps(self, kernel: str, base: str, image: Operand, channel: Operand, infinite: str) -> None:
        """Add what one channel gives to the image's gradient."""
        fb = self.fb
        row = fb.mul(channel, len(self.vectors) * self.lanes)
        taps = [self._load(kernel, fb.add(row, n * self.lanes), self.lanes) for n in range(len(self.vectors))]

        def add(gradient: str, offset: Operand) -> None:
            here = fb.gep("float", base, offset)
            for tap, at in zip(taps, self.vectors):
                cell = fb.gep("float", here, at)
                fb.store(self.ty, fb.fma(self.ty, gradient, tap, fb.load(self.ty, cell)), cell)

        with self._live_windows(image, channel) as (gradient, offset):
            add(gradient, offset)
        with fb.if_(infinite):
            self._add_zeros(image, channel, add)
            self._add_border(fb.gep(self.storage, kernel, row), base)

    def _add_border(self, taps: str, base: str) -> None:
        """Add one channel's taps times the zeros beyond all positions."""
        fb, channels = self.fb, self.g.channels_in
        if not self.g.border:
            return
        from_taps = self.module.constant("i64", [tap * channels for tap, _ in self.g.border])
        to_cells = self.module.constant("i64", [cell for _, cell in self.g.border])
        zero = fb.splat(literal(0.0, "float"), "float", self.lanes)
        with fb.loop(0, len(self.g.border)) as number:
            tap, cell = (fb.load("i64", fb.gep("i64", table, number)) for table in (from_taps, to_cells))
            with fb.loop(0, channels, self.lanes) as c:
                x, place = self._load(taps, fb.add(tap, c), self.lanes), fb.gep("float", base, fb.add(cell, c))
                fb.store(self.ty, fb.fma(self.ty, zero, x, fb.load(self.ty, place)), place)

    def _store_rounded(self, sums: str, place: str) -> None:
        """One image's sums, in the output's dtype."""
        fb = self.fb
        with fb.loop(0, self.g.image, self.lanes) as i:
            value = convert(
                fb, fb.load(self.ty, fb.gep("float", sums, i)), "float32", self.dtype, self.lanes, self.target
            )
            fb.store(vec(self.storage, self.lanes), value, fb.gep(self.storage, place, i))

    def cost(self) -> float:
        """Rough cycles of one (image, output channel)."""
        return len(self.g.windows) * len(self.vectors) * 1.2


def emit_pooled(
    module: ModuleBuilder, kernel: PooledKernel, tables: Tables, target: Target, kind: type[Pooled] = Pooled
) -> tuple[Extent, float]:
    """Write a pooled gradient kernel; (units, rough cycles of a unit)."""
    writer = kind(module, kernel, tables, target)
    if writer.node.prim.name == "conv_input_grad":
        writer.input_gradient()
        return writer.g.images, writer.cost() * writer.g.channels_out
    (partial,) = kernel.writes
    writer.filter_gradient(partial)
    return POOLED_CHUNKS * writer.blocks, writer.cost() * 4 * min(writer.channels, writer.g.channels_out)
