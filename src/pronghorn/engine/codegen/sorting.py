"""Stable lexicographic sorting of several arrays along one axis of ``[outer, n, inner]``.

The keys of an element, made order-preserving unsigned integers, and its position are packed into one wide integer, the
first key on top. Those integers are all different and their order is the one asked for, ties and all, so what remains
is to sort plain integers: insertion sort of short runs, then merging. At the end every array is read through the
positions at the bottom of the integers. Where only the first few of a row are asked for, as by `top_k`, those found so
far are kept in order, and an element that comes before the last of them is inserted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pronghorn.engine.codegen.arguments import base_pointer, start_kernel
from pronghorn.engine.codegen.builder import FunctionBuilder, ModuleBuilder, Operand, literal, size_of
from pronghorn.engine.codegen.convert import storage_type
from pronghorn.engine.codegen.slots import Slots, Tables
from pronghorn.engine.codegen.values import is_real, is_signed, load_value, value_type
from pronghorn.engine.graph.dim import Extent
from pronghorn.engine.graph.dtypes import LOW_PRECISION

__all__ = ["emit_sort", "sort_scratch", "sort_units"]

_RUN = 16  # elements sorted by insertion before merging starts
_POSITION_BITS = 32


def sort_units(outer: Extent, inner: Extent) -> Extent:
    """How many units of work there are: rows; the extents may be ints or symbolic."""
    return outer * inner


def sort_scratch(key_dtypes: Sequence[str], outer: Extent, n: Extent, inner: Extent, few: int | None = None) -> Extent:
    """How many bytes of scratch memory the kernel needs, all units together; ``few`` as in `emit_sort`.

    >>> sort_scratch(["float32"], 2, 100, 1), sort_scratch(["float32"], 2, 100, 1, 5)
    (3200, 80)
    """
    return outer * inner * (2 * n if few is None else few) * (_packed_bits(key_dtypes) // 8)


def _key_bits(dtype: str) -> int:
    if dtype in LOW_PRECISION:
        return 32
    return 8 * size_of(storage_type(dtype))


def _packed_bits(key_dtypes: Sequence[str]) -> int:
    """The width of the packed integers: whole words."""
    return -(-(sum(_key_bits(dtype) for dtype in key_dtypes) + _POSITION_BITS) // 64) * 64


def emit_sort(
    module: ModuleBuilder,
    name: str,
    tables: Tables,
    dtypes: Sequence[str],
    num_keys: int,
    outer: Extent,
    n: Extent,
    inner: Extent,
    sources: Sequence[int],
    targets: Sequence[int],
    scratch: int,
    few: int | None = None,
) -> None:
    """Writes the kernel of ``sort``: ascending by the first ``num_keys`` operands, stable, NaN last.

    Args:
        module: where the kernel goes.
        name: its name.
        tables: where the step has run-time extents.
        dtypes: the operands' element types.
        num_keys: how many of the operands are keys.
        outer: the extent of all axes before the axis to sort along, which is ``n`` long (less than 2**32).
        n: the axis's extent.
        inner: the extent of all axes behind it.
        sources: the operands' slots.
        targets: the results' slots; they must not be the operands' own.
        scratch: the slot of ``sort_scratch`` bytes.
        few: how many elements of each row are wanted, the first ones; the others are not written. None: all.
    """
    width = _packed_bits(dtypes[:num_keys])
    if few is None:
        _define_runs(module, name, width)
        _define_merge(module, name, width)
    fb = start_kernel(module, name)
    extent = Slots(fb, tables).extent
    inputs, outputs = ([base_pointer(fb, slot) for slot in slots] for slots in (sources, targets))
    memory = base_pointer(fb, scratch)
    length, stride = extent(n), extent(inner)
    wanted = length if few is None else fb.min(few, length)
    size = fb.mul(length if few is None else few, width // 8)
    with fb.loop("%begin", "%end") as unit:
        first = fb.add(fb.mul(fb.div(unit, stride), fb.mul(length, stride)), fb.rem(unit, stride))
        packed = fb.gep("i8", memory, fb.mul(unit, size if few is not None else fb.mul(size, 2)))

        def element(position: Operand, first: Operand = first) -> str:
            at = fb.add(first, fb.mul(position, stride))
            return _pack(fb, inputs, dtypes[:num_keys], at, position, width)

        if few is None:
            with fb.loop(0, length) as position:
                _store(fb, width, element(position), packed, position)
            other = fb.gep("i8", packed, size)
            fb.call(f"{name}.runs", "void", [("ptr", packed), ("i64", length)])
            done = fb.call(f"{name}.merge", "ptr", [("ptr", packed), ("ptr", other), ("i64", length)])
        else:
            done = packed
            _select(fb, width, packed, few, length, element)
        with fb.loop(0, wanted) as position:
            low = fb.load("i32", fb.gep("i8", done, fb.mul(position, width // 8)), align=4)
            chosen = fb.cast("zext", low, "i32", "i64")
            source = fb.add(first, fb.mul(chosen, stride))
            target = fb.add(first, fb.mul(position, stride))
            for x, y, dtype in zip(inputs, outputs, dtypes):
                ty = storage_type(dtype)
                fb.store(ty, fb.load(ty, fb.gep(ty, x, source)), fb.gep(ty, y, target))
    fb.ret()


def _address(fb: FunctionBuilder, width: int, base: str, position: Operand) -> str:
    return fb.gep("i8", base, fb.mul(position, width // 8))


def _load(fb: FunctionBuilder, width: int, base: str, position: Operand) -> str:
    return fb.load(f"i{width}", _address(fb, width, base, position), align=8)


def _store(fb: FunctionBuilder, width: int, value: str, base: str, position: Operand) -> None:
    fb.store(f"i{width}", value, _address(fb, width, base, position), align=8)


def _pack(
    fb: FunctionBuilder, inputs: Sequence[str], dtypes: Sequence[str], at: Operand, position: Operand, width: int
) -> str:
    """The integer that stands for the element ``at`` of the arrays, which is at ``position`` of its row."""
    ty = f"i{width}"
    index = fb.let(f"trunc i64 {position} to i32")
    packed = fb.cast("zext", index, "i32", ty)
    shift = _POSITION_BITS
    for base, dtype in reversed(list(zip(inputs, dtypes))):
        key = _ordered(fb, dtype, load_value(fb, dtype, fb.gep(storage_type(dtype), base, at)))
        wide = fb.cast("zext", key, f"i{_key_bits(dtype)}", ty)
        packed = fb.op("or", ty, packed, fb.op("shl", ty, wide, shift))
        shift += _key_bits(dtype)
    return packed


def _ordered(fb: FunctionBuilder, dtype: str, value: str) -> str:
    """An unsigned integer ordered as the values are: -0 as 0, NaN above all."""
    bits = _key_bits(dtype)
    ty = f"i{bits}"
    if dtype == "bool":
        return fb.cast("zext", value, "i1", ty)
    if not is_real(dtype):
        return fb.op("xor", ty, value, literal(-(1 << (bits - 1)), ty)) if is_signed(dtype) else value
    real = value_type(dtype)
    plain = fb.op("fadd", real, value, literal(0.0, real))
    raw = fb.cast("bitcast", plain, real, ty)
    # Negative numbers have all bits flipped, the others the sign's only.
    flip = fb.op("or", ty, fb.op("ashr", ty, raw, bits - 1), literal(-(1 << (bits - 1)), ty))
    ordered = fb.op("xor", ty, raw, flip)
    return fb.select(fb.cmp("uno", real, value, value), ty, literal(-1, ty), ordered)


def _define_runs(module: ModuleBuilder, name: str, width: int) -> None:
    """``void runs(ptr x, i64 n)``: sorts every run of 16 by insertion."""
    fb = module.function(f"{name}.runs", [("ptr", "x"), ("i64", "n")], linkage="internal", attributes="nounwind")
    with fb.loop(0, "%n", _RUN) as start:
        stop = fb.min(fb.add(start, _RUN), "%n")
        with fb.loop(fb.add(start, 1), stop) as taken:
            _insert(fb, width, "%x", _load(fb, width, "%x", taken), taken, start)
    fb.ret()


def _insert(fb: FunctionBuilder, width: int, base: str, item: str, place: Operand, start: Operand) -> None:
    """Puts an item among the sorted ones from ``start`` to ``place``, of which those behind it move up by one."""
    ty = f"i{width}"
    head, look, move, done = (fb.label(hint) for hint in ("head", "look", "move", "done"))
    before, here, previous = fb.block, fb.name_value(), fb.name_value()
    fb.branch(head)
    fb.place(head)
    fb.emit(f"{here} = phi i64 [ {place}, %{before} ], [ {previous}, %{move} ]")
    fb.branch_if(fb.cmp("sgt", "i64", here, start), look, done)
    fb.place(look)
    fb.emit(f"{previous} = sub nsw i64 {here}, 1")
    neighbour = _load(fb, width, base, previous)
    fb.branch_if(fb.cmp("ugt", ty, neighbour, item), move, done)
    fb.place(move)
    _store(fb, width, neighbour, base, here)
    fb.branch(head)
    fb.place(done)
    _store(fb, width, item, base, here)


def _select(
    fb: FunctionBuilder, width: int, base: str, few: int, length: Operand, element: Callable[[Operand], str]
) -> None:
    """Collects the first few of a row's elements in order; there may be fewer."""
    if few == 0:
        return
    ty = f"i{width}"
    with fb.loop(0, few) as place:
        _store(fb, width, literal(-1, ty), base, place)
    with fb.loop(0, length) as position:
        item = element(position)
        with fb.if_(fb.cmp("ult", ty, item, _load(fb, width, base, few - 1))):
            _insert(fb, width, base, item, few - 1, 0)


