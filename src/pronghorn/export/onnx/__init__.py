"""The format ONNX: one more lowering table, from primitives to ONNX's operators.

`lowering` says how values are held, the families (named like those of the primitives) how each primitive is written,
`tidy` joins what belongs together, and `files` makes the file.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pronghorn._wording import counted, size_text
from pronghorn.engine.compiler.complex_numbers import ComplexError, split_complex
from pronghorn.engine.compiler.decompose import RULES as DECOMPOSED
from pronghorn.engine.compiler.simplify import simplify
from pronghorn.engine.graph.ir import Graph
from pronghorn.engine.graph.regions import open_regions
from pronghorn.engine.graph.rewrite import Rewriter
from pronghorn.engine.graph.strings import Lookup
from pronghorn.export.files import check_file, write_file
from pronghorn.export.onnx import (  # importing a family registers it
    contraction,
    control,
    elementwise,
    files,
    indexing,
    reduction,
    refused,
    structure,
    window,
)
from pronghorn.export.onnx.lowering import File, Source, lower
from pronghorn.export.onnx.ops import OpGraph, Tensor
from pronghorn.export.onnx.registry import REFUSED, RULES
from pronghorn.export.onnx.tidy import tidy
from pronghorn.export.signature import inference

__all__ = ["REFUSED", "RULES", "lower", "prepared", "tidy", "write"]


def write(model: Any, path: Path, input_signature: Any = None, opset_version: int | None = None) -> str:
    """Write a model's inference as an ONNX file.

    Args:
        model: the model.
        path: of the file; one that is there is replaced once the new one is whole.
        input_signature: see `export_model`.
        opset_version: the version of ONNX's operators, 19 or later; 20 by default.

    Returns:
        What was written, in a few words.

    Raises:
        ImportError: if the package onnx is not installed.
        ValueError: for an opset that it does not know, or see `signature.inference`.
        NotImplementedError: for what ONNX cannot express, by layer and primitive.
    """
    newest = files.onnx().defs.onnx_opset_version()
    opset = files.OPSET if opset_version is None else opset_version
    if not isinstance(opset, int) or not files.OLDEST_OPSET <= opset <= newest:
        raise ValueError(f"export: opset_version={opset!r} must be from {files.OLDEST_OPSET} to {newest}.")
    check_file(path)
    graph, file = onnx_graph(model, input_signature)
    proto = files.model_proto(graph, file, model.name, opset)
    write_file(path, proto.SerializeToString())
    weights = sum(array.nbytes for array in file.initializers.values())
    return f"ONNX, opset {opset}, {counted(graph.count(), 'node')}, {size_text(weights)} of weights"


def onnx_graph(model: Any, input_signature: Any = None) -> tuple[OpGraph, File]:
    """A model's inference in ONNX's operators."""
    found = inference(model, input_signature)
    traced = found.traced
    strings = [Tensor(name, "string", shape) for name, shape in found.strings.items()]
    inputs: list[tuple[str, Source]] = [(name, name) for name in found.numbers]
    inputs += [(f"{lookup.source}/number", lookup) for lookup in traced.host if isinstance(lookup, Lookup)]
    inputs += [(v.path, v.storage().copy()) for v in traced.variables]
    ours = prepared(_results_only(open_regions(traced.graph), traced.num_results))
    graph, file = lower(ours, inputs, found.outputs, strings)
    graph.inputs.sort(key=lambda tensor: found.inputs.index(tensor.name))
    found.refuse_states()
    tidy(graph, file)
    return graph, file


def _results_only(graph: Graph, count: int) -> Graph:
    """The graph without the new values of variables."""
    copy = Graph(graph.name)
    copy.inputs, copy.nodes, copy.outputs = graph.inputs, graph.nodes, graph.outputs[:count]
    return copy


def prepared(graph: Graph) -> Graph:
    """The graph after the stages that suit any machine."""
    for value in [*graph.inputs, *graph.outputs]:
        if value.dtype.startswith("complex"):
            raise NotImplementedError(
                f"export: an input or output is {value.dtype}; ONNX takes its parts as real arrays."
            )
    try:
        graph = split_complex(simplify(graph))
    except ComplexError as error:
        raise NotImplementedError(f"export: {error}") from error
    return simplify(Rewriter(graph, {"dot_general": DECOMPOSED["dot_general"]}).run())
