"""The kernels of a filter gradient's plan: one sums up transformed tiles by chunks; the other combines the chunks."""

from __future__ import annotations

from pronghorn.engine.codegen.arguments import base_pointer, start_kernel
from pronghorn.engine.codegen.builder import FunctionBuilder, ModuleBuilder, Operand, literal, vec
from pronghorn.engine.codegen.contraction.nest import Place, load_elements
from pronghorn.engine.codegen.contraction.spec import Array
from pronghorn.engine.codegen.contraction.tile import Epilogue
from pronghorn.engine.codegen.contraction.winograd.ahead import ask_for_inputs, ask_for_lines, multiply
from pronghorn.engine.codegen.contraction.winograd.gradient_plan import FilterGradientPlan
from pronghorn.engine.codegen.contraction.winograd.inputs import last_step, position, store_planes, transform_inputs
from pronghorn.engine.codegen.contraction.winograd.places import place_at
from pronghorn.engine.codegen.contraction.winograd.shape import SINGLE, Phase, static
from pronghorn.engine.codegen.contraction.winograd.transforms import Transforms, Vectors
from pronghorn.engine.codegen.convert import HasFeatures, storage_type
from pronghorn.engine.codegen.slots import Slots, Tables

__all__ = ["accumulate", "emit_chunk_sums", "emit_sums"]


def accumulate(fb: FunctionBuilder, sums: str, ty: str, place: Place) -> None:
    """The epilogue of the product's kernel: its sums are added to what is there."""
    pointer = fb.gep("float", base_pointer(fb, 2), place.offset)
    fb.store(ty, fb.op("fadd", ty, fb.load(ty, pointer), sums), pointer)


def emit_sums(
    module: ModuleBuilder,
    name: str,
    plan: FilterGradientPlan,
    machine: HasFeatures,
    tables: Tables,
    slot: int,
    product: str,
) -> None:
    """Writes the main kernel; a unit is a chunk of the images and a block of channels, whose sums lie in ``slot``.

    ``product`` is the name of the kernel of ``plan.product``, which adds to its results.
    """
    _Sums(module, name, plan, machine, tables, slot, product).write()