def _define_merge(module: ModuleBuilder, name: str, width: int) -> None:
    """``ptr merge(ptr x, ptr y, i64 n)``: merges the runs until one is left; it is in the buffer returned."""
    _define_merge_two(module, name, width)
    fb = module.function(
        f"{name}.merge", [("ptr", "x"), ("ptr", "y"), ("i64", "n")], "ptr", linkage="internal", attributes="nounwind"
    )
    head, body, done = (fb.label(hint) for hint in ("head", "body", "done"))
    run, source, target, doubled = (fb.name_value() for _ in range(4))
    fb.branch(head)
    fb.place(head)
    latch = fb.label("latch")
    fb.emit(f"{run} = phi i64 [ {_RUN}, %entry ], [ {doubled}, %{latch} ]")
    fb.emit(f"{source} = phi ptr [ %x, %entry ], [ {target}, %{latch} ]")
    fb.emit(f"{target} = phi ptr [ %y, %entry ], [ {source}, %{latch} ]")
    fb.branch_if(fb.cmp("slt", "i64", run, "%n"), body, done)
    fb.place(body)
    fb.emit(f"{doubled} = shl i64 {run}, 1")
    pairs = fb.let(f"udiv i64 {fb.add('%n', fb.sub(doubled, 1))}, {doubled}")
    with fb.loop(0, pairs) as pair:
        start = fb.mul(pair, doubled)
        middle = fb.min(fb.add(start, run), "%n")
        stop = fb.min(fb.add(start, doubled), "%n")
        arguments = [("ptr", source), ("ptr", target), ("i64", start), ("i64", middle), ("i64", stop)]
        fb.call(f"{name}.merge_two", "void", arguments)
    fb.branch(latch)
    fb.place(latch)
    fb.branch(head)
    fb.place(done)
    fb.ret("ptr", source)


