"""Write docs/compatibility.md: for each public name of Keras 3, whether Pronghorn has it.

    python docs/make_compatibility.py          writes the page
    python docs/make_compatibility.py --check  writes nothing; exit status 1 if the page is stale

The names are in docs/keras_api.txt; what is partly there, or not, is said in
docs/explained_names.py.
"""

from __future__ import annotations

import sys
import textwrap
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

_FOLDER = Path(__file__).parent
sys.path.insert(0, str(_FOLDER))

from explained_names import Status, status  # noqa: E402
from pages import write_or_check  # noqa: E402

PAGE = _FOLDER / "compatibility.md"
NAMES = _FOLDER / "keras_api.txt"

_KINDS = ("there", "partly", "not")

_HEAD = """\
# Which names of Keras 3 are there

Made by `python docs/make_compatibility.py` from the code; do not edit. The names are the {count} public ones of Keras
3.15.1. *There*: it behaves as Keras documents it. *Partly*: the page says what is missing. *Not*: using it raises an
error that says what to use instead, and so does this page.
"""

#: What Keras adds in 3.16 and we have; then what we have not.
_ADDED = (
    "`layers.GroupedQueryAttention` (another name of `GroupQueryAttention`)",
    "`layers.Mosaic`",
    "`layers.TernaryDense`",
    'the mode `"ternary"` of `quantize`',
    "`dtype_policies.TernaryDTypePolicy` (a name that its development has dropped again)",
    "`quantizers.TernaryQuantizationConfig`",
    "`quantizers.pack_int2`, `pack_ternary`, `unpack_int2` and `unpack_ternary`",
    "`quantizers.QuantizationReport`, which `Model.quantize` returns",
    "`Model.quantize(verbose=)` (False unless given, True in 3.16)",
    "`Model.quantization_summary`",
    "`quantizers.GPTQConfig(calibration_batch_size=)`",
    "`quantizers.AWQConfig(apply_clip=)` (False unless given, True in 3.16)",
    "`losses.SparseCategoricalFocalCrossentropy` and its function",
    "`losses.SparseCategoricalCrossentropy(label_smoothing=)`",
    "`ops.amax` and `ops.amin` with `initial=`",
    *("`ops.column_stack`", "`ops.copysign`", "`ops.cov`", "`ops.float_power`", "`ops.gammainc`", "`ops.grad`"),
    "`ops.image.reconstruct_patches`",
    "`ops.lgamma`",
    "`ops.matrix_power` (also in `ops.linalg`)",
    "`ops.top_k(is_stable=)`",
    "`utils.audio_dataset_from_directory(format=)`",
    "`utils.FeatureSpace.adapt(verbose=)` (0 unless given, 1 in 3.16)",
    "`num_data_shards` of distributions",
    "`Model.state_sync` (variables are up to date after each step, so that it does nothing)",
)
_WORDS = (
    "These are not in Keras 3.15.1, and so not counted above; Keras adds them in 3.16: "
    f"{', '.join(_ADDED)}. That is all that 3.16 adds up to its development version of 2026-10-27."
)
_NEWER = f"## Names of Keras 3.16\n\n{textwrap.fill(_WORDS, 120, break_long_words=False, break_on_hyphens=False)}\n"

