"""From the records in `ops` to ONNX's protocol buffers, checked."""

from __future__ import annotations

from typing import Any

import numpy as np

from pronghorn._extras import install_command
from pronghorn._version import __version__
from pronghorn._wording import size_text
from pronghorn.engine.graph.dim import Dim
from pronghorn.export.onnx.lowering import File
from pronghorn.export.onnx.ops import Op, OpGraph, Tensor

OPSET = 20  # what onnxruntime 1.17 and later run
OLDEST_OPSET = 19  # average pooling with dilation
MOST_BYTES = 2**31 - 2**20  # of a protocol buffer


def onnx() -> Any:
    """The package.

    Raises:
        ImportError: with the command that installs it.
    """
    try:
        import onnx
    except ImportError as error:
        raise ImportError(
            f"Exporting to ONNX needs the package onnx: {install_command('onnx')}", name="onnx"
        ) from error
    import onnx.checker
    import onnx.helper

    return onnx


#: Operators beside the common ones.
_DOMAINS = {"LabelEncoder": "ai.onnx.ml"}
ML_OPSET = 3

_NAMES = {
    "float32": "FLOAT", "float64": "DOUBLE", "float8_e4m3fn": "FLOAT8E4M3FN", "float8_e5m2": "FLOAT8E5M2",
}  # fmt: skip


def _type(dtype: str) -> int:
    """ONNX's number of an element type."""
    return onnx().TensorProto.DataType.Value(_NAMES.get(dtype, dtype.upper()))


def _initializer(name: str, array: np.ndarray) -> Any:
    proto = onnx().TensorProto()
    proto.name, proto.data_type = name, _type(array.dtype.name)
    proto.dims.extend(array.shape)
    little = array.astype(array.dtype.newbyteorder("<")) if array.dtype.byteorder == ">" else array
    proto.raw_data = np.ascontiguousarray(little).tobytes()
    return proto


def _tensor(tensor: Tensor, named: bool) -> Any:
    """Of symbolic extents, those with a name of their own keep it; in bodies they are left open."""
    shape = [d if not isinstance(d, Dim) else str(d) if named and str(d).isidentifier() else None for d in tensor.shape]
    return onnx().helper.make_tensor_value_info(tensor.name, _type(tensor.dtype), shape)


def _node(op: Op) -> Any:
    helper = onnx().helper
    proto = helper.make_node(op.kind, op.inputs, op.outputs, domain=_DOMAINS.get(op.kind, ""))
    for key, value in op.attributes.items():
        if key == "to":
            value = _type(value)
        elif isinstance(value, OpGraph):
            value = _graph(value, key, False)
        elif isinstance(value, tuple):
            value = [int(n) for n in value]
        proto.attribute.append(helper.make_attribute(key, value))
    return proto


def _graph(graph: OpGraph, name: str, named: bool) -> Any:
    inputs = [_tensor(t, named) for t in graph.inputs]
    outputs = [_tensor(t, named) for t in graph.outputs]
    return onnx().helper.make_graph([_node(op) for op in graph.ops], name, inputs, outputs)


def model_proto(graph: OpGraph, file: File, name: str, opset: int) -> Any:
    """The model, checked by ONNX's own checker with its shapes inferred.

    Raises:
        ValueError: if the weights are more than a file of ONNX's can hold.
    """
    package = onnx()
    size = sum(array.nbytes for array in file.initializers.values())
    if size > MOST_BYTES:
        raise ValueError(
            f"export: {name!r} has {size_text(size)} of weights; an ONNX file holds 2 GB. Export parts of the "
            "model, or one of dtype policy 'float16'."
        )
    proto = _graph(graph, name, True)
    proto.initializer.extend(_initializer(n, array) for n, array in file.initializers.items())
    opsets = [package.helper.make_opsetid("", opset)]
    if any(op.kind in _DOMAINS for op in graph.ops):
        opsets.append(package.helper.make_opsetid("ai.onnx.ml", ML_OPSET))
    model = package.helper.make_model(proto, opset_imports=opsets, producer_name="pronghorn")
    model.producer_version = __version__
    model.ir_version = package.helper.find_min_ir_version_for(opsets)
    package.checker.check_model(model, full_check=True)
    return model
