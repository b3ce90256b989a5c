"""`Input`: where functional models begin."""

from __future__ import annotations

from typing import Any, Unpack

from pronghorn import config
from pronghorn.engine.graph.user_code import warn
from pronghorn.layers.arguments import InputLayerArguments
from pronghorn.layers.layer import Layer
from pronghorn.symbolic.keras_tensor import KerasTensor, standardize_shape
from pronghorn.symbolic.node import Node


class InputLayer(Layer):
    """The layer behind an `Input`.

    Args:
        shape: the shape of one sample, without the batch axis.
        batch_size: the batch's extent, if it is fixed.
        dtype: element type.
        sparse: whether its arrays are sparse, such as SciPy's. They become dense batch by batch: results are the same.
        ragged: whether its arrays are rows of different lengths, such as a `data.RaggedTensor`.
        batch_shape: the whole shape, instead of ``shape`` and ``batch_size``.
        input_tensor: the KerasTensor to use, instead of a new one.
        optional: whether None may be passed for it.
        name: a name; automatic if None.

    Example:

    >>> InputLayer((3,)).output.shape
    (None, 3)
    """

    def __init__(
        self,
        shape: Any = None,
        batch_size: int | None = None,
        dtype: Any = None,
        sparse: bool | None = None,
        ragged: bool | None = None,
        batch_shape: Any = None,
        input_tensor: Any = None,
        optional: bool = False,
        name: str | None = None,
        **kwargs: Unpack[InputLayerArguments],
    ) -> None:
        if input_tensor is not None and sparse:
            raise ValueError(f"Input {name!r}: sparse={sparse!r} contradicts its `input_tensor`, which is dense.")
        if "input_shape" in kwargs:
            warn(f"Input {name!r}: `input_shape` is an old name of the argument `shape`.")
            shape = kwargs.pop("input_shape")
        if "batch_input_shape" in kwargs:
            batch_shape = kwargs.pop("batch_input_shape")
        super().__init__(name=name, dtype=None)
        if kwargs:
            raise ValueError(f"Input {self.name!r}: unknown keyword arguments {kwargs}.")
        if input_tensor is not None:
            if not isinstance(input_tensor, KerasTensor):
                raise ValueError(
                    f"Input {self.name!r}: `input_tensor` is a KerasTensor, as Input() returns it; got "
                    f"{input_tensor!r} of type {type(input_tensor).__name__}."
                )
            _check_given(self.name, input_tensor, shape, batch_size, batch_shape, dtype)
            batch_shape, dtype = input_tensor.shape, input_tensor.dtype
        elif shape is not None:
            if batch_shape is not None:
                raise ValueError(f"Input {self.name!r}: `batch_shape` says it all; leave out `shape`.")
            batch_shape = (batch_size, *standardize_shape(shape))
        elif batch_shape is not None and batch_size is not None:
            raise ValueError(
                f"Input {self.name!r}: `batch_shape` begins with the batch's size; leave out `batch_size`."
            )
        elif batch_shape is None:
            raise ValueError(f"Input {self.name!r}: the shape of a sample is not known: pass a `shape` argument.")
        self.batch_shape = standardize_shape(batch_shape)
        self._input_dtype = "string" if dtype == "string" else KerasTensor((), dtype or config.floatx()).dtype
        self.optional = optional
        self.sparse, self.ragged = bool(sparse), bool(ragged)
        output = input_tensor
        if output is None:
            output = KerasTensor(
                self.batch_shape, dtype=self._input_dtype, sparse=self.sparse, ragged=self.ragged, name=self.name
            )
        Node(operation=self, call_args=(), call_kwargs={}, outputs=output)
        self.built = True

    @property
    def dtype(self) -> str:
        return self._input_dtype

    def call(self) -> None:
        """Nothing: its only output is the symbolic one."""

    def get_config(self) -> dict[str, Any]:
        return {
            "batch_shape": self.batch_shape,
            "dtype": self.dtype,
            "sparse": self.sparse,
            "ragged": self.ragged,
            "name": self.name,
            "optional": self.optional,
        }


def _check_given(name: str, tensor: KerasTensor, shape: Any, batch_size: Any, batch_shape: Any, dtype: Any) -> None:
    """Refuse what contradicts the tensor that an Input is made for."""
    for what, given, own in (
        ("shape", None if shape is None else standardize_shape(shape), tensor.shape[1:]),
        ("batch_size", batch_size, tensor.shape[0] if tensor.shape else None),
        ("batch_shape", None if batch_shape is None else standardize_shape(batch_shape), tensor.shape),
        ("dtype", dtype, tensor.dtype),
    ):
        if given is not None and given != own:
            raise ValueError(
                f"Input {name!r}: you cannot provide an incompatible `{what}` with an `input_tensor`: it has "
                f"{what}={own}, not {given}."
            )


def Input(
    shape: Any = None,
    batch_size: int | None = None,
    dtype: Any = None,
    sparse: bool | None = None,
    ragged: bool | None = None,
    batch_shape: Any = None,
    name: str | None = None,
    tensor: Any = None,
    optional: bool = False,
) -> KerasTensor:
    """A symbolic tensor to call layers on.

    Args:
        shape: the shape of one sample, without the batch axis; None where an extent is not known yet.
        batch_size: the batch's extent, if it is fixed.
        dtype: element type, the default float type if None.
        sparse: whether its arrays are sparse, such as SciPy's. They become dense batch by batch: results are the same.
        ragged: whether its arrays are rows of different lengths, such as a `data.RaggedTensor`.
        batch_shape: the whole shape, instead of ``shape`` and ``batch_size``.
        name: a name; automatic if None.
        tensor: a KerasTensor to use, instead of a new one.
        optional: whether None may be passed for it.

    Example:

    >>> Input(shape=(28, 28, 1)).shape
    (None, 28, 28, 1)
    """
    layer = InputLayer(
        shape=shape,
        batch_size=batch_size,
        dtype=dtype,
        sparse=sparse,
        ragged=ragged,
        batch_shape=batch_shape,
        name=name,
        input_tensor=tensor,
        optional=optional,
    )
    return layer.output
