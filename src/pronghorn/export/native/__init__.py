"""The format native: a model as a C library that needs no runtime.

`engine/backends/aot` compiles steps. Here stands what knows models: `prediction` puts a model's inference together,
`training` its steps, and `states` what they change. `names` makes names of C, `description` says what a library has,
and `header`, `golden` (the test program) and `page` write it down. `archive` makes the static library, `linking` the
shared one.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pronghorn._extras import install_command
from pronghorn._version import __version__
from pronghorn._wording import counted, size_text
from pronghorn.engine.runtime import objects
from pronghorn.engine.runtime.machines import Machine, machine
from pronghorn.export.files import check_folder, replacing_folder
from pronghorn.export.native import golden, header, linking, page
from pronghorn.export.native.archive import archive
from pronghorn.export.native.description import Array
from pronghorn.export.native.names import identifier
from pronghorn.export.native.prediction import prediction
from pronghorn.export.native.product import Product
from pronghorn.export.native.training import training as trained
from pronghorn.export.signature import inference

MARK = "library.json"
_LINKERS = "brings a linker for every target, or install a C compiler"
WEIGHTS = ("constants", "file")


def write(
    model: Any,
    path: Path,
    input_signature: Any = None,
    target: str = "native",
    weights: str = "constants",
    training: bool = False,
    target_signature: Any = None,
    sample_weight: bool = False,
    parallel: bool = False,
) -> str:
    """Write a model as a C library.

    Args:
        model: the model.
        path: of the folder; a library that is there is replaced once the new one is whole.
        input_signature: see `export_model`.
        target: the machine it is for: `"native"`, this one, or one of `engine.runtime.machines.MACHINES`.
        weights: `"constants"` of the library, or a `"file"` that the program maps into memory.
        training: whether the library trains, too: it then has a state in place of weights.
        target_signature: for training, `InputSpec`s in the structure of the targets; by default what the loss asks for.
        sample_weight: for training, whether steps take a weight for each sample.
        parallel: whether there are functions, too, that the caller hands a parallel-for.

    Returns:
        What was written, in a few words.

    Raises:
        ValueError: for a target that is not known, something else at ``path``, or see `signature.inference`.
        NotImplementedError: for what a library cannot have, by layer and primitive.
    """
    chosen = _machine(target)
    if weights not in WEIGHTS:
        raise ValueError(f"export: weights={weights!r} must be one of {', '.join(map(repr, WEIGHTS))}.")
    if not training and (sample_weight or target_signature is not None):
        given = "sample_weight" if sample_weight else "target_signature"
        raise ValueError(f"export: {given} is for steps of training; pass training=True, too, or leave it out.")
    check_folder(path, MARK)
    name = identifier(path.name)
    found = inference(model, input_signature)
    found.refuse_states()
    found.refuse_strings("C", "; or use format='tf_saved_model' or 'onnx'")
    in_file = weights == "file"
    if training:
        made = trained(model, found, name, chosen, in_file, parallel, target_signature, sample_weight)
    else:
        made = prediction(found, name, chosen, in_file, parallel)
    files, problem = _files(made)
    with replacing_folder(path) as fresh:
        fresh.mkdir()
        for file, content in files.items():
            (fresh / file).write_bytes(content)
    told = f"; no shared library: {problem}; {install_command('native')} {_LINKERS}" if problem else ""
    return (
        f"a C library for {chosen.name}, {counted(len(files), 'file')}, {size_text(len(files[f'lib{name}.a']))} in "
        f"lib{name}.a{told}"
    )


def _machine(target: Any) -> Machine:
    try:
        return machine(target)
    except ValueError as error:
        raise ValueError(f"export: target={target!r}. {error}") from None


def _files(made: Product) -> tuple[dict[str, bytes], str]:
    """All files by name, and why there is no shared library among them, if there is none."""
    library = made.library
    name, problem = library.name, ""
    files = {
        f"{name}.h": header.header(library).encode(),
        f"lib{name}.a": archive(
            made.objects, {file: objects.defined(content) for file, content in made.objects.items()}
        ),
    }
    try:
        if library.machine.has_system:
            shared = linking.shared_name(name, library.machine)
            files[shared] = linking.shared_library(shared, made.objects, _functions(made), library.machine)
    except linking.LinkError as error:
        problem = str(error)
    if made.block is not None:
        files[library.file] = made.block
    files[f"{name}_test.c"] = golden.program(library, made.checked).encode()
    files["CMakeLists.txt"] = page.cmake(library).encode()
    files[MARK] = _manifest(made).encode()
    sizes = {file: len(content) for file, content in files.items()}
    # It is read elsewhere, where the command for this installation says nothing.
    why = problem and f"{problem}; Pronghorn's extra `native` {_LINKERS}"
    files["README.md"] = page.page(library, sizes, why).encode()
    return files, problem


def _functions(made: Product) -> list[str]:
    return sorted(objects.defined(made.objects[f"{made.library.name}.o"]))


def _manifest(made: Product) -> str:
    library = made.library
    return json.dumps(
        {
            "format": "pronghorn native",
            "version": 1,
            "pronghorn": __version__,
            "model": library.model,
            "name": library.name,
            "target": library.machine.name,
            "triple": library.machine.triple,
            "functions": _functions(made),
            "sizes": list(library.sizes.values()),
            "inputs": [_described(a) for a in library.predict.inputs],
            "outputs": [_described(a) for a in library.predict.outputs],
            **({"state": f"{library.name}_state"} if library.has_state else {}),
            **({"logs": [a.name for a in library.structures[0].fields]} if library.has_state else {}),
        },
        indent=1,
    )


def _described(array: Array) -> dict[str, Any]:
    shape = [extent if isinstance(extent, int) else str(extent) for extent in array.aval.shape]
    return {"name": array.name, "of": array.label, "dtype": array.aval.dtype, "shape": shape}
