"""Layers that make one array of several, element by element."""

from __future__ import annotations

from functools import reduce
from typing import Any, Unpack

from pronghorn import ops
from pronghorn.layers import rows
from pronghorn.layers.arguments import LayerArguments
from pronghorn.layers.layer import Layer
from pronghorn.symbolic.infer import infer_spec
from pronghorn.symbolic.keras_tensor import KerasTensor
from pronghorn.utils.masking import get_mask, set_mask


class Merge(Layer):
    """Base: combines a list of inputs that broadcast; a missing axis after the batch is added."""

    _takes_rows = rows.EACH

    def __init__(self, **kwargs: Unpack[LayerArguments]) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True

    def _merge_function(self, inputs: list[Any]) -> Any:
        raise NotImplementedError(f"{type(self).__name__} must have a _merge_function(inputs).")

    def build(self, input_shape: Any) -> None:
        shapes = self._checked(input_shape)
        if len({len(s) for s in shapes}) == 1:
            self._merged_shape(shapes)

    def _checked(self, shapes: Any) -> list[tuple[Any, ...]]:
        if not isinstance(shapes, (list, tuple)) or not shapes or not isinstance(shapes[0], (list, tuple)):
            raise ValueError(
                f"Layer {self.name!r} ({type(self).__name__}) merges the inputs in a list, but got one input of shape "
                f"{shapes}. Write {type(self).__name__}()([a, b])."
            )
        batches = {s[0] for s in shapes if s and s[0] is not None}
        if len(batches) > 1:
            raise ValueError(
                f"Layer {self.name!r} ({type(self).__name__}): the numbers of samples differ, got inputs of "
                f"shapes {shapes}."
            )
        return [tuple(s) for s in shapes]

    def _merged_shape(self, shapes: list[tuple[Any, ...]]) -> tuple[Any, ...]:
        return reduce(self._broadcast, shapes)

    def _broadcast(self, a: tuple[Any, ...], b: tuple[Any, ...]) -> tuple[Any, ...]:
        if len(a) < len(b):
            a, b = b, a
        missing = len(a) - len(b)
        out = list(a[:missing])
        for x, y in zip(a[missing:], b):
            if x is None or y is None:
                out.append(None if 1 in (x, y) or x is y else x if y is None else y)
            elif x == 1 or y == 1 or x == y:
                out.append(max(x, y))
            else:
                raise ValueError(
                    f"Layer {self.name!r} ({type(self).__name__}): inputs have incompatible shapes: {a} and {b}."
                )
        return tuple(out)

    def _of_one_rank(self, inputs: list[Any]) -> list[Any]:
        """Inputs of fewer axes with axes of extent one put behind the batch."""
        rank = max(len(x.shape) for x in inputs)

        def expand(x: Any) -> Any:
            mask = get_mask(x)
            for _ in range(rank - len(x.shape)):
                x = ops.expand_dims(x, axis=1)
            if mask is not None and get_mask(x) is None:
                set_mask(x, mask)
            return x

        return [expand(x) for x in inputs]

    def call(self, inputs: Any) -> Any:
        if not isinstance(inputs, (list, tuple)):
            raise ValueError(
                f"Layer {self.name!r} ({type(self).__name__}) merges the inputs in a list, but got a single input."
            )
        return self._merge_function(self._of_one_rank(list(inputs)))

    def compute_output_shape(self, input_shape: Any) -> Any:
        shapes = self._checked(input_shape)
        rank = max(map(len, shapes))
        full = [(*s[:1], *(1,) * (rank - len(s)), *s[1:]) for s in shapes]
        merged = self._merged_shape(full)
        batches = {s[0] for s in shapes}
        return (next(iter(batches)) if len(batches) == 1 else None, *merged[1:])

    def compute_output_spec(self, inputs: Any) -> Any:
        self._checked([x.shape for x in inputs] if isinstance(inputs, (list, tuple)) else inputs.shape)

        spec = infer_spec(self._run_call, (inputs,))
        return KerasTensor(self.compute_output_shape([x.shape for x in inputs]), dtype=spec.dtype)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """Valid is what is valid in any of the inputs, if all have masks."""
        if mask is None:
            return None
        for name, value in (("mask", mask), ("inputs", inputs)):
            if not isinstance(value, (list, tuple)):
                raise ValueError(
                    f"Layer {self.name!r} ({type(self).__name__}): `{name}` should be a list, got {value!r}."
                )
        if len(mask) != len(inputs):
            raise ValueError(
                f"Layer {self.name!r} ({type(self).__name__}): each of the {len(inputs)} inputs needs an entry in "
                f"`mask`, which has {len(mask)}."
            )
        return None if any(m is None for m in mask) else reduce(ops.logical_or, mask)

    def _where_valid(self, op: Any, inputs: list[Any]) -> Any:
        """Combine the inputs with ``op``; an entry that is not valid has the value of the other one."""
        masks = [get_mask(x) for x in inputs]
        merged, mask = inputs[0], masks[0]
        for x, m in zip(inputs[1:], masks[1:]):
            rank = len(x.shape)
            other = x if m is None else ops.where(_expanded(m, rank), x, merged)
            first = merged if mask is None else ops.where(_expanded(mask, rank), merged, other)
            merged = op(first, other)
            mask = None if mask is None or m is None else ops.logical_or(mask, m)
        return merged


