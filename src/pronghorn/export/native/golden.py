"""Inputs that NumPy and C both make, and the program that compares a library's outputs with those of the model."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from pronghorn.engine.backends.aot import Status
from pronghorn.engine.backends.llvm import Executable
from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph.dim import BATCH, Dim, Shape, evaluate
from pronghorn.engine.graph.trace import Traced
from pronghorn.export.native.description import Array, Function, Library
from pronghorn.export.native.header import status_name
from pronghorn.export.signature import Inference

MOST_CHECKED = 64
"""So many elements of each output are compared."""

TOLERANCES = {"float32": 1e-5, "float64": 1e-12, "float16": 1e-2, "bfloat16": 1e-1}
"""By type, what elements may differ by, as a share of the largest: other machines add in another order."""

_LOGS = 1e-4  # what the loss and metrics may differ by, as a share of what they are
_ROWS, _TRIED = 3, (8, 16, 32, 64, 128)  # numbers for samples, and for other open extents
_ARRAY = "array_"  # before the names of arrays, so that no other name of the program is like one of theirs
_FEW = (0.0, 0.5, 1.0, -1.0)  # elements of 16-bit floats, whose bits C has in a table


def made(shape: Sequence[int], dtype: str, seed: int) -> np.ndarray:
    """An array whose elements are a function of their number: floats from 0 to 1, integers 0 and 1.

    >>> made((3,), "int32", 0).tolist(), made((2,), "float64", 1).round(3).tolist()
    ([0, 0, 0], [0.814, 0.817])
    """
    x = (np.arange(math.prod(shape), dtype=np.uint64) + seed * 7919).astype(np.uint32)
    x = x * np.uint32(2654435769)
    x ^= x >> np.uint32(15)
    x = x * np.uint32(2246822519)
    x ^= x >> np.uint32(13)
    if dtype in ("float32", "float64"):
        flat = ((x >> np.uint32(8)).astype("float32") * np.float32(2.0**-24)).astype(dtype)
    elif dtype in dtypes.LOW_PRECISION:
        flat = np.array(_FEW, dtypes.to_numpy(dtype))[x >> np.uint32(30)]
    else:
        flat = (x >> np.uint32(31)).astype(dtypes.to_numpy(dtype))
    return flat.reshape(shape)


_MADE = """\
/* The hash of a number, of which all inputs are made. */
static uint32_t mixed(uint32_t x) {
    x *= 2654435769u;
    x ^= x >> 15;
    x *= 2246822519u;
    return x ^ (x >> 13);
}
"""

_ELEMENTS = {
    "float32": "(float)(bits >> 8) * 5.9604644775390625e-8f",
    "float64": "(double)((float)(bits >> 8) * 5.9604644775390625e-8f)",
}


@dataclass
class Golden:
    """What the test program checks.

    Attributes:
        sizes: a number for each open extent, by symbol.
        inputs: the arrays.
        outputs: what the model makes of them.
        targets: what a step of training is given beside the inputs.
        logs: what it returns, as numbers.
    """

    sizes: Mapping[str, int]
    inputs: list[np.ndarray]
    outputs: list[np.ndarray]
    targets: list[np.ndarray] = field(default_factory=list)
    logs: list[np.ndarray] = field(default_factory=list)


def golden_of(found: Inference, predict: Function, sizes: Mapping[str, str], limits: Sequence[Dim]) -> Golden:
    """What the model gives here for inputs of some sizes.

    Args:
        found: its inference.
        predict: the function.
        sizes: the open extents.
        limits: extents that must not be negative.

    Raises:
        ValueError: no sizes suit it.
    """
    executable = Executable(found.traced)
    for number in _TRIED:
        numbers = {symbol: _ROWS if symbol == BATCH else number for symbol in sizes}
        if all(evaluate(limit, numbers) > 0 for limit in limits):
            inputs = inputs_for(predict.inputs, numbers)
            return Golden(numbers, inputs, executable(*inputs))
    raise ValueError(
        f"export: no number up to {_TRIED[-1]} suits the open extents {', '.join(sizes)} of "
        f"{found.traced.graph.name!r}, so that nothing could be tested. Pass input_signature with numbers."
    )


def learn(golden: Golden, step: Function, traced: Traced) -> None:
    """Take a step of training here, which changes the model, and keep what it returns.

    Args:
        golden: what is checked; its inputs are those of the step.
        step: the function.
        traced: what it computes.
    """
    golden.targets = inputs_for(step.inputs, golden.sizes)[len(golden.inputs) :]
    golden.logs = Executable(traced)(*golden.inputs, *golden.targets)


def inputs_for(arrays: Sequence[Array], sizes: Mapping[str, int]) -> list[np.ndarray]:
    """Inputs of these sizes."""
    return [made(_concrete(a.aval.shape, sizes), a.aval.dtype, seed) for seed, a in enumerate(arrays)]


def _concrete(shape: Shape, sizes: Mapping[str, int]) -> tuple[int, ...]:
    return tuple(evaluate(extent, sizes) for extent in shape)


def program(library: Library, golden: Golden) -> str:
    """The text of the test program."""
    name, predict = library.name, library.predict
    numbers = [str(golden.sizes[symbol]) for symbol in library.sizes]
    arrays = [*zip(predict.inputs, golden.inputs), *zip(predict.outputs, golden.outputs)]
    block = _block(library)
    names = [f"{_ARRAY}{a.name}" for a in (*predict.inputs, *predict.outputs, *_targets(library))]
    lines = [
        f"/* Runs {predict.name} on inputs that are made here, and compares with what the model in Python gave.",
        f" * Its status is 0 if all is well{f'; its argument is {library.file}' if library.weights_file else ''}. */",
        f'#include "{name}.h"',
        "",
        "#include <stdio.h>",
        "#include <stdlib.h>",
        "#include <string.h>",
        "",
        *([_MADE] if any(v.size for v in (*golden.inputs, *golden.targets)) else []),
    ]
    for array, values in zip(predict.outputs, golden.outputs):
        lines += _expected(array, values)
    lines += _comparisons(library)
    lines += ["int main(int argc, char **argv) {"] if library.weights_file else ["int main(void) {"]
    targets = [*zip(_targets(library), golden.targets)]
    body = [
        *block,
        f"size_t bytes = {name}_arena_size({', '.join(numbers)});",
        "void *arena = malloc(bytes);",
        *(f"{a.c_type} *{_ARRAY}{a.name} = malloc({max(v.nbytes, 1)});" for a, v in (*arrays, *targets)),
        "int status, wrong = 0;",
        f"if (!bytes || {' || '.join(f'!{a}' for a in ('arena', *names))}) {{",
        '    fprintf(stderr, "there is too little memory\\n");',
        "    return 2;",
        "}",
    ]
    for seed, (array, values) in enumerate(zip(predict.inputs, golden.inputs)):
        body += _made_in_c(array, values, seed)
    for seed, (array, values) in enumerate(targets, len(golden.inputs)):
        body += _made_in_c(array, values, seed)
    body += [
        f"status = {predict.call(numbers, prefix=_ARRAY)};",
        f"if (status != {status_name(name, Status.OK)}) {{",
        f'    fprintf(stderr, "{predict.name} returned %d\\n", status);',
        "    return 1;",
        "}",
        *(f"wrong += differ_{a.name}({_ARRAY}{a.name});" for a in predict.outputs),
        *_refusals(library, numbers),
        *(_training(library, golden, numbers) if library.has_state else []),
        *(f"free({a});" for a in reversed(("arena", *names))),
        *([f"free({predict.block_name});"] if block else []),
        'printf(wrong ? "there are differences\\n" : "all is well\\n");',
        "return wrong ? 1 : 0;",
    ]
    return "\n".join([*lines, *(f"    {line}" if line else "" for line in body), "}", ""])


def _made_in_c(array: Array, values: np.ndarray, seed: int) -> list[str]:
    dtype = array.aval.dtype
    element = _ELEMENTS.get(dtype, f"({array.c_type})(bits >> 31)")
    lines = []
    if dtype in dtypes.LOW_PRECISION:
        table = np.array(_FEW, dtypes.to_numpy(dtype)).view("uint16")
        lines.append(f"static const uint16_t few_{array.name}[4] = {{{', '.join(map(hex, table.tolist()))}}};")
        element = f"few_{array.name}[bits >> 30]"
    if not values.size:
        return []
    return [
        *lines,
        f"for (uint32_t i = 0; i < {values.size}u; i++) {{",
        f"    uint32_t bits = mixed(i + {seed * 7919}u);",
        f"    {_ARRAY}{array.name}[i] = {element};",
        "}",
    ]


def _step(size: int) -> int:
    """Every how many elements of an array are checked: an odd number, so that all columns come up."""
    step = max(1, size // MOST_CHECKED)
    return step + (step % 2 == 0)


def _expected(array: Array, values: np.ndarray) -> list[str]:
    """The elements to be compared, as their bits."""
    checked = np.ascontiguousarray(values).reshape(-1)[:: _step(values.size)]
    width = values.dtype.itemsize * 8
    texts = [f"0x{bits:x}{'u' if width <= 32 else 'ull'}" for bits in checked.view(f"uint{width}").tolist()] or ["0"]
    rows = [f"    {', '.join(texts[i : i + 8])}," for i in range(0, len(texts), 8)]
    return [
        f"/* Every {_step(values.size)}th element of {array.remark!r}, as its bits. */"
        if _step(values.size) > 1
        else f"/* The elements of {array.remark!r}, as their bits. */",
        f"enum {{ step_{array.name} = {_step(values.size)}, count_{array.name} = {len(checked)} }};",
        f"static const uint{width}_t expected_{array.name}[] = {{",
        *rows,
        "};",
        f"static const double most_{array.name} = {_most(values):.9g};",
        "",
    ]


def _most(values: np.ndarray) -> float:
    """By how much elements may differ."""
    tolerance = TOLERANCES.get(values.dtype.name, 0.0)
    finite = np.abs(values.astype("float64"))
    finite = finite[np.isfinite(finite)]
    return float(tolerance * finite.max(initial=0.0))


_HALF = """\
/* A float16 as a double, by its bits. */
static double number_float16(uint16_t bits) {
    uint32_t exponent = (bits >> 10) & 31u, fraction = bits & 1023u;
    double x = (double)fraction / 1024.0 + (exponent ? 1.0 : 0.0);
    int shift = (exponent ? (int)exponent : 1) - 15;
    if (exponent == 31u) return fraction ? 0.0 : (bits >> 15 ? -1e300 : 1e300);
    for (; shift > 0; shift--) x *= 2.0;
    for (; shift < 0; shift++) x /= 2.0;
    return bits >> 15 ? -x : x;
}
"""

_BFLOAT = """\
/* A bfloat16 as a double, by its bits. */
static double number_bfloat16(uint16_t bits) {
    uint32_t wide = (uint32_t)bits << 16;
    float x;
    memcpy(&x, &wide, sizeof x);
    return (double)x;
}
"""


def _comparisons(library: Library) -> list[str]:
    """A function for each output."""
    kinds = {a.aval.dtype for a in library.predict.outputs}
    lines = [text for kind, text in (("float16", _HALF), ("bfloat16", _BFLOAT)) if kind in kinds]
    for array in library.predict.outputs:
        kind, width = array.aval.dtype, dtypes.itemsize(array.aval.dtype) * 8
        number = f"number_{kind}({{}})" if kind in dtypes.LOW_PRECISION else "(double){}"
        lines += [
            f"static int differ_{array.name}(const {array.c_type} *found) {{",
            "    int wrong = 0, same = 1;",
            f"    for (int i = 0; i < count_{array.name}; i++) {{",
            f"        {array.c_type} wanted;",
            f"        uint{width}_t bits;",
            "        double apart;",
            f"        memcpy(&bits, found + (size_t)i * step_{array.name}, sizeof bits);",
            f"        memcpy(&wanted, expected_{array.name} + i, sizeof wanted);",
            f"        if (bits == expected_{array.name}[i]) continue;",
            "        same = 0;",
            f"        apart = {number.format(f'found[(size_t)i * step_{array.name}]')} - {number.format('wanted')};",
            f"        if (!(apart <= most_{array.name} && -apart <= most_{array.name})) wrong++;",
            "    }",
            f'    printf("{array.name}: %d of %d elements differ%s\\n", wrong, (int)count_{array.name},',
            '           same ? ", all bits are the same" : "");',
            "    return wrong;",
            "}",
            "",
        ]
    return lines


def _block(library: Library) -> list[str]:
    """The weights or the state, if the prediction takes one."""
    if library.weights_file:
        kind = f"{library.name}_state" if library.has_state else "void"
        block = library.predict.block_name
        return [
            f'FILE *file = fopen(argc > 1 ? argv[1] : "{library.file}", "rb");',
            "long length = 0;",
            f"{kind} *{block} = NULL;",
            "if (file && !fseek(file, 0, SEEK_END) && (length = ftell(file)) > 0) {",
            "    rewind(file);",
            f"    {block} = malloc((size_t)length);",
            f"    if ({block} && fread({block}, 1, (size_t)length, file) != (size_t)length) length = 0;",
            "}",
            f"if (!{block} || length <= 0) {{",
            f'    fprintf(stderr, "the file {library.file} cannot be read\\n");',
            "    return 2;",
            "}",
            "fclose(file);",
        ]
    if not library.has_state:
        return []
    name = library.name
    return [
        f"{name}_state *state = malloc({name}_state_size());",
        f"if (!state || {name}_state_init(state, {name}_state_size())) {{",
        '    fprintf(stderr, "there is too little memory\\n");',
        "    return 2;",
        "}",
    ]


def _refusals(library: Library, numbers: Sequence[str]) -> list[str]:
    """What is wrong is told by a number."""
    predict = library.predict
    few = "1" if library.has_state else "bytes - 1"
    cases = [(Status.ARENA, predict.call(numbers, nbytes=few, prefix=_ARRAY))]
    cases.append((Status.NULL, predict.call(numbers, arena="NULL", prefix=_ARRAY)))
    if numbers:
        cases.append((Status.SIZE, predict.call(["-1", *numbers[1:]], prefix=_ARRAY)))
    lines = []
    for status, call in cases:
        lines += [
            f"if ({call} != {status_name(library.name, status)}) {{",
            f'    printf("no {status_name(library.name, status)}\\n");',
            "    wrong++;",
            "}",
        ]
    return lines


def _targets(library: Library) -> list[Array]:
    """What a step of training takes beside the inputs."""
    return library.steps[0].inputs[len(library.predict.inputs) :] if library.has_state else []


def _training(library: Library, golden: Golden, numbers: Sequence[str]) -> list[str]:
    """A step of training, the numbers it returns, and one with a state that is none."""
    step, name = library.steps[0], library.name
    assert step.logs is not None
    call = step.call(numbers, prefix=_ARRAY)
    lines = [
        "{",
        f"    {step.logs.name} logs;",
        f"    status = {call};",
        f"    if (status != {status_name(name, Status.OK)}) {{",
        f'        printf("{step.name} returned %d\\n", status);',
        "        wrong++;",
        "    }",
    ]
    for entry, value in zip(step.logs.fields, golden.logs, strict=True):
        if entry.aval.shape == () and entry.aval.dtype in ("float32", "float64") and np.isfinite(value):
            most = _LOGS * max(abs(float(value)), 1.0)
            lines += [
                f"    if (!(logs.{entry.name} - {float(value):.9g} <= {most:.9g} &&",
                f"          {float(value):.9g} - logs.{entry.name} <= {most:.9g})) {{",
                f'        printf("{entry.name} is %g, not {float(value):.6g}\\n", (double)logs.{entry.name});',
                "        wrong++;",
                "    }",
            ]
    return [
        *lines,
        "    *(unsigned char *)state ^= 1u;",
        f"    if ({call} != {status_name(name, Status.BLOCK)}) {{",
        f'        printf("no {status_name(name, Status.BLOCK)}\\n");',
        "        wrong++;",
        "    }",
        "}",
    ]
