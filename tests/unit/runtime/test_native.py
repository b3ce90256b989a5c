import llvmlite.binding as llvm
import pytest

from pronghorn.runtime import native
from pronghorn.runtime.host import initialize_llvm


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
    assert native.sleep_kind(system, arch) == kind


def test_hot_words_are_on_lines_of_their_own():
    hot = [native.GO, native.DONE, native.GATE, native.ARRIVED, native.FINISHED, native.JOB, native.STATUS, native.BUSY]
    assert len({offset // 128 for offset in hot}) == len(hot)
    assert max(hot) + 128 <= native.CONTEXT_BYTES
