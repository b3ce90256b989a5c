"""`ExportArchive`: several endpoints in one SavedModel of TensorFlow."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from pronghorn import tree
from pronghorn.engine.backends import engine as engines
from pronghorn.engine.graph.variable import GraphVariable
from pronghorn.export.files import check_folder
from pronghorn.export.signature import inference, inference_of, to_spec
from pronghorn.layers.layer import Layer
from pronghorn.trainers.trainer import Trainer

_RESERVED = ("variables", "trainable_variables", "non_trainable_variables", "signatures", "serving_default")


class ExportArchive:
    """Collects functions and variables, and writes them as a SavedModel that plain TensorFlow loads.

    Each endpoint is a function of tensors. What it computes is traced once, with open extents where its signature has
    None, and written in TensorFlow's operations; the variables that it uses are variables of the SavedModel. An
    endpoint may assign variables, too. It needs the extra `tensorflow`.

    Args:
        format: ``"saved_model"``.

    Raises:
        ValueError: for another format.
        ImportError: if TensorFlow is not installed.

    Example:

    >>> import pronghorn as keras
    >>> model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    >>> def write(path):
    ...     archive = keras.export.ExportArchive()
    ...     archive.track(model)
    ...     rows = [keras.InputSpec(shape=(None, 3), dtype="float32")]
    ...     archive.add_endpoint("serve", model, rows)
    ...     archive.add_endpoint("scores", lambda x: keras.ops.softmax(model(x)), rows)
    ...     archive.write_out(path)

    Plain TensorFlow then has ``tf.saved_model.load(path).scores(x)``.
    """

    def __init__(self, format: str = "saved_model") -> None:
        if format != "saved_model":
            raise ValueError(
                f"ExportArchive: format={format!r}; it must be 'saved_model'. model.export writes other formats."
            )
        engines.engine("tensorflow")
        self._saved = importlib.import_module("pronghorn.export.programs.tensorflow").SavedModel()
        self._tf = importlib.import_module("tensorflow")

    @property
    def variables(self) -> list[Any]:
        """TensorFlow's variables, in the order in which they were met."""
        return list(self._saved.root.variables)

    @property
    def trainable_variables(self) -> list[Any]:
        """Those of `variables` that are trained."""
        return list(self._saved.root.trainable_variables)

    @property
    def non_trainable_variables(self) -> list[Any]:
        """The others."""
        return list(self._saved.root.non_trainable_variables)

    def track(self, resource: Any) -> None:
        """Have the variables of a layer or a model, or an object of TensorFlow's own, written with the endpoints.

        Args:
            resource: a layer or model that has been built, or what TensorFlow tracks, such as a lookup table.

        Raises:
            ValueError: for a layer that has not been built, or anything else.
        """
        if isinstance(resource, Layer):
            if not resource.built:
                raise ValueError(
                    f"ExportArchive.track: resource={resource.name!r} has not been built, so that it has no variables "
                    "yet. Call it on data first."
                )
            for variable in resource.variables:
                self._saved.variable(variable)
        elif isinstance(resource, self._tf.__internal__.tracking.Trackable):
            self._saved.keep(resource)
        else:
            raise ValueError(
                "ExportArchive.track: resource must be a layer, a model or an object that TensorFlow tracks, got "
                f"{type(resource).__name__}."
            )

    def add_variable_collection(self, name: str, variables: Iterable[Any]) -> None:
        """Have a list of variables be an attribute of what is loaded.

        Args:
            name: the attribute's.
            variables: layers' variables, or TensorFlow's, in a list, tuple or set.

        Raises:
            ValueError: for a name that is taken or none, or what is no list of variables.
        """
        self._check_name("add_variable_collection", name)
        if not isinstance(variables, (list, tuple, set)):
            raise ValueError(
                "ExportArchive.add_variable_collection: `variables` come in a list, tuple or set; got "
                f"{type(variables).__name__}."
            )
        for variable in variables:
            if not isinstance(variable, (GraphVariable, self._tf.Variable)):
                raise ValueError(
                    "ExportArchive.add_variable_collection: variables must hold variables, but there is a "
                    f"{type(variable).__name__}."
                )
        ours = [self._saved.variable(v) if isinstance(v, GraphVariable) else v for v in variables]
        setattr(self._saved.root, name, ours)

    def add_endpoint(self, name: str, fn: Callable[..., Any], input_signature: Any = None) -> Any:
        """Have a function be written, under a name.

        Args:
            name: under which it is an attribute and a signature of what is loaded.
            fn: a layer, a model or a function of tensors, which may use layers and ops; or a `tf.function` of
                TensorFlow's own operations.
            input_signature: a list with an entry for each argument of ``fn``: an `InputSpec`, `KerasTensor`,
                `tf.TensorSpec` or array, or nested ones. None in a shape is any extent. A `tf.function` that has been
                called needs none, nor does a model whose inputs are known.

        Returns:
            The `tf.function` that is written.

        Raises:
            ValueError: for a name that is taken or none, or a signature that is missing or does not fit.
            NotImplementedError: for what TensorFlow cannot express, by layer and primitive.
        """
        self._check_name("add_endpoint", name)
        if not callable(fn):
            raise ValueError(f"ExportArchive.add_endpoint: fn must be a function, got {type(fn).__name__}.")
        if input_signature is not None and not isinstance(input_signature, (list, tuple)):
            raise ValueError(
                "ExportArchive.add_endpoint: input_signature must be a list with an entry for each argument, got "
                f"{type(input_signature).__name__}."
            )
        if hasattr(fn, "_list_all_concrete_functions"):  # a stand-in's function has the public names of TensorFlow's
            return self._add_function(name, fn, input_signature)
        if input_signature is not None:
            arguments = tuple(tree.map_structure(to_spec, part) for part in input_signature)
            return self._saved.add(name, inference_of(fn, arguments, name))
        if isinstance(fn, Trainer):
            return self._saved.add(name, inference(fn))
        raise ValueError(
            f"ExportArchive.add_endpoint: input_signature is needed for {name!r}: a list with an InputSpec for each "
            "argument, such as [keras.InputSpec(shape=(None, 3), dtype='float32')]."
        )

    def _add_function(self, name: str, fn: Any, signature: Any) -> Any:
        """An endpoint that is a function of TensorFlow's own."""
        if signature is not None:
            fn = self._tf.function(fn.python_function, input_signature=list(signature))
        elif fn.input_signature is None and not fn._list_all_concrete_functions():
            raise ValueError(
                f"ExportArchive.add_endpoint: input_signature is needed for {name!r}, a tf.function that has not been "
                "called yet."
            )
        return self._saved.add_function(name, fn)

    def track_and_add_endpoint(self, name: str, resource: Any, input_signature: Any = None) -> Any:
        """`track` a layer or a model, and `add_endpoint` for its call."""
        self.track(resource)
        return self.add_endpoint(name, resource, input_signature)

    def write_out(self, filepath: Any, options: Any = None, verbose: bool = True) -> None:
        """Write the SavedModel.

        Its signatures are called like the endpoints; the first is `serving_default` as well.

        Args:
            filepath: of the folder. A SavedModel that is there is replaced once the new one is whole.
            options: a `tf.saved_model.SaveOptions`.
            verbose: whether to say what was written.

        Raises:
            ValueError: if there is no endpoint, or something else is at ``filepath``.
        """
        if not self._saved.endpoints:
            raise ValueError("ExportArchive.write_out: there is no endpoint yet; add one with add_endpoint.")
        path = Path(filepath)
        check_folder(path, "saved_model.pb")
        self._saved.write(path, options)
        if verbose:
            names = ", ".join(map(repr, self._saved.endpoints))
            print(f"Wrote {str(filepath)!r}, a SavedModel with the endpoints {names}.")

    def _check_name(self, method: str, name: Any) -> None:
        if not isinstance(name, str) or not name.isidentifier() or name.startswith("_") or name in _RESERVED:
            raise ValueError(
                f"ExportArchive.{method}: name={name!r} must be a name that an attribute can have, and none of "
                f"{', '.join(_RESERVED)}."
            )
        if hasattr(self._saved.root, name):
            raise ValueError(f"ExportArchive.{method}: name={name!r} is taken already; give another.")
