"""Calls of ops that read and write elements by place, and that count and look for values."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from strategies.ops_common import (
    Call,
    apart,
    axis,
    covers,
    dtype,
    floats,
    halves,
    integers,
    numbers,
    optional,
    pick,
    shape,
)


def _part(draw: Any, extent: int) -> Any:
    kind = pick(draw, "index", "slice", "slice", "all")
    if kind == "index":
        return draw(st.integers(-extent, extent - 1))
    if kind == "all":
        return slice(None)
    bound = st.none() | st.integers(-extent - 1, extent + 1)
    return slice(draw(bound), draw(bound), pick(draw, None, 1, 2, -1, -2))


@covers("get_item")
def get_item(draw: Any, name: str) -> Call:
    extents = shape(draw, 1)
    x = numbers(draw, extents, dtype(draw, "int32"))
    key: list[Any] = [_part(draw, n) for n in extents[: draw(st.integers(1, len(extents)))]]
    special = pick(draw, "plain", "none", "ellipsis", "array", "two arrays", "mask")
    if special == "none":
        key.insert(draw(st.integers(0, len(key))), None)
    elif special == "ellipsis":
        key.insert(pick(draw, 0, len(key)), Ellipsis)
    elif special == "array":
        place = draw(st.integers(0, len(key) - 1))
        key[place] = integers(draw, shape(draw, 1, 2), -extents[place], extents[place])
    elif special == "two arrays" and len(key) > 1:
        for place in draw(st.permutations(range(len(key))))[:2]:
            key[place] = integers(draw, (3,), -extents[place], extents[place])
    elif special == "mask":
        key = [integers(draw, extents[: draw(st.integers(1, len(extents)))], 0, 2, "bool")]
    return Call(name, (x,), {"key": tuple(key) if len(key) > 1 or draw(st.booleans()) else key[0]})


@covers("take take_along_axis")
def taking(draw: Any, name: str) -> Call:
    extents = list(shape(draw, 1))
    x = numbers(draw, extents, dtype(draw, "int32"))
    where = axis(draw, len(extents))
    if name == "take":
        if draw(st.integers(0, 3)) == 0:
            return Call(name, (x, integers(draw, shape(draw, 0, 2), -x.size, x.size)), {"axis": None})
        return Call(name, (x, integers(draw, shape(draw, 0, 2), -extents[where], extents[where])), {"axis": where})
    if draw(st.integers(0, 3)) == 0:
        return Call(name, (x, integers(draw, shape(draw, 1, 1), 0, x.size)), {"axis": None})
    read = extents[where]
    extents = [1 if draw(st.integers(0, 4)) == 0 else n for n in extents]
    extents[where] = draw(st.integers(1, 4))
    return Call(name, (x, integers(draw, extents, -read, read)), {"axis": where})


@covers("slice slice_update")
def parts(draw: Any, name: str) -> Call:
    extents = shape(draw, 1)
    sizes = tuple(draw(st.integers(1, n)) for n in extents)
    starts = tuple(draw(st.integers(0, n - s)) for n, s in zip(extents, sizes))
    x = numbers(draw, extents, dtype(draw, "int32"))
    if name == "slice":
        return Call(name, (x, starts, sizes))
    return Call(name, (x, starts, numbers(draw, sizes, str(x.dtype))))


def _places(draw: Any, extents: tuple[int, ...], again: bool) -> np.ndarray:
    """Rows of indices into the leading dimensions; ``again``: the same place may come twice."""
    depth = draw(st.integers(1, len(extents)))
    all_of_them = np.stack(np.unravel_index(np.arange(int(np.prod(extents[:depth]))), extents[:depth]), -1)
    count = draw(st.integers(1, len(all_of_them)))
    rng = np.random.default_rng(draw(st.integers(0, 999)))
    return all_of_them[rng.choice(len(all_of_them), count, replace=again)].astype("int32")


@covers("scatter")
def scatter(draw: Any, name: str) -> Call:
    extents = shape(draw, 1)
    places = _places(draw, extents, True)
    return Call(name, (places, floats(draw, (len(places), *extents[places.shape[1] :])), extents))


@covers("scatter_update")
def scatter_update(draw: Any, name: str) -> Call:
    extents = shape(draw, 1)
    how = pick(draw, None, "add", "max", "min", "mul")
    places = _places(draw, extents, how == "add")
    x, updates = apart(draw, extents, 0.1), apart(draw, (len(places), *extents[places.shape[1] :]), 0.13)
    return Call(name, (x, places, updates), {"reduction": how}, gradient=how in (None, "add"))


@covers("searchsorted digitize isin in_top_k")
def looking(draw: Any, name: str) -> Call:
    if name == "in_top_k":
        rows, classes = draw(st.integers(1, 5)), draw(st.integers(1, 6))
        scores = apart(draw, (rows, classes))
        return Call(
            name, (integers(draw, (rows,), 0, classes), scores), {"k": draw(st.integers(1, classes))}, gradient=False
        )
    values = halves(draw, shape(draw))
    if name == "isin":
        return Call(
            name, (values, halves(draw, shape(draw, 0, 2))), optional(draw, {"invert": st.booleans()}), gradient=False
        )
    edges = np.sort(halves(draw, shape(draw, 1, 1, (1, 6))))
    if name == "digitize":
        return Call(name, (values, np.unique(edges)), gradient=False)
    return Call(name, (edges, values), {"side": pick(draw, "left", "right")}, gradient=False)


@covers("nonzero unique bincount histogram")
def counting(draw: Any, name: str) -> Call:
    if name == "nonzero":
        return Call(name, (integers(draw, shape(draw, 1), 0, 2),), {}, False, compiled=False)
    if name == "unique":
        options = {n: st.booleans() for n in ("return_index", "return_inverse", "return_counts")}
        x = halves(draw, shape(draw, 1, 2)) if draw(st.booleans()) else integers(draw, shape(draw, 1, 2))
        return Call(name, (x,), optional(draw, options), False, compiled=False)
    if name == "histogram":
        kwargs = optional(draw, {"bins": st.integers(1, 6)})
        if draw(st.booleans()):
            kwargs["range"] = (-1.5, 1.25)
        return Call(name, (floats(draw, shape(draw, 1, 2)),), kwargs, False, compiled=False)
    n = draw(st.integers(1, 6))
    weights = floats(draw, (n,)) if draw(st.booleans()) else None
    return Call(
        name,
        (integers(draw, (n,), 0, 5),),
        {"weights": weights} | optional(draw, {"minlength": st.integers(0, 7)}),
        False,
        compiled=False,
    )


@covers("unravel_index one_hot multi_hot")
def of_indices(draw: Any, name: str) -> Call:
    extents = shape(draw)
    if name == "unravel_index":
        whole = shape(draw, 1)
        return Call(name, (integers(draw, extents, 0, int(np.prod(whole))), whole))
    classes = draw(st.integers(1, 5))
    kind = optional(draw, {"dtype": st.sampled_from(("float32", "int32", "bool"))})
    if name == "multi_hot":
        return Call(name, (integers(draw, shape(draw, 1, 2), 0, classes), classes), kind)
    where = draw(st.integers(-1, len(extents)))
    return Call(name, (integers(draw, extents, -1, classes + 1), classes), {"axis": where, **kind})


@covers("extract_sequences")
def extract_sequences(draw: Any, name: str) -> Call:
    length, stride = draw(st.integers(1, 5)), draw(st.integers(1, 4))
    x = floats(draw, (*shape(draw, 0, 2), length + draw(st.integers(0, 9))))
    return Call(name, (x, length, stride))
