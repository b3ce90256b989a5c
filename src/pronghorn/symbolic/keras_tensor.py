"""Symbolic tensors: a shape and a dtype that remember the operation they came from."""

from __future__ import annotations

from typing import Any, NamedTuple

from pronghorn import tree
from pronghorn._wording import shown
from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph.tensor import LOGICAL_OPERATORS, ArrayMethods
from pronghorn.serialization.objects import tagged, value_config
from pronghorn.utils.arguments import CheckedArguments
from pronghorn.utils.masking import keras_mask
from pronghorn.utils.naming import auto_name

_MOST_AXES = 64


class KerasHistory(NamedTuple):
    """Where a symbolic tensor comes from: output ``tensor_index`` of call ``node_index`` of ``operation``."""

    operation: Any
    node_index: int
    tensor_index: int


class KerasTensor(CheckedArguments, ArrayMethods):
    """What `Input` returns and what layers and ops make of it while a functional model is described.

    Args:
        shape: integers, and None where the extent is not known yet.
        dtype: element type.
        sparse: whether sparse arrays may be given for it; what layers compute with is dense.
        ragged: whether rows of different lengths may be given for it, a `data.RaggedTensor`.
        record_history: kept for compatibility.
        name: the tensor's name.

    Example:

    >>> x = KerasTensor((None, 3))
    >>> x.shape, x.dtype, x.ndim
    ((None, 3), 'float32', 2)
    """

    def __init__(
        self,
        shape: Any,
        dtype: str = "float32",
        sparse: bool = False,
        ragged: bool = False,
        record_history: bool = True,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        if ragged and sparse:
            raise ValueError("KerasTensor: an array is sparse or ragged, not both: leave out `sparse` or `ragged`.")
        self._shape = standardize_shape(shape)
        self._dtype = dtype if dtype == "string" else dtypes.name_of(dtype)
        self.name = name or auto_name(type(self).__name__)
        self.record_history = record_history
        self.sparse, self.ragged = bool(sparse), bool(ragged)
        self.ragged_rank = 1 if ragged else None
        self.row_splits_dtype = "int64" if ragged else None

    @property
    def shape(self) -> tuple[int | None, ...]:
        return self._shape

    @property
    def dtype(self) -> str:
        return self._dtype

    @property
    def ndim(self) -> int:
        return len(self._shape)

    _keras_mask = keras_mask

    def _no_value(self, use: str, kind: type[Exception] = TypeError) -> Exception:
        return kind(
            f"A KerasTensor has no numbers, so {use}. {self!r} only describes a part of a "
            "functional model. Use pronghorn.ops and layers on it, or put the computation into a layer's call()."
        )

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        raise self._no_value("it cannot be used as a NumPy array", ValueError)

    def __pronghorn_tensor__(self) -> Any:
        raise self._no_value("it cannot be computed with here")

    def __len__(self) -> int:
        raise self._no_value("it has no len()")

    def __iter__(self) -> Any:
        raise self._no_value("it cannot be iterated over", NotImplementedError)

    def __bool__(self) -> bool:
        raise self._no_value("in `if`, `while` and `and` it cannot be used as a boolean")

    def __int__(self) -> int:
        raise self._no_value("int() is not possible")

    def __float__(self) -> float:
        raise self._no_value("float() is not possible")

    def __index__(self) -> int:
        raise self._no_value("it cannot be used as an index")

    def __hash__(self) -> int:
        return id(self)

    def __repr__(self) -> str:
        kind = f"sparse={self.sparse}, ragged={self.ragged}"
        return f"<KerasTensor shape={self.shape}, dtype={self.dtype}, {kind}, name={self.name}>"


for _name, _method in LOGICAL_OPERATORS.items():
    if _name != "__eq__":  # as Keras has it: symbolic tensors are equal only to themselves
        setattr(KerasTensor, _name, _method)


def standardize_shape(shape: Any) -> tuple[int | None, ...]:
    """A checked shape: a tuple of non-negative integers and Nones.

    Raises:
        ValueError: for anything else, and for more axes than arrays can have.
    """
    try:
        extents = tuple(shape)
    except TypeError:
        raise ValueError(
            f"A shape must be a tuple of integers and None, got {shown(shape)}. Write ({shown(shape)},)?"
        ) from None
    if len(extents) > _MOST_AXES:
        raise ValueError(f"A shape may have {_MOST_AXES} axes, as NumPy's arrays; got one of {len(extents):,}.")
    out: list[int | None] = []
    for extent in extents:
        if extent is None:
            out.append(None)
            continue
        try:
            number = extent.__index__()
        except (AttributeError, TypeError):
            raise ValueError(
                f"A shape must be a tuple of integers and None; {shown(shape)} has the entry {shown(extent)}."
            ) from None
        if number < 0:
            raise ValueError(f"A shape cannot have negative extents, got {shown(shape)}.")
        out.append(number)
    return tuple(out)


@value_config.register
def _(x: KerasTensor) -> dict[str, Any]:
    history = getattr(x, "_keras_history", None)
    where = [history.operation.name, history.node_index, history.tensor_index] if history else None
    return tagged("keras_tensor", shape=x.shape, dtype=x.dtype, keras_history=where)


def is_keras_tensor(x: Any) -> bool:
    """Whether ``x`` is a symbolic tensor of a functional model.

    >>> is_keras_tensor(KerasTensor((2,))), is_keras_tensor(1.0)
    (True, False)
    """
    return isinstance(x, KerasTensor)


def any_symbolic_tensors(args: Any = None, kwargs: Any = None) -> bool:
    """Whether a KerasTensor is anywhere in the (nested) arguments of a call."""
    return _any_symbolic(args) or _any_symbolic(kwargs)


def _any_symbolic(x: Any) -> bool:
    if isinstance(x, KerasTensor):
        return True
    if isinstance(x, (list, tuple)):
        return any(_any_symbolic(e) for e in x)
    if isinstance(x, dict):
        return any(_any_symbolic(e) for e in x.values())
    return False


def symbolic_leaves(structure: Any) -> list[KerasTensor]:
    """The KerasTensors in a nested structure, from left to right."""
    return [x for x in tree.flatten(structure) if isinstance(x, KerasTensor)]