_NUMBERS = """## Numbers

Results and gradients are those of Keras on JAX up to rounding. This includes NaN, infinities, zeros of both signs, ties
and kinks. The exceptions are on purpose:

- Pronghorn keeps numbers that are too small for a normal float; JAX makes them zero. `tanh`, `sin` and the like of
  float64 are float64; in Keras on JAX they are float32. The sigmoid of a float16 below -11.1 is the nearest float16;
  in JAX it is 0.
- The gradient of `relu` at NaN is the incoming gradient; in JAX it is 0. A max-pool's gradient goes to the first NaN of
  a window; in JAX it goes to an element that depends on the position of the NaN.
- `argmax`, `argmin`, `top_k` and sorting take -0.0 and 0.0 for equal, as NumPy does. (Of the two, `max`, `maximum`,
  max-pools and the like give 0.0, and the minima -0.0, as in JAX and for any number of elements.)
- The gradient of `power(0, 0)` by its base is 0; in JAX it is NaN. The gradients of `logaddexp` with one infinite
  operand are 1 and 0. The gradient of `mod` uses the exact whole quotient, and JAX's the rounded one.
- Sparse categorical cross-entropy looks at the true class alone. A logit of minus infinity elsewhere leaves the loss
  finite; in JAX the loss is NaN. Binary cross-entropy of logits is infinite if a target is; in JAX it is NaN.
- For an axis without elements, a transposed convolution gives as many elements as `compute_output_shape` says; JAX
  gives more.
- Evaluating a `Distiller` with losses of features does not change the student. In Keras, batch normalizations take the
  batches in. A loss of features that names a layer of the student alone compares it with the teacher's outputs.
- The rows of `sparsemax` sum to one.
- `StringLookup`, `IntegerLookup` and `TextVectorization` give one-hot, multi-hot and count vectors of the layer's float
  type, as their symbolic results say; Keras's are int64. `Equalization` uses one histogram for each image of a batch;
  Keras uses one for all.
- After `BackupAndRestore` has resumed a `fit`, its history also has the epochs before the interruption.
"""


def read_names() -> list[str]:
    """Return the names of `docs/keras_api.txt`."""
    lines = NAMES.read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def page(names: Iterable[str]) -> str:
    """Return the text of the page.

    Raises:
        SystemExit: if a name neither resolves nor is explained; all such names are listed.
    """
    found = {name: status(name) for name in names}
    unexplained = [f"{name}: {what.words}" for name, what in found.items() if what.kind == "unexplained"]
    if unexplained:
        raise SystemExit("Neither there nor explained in docs/explained_names.py:\n" + "\n".join(unexplained))
    _judge_namespaces(found)
    parts = [_HEAD.format(count=len(found)), *_counts(found), _NEWER, _NUMBERS]
    by_namespace: dict[str, list[str]] = {}
    for name in found:
        by_namespace.setdefault(name.rpartition(".")[0], []).append(name)
    for namespace, members in sorted(by_namespace.items()):
        parts += _section(namespace, {name: found[name] for name in members})
    return "\n".join(parts).rstrip("\n") + "\n"


def _judge_namespaces(found: dict[str, Status]) -> None:
    """A namespace in which nothing is there is not there itself, though it can be imported."""
    for name in found:
        inner = [what for other, what in found.items() if other.startswith(f"{name}.")]
        if inner and all(what.kind == "not" for what in inner):
            found[name] = Status("not", inner[0].words)


def _counts(found: dict[str, Status]) -> list[str]:
    table: dict[str, Counter[str]] = {}
    for name, what in found.items():
        pieces = name.split(".")
        table.setdefault(".".join(pieces[:2]) if len(pieces) > 2 else "keras", Counter())[what.kind] += 1
    lines = ["| namespace | there | partly | not |", "|---|---:|---:|---:|"]
    lines += [_row(namespace, counts) for namespace, counts in sorted(table.items())]
    return [*lines, _row("**all**", sum(table.values(), Counter())), ""]


def _row(title: str, counts: Counter[str]) -> str:
    shown = title if title.startswith("*") else f"`{title}`"
    return f"| {shown} | " + " | ".join(str(counts[kind]) for kind in _KINDS) + " |"


def _section(namespace: str, found: dict[str, Status]) -> list[str]:
    lines = [f"## `{namespace}`", ""]
    remarks: dict[tuple[str, str], list[str]] = {}
    for name, what in found.items():
        remarks.setdefault((what.kind, what.words), []).append(f"`{name.rpartition('.')[2]}`")
    for kind in _KINDS:
        for (of_kind, words), names in remarks.items():
            if of_kind == kind:
                lines += [_sentence(kind, words, names), ""]
    return lines


def _sentence(kind: str, words: str, names: list[str]) -> str:
    title = kind.capitalize()
    if kind == "there":
        return f"**{title}**{f' ({words})' if words else ''}: {', '.join(names)}"
    return f"**{title}**: {', '.join(names)}. {words[:1].upper()}{words[1:]}."


def main() -> int:
    """Write the page, or check it."""
    return write_or_check(PAGE, page(read_names()))


if __name__ == "__main__":
    sys.exit(main())
