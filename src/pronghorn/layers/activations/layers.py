"""Activation functions as layers."""

from __future__ import annotations

from typing import Any, Unpack

from pronghorn import activations, ops
from pronghorn.layers import rows, settings
from pronghorn.layers.arguments import LayerArguments
from pronghorn.layers.input_spec import InputSpec
from pronghorn.layers.layer import Layer


class _Elementwise(Layer):
    """Base: outputs of the inputs' shape, no weights."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True
        self._build_at_init()

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape


class Activation(_Elementwise):
    """An activation function as a layer.

    Args:
        activation: a function or its name.
        kwargs: those of `Layer`.

    Example:

    >>> Activation("relu")(ops.convert_to_tensor([-1.0, 2.0])).tolist()
    [0.0, 2.0]
    """

    def __init__(self, activation: Any, **kwargs: Unpack[LayerArguments]) -> None:
        super().__init__(**kwargs)
        settings.take(self, activation=activation)
        self._takes_rows = _of_rows(self.activation)

    def call(self, inputs: Any) -> Any:
        return self.activation(inputs)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), **settings.give(self, "activation")}


def _of_rows(activation: Any) -> str:
    """What a function makes of rows of different lengths: one of the caller's own gets them whole."""
    if activation in (activations.glu, activations.log_softmax, activations.softmax, activations.sparsemax):
        return rows.LAST
    is_ours = getattr(activations, getattr(activation, "__name__", ""), None) is activation
    return rows.EACH if is_ours else rows.WHOLE


def _not_negative(layer: str, name: str, value: Any, optional: bool = False) -> None:
    if value is None and optional:
        return
    if value is None or value < 0:
        what = "a negative value" if optional else "None or a negative value"
        raise ValueError(f"{name} of a {layer} layer cannot be {what}, got {name}={value!r}.")


class ReLU(_Elementwise):
    """``max(x, 0)``, with a slope, an upper limit and a threshold if asked for.

    Args:
        max_value: the upper limit, none if None.
        negative_slope: the slope below the threshold.
        threshold: where the function begins.
        kwargs: those of `Layer`.

    Example:

    >>> ReLU(max_value=6.0)(ops.array([[-1.0, 2.0, 9.0]])).numpy()
    array([[0., 2., 6.]], dtype=float32)
    """

    _takes_rows = rows.EACH

    def __init__(
        self,
        max_value: float | None = None,
        negative_slope: float = 0.0,
        threshold: float = 0.0,
        **kwargs: Unpack[LayerArguments],
    ) -> None:
        if "alpha" in kwargs:
            negative_slope = kwargs.pop("alpha")
        super().__init__(**kwargs)
        _not_negative("ReLU", "max_value", max_value, optional=True)
        _not_negative("ReLU", "negative_slope", negative_slope)
        _not_negative("ReLU", "threshold", threshold)
        self.max_value, self.negative_slope, self.threshold = max_value, negative_slope, threshold

    def call(self, inputs: Any) -> Any:
        return activations.relu(
            inputs, negative_slope=self.negative_slope, max_value=self.max_value, threshold=self.threshold
        )

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), **settings.give(self, "max_value", "negative_slope", "threshold")}


class LeakyReLU(_Elementwise):
    """``x`` where it is positive, else ``negative_slope * x``.

    >>> LeakyReLU(negative_slope=0.1)(ops.array([[-1.0, 2.0]])).numpy()
    array([[-0.1,  2. ]], dtype=float32)
    """

    _takes_rows = rows.EACH

    def __init__(self, negative_slope: float = 0.3, **kwargs: Unpack[LayerArguments]) -> None:
        if "alpha" in kwargs:
            negative_slope = kwargs.pop("alpha")
        super().__init__(**kwargs)
        _not_negative("LeakyReLU", "negative_slope", negative_slope)
        self.negative_slope = negative_slope

    def call(self, inputs: Any) -> Any:
        return activations.leaky_relu(inputs, negative_slope=self.negative_slope)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "negative_slope": self.negative_slope}


class ELU(_Elementwise):
    """``x`` where it is positive, else ``alpha * (exp(x) - 1)``.

    >>> ELU()(ops.array([[-1.0, 2.0]])).numpy().round(4)
    array([[-0.6321,  2.    ]], dtype=float32)
    """

    _takes_rows = rows.EACH

    def __init__(self, alpha: float = 1.0, **kwargs: Unpack[LayerArguments]) -> None:
        super().__init__(**kwargs)
        self.alpha = alpha

    def call(self, inputs: Any) -> Any:
        return activations.elu(inputs, alpha=self.alpha)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "alpha": self.alpha}


