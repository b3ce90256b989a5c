"""Write docs/export.md: which layers go into which format, each tried out here and now.

    python docs/make_export.py          writes the page; the libraries of all formats have to be installed
    python docs/make_export.py --check  writes nothing; exit status 1 if the page says otherwise

Each cell is a model of one layer that is exported and run by the format's own runtime with 1, 3 and 17 rows, in
three formats with 0, too; its results must be Pronghorn's within 1e-5 of their size.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

_FOLDER = Path(__file__).parent
PAGE = _FOLDER / "export.md"
TABLES = {"sizes": _FOLDER / "native_sizes.txt", "microcontrollers": _FOLDER / "microcontroller_sizes.txt"}
"""What `make_native.py` and `make_microcontrollers.py` have written, by its name in the text."""

sys.path[:0] = [str(_FOLDER), str(_FOLDER.parent / "tests" / "programs")]

import export_sweep  # noqa: E402
from pages import write_or_check  # noqa: E402

FORMATS = {"onnx": "ONNX", "tf_saved_model": "SavedModel", "torch": "PyTorch", "jax": "JAX", "native": "C"}

Found = dict[str, dict[str, list[str]]]
"""For each format and layer, what came of its configurations: an empty text where one works."""

_HEAD = """\
# Exporting a model

`model.export(path, format=...)` writes a model's inference into a file. Other runtimes run this file without Pronghorn.

| `format=` | what is written | endings | who runs it | extra |
|---|---|---|---|---|
| `"tf_saved_model"` | a folder, TensorFlow's SavedModel | none, `.savedmodel` | TensorFlow | `tensorflow` |
| `"onnx"` | a file | `.onnx` | onnxruntime, OpenVINO, TensorRT, browsers | `onnx` |
| `"torch"` | a file, PyTorch's `ExportedProgram` | `.pt2` | PyTorch | `torch` |
| `"jax"` | a file, the bytes of `jax.export` | `.jax` | JAX | `jax` |
| `"native"` | a folder, a C library | none | C and C++ programs | none; `native` for a linker |

The first is the default, as in Keras. Writing needs the extra, such as `pip install '.[onnx]'`.

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

For a model in a file, use `pronghorn export model.keras model.onnx`. The ending of the second name tells the format. If
it does not, pass `--format`. To run a model on another library without a file, see [engines](engines.md).

- **Any number of rows**, also if the model was built from its first batch or with `batch_shape`. Every extent for which
  `Input` has None stays open in the file, too. A model that asks for such an extent, as in `if x.shape[0] > 3`, is
  exported for one number: `input_signature=[keras.InputSpec(shape=(8, 28, 28, 1))]`.
- **What is written**: the call with `training=False`. An existing file or SavedModel is replaced only when the new one
  is complete. A folder that holds anything else is left alone.
- **What cannot be written is named** before anything is written: the layer, the primitive, and what to use instead. No
  format can split texts. States that are kept between calls, such as those of random numbers, can be written only into
  a SavedModel. Strings at the inputs, for `StringLookup`, can be written into a SavedModel and ONNX.

## SavedModel

```python no-run
model.export("digits")  # a folder

import tensorflow as tf  # in another process

loaded = tf.saved_model.load("digits")
loaded.serve(x)  # called as the model is: an array, or a list or dict of them
served = loaded.signatures["serving_default"]
served(image=x)["output_0"]  # by the names of the inputs, and those of the outputs
```

Without TensorFlow, scripts that run under `pronghorn run` can write a folder of Pronghorn's own: by
`tf.saved_model.save`, or by `model.export` if the script imports TensorFlow. `tf.saved_model.load` reads it there and
in other processes. It holds the variables, and the graph of each `tf.function` for the arguments that its
`input_signature` describes or that it was called with. The folder is data: nothing in it runs before one of its
functions is called. TensorFlow cannot read it, and TensorFlow's SavedModels cannot be read there.

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

An endpoint may assign variables, as a stateful recurrent layer does. The loaded model then changes its variables. The
operations are TensorFlow's own, with XLA or without. `nextafter`, `lu` and `eig` are not supported. TensorFlow has no
operation for `cummax`, `cummin` and bitwise reductions. Along an open axis they need a known number of rows.

## PyTorch

