"""The transforms of Winograd's algorithm: along one axis on vectors, and along both of a grid."""

from __future__ import annotations

from collections.abc import Callable

from pronghorn.codegen.builder import FunctionBuilder, literal

__all__ = ["Arithmetic", "StridedArithmetic", "Vectors", "along_both", "arithmetic_for"]

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


class StridedArithmetic(Arithmetic):
    """The transforms along one axis where results are two inputs apart.

    The outer taps of two neighbouring results share an input: ``d0 g0 + d2 g2`` and ``d2 g0 + d4 g2`` take three
    multiplications, and each middle tap one.
    """

    def inputs(self, d: Vectors) -> Vectors:
        """Five inputs."""
        return [self._sub(d[0], d[2]), d[2], self._sub(d[4], d[2]), d[1], d[3]]

    def filters(self, g: Vectors) -> Vectors:
        """Three taps as five."""
        return [g[0], self._add(g[0], g[2]), g[2], g[1], g[1]]

    def results(self, m: Vectors) -> Vectors:
        """Five products as two results."""
        return [self._add(self._add(m[0], m[1]), m[3]), self._add(self._add(m[1], m[2]), m[4])]

    def result_gradients(self, y: Vectors) -> Vectors:
        """The gradients of two results, as five."""
        return [y[0], self._add(y[0], y[1]), y[1], y[0], y[1]]

    def filter_gradients(self, m: Vectors) -> Vectors:
        """Five sums of products: the gradients of three taps."""
        return [self._add(m[0], m[1]), self._add(m[3], m[4]), self._add(m[1], m[2])]


def arithmetic_for(fb: FunctionBuilder, ty: str, stride: int) -> Arithmetic:
    """The transforms for results that are ``stride`` inputs apart."""
    return (Arithmetic if stride == 1 else StridedArithmetic)(fb, ty)


def along_both(transform: Callable[[Vectors], Vectors], grid: list[Vectors]) -> list[Vectors]:
    """A transform along the columns, then along the rows, of a grid of vectors; of one column along that alone."""
    columns = [transform(list(column)) for column in zip(*grid, strict=True)]
    rows = [list(row) for row in zip(*columns, strict=True)]
    return rows if len(columns) == 1 else [transform(row) for row in rows]
