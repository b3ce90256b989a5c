"""Write docs/export.md: which layers go into which format, each tried out here and now.

    python docs/make_export.py          writes the page; the libraries of all formats have to be installed
    python docs/make_export.py --check  writes nothing; exit status 1 if the page says otherwise

Each cell is a model of one layer that is exported and run by the format's own runtime with 1, 3 and 17 rows, in
two formats with 0, too; its results must be Pronghorn's within 1e-5 of their size.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

_FOLDER = Path(__file__).parent
PAGE = _FOLDER / "export.md"
sys.path[:0] = [str(_FOLDER), str(_FOLDER.parent / "tests" / "programs")]

import export_sweep  # noqa: E402
from pages import write_or_check  # noqa: E402

FORMATS = {"onnx": "ONNX", "tf_saved_model": "SavedModel", "torch": "PyTorch", "jax": "JAX"}

Found = dict[str, dict[str, list[str]]]
"""For each format and layer, what came of its configurations: an empty text where one works."""

_HEAD = """\
# Exporting a model

`model.export(path, format=...)` writes what a model computes in inference into a file that other runtimes run without
Pronghorn.

| `format=` | what is written | endings | who runs it | extra |
|---|---|---|---|---|
| `"tf_saved_model"` | a folder, TensorFlow's SavedModel | none, `.savedmodel` | TensorFlow | `tensorflow` |
| `"onnx"` | a file | `.onnx` | onnxruntime, OpenVINO, TensorRT, browsers | `onnx` |
| `"torch"` | a file, PyTorch's `ExportedProgram` | `.pt2` | PyTorch | `torch` |
| `"jax"` | a file, the bytes of `jax.export` | `.jax` | JAX | `jax` |

The first is the default, as in Keras. Writing needs the extra, such as `pip install 'pronghorn[onnx]'`.

```python
import numpy as np
import onnxruntime
import pronghorn as keras
from pronghorn import layers

model = keras.Sequential(
    [
        keras.Input((28, 28, 1), name="image"),
        layers.Conv2D(8, 3, activation="relu"),
        layers.MaxPooling2D(),
        layers.Flatten(),
        layers.Dense(10, activation="softmax", name="digit"),
    ]
)
model.export("digits.onnx", format="onnx")

session = onnxruntime.InferenceSession("digits.onnx")
x = np.random.default_rng(0).random((5, 28, 28, 1), "float32")
(digit,) = session.run(["digit"], {"image": x})
np.testing.assert_allclose(digit, model.predict(x, verbose=0), atol=1e-5)
```

or, for a model in a file, `pronghorn export model.keras model.onnx`, where the ending of the second name tells the
format (`--format` where it does not). [Engines](engines.md) are a way to run a model on another library without a file.

- **Any number of rows**, also where the model was made of the first batch or with `batch_shape`, and any extent for
  which `Input` has None: they stay open in the file. A model that asks for one, as in `if x.shape[0] > 3`, is exported
  for one number: `input_signature=[keras.InputSpec(shape=(8, 28, 28, 1))]`.
- **What is written**: the call with `training=False`. A file that is there is replaced once the new one is whole, and
  so is a SavedModel; a folder that holds anything else is left alone.
- **What cannot be written is named**, layer and primitive with what to use instead, before anything is written. No
  format takes texts apart. States that are kept between calls, as those of random numbers are, go into a SavedModel
  alone; strings at the inputs, for `StringLookup`, into a SavedModel and ONNX.

## SavedModel

```python no-run
model.export("digits")  # a folder

import tensorflow as tf  # in another process

loaded = tf.saved_model.load("digits")
loaded.serve(x)  # called as the model is: an array, or a list or dict of them
served = loaded.signatures["serving_default"]
served(image=x)["output_0"]  # by the names of the inputs, and those of the outputs
```

Weights are variables of the SavedModel, in `variables`, `trainable_variables` and `non_trainable_variables`. Results
that are a dict keep their keys in the signature. `keras.export.ExportArchive` writes several functions and their
variables, each with a signature of its own:

```python no-run
archive = keras.export.ExportArchive()
archive.track(model)
archive.add_endpoint("serve", model)
archive.add_endpoint("scores", lambda x: keras.ops.log(model(x)), [keras.InputSpec(shape=(None, 28, 28, 1))])
archive.write_out("digits")
```

An endpoint may assign variables, as a stateful recurrent layer does: they change in what is loaded. The operations are
TensorFlow's own, with XLA or without. `nextafter`, `lu` and `eig` are not there, and what runs along an open axis
without an operation of TensorFlow's (`cummax`, `cummin`, a bitwise reduction) is for a number of rows that is known.

## PyTorch

```python no-run
import torch

program = torch.export.load("digits.pt2").module()
program(torch.from_numpy(x))  # called as the model is
```

