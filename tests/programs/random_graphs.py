"""Random programs over the primitives, to compare the compiler with the NumPy interpreter.

A program is a function of a few arrays and variables. Most of its numbers are small integers held in whatever type, so
that sums in any order are exact and a comparison can ask for equality; numbers that went through a transcendental
function are marked inexact, are compared with a tolerance, and never decide anything (no comparison, no rounding).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph import primitives as P
from pronghorn.engine.graph.dim import Dim, identical
from pronghorn.engine.graph.ir import Aval
from pronghorn.engine.graph.tensor import Tensor
from pronghorn.engine.graph.trace import Traced, trace, trace_body
from pronghorn.variables import Variable

BATCH = Dim.symbol("batch")
EXTENTS = (1, 2, 3, 4, 5, 6, 8, 16, 17, 36)
DTYPES = ("float32", "float32", "float32", "float64", "int32", "bfloat16")
LARGEST = 2**14  # elements of a value, with a batch of five
LIMIT = 8  # exact numbers are clamped to [-LIMIT, LIMIT]
INEXACT = ("exp", "tanh", "logistic", "sin", "sqrt", "erf")


@dataclass
class Program:
    """A random program: what was traced, its variables, and which results are exact."""

    traced: Traced
    avals: list[Aval]
    exact: list[bool]

    def arguments(self, rng: np.random.Generator, batch: int) -> list[np.ndarray]:
        """Random arguments for one batch size."""
        return [small_integers(rng, _sizes(a, batch), a.dtype) for a in self.avals]


def _sizes(aval: Aval, batch: int) -> tuple[int, ...]:
    return tuple(d.evaluate({"batch": batch}) if isinstance(d, Dim) else d for d in aval.shape)


def small_integers(rng: np.random.Generator, shape: tuple[int, ...], dtype: str) -> np.ndarray:
    """Integers from -3 to 3 in any type."""
    return rng.integers(-3, 4, shape).astype(dtypes.to_numpy(dtype))


def random_program(seed: int, steps: int, variables: int = 0, hint: int | None = None) -> Program:
    """The program number ``seed`` of about ``steps`` primitives, reading and assigning ``variables`` variables.

    With a hint, what moves elements about works along symbolic axes too, as it may with that many rows: the program
    then holds for numbers for which the guards of its trace hold.
    """
    rng = np.random.default_rng(seed)
    dtype = str(rng.choice(DTYPES))
    avals = [_random_aval(rng, dtype) for _ in range(rng.integers(1, 4))]
    avals[0] = Aval((BATCH, *avals[0].shape[1:]), dtype)
    held = [
        Variable(small_integers(rng, _random_shape(rng, symbolic=False), dtype), dtype=dtype) for _ in range(variables)
    ]
    exact: list[bool] = []
    exact_variables: dict[Variable, bool] = {}

    def body(*arguments: Tensor) -> list[Tensor]:
        builder = Builder(rng, dtype, hint)
        builder.values += arguments
        builder.values += [v.value for v in held]
        for _ in range(steps):
            builder.step()
        for variable in held:
            if rng.random() < 0.8:
                value = builder.value_like(variable)
                exact_variables[variable] = value not in builder.inexact
                variable.assign(value)
        results = builder.results()
        exact.extend(t not in builder.inexact for t in results)
        return results

    traced = trace(body, avals, f"random{seed}", None if hint is None else {"batch": hint})
    return Program(traced, avals, exact + [exact_variables[v] for v in traced.updated])


def _random_shape(rng: np.random.Generator, symbolic: bool = True) -> tuple[Any, ...]:
    rank = int(rng.choice([0, 1, 2, 2, 3, 3, 4]))
    shape: list[Any] = [int(rng.choice(EXTENTS)) for _ in range(rank)]
    while np.prod(shape, dtype=int) > 4000:
        shape[int(rng.integers(rank))] = 2
    if symbolic and shape and rng.random() < 0.6:
        shape[0] = BATCH
    return tuple(shape)


def _random_aval(rng: np.random.Generator, dtype: str) -> Aval:
    return Aval(_random_shape(rng), dtype)


def _size(shape: tuple[Any, ...]) -> int:
    return int(np.prod([d.evaluate({"batch": 5}) if isinstance(d, Dim) else d for d in shape], dtype=int))


class Builder:
    """Adds random primitives to the trace that is active."""

    def __init__(self, rng: np.random.Generator, dtype: str, hint: int | None = None, nested: bool = False):
        self.rng, self.dtype, self.hint, self.nested = rng, dtype, hint, nested
        self.values: list[Tensor] = []
        self.inexact: set[Tensor] = set()
        self.moves: list[Callable[[Tensor], Tensor | None]] = [
            self.unary, self.unary, self.binary, self.binary, self.binary, self.choose, self.choose,
            self.broadcast, self.broadcast, self.reshape, self.reshape, self.transpose, self.reverse, self.cut,
            self.cut, self.pad, self.pad, self.join, self.join, self.reduce, self.reduce, self.reduce, self.position,
            self.dot, self.dot, self.convolve, self.window, self.pool, self.take, self.dynamic, self.scatter,
            self.cumulate, self.sort, self.transcendental, self.convert,
        ]  # fmt: skip
        if not nested:
            self.moves += [self.scan, self.branch]
        if hint is not None:  # what asks for the length of an axis
            self.moves += [self.cut, self.cut, self.cut, self.pad, self.dynamic, self.dynamic, self.window, self.pool]

    # -- bookkeeping --------------------------------------------------------------------------------------------------
    def step(self) -> None:
        """One more value; later values are likelier operands."""
        for _ in range(20):
            x = self.pick()
            y = self.rng.choice(self.moves)(x)  # type: ignore[arg-type]
            if y is not None and _size(y.shape) <= LARGEST:
                self.values.append(y)
                return

    def pick(self, suits: Callable[[Tensor], bool] = lambda _: True) -> Tensor:
        """A random value, often a recent one."""
        found = [t for t in self.values if suits(t)] or self.values
        weights = np.arange(1, len(found) + 1, dtype=float)
        return found[int(self.rng.choice(len(found), p=weights / weights.sum()))]

    def results(self) -> list[Tensor]:
        """Up to four results, the last value among them."""
        count = int(self.rng.integers(0, 4))
        return [*(self.pick() for _ in range(count)), self.values[-1]]

    def mark(self, y: Tensor, *sources: Tensor) -> Tensor:
        """``y``, inexact if one of its sources is."""
        if any(s in self.inexact for s in sources):
            self.inexact.add(y)
        return y

    def is_whole(self, extent: Any) -> bool:
        """Whether an axis can only be taken as a whole, since nobody knows how long it is."""
        return isinstance(extent, Dim) and self.number(extent) < 1

    def number(self, extent: Any) -> int:
        """How long an axis is, by the hint; 0 where nobody knows."""
        if not isinstance(extent, Dim):
            return extent
        return 0 if self.hint is None else extent.evaluate({"batch": self.hint})

    def clamp(self, x: Tensor) -> Tensor:
        return self.mark(P.max(P.min(x, LIMIT), -LIMIT), x)

    def value_like(self, like: Any) -> Tensor:
        """A value of a given shape and type, made from a random one."""
        same = [t for t in self.values if identical(t.shape, tuple(like.shape)) and t.dtype == like.dtype]
        if same and self.rng.random() < 0.7:
            return same[int(self.rng.integers(len(same)))]
        x = self.pick()
        total = self.clamp(self.mark(P.reduce_sum(self.clamp(self.cast(x, like.dtype)), axes=tuple(range(x.ndim))), x))
        return self.mark(P.broadcast_in_dim(total, shape=like.shape, dims=()), total)

    def cast(self, x: Tensor, dtype: str) -> Tensor:
        return self.mark(P.cast(x, dtype=dtype), x)

    def fitted(self, x: Tensor, like: Tensor) -> Tensor:
        """``x`` in the shape and type of ``like``, by whatever moves it takes."""
        x = self.cast(x, like.dtype)
        if identical(x.shape, like.shape):
            return x
        if x.ndim <= like.ndim:
            start = like.ndim - x.ndim
            dims = tuple(range(start, like.ndim))
            if all(identical(a, b) or identical(a, 1) for a, b in zip(x.shape, like.shape[start:])):
                return self.mark(P.broadcast_in_dim(x, shape=like.shape, dims=dims), x)
        axes = tuple(a for a in range(x.ndim) if a >= like.ndim or not identical(x.shape[a], like.shape[a]))
        kept = tuple(a for a in range(x.ndim) if a not in axes)
        y = self.clamp(self.mark(P.reduce_sum(x, axes=axes), x))
        return self.mark(P.broadcast_in_dim(y, shape=like.shape, dims=kept), y)

    def axis(self, x: Tensor) -> int:
        return int(self.rng.integers(x.ndim))

    def some_axes(self, x: Tensor) -> tuple[int, ...]:
        return tuple(a for a in range(x.ndim) if self.rng.random() < 0.5)

    def constant(self, shape: tuple[int, ...], dtype: str) -> Tensor:
        return P.constant(value=small_integers(self.rng, shape, dtype))

    def integers(self, low: int, high: int, count: int) -> tuple[int, ...]:
        return tuple(int(n) for n in self.rng.integers(low, high, count))

    # -- elementwise --------------------------------------------------------------------------------------------------
    def unary(self, x: Tensor) -> Tensor | None:
        name = str(self.rng.choice(["neg", "abs", "sign", "round"]))
        if (x in self.inexact and name in ("sign", "round")) or (name == "round" and not dtypes.is_float(x.dtype)):
            return None
        return self.mark(getattr(P, name)(x), x)

    def binary(self, x: Tensor) -> Tensor:
        other = self.pick()
        y = self.fitted(other, x) if self.rng.random() < 0.8 else x
        name = str(self.rng.choice(["add", "sub", "mul", "max", "min"]))
        operands = (x, y) if self.rng.random() < 0.5 else (y, x)
        result = self.mark(getattr(P, name)(*operands), x, y)
        return result if name in ("max", "min") else self.clamp(result)

    def choose(self, x: Tensor) -> Tensor | None:
        if x in self.inexact:
            return None
        a, b = self.fitted(self.pick(), x), self.fitted(self.pick(), x)
        test = getattr(P, str(self.rng.choice(["gt", "le", "eq"])))(x, int(self.rng.integers(-2, 3)))
        if self.rng.random() < 0.3:
            test = P.not_(test) if hasattr(P, "not_") else test
        return self.mark(P.select(test, a, 0 if self.rng.random() < 0.3 else b), a, b)

    def transcendental(self, x: Tensor) -> Tensor | None:
        if x.dtype not in ("float32", "float64"):
            return None
        name = str(self.rng.choice(INEXACT))
        y = getattr(P, name)(P.abs(x) if name == "sqrt" else P.min(P.max(x, -4), 4))
        self.inexact.add(y)
        return y

    def convert(self, x: Tensor) -> Tensor | None:
        target = str(self.rng.choice(["float32", "int32", "float64", "bfloat16", "int8", "bool"]))
        if x in self.inexact and target not in ("float32", "float64"):
            return None
        y = self.cast(x, target)
        return y if target in DTYPES else self.cast(y, self.dtype)

    # -- moves --------------------------------------------------------------------------------------------------------
    def broadcast(self, x: Tensor) -> Tensor | None:
        if x.ndim > 4:
            return None
        shape: list[Any] = [
            int(self.rng.choice(EXTENTS)) if identical(d, 1) and self.rng.random() < 0.5 else d for d in x.shape
        ]
        dims = list(range(x.ndim))
        for _ in range(int(self.rng.integers(0, 3)) if x.ndim < 4 else 0):
            at = int(self.rng.integers(0, len(shape) + 1))
            shape.insert(at, BATCH if self.rng.random() < 0.2 else int(self.rng.choice(EXTENTS)))
            dims = [d + 1 if d >= at else d for d in dims]
        return self.mark(P.broadcast_in_dim(x, shape=tuple(shape), dims=tuple(dims)), x)

    def reshape(self, x: Tensor) -> Tensor | None:
        shape = list(x.shape)
        for _ in range(int(self.rng.integers(1, 4))):
            kind = self.rng.random()
            if kind < 0.4 and len(shape) > 1:
                at = int(self.rng.integers(len(shape) - 1))
                shape[at : at + 2] = [shape[at] * shape[at + 1]]
            elif kind < 0.8 and shape and len(shape) < 6:
                at = int(self.rng.integers(len(shape)))
                factors = [f for f in (2, 3, 4, 5, 6) if not isinstance(shape[at], Dim) and shape[at] % f == 0]
                if factors:
                    f = int(self.rng.choice(factors))
                    pair = [f, shape[at] // f] if self.rng.random() < 0.5 else [shape[at] // f, f]
                    shape[at : at + 1] = pair
            elif len(shape) < 6:
                shape.insert(int(self.rng.integers(len(shape) + 1)), 1)
        return self.mark(P.reshape(x, shape=tuple(shape)), x)

    def transpose(self, x: Tensor) -> Tensor | None:
        if x.ndim < 2:
            return None
        return self.mark(P.transpose(x, perm=tuple(int(a) for a in self.rng.permutation(x.ndim))), x)

    def reverse(self, x: Tensor) -> Tensor:
        return self.mark(P.reverse(x, axes=self.some_axes(x)), x)

    def cut(self, x: Tensor) -> Tensor:
        start, limit, stride = [], [], []
        for d in x.shape:
            n = self.number(d)
            fixed = self.is_whole(d) or self.rng.random() < 0.4
            lo = 0 if fixed else int(self.rng.integers(0, n))
            start.append(lo)
            limit.append(d if fixed else int(self.rng.integers(lo + 1, n + 1)))
            if isinstance(d, Dim) and not fixed and self.rng.random() < 0.5:
                limit[-1] = d - (n - limit[-1])  # counted from the end
            stride.append(1 if fixed else int(self.rng.integers(1, 4)))
        return self.mark(P.slice(x, start=tuple(start), limit=tuple(limit), stride=tuple(stride)), x)

    def pad(self, x: Tensor) -> Tensor | None:
        fill = P.constant(value=np.asarray(int(self.rng.integers(-2, 3)), dtypes.to_numpy(x.dtype)))
        low, high, interior = [], [], []
        for d in x.shape:
            least = 0 if self.is_whole(d) else -((self.number(d) - 1) // 2)
            low.append(int(self.rng.integers(least, 4)) if self.rng.random() < 0.5 else 0)
            high.append(int(self.rng.integers(least, 4)) if self.rng.random() < 0.5 else 0)
            interior.append(int(self.rng.integers(0, 3)) if self.rng.random() < 0.2 else 0)
        return self.mark(P.pad(x, fill, low=tuple(low), high=tuple(high), interior=tuple(interior)), x)

    def join(self, x: Tensor) -> Tensor | None:
        if x.ndim == 0:
            return None
        axis = self.axis(x)

        def joinable(t: Tensor) -> bool:
            return t.dtype == x.dtype and t.ndim == x.ndim and all(
                identical(a, b) for i, (a, b) in enumerate(zip(t.shape, x.shape)) if i != axis
            )  # fmt: skip

        parts = [x, *(self.pick(joinable) for _ in range(int(self.rng.integers(1, 3))))]
        order = self.rng.permutation(len(parts))
        return self.mark(P.concatenate(*(parts[int(i)] for i in order), axis=axis), *parts)

    # -- reductions ---------------------------------------------------------------------------------------------------
    def reduce(self, x: Tensor) -> Tensor:
        name = str(self.rng.choice(["reduce_sum", "reduce_sum", "reduce_max", "reduce_min"]))
        y = self.mark(getattr(P, name)(x, axes=self.some_axes(x)), x)
        return self.clamp(y) if name == "reduce_sum" else y

    def position(self, x: Tensor) -> Tensor | None:
        if x.ndim == 0 or x in self.inexact:
            return None
        name = str(self.rng.choice(["argmax", "argmin"]))
        return self.clamp(P.cast(getattr(P, name)(x, axis=self.axis(x)), dtype=self.dtype))

    def dot(self, x: Tensor) -> Tensor | None:
        y = self.cast(self.pick(), x.dtype)
        pairs = [(i, j) for i in range(x.ndim) for j in range(y.ndim) if identical(x.shape[i], y.shape[j])]
        self.rng.shuffle(pairs)
        contract: list[tuple[int, int]] = []
        batch: list[tuple[int, int]] = []
        for i, j in pairs:
            used = [*contract, *batch]
            if any(i == a or j == b for a, b in used):
                continue
            (contract if self.rng.random() < 0.6 or not contract else batch).append((int(i), int(j)))
        if x.ndim + y.ndim - 2 * len(contract) - len(batch) > 5:
            return None
        both = [tuple(zip(*p)) if p else ((), ()) for p in (contract, batch)]
        return self.clamp(self.mark(P.dot_general(x, y, contract=both[0], batch=both[1]), x, y))

    def convolve(self, x: Tensor) -> Tensor | None:
        if not 3 <= x.ndim <= 4 or any(map(self.is_whole, x.shape[1:])):
            return None
        rank = x.ndim - 2
        channels, spatial = x.shape[-1], tuple(map(self.number, x.shape[1:-1]))
        if isinstance(channels, Dim):
            return None
        groups = int(self.rng.choice([g for g in (1, 1, 2, channels) if channels % g == 0]))
        cout = groups * int(self.rng.choice([1, 2, 5, 18]))
        kernel = tuple(int(self.rng.integers(1, min(3, d) + 1)) for d in spatial)
        how = {
            "strides": self.integers(1, 4, rank),
            "padding": tuple((int(self.rng.integers(0, 3)), int(self.rng.integers(0, 3))) for _ in range(rank)),
            "dilation": tuple(1 if 2 * k > d else int(self.rng.integers(1, 3)) for k, d in zip(kernel, spatial)),
            "groups": groups,
        }
        w = self.constant((*kernel, channels // groups, cout), x.dtype)
        y = self.clamp(self.mark(P.conv(x, w, **how), x))
        which = self.rng.random()
        if which < 0.4:
            return y
        if which < 0.7:
            return self.clamp(self.mark(P.conv_input_grad(y, w, input_shape=x.shape, **how), y))
        return self.clamp(self.mark(P.conv_filter_grad(x, y, kernel_shape=w.shape, **how), x, y))

    def _windows(self, x: Tensor, pooled: bool) -> dict[str, Any]:
        window, strides, padding, dilation = [], [], [], []
        for d in map(self.number, x.shape):
            free = d >= 2 and self.rng.random() < 0.6
            w = int(self.rng.integers(2, min(d, 3) + 1)) if free else 1
            window.append(w)
            strides.append(int(self.rng.integers(1, 4)) if free and not pooled else w)
            wide = free and self.rng.random() < 0.3
            padding.append((int(self.rng.integers(0, w)), int(self.rng.integers(0, w))) if wide else (0, 0))
            dilation.append(2 if free and not pooled and 2 * w <= d and self.rng.random() < 0.3 else 1)
        return {"window": tuple(window), "strides": tuple(strides), "padding": tuple(padding),
                "dilation": tuple(dilation)}  # fmt: skip

    def window(self, x: Tensor) -> Tensor | None:
        if x.dtype == "int32":
            return None
        how = self._windows(x, pooled=False)
        if self.rng.random() < 0.5:
            return self.mark(P.window_max(x, **how), x)
        y = self.clamp(self.mark(P.window_sum(x, **how), x))
        if self.rng.random() < 0.5:
            return y
        return self.clamp(self.mark(P.window_sum_grad(y, input_shape=x.shape, **how), y))

    def pool(self, x: Tensor) -> Tensor | None:
        if x.dtype == "int32" or x in self.inexact:
            return None
        how = self._windows(x, pooled=self.rng.random() < 0.6)
        where = P.window_argmax(x, **how)
        if self.rng.random() < 0.3:
            y = self.fitted(self.pick(), x)
            return self.mark(P.pool_gather(y, where, **how), y)
        g = self.fitted(self.pick(), P.window_max(x, **how))
        y = self.mark(P.unpool(g, where, input_shape=x.shape, **how), g)
        if self.rng.random() < 0.5 and x.ndim:
            y = self.mark(P.select(P.gt(x, 0), y, 0), y)
        return self.clamp(y)

    # -- indexing and order -------------------------------------------------------------------------------------------
    def take(self, x: Tensor) -> Tensor | None:
        if x.ndim == 0:
            return None
        shape = self.integers(1, 5, int(self.rng.integers(0, 3)))
        indices = P.constant(value=self.rng.integers(-1, 6, shape).astype(np.int32))
        return self.mark(P.take(x, indices, axis=self.axis(x)), x)

    def dynamic(self, x: Tensor) -> Tensor | None:
        if x.ndim == 0 or x in self.inexact:
            return None
        total = P.reduce_sum(P.cast(x, dtype="int32"), axes=tuple(range(x.ndim)))
        starts = [P.rem(P.abs(total), 3) for _ in x.shape]
        sizes = tuple(d if self.is_whole(d) else int(self.rng.integers(1, self.number(d) + 1)) for d in x.shape)
        piece = P.dynamic_slice(x, *starts, sizes=sizes)
        if self.rng.random() < 0.5:
            return piece
        other = self.fitted(self.pick(), x)
        return self.mark(P.dynamic_update_slice(other, piece, *starts), other)

    def scatter(self, x: Tensor) -> Tensor | None:
        if x.ndim == 0:
            return None
        indices = P.constant(value=self.rng.integers(-1, 5, (3,)).astype(np.int32))
        updates = P.take(self.fitted(self.pick(), x), indices, axis=0)
        updates = self.mark(updates, *self.inexact)
        mode = str(self.rng.choice(["add", "set", "max", "min"]))
        return self.clamp(self.mark(P.scatter(x, indices, updates, mode=mode), x, updates))

    def cumulate(self, x: Tensor) -> Tensor | None:
        if x.ndim == 0:
            return None
        name = str(self.rng.choice(["cumsum", "cummax"]))
        y = getattr(P, name)(x, axis=self.axis(x), reverse=bool(self.rng.random() < 0.5))
        return self.clamp(self.mark(y, x))

    def sort(self, x: Tensor) -> Tensor | None:
        if x.ndim == 0 or x in self.inexact:
            return None
        y = self.fitted(self.pick(), x)
        return self.mark(P.sort(x, y, axis=self.axis(x), num_keys=1)[1], y)

    # -- control flow -------------------------------------------------------------------------------------------------
    def _nested(self, *operands: Tensor) -> Callable[..., list[Tensor]]:
        like = operands[0]

        def body(*arguments: Tensor) -> list[Tensor]:
            inner = Builder(self.rng, self.dtype, self.hint, nested=True)
            inner.values += arguments
            for _ in range(int(self.rng.integers(1, 5))):
                inner.step()
            return [inner.clamp(inner.fitted(inner.values[-1], like)), inner.values[-1]]

        return body

    def scan(self, x: Tensor) -> Tensor | None:
        """A loop whose body is a random program; inexact values stay outside."""
        carry = self.pick()
        if x in self.inexact or carry in self.inexact or x.ndim == 0 or isinstance(x.shape[0], Dim) or x.shape[0] > 6:
            return None
        row = Aval(x.shape[1:], x.dtype)
        body = trace_body(self._nested(carry), [Aval(carry.shape, carry.dtype), row])
        if _size(body.graph.outputs[1].shape) > LARGEST // 6:
            return None
        final, stacked = P.scan(
            *body.captures, carry, x, body=body.graph, num_consts=len(body.captures), num_carry=1, length=x.shape[0],
            reverse=bool(self.rng.random() < 0.5),
        )  # fmt: skip
        # whatever happened inside, only a tolerance is safe
        chosen = final if self.rng.random() < 0.5 else stacked
        self.inexact.add(chosen)
        return chosen

    def branch(self, x: Tensor) -> Tensor | None:
        if x in self.inexact or x.ndim == 0:
            return None
        pred = P.gt(P.reduce_sum(x, axes=tuple(range(x.ndim))), 0)
        y = self.fitted(self.pick(), x)
        if y in self.inexact:
            return None
        arms = [trace_body(lambda a, b: self._nested(a)(a, b)[:1], [Aval(x.shape, x.dtype)] * 2) for _ in range(2)]
        if any(arm.captures for arm in arms):
            return None
        (result,) = P.cond(pred, x, y, true=arms[0].graph, false=arms[1].graph)
        self.inexact.add(result)
        return result
