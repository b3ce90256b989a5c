"""The format of JAX: the bytes of `jax.export`, which any JAX runs on any number of rows.

    exported = jax.export.deserialize(bytearray(open(path, "rb").read()))
    results = exported.call(x)

It is called with the arguments of the model, nested in the same way, and gives its nested results. The weights are in
the file, as constants of the program.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import jax.export

from pronghorn import tree
from pronghorn._wording import size_text
from pronghorn.engine.backends.jax import ENGINE
from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph.dim import Dim
from pronghorn.export.by_table import TableCall, flat, size_in_words, size_of
from pronghorn.export.files import check_file, write_file
from pronghorn.export.signature import inference

PLATFORMS = ("cpu", "cuda", "rocm", "tpu")

MOST_BYTES = 2**31 - 1
"""What the format of the bytes, flatbuffers, can hold."""

LACKS: dict[str, str] = {}
"""Primitives that `jax.export` does not take: why, and what to use instead."""


def write(model: Any, path: Path, input_signature: Any = None, platforms: Sequence[str] = ("cpu",)) -> str:
    """Write a model's inference as the bytes of `jax.export`.

    Args:
        model: the model.
        path: of the file; one that is there is replaced once the new one is whole.
        input_signature: see `export_model`.
        platforms: where the program is to run: some of `"cpu"`, `"cuda"`, `"rocm"` and `"tpu"`.

    Returns:
        What was written, in a few words.

    Raises:
        ValueError: for a platform that is not known, more weights than a file holds, or see `signature.inference`.
        NotImplementedError: for what `jax.export` cannot express, by layer and primitive.
    """
    given = (platforms,) if isinstance(platforms, str) else tuple(platforms)
    if not given or not set(given) <= set(PLATFORMS):
        raise ValueError(f"export: platforms={platforms!r} must be some of {', '.join(map(repr, PLATFORMS))}.")
    check_file(path)
    found = inference(model, input_signature)
    found.refuse_states()
    found.refuse_strings("JAX", "; or use format='tf_saved_model' or 'onnx'")
    call = TableCall(ENGINE, found, "jax", LACKS)
    size = size_of(call.variables)
    if size > MOST_BYTES:
        raise ValueError(
            f"export: {model.name!r} has {size_text(size)} of weights; a JAX program holds 2 GB. Export parts of the "
            "model, or one of dtype policy 'float16'."
        )
    with ENGINE.computing():
        content = call.writing(lambda: bytes_of(call, given))
    write_file(path, content)
    return f"a JAX program for {', '.join(given)}, {size_in_words(call.variables)}"


def bytes_of(call: TableCall, platforms: tuple[str, ...]) -> bytes:
    """What `jax.export` writes of an inference."""
    found, weights = call.found, [v.storage() for v in call.variables]

    def function(*arguments: Any) -> Any:
        results, _ = call.run(flat(found.arguments, arguments), weights)
        return tree.pack_sequence_as(found.structure, results)

    arguments = tree.pack_sequence_as(found.arguments, _described(call))
    program = jax.export.export(jax.jit(function), platforms=platforms)(*arguments)
    return bytes(program.serialize())


def _described(call: TableCall) -> list[Any]:
    """Shapes and types of the inputs, with JAX's symbols for open extents, which are as large as they have to be."""
    symbols = call.found.symbols
    constraints = [f"{name} >= {n}" for name, n in call.least().items() if n > 1]
    known = jax.export.symbolic_shape(", ".join(symbols), constraints=constraints) if symbols else ()
    env: Any = dict(zip(symbols, known))
    return [
        jax.ShapeDtypeStruct(
            tuple(n.evaluate(env) if isinstance(n, Dim) else n for n in v.shape), dtypes.to_numpy(v.dtype)
        )
        for v in call.found.given
    ]
