"""`Model`: a layer that can be trained, saved and summarised."""

from __future__ import annotations

import json
import types
from collections.abc import Callable
from typing import Any, Self

from pronghorn import export, models, saving, tree
from pronghorn._lazy import nearest_clause
from pronghorn._wording import counted
from pronghorn.engine.backends import choice
from pronghorn.engine.backends.foreign_calls import brought_to
from pronghorn.engine.graph.messages import short_messages
from pronghorn.layers import call as calls
from pronghorn.layers.building import is_default
from pronghorn.layers.layer import Layer
from pronghorn.models import pickling
from pronghorn.models.compiled_call import CompiledCalls, OpByOp
from pronghorn.models.compiled_steps import as_function
from pronghorn.models.functional_config import functional_from_config
from pronghorn.models.quantizing import quantization_summary, quantize_layers
from pronghorn.models.state_tree import get_state_tree, set_state_tree
from pronghorn.quantizers.report import QuantizationReport
from pronghorn.saving.archive import limited_to, reading
from pronghorn.saving.legacy.configs import is_keras_2, modernise
from pronghorn.symbolic.infer import infer_spec
from pronghorn.symbolic.keras_tensor import KerasTensor, is_keras_tensor
from pronghorn.trainers.trainer import Trainer
from pronghorn.utils.io import write
from pronghorn.utils.summary import print_summary