Trainable weights are the program's parameters, the others its buffers, by their paths: `dense.kernel`. The number of
rows is its dimension `batch`, from 1 on. A loop over a known number of steps, such as a recurrent layer's, is written
out step by step; one over an open number is PyTorch's `scan`, and branches and `while` loops are its `cond` and
`while_loop`. Open sizes of images begin where each convolution and pool finds two places; strides of convolutions over
them are not there.

## JAX

```python no-run
import jax.export

program = jax.export.deserialize(bytearray(open("digits.jax", "rb").read()))
program.call(x)  # called as the model is; under jax.jit, too
```

The weights are in the file, as constants of the program, and the number of rows is its symbol `batch`, from 1 on. Open
sizes of images begin where each convolution and pool finds a place; strides of convolutions over them are not there.
`platforms=("cpu", "cuda", "tpu")` writes a program for several kinds of devices; it is `("cpu",)` by default. A model
with inputs of 64 bits asks for `jax_enable_x64` where it runs. A part of known size cut out of an open axis
(`dynamic_slice`) is for a number of rows that is known.

## ONNX

- **Names**: inputs are called as `Input(name=...)` calls them, or by the keys of a dict; outputs by the layers that
  make them, or by the keys; weights by their paths, such as `dense/kernel`.
- **What is written** has what follows from the weights alone computed beforehand. A dense layer is
  `MatMul` and `Add`, convolutions follow each other in ONNX's own order of axes, a recurrent layer is one `Scan`.
- **Types** are the model's. bfloat16 is computed in float32 and rounded by casts, since few runtimes have operators of
  it; its weights take two bytes in the file. onnxruntime has no float64 for convolutions, pooling, `erf`, `tan` and
  the inverse and hyperbolic functions: such a file is valid, but it does not run there. A float that is cast to an
  integer type that does not reach it is whatever the runtime makes of it, and so is the maximum of NaNs.
- **Not there**: random numbers, matrix factorisations, `lgamma`, `digamma` and `erfinv`, complex inputs and outputs,
  states that are kept between calls, texts. A model that begins with `StringLookup` takes strings in the file, too.
- **The opset** is {opset}; `opset_version=` chooses another, from {oldest} on. Files are checked by ONNX's own checker,
  and hold up to 2 GB of weights.

## Layers

Made by `python docs/make_export.py`, which tries each configuration of `tests/programs/export_sweep.py` with 1, 3 and
17 rows, ONNX and SavedModel with 0 as well; results agree within 1e-5 of their size. Of {count} configurations of
{layers} layers, {good}.

"""


def try_all() -> Found:
    """What comes of every configuration in every format."""
    found: Found = {format: {} for format in FORMATS}
    for format in FORMATS:
        for case in export_sweep.cases():
            with tempfile.TemporaryDirectory() as folder:
                error = export_sweep.attempt(case, Path(folder), format)
            found[format].setdefault(case.layer, []).append(error)
    return found


def expected() -> Found:
    """The same as the tests expect it, each of which tries one."""
    found: Found = {format: {} for format in FORMATS}
    for format in FORMATS:
        for case in export_sweep.cases():
            error = export_sweep.NOT_THERE.get(case.layer, {}).get(format, "")
            found[format].setdefault(case.layer, []).append(error)
    return found


def page(found: Found) -> str:
    """The text of the page."""
    from pronghorn.export.onnx.files import OLDEST_OPSET, OPSET

    layers = sorted(found["onnx"])
    works = {f: sum(not error for errors in found[f].values() for error in errors) for f in FORMATS}
    numbers = {
        "opset": OPSET,
        "oldest": OLDEST_OPSET,
        "count": sum(len(errors) for errors in found["onnx"].values()),
        "layers": len(layers),
        "good": ", ".join(f"{n} work in {FORMATS[f]}" for f, n in works.items()),
    }
    text = _HEAD
    for name, number in numbers.items():
        text = text.replace(f"{{{name}}}", str(number))
    notes: dict[str, int] = {}
    text += f"| layer | {' | '.join(FORMATS.values())} |\n|---|{'---|' * len(FORMATS)}\n"
    for layer in layers:
        text += f"| `{layer}` | {' | '.join(_cell(layer, f, found[f][layer], notes) for f in FORMATS)} |\n"
    return text + "".join(f"\n({number}) {note}.\n" for note, number in notes.items())


def _cell(layer: str, format: str, errors: list[str], notes: dict[str, int]) -> str:
    failed = [error for error in errors if error]
    if not failed:
        return "works"
    why = export_sweep.NOT_THERE.get(layer, {}).get(format, failed[0])
    number = notes.setdefault(f"{why[:1].upper()}{why[1:]}", len(notes) + 1)
    return (
        f"no ({number})" if len(failed) == len(errors) else f"{len(errors) - len(failed)} of {len(errors)} ({number})"
    )


def main() -> int:
    """The command."""
    return write_or_check(PAGE, page(try_all()))


if __name__ == "__main__":
    sys.exit(main())
