"""Calls of ops that take functions: loops, branches, maps, derivatives."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from strategies.ops_common import Body, Call, axis, covers, floats, integers, pick, shape


@covers("scan associative_scan")
def scans(draw: Any, name: str) -> Call:
    extents = shape(draw, 1)
    if name == "associative_scan":
        body = Body(lambda ops: lambda a, b: a + b) if draw(st.booleans()) else Body(lambda ops: ops.maximum)
        kwargs = {"reverse": draw(st.booleans()), "axis": axis(draw, len(extents))}
        return Call(name, (body, floats(draw, extents)), kwargs)

    def make(ops):
        def step(carry, x):
            carry = ops.tanh(carry + x)
            return carry, carry * 2.0

        return step

    return Call(name, (Body(make), floats(draw, extents[1:]), floats(draw, extents)), {"reverse": draw(st.booleans())})


@covers("while_loop fori_loop")
def loops(draw: Any, name: str) -> Call:
    x, count = floats(draw, shape(draw)), draw(st.integers(0, 4))
    # JAX has no reverse derivative of a loop whose length it does not know.
    if name == "fori_loop":
        return Call(name, (0, count, Body(lambda ops: lambda i, x: ops.sin(x) + 0.5), x), gradient=False)
    limit = pick(draw, None, 2)
    bodies = (Body(lambda ops: lambda i, x: i < count), Body(lambda ops: lambda i, x: (i + 1, ops.sin(x) + 0.5)))
    return Call(name, (*bodies, (0, x)), {"maximum_iterations": limit}, gradient=False)


@covers("cond switch")
def branches(draw: Any, name: str) -> Call:
    x = floats(draw, shape(draw))
    if name == "switch":
        bodies = [
            Body(lambda ops: lambda x: x * 2.0),
            Body(lambda ops: lambda x: ops.sin(x)),
            Body(lambda ops: ops.abs),
        ]
        return Call(name, (integers(draw, (), 0, 3), bodies, x))
    scale = draw(st.floats(0.5, 2, width=16))
    true, false = Body(lambda ops: lambda: ops.convert_to_tensor(x * scale)), Body(lambda ops: lambda: ops.sin(x))
    return Call(name, (integers(draw, (), 0, 2, "bool"), true, false), gradient=False)


@covers("map vectorized_map vectorize")
def maps(draw: Any, name: str) -> Call:
    x, y = floats(draw, extents := shape(draw, 1)), floats(draw, extents)
    if name == "vectorize":
        if draw(st.booleans()):
            return Call(name, (Body(lambda ops: lambda a: ops.sin(a) + 1.0),), then=(x,))
        return Call(name, (Body(lambda ops: ops.sum),), {"signature": "(n)->()"}, then=(x,))
    if draw(st.booleans()):
        return Call(name, (Body(lambda ops: lambda pair: ops.sum(pair[0] * pair[1])), (x, y)))
    return Call(name, (Body(lambda ops: lambda row: ops.sin(row) * 2.0), x))


@covers("jvp custom_gradient")
def derivatives(draw: Any, name: str) -> Call:
    x, y = floats(draw, extents := shape(draw)), floats(draw, extents)
    if name == "jvp":
        return Call(name, (Body(lambda ops: lambda a: ops.sin(a) * a), (x,), (y,)))

    def make(ops):
        def fn(a):
            def grad(*args, upstream=None):
                return 3.0 * (upstream if upstream is not None else args[0])

            return ops.sin(a), grad

        return fn

    return Call(name, (Body(make),), then=(x,))
