"""Write what the compiler prints into docs/inside/compiler.md: a Dense layer, stage by stage.

    python docs/make_compiler.py [--check]

A program runs with `PRONGHORN_DEBUG`, for AVX2 whatever this machine has; what it prints goes between the comments of
the page, `<!-- made: NAME -->` and `<!-- end -->`. The words around it are written by hand.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

from pages import write_or_check

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "inside" / "compiler.md"

PROGRAM = """
import numpy as np
import pronghorn as keras

model = keras.Sequential([keras.Input((64,)), keras.layers.Dense(32, activation="relu", name="dense")])
x, y = np.ones((100, 64), "float32"), np.ones((100, 32), "float32")
model.predict(x, batch_size=100, verbose=0)
model.compile(keras.optimizers.SGD(0.1), "mse")
model.train_on_batch(x, y)
"""
_WIDTH = 116


def printed() -> dict[str, str]:
    """What the program prints with `PRONGHORN_DEBUG`, by the headings of its parts."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT / "src"),
        "PRONGHORN_BACKEND": "pronghorn",
        "PRONGHORN_TARGET": "avx2",
        "PRONGHORN_CACHE": "0",
        "PRONGHORN_DEBUG": "graph,fused,kernels,llvm,asm",
    }
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, env=environment, check=True)
    parts = re.split(r"^--- (.*)\n", done.stderr, flags=re.MULTILINE)
    found: dict[str, str] = {}
    for heading, text in zip(parts[1::2], parts[2::2]):
        found.setdefault(heading.replace("sequential.", ""), text.rstrip())
    return found


def graph(text: str) -> str:
    """A graph's lines, without the name of the model before that of the layer."""
    return text.replace("sequential/", "").replace("sequential.", "")


def nodes(text: str) -> int:
    """How many operations a graph has."""
    return len(re.findall(r"^  %\d+", text, re.MULTILINE))


def gradient_lines(text: str) -> str:
    """The lines of a training step's graph that the layer's gradient and its update are."""
    lines = graph(text).splitlines()
    return "\n".join(line[2:] for line in lines if re.search(r"# (dense \(gradient\)|sgd)$", line))


def stages(found: dict[str, str]) -> str:
    """A table of the stages and how many operations each leaves."""
    rows = ["| after | operations |", "|---|---|"]
    start = "graph: train_step: "
    graphs = [(heading.removeprefix(start), text) for heading, text in found.items() if heading.startswith(start)]
    return "\n".join(rows + [f"| {name} | {nodes(text)} |" for name, text in graphs])


def kernels(text: str) -> str:
    """A program's kernels, buffers numbered from 0, long lines cut."""
    numbers: dict[str, str] = {}
    text = re.sub(r"\bb\d+\b", lambda match: numbers.setdefault(match[0], f"b{len(numbers)}"), graph(text))
    return "\n".join(line if len(line) <= _WIDTH else line[: _WIDTH - 4] + " ..." for line in text.splitlines())


def launches(text: str) -> str:
    """The launches of a step, without what they are estimated to cost."""
    return re.sub(r"  whole, \d+ x \d+ cycles", "", graph(text))


def inner_loop(text: str) -> str:
    """The first loop of LLVM IR that multiplies and adds, with its repetitions left out."""
    labels = [match.start() for match in re.finditer(r"^\w+:$", text, re.MULTILINE)]
    start, latch = next((a, b) for a, b in pairwise(labels) if "fmuladd" in text[a:b])
    lines = text[start : text.index("\n", text.index("br i1", latch))].splitlines()
    sums = [i for i, line in enumerate(lines) if "= phi <" in line]
    products = [i for i, line in enumerate(lines) if "fmuladd" in line]
    kept = [*lines[: sums[2]], "  ; the same for the other sums", *lines[sums[-1] + 1 : products[3] + 1]]
    return _renumbered("\n".join([*kept, "  ; the same for the other rows", *lines[products[-1] + 1 :]]))


def _renumbered(text: str) -> str:
    """Values and labels numbered in the order in which they appear."""
    numbers: dict[str, str] = {}

    def name(match: re.Match[str]) -> str:
        return match[1] + numbers.setdefault(match[2], str(len(numbers) + 1))

    return re.sub(r"(%v|%?(?:loop|latch|done))(\d+)", name, text)


def machine_loop(text: str) -> str:
    """The first loop of assembly that multiplies and adds."""
    lines = text.splitlines()
    first = next(i for i, line in enumerate(lines) if "vfmadd" in line)
    start = max(i for i in range(first) if lines[i].startswith(".L"))
    end = next(i for i in range(first, len(lines)) if lines[i].startswith("\tj"))
    label = lines[start].partition(":")[0]
    return "\n".join(lines[start : end + 1]).replace(label, ".loop").expandtabs(8)


def made() -> dict[str, str]:
    """What goes into the page, by the name in its comments."""
    found = printed()
    fenced: dict[str, tuple[str, Callable[[str], str], str]] = {
        "forward graph": ("text", graph, found["graph: predict_step: traced"]),
        "forward kernel": ("text", kernels, found["fused: predict_step"]),
        "gradient": ("text", gradient_lines, found["graph: train_step: traced"]),
        "simplified": ("text", gradient_lines, found["graph: train_step: simplify"]),
        "training kernels": ("text", kernels, found["fused: train_step"]),
        "launches": ("text", launches, found["kernels: train_step"]),
        "llvm": ("llvm", inner_loop, found["llvm: predict_step"]),
        "assembly": ("gas", machine_loop, found["asm: predict_step"]),
    }
    texts = {name: f"```{language}\n{change(text)}\n```" for name, (language, change, text) in fenced.items()}
    return {**texts, "stages": stages(found)}


def page(text: str, parts: dict[str, str]) -> str:
    """The page with other parts.

    Args:
        text: the page.
        parts: what goes into it, by the name in its comments.
    """
    for name, part in parts.items():
        begin = f"<!-- made: {name} -->"
        if begin not in text:
            raise SystemExit(f"{PAGE.name} has no {begin}")
        before, _, rest = text.partition(begin)
        after = rest[rest.index("<!-- end -->") :]
        text = f"{before}{begin}\n{part}\n{after}"
    return text


def main() -> int:
    """The command."""
    return write_or_check(PAGE, page(PAGE.read_text(encoding="utf-8"), made()))


if __name__ == "__main__":
    sys.exit(main())