class Add(Merge):
    """The sum of the inputs.

    Args:
        kwargs: those of `Layer`.

    Call arguments:
        inputs: a list of arrays of one shape, or of shapes that can be broadcast together.

    Raises:
        ValueError: if the shapes cannot be broadcast together.

    Example:

    >>> Add()([ops.ones((1, 2)), ops.ones((1, 2))]).tolist()
    [[2.0, 2.0]]
    """

    def _merge_function(self, inputs: list[Any]) -> Any:
        return reduce(ops.add, inputs)


class Subtract(Merge):
    """The first of two inputs minus the second.

    >>> Subtract()([ops.array([[1.0, 2.0]]), ops.array([[3.0, 6.0]])]).numpy()
    array([[-2., -4.]], dtype=float32)
    """

    def build(self, input_shape: Any) -> None:
        super().build(input_shape)
        self._check_two(input_shape)

    def _check_two(self, given: Any) -> None:
        if len(given) != 2:
            raise ValueError(
                f"Layer {self.name!r} (Subtract): it takes the second of two inputs from the first, got {len(given)}."
            )

    def _merge_function(self, inputs: list[Any]) -> Any:
        self._check_two(inputs)
        return ops.subtract(inputs[0], inputs[1])


class Multiply(Merge):
    """The product of the inputs, of those that are valid by their masks; zero where all have a mask and none is valid.

    >>> Multiply()([ops.array([[1.0, 2.0]]), ops.array([[3.0, 6.0]])]).numpy()
    array([[ 3., 12.]], dtype=float32)
    """

    def _merge_function(self, inputs: list[Any]) -> Any:
        masks = [get_mask(x) for x in inputs]
        wide = [m if m is None else _expanded(m, len(x.shape)) for x, m in zip(inputs, masks)]
        product = reduce(
            ops.multiply, [x if m is None else ops.where(m, x, ops.ones_like(x)) for x, m in zip(inputs, wide)]
        )
        if any(m is None for m in masks):
            return product
        return ops.where(reduce(ops.logical_or, wide), product, ops.zeros_like(product))


def _expanded(mask: Any, rank: int) -> Any:
    for _ in range(rank - len(mask.shape)):
        mask = ops.expand_dims(mask, -1)
    return mask


class Average(Merge):
    """The mean of the inputs.

    >>> Average()([ops.array([[1.0, 2.0]]), ops.array([[3.0, 6.0]])]).numpy()
    array([[2., 4.]], dtype=float32)
    """

    def _merge_function(self, inputs: list[Any]) -> Any:
        return reduce(ops.add, inputs) / len(inputs)


class Maximum(Merge):
    """The greatest of the inputs, element by element.

    >>> Maximum()([ops.array([[1.0, 8.0]]), ops.array([[3.0, 6.0]])]).numpy()
    array([[3., 8.]], dtype=float32)
    """

    def _merge_function(self, inputs: list[Any]) -> Any:
        return self._where_valid(ops.maximum, inputs)


class Minimum(Merge):
    """The least of the inputs, element by element.

    >>> Minimum()([ops.array([[1.0, 8.0]]), ops.array([[3.0, 6.0]])]).numpy()
    array([[1., 6.]], dtype=float32)
    """

    def _merge_function(self, inputs: list[Any]) -> Any:
        return self._where_valid(ops.minimum, inputs)


def add(inputs: Any, **kwargs: Any) -> Any:
    """`Add` as a function.

    >>> add([ops.array([[1.0, 2.0]]), ops.array([[3.0, 6.0]])]).numpy()
    array([[4., 8.]], dtype=float32)
    """
    return Add(**kwargs)(inputs)


def subtract(inputs: Any, **kwargs: Any) -> Any:
    """`Subtract` as a function.

    >>> subtract([ops.array([[1.0, 2.0]]), ops.array([[3.0, 6.0]])]).numpy()
    array([[-2., -4.]], dtype=float32)
    """
    return Subtract(**kwargs)(inputs)


def multiply(inputs: Any, **kwargs: Any) -> Any:
    """`Multiply` as a function.

    >>> multiply([ops.array([[1.0, 2.0]]), ops.array([[3.0, 6.0]])]).numpy()
    array([[ 3., 12.]], dtype=float32)
    """
    return Multiply(**kwargs)(inputs)


def average(inputs: Any, **kwargs: Any) -> Any:
    """`Average` as a function.

    >>> average([ops.array([[1.0, 2.0]]), ops.array([[3.0, 6.0]])]).numpy()
    array([[2., 4.]], dtype=float32)
    """
    return Average(**kwargs)(inputs)


def maximum(inputs: Any, **kwargs: Any) -> Any:
    """`Maximum` as a function.

    >>> maximum([ops.array([[1.0, 8.0]]), ops.array([[3.0, 6.0]])]).numpy()
    array([[3., 8.]], dtype=float32)
    """
    return Maximum(**kwargs)(inputs)


def minimum(inputs: Any, **kwargs: Any) -> Any:
    """`Minimum` as a function.

    >>> minimum([ops.array([[1.0, 8.0]]), ops.array([[3.0, 6.0]])]).numpy()
    array([[1., 6.]], dtype=float32)
    """
    return Minimum(**kwargs)(inputs)
