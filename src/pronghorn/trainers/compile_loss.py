"""The losses given to `compile`, as one loss over all outputs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pronghorn import losses, ops, tree
from pronghorn._wording import counted
from pronghorn.engine.graph.tensor import Tensor
from pronghorn.losses import Loss
from pronghorn.losses.loss import LossFunctionWrapper
from pronghorn.losses.reduction import count
from pronghorn.metrics import Mean
from pronghorn.trainers import validation
from pronghorn.trainers.loss_terms import Term, is_loss, is_weight, loss_terms, object_name, shown_names, term_weights
from pronghorn.trainers.outputs import align, check_keys, output_names

_CROSSENTROPY = ("crossentropy", "ce")


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
    """Raise an error for what is no loss in `compile`'s `loss`, before any data is seen."""
    if isinstance(spec, list | tuple) and not is_loss(spec):
        for entry in spec:
            check_names(entry)
    elif isinstance(spec, dict) and not is_loss(spec):
        for entry in spec.values():
            check_names(entry)
    elif not (isinstance(spec, str) and spec.lower() in _CROSSENTROPY):
        losses.get(spec)


class CompileLoss(Loss):
    """The weighted sum of the losses of all outputs.

    Args:
        loss: one loss for all outputs, or losses in lists, tuples and dicts; see `loss_terms`.
        loss_weights: a factor, or factors nested as the losses or the outputs are.
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
        self.terms: list[Term] = []
        self.losses: list[Loss | None] = []  # of the terms
        self._weights: list[Any] = []
        self._trackers: list[Mean] = []  # of the terms that have a loss, where there are several

    @property
    def metrics(self) -> list[Mean]:
        """A mean of each loss, where there are several; of those of one name, logs show the last."""
        return self._trackers

    @property
    def variables(self) -> list[Any]:
        """The variables of `metrics`."""
        return [v for metric in self.metrics for v in metric.variables]

    def learn_names(self, names: Sequence[str] | None) -> None:
        """Take the names of the outputs, where the model had none yet when it was compiled."""
        if not self.built and not self._output_names:
            self._output_names = names

    def build(self, y_true: Any, y_pred: Any) -> None:
        """Find the losses of the outputs.

        Raises:
            ValueError: if losses, weights or targets do not fit the outputs.
        """
        self.names = output_names(y_pred, self._output_names)
        self.terms = loss_terms(self._user_loss, y_pred, self.names)
        targets = self.targets(y_true, y_pred)
        flat_pred = tree.flatten(y_pred)
        self.losses = [resolve_loss(term.loss, targets[term.start], flat_pred[term.start]) for term in self.terms]
        self._weights = term_weights(self._user_loss_weights, self.terms, y_pred, self.names)
        wanted = [term for term in self.terms if term.loss is not None]
        shown = shown_names(wanted, y_pred, self.names, self._output_names)
        self._trackers = [Mean(name=f"{name}_loss") for name in shown] if len(wanted) > 1 else []
        self.built = True

    def targets(self, y_true: Any, y_pred: Any) -> list[Any]:
        """The targets of the flat outputs; None for those that have no loss.

        Raises:
            ValueError: if they do not fit the outputs.
        """
        names = self.names
        check_keys(y_true, y_pred, self._output_names, "y")
        covered = {i for term in self.terms if term.loss is not None for i in range(term.start, term.stop)}
        given = tree.flatten(y_true) if y_true is not None else []
        if len(given) == len(covered) < len(names) and not isinstance(y_true, dict):
            targets: list[Any] = [None] * len(names)  # outputs without a loss need no target
            for i, target in zip(sorted(covered), given):
                targets[i] = target
            return targets
        if len(names) > 1 and y_true is not None and not tree.is_nested(y_true):
            raise ValueError(
                f"The model has {counted(len(names), 'output')} ({', '.join(names)}), but y is a single array of shape "
                f"{tuple(y_true.shape)}. Pass y as a list with one array for each output, or as a dict with the "
                "outputs' names as keys."
            )
        targets = align(y_true, y_pred, names, "y", _is_array)
        for i, (name, target) in enumerate(zip(names, targets)):
            if i in covered and target is None:
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
        targets = self.targets(y_true, y_pred)
        check_keys(sample_weight, y_pred, self._output_names, "sample_weight")
        weights = align(sample_weight, y_pred, self.names, "sample_weight", _is_array)
        values: list[Tensor] = []
        total: Tensor | None = None
        for term, loss, factor in zip(self.terms, self.losses, self._weights):
            if loss is None:
                continue
            value = self._value(term, loss, targets, y_pred, weights)
            values.append(value)
            if factor is not None:
                value = value * factor
            total = value if total is None else total + value
        if self._trackers:
            first = tree.flatten(y_pred)[0]
            size = count(first.shape[:1], "float32") if first.shape else None
            for tracker, value in zip(self._trackers, values):
                tracker.update_state(value, sample_weight=size)
        return total

    def _value(self, term: Term, loss: Loss, targets: list[Any], y_pred: Any, weights: list[Any]) -> Tensor:
        """The value of one term."""
        if term.is_single:
            pred = tree.flatten(y_pred)[term.start]
            validation.check_target_shape(self.names[term.start], loss, targets[term.start], pred)
            value = loss(targets[term.start], pred, sample_weight=weights[term.start])
        else:
            part = y_pred
            for key in term.path:
                part = part[key]
            own = [weights[i] for i in range(term.start, term.stop)]
            same = all(weight is own[0] for weight in own)
            value = loss(
                tree.pack_sequence_as(part, targets[term.start : term.stop]),
                part,
                sample_weight=own[0] if same else tree.pack_sequence_as(part, own),
            )
        return value if value.shape == () else ops.mean(value)  # without a reduction, the mean is what is trained

    def get_config(self) -> dict[str, Any]:
        """Not defined: a compiled loss is rebuilt from the model's compile config."""
        raise NotImplementedError("CompileLoss has no config of its own; see Model.get_compile_config.")


def _is_array(entry: Any) -> bool:
    return entry is None or hasattr(entry, "shape")


def _check_weights(loss_weights: Any) -> None:
    if not is_weight(loss_weights) and not isinstance(loss_weights, list | tuple | dict):
        raise TypeError(
            f"compile: loss_weights must be a number, or a list or a dict of numbers; got {loss_weights!r}."
        )
