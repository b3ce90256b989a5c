"""Checks that `fit` and its relatives make before they run."""

from __future__ import annotations

import functools
import inspect
import math
from typing import Any

import numpy as np

from pronghorn import config, tree
from pronghorn._wording import counted
from pronghorn.calls.batch import Batch, batch_key
from pronghorn.calls.layout import has_rows
from pronghorn.data.ragged import RaggedTensor
from pronghorn.engine.graph import dtypes, strings
from pronghorn.engine.graph.active import TraceError
from pronghorn.engine.graph.ir import Aval
from pronghorn.engine.graph.tensor import Tensor, as_tensor
from pronghorn.engine.graph.trace import abstract_eval
from pronghorn.engine.graph.user_code import warn
from pronghorn.engine.runtime.signals import is_from_handler
from pronghorn.symbolic.infer import infer_spec
from pronghorn.symbolic.keras_tensor import KerasTensor
from pronghorn.trainers import compiling, indices, logits, validation
from pronghorn.trainers.data_adapters.adapter import DataAdapter
from pronghorn.trainers.data_adapters.generators import GeneratorAdapter
from pronghorn.utils.arguments import is_integer
from pronghorn.utils.data_tuple import unpack_x_y_sample_weight


def check_compiled(model: Any, method: str) -> None:
    """Raise an error if the model was not compiled."""
    if not model.compiled:
        raise ValueError(
            f"You must call compile() before {method}(): the model {model.name!r} has no loss and no optimizer yet. "
            "For example: model.compile(optimizer='adam', loss='categorical_crossentropy', metrics=['accuracy'])."
        )


def warn_of_lost_batch(model: Any) -> None:
    """Warn where a functional model's output has not one row for each sample, and say which layer lost them.

    It is no error: a sum over the samples may be meant. Only models that know their outputs' shapes are looked at.
    """
    if not loses_rows(model):
        return
    for layer in model.layers:
        for node in layer._inbound_nodes:
            lost = next((x for x in node.output_tensors if _has_fixed_rows(x)), None)
            if lost is not None and node.input_tensors and not any(map(_has_fixed_rows, node.input_tensors)):
                given, shape = node.input_tensors[0].shape, lost.shape
                warn(
                    f"The layer {layer.name!r} ({type(layer).__name__}) makes an output of shape {tuple(shape)} of "
                    f"inputs of shape {tuple(given)}: its first axis is {shape[0]} whatever the number of samples, "
                    "where one row for each sample is expected. In products of a weight and the inputs the inputs come "
                    "first: ops.matmul(inputs, weight)."
                )
                return


def loses_rows(model: Any) -> bool:
    """Whether a functional model's output is known not to have one row for each sample."""
    outputs = tree.flatten(getattr(model, "outputs", None) or [])
    return any(map(_has_fixed_rows, outputs)) and not any(map(_has_fixed_rows, tree.flatten(model.inputs)))


def _has_fixed_rows(x: Any) -> bool:
    # A model of the user's may call anything its outputs.
    return isinstance(x, KerasTensor) and len(x.shape) > 0 and isinstance(x.shape[0], int)


def check_flags(run_eagerly: Any, steps_per_execution: Any, jit_compile: Any) -> None:
    """Raise an error for values of `compile`'s flags that contradict each other or make no sense."""
    if jit_compile is True and run_eagerly:
        raise ValueError("compile: jit_compile=True and run_eagerly=True contradict each other; leave one out.")
    if not is_integer(steps_per_execution) or steps_per_execution < 1:
        raise ValueError(f"compile: steps_per_execution must be an integer of 1 or more, got {steps_per_execution!r}.")


def limited_epochs(epochs: Any, initial_epoch: int) -> int:
    """The number of the last epoch, within `config.max_epochs()`."""
    if not is_integer(epochs) or epochs < 0:
        raise ValueError(f"fit: epochs must be an integer that is not negative, got {epochs!r}.")
    limit = config.max_epochs()
    return int(epochs) if limit is None else min(int(epochs), initial_epoch + limit)


def is_validation_epoch(epoch: int, frequency: Any) -> bool:
    """Whether an epoch, counted from 0, ends with a validation.

    >>> is_validation_epoch(1, 2), is_validation_epoch(1, [1, 3])
    (True, False)
    """
    if isinstance(frequency, int):
        return (epoch + 1) % frequency == 0
    return epoch + 1 in frequency


