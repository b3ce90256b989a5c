"""The format of TensorFlow: a SavedModel, a folder of functions and variables for any number of rows.

    loaded = tf.saved_model.load(path)
    results = loaded.serve(x)

An endpoint is called with the arguments of the model, nested in the same way, and gives its nested results. As a
signature it takes the inputs by their names. The weights are the SavedModel's variables.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf

from pronghorn import tree
from pronghorn.engine.backends.tensorflow import ENGINE
from pronghorn.engine.backends.tensorflow.extents import bound, exporting
from pronghorn.engine.graph.dim import Dim
from pronghorn.engine.graph.strings import Lookup
from pronghorn.engine.graph.variable import GraphVariable
from pronghorn.export.by_table import TableCall, flat, size_in_words
from pronghorn.export.files import check_folder, replacing_folder
from pronghorn.export.signature import Inference, inference

SERVE = "serve"
"""The endpoint that a model's `export` writes."""

DEFAULT_SIGNATURE = "serving_default"
"""The signature that TensorFlow Serving looks for: the first endpoint."""

LACKS: dict[str, str] = {
    "nextafter": "TensorFlow has no operation for it; compute it outside of the exported model",
    "lu": "TensorFlow's own orders rows otherwise; compute it outside of the exported model",
    "eig": "TensorFlow's own orders values otherwise; compute it outside of the exported model",
}
"""Primitives that the engine computes in Python, which a SavedModel does not hold: why, and what to do instead."""


def write(model: Any, path: Path, input_signature: Any = None) -> str:
    """Write a model's inference as a SavedModel with the endpoint `serve`.

    Args:
        model: the model.
        path: of the folder; a SavedModel that is there is replaced once the new one is whole.
        input_signature: see `export_model`.

    Returns:
        What was written, in a few words.

    Raises:
        ValueError: if something else is at ``path``, or see `signature.inference`.
        NotImplementedError: for what TensorFlow cannot express, by layer and primitive.
    """
    check_folder(path, "saved_model.pb")
    found = inference(model, input_signature)
    saved = SavedModel()
    for variable in model.variables:
        saved.variable(variable)
    saved.add(SERVE, found)
    saved.write(path)
    return f"a SavedModel of TensorFlow, {size_in_words(found.traced.variables)}"


class SavedModel:
    """What is to be written: endpoints and variables.

    Attributes:
        root: the object whose attributes `tf.saved_model.load` gives.
        endpoints: the `tf.function`s by name.
    """

    def __init__(self) -> None:
        self.root = tf.__internal__.tracking.AutoTrackable()
        self.root.variables, self.root.trainable_variables, self.root.non_trainable_variables = [], [], []
        self.endpoints: dict[str, Any] = {}
        self._signatures: dict[str, Any] = {}
        self._known: dict[GraphVariable, tf.Variable] = {}
        self._kept: list[Any] = []

    def variable(self, variable: GraphVariable) -> tf.Variable:
        """TensorFlow's variable for one of ours."""
        known = self._known.get(variable)
        if known is None:
            value = ENGINE.from_numpy(variable.storage())
            name = variable.path.replace(" ", "_")
            known = self._known[variable] = tf.Variable(value, trainable=variable.trainable, name=name)
            self.root.variables.append(known)
            kind = self.root.trainable_variables if variable.trainable else self.root.non_trainable_variables
            kind.append(known)
        return known

    def keep(self, resource: Any) -> None:
        """Have an object of TensorFlow's be written too, such as a lookup table."""
        if not any(resource is kept for kept in self._kept):
            setattr(self.root, f"_resource_{len(self._kept)}", resource)
            self._kept.append(resource)

    # -- endpoints ----------------------------------------------------------------------------------------------------
    def add(self, name: str, found: Inference) -> Any:
        """Add what has been traced as an endpoint; its `tf.function`.

        Raises:
            NotImplementedError: for what TensorFlow cannot express, by layer and primitive.
        """
        call = TableCall(ENGINE, found, "tf_saved_model", LACKS)
        variables = [self.variable(v) for v in call.variables]
        updated = [self.variable(v) for v in found.traced.updated]
        tables = [self._table(lookup) for lookup in found.traced.host if isinstance(lookup, Lookup)]

        def endpoint(*arguments: Any) -> Any:
            with exporting():
                results, values = call.run(_arguments(found, arguments, tables), [v.value() for v in variables])
            for variable, value in zip(updated, values):
                variable.assign(value)
            # A result that is an argument or a variable becomes one of its own.
            return tree.pack_sequence_as(found.structure, [tf.identity(r) for r in results])

        signature = list(tree.map_structure(functools.partial(_described, found), found.arguments))
        made = tf.function(endpoint, input_signature=signature, autograph=False)
        call.writing(made.get_concrete_function)
        flat_results = made
        if not _is_flat(found.structure):
            names = found.outputs
            flat_results = tf.function(
                lambda *arguments: dict(zip(names, tree.flatten(made(*arguments)))),
                input_signature=signature,
                autograph=False,
            )
        return self._added(name, made, flat_results)

    def add_function(self, name: str, function: Any) -> Any:
        """Add a `tf.function` of TensorFlow's own operations as an endpoint."""
        return self._added(name, function, function)

    def _added(self, name: str, function: Any, signature: Any) -> Any:
        setattr(self.root, name, function)
        self.endpoints[name], self._signatures[name] = function, signature
        return function

    def _table(self, lookup: Lookup) -> Callable[[dict[str, Any]], Any]:
        """What looks strings up, in the inputs by name."""
        keys, values = tf.constant(list(lookup.table), tf.string), tf.constant(list(lookup.table.values()), tf.int64)
        table = tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(keys, values), lookup.unknown)
        self.keep(table)
        return lambda inputs: table.lookup(inputs[lookup.source])

    # -- writing ------------------------------------------------------------------------------------------------------
    def write(self, path: Path, options: Any = None) -> None:
        """Write the folder.

        Args:
            path: of the folder, of which `check_folder` holds.
            options: a `tf.saved_model.SaveOptions`.
        """
        signatures = dict(self._signatures)
        signatures.setdefault(DEFAULT_SIGNATURE, next(iter(signatures.values())))
        with replacing_folder(path) as fresh:
            tf.saved_model.save(self.root, str(fresh), signatures=signatures, options=options)


def _arguments(found: Inference, arguments: tuple[Any, ...], tables: Sequence[Callable[..., Any]]) -> list[Any]:
    """The graph's arguments: the inputs that are numbers, and those that are looked up."""
    inputs = dict(zip(found.inputs, flat(found.arguments, arguments)))
    given = [*(inputs[name] for name in found.numbers), *(table(inputs) for table in tables)]
    return [bound(x, value.shape) for x, value in zip(given, found.traced.graph.inputs)]


def _described(found: Inference, name: str) -> tf.TensorSpec:
    """The description of an input for TensorFlow."""
    if name in found.strings:
        shape, dtype = found.strings[name], "string"
    else:
        value = found.traced.graph.inputs[found.numbers.index(name)]
        shape, dtype = value.shape, value.dtype
    return tf.TensorSpec([None if isinstance(n, Dim) else n for n in shape], dtype, name)


def _is_flat(structure: Any) -> bool:
    """Whether TensorFlow takes results of a signature as they are: a tensor, or those in one list or dict."""
    if not tree.is_nested(structure):
        return True
    parts = structure.values() if isinstance(structure, dict) else structure
    return not any(map(tree.is_nested, parts))
