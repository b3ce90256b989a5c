"""Write docs/microcontroller_sizes.txt, a table for docs/export.md: the networks of MLPerf Tiny on Cortex-M processors.

    python docs/make_microcontrollers.py [FOLDER]     then: python docs/make_export.py

FOLDER has the trained networks of mlcommons/tiny as Keras files; without it weights are drawn. Programs are built by
arm-none-eabi-gcc and run by qemu-system-arm, which counts instructions.
"""

from __future__ import annotations

import math
import re
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_FOLDER = Path(__file__).parent
PAGE = _FOLDER / "microcontroller_sizes.txt"
sys.path[:0] = [str(_FOLDER), str(_FOLDER.parent / "bench"), str(_FOLDER.parent / "tests" / "programs")]

import microcontrollers  # noqa: E402
import mlperf_tiny  # noqa: E402
from pages import write_or_check  # noqa: E402

import pronghorn as keras  # noqa: E402
from pronghorn.engine.runtime import objects  # noqa: E402

CLOCKS = {"thumbv7em": 40.0, "thumbv8.1m.main": 31.25}
"""By target, the nanoseconds of a tick of its board's clock, each of which is an instruction."""
_PROGRAM = """
#include "net.h"
#include <stdio.h>

#define SYSTICK ((volatile uint32_t *)0xE000E010u)
#define PAINTED 262144u /* bytes below main's own that are looked at */

static unsigned char arena[NET_ARENA_BYTES];
static float given[COUNT], found[COUNT];
static unsigned char pattern(uintptr_t i) { return (unsigned char)(0xA5u ^ i); }

int main(void) {
    unsigned char *top = (unsigned char *)__builtin_frame_address(0) - 512, *low = top - PAINTED;
    uint32_t before, after;
    int status;
    for (unsigned char *p = low; p < top; p++) *(volatile unsigned char *)p = pattern((uintptr_t)p);
    SYSTICK[1] = 0xFFFFFFu;
    SYSTICK[2] = 0;
    SYSTICK[0] = 5u;
    before = SYSTICK[2];
    status = net_predict(arena, sizeof arena, given, found);
    after = SYSTICK[2];
    while (low < top && *(volatile unsigned char *)low == pattern((uintptr_t)low)) low++;
    printf("%d %lu %lu\\n", status, (unsigned long)((before - after) & 0xFFFFFFu), (unsigned long)(top - low) + 512u);
    return 0;
}
"""


@dataclass
class Measured:
    """What a network takes.

    Attributes:
        code, constants, arena, stack: bytes; constants are weights and all else that is not code.
        instructions: of a prediction; None where the board has no room for the network.
    """

    code: int
    constants: int
    arena: int
    stack: int = 0
    instructions: float | None = None


def measured(model: Any, target: str) -> Measured:
    """Export a model for one sample, and run it."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "net"
        shapes = [tuple(x.shape[1:]) for x in (*model.inputs, *model.outputs)]
        signature = [keras.InputSpec(shape=(1, *shapes[0]), dtype="float32")]
        model.export(folder, format="native", target=target, verbose=False, input_signature=signature)
        code, data = map(objects.loaded_size, microcontrollers.objects((folder / "libnet.a").read_bytes()))
        arena = re.search(r"NET_ARENA_BYTES (\d+)", (folder / "net.h").read_text())
        assert arena is not None
        found = Measured(code, data, int(arena[1]))
        (folder / "measure.c").write_text(_PROGRAM)
        options = [f"-DCOUNT={max(map(math.prod, shapes))}"]
        try:
            program = microcontrollers.build(folder, target, ["measure.c", "libnet.a"], options)
        except RuntimeError as error:
            if "will not fit" not in str(error):
                raise
            return found
        status, told = microcontrollers.run(program, target, counted=True)
        returned, ticks, found.stack = map(int, told.split())
        if status or returned:
            raise RuntimeError(told)
        found.instructions = ticks * CLOCKS[target]
        return found


def table(folder: Path | None) -> str:
    """The table."""
    heads = [
        "network",
        "weights",
        "code",
        "constants",
        "arena",
        "stack",
        "instructions",
        "code, M55",
        "instructions, M55",
    ]
    lines = [f"| {' | '.join(heads)} |", f"|---|{'---:|' * (len(heads) - 1)}"]
    for name in mlperf_tiny.NETWORKS:
        model = mlperf_tiny.trained(keras, name, folder)
        small, large = (measured(model, target) for target in CLOCKS)
        numbers = [model.count_params(), small.code, small.constants, small.arena, small.stack]
        row = [name.replace("_", " "), *(f"{n:,}" for n in numbers), _millions(small)]
        lines.append(f"| {' | '.join([*row, f'{large.code:,}', _millions(large)])} |")
    return "\n".join(lines) + "\n"


def _millions(found: Measured) -> str:
    return "" if found.instructions is None else f"{found.instructions / 1e6:.1f} M"


def main() -> int:
    """The command."""
    given = [each for each in sys.argv[1:] if not each.startswith("-")]
    if not microcontrollers.IS_THERE:
        print("qemu-system-arm and arm-none-eabi-gcc are not installed", file=sys.stderr)
        return 1
    return write_or_check(PAGE, table(Path(given[0]) if given else None))


if __name__ == "__main__":
    sys.exit(main())
