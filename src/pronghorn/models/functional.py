"""Functional models: those that ``Model(inputs, outputs)`` makes."""

from __future__ import annotations

import inspect
import math
from typing import Any, Self

from pronghorn import ops, tree
from pronghorn._lazy import nearest_clause
from pronghorn.data.element import as_objects
from pronghorn.data.ragged import RaggedTensor
from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph.tensor import Tensor
from pronghorn.engine.graph.user_code import warn
from pronghorn.layers import call as calls
from pronghorn.layers.building import COMMON_ARGUMENTS, OLDER_SHAPE_ARGUMENTS
from pronghorn.layers.core.input_layer import Input, InputLayer
from pronghorn.layers.input_spec import InputSpec
from pronghorn.layers.layer import Layer
from pronghorn.models.function import Function, map_graph, node_of
from pronghorn.models.functional_config import functional_config
from pronghorn.models.model import Model
from pronghorn.models.nesting import note_nesting
from pronghorn.symbolic.keras_tensor import KerasTensor
from pronghorn.symbolic.node import Node
from pronghorn.trainers.trainer import Trainer
from pronghorn.utils.masking import get_mask, set_mask
from pronghorn.utils.naming import auto_name


class Functional(Function, Model):
    """A model described by symbolic tensors.

    Args:
        inputs: nested KerasTensors (lists, tuples, dicts).
        outputs: nested KerasTensors made from them.
        name: a name; automatic if None.
        kwargs: ``trainable``.

    Example:

    >>> from pronghorn import layers
    >>> x = layers.Input((4,))
    >>> model = Model(x, layers.Dense(2)(x))
    >>> model.output_shape, len(model.weights)
    ((None, 2), 2)
    """

    _is_graph_of_layers = True
    _convert_input_args = False
    _allow_non_tensor_positional_args = True
    _warned_of_structure = False

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        return Layer.__new__(cls, *args, **kwargs)

    def __init__(self, inputs: Any, outputs: Any, name: str | None = None, **kwargs: Any) -> None:
        Trainer.__init__(self)
        trainable = kwargs.pop("trainable", None)
        for what, structure in (("inputs", inputs), ("outputs", outputs)):
            for x in tree.flatten(structure):
                if not isinstance(x, KerasTensor):
                    raise ValueError(
                        f"all `{what}` of a functional model must be KerasTensors, from Input() and layers called on "
                        f"them; got {x!r} of type {type(x).__name__}."
                    )
        kind = "functional" if type(self) is Functional else type(self).__name__
        name = name or auto_name(kind)
        Layer.__init__(self, name=name, **_arguments_of_layers(f"{type(self).__name__} {name!r}", kwargs))
        if not all(_is_input(x) for x in tree.flatten(inputs)):
            inputs, outputs = _with_new_inputs(inputs, outputs)
        self._set_graph(inputs, outputs)
        note_nesting(self, self._operations)
        for operation in self._operations:
            if isinstance(operation, Layer):
                self._tracker.track(operation)
        self.supports_masking = False  # that is for the layers inside to say
        self.input_spec = self._make_input_spec()
        self.built = True
        self._build_shapes = {"input_shape": None}
        self._path = self.name
        self._functional_layers = [op for op in self._operations if isinstance(op, Layer)]
        if trainable is not None:
            self.trainable = trainable
        self._tracker.locked = False

    # -- running ----------------------------------------------------------------------------------------------------
    def call(self, inputs: Any, training: Any = None, mask: Any = None) -> Any:
        flat = self._standardize_inputs(inputs)
        if mask is not None:
            for x, m in zip(flat, tree.flatten(mask)):
                if m is not None:
                    set_mask(x, m)
        context = calls.current_call_context()
        explicit = training if context is None or context.training is not training else None

        def run(operation: Any) -> Any:
            if explicit is None or not isinstance(operation, Layer):
                return operation
            if "training" not in calls.parameters_of(operation.call).names:
                return operation
            return lambda *args, **kwargs: operation(*args, **{"training": explicit, **kwargs})

        return _unpacked(self._run_through_graph(tree.pack_sequence_as(self._inputs_struct, flat), run))

    def compute_output_spec(self, inputs: Any, training: Any = None, mask: Any = None) -> Any:
        flat = self._standardize_inputs(inputs)
        if any(get_mask(x) is not None for x in flat):  # masks travel through the layers
            outputs = self._run_through_graph(
                tree.pack_sequence_as(self._inputs_struct, flat), lambda operation: operation
            )
            return tree.map_structure(lambda x: KerasTensor(x.shape, x.dtype), outputs)
        return Function.compute_output_spec(self, tree.pack_sequence_as(self._inputs_struct, flat))

    def compute_output_shape(self, input_shape: Any) -> Any:
        return Function.compute_output_shape(self, input_shape)

    def compute_mask(self, inputs: Any, previous_mask: Any) -> Any:
        return None  # the outputs carry theirs

    def build(self, input_shape: Any = None) -> None:
        self.built = True

    def _put_masks(self, spec: Any, outputs: Any, previous: Any) -> None:
        pass  # the layers inside have done it

    def _standardize_inputs(self, inputs: Any) -> list[Any]:
        """The inputs as a flat list of arrays, in the order of `inputs`, of their dtypes and ranks."""
        if isinstance(inputs, dict) and not isinstance(self._inputs_struct, dict):
            names = [x._keras_history.operation.name for x in self._inputs]
            if not all(n in inputs for n in names):
                raise ValueError(
                    f"Model {self.name!r}: got a dict of inputs with the keys {sorted(inputs)}; the model's inputs are "
                    f"{names}."
                )
            flat = [inputs[n] for n in names]
        elif isinstance(self._inputs_struct, dict) and isinstance(inputs, dict):
            missing = [k for k in self._inputs_struct if k not in inputs]
            if missing:
                raise ValueError(
                    f"Model {self.name!r}: the inputs lack {missing}; it was made with inputs for the keys "
                    f"{list(self._inputs_struct)}, and got {sorted(inputs)}."
                )
            if len(inputs) > len(self._inputs_struct):
                self._warn_of_structure(inputs)
            flat = tree.flatten({k: inputs[k] for k in self._inputs_struct})
        elif not tree.is_nested(inputs):
            flat = [inputs]
        else:
            flat = tree.flatten(inputs)
            if isinstance(self._inputs_struct, dict) and len(flat) == len(self._inputs):
                self._check_order_is_clear(inputs)
                self._warn_of_structure(inputs)
            if len(self._inputs) == 1 and len(flat) != 1 and not any(calls.is_tensor_like(x) for x in flat):
                flat = [inputs]  # nested Python numbers
        if len(flat) != len(self._inputs):
            raise ValueError(
                f"Model {self.name!r} has {len(self._inputs)} input(s), but {len(flat)} were passed: "
                f"{[getattr(x, 'shape', x) for x in flat]}."
            )
        return [self._standardize(x, reference) for x, reference in zip(flat, self._inputs)]

    def _check_order_is_clear(self, inputs: Any) -> None:
        """Raise a ValueError for a list in place of a dict whose keys are in another order than the sorted one."""
        keys = list(self._inputs_struct)
        if keys != sorted(keys):
            raise ValueError(
                f"Model {self.name!r} was made with a dict of inputs, {keys}, but is called with a "
                f"{type(inputs).__name__}, which does not say which entry is which. Pass a dict with these keys."
            )

    def _warn_of_structure(self, inputs: Any) -> None:
        if self._warned_of_structure:
            return
        self._warned_of_structure = True
        given = tree.map_structure(lambda x: "*", inputs)
        expected = tree.map_structure(lambda x: x.name, self._inputs_struct)
        warn(f"Model {self.name!r} was made with inputs in the structure {expected}, but is called with {given}.")

    def _standardize(self, x: Any, reference: KerasTensor) -> Any:
        if x is None:
            if not reference._keras_history.operation.optional:
                raise ValueError(
                    f"Model {self.name!r}: None was passed for the input {reference.name!r}, which is not optional."
                )
            return x
        if reference.dtype == "string":
            return _text_of_rank(x, len(reference.shape))
        if isinstance(x, RaggedTensor):
            return self._standardize_rows(x, reference)
        if not calls.is_tensor_like(x):
            x = ops.convert_to_tensor(x)
        before = x
        if x.dtype != reference.dtype:
            if str(x.dtype) in dtypes.COMPLEX and reference.dtype not in dtypes.COMPLEX:
                self._warn_of_complex(x, reference)
            x = ops.cast(x, reference.dtype)
        if x is not before and isinstance(before, (Tensor, KerasTensor)) and get_mask(before) is not None:
            set_mask(x, get_mask(before))
        return self._adjust_rank(x, reference)

    def _warn_of_complex(self, x: Any, reference: KerasTensor) -> None:
        warn(
            f"Model {self.name!r}: the input {reference.name!r} is of {reference.dtype}, but complex numbers came, so "
            "their imaginary parts are left out. Give real numbers: np.abs(x), x.real, or both parts as two numbers, "
            f"np.stack([x.real, x.imag], axis=-1); or make the model with Input(..., dtype={str(x.dtype)!r})."
        )

    def _standardize_rows(self, x: RaggedTensor, reference: KerasTensor) -> RaggedTensor:
        if x.ndim == len(reference.shape):
            return ops.convert_to_tensor(x, dtype=reference.dtype)
        raise ValueError(
            f"Model {self.name!r}: the input {reference.name!r} has shape {reference.shape}, but rows of different "
            f"lengths, of shape {tuple(x.shape)}, were passed for it."
        )

    def _adjust_rank(self, x: Any, reference: KerasTensor) -> Any:
        """Add or take away a last axis of extent one, where that makes the shape fit."""
        rank, expected = len(x.shape), len(reference.shape)
        if rank == expected:
            adjusted = x
        elif rank == expected + 1 and x.shape[-1] == 1:
            adjusted = ops.squeeze(x, axis=-1)
        elif rank == expected - 1 and reference.shape[-1] == 1 and not _is_one_sample(reference, x):
            adjusted = ops.expand_dims(x, axis=-1)
        else:
            got = calls.known_shape(x)
            raise ValueError(
                f"Model {self.name!r}: the input {reference.name!r} has shape {reference.shape}, but an array of shape "
                f"{got} was passed for it.{_rank_hint(reference.shape, got)}"
            )
        if adjusted is not x and get_mask(x) is not None:
            set_mask(adjusted, get_mask(x))
        return adjusted

    def _make_input_spec(self) -> Any:
        specs = [_ModelInputSpec(x, place) for place, x in tree.flatten_with_path(self._inputs_struct)]
        if isinstance(self._inputs_struct, dict) and any(map(tree.is_nested, self._inputs_struct.values())):
            for spec in specs:
                spec.name = None
        elif isinstance(self._inputs_struct, dict):
            for key, spec in zip(sorted(self._inputs_struct), specs):
                spec.name = key
        return specs[0] if len(specs) == 1 and not tree.is_nested(self._inputs_struct) else specs

    # -- description ------------------------------------------------------------------------------------------------
    @property
    def layers(self) -> list[Layer]:
        return list(self._functional_layers)

    @layers.setter
    def layers(self, _: Any) -> None:
        raise AttributeError(
            "`Model.layers` attribute is reserved for the layers that the model finds; use another name."
        )

    @property
    def input(self) -> Any:
        """The symbolic inputs, in the structure that the model was made with."""
        return self._inputs_struct

    @property
    def output(self) -> Any:
        """The symbolic outputs, in the structure that the model was made with."""
        return self._outputs_struct

    @property
    def input_shape(self) -> Any:
        """The shape of the only input, or a list of those of `inputs`, whatever their structure."""
        return _shape_or_shapes(self._inputs)

    @property
    def output_shape(self) -> Any:
        """The shape of the only output, or a list of those of `outputs`, whatever their structure."""
        return _shape_or_shapes(self._outputs)

    @property
    def input_names(self) -> list[str]:
        return [x._keras_history.operation.name for x in self._inputs]

    @property
    def output_names(self) -> list[str]:
        return [x._keras_history.operation.name for x in self._outputs]

    def get_config(self) -> dict[str, Any]:
        if not _plain_functional(type(self)):
            return Layer.get_config(self)
        return functional_config(self)

    @staticmethod
    def replace_model(cls: type) -> None:
        """Have a subclass of `Model` derive from `Functional` instead, since it was given symbolic tensors."""
        if issubclass(cls, Functional) or cls is object:
            return
        for base in cls.__bases__:
            if base is not Model and issubclass(base, Model):
                Functional.replace_model(base)
        if Model in cls.__bases__:
            cls.__bases__ = tuple(Functional if b is Model else b for b in cls.__bases__)


