"""Object files: the names that they ask for, and one of bytes."""

import numpy as np
import pytest

from pronghorn.engine.backends.aot import elf
from pronghorn.engine.runtime.compile import CompilationError, object_code
from pronghorn.engine.runtime.machines import MACHINES, code_generator

TEXT = """
@given = external hidden constant i8, align 64
declare float @asinf(float)
define float @f(float %x) nounwind {
  %y = call float @asinf(float %x)
  %v = load float, ptr @given
  %z = fadd float %y, %v
  ret float %z
}
"""


@pytest.mark.parametrize("name", MACHINES)
def test_names_that_are_asked_for(name):
    code = object_code(TEXT, code_generator(MACHINES[name]), "asking")
    assert {"asinf", "given"} == set(elf.undefined(code)) - {"_GLOBAL_OFFSET_TABLE_"}
    data = elf.of_bytes("given", np.arange(100, dtype="float32").tobytes(), code)
    assert elf.undefined(data) == []
    flags = slice(48, 52) if MACHINES[name].pointer_bits == 64 else slice(36, 40)
    assert data[:20] == code[:20] and data[flags] == code[flags]  # the same machine, the same calling convention


def test_what_is_no_object_file_is_refused():
    for data in (b"", b"\x7fELF", b"MZ" + bytes(100), b"\x7fELF\x02\x02" + bytes(60)):
        with pytest.raises(CompilationError, match="no ELF file"):
            elf.undefined(data)
