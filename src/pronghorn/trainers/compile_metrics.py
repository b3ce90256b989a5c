"""The metrics given to `compile`, as one metric over all outputs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pronghorn import metrics as metrics_module
from pronghorn import tree
from pronghorn.engine.graph.active import scope
from pronghorn.losses import Loss
from pronghorn.metrics import Metric
from pronghorn.metrics.reduction_metrics import MeanMetricWrapper
from pronghorn.trainers.compile_loss import classes_and_labels
from pronghorn.trainers.loss_terms import object_name
from pronghorn.trainers.outputs import align, are_named, output_names
from pronghorn.utils.explain import explained

_ACCURACY = ("accuracy", "acc")
_CROSSENTROPY = ("crossentropy", "ce")


def resolve_metric(identifier: Any, y_true: Any, y_pred: Any) -> Metric | None:
    """A metric from its name or a function; `"accuracy"` is chosen by the shapes of output and labels."""
    if identifier is None or isinstance(identifier, Metric):
        return identifier
    lowered = str(identifier).lower()
    if isinstance(identifier, str) and lowered in (*_ACCURACY, *_CROSSENTROPY):
        one_score, numbers = classes_and_labels(y_true, y_pred)
        kind = "Binary" if one_score else "SparseCategorical" if numbers else "Categorical"
        suffix = "Accuracy" if lowered in _ACCURACY else "Crossentropy"
        return getattr(metrics_module, kind + suffix)(name=identifier)
    found = metrics_module.get(identifier)
    if isinstance(found, Metric):
        if isinstance(identifier, str):
            found.name = identifier
        return found
    if isinstance(found, Loss):
        name = found.name
        return MeanMetricWrapper(lambda y, p: found(y, p), name=name)
    return MeanMetricWrapper(found, name=identifier if isinstance(identifier, str) else object_name(found))


def check_names(argument: str, spec: Any) -> None:
    """Raise an error for what is no metric in `compile`'s arguments, before any data is seen.

    Raises:
        ValueError: if `spec` is no list, tuple or dict, or for unknown names.
    """
    if spec is not None and not isinstance(spec, list | tuple | dict):
        raise ValueError(
            f"compile: `{argument}` takes a list, tuple or dict, got {spec!r}; write {argument}=[{spec!r}]."
        )
    for entry in tree.flatten(spec):
        by_shape = isinstance(entry, str) and entry.lower() in (*_ACCURACY, *_CROSSENTROPY)
        if entry is not None and not by_shape and not callable(entry):
            metrics_module.get(entry)


class CompileMetrics(Metric):
    """All metrics of all outputs; its result is a dict by their names in logs.

    Args:
        metrics: a list for one output; for several a list or a dict with a list for each.
        weighted_metrics: the same, for metrics that take the sample weights.
        name: its name.
        output_names: the model's names of its outputs.
    """

    def __init__(
        self,
        metrics: Any,
        weighted_metrics: Any,
        name: str = "compile_metrics",
        output_names: Sequence[str] | None = None,
    ):
        super().__init__(name=name)
        check_names("metrics", metrics)
        check_names("weighted_metrics", weighted_metrics)
        self._user_metrics, self._user_weighted_metrics = metrics, weighted_metrics
        self._output_names = output_names
        self.built = False
        # (output, name in logs, metric, whether weighted), in the order of the outputs
        self._entries: list[tuple[int, str, Metric, bool]] = []

    @property
    def metrics(self) -> list[Metric]:
        """The single metrics, once built."""
        return [entry[2] for entry in self._entries]

    @property
    def variables(self) -> list[Any]:
        """The variables of `metrics`, each once."""
        found = {id(v): v for metric in self.metrics for v in metric.variables}
        return list(found.values())

    def build(self, y_true: Any, y_pred: Any) -> None:
        """Find the metrics of each output."""
        names = output_names(y_pred, self._output_names)
        flat_pred = tree.flatten(y_pred)
        targets = align(y_true, y_pred, names, "y", _is_array)
        prefixed = len(names) > 1 and are_named(y_pred, self._output_names)
        taken: dict[str, int] = {}
        self._entries = []
        for argument, weighted in (("metrics", False), ("weighted_metrics", True)):
            spec = getattr(self, f"_user_{argument}")
            per_output = _by_output(spec, y_pred, names, argument)
            for i, identifiers in enumerate(per_output):
                for identifier in identifiers:
                    if identifier is None or targets[i] is None:
                        continue
                    metric = resolve_metric(identifier, targets[i], flat_pred[i])
                    shown = f"{names[i]}_{metric.name}" if prefixed else metric.name
                    if weighted and shown in taken:
                        shown = f"{names[i]}_weighted_{metric.name}" if prefixed else f"weighted_{metric.name}"
                    again = taken.get(shown, 0)
                    taken[shown] = again + 1
                    self._entries.append((i, f"{shown}_{again}" if again else shown, metric, weighted))
        self._entries.sort(key=lambda entry: (entry[3], entry[0]))
        self.names = names
        self.built = True

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take in targets and predictions of all outputs."""
        if not self.built:
            self.build(y_true, y_pred)
        if not self._entries:
            return
        flat_pred = tree.flatten(y_pred)
        targets = align(y_true, y_pred, self.names, "y", _is_array)
        weights = align(sample_weight, y_pred, self.names, "sample_weight", _is_array)
        for i, _, metric, weighted in self._entries:
            weight = {"sample_weight": weights[i]} if weighted and weights[i] is not None else {}
            named = explained(f"metric {metric.name!r}", y_true=targets[i], y_pred=flat_pred[i])
            with scope(metric.name), named:
                metric.update_state(targets[i], flat_pred[i], **weight)

    def result(self) -> dict[str, Any]:
        """Return the results by their names in logs.

        A metric whose result is a dict gives names of its own; of several that give the same one, the last by the
        metrics' names counts, as in Keras.
        """
        found = {name: metric.result() for _, name, metric, _ in self._entries}
        results = {name: value for name, value in found.items() if not isinstance(value, dict)}
        for name in sorted(found.keys() - results.keys()):
            results.update(found[name])
        return results

    def reset_state(self) -> None:
        """Forget all batches."""
        for metric in self.metrics:
            metric.reset_state()

    def get_config(self) -> dict[str, Any]:
        """Not defined: compiled metrics are rebuilt from the model's compile config."""
        raise NotImplementedError("CompileMetrics has no config of its own; see Model.get_compile_config.")


def _by_output(spec: Any, y_pred: Any, names: list[str], argument: str) -> list[list[Any]]:
    """A list of metrics for each output."""
    if spec is None:
        return [[] for _ in names]
    if len(names) == 1 and isinstance(spec, list | tuple):
        inner = spec[0] if len(spec) == 1 and isinstance(spec[0], list | tuple) else spec
        return [list(inner)]
    aligned = align(spec, y_pred, names, argument, _is_entry, lists=True)
    return [list(x) if isinstance(x, list | tuple) else [] if x is None else [x] for x in aligned]


def _is_entry(entry: Any) -> bool:
    """Whether an entry is a metric rather than a container of them."""
    return entry is None or isinstance(entry, str) or callable(entry)


def _is_array(entry: Any) -> bool:
    return entry is None or hasattr(entry, "shape")
