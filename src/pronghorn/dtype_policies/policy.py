"""`DTypePolicy`, and the policy that new layers take."""

from __future__ import annotations

from typing import Any

from pronghorn import config, dtype_policies, ops
from pronghorn._lazy import nearest_clause
from pronghorn._wording import shown
from pronghorn.engine.graph import dtypes, strings
from pronghorn.engine.graph.foreign import is_sparse
from pronghorn.engine.graph.tensor import Tensor
from pronghorn.serialization.objects import deserialize_keras_object, serialize_keras_object
from pronghorn.symbolic.keras_tensor import KerasTensor

_MIXED = {"mixed_float16": "float16", "mixed_bfloat16": "bfloat16"}
KNOWN = (*_MIXED, *dtypes.ALL, "string")
_QUANTIZED = ("AWQ", "GPTQ", "Int4", "Quantized", "QuantizedFloat8")
_CLASSES = ("DTypePolicy", "FloatDTypePolicy", "DTypePolicyMap", *(f"{kind}DTypePolicy" for kind in _QUANTIZED))


class DTypePolicy:
    """The element types of a layer's variables and of its computations.

    Args:
        name: an element type for both, or ``"mixed_bfloat16"`` or ``"mixed_float16"``: variables in float32,
            computations in the small type. The default policy if None.
        source_name: accepted for compatibility.

    Raises:
        ValueError: for a name that is not known.

    Example:

    >>> DTypePolicy("mixed_bfloat16").compute_dtype, DTypePolicy("mixed_bfloat16").variable_dtype
    ('bfloat16', 'float32')
    """

    _quantization_mode: str | None = None

    def __init__(self, name: Any = None, source_name: str | None = None) -> None:
        name = _policy_name(name)
        self._name = name
        self._source_name = source_name
        self._compute_dtype = _MIXED.get(name, name)
        self._variable_dtype = "float32" if name in _MIXED else name

    @property
    def name(self) -> str:
        return self._name

    @property
    def compute_dtype(self) -> str:
        """The type that inputs are cast to and computations run in."""
        return self._compute_dtype

    @property
    def variable_dtype(self) -> str:
        """The type that variables are kept in."""
        return self._variable_dtype

    @property
    def quantization_mode(self) -> str | None:
        """The mode of quantized layers, or None."""
        return self._quantization_mode

    def convert_input(self, x: Any, autocast: bool, dtype: str) -> Any:
        """``x`` as a tensor; a float is cast to ``dtype`` where ``autocast``. Strings stay as they are."""
        if isinstance(x, KerasTensor):
            return x  # a layer's call casts; a model has no node for it
        if isinstance(x, Tensor):
            if autocast and dtypes.is_float(x.dtype) and x.dtype != dtype:
                return ops.cast(x, dtype)
            return x
        is_array = hasattr(x, "__array__") or hasattr(x, "__pronghorn_tensor__") or is_sparse(x)
        if is_array and not strings.holds_text(x):
            x = ops.convert_to_tensor(x)
            if autocast and dtypes.is_float(x.dtype) and x.dtype != dtype:
                return ops.cast(x, dtype)
        return x

    def get_config(self) -> dict[str, Any]:
        return {"name": self.name}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> DTypePolicy:
        return cls(**config)

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.name == other.name  # type: ignore[attr-defined]

    def __hash__(self) -> int:
        return hash(self.name)

    def __repr__(self) -> str:
        return f'<DTypePolicy "{self.name}">'


def _policy_name(name: Any) -> str:
    if name is None:
        return config.floatx() if _default is None else _default.name
    name = {"int": "int32", "float": config.floatx()}.get(name, name) if isinstance(name, str) else name
    if not isinstance(name, str):
        try:
            name = dtypes.name_of(name)
        except TypeError:
            raise TypeError(
                f"DTypePolicy: 'name' must be a string, such as 'float32' or 'mixed_bfloat16'; got {name!r} of type "
                f"{type(name).__name__}."
            ) from None
    if name not in KNOWN:
        raise ValueError(
            f"DTypePolicy: Cannot convert {shown(name)} to an element type or a policy{nearest_clause(name, KNOWN)}. "
            "Use a type such as 'float32' or 'bfloat16', or 'mixed_bfloat16' or 'mixed_float16'."
        )
    return str.__str__(name)  # of a kind of string that is written otherwise, as TensorFlow's types are, too


_default: DTypePolicy | None = None


def dtype_policy() -> DTypePolicy:
    """The policy that new layers take; `config.floatx()` unless it was set.

    >>> dtype_policy().name
    'float32'
    """
    return _default if _default is not None else DTypePolicy(config.floatx())


def set_dtype_policy(policy: Any) -> None:
    """Set the policy that new layers take.

    Args:
        policy: a `DTypePolicy` or the name of one.

    Example:

    >>> from pronghorn import layers
    >>> set_dtype_policy("float64")
    >>> layers.Dense(1).compute_dtype
    'float64'
    >>> set_dtype_policy("float32")
    """
    global _default
    if not isinstance(policy, (str, dict)) and not hasattr(policy, "compute_dtype"):
        raise ValueError(
            f"set_dtype_policy: Invalid `policy` argument: it must be a DTypePolicy or the name of one, got {policy!r}."
        )
    _default = get(policy)


def get(identifier: Any) -> Any:
    """A policy from its name, its configuration or itself; the default policy for None.

    Raises:
        ValueError: for anything else.

    Example:

    >>> policy = get("mixed_bfloat16")
    >>> policy.variable_dtype, policy.compute_dtype
    ('float32', 'bfloat16')
    """
    if identifier is None:
        return dtype_policy()
    if isinstance(identifier, (DTypePolicy, dtype_policies.DTypePolicyMap)):
        return identifier
    if isinstance(identifier, dict):
        return deserialize(identifier)
    if isinstance(identifier, str) and "_from_" in identifier:  # such as "int8_from_float32"
        return dtype_policies.QuantizedDTypePolicy.of_name(identifier)
    try:
        return DTypePolicy(identifier)
    except (TypeError, ValueError) as error:
        raise ValueError(f"Could not interpret the dtype policy {shown(identifier)}: {error}") from None


def serialize(dtype_policy: Any) -> dict[str, Any]:
    """The configuration of a policy.

    >>> from pronghorn import dtype_policies
    >>> serialize(dtype_policies.DTypePolicy("float32"))["config"]
    {'name': 'float32'}
    """
    return serialize_keras_object(dtype_policy)


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> Any:
    """The policy of a configuration.

    >>> deserialize({"class_name": "DTypePolicy", "config": {"name": "mixed_bfloat16"}}).compute_dtype
    'bfloat16'
    """
    known = {name: getattr(dtype_policies, name) for name in _CLASSES}
    return deserialize_keras_object(config, custom_objects=custom_objects, module_objects=known)