class _Sums:
    """Writes the main kernel."""

    def __init__(
        self,
        module: ModuleBuilder,
        name: str,
        plan: FilterGradientPlan,
        machine: HasFeatures,
        tables: Tables,
        slot: int,
        product: str,
    ) -> None:
        self.plan, self.spec, self.machine, self.product = plan, plan.spec, machine, product
        fb = self.fb = start_kernel(module, name)
        self.slots = Slots(fb, tables)
        self.ty = vec("float", plan.lanes)
        self.transforms = Transforms(fb, self.ty, plan.pairs)
        self.a_base, self.b_base = self._base(plan.spec.a), self._base(plan.spec.b)
        self.sums = base_pointer(fb, slot)
        self.inputs = fb.alloca("float", plan.points_at_a_time * plan.input_plane, align=64)
        self.gradients = fb.alloca("float", plan.points_at_a_time * plan.gradient_plane, align=64)
        self.table = fb.alloca("ptr", 3, align=8)
        self.a_first: Operand = 0  # channels of A and B, of the unit's block
        self.b_first: Operand = 0

    def _base(self, array: Array) -> str:
        return self.fb.gep(
            storage_type(array.dtype), base_pointer(self.fb, array.slot), self.slots.extent(array.offset)
        )

    def write(self) -> None:
        fb, plan = self.fb, self.plan
        images = self.slots.extent(plan.images.extent)
        length = fb.ceil_div(images, fb.max(self.slots.count(plan.chunks), 1))
        with fb.loop("%begin", "%end") as unit:
            chunk, block = fb.div(unit, plan.blocks), fb.rem(unit, plan.blocks)
            self.a_first = fb.mul(fb.div(block, plan.vector_blocks), plan.depth)
            self.b_first = fb.mul(fb.rem(block, plan.vector_blocks), plan.width)
            sums = fb.gep("float", self.sums, fb.mul(unit, plan.points * plan.sums_plane))
            first = fb.mul(fb.mul(chunk, length), plan.tiles_of_image)
            last = fb.mul(fb.min(fb.mul(fb.add(chunk, 1), length), images), plan.tiles_of_image)
            for phase in plan.phases:
                here = fb.gep("float", sums, phase.first * plan.sums_plane)
                with fb.loop(0, phase.points * plan.sums_plane, plan.lanes) as at:
                    fb.store(self.ty, literal(0.0, self.ty), fb.gep("float", here, at))
                with fb.loop(first, last, plan.tiles) as start:
                    self._block(phase, here, start, last)
        fb.ret()

    def _block(self, phase: Phase, sums: str, start: Operand, last: Operand) -> None:
        """Adds a block of tiles to the ``sums`` of the points of one turn."""
        fb, plan = self.fb, self.plan
        with fb.loop(0, plan.tiles) as number:
            tile = fb.add(start, number)
            with fb.if_else(fb.cmp("slt", "i64", tile, last)) as (yes, no):
                with yes:
                    self._transform(phase, number, tile)
                with no:  # the last block of a chunk is filled up
                    self._clear(phase, self.inputs, fb.mul(number, plan.depth), plan.depth, plan.input_plane)
                    self._clear(phase, self.gradients, fb.mul(number, plan.width), plan.width, plan.gradient_plane)

        def ask(number: Operand) -> None:
            self._ask(fb.min(fb.add(fb.add(start, plan.tiles), number), fb.sub(last, 1)))

        calls = phase.points // plan.product_points
        planes = (self.inputs, plan.input_plane), (self.gradients, plan.gradient_plane), (sums, plan.sums_plane)
        for call in range(calls):
            for place, (base, plane) in enumerate(planes):
                here = fb.gep("float", base, call * plan.product_points * plane)
                fb.store("ptr", here, fb.gep("ptr", self.table, place))
            multiply(fb, plan, self.product, self.table, ask, (call, calls))

    def _clear(self, phase: Phase, base: str, offset: Operand, extent: int, plane: int) -> None:
        fb = self.fb
        with fb.loop(0, phase.points) as point, fb.loop(0, extent, self.plan.lanes) as at:
            where = fb.add(fb.add(offset, at), fb.mul(point, plane))
            fb.store(self.ty, literal(0.0, self.ty), fb.gep("float", base, where))

    def _place(self, tile: Operand) -> tuple[tuple[Operand, Operand], str, Operand]:
        """A tile's first result in its image, where the image begins, and where the tile's gradients do, in B."""
        fb, plan, slots = self.fb, self.plan, self.slots
        image, inside = fb.div(tile, plan.tiles_of_image), fb.rem(tile, plan.tiles_of_image)
        at = position(fb, plan, inside)
        image_at = fb.add(self.a_first, fb.mul(image, slots.extent(plan.images.a)))
        source = fb.gep(storage_type(self.spec.a.dtype), self.a_base, image_at)
        gradients = fb.add(self.b_first, fb.mul(image, slots.extent(plan.images.b)))
        for pair, first in zip(plan.pairs, at, strict=True):
            gradients = fb.add(gradients, fb.mul(first, static(pair.results.b)))
        return at, source, gradients

    def _ask(self, tile: Operand) -> None:
        """Asks for what a tile reads."""
        fb, plan, dtype = self.fb, self.plan, self.spec.b.dtype
        at, source, gradients = self._place(tile)
        ask_for_inputs(fb, plan, source, at)
        rows, columns = ([n * pair.apart * static(pair.results.b) for n in range(pair.step)] for pair in plan.pairs)
        here = fb.gep(storage_type(dtype), self.b_base, gradients, inbounds=False)
        ask_for_lines(fb, dtype, here, [i + j for i in rows for j in columns], static(plan.vector.extent))

    def _transform(self, phase: Phase, number: Operand, tile: Operand) -> None:
        """One tile of the inputs and of the gradients, all channels, into the buffers: the points of one turn."""
        fb, plan = self.fb, self.plan
        at, source, gradients = self._place(tile)
        target = fb.gep("float", self.inputs, fb.mul(number, plan.depth))
        transform_inputs(fb, plan, self.machine, source, at, target, phase.groups)
        last = [last_step(fb, pair, first) for pair, first in zip(plan.pairs, at, strict=True)]
        self._transform_gradients(phase, gradients, fb.mul(number, plan.width), last)

    def _transform_gradients(self, phase: Phase, origin: Operand, target: Operand, last: list[Operand]) -> None:
        """Positions beyond an odd extent have no gradient: zeros."""
        fb, plan, spec = self.fb, self.plan, self.spec
        scalar, extent = storage_type(spec.b.dtype), static(plan.vector.extent)
        pairs = plan.pairs
        there = [fb.cmp("sgt", "i64", end, 0) if pair.uneven else None for pair, end in zip(pairs, last, strict=True)]
        across = [pair.apart * static(pair.results.b) for pair in pairs]
        steps = [[0, end][: pair.step] for pair, end in zip(pairs, last, strict=True)]
        with fb.loop(0, plan.width, plan.lanes) as channel:
            mask = fb.mask_first(fb.sub(extent, channel), plan.lanes) if extent % plan.lanes else None
            here = fb.opaque(fb.gep(scalar, self.b_base, fb.add(origin, channel)))

            def load(row: int, column: int, here: str = here, mask: Operand | None = mask) -> str:
                at = fb.add(fb.mul(steps[0][row], across[0]), fb.mul(steps[1][column], across[1]))
                value = self._load(fb.gep(scalar, here, at), spec.b.dtype, mask)
                for condition, wanted in zip(there, (row, column), strict=True):
                    if condition is not None and wanted:
                        value = fb.let(f"select i1 {condition}, {self.ty} {value}, {self.ty} zeroinitializer")
                return value

            out = fb.gep("float", self.gradients, fb.add(target, channel))
            lines = self.transforms.result_gradients(load, phase.groups)
            store_planes(fb, self.ty, lines, out, plan.gradient_plane)

    def _load(self, pointer: str, dtype: str, mask: Operand | None) -> str:
        return str(load_elements(self.fb, pointer, dtype, "float32", self.plan.lanes, self.machine, mask))


