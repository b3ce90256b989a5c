"""The format of PyTorch: an `ExportedProgram`, which any PyTorch loads and runs on any number of rows.

    program = torch.export.load(path).module()
    results = program(x)

It is called with the arguments of the model, nested in the same way, and gives its nested results. The weights are the
program's parameters and buffers, by their paths.
"""

from __future__ import annotations

import io
import itertools
from pathlib import Path
from typing import Any

import torch

from pronghorn import tree
from pronghorn.engine.backends.torch import ENGINE
from pronghorn.engine.backends.torch.registry import TYPES
from pronghorn.engine.graph.dim import Dim
from pronghorn.engine.graph.variable import GraphVariable
from pronghorn.export.by_table import TableCall, flat, size_in_words
from pronghorn.export.files import check_file, write_file
from pronghorn.export.signature import inference

LACKS: dict[str, str] = {
    "nextafter": "PyTorch has it, but not in a traced program; compute it outside of the exported model",
}
"""Primitives that `torch.export` does not take: why, and what to use instead."""


def write(model: Any, path: Path, input_signature: Any = None) -> str:
    """Write a model's inference as an `ExportedProgram`.

    Args:
        model: the model.
        path: of the file; one that is there is replaced once the new one is whole.
        input_signature: see `export_model`.

    Returns:
        What was written, in a few words.

    Raises:
        ValueError: see `signature.inference`.
        NotImplementedError: for what `torch.export` cannot express, by layer and primitive.
    """
    check_file(path)
    found = inference(model, input_signature)
    found.refuse_states()
    found.refuse_strings("PyTorch", "; or use format='tf_saved_model' or 'onnx'")
    call = TableCall(ENGINE, found, "torch", LACKS)
    stream = io.BytesIO()
    call.writing(lambda: torch.export.save(exported(call), stream))
    write_file(path, stream.getvalue())
    return f"a PyTorch program, {size_in_words(call.variables)}"


def exported(call: TableCall) -> Any:
    """The program of an inference."""

    found = call.found
    module = _module_of(call)
    examples, extents = _examples(call)
    with torch.no_grad():
        return torch.export.export(
            module,
            tree.pack_sequence_as(found.arguments, examples),
            dynamic_shapes=(tree.pack_sequence_as(found.arguments, extents),),
        )


def _module_of(call: TableCall) -> Any:
    """A module whose call is the inference, with the variables as its parameters and buffers."""

    found = call.found

    class Program(torch.nn.Module):
        def forward(self, *arguments: Any) -> Any:
            values = [getattr(part, name) for part, name in self.places]
            results, _ = call.run(flat(found.arguments, arguments), values)
            return tree.pack_sequence_as(found.structure, results)

    module = Program()
    places = [_registered(module, v, call.engine.from_numpy(v.storage())) for v in call.variables]
    object.__setattr__(module, "places", places)
    return module


def _registered(module: Any, variable: GraphVariable, tensor: Any) -> tuple[Any, str]:
    """A variable's tensor in a module, in modules named by the parts of its path; where it lies there."""

    *parts, last = variable.path.replace(".", "_").split("/")
    for part in parts:
        child = module._modules.get(part)
        if child is None:
            part = part if not hasattr(module, part) else f"{part}_"
            module.add_module(part, child := torch.nn.Module())
        module = child
    while hasattr(module, last):
        last += "_"
    if tensor.is_floating_point() and variable.trainable:
        module.register_parameter(last, torch.nn.Parameter(tensor))
    else:
        module.register_buffer(last, tensor)
    return module, last


def _examples(call: TableCall) -> tuple[list[Any], list[Any]]:
    """Arrays for PyTorch to trace with, and which extents of each are open, and how small they may be."""
    values, least = call.found.given, call.least(windows=2)  # it takes one for a case of its own
    hints: dict[str, int] = {}
    for name, n in least.items():  # equal ones PyTorch might take for the same
        hints[name] = next(i for i in itertools.count(n + 4, 2) if i not in hints.values())
    open_ = {name: torch.export.Dim(name, min=n) for name, n in least.items()}
    examples, extents = [], []
    for v in values:
        shape = [n.evaluate(hints) if isinstance(n, Dim) else n for n in v.shape]
        examples.append(torch.ones(shape, dtype=TYPES[v.dtype]))
        extents.append({i: open_[str(n)] for i, n in enumerate(v.shape) if isinstance(n, Dim)})
    return examples, extents