def used_up(adapter: Any) -> str:
    """What to do about a data set that gave its batches to an earlier epoch; nothing where it can start again."""
    if adapter.restarts:
        return ""
    return (
        " A generator gives its batches once, and an earlier epoch may have had them: let it loop without end and pass "
        "validation_steps, or pass arrays or a PyDataset, which start again for each epoch."
    )


def warn_exhausted(epoch: int, epochs: int) -> None:
    """Warn that a generator ended before the epochs did."""
    warn(
        f"The generator is exhausted after {epoch} of {counted(epochs, 'epoch')}, so training ends here. Let it "
        "loop without end "
        "and pass steps_per_epoch, or pass a PyDataset, which starts again for each epoch."
    )


class LostLoss:
    """Warns, once, when the loss of three epochs in a row was no number."""

    def __init__(self) -> None:
        self._epochs = 0

    def see(self, logs: dict[str, Any]) -> None:
        """Take note of an epoch's results."""
        loss = logs.get("loss")
        self._epochs = self._epochs + 1 if isinstance(loss, float) and not math.isfinite(loss) else 0
        if self._epochs == 3:
            warn(
                f"The loss has been {loss} for three epochs, so the model learns nothing any more. Most often the "
                "learning rate is too high or the data is not scaled: try a tenth of the rate, inputs from -1 to 1, or "
                "clipnorm=1.0 for the optimizer, with new weights. callbacks.TerminateOnNaN() ends such a training."
            )


@functools.lru_cache(None)
def takes_training(function: Any) -> bool:
    """Whether a function has an argument `training`."""
    parameters = inspect.signature(function).parameters
    return "training" in parameters or any(p.kind is p.VAR_KEYWORD for p in parameters.values())


def call_takes_training(model: Any) -> bool:
    """Whether a model's `call` has an argument `training`."""
    call = getattr(type(model), "call", None)
    return call is not None and takes_training(call)


def is_new(model: Any) -> bool:
    """Whether Keras would look at a batch first, to build the model or what `compile` set, as `fit` begins."""
    if not _is_built(model):
        return True
    is_measured = model._compile_loss is not None or model._compile_metrics is not None
    return is_measured and not model._trainer_state.has_met_data


def check_data(model: Any, adapter: DataAdapter) -> None:
    """Build the model for the data's shapes, and check indices and targets, before any training."""
    _check_targets(model, adapter)
    indices.check_indices(model, adapter.inputs())


def _check_targets(model: Any, adapter: DataAdapter) -> None:
    """Build the model for the data's shapes, and check the targets against the outputs and losses.

    Only what the built-in step computes is checked: a model with a step or a loss of its own knows its data itself.
    """
    labels = adapter.labels()
    has_loss = model._compile_loss is not None and model._uses_built_in_step and model._uses_built_in_loss
    if labels is None and has_loss and isinstance(adapter, GeneratorAdapter):
        first = adapter.first()  # it is kept for the first step
        labels = unpack_x_y_sample_weight(first.layout.pack(first.gather()))[1]
    check = labels is not None and has_loss
    if not check and _is_built(model):
        return
    batch = adapter.first()
    if batch is None:
        return
    spec = build(model, batch) if not check or not _is_built(model) else known_output_spec(model, batch)
    if check and spec is not None:
        model._compile_loss.learn_names(compiling.known_output_names(model))
        check_labels(model._compile_loss, labels, spec)
        logits.warn_of_logits(model, model._compile_loss)


def _is_built(model: Any) -> bool:
    return all(layer.built for layer in model._flatten_layers())


def build(model: Any, batch: Batch) -> Any:
    """Build a model that is not built yet, and its optimizer's slots; return its outputs' spec where it was computed.

    A step that reads `trainable_variables` would otherwise find none at first.
    """
    spec = None
    if not _is_built(model):
        try:
            spec = known_output_spec(model, batch)
        except NotImplementedError:  # no call(): its step does everything
            return None
        except Exception as error:
            # A step of its own knows what the parts of a batch are, such as the three images of a triplet, and need
            # not hand the first of them to call(). What is really wrong shows when that step runs.
            if model._uses_built_in_step or is_from_handler(error):
                raise
            return None
    return spec


