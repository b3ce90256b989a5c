"""The base class of metrics."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from pronghorn import config, dtype_policies
from pronghorn._wording import counted
from pronghorn.engine.backends.foreign_calls import as_it_is, on_its_engine
from pronghorn.engine.graph.tensor import Tensor
from pronghorn.utils.arguments import CheckedArguments
from pronghorn.utils.explain import explained
from pronghorn.utils.naming import NameScope, auto_name
from pronghorn.variables import Variable


@as_it_is
class Metric(CheckedArguments):
    """A measure collected over batches: override `update_state` and `result`.

    Its state is in variables, made by `add_variable` in `__init__`; inside a compiled step they are updated with the
    weights.

    Args:
        dtype: the type of the state, a name or a dtype policy; `config.floatx()` by default.
        name: its name in logs.

    >>> from pronghorn import ops
    >>> class Largest(Metric):
    ...     def __init__(self, **kwargs):
    ...         super().__init__(**kwargs)
    ...         self.top = self.add_variable((), "zeros", name="top")
    ...     def update_state(self, values):
    ...         self.top.assign(ops.maximum(self.top, ops.max(values)))
    ...     def result(self):
    ...         return self.top.value
    >>> metric = Largest()
    >>> metric.update_state([1.0, 5.0, 2.0])
    >>> float(metric.result())
    5.0
    """

    _takes_own_integers = True

    def __init__(self, dtype: Any = None, name: str | None = None):
        object.__setattr__(self, "_variables", [])
        object.__setattr__(self, "_metrics", [])
        self.name = name or auto_name(type(self).__name__)
        self._dtype_policy = dtype_policies.get(dtype or config.floatx())
        self._dtype = self._dtype_policy.compute_dtype

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for name in ("update_state", "result", "reset_state"):
            if name in vars(cls):
                setattr(cls, name, on_its_engine(vars(cls)[name]))

    def __setattr__(self, name: str, value: Any) -> None:
        self._track(value)
        object.__setattr__(self, name, value)

    def _track(self, value: Any) -> None:
        """Remember variables and metrics that are put on this one, in containers too."""
        if isinstance(value, Variable | Metric):
            self._check_initialised()
            store = self._variables if isinstance(value, Variable) else self._metrics
            if not any(value is known for known in store):
                store.append(value)
        elif isinstance(value, list | tuple):
            for entry in value:
                self._track(entry)
        elif isinstance(value, dict):
            for entry in value.values():
                self._track(entry)

    def _check_initialised(self) -> None:
        if "_variables" not in self.__dict__:
            raise RuntimeError(
                f"{type(self).__name__}: call super().__init__() at the start of __init__, before variables are made."
            )

    @property
    def dtype(self) -> str:
        """The type of the state."""
        return self._dtype

    def add_variable(
        self, shape: Any, initializer: Any, dtype: Any = None, aggregation: str = "sum", name: str | None = None
    ) -> Variable:
        """Create a variable of the metric's state."""
        self._check_initialised()
        with NameScope(self.name.replace("/", ">"), caller=self):
            variable = Variable(
                initializer,
                shape=tuple(shape),
                dtype=dtype or self.dtype,
                trainable=False,
                aggregation=aggregation,
                name=name,
            )
        self._variables.append(variable)
        return variable

    def add_weight(
        self, shape: Any = (), initializer: Any = None, dtype: Any = None, name: str | None = None
    ) -> Variable:
        """Create a variable of the metric's state; `add_variable` by its older name."""
        return self.add_variable(shape, initializer or "zeros", dtype=dtype, name=name)

    @property
    def variables(self) -> list[Variable]:
        """The state, that of nested metrics included."""
        return [*self._variables, *(v for metric in self._metrics for v in metric.variables)]

    def update_state(self, *args: Any, **kwargs: Any) -> None:
        """Take in a batch.

        >>> from pronghorn import metrics
        >>> metric = metrics.MeanSquaredError()
        >>> metric.update_state([1.0, 2.0], [1.0, 4.0])
        >>> float(metric.result())
        2.0
        """
        raise NotImplementedError(f"{type(self).__name__}: a metric must define `update_state`.")

    def result(self) -> Any:
        """Return the value so far: a scalar, or a dict of them."""
        raise NotImplementedError(f"{type(self).__name__}: a metric must define `result`.")

    def reset_state(self) -> None:
        """Forget all batches: set the state to zeros.

        >>> from pronghorn import metrics
        >>> metric = metrics.Mean()
        >>> metric.update_state([1.0, 3.0])
        >>> metric.reset_state()
        >>> metric.update_state(5.0)
        >>> float(metric.result())
        5.0
        """
        for variable in self.variables:
            variable.assign(np.zeros(variable.shape, "float32"))

    @on_its_engine
    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Take in a batch and return the value so far."""
        self._check_initialised()
        with explained(f"metric {self.name!r}", **dict(zip(("y_true", "y_pred"), args)), **kwargs):
            self.update_state(*args, **kwargs)
        return self.result()

    # -- without side effects ---------------------------------------------------------------------------------------
    @on_its_engine
    def stateless_update_state(self, metric_variables: Sequence[Any], *args: Any, **kwargs: Any) -> list[Tensor]:
        """Return the state after a batch, from a state that is given; the variables stay as they are."""
        return self._with_state(metric_variables, lambda: self.update_state(*args, **kwargs), state=True)

    @on_its_engine
    def stateless_result(self, metric_variables: Sequence[Any]) -> Any:
        """Return the value of a state that is given; the variables stay as they are."""
        return self._with_state(metric_variables, self.result)

    def stateless_reset_state(self) -> list[Tensor]:
        """Return the state of no batches; the variables stay as they are."""
        return self._with_state([v.tensor for v in self.variables], self.reset_state, state=True)

    def _with_state(self, values: Sequence[Any], fn: Callable[[], Any], state: bool = False) -> Any:
        variables = self.variables
        if len(values) != len(variables):
            raise ValueError(
                f"{type(self).__name__} {self.name!r} has {counted(len(variables), 'variable')}, but "
                f"{counted(len(values), 'value')} came as "
                "`metric_variables`; pass one for each, in the order of `variables`."
            )
        saved = [v.tensor for v in variables]
        try:
            for variable, value in zip(variables, values):
                variable.assign(value)
            result = fn()
            return [v.tensor for v in variables] if state else result
        finally:
            for variable, value in zip(variables, saved):
                variable.assign(value)

    # -- config -----------------------------------------------------------------------------------------------------
    def get_config(self) -> dict[str, Any]:
        """Return the arguments that rebuild this metric."""
        return {"name": self.name, "dtype": self.dtype}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Metric:
        """Build a metric from `get_config`'s result."""
        return cls(**config)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}>"
