"""Biases go into their convolutions, outputs get their names, and what nothing reads is left out."""

from __future__ import annotations

from pronghorn.export.onnx.lowering import File
from pronghorn.export.onnx.ops import OpGraph


def tidy(graph: OpGraph, file: File) -> None:
    """Rewrite a graph and its bodies in place, and drop initializers that nothing reads."""
    _tidy(graph, file)
    read = {name for op in graph.ops for name in op.reads()}
    file.initializers = {name: array for name, array in file.initializers.items() if name in read}


def _tidy(graph: OpGraph, file: File) -> None:
    _drop_unread(graph)
    _skip_identities(graph)
    for op in graph.ops:
        for body in op.bodies():
            _tidy(body, file)
    _fuse_biases(graph, file)
    _drop_unread(graph)


def _drop_unread(graph: OpGraph) -> None:
    wanted = {t.name for t in graph.outputs}
    kept = []
    for op in reversed(graph.ops):
        if any(name in wanted for name in op.outputs):
            wanted.update(op.reads())
            kept.append(op)
    graph.ops = kept[::-1]


def _skip_identities(graph: OpGraph) -> None:
    """Give the operator in front of an Identity at the end the output's name."""
    outputs = {t.name for t in graph.outputs}
    made = {name: op for op in graph.ops for name in op.outputs}
    renamed: dict[str, str] = {}
    for op in graph.ops:
        if op.kind != "Identity" or op.outputs[0] not in outputs:
            continue
        source = op.inputs[0]
        if source in made and source not in outputs and source not in renamed and made[source].kind != "Identity":
            renamed[source] = op.outputs[0]
            op.kind = "nothing"
    graph.ops = [op for op in graph.ops if op.kind != "nothing"]
    if renamed:
        _rename(graph, renamed)


def _rename(graph: OpGraph, names: dict[str, str]) -> None:
    for op in graph.ops:
        op.inputs = [names.get(n, n) for n in op.inputs]
        op.outputs = [names.get(n, n) for n in op.outputs]
        for body in op.bodies():
            _rename(body, names)


def _fuse_biases(graph: OpGraph, file: File) -> None:
    """Conv and Add become Conv with a bias. MatMul and Add stay: every runtime joins them."""
    reads: dict[str, int] = {}
    for name in [n for op in graph.ops for n in op.reads()] + [t.name for t in graph.outputs]:
        reads[name] = reads.get(name, 0) + 1
    made = {op.outputs[0]: op for op in graph.ops if op.kind in ("Conv", "ConvTranspose")}
    for op in graph.ops:
        if op.kind != "Add":
            continue
        for source, bias in (op.inputs, op.inputs[::-1]):
            conv, array = made.get(source), file.initializers.get(bias)
            if conv is None or array is None or reads[source] != 1 or len(conv.inputs) != 2:
                continue
            spatial = len(conv.attributes["kernel_shape"])
            if array.shape[1:] != (1,) * spatial or array.ndim != spatial + 1:
                continue
            conv.inputs.append(file.initializer(array.reshape(-1), bias))
            conv.outputs, op.kind = op.outputs, "nothing"
            break
    graph.ops = [op for op in graph.ops if op.kind != "nothing"]