def _arguments_of_layers(what: str, kwargs: dict[str, Any]) -> dict[str, Any]:
    """Those of some arguments that a layer takes. Others come from subclasses that hand on all they get, as Keras lets
    them: they are told, and mean nothing."""
    known = {key: value for key, value in kwargs.items() if key in (*COMMON_ARGUMENTS, *OLDER_SHAPE_ARGUMENTS)}
    if others := kwargs.keys() - known.keys():
        warn(
            f"{what}: a model of inputs and outputs has no use for the arguments {', '.join(sorted(others))}"
            f"{nearest_clause(min(others), COMMON_ARGUMENTS)}. Leave them out, or keep them in a subclass's __init__()."
        )
    return known


class _ModelInputSpec(InputSpec):
    """What a model expects of one of its inputs.

    Args:
        x: the symbolic input.
        place: where it is in the structure of the inputs.
    """

    def __init__(self, x: KerasTensor, place: tuple[Any, ...]) -> None:
        operation = x._keras_history.operation
        super().__init__(
            shape=(None, *x.shape[1:]) if x.shape else None,
            allow_last_axis_squeeze=True,
            name=operation.name,
            optional=getattr(operation, "optional", False),
        )
        self._input_name, self._place = operation.name, place

    @property
    def where(self) -> str:
        return f" for the Input with name {self._input_name!r} at path {'.'.join(map(str, self._place))!r}"

    def shape_hint(self, got: tuple[int | None, ...]) -> str:
        return _rank_hint(self.shape, got)


