"""The losses given to `compile`, as one loss over all outputs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pronghorn import losses, ops, tree
from pronghorn.graph.tensor import Tensor
from pronghorn.losses import Loss
from pronghorn.losses.loss import LossFunctionWrapper
from pronghorn.losses.reduction import count
from pronghorn.metrics import Mean
from pronghorn.trainers import validation
from pronghorn.trainers.outputs import align, are_named, output_names
from pronghorn.utils.naming import to_snake_case

_CROSSENTROPY = ("crossentropy", "ce")


def is_loss(entry: Any) -> bool:
    """Whether an entry of `compile`'s `loss` is one loss rather than a container of them."""
    if isinstance(entry, dict):
        return "class_name" in entry and "config" in entry
    return entry is None or isinstance(entry, str) or callable(entry)


def object_name(obj: Any) -> str:
    """The name of a loss or a metric in logs."""
    name = getattr(obj, "name", None) or getattr(obj, "__name__", None)
    return to_snake_case(name) if name else to_snake_case(type(obj).__name__)


def classes_and_labels(y_true: Any, y_pred: Any) -> tuple[bool, bool]:
    """Whether an output has one score only, and whether its labels are class numbers."""
    one_score = bool(y_pred.shape) and y_pred.shape[-1] == 1
    numbers = len(y_true.shape) < len(y_pred.shape) or (bool(y_true.shape) and y_true.shape[-1] == 1 and not one_score)
    return one_score, numbers


def resolve_loss(identifier: Any, y_true: Any, y_pred: Any) -> Loss | None:
    """A loss from its name, or a function; `"crossentropy"` is chosen by the shapes of output and labels."""
    if identifier is None:
        return None
    if isinstance(identifier, str) and identifier.lower() in _CROSSENTROPY:
        one_score, numbers = classes_and_labels(y_true, y_pred)
        kind = "binary" if one_score else "sparse_categorical" if numbers else "categorical"
        identifier = f"{kind}_crossentropy"
    loss = losses.get(identifier)
    return loss if isinstance(loss, Loss) else LossFunctionWrapper(loss, name=object_name(loss))


def check_names(spec: Any) -> None:
    """Raise an error for unknown names in `compile`'s `loss`, before any data is seen."""
    for entry in [spec] if is_loss(spec) else tree.flatten(spec):
        by_shape = isinstance(entry, str) and entry.lower() in _CROSSENTROPY
        if entry is not None and not by_shape and not callable(entry):
            losses.get(entry)


