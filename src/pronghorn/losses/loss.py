"""The base class of losses."""

from __future__ import annotations

from typing import Any

from pronghorn import config, dtype_policies, ops, tree
from pronghorn.engine.backends.foreign_calls import as_it_is, on_its_engine
from pronghorn.engine.graph.active import scope
from pronghorn.engine.graph.tensor import Tensor
from pronghorn.engine.graph.user_code import warn
from pronghorn.losses.reduction import reduce_weighted_values, same_rank, standardize_reduction
from pronghorn.serialization.objects import deserialize_keras_object, serialize_keras_object
from pronghorn.utils.arguments import CheckedArguments
from pronghorn.utils.explain import explained
from pronghorn.utils.masking import get_mask
from pronghorn.utils.naming import auto_name


@as_it_is
class Loss(CheckedArguments):
    """A loss: override `call(y_true, y_pred)` to give a value for each sample.

    Args:
        name: its name in logs.
        reduction: `"sum_over_batch_size"` or `"mean"` (the sum of the weighted values by their number), `"sum"`,
            `"mean_with_sample_weight"` (by the sum of the weights), `"none"` or None (the values as they are).
        dtype: the type to compute in, a name or a dtype policy; `config.floatx()` by default.

    >>> class Distance(Loss):
    ...     def call(self, y_true, y_pred):
    ...         return ops.mean(ops.abs(y_true - y_pred), axis=-1)
    >>> float(Distance()([[1.0, 2.0]], [[2.0, 4.0]]))
    1.5
    """

    _takes_own_integers = True

    def __init__(self, name: str | None = None, reduction: str | None = "sum_over_batch_size", dtype: Any = None):
        self.name = name or auto_name(type(self).__name__)
        self.reduction = standardize_reduction(reduction)
        self._dtype_policy = _policy(dtype)
        self._dtype = self._dtype_policy.compute_dtype

    @property
    def dtype(self) -> str:
        """The type that the loss is computed in."""
        return self._dtype

    @on_its_engine
    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Tensor:
        """Return the loss, reduced.

        Args:
            y_true: the targets, or a nested structure of them.
            y_pred: the predictions, with the same structure. A mask that a layer left on them is applied.
            sample_weight: a weight per sample (or per time step).
        """
        in_mask = get_mask(y_pred)
        arrays = {"y_true": y_true, "y_pred": y_pred, "sample_weight": sample_weight}
        with ops_scope(self.name), explained(f"loss {self.name!r}", **arrays):
            _warn_of_complex(self.name, y_true, sample_weight, self._dtype)
            y_pred, y_true = _to_tensors(y_pred, self._dtype), _to_tensors(y_true, self._dtype)
            values = self.call(y_true, y_pred)
            if values is None:
                raise ValueError(f"The loss {self.name!r} gave None: does its function end with a return?")
            out_mask = get_mask(values)
            mask = in_mask if out_mask is None else out_mask if in_mask is None else in_mask & out_mask
            return reduce_weighted_values(values, self.reduction, sample_weight, mask, self._dtype)

    def call(self, y_true: Any, y_pred: Any) -> Tensor:
        """Return a value for each sample, shape `(batch, ...)`."""
        raise NotImplementedError(
            f"{type(self).__name__}: a loss must define `call(self, y_true, y_pred)` and return one value a sample."
        )

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that rebuild this loss."""
        return {"name": self.name, "reduction": self.reduction}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Loss:
        """Build a loss from `get_config`'s result."""
        return cls(**config)


def _warn_of_complex(name: str, y_true: Any, sample_weight: Any, dtype: str) -> None:
    """Warn of complex targets and weights for a loss of real numbers, which takes their real parts alone."""
    if dtype.startswith("complex"):
        return
    begin = f"The loss {name!r} computes in {dtype}, but its"
    end = "are complex numbers, so their imaginary parts are left out."
    if _has_complex(y_true):
        warn(
            f"{begin} targets {end} Give real targets: np.abs(y), y.real, or both parts as two numbers, "
            "np.stack([y.real, y.imag], axis=-1)."
        )
    if _has_complex(sample_weight):
        warn(f"{begin} weights of samples {end} Give real weights, such as np.abs(sample_weight).")


def _has_complex(x: Any) -> bool:
    kinds = [str(getattr(leaf, "dtype", type(leaf).__name__)) for leaf in tree.flatten(x)]
    return any(kind.startswith("complex") for kind in kinds)


def _to_tensors(x: Any, dtype: str) -> Any:
    """Nested tensors; lists of numbers are one tensor."""
    if not isinstance(x, dict) and all(isinstance(leaf, bool | int | float) for leaf in tree.flatten(x)):
        return ops.convert_to_tensor(x, dtype=dtype)
    return tree.map_structure(lambda leaf: ops.convert_to_tensor(leaf, dtype=dtype), x)


def ops_scope(name: str) -> Any:
    """Mark the nodes of a traced loss with its name."""
    return scope(name)


def _policy(dtype: Any) -> Any:
    return dtype_policies.get(dtype or config.floatx())


class LossFunctionWrapper(Loss):
    """A loss around a function `fn(y_true, y_pred, **kwargs)` that gives a value for each sample.

    Args:
        fn: the function.
        reduction: see `Loss`.
        name: see `Loss`.
        dtype: see `Loss`.
        **kwargs: passed on to `fn`.
    """

    def __init__(
        self,
        fn: Any,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
        dtype: Any = None,
        **kwargs: Any,
    ):
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        self.fn = fn
        self._fn_kwargs = kwargs

    def call(self, y_true: Any, y_pred: Any) -> Tensor:
        """Return `fn` of targets and predictions brought to the same rank."""
        structure = tree.map_structure(same_rank, y_true, y_pred) if tree.is_nested(y_true) else None
        if structure is None:
            y_true, y_pred = same_rank(y_true, y_pred)
        else:
            y_true = tree.map_structure_up_to(y_true, lambda pair: pair[0], structure)
            y_pred = tree.map_structure_up_to(y_pred, lambda pair: pair[1], structure)
        return self.fn(y_true, y_pred, **self._fn_kwargs)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that rebuild this loss."""
        own = {"fn": serialize_keras_object(self.fn), **serialize_keras_object(self._fn_kwargs)}
        return {**super().get_config(), **own}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Loss:
        """Build a loss from `get_config`'s result."""
        if "fn" in config:
            config = {**config, "fn": deserialize_keras_object(config["fn"])}
        return cls(**config)

    def __repr__(self) -> str:
        return f"<LossFunctionWrapper({self.fn}, kwargs={self._fn_kwargs})>"