```python no-run
import torch

program = torch.export.load("digits.pt2").module()
program(torch.from_numpy(x))  # called as the model is
```

Trainable weights are the program's parameters, the others its buffers, by their paths: `dense.kernel`. The number of
rows is its dimension `batch`, from 1 on. A loop over a known number of steps, such as a recurrent layer's, is written
step by step. A loop over an open number is PyTorch's `scan`. Branches and `while` loops are its `cond` and
`while_loop`. Open sizes of images have a minimum: each convolution and pool must find two places. Convolutions with
strides are not supported for open sizes.

## JAX

```python no-run
import jax.export

program = jax.export.deserialize(bytearray(open("digits.jax", "rb").read()))
program.call(x)  # called as the model is; under jax.jit, too
```

The weights are in the file, as constants of the program, and the number of rows is its symbol `batch`, from 1 on. Open
sizes of images have a minimum: each convolution and pool must find one place. Convolutions with strides are not
supported for open sizes. `platforms=("cpu", "cuda", "tpu")` writes a program for several kinds of devices; it is
`("cpu",)` by default. A model with inputs of 64 bits needs `jax_enable_x64` where it runs. A slice of known size out of
an open axis (`dynamic_slice`) needs a known number of rows.

## ONNX

- **Names**: an input has the name from `Input(name=...)`, or its key in a dict. An output has the name of its layer, or
  its key. A weight has its path, such as `dense/kernel`.
- **What is written**: values that depend on the weights alone are computed beforehand. A dense layer is `MatMul` and
  `Add`. Successive convolutions use ONNX's own order of axes. A recurrent layer is one `Scan`.
- **Types** are the model's. bfloat16 is computed in float32 and rounded by casts, since few runtimes have operators for
  it. Its weights take two bytes in the file. onnxruntime has no float64 for convolutions, pooling, `erf`, `tan` and the
  inverse and hyperbolic functions: such a file is valid, but does not run there. Two results depend on the runtime: a
  float that is cast to an integer type out of its range, and the maximum of NaNs. ONNX has `erf` only. So `erfc`, and
  the exact `gelu` below -4, are computed as the difference from 1 and lose their last digits.
- **Not there**: random numbers, matrix factorisations, `lgamma`, `digamma` and `erfinv`, complex inputs and outputs,
  states that are kept between calls, splitting texts. A model that begins with `StringLookup` takes strings in the
  file, too.
- **The opset** is {opset}; `opset_version=` chooses another, from {oldest} on. Files are checked by ONNX's own checker.
  They hold up to 2 GB of weights.

## C

`format="native"` compiles the model, ahead of time, into a C library. The library needs no runtime: it allocates
nothing, has no threads, keeps nothing between calls, and calls `memcpy`, `memmove` and `memset` at most.

```python
model.export("digits", format="native", target="x86-64-v3")
```

`pronghorn export model.keras digits --format native --target x86-64-v3` does the same. The folder holds