class Model(Trainer, Layer):
    """Layers together, with training and inference.

    Either ``Model(inputs, outputs)`` with symbolic tensors (see `Input`), or a subclass with layers that are made in
    ``__init__`` and used in ``call``. A model of layers and symbolic tensors that is called on arrays often, as
    ``model(x)``, compiles after some calls, ten at the most.

    Args:
        inputs: nested KerasTensors.
        outputs: nested KerasTensors made from them.
        name: a name; automatic if None.

    Example:

    >>> from pronghorn import layers, ops
    >>> class Net(Model):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.dense = layers.Dense(3)
    ...     def call(self, x):
    ...         return self.dense(x)
    >>> Net()(ops.ones((2, 4))).shape
    (2, 3)
    """

    _is_model = True

    _compiled_calls: Any = None

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        if cls is Model and _is_functional(args, kwargs):
            return models.Functional.__new__(models.Functional, *args, **kwargs)
        return super().__new__(cls, *args, **kwargs)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        Trainer.__init__(self)
        if _is_functional(args, kwargs):
            models.Functional.replace_model(type(self))
            models.Functional.__init__(self, *args, **kwargs)
        elif type(self) is Model and (args or {"inputs", "outputs"} & kwargs.keys()):
            given = [*args, *(kwargs[k] for k in ("inputs", "outputs") if k in kwargs)]
            raise ValueError(
                "Model(inputs, outputs) takes symbolic tensors: Inputs, and what layers make of them, as in "
                f"x = Input((4,)); Model(x, Dense(2)(x)). Got: {', '.join(type(x).__name__ for x in given)}."
            )
        else:
            Layer.__init__(self, *args, **kwargs)

    def __reduce__(self) -> Any:
        # Compiled functions do not pickle, what a model's file holds does.

        return pickling.from_bytes, (pickling.to_bytes(self),)

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        copied = memo[id(self)] = pickling.from_bytes(pickling.to_bytes(self), safe_mode=False)
        return copied

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, as_function(self, name, value) if isinstance(value, types.MethodType) else value)

    def _again(self, inputs: Any, kwargs: dict[str, Any]) -> Any:
        """The outputs of a call with one positional argument, if it is like an earlier one; else None."""
        if self._compiled_calls is None or (kwargs and (len(kwargs) > 1 or kwargs.get("training", True))):
            return None
        return self._compiled_calls.again(inputs, kwargs.get("training"))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if len(args) == 1 and (outputs := self._again(args[0], kwargs)) is not None:
            return outputs
        if self.compiled and (engine := self._engine or choice.named()) is not None:
            args, kwargs = brought_to(engine, (args, kwargs), f"The model {self.name!r}")
        if len(args) == 1 and (not kwargs or (len(kwargs) == 1 and kwargs.get("training", True) in (False, None))):
            if self._compiled_calls is None:
                object.__setattr__(self, "_compiled_calls", CompiledCalls(self))
            outputs = self._compiled_calls.run(args[0], kwargs.get("training"))
            if isinstance(outputs, OpByOp):
                call, outputs = outputs, super().__call__(*args, **kwargs)
                call.went_well()
            return outputs
        return super().__call__(*args, **kwargs)

    def call(self, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError(
            f"Model {type(self).__name__} has no call(): write one, or make the model from symbolic "
            "tensors, Model(inputs, outputs)."
        )

    def build(self, input_shape: Any = None) -> None:
        """Make the weights for inputs of a shape, by tracing ``call``.

        Where a subclass's ``build`` ends with it, only what that has left unbuilt is traced, and only where ``call``
        can do with these inputs alone; otherwise the first call builds it.

        Args:
            input_shape: the whole shape, batch axis included; or a nest of shapes.
        """
        if input_shape is not None and not self.built and (is_default(self, "build") or self._leaves_to_trace()):
            inputs = tree.map_shape_structure(lambda s: KerasTensor(s), input_shape)
            infer_spec(self._run_call, (inputs,))
        self.built = True

    build._default_build = True  # type: ignore[attr-defined]

    def _leaves_to_trace(self) -> bool:
        """Whether there are layers that a ``build`` of the model's own has not built, which a call could."""
        try:
            calls.parameters_of(self.call).bind((None,), {})
        except TypeError:
            return False
        return not all(layer.built for layer in self._flatten_layers(include_self=False))

    @property
    def layers(self) -> list[Layer]:
        """The layers directly in the model."""
        return list(self._flatten_layers(include_self=False, recursive=False))

    @layers.setter
    def layers(self, _: Any) -> None:
        raise AttributeError(
            "`Model.layers` attribute is reserved for the layers that the model finds; use another name."
        )

    @short_messages
    def get_layer(self, name: str | None = None, index: int | None = None) -> Layer:
        """The layer of a name, or at a place in `layers`.

        Raises:
            ValueError: if there is none.

        Example:

        >>> from pronghorn import layers, models
        >>> model = models.Sequential([layers.Input((3,)), layers.Dense(2, name="first"), layers.Dense(1)])
        >>> model.get_layer("first").units, model.get_layer(index=1).units
        (2, 1)
        """
        if (name is None) == (index is None):
            raise ValueError(f"get_layer: pass a name or an index (one of them), got name={name!r}, index={index!r}.")
        if index is not None:
            if not -len(self.layers) <= index < len(self.layers):
                raise ValueError(
                    f"get_layer: index={index} is outside of the model's {counted(len(self.layers), 'layer')}."
                )
            return self.layers[index]
        for layer in self.layers:
            if layer.name == name:
                return layer
        names = [layer.name for layer in self.layers]
        raise ValueError(
            f"get_layer: the model has no layer named {name!r}{nearest_clause(name, names)}. Its layers: {names}."
        )

    def summary(
        self,
        line_length: int | None = None,
        positions: Any = None,
        print_fn: Callable[..., Any] | None = None,
        expand_nested: bool = False,
        show_trainable: bool = False,
        layer_range: Any = None,
    ) -> None:
        """Print a table of the layers, their output shapes and numbers of weights.

        Args:
            line_length: width of the table.
            positions: where the columns end, as shares of the width.
            print_fn: called with the text instead of printing it.
            expand_nested: whether to show the layers of models in this one.
            show_trainable: whether to show which layers are trained.
            layer_range: names of the first and the last layer to show.

        Example:

        >>> from pronghorn import layers, models
        >>> model = models.Sequential([layers.Input((3,)), layers.Dense(1)])
        >>> lines = []
        >>> model.summary(print_fn=lines.append)
        >>> "Total params: 4" in "".join(lines)
        True
        """
        print_summary(
            self,
            line_length=line_length,
            positions=positions,
            print_fn=print_fn,
            expand_nested=expand_nested,
            show_trainable=show_trainable,
            layer_range=layer_range,
        )

    def get_state_tree(self, value_format: str = "backend_tensor") -> dict[str, Any]:
        """The values of all variables as a nested dict: kind, then the parts of the variable's path.

        Args:
            value_format: ``"backend_tensor"`` or ``"numpy_array"``.

        Returns:
            A dict with ``trainable_variables``, ``non_trainable_variables``, ``optimizer_variables`` and
            ``metrics_variables``.
        """
        return get_state_tree(self, value_format)

    def set_state_tree(self, state_tree: dict[str, Any]) -> None:
        """Assign the values that `get_state_tree` gave, or some of them.

        Values of paths that the model has not are left out, with a warning.
        """
        set_state_tree(self, state_tree)

    # -- quantization -----------------------------------------------------------------------------------------------
    def quantize(
        self, mode: Any = None, config: Any = None, filters: Any = None, verbose: Any = False, **kwargs: Any
    ) -> QuantizationReport:
        """Quantize the layers that can be: `Dense`, `EinsumDense`, `Embedding` and `ReversibleEmbedding`.

        By ``"gptq"`` and ``"awq"`` only `Dense` and `EinsumDense` are, and only in the blocks that the configuration or
        `get_quantization_layer_structure` names; see `quantizers.GPTQConfig`.

        Args:
            mode: ``"int8"``, ``"int4"``, ``"float8"``, ``"ternary"``, ``"gptq"`` or ``"awq"``; may be left out
                where there is a ``config``.
            config: a `quantizers.QuantizationConfig` of the mode, in place of the mode's own.
            filters: which layers: a regular expression that is looked for in their names, a list of them, or a
                function of a layer. Layers that are quantized already stay so.
            verbose: whether what was done is printed; not by default, as in Keras 3.15.
            kwargs: ``type_check``: whether subclasses of these layers are left out, as they are by default.
                ``calibration``: inputs of the model, for ``"int8"`` with scales of the inputs that are settled by them;
                see `quantizers.StaticInt8QuantizationConfig`.

        Returns:
            What was done to each layer, as from Keras 3.16 on.

        Raises:
            ValueError: for an unknown mode, and for a model that is not built; for gptq and awq without a config, data
                or a structure.

        Example:

        >>> from pronghorn import layers, models
        >>> model = models.Sequential([layers.Input((4,)), layers.Dense(3), layers.Dense(2, name="last")])
        >>> model.quantize("int8", filters="last")
        QuantizationReport(mode='int8', quantized=1, skipped=1)
        >>> [layer.dtype_policy.name for layer in model.layers]
        ['float32', 'int8_from_float32']
        """
        type_check = kwargs.pop("type_check", True)
        if kwargs:
            raise ValueError(
                f"Model.quantize: there is no argument {', '.join(kwargs)}; it takes mode, config, filters, "
                "verbose, type_check and calibration."
            )
        report = quantize_layers(self, mode, config, filters, type_check)
        if report.quantized:
            self._trainer_state.forget_functions()
            self._post_quantize(report.mode)
        if verbose:
            write(report.render())
        self._quantization_report = report
        return report

    def quantization_summary(self, verbose: Any = True) -> str:
        """Which layers are quantized, and how many bytes their weights take; of Keras 3.16.

        Args:
            verbose: whether it is printed, too.

        Example:

        >>> from pronghorn import layers, models
        >>> model = models.Sequential([layers.Input((16,)), layers.Dense(8, name="first")], name="small")
        >>> _ = model.quantize("int8")
        >>> print(model.quantization_summary(verbose=False))
        Quantized layers of model 'small'
          small/first: int8_from_float32, 128 weights in 160 bytes with their scales
        In all 160 bytes; as float32 it would be 512, 3.20 times as many.
        """
        summary = quantization_summary(self)
        if verbose:
            write(summary)
        return summary

    def _post_quantize(self, mode: str | None, **kwargs: Any) -> None:
        """After layers were quantized, for libraries' models that have more to make anew."""

    def get_quantization_layer_structure(self, mode: str | None = None) -> dict[str, Any] | None:
        """Which layers a quantization that looks at data takes one after another; None where a model does not say."""
        return None

    # -- saving -----------------------------------------------------------------------------------------------------
    def save(self, filepath: Any, overwrite: bool = True, zipped: bool | None = None, **kwargs: Any) -> None:
        """Save the model to a file; see `saving.save_model`.

        >>> import os, tempfile
        >>> from pronghorn import layers, models
        >>> model = models.Sequential([layers.Input((3,)), layers.Dense(1)])
        >>> place = tempfile.TemporaryDirectory()
        >>> model.save(os.path.join(place.name, "model.keras"))
        >>> models.load_model(os.path.join(place.name, "model.keras")).count_params()
        4
        """
        saving.save_model(self, filepath, overwrite=overwrite, zipped=zipped, **kwargs)

    def save_weights(self, filepath: Any, overwrite: bool = True, max_shard_size: Any = None) -> None:
        """Save the weights to a ``.weights.h5`` file; see `saving.save_weights`.

        >>> import os, tempfile
        >>> from pronghorn import layers, models
        >>> model = models.Sequential([layers.Input((3,)), layers.Dense(1)])
        >>> place = tempfile.TemporaryDirectory()
        >>> model.save_weights(os.path.join(place.name, "model.weights.h5"))
        >>> os.listdir(place.name)
        ['model.weights.h5']
        """
        saving.save_weights(self, filepath, overwrite=overwrite, max_shard_size=max_shard_size)

    def load_weights(self, filepath: Any, skip_mismatch: bool = False, **kwargs: Any) -> None:
        """Load weights from a file; see `saving.load_weights`."""
        saving.load_weights(self, filepath, skip_mismatch=skip_mismatch, **kwargs)

    def export(
        self,
        filepath: Any,
        format: str = "tf_saved_model",
        verbose: Any = None,
        input_signature: Any = None,
        **kwargs: Any,
    ) -> None:
        """Write the model's inference into a file that another runtime runs without Pronghorn.

        Args:
            filepath: of the file to write, of the folder for a SavedModel or a C library. One that is there is
                replaced once the new one is whole.
            format: `"tf_saved_model"` (a folder for TensorFlow), `"onnx"`, `"torch"`, `"jax"` or `"native"`
                (a C library without a runtime).
            verbose: whether to say what was written; None means yes.
            input_signature: nested `InputSpec`s, `KerasTensor`s or arrays in the structure of the inputs, for other
                shapes and types than the model's own. None in a shape is any extent.
            kwargs: `opset_version`, for ONNX; `platforms`, for JAX; for a C library `target` (a machine, such as
                `"aarch64"`), `weights` (`"file"` for a file of their own), `training=True` for the compiled steps of
                training, with `target_signature` (the specs of their targets) and `sample_weight=True`, and
                `parallel=True` for functions that take a parallel-for.

        Raises:
            NotImplementedError: for a format that is not there, and for what a format cannot express: layers and
                primitives are named, and nothing is written.
            ValueError: for an unknown format, inputs that are not known, or a path that something else has.
            ImportError: if the format needs a package that is not installed, such as that of the extra
                `tensorflow`.
        """
        export.export_model(self, filepath, format, verbose, input_signature, **kwargs)

    def to_json(self, **kwargs: Any) -> str:
        """The model's configuration as JSON; weights are not in it.

        Args:
            kwargs: for `json.dumps`.

        Example:

        >>> from pronghorn import layers, models
        >>> model = models.Sequential([layers.Input((3,)), layers.Dense(1)])
        >>> models.model_from_json(model.to_json()).count_params()
        4
        """
        return json.dumps(saving.serialize_keras_object(self), **kwargs)

    def build_from_config(self, config: dict[str, Any]) -> None:
        if not config or self.built:
            return
        shape = config.get("input_shape")
        shapes = config.get("shapes_dict")
        if shape is None and not shapes:
            return
        if not _default_build(self):
            super().build_from_config(config)
            return
        tensors = (tree.map_shape_structure(lambda s: KerasTensor(s), shape),) if shape is not None else ()
        named = {
            k.removesuffix("_shape"): tree.map_shape_structure(lambda s: KerasTensor(s), v)
            for k, v in (shapes or {}).items()
        }
        with self._open_name_scope():
            infer_spec(self._run_call, tensors, named)
            self._finish_build({"input_shape": shape} if shape is not None else shapes)

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Any:
        functional_keys = ("name", "layers", "input_layers", "output_layers")
        if all(k in config for k in functional_keys):
            if cls is Model:
                cls = models.Functional
            return functional_from_config(cls, config, custom_objects)
        return super().from_config(config)


def _default_build(model: Any) -> bool:
    return getattr(type(model).build, "_default_build", False)


def _is_functional(args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Whether a constructor's arguments are symbolic inputs and outputs."""
    if len(args) >= 2 or (len(args) == 1 and "outputs" in kwargs) or ("inputs" in kwargs and "outputs" in kwargs):
        inputs = args[0] if args else kwargs["inputs"]
        return any(is_keras_tensor(x) for x in tree.flatten(inputs)) or "outputs" in kwargs or not args
    return False


def model_from_json(json_string: str, custom_objects: dict[str, Any] | None = None) -> Model:
    """The model that `Model.to_json` described, with new weights.

    Args:
        json_string: the JSON text, of Keras 3 or 2.
        custom_objects: names and the classes or functions they stand for.

    Example:

    >>> from pronghorn import layers, models
    >>> model = models.Sequential([layers.Input((3,)), layers.Dense(2)])
    >>> model_from_json(model.to_json()).output_shape
    (None, 2)
    """
    with reading("The JSON text"), limited_to(None):
        config = json.loads(json_string)
        if is_keras_2(config):
            config = modernise(config)
        return saving.deserialize_keras_object(config, custom_objects=custom_objects)