def _plain_functional(cls: type) -> bool:
    """Whether instances are made like a functional model, from inputs and outputs."""
    if cls is Functional or cls.__init__ is Functional.__init__:
        return True
    parameters = list(inspect.signature(cls.__init__).parameters.values())[1:]
    names = [p.name for p in parameters]
    kinds = {p.kind for p in parameters}
    passes_on = inspect.Parameter.VAR_POSITIONAL in kinds and inspect.Parameter.VAR_KEYWORD in kinds
    return names[:2] == ["inputs", "outputs"] or passes_on


def _text_of_rank(x: Any, rank: int) -> Any:
    """Strings with a last axis of extent one more or less, where that makes the rank fit."""
    if isinstance(x, KerasTensor | str | bytes):
        return x
    if not hasattr(x, "shape"):
        x = as_objects(x)
    if len(x.shape) == rank - 1:
        return x[..., None]
    return x[..., 0] if len(x.shape) == rank + 1 and x.shape[-1] == 1 else x


def _unpacked(outputs: Any) -> Any:
    """The only output of a list of one, as `Model(inputs, [output])` gives it."""
    return outputs[0] if isinstance(outputs, list | tuple) and len(outputs) == 1 else outputs


def _shape_or_shapes(tensors: list[KerasTensor]) -> Any:
    shapes = [x.shape for x in tensors]
    return shapes[0] if len(shapes) == 1 else shapes


