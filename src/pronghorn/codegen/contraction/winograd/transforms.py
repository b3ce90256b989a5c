"""The transforms of Winograd's algorithm: along one axis on vectors, and along both of a grid."""

from __future__ import annotations

from collections.abc import Callable

from pronghorn.codegen.builder import FunctionBuilder, literal

__all__ = ["Arithmetic", "Vectors", "along_both"]

Vectors = list[str]


class Arithmetic:
    """The transforms along one axis, on vectors."""

    def __init__(self, fb: FunctionBuilder, ty: str) -> None:
        self.fb, self.ty = fb, ty

    def _add(self, a: str, b: str) -> str:
        return self.fb.op("fadd", self.ty, a, b)

    def _sub(self, a: str, b: str) -> str:
        return self.fb.op("fsub", self.ty, a, b)

    def inputs(self, d: Vectors) -> Vectors:
        """``B d``: four inputs."""
        return [self._sub(d[0], d[2]), self._add(d[1], d[2]), self._sub(d[2], d[1]), self._sub(d[1], d[3])]

    def filters(self, g: Vectors) -> Vectors:
        """``G g``: three taps as four."""
        half = literal(0.5, self.ty)
        outer, middle = (self.fb.op("fmul", self.ty, x, half) for x in (self._add(g[0], g[2]), g[1]))
        return [g[0], self._add(outer, middle), self._sub(outer, middle), g[2]]

    def results(self, m: Vectors) -> Vectors:
        """``A m``: four products as two results."""
        return [self._add(self._add(m[0], m[1]), m[2]), self._sub(self._sub(m[1], m[2]), m[3])]

    def result_gradients(self, y: Vectors) -> Vectors:
        """The transpose of ``A`` times the gradients of two results, as four."""
        return [y[0], self._add(y[0], y[1]), self._sub(y[0], y[1]), self.fb.fneg(self.ty, y[1])]

    def filter_gradients(self, m: Vectors) -> Vectors:
        """The transpose of ``G`` times four sums of products: the gradients of three taps."""
        half = literal(0.5, self.ty)
        both, apart = (self.fb.op("fmul", self.ty, x, half) for x in (self._add(m[1], m[2]), self._sub(m[1], m[2])))
        return [self._add(m[0], both), apart, self._add(both, m[3])]


def along_both(transform: Callable[[Vectors], Vectors], grid: list[Vectors]) -> list[Vectors]:
    """A transform along the columns, then along the rows, of a grid of vectors."""
    columns = [transform(list(column)) for column in zip(*grid, strict=True)]
    return [transform(list(row)) for row in zip(*columns, strict=True)]