- `digits.h`, which describes every function, and `libdigits.a`,
- `libdigits.so`, where a linker for the target is at hand: a C compiler, or what `pip install '.[native]'`
  brings (Zig's, for every target),
- `digits_test.c`, which compares the library's outputs with those of the model in Python,
- `CMakeLists.txt`, `README.md`, and `library.json`, which describes the functions for programs.

```c
size_t bytes = digits_arena_size(batch);
void *arena = malloc(bytes); /* memory to work in, for as many calls as you like */
int status = digits_predict(arena, bytes, batch, image, digit); /* DIGITS_OK, or an error */
```

- **Inputs and outputs** are parameters with the names that they have in Keras, as far as C allows. An open extent is a
  parameter, too. An error is a number, and nothing is written then: for a pointer that is null or not aligned, an arena
  that is too small, a size that is not allowed.
- **Threads** may call a library at the same time, each with an arena of its own. `parallel=True` adds functions such as
  `digits_predict_parallel`, which take a parallel-for of the caller's and share the work of one call out.
- **Targets** are {targets}. The default is `"native"`, the machine at hand. A library for `"x86-64"` has the code for
  the levels 1, 3 and 4, and chooses when it runs. `"armv7"` is with NEON, which takes denormal numbers for zero.
  `"thumbv7em"` is for microcontrollers without a system, Cortex-M4F and M7, and computes in single precision;
  `"thumbv8.1m.main"` is for M55 and M85 with their vectors (MVE). With numbers in `input_signature`, the header has
  `DIGITS_ARENA_BYTES`, for an arena that is an array. `"x86-64-windows"` is for Windows: its files are COFF files, it
  chooses among levels as well, and the shared library is `digits.dll`. All others are for Linux, with ELF files.
- **Bits**: on the machine at hand, predictions and training steps have the bits that `predict` and `fit` have, for any
  number of threads, bfloat16 on processors with AMX apart, and the last bit of `sin`, `cos` and `tan` of angles beyond
  2^20. On other machines sums are added in another order.
- **Weights** are constants of the library. `weights="file"` writes them into `digits.weights`, which a program maps
  into memory and passes to `digits_predict`.
- **Not there**: strings, matrix factorisations, inputs and outputs that are complex, states that are kept between
  predictions, and functions that need the C library: `asin`, `acos`, `atan`, `atan2`, `sinh`, `cosh`, `asinh`, `acosh`,
  `atanh` and `lgamma`; in float64 also `sin`, `cos`, `tan`, `erf`, `erfc` and `pow`. They are named, with their layers,
  and nothing is written.

`training=True` adds the compiled steps of a model that `compile` was called for: forward pass, loss, backward pass,
optimizer and metrics, dropout included. All that changes is in one block of memory, the state:

```c
digits_state *state = malloc(digits_state_size());
digits_logs logs;
digits_state_init(state, digits_state_size()); /* the model as it was exported */
for (int step = 0; step < steps; step++)
    digits_train_step(state, arena, bytes, batch, image[step], y[step], &logs); /* logs.loss, logs.accuracy */
digits_reset_metrics(state);
digits_predict(state, arena, bytes, batch, image[0], digit);
fwrite(state, 1, digits_state_size(), file);
```

`digits_evaluate_step` takes the arguments of `digits_train_step`. `digits_state_check` says whether memory is a state
of this model. `keras.export.read_state("file", model)` gives the model in Python what was trained in C. Targets have
the shapes and types that the losses ask for; `target_signature=` names others. `sample_weight=True` has steps take
a weight for each sample. The number of samples alone may be open.

Made by `python docs/make_native.py`: bytes of code and of its own constants, for one layer `Dense(3)` on four inputs
and for the models of `bench/workloads.py`. Weights come on top of them; a state has the weights, the optimizer's
variables and the metrics.

{sizes}

Made by `python docs/make_microcontrollers.py`: the four networks of
[MLPerf Tiny](https://github.com/mlcommons/tiny) in float32, for one sample, on a Cortex-M4F (`"thumbv7em"`) and an M55
(`"thumbv8.1m.main"`). Weights are counted, all else are bytes. `qemu-system-arm` runs the libraries and counts their
instructions; how many cycles these take depends on the processor. Its board for the M55 has no room for the last two.

{microcontrollers}

For comparison: quantized to integers of 8 bits, the networks of MLPerf Tiny are files of 53,936, 98,496, 333,288 and
276,976 bytes. TensorFlow Lite Micro
[takes](https://www.tensorflow.org/lite/microcontrollers/overview) 16 KB for its core, and 22 KB with what keyword
spotting needs. STM32Cube.AI takes
[68 KiB of code](https://huggingface.co/STMicroelectronics/mobilenetv1) for a MobileNet with a quarter of the channels.

## Layers

Made by `python docs/make_export.py`, which tries each configuration of `tests/programs/export_sweep.py` with 1, 3 and
17 rows, ONNX, SavedModel and C with 0 as well; results agree within 1e-5 of their size, in C in every bit. Of {count}
configurations of {layers} layers, {good}.

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
    from pronghorn.engine.runtime.machines import MACHINES
    from pronghorn.export.onnx.files import OLDEST_OPSET, OPSET

    layers = sorted(found["onnx"])
    works = {f: sum(not error for errors in found[f].values() for error in errors) for f in FORMATS}
    numbers = {
        "opset": OPSET,
        "oldest": OLDEST_OPSET,
        "targets": ", ".join(f'`"{name}"`' for name in MACHINES),
        **{name: file.read_text(encoding="utf-8").strip() for name, file in TABLES.items()},
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