def check_labels(loss: Any, labels: Any, spec: Any) -> None:
    """Check all targets against the outputs.

    Args:
        loss: the model's `CompileLoss`.
        labels: nested arrays.
        spec: the outputs as KerasTensors.
    """
    for rows in tree.flatten(labels):
        if isinstance(rows, RaggedTensor):
            raise ValueError(
                f"The targets are rows of different lengths, of shape {rows.shape}, but losses compare arrays. Pad "
                "them to one length, with x.to_tensor(), and say by sample weights of 0 what is padding."
            )
    if not loss.built:
        loss.build(tree.map_structure(_described, labels), spec)
    arrays, outputs = loss.targets(labels, spec), tree.flatten(spec)
    for term, one in zip(loss.terms, loss.losses):
        name, array, output = loss.names[term.start], arrays[term.start], outputs[term.start]
        if one is None or array is None or not term.is_single:
            continue
        validation.check_target_shape(name, one, array, output)
        validation.warn_of_probabilities(name, one, array)
        classes = validation.classes_of(output.shape, array.ndim)
        if classes is not None:
            validation.check_class_numbers(name, one, array, classes)


def _described(rows: np.ndarray | None) -> KerasTensor | None:
    return None if rows is None else KerasTensor((None, *rows.shape[1:]), _dtype(rows))


def known_output_spec(model: Any, batch: Batch) -> Any:
    """`output_spec`, found once for batches of one kind: it holds as long as the step that is compiled for them.

    That is until the next `compile`, or until the model's layers change. Of what depends on values, nothing is kept.
    """
    known = model._trainer_state.output_specs
    kind = batch_key(batch.layout, batch.arrays, False)
    key = model._stamps(), kind
    if key in known:
        return known[key]
    spec = output_spec(model, batch)
    if not batch.texts and not model.run_eagerly:
        known.keep((model._stamps(), kind), spec)  # which may have built the model
    return spec


def output_spec(model: Any, batch: Batch) -> Any:
    """The model's outputs as KerasTensors for a batch's shapes, or None where they cannot be told."""
    if batch.texts:
        return _output_spec_for_strings(model, batch)
    if model.run_eagerly and has_rows(batch.layout):  # whose lengths a step may ask for that is not compiled
        return _output_spec_by_values(model, batch)
    inputs = [KerasTensor((None, *shape[1:]), _dtype(array)) for shape, array in zip(batch.shapes(), batch.arrays)]

    def call(*inputs: Any) -> Any:
        x, _, _ = unpack_x_y_sample_weight(batch.layout.pack(inputs))
        return model(x)

    try:
        spec = infer_spec(call, tuple(inputs))
    except TraceError:
        if not model.run_eagerly:
            raise
        return _output_spec_by_values(model, batch)
    return spec if all(isinstance(leaf, KerasTensor | Tensor) for leaf in tree.flatten(spec)) else None


def _output_spec_by_values(model: Any, batch: Batch) -> Any:
    """`output_spec` of a model whose `call` may look at values, since it runs as it is written."""
    x, _, _ = unpack_x_y_sample_weight(batch.layout.pack(batch.gather()))
    return tree.map_structure(lambda t: KerasTensor((None, *t.shape[1:]), t.dtype), model(x))


def _output_spec_for_strings(model: Any, batch: Batch) -> Any:
    """`output_spec` where what comes after the strings depends on them, such as how many words there are."""
    shapes = batch.shapes()
    spec = None

    def call(*tensors: Tensor) -> list[Tensor]:
        nonlocal spec
        x, _, _ = unpack_x_y_sample_weight(batch.layout.pack(batch.traced_leaves(tensors, shapes)))
        outputs = tree.map_structure(as_tensor, model(x))
        spec = tree.map_structure(lambda t: KerasTensor((None, *t.shape[1:]), t.dtype), outputs)
        return []

    abstract_eval(call, *(Aval(shapes[i], _dtype(batch.arrays[i])) for i in batch.numbers))
    return spec


def _dtype(array: np.ndarray) -> str:
    return "string" if strings.is_text(array) else dtypes.name_of(array.dtype)
