"""Write docs/export.md: which layers go into which format, each tried out here and now.

    python docs/make_export.py          writes the page
    python docs/make_export.py --check  writes nothing; exit status 1 if the page says otherwise

Each cell is a model of one layer that is exported, checked by the format's own checker, and run by its runtime with 1,
3 and 7 rows; its results must be Pronghorn's within 1e-5 of their size.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

_FOLDER = Path(__file__).parent
PAGE = _FOLDER / "export.md"
sys.path.insert(0, str(_FOLDER.parent / "tests" / "programs"))

import export_sweep  # noqa: E402

_HEAD = """\
# Exporting a model

`model.export(path, format="onnx")` writes what a model computes in inference into a file that other runtimes read, such
as onnxruntime, OpenVINO, TensorRT and browsers, without Pronghorn or Python. It needs `pip install 'pronghorn[onnx]'`.

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

or, for a model in a file, `pronghorn export model.keras model.onnx`. The other formats that Keras knows say what to do
instead ([engines](engines.md) are a way to run a model on another library without a file).

- **Any number of rows**, and any extent for which `Input` has None: they stay open in the file. A model that asks for
  one, as in `if x.shape[0] > 3`, is exported for one number: `input_signature=[keras.InputSpec(shape=(8, 28, 28, 1))]`.
- **Names**: inputs are called as `Input(name=...)` calls them, or by the keys of a dict; outputs by the layers that
  make them, or by the keys; weights by their paths, such as `dense/kernel`.
- **What is written**: `training=False`, with what follows from the weights alone computed beforehand. A dense layer is
  `MatMul` and `Add`, convolutions follow each other in ONNX's own order of axes, a recurrent layer is one `Scan`.
- **Types** are the model's. bfloat16 is computed in float32 and rounded by casts, since few runtimes have operators of
  it; its weights take two bytes in the file. onnxruntime has no float64 for convolutions, pooling, `erf`, `tan` and
  the inverse and hyperbolic functions: such a file is valid, but it does not run there. A float that is cast to an
  integer type that does not reach it is whatever the runtime makes of it, and so is the maximum of NaNs.
- **What cannot be written is named**, each layer and primitive with what to use instead, before anything is written:
  random numbers, matrix factorisations, `lgamma`, `digamma` and `erfinv`, complex inputs and outputs, states that are
  kept between calls, texts. A model that begins with `StringLookup` takes strings in the file, too.
- **The opset** is {opset}; `opset_version=` chooses another, from {oldest} on. Files are checked by ONNX's own checker,
  replace the one before when they are whole, and hold up to 2 GB of weights.

## Layers

Made by `python docs/make_export.py`, which tries each configuration of `tests/programs/export_sweep.py` with 1, 3 and 7
rows; results agree within 1e-5 of their size. {count} configurations of {layers} layers; {good} work.

| layer | ONNX |
|---|---|
"""


def try_all() -> dict[str, list[str]]:
    """For each layer, what came of its configurations: an empty text where one works."""
    found: dict[str, list[str]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for case in export_sweep.cases():
            found.setdefault(case.layer, []).append(export_sweep.attempt(case, Path(folder)).error)
    return found


def page(found: dict[str, list[str]]) -> str:
    """The text of the page."""
    from pronghorn.export.onnx.files import OLDEST_OPSET, OPSET

    tried = [error for errors in found.values() for error in errors]
    numbers = {
        "opset": OPSET,
        "oldest": OLDEST_OPSET,
        "count": len(tried),
        "layers": len(found),
        "good": sum(not error for error in tried),
    }
    head = _HEAD
    for name, number in numbers.items():
        head = head.replace(f"{{{name}}}", str(number))
    return head + "".join(f"| `{layer}` | {_cell(layer, found[layer])} |\n" for layer in sorted(found))


def _cell(layer: str, errors: list[str]) -> str:
    failed = [error for error in errors if error]
    if not failed:
        return "works"
    why = export_sweep.NOT_THERE.get(layer, failed[0])
    return f"not there: {why}" if len(failed) == len(errors) else f"{len(errors) - len(failed)} of {len(errors)}: {why}"


def main() -> int:
    """The command."""
    text = page(try_all())
    if "--check" in sys.argv[1:]:
        same = PAGE.is_file() and PAGE.read_text(encoding="utf-8") == text
        if not same:
            print(text)
        return int(not same)
    PAGE.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