class CompileLoss(Loss):
    """The weighted sum of the losses of all outputs.

    Args:
        loss: one loss for all outputs, or a list or a dict with one for each.
        loss_weights: a factor, or a list or a dict of them.
        reduction: see `Loss`.
        output_names: the model's names of its outputs.
    """

    def __init__(
        self,
        loss: Any,
        loss_weights: Any = None,
        reduction: str | None = "sum_over_batch_size",
        output_names: Sequence[str] | None = None,
    ):
        super().__init__(name="compile_loss", reduction=reduction)
        check_names(loss)
        _check_weights(loss_weights)
        self._user_loss, self._user_loss_weights = loss, loss_weights
        self._output_names = output_names
        self.built = False
        self.losses: list[Loss | None] = []
        self._weights: list[float | None] = []
        self._trackers: list[Mean | None] = []

    @property
    def metrics(self) -> list[Mean]:
        """A mean of each output's loss, where there are several."""
        return [tracker for tracker in self._trackers if tracker is not None]

    @property
    def variables(self) -> list[Any]:
        """The variables of `metrics`."""
        return [v for metric in self.metrics for v in metric.variables]

    def build(self, y_true: Any, y_pred: Any) -> None:
        """Find the loss of each output."""
        names = output_names(y_pred, self._output_names)
        flat_pred = tree.flatten(y_pred)
        specs = align(self._user_loss, y_pred, names, "loss", is_loss)
        targets = self._targets(y_true, y_pred, names, specs)
        self.losses = [resolve_loss(*triple) for triple in zip(specs, targets, flat_pred)]
        self._weights = align(self._user_loss_weights, y_pred, names, "loss_weights", _is_weight)
        several = sum(loss is not None for loss in self.losses) > 1
        shown = self._shown_names(names, y_pred, specs)
        self._trackers = [
            Mean(name=f"{name}_loss") if several and loss is not None else None
            for name, loss in zip(shown, self.losses)
        ]
        self.names = names
        self.built = True

    def _shown_names(self, names: list[str], y_pred: Any, specs: list[Any]) -> list[str]:
        """The outputs' names in logs; outputs without a name of their own are called after their loss."""
        if are_named(y_pred, self._output_names):
            return names
        shown: list[str] = []
        for (path, _), spec in zip(tree.flatten_with_path(y_pred), specs):
            own = spec if isinstance(spec, str) else object_name(spec)
            parts = [str(part) for part in path if not isinstance(part, int)]
            if not parts or isinstance(path[-1], int):
                parts.append(own)
            name = "/".join(parts)
            again = sum(other == name or other.startswith(f"{name}_") for other in shown)
            shown.append(f"{name}_{again}" if again else name)
        return shown

    def _targets(self, y_true: Any, y_pred: Any, names: list[str], specs: list[Any]) -> list[Any]:
        wanted = [i for i, spec in enumerate(specs) if spec is not None]
        given = tree.flatten(y_true) if y_true is not None else []
        if len(given) == len(wanted) < len(names) and not isinstance(y_true, dict):
            targets: list[Any] = [None] * len(names)  # outputs without a loss need no target
            for i, target in zip(wanted, given):
                targets[i] = target
            return targets
        if len(names) > 1 and y_true is not None and not tree.is_nested(y_true):
            raise ValueError(
                f"The model has {len(names)} outputs ({', '.join(names)}), but y is a single array of shape "
                f"{tuple(y_true.shape)}. Pass y as a list with one array for each output, or as a dict with the "
                "outputs' names as keys."
            )
        targets = align(y_true, y_pred, names, "y", _is_array)
        for name, spec, target in zip(names, specs, targets):
            if spec is not None and target is None:
                raise ValueError(
                    f"The output {name!r} has a loss, but y holds no target for it. Pass one, or None as its loss."
                )
        return targets

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Tensor | None:
        """Return the total loss, or None where no output has a loss."""
        return self.call(y_true, y_pred, sample_weight)

    def call(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Tensor | None:
        """Return the total loss, and update the means of the single ones."""
        if not self.built:
            self.build(y_true, y_pred)
        flat_pred = tree.flatten(y_pred)
        targets = self._targets(y_true, y_pred, self.names, self.losses)
        weights = align(sample_weight, y_pred, self.names, "sample_weight", _is_array)
        total: Tensor | None = None
        parts = zip(self.names, self.losses, self._weights, self._trackers, targets, flat_pred, weights)
        for name, loss, factor, tracker, target, pred, weight in parts:
            if loss is None:
                continue
            validation.check_target_shape(name, loss, target, pred)
            value = loss(target, pred, sample_weight=weight)
            if value.shape != ():
                value = ops.mean(value)  # a loss without reduction trains on the mean of its values
            if tracker is not None:
                size = count(pred.shape[:1], "float32") if pred.shape else None
                tracker.update_state(value, sample_weight=size)
            if factor is not None:
                value = value * factor
            total = value if total is None else total + value
        return total

    def get_config(self) -> dict[str, Any]:
        """Not defined: a compiled loss is rebuilt from the model's compile config."""
        raise NotImplementedError("CompileLoss has no config of its own; see Model.get_compile_config.")


def _is_array(entry: Any) -> bool:
    return entry is None or hasattr(entry, "shape")


def _is_weight(entry: Any) -> bool:
    return entry is None or isinstance(entry, int | float) or hasattr(entry, "shape")


def _check_weights(loss_weights: Any) -> None:
    if loss_weights is not None and not isinstance(loss_weights, int | float | list | tuple | dict):
        raise TypeError(
            f"compile: loss_weights must be a number, or a list or a dict of numbers; got {loss_weights!r}."
        )
