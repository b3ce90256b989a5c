"""Object files of every system: the names that they ask for and have, and one of bytes."""

import llvmlite.binding as llvm
import numpy as np
import pytest

from pronghorn.engine.runtime import objects
from pronghorn.engine.runtime.compile import object_code
from pronghorn.engine.runtime.machines import MACHINES, code_generator

TEXT = """
@given = external hidden constant i8, align 64
declare float @asinf(float)
define internal float @own(float %x) noinline nounwind {
  %y = call float @asinf(float %x)
  ret float %y
}
define float @f(float %x) nounwind {
  %y = call float @own(float %x)
  %v = load float, ptr @given
  %z = fadd float %y, %v
  ret float %z
}
"""
# As a process on each of these systems has them made, which no machine for libraries stands for.
SYSTEMS = ("x86_64-pc-windows-msvc", "aarch64-pc-windows-msvc", "arm64-apple-macosx14.0.0", "x86_64-apple-macosx12.0.0")


def code_for(triple, text=TEXT):
    code_generator(MACHINES["aarch64"])  # makes all of LLVM's targets ready
    target = llvm.Target.from_triple(triple)
    return object_code(text, target.create_target_machine(opt=1, reloc="pic"), "asking")


@pytest.mark.parametrize("name", MACHINES)
def test_names_that_are_asked_for(name):
    code = object_code(TEXT, code_generator(MACHINES[name]), "asking")
    assert {"asinf", "given"} == set(objects.undefined(code)) - {"_GLOBAL_OFFSET_TABLE_"}
    assert objects.defined(code) == ["f"]
    content = np.arange(100, dtype="float32").tobytes()
    data = objects.of_bytes("given", content, code)
    assert objects.undefined(data) == [] and objects.defined(data) == ["given"]
    assert objects.loaded_size(data) == len(content) and content in data
    assert objects.loaded_size(code) > 20


@pytest.mark.parametrize("name", [name for name, machine in MACHINES.items() if machine.system != "windows"])
def test_bytes_are_for_the_machine_of_other_files(name):
    code = object_code(TEXT, code_generator(MACHINES[name]), "asking")
    data = objects.of_bytes("given", bytes(8), code, is_code=True)
    flags = slice(48, 52) if MACHINES[name].pointer_bits == 64 else slice(36, 40)
    assert data[:20] == code[:20] and data[flags] == code[flags]  # the same machine, the same calling convention


@pytest.mark.parametrize("triple", SYSTEMS)
def test_names_on_other_systems(triple):
    code = code_for(triple)
    assert objects.defined(code) == ["f"] or objects.defined(code) == ["_fltused", "f"]
    assert set(objects.undefined(code)) - {"_fltused"} == {"asinf", "given"}


@pytest.mark.parametrize(("triple", "probe"), [*zip(SYSTEMS, ("__chkstk", "__chkstk", None, None), strict=True)])
def test_windows_is_asked_before_much_of_the_stack_is_taken(triple, probe):
    """By a function that LLVM's text does not declare: what is missing is found in the object file."""
    text = """
declare void @use(ptr)
define void @f() nounwind {
  %large = alloca [400000 x i8], align 16
  call void @use(ptr %large)
  ret void
}
"""
    assert set(objects.undefined(code_for(triple, text))) - {"_fltused"} == {"use", *([probe] if probe else [])}


def test_long_and_short_names():
    text = "".join(f"define void @{'n' * size}() nounwind {{\n  ret void\n}}\n" for size in (1, 8, 9, 40))
    for machine in ("x86-64-windows", "x86-64-v3", "armv7"):
        code = object_code(text, code_generator(MACHINES[machine]), "names")
        assert sorted(objects.defined(code)) == ["n" * size for size in (1, 8, 9, 40)]
        assert objects.defined(objects.of_bytes("n" * 40, b"", code)) == ["n" * 40]


def test_what_is_no_object_file_is_refused():
    for data in (b"", b"\x7fELF", b"MZ" + bytes(100), b"\x7fELF\x02\x02" + bytes(60)):
        with pytest.raises(objects.ObjectFileError, match="neither ELF, COFF nor Mach-O"):
            objects.undefined(data)
        with pytest.raises(objects.ObjectFileError, match="neither ELF nor COFF"):
            objects.of_bytes("given", b"", data)
    for machine in ("x86-64-windows", "x86-64-v3"):
        code = object_code(TEXT, code_generator(MACHINES[machine]), "asking")
        with pytest.raises(objects.ObjectFileError, match="damaged"):
            objects.undefined(code[:100])