def _is_input(x: KerasTensor) -> bool:
    operation, index, _ = x._keras_history if hasattr(x, "_keras_history") else (None, 0, 0)
    return isinstance(operation, InputLayer) and operation._inbound_nodes[index].is_input


def _with_new_inputs(inputs: Any, outputs: Any) -> tuple[Any, Any]:
    """The same calls from new Inputs in place of tensors in the middle of another model."""
    flat_inputs, flat_outputs = tree.flatten(inputs), tree.flatten(outputs)
    for x in flat_inputs:
        if not hasattr(x, "_keras_history"):
            raise ValueError(f"The input {x!r} was not made by Input() or a layer.")
    values: dict[int, KerasTensor] = {}
    new_inputs = []
    for x in flat_inputs:
        new = x if _is_input(x) else Input(batch_shape=x.shape, dtype=x.dtype, name=x.name)
        values[id(x)] = new
        new_inputs.append(new)
    given = {node_of(x) for x in flat_inputs}
    for node in map_graph(flat_inputs, flat_outputs).nodes:
        if node.is_input or node in given:
            continue
        _check_given(node.input_tensors, values)
        args, kwargs = node.arguments.fill_in(values)
        copies = [KerasTensor(x.shape, x.dtype) for x in node.outputs]
        Node(node.operation, args, kwargs, copies)
        for x, copy in zip(node.outputs, copies):
            values.setdefault(id(x), copy)
    _check_given(flat_outputs, values)
    return (
        tree.pack_sequence_as(inputs, new_inputs),
        tree.pack_sequence_as(outputs, [values[id(x)] for x in flat_outputs]),
    )