class PReLU(Layer):
    """``x`` where it is positive, else ``alpha * x`` with a trained ``alpha`` for each feature.

    Args:
        alpha_initializer: how ``alpha`` starts.
        alpha_regularizer: a function of it that is added to the loss.
        alpha_constraint: applied to it after each update.
        shared_axes: axes along which ``alpha`` is the same, counted with the batch as 0.
        kwargs: those of `Layer`.

    Example:

    >>> PReLU(alpha_initializer="ones")(ops.array([[-1.0, 2.0]])).numpy()
    array([[-1.,  2.]], dtype=float32)
    """

    def __init__(
        self,
        alpha_initializer: Any = "Zeros",
        alpha_regularizer: Any = None,
        alpha_constraint: Any = None,
        shared_axes: Any = None,
        **kwargs: Unpack[LayerArguments],
    ) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True
        settings.take(
            self,
            alpha_initializer=alpha_initializer,
            alpha_regularizer=alpha_regularizer,
            alpha_constraint=alpha_constraint,
        )
        self.shared_axes = (
            None
            if shared_axes is None
            else list(shared_axes)
            if isinstance(shared_axes, (list, tuple))
            else [shared_axes]
        )

    def build(self, input_shape: Any) -> None:
        shape = list(input_shape[1:])
        settings.check_axes(self, self.shared_axes or (), input_shape, "shared_axes")
        for axis in self.shared_axes or ():
            shape[axis % len(input_shape) - 1] = 1
        self.alpha = settings.weight(self, "alpha", tuple(shape))
        own = {i: d for i, d in enumerate(input_shape) if i > 0 and i not in (self.shared_axes or ())}
        self.input_spec = InputSpec(ndim=len(input_shape), axes=own)

    def call(self, inputs: Any) -> Any:
        return activations.relu(inputs) - self.alpha * activations.relu(-inputs)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        names = ("alpha_initializer", "alpha_regularizer", "alpha_constraint", "shared_axes")
        return {**super().get_config(), **settings.give(self, *names)}


class Softmax(_Elementwise):
    """Positive numbers that sum to one along an axis, or several.

    Args:
        axis: the axis or axes.
        kwargs: those of `Layer`.

    Call arguments:
        inputs: scores.
        mask: False where a score is to be left out.

    Example:

    >>> Softmax()(ops.array([[1.0, 1.0]])).numpy()
    array([[0.5, 0.5]], dtype=float32)
    """

    _takes_rows = rows.LAST

    def __init__(self, axis: Any = -1, **kwargs: Unpack[LayerArguments]) -> None:
        super().__init__(**kwargs)
        self.axis = list(axis) if isinstance(axis, (list, tuple)) else axis

    def call(self, inputs: Any, mask: Any = None) -> Any:
        if mask is not None:
            mask = self._checked(mask, inputs)
            least = -3e4 if inputs.dtype == "float16" else -1e9
            inputs = ops.where(mask, inputs, least)
        axis = tuple(self.axis) if isinstance(self.axis, list) else self.axis
        outputs = activations.softmax(inputs, axis=axis)
        # Where everything is masked, nothing gets a share.
        return outputs if mask is None else ops.where(mask, outputs, 0.0)

    def _checked(self, mask: Any, inputs: Any) -> Any:
        if len(mask.shape) > len(inputs.shape):
            raise ValueError(
                f"Layer {self.name!r} (Softmax): the mask must not have more dimensions than the inputs, got a mask of "
                f"shape {tuple(mask.shape)} for inputs of shape {tuple(inputs.shape)}."
            )
        for m, n in zip(reversed(mask.shape), reversed(inputs.shape)):
            if isinstance(m, int) and isinstance(n, int) and m not in (1, n):
                raise ValueError(
                    f"Layer {self.name!r} (Softmax): the mask does not broadcast to the inputs, got a mask of shape "
                    f"{tuple(mask.shape)} for inputs of shape {tuple(inputs.shape)}."
                )
        return ops.broadcast_to(ops.cast(mask, "bool"), inputs.shape)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "axis": self.axis}
