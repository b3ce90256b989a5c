import llvmlite.binding as llvm
import pytest

from pronghorn.engine.runtime import context, native, waiting
from pronghorn.engine.runtime.host import initialize_llvm


@pytest.mark.parametrize("arch", ["x86_64", "aarch64", "ppc64le", "riscv64"])
@pytest.mark.parametrize("system", ["linux", "darwin", "win32"])
def test_the_routines_are_valid_ir_for_every_system(arch, system):
    initialize_llvm()
    for text in (native.runtime_ir(arch, system), native.pool_ir(arch, system)):
        llvm.parse_assembly(text).verify()


@pytest.mark.parametrize(
    ("system", "arch", "kind"),
    [
        ("linux", "x86_64", "futex"),
        ("linux", "aarch64", "futex"),
        ("linux", "s390x", "nap"),  # big-endian: the low half of a word is not at its address
        ("darwin", "aarch64", "nap"),
        ("win32", "x86_64", "address"),
    ],
)
def test_how_threads_sleep(system, arch, kind):
    assert waiting.sleep_kind(system, arch) == kind


def test_hot_words_are_on_lines_of_their_own():
    hot = [
        context.GO,
        context.DONE,
        context.NEXT,
        context.INSIDE,
        context.JOB,
        context.STATUS,
        context.BUSY,
        context.SHORT,
    ]
    hot += [context.WOKEN, context.DECISIONS]
    assert len({offset // 128 for offset in hot}) == len(hot)
    assert max(hot) + 128 <= context.CONTEXT_BYTES
