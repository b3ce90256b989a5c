"""Calls of ops that move, join, split, repeat and make elements."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from strategies.ops_common import (
    Call,
    axis,
    covers,
    dtype,
    floats,
    integers,
    maybe_empty,
    numbers,
    optional,
    pick,
    shape,
    some_axes,
)


@covers("reshape ravel size shape ndim expand_dims squeeze")
def form(draw: Any, name: str) -> Call:
    extents = maybe_empty(draw)
    x = numbers(draw, extents, dtype(draw))
    if name == "reshape":
        target = list(draw(st.permutations(extents))) + [1] * draw(st.integers(0, 1))
        if x.size and target and draw(st.booleans()):
            target[draw(st.integers(0, len(target) - 1))] = -1
        return Call(name, (x, tuple(target)))
    if name == "expand_dims":
        return Call(name, (x,), {"axis": draw(st.integers(-len(extents) - 1, len(extents)))})
    if name == "squeeze":
        x = np.asarray(x).reshape([n for pair in zip(extents, [1] * len(extents)) for n in pair])
        ones = [i for i, n in enumerate(x.shape) if n == 1]
        return Call(name, (x,), {"axis": pick(draw, None, *ones, *(i - x.ndim for i in ones))})
    return Call(name, (x,), gradient=name == "ravel")


@covers("transpose swapaxes moveaxis")
def permutation(draw: Any, name: str) -> Call:
    extents = maybe_empty(draw, 1)
    rank, x = len(extents), numbers(draw, extents, dtype(draw))
    if name == "transpose":
        return Call(name, (x, pick(draw, None, tuple(draw(st.permutations(range(rank)))))))
    if name == "swapaxes" or draw(st.booleans()):
        return Call(name, (x, axis(draw, rank), axis(draw, rank)))
    moved = some_axes(draw, rank)
    places = tuple(draw(st.permutations(range(rank)))[: len(moved)])
    return Call(name, (x, moved, places))


@covers("flip fliplr flipud rot90 roll")
def turning(draw: Any, name: str) -> Call:
    extents = maybe_empty(draw, 2 if name in ("fliplr", "rot90") else 1)
    rank, x = len(extents), numbers(draw, extents, dtype(draw))
    if name == "flip":
        return Call(name, (x,), {"axis": pick(draw, None, axis(draw, rank), some_axes(draw, rank))})
    if name == "rot90":
        first, second = draw(st.permutations(range(rank)))[:2]
        return Call(name, (x,), {"k": draw(st.integers(-3, 4)), "axes": (first, second)})
    if name == "roll":
        where = pick(draw, None, axis(draw, rank), some_axes(draw, rank))
        count = len(where) if isinstance(where, tuple) else 0
        shift = tuple(draw(st.integers(-7, 7)) for _ in range(count)) if count else draw(st.integers(-7, 7))
        return Call(name, (x, shift), {"axis": where})
    return Call(name, (x,))


@covers("broadcast_to tile repeat")
def repetition(draw: Any, name: str) -> Call:
    extents = maybe_empty(draw)
    x = numbers(draw, extents, dtype(draw))
    if name == "broadcast_to":
        narrow = tuple(1 if draw(st.integers(0, 2)) == 0 else n for n in extents)
        return Call(name, (floats(draw, narrow), (*shape(draw, 0, 2), *extents)))
    if name == "tile":
        return Call(name, (x, tuple(draw(st.lists(st.integers(0, 3), min_size=1, max_size=3)))))
    where = axis(draw, len(extents)) if extents and draw(st.booleans()) else None
    if where is not None and extents[where] and draw(st.booleans()):
        return Call(name, (x,), {"repeats": integers(draw, (extents[where],), 0, 3), "axis": where}, compiled=False)
    return Call(name, (x,), {"repeats": draw(st.integers(0, 3)), "axis": where})


@covers("pad")
def pad(draw: Any, name: str) -> Call:
    extents = shape(draw, 1, 3, (2, 5))
    mode = pick(draw, "constant", "reflect", "symmetric", "edge", "wrap")
    most = 1 if mode in ("reflect",) else 2
    width: Any = tuple((draw(st.integers(0, most)), draw(st.integers(0, most))) for _ in extents)
    width = draw(st.integers(0, most)) if draw(st.integers(0, 3)) == 0 else width
    kwargs = {"pad_width": width, "mode": mode}
    if mode == "constant" and draw(st.booleans()):
        kwargs["constant_values"] = draw(st.integers(-2, 2))
    return Call(name, (numbers(draw, extents, dtype(draw, "int32")),), kwargs)


@covers("concatenate stack hstack vstack dstack append")
def joining(draw: Any, name: str) -> Call:
    extents = maybe_empty(draw, 0 if name != "concatenate" else 1)
    count = 2 if name == "append" else draw(st.integers(1, 3))
    kinds = [dtype(draw) for _ in range(count)]
    many = [numbers(draw, extents, kind) for kind in kinds]
    gradient = set(kinds) == {"float32"}
    if name == "append":
        where = axis(draw, len(extents)) if extents and draw(st.booleans()) else None
        return Call(name, tuple(many), {"axis": where}, gradient)
    if name == "concatenate":
        where = axis(draw, len(extents))
        other = list(extents)
        other[where] = draw(st.integers(0, 3))
        return Call(name, ([*many, floats(draw, other)],), {"axis": where}, gradient)
    if name == "stack":
        return Call(name, (many,), {"axis": draw(st.integers(-len(extents) - 1, len(extents)))}, gradient)
    return Call(name, (many,), gradient=gradient)


@covers("split array_split hsplit vsplit dsplit unstack")
def splitting(draw: Any, name: str) -> Call:
    least = {"dsplit": 3, "hsplit": 2}.get(name, 1)
    extents = list(shape(draw, least, 3))
    where = {"hsplit": 1, "vsplit": 0, "dsplit": 2}.get(name)
    where = axis(draw, len(extents)) if where is None else where
    parts: Any = draw(st.integers(1, 3))
    if name == "unstack":
        return Call(name, (floats(draw, extents),), {"axis": where, "num": pick(draw, None, extents[where])})
    if draw(st.booleans()):
        parts = sorted(draw(st.lists(st.integers(0, extents[where]), min_size=1, max_size=3)))
    elif name != "array_split":
        extents[where] *= parts
    x = numbers(draw, extents, dtype(draw))
    return Call(name, (x, parts), {} if name in ("hsplit", "vsplit", "dsplit") else {"axis": where})


@covers("meshgrid")
def meshgrid(draw: Any, name: str) -> Call:
    arrays = [floats(draw, shape(draw, 1, 1)) for _ in range(draw(st.integers(1, 3)))]
    return Call(name, tuple(arrays), {"indexing": pick(draw, "xy", "ij")})


@covers("rearrange")
def rearrange(draw: Any, name: str) -> Call:
    a, b, c, d = (draw(st.integers(1, 3)) for _ in range(4))
    pattern, extents, lengths = pick(
        draw,
        ("x (y z) w -> x y (z w)", (a, b * c, d), {"y": b}),
        ("x y -> y x", (a, b), {}),
        ("x y z -> (x y z)", (a, b, c), {}),
        ("(x y) z -> y 1 z x", (a * b, c), {"x": a}),
    )
    return Call(name, (floats(draw, extents),), {"pattern": pattern, **lengths})


@covers("arange linspace logspace geomspace")
def ranges(draw: Any, name: str) -> Call:
    if name == "arange":
        whole = draw(st.booleans())
        start = draw(st.integers(-3, 3)) if whole else draw(st.sampled_from((-1.5, 0.0, 0.25)))
        step = pick(draw, 1, 2, 3) if whole else pick(draw, 0.25, 0.5)
        stop = start + step * draw(st.integers(0, 6))
        kwargs = optional(draw, {"dtype": st.sampled_from(("float32", "int32"))})
        return Call(name, (stop,) if draw(st.integers(0, 2)) == 0 else (start, stop, step), kwargs)
    num = draw(st.integers(1, 6))
    kwargs = {"num": num} | optional(draw, {"endpoint": st.booleans()})
    low, high = (0.5, 3.0) if name == "geomspace" else (-2.0, 2.0)
    if draw(st.booleans()):
        extents = shape(draw, 1, 2)
        kwargs["axis"] = pick(draw, 0, -1)
        ends = (floats(draw, extents, low, high), floats(draw, extents, low, high))
    else:
        ends = (draw(st.floats(low, high, width=16)), draw(st.floats(low, high, width=16)))
    if name == "logspace":
        kwargs |= optional(draw, {"base": st.sampled_from((2.0, 3.0))})
    return Call(name, ends, kwargs)


@covers("eye identity tri zeros ones empty full full_like empty_like")
def filled(draw: Any, name: str) -> Call:
    kind = optional(draw, {"dtype": st.sampled_from(("float32", "int32", "bool", "float16"))})
    extents = maybe_empty(draw)
    if name in ("eye", "tri"):
        kwargs = optional(draw, {"M": st.integers(1, 5), "k": st.integers(-3, 3)})
        return Call(name, (draw(st.integers(0, 5)),), kwargs | kind)
    if name == "identity":
        return Call(name, (draw(st.integers(0, 5)),), kind)
    if name == "full":
        return Call(name, (extents, pick(draw, 3, 1.5, True)), kind)
    if name == "full_like":
        return Call(name, (numbers(draw, extents, dtype(draw)), pick(draw, 3, 2)), kind, gradient=False)
    if name == "empty_like":
        return Call(name, (numbers(draw, extents, dtype(draw)),), kind, gradient=False)
    return Call(name, (extents,), kind)


@covers("bartlett blackman hamming hanning kaiser")
def windows(draw: Any, name: str) -> Call:
    n = draw(st.integers(1, 12))
    return Call(name, (n, draw(st.floats(0, 14))) if name == "kaiser" else (n,))


@covers("vander")
def vander(draw: Any, name: str) -> Call:
    x = floats(draw, shape(draw, 1, 1), 0.5, 1.5)
    return Call(name, (x,), optional(draw, {"N": st.integers(1, 5), "increasing": st.booleans()}))


@covers("diag diagflat diagonal trace tril triu")
def diagonals(draw: Any, name: str) -> Call:
    k = draw(st.integers(-3, 3))
    if name == "diag":
        return Call(name, (floats(draw, shape(draw, 1, 2)),), {"k": k})
    if name == "diagflat":
        return Call(name, (floats(draw, shape(draw, 0, 2)),), {"k": k})
    extents = shape(draw, 2, 4, (1, 4))
    x = numbers(draw, extents, dtype(draw, "int32", "uint8"))
    if name in ("tril", "triu"):
        return Call(name, (x,), {"k": k})
    first, second = draw(st.permutations(range(len(extents))))[:2]
    return Call(
        name, (x,), {"offset": draw(st.integers(-2, 2)), "axis1": first - pick(draw, 0, len(extents)), "axis2": second}
    )


@covers("array convert_to_tensor convert_to_numpy")
def conversion(draw: Any, name: str) -> Call:
    x = numbers(draw, maybe_empty(draw), dtype(draw))
    if name in ("array", "convert_to_tensor"):
        return Call(
            name, (x,), optional(draw, {"dtype": st.sampled_from(("float32", "int32", "float16"))}), gradient=False
        )
    return Call(name, (x,), gradient=False, compiled=False)