def _check_given(tensors: list[KerasTensor], values: dict[int, KerasTensor]) -> None:
    """Raise a ValueError for one that only a call makes of whose outputs others are the inputs."""
    for x in tensors:
        if id(x) not in values:
            operation, _, position = x._keras_history
            raise ValueError(
                f"The outputs depend on output {position} of {operation.name!r}, of which only another output is among "
                "the `inputs`. Add that one to them."
            )


def _is_one_sample(reference: KerasTensor, x: Any) -> bool:
    """Whether an array fits an Input but for the batch axis, and would not with one more axis at its end."""
    shape = calls.known_shape(x)
    one, many = reference.shape[1:], (*shape, 1)[1:]
    return all(e is None or e == g for e, g in zip(one, shape)) and any(
        e is not None and g is not None and e != g for e, g in zip(one, many)
    )


def _rank_hint(expected: tuple[Any, ...], got: tuple[Any, ...]) -> str:
    """What is likely wrong where an array has another number of axes than the Input."""

    def fits(a: tuple[Any, ...], b: tuple[Any, ...]) -> bool:
        return len(a) == len(b) and all(x is None or y is None or x == y for x, y in zip(a, b))

    counted = len(got) > 1 and fits(expected[2:], got[1:])  # the Input counts the samples
    if counted and got[0] is None:  # there is a batch axis
        return f" The shape of an Input, or input_shape, leaves the batch axis out: write {got[1:]} for it."
    if fits(expected[1:], got):
        hint = " The batch axis is missing: pass x[None] for a single sample."
        if counted:
            hint += (
                f" Or, if the first axis counts samples, leave it out of the Input's shape (input_shape): {got[1:]}."
            )
        return hint
    known = len(got) > 1 and None not in expected[1:] + got[1:]
    if known and math.prod(expected[1:]) == math.prod(got[1:]):
        return f" A sample has as many values as it needs: pass x.reshape({(-1, *expected[1:])})."
    if len(got) == len(expected) - 1:
        return " An axis is missing; if it is that of the channels, pass x[..., None]."
    return ""