def _define_merge_two(module: ModuleBuilder, name: str, width: int) -> None:
    """``void merge_two(ptr x, ptr y, i64 start, i64 middle, i64 stop)``: two neighbouring runs of x into one of y."""
    ty = f"i{width}"
    parameters = [("ptr", "x"), ("ptr", "y"), ("i64", "start"), ("i64", "middle"), ("i64", "stop")]
    fb = module.function(f"{name}.merge_two", parameters, linkage="internal", attributes="nounwind")
    head, right_left, both, done = (fb.label(hint) for hint in ("head", "right", "both", "done"))
    left, right, place = (fb.name_value() for _ in range(3))
    next_left, next_right, next_place = (fb.name_value() for _ in range(3))
    fb.branch(head)
    fb.place(head)
    for value, first, after in (
        (left, "%start", next_left),
        (right, "%middle", next_right),
        (place, "%start", next_place),
    ):
        fb.emit(f"{value} = phi i64 [ {first}, %entry ], [ {after}, %{both} ]")
    fb.branch_if(fb.cmp("slt", "i64", left, "%middle"), right_left, done)
    fb.place(right_left)
    fb.branch_if(fb.cmp("slt", "i64", right, "%stop"), both, done)
    fb.place(both)
    a, b = _load(fb, width, "%x", left), _load(fb, width, "%x", right)
    is_right = fb.cmp("ult", ty, b, a)
    _store(fb, width, fb.select(is_right, ty, b, a), "%y", place)
    taken = fb.cast("zext", is_right, "i1", "i64")
    fb.emit(f"{next_right} = add nsw i64 {right}, {taken}")
    fb.emit(f"{next_left} = add nsw i64 {left}, {fb.let(f'sub i64 1, {taken}')}")
    fb.emit(f"{next_place} = add nsw i64 {place}, 1")
    fb.branch(head)
    fb.place(done)
    _copy_rest(fb, width, left, "%middle", place)
    _copy_rest(fb, width, right, "%stop", fb.add(place, fb.sub("%middle", left)))
    fb.ret()


def _copy_rest(fb: FunctionBuilder, width: int, first: str, stop: str, place: Operand) -> None:
    """What is left of a run when the other one is used up."""
    size = fb.mul(fb.sub(stop, first), width // 8)
    source, target = _address(fb, width, "%x", first), _address(fb, width, "%y", place)
    fb.call("llvm.memcpy.p0.p0.i64", "void", [("ptr", target), ("ptr", source), ("i64", size), ("i1", "false")])