def emit_chunk_sums(
    module: ModuleBuilder,
    name: str,
    plan: FilterGradientPlan,
    machine: HasFeatures,
    tables: Tables,
    slot: int,
    epilogue: Epilogue | None,
) -> None:
    """Writes the kernel that adds up the chunks' sums, in order, and transforms them; a unit is a channel of A."""
    fb = start_kernel(module, name)
    spec, lanes = plan.spec, plan.lanes
    slots = Slots(fb, tables)
    ty, extent = vec("float", lanes), static(plan.vector.extent) * plan.vector_blocks
    block = plan.points * plan.sums_plane
    depth = static(plan.channels.extent)
    sums, c_base = base_pointer(fb, slot), base_pointer(fb, spec.c.slot)
    chunks = slots.count(plan.chunks)
    transforms, width = Transforms(fb, ty, plan.pairs), plan.columns.points
    with fb.loop("%begin", "%end") as channel, fb.loop(0, extent, lanes) as first:
        number = fb.add(fb.mul(fb.div(channel, depth), plan.vector_blocks), fb.div(first, plan.width))
        inside = fb.add(fb.mul(fb.rem(channel, depth), plan.width), fb.rem(first, plan.width))
        here = fb.gep("float", sums, fb.add(fb.mul(number, block), inside))

        def added(rows: range, here: str = here) -> list[Vectors]:
            """The chunks' sums in some lines of points."""
            points = [width * i + j for i in rows for j in range(width)]
            with fb.loop_carry(0, chunks, [(ty, "zeroinitializer")] * len(points)) as loop:
                chunk = fb.opaque(fb.gep("float", here, fb.mul(loop.index, plan.blocks * block)))
                for point, carried in zip(points, loop.carried, strict=True):
                    part = fb.load(ty, fb.gep("float", chunk, point * plan.sums_plane))
                    loop.following.append(fb.op("fadd", ty, carried, part))
            return [loop.results[at : at + width] for at in range(0, len(points), width)]

        valid: Operand = lanes if extent % lanes == 0 else fb.min(fb.sub(extent, first), lanes)
        channel, first = fb.opaque_number(channel), fb.opaque_number(first)
        for i, taps in transforms.filter_gradients(added):
            for j, gradient in enumerate(taps):
                values = {plan.channels.name: channel, plan.vector.name: first}
                values |= {pair.taps.name: n for pair, n in zip(plan.pairs, (i, j), strict=True) if pair is not SINGLE}
                place = place_at(fb, spec, slots, values, plan.vector, lanes, valid, c_base, machine)
                if epilogue is not None:
                    epilogue(fb, gradient, ty, place)
                else:
                    place.store(gradient)
    fb.ret()
