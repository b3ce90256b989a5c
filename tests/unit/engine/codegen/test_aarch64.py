"""Kernels as code for 64-bit ARM, which LLVM writes on any machine; `tests/aarch64.py` runs it under emulation."""

from __future__ import annotations

import re

import llvmlite.binding as llvm
import pytest
from contraction_problems import SLOT_EXTRA, attention, conv, depthwise, filter_gradient, matmul

from pronghorn.engine.codegen.builder import ModuleBuilder
from pronghorn.engine.codegen.contraction import Array, Halves, emit, plan, plan_halves, plan_pairs
from pronghorn.engine.codegen.slots import Tables
from pronghorn.engine.runtime.host import named_target

TRIPLE = "aarch64-unknown-linux-gnu"


@pytest.fixture(scope="module", autouse=True)
def all_targets():
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()


def assembly(problem, target, planner=plan):
    machine = named_target(target)
    the_plan = planner(problem.spec, machine)
    module = ModuleBuilder()
    module.target = machine
    emit(module, "k", the_plan, machine, Tables(), None, None, range(SLOT_EXTRA, SLOT_EXTRA + len(the_plan.scratch)))
    parsed = llvm.parse_assembly(module.text())
    parsed.triple = TRIPLE
    parsed.verify()
    chip = llvm.Target.from_triple(TRIPLE).create_target_machine(cpu=machine.cpu, features=machine.features, opt=2)
    options = llvm.create_pipeline_tuning_options(speed_level=2)
    options.loop_vectorization = options.slp_vectorization = options.loop_unrolling = False
    builder = llvm.create_pass_builder(chip, options)
    builder.getModulePassManager().run(parsed, builder)
    return chip.emit_assembly(parsed), the_plan


def innermost(text, name="fmla"):
    """The instructions of the loop with the most multiply-adds, as lists of words."""
    parts = re.split(r"^([\w.]+):", text, flags=re.MULTILINE)
    best: list[list[str]] = []
    for label, body in zip(parts[1::2], parts[2::2]):
        code = [line.split() for line in body.splitlines() if re.match(r"\t[a-z]", line)]
        back = [number for number, words in enumerate(code) if words[0].startswith("b.") and words[-1] == label]
        if back and multiply_adds(code[: back[-1] + 1], name) > multiply_adds(best, name):
            best = code[: back[-1] + 1]
    return best


def multiply_adds(code, name="fmla"):
    return sum(words[0] == name for words in code)


PROBLEMS = {
    "product": (lambda: matmul(512, 512, 512), 29),  # two ask for lines that are needed after the sum
    "product of few rows": (lambda: matmul(4, 512, 512), 27),
    "product of bfloat16": (lambda: matmul(256, 256, 256, dtypes=("bfloat16", "bfloat16", "float32")), 34),
    "convolution": (lambda: conv(4, 28, 28, 32, 64, 3, 3), 46),
}


@pytest.mark.parametrize("target", ["neon", "neon-bf16"])
@pytest.mark.parametrize("name", PROBLEMS)
def test_the_innermost_loop_is_multiply_adds_on_registers(name, target):
    """As many as sums in the tile; what loads and counts takes no more instructions than were counted, none spills."""
    make, most = PROBLEMS[name]
    text, the_plan = assembly(make(), target)
    loop = innermost(text)
    sums = the_plan.tile.vectors
    for _, factor in the_plan.tile.rows:
        sums *= factor
    assert multiply_adds(loop) == sums
    assert len(loop) <= most
    assert not [words for words in loop if words[0].startswith("st") or "[sp" in " ".join(words)]


def test_products_of_bytes_are_dot_products():
    """Of four signed bytes each; the sums are in registers."""
    text, the_plan = assembly(matmul(512, 512, 512, dtypes=("int8", "int8", "int32")), "neon-bf16", plan_pairs)
    assert the_plan.unit.instruction.endswith("sdot.v4i32.v16i8")
    loop = innermost(text, "sdot")
    assert multiply_adds(loop, "sdot") == 4 * 6 and len(loop) <= 42
    assert not [words for words in loop if words[0].startswith("st") or "[sp" in " ".join(words)]
    assert plan_pairs(matmul(512, 512, 512, dtypes=("int8", "int8", "int32")).spec, named_target("neon")) is None


@pytest.mark.mostly_slow("bfloat16")
@pytest.mark.parametrize("dtype", ["float64", "float16", "bfloat16", "int32", "uint8"])
def test_every_dtype_and_shape_compiles(dtype):
    dtypes = (dtype,) * 3
    problems = [
        matmul(13, 29, 53, dtypes=dtypes),
        matmul(1, 100, 1, dtypes=dtypes),
        matmul(9, 7, 5, a_transposed=True, b_transposed=True, dtypes=dtypes),
        attention(2, 3, 17, 19, 8, dtypes=dtypes),
        depthwise(2, 9, 8, 21, 3, 3, dtypes=dtypes),
        filter_gradient(21, 28, 28, 1, 32, 3, 3, dtypes=dtypes),
    ]
    for problem in problems:
        for target in ("neon", "neon-bf16"):
            assert "\tret" in assembly(problem, target)[0]


class OneScale:
    """Scales and zeros of a matrix of half bytes that are numbers."""

    has_zero = has_groups = changes_inputs = lambda self: False

    def of_inputs(self, *arguments):
        return []

    def end_of_group(self, fb, slots, begin, stop):
        return stop

    def at(self, fb, slots, step, column, lanes, mask):
        return None, []


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("pairs_columns", [False, True])
def test_halves_of_bytes_become_floats_a_vector_at_a_time(turned, pairs_columns):
    strides = (64, 1) if turned else (1, 64)
    halves = Halves(Array(1, "int8"), *strides, pairs_columns, True, OneScale())
    problem = matmul(1, 128, 128, b_transposed=turned)
    made = plan_halves(problem.spec, named_target("neon"), halves)
    text, the_plan = assembly(problem, "neon", lambda spec, machine: made)
    assert the_plan.lanes == 4 and text.count("scvtf\tv") >= 8
