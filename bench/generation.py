"""Time how fast language models write, under Pronghorn and elsewhere, against how fast the machine reads memory.

    python bench/generation.py                                        # GPT-2 and two Llamas, in float32
    python bench/generation.py --against keras-jax llama_cpp --models llama_110m --dtypes float32 int8
    python bench/generation.py --python keras-jax=/path/to/venv/bin/python
    python bench/generation.py --show                                 # what earlier runs have found

`generation_runs.py` has the models, whose weights are random, and says what is measured. All that is found is added to
`--results`, and the table at the end shows all of that: so parts may be run one after another. Ctrl-C, or the end of
`--minutes`, shows what there is. Implementations take turns; of several rounds the best counts. A token reads all
weights once, so that the bandwidth of the memory, measured between the rounds, says how many tokens a second there can
be at most: for one text, tokens a second times the bytes of the weights is shown as a share of it.

`pronghorn` is KerasHub's `generate` on our engine, and `text` is `pronghorn.text.generate`. What an implementation
lacks is told below the table, with the command that mends it.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

from compare import IMPLEMENTATIONS, ROOT, Implementation, interpreter, parsed_with_environments, run_script
from generation_runs import MODELS, Shape
from rich import box
from rich.console import Console
from rich.table import Table

HERE = Path(__file__).parent

#: Bytes of a weight; a block of 32 in Q8_0 and Q4_0 has a scale of two bytes, which the others keep for each channel.
BYTES = {"float32": 4.0, "bfloat16": 2.0, "int8": 1.0, "int4": 0.5}

_HUB = ["keras-hub==0.32.0"]
WAYS: dict[str, Implementation] = {
    "pronghorn": ([*IMPLEMENTATIONS["pronghorn"][0], *_HUB], "pronghorn", {}),
    "text": ([f"{ROOT}[text]"], "pronghorn_text", {}),
    **{
        f"keras-{name}": ([*packages, *_HUB], package, variables)
        for name, (packages, package, variables) in IMPLEMENTATIONS.items()
        if name != "pronghorn"
    },
    "transformers": (["torch", "transformers"], "transformers", {}),
    "onnxruntime": (["onnxruntime-genai", "onnx", "onnx-ir", "torch", "transformers"], "onnxruntime_genai", {}),
    "llama_cpp": (["llama-cpp-python", "gguf"], "llama_cpp", {}),
}
#: What the table calls them, so that it has 80 columns.
SHORT = {"pronghorn": "hub", "keras-jax": "jax", "keras-tensorflow": "tf", "keras-torch": "torch", "transformers": "hf",
         "onnxruntime": "ort", "llama_cpp": "llama"}  # fmt: skip

LEGEND = """x 8: eight texts at once; hub: KerasHub on Pronghorn; text: pronghorn.text;
tf, jax, torch: KerasHub under Keras; hf: transformers on PyTorch;
ort: ONNX Runtime (onnxruntime-genai); llama: llama.cpp (F32, BF16, Q8_0, Q4_0)"""

Case = tuple[str, str, int, int]  # model, type, texts, tokens of the prompt
Lacking = dict[tuple[str, str], list[str]]  # the cases, by implementation and reason; none where it is of all
Found = dict[Case, dict[str, dict[str, Any]]]  # figures by implementation


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    others = [name for name in WAYS if name != "pronghorn"]
    parser.add_argument("--against", nargs="*", choices=others, default=["text", "keras-jax"], metavar="NAME",
                        help=f"what to compare with: {', '.join(others)}")  # fmt: skip
    parser.add_argument("--models", nargs="+", choices=MODELS, default=[n for n in MODELS if not n.endswith("tiny")])
    parser.add_argument("--dtypes", nargs="+", choices=BYTES, default=["float32"])
    parser.add_argument("--prompts", type=int, nargs="+", default=[16, 512], help="tokens of the prompt (16 and 512)")
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 8], help="texts at once (1 and 8)")
    parser.add_argument("--new", type=int, default=128, help="tokens to write (128)")
    parser.add_argument("--rounds", type=int, default=2, help="how often each takes its turn (2)")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="begin nothing new after so many")
    parser.add_argument("--most", type=float, default=900, help="seconds that one run may take (900)")
    parser.add_argument("--results", type=Path, default=HERE / "results" / "generation.jsonl",
                        help="the file that figures are added to")  # fmt: skip
    parser.add_argument("--show", action="store_true", help="measure nothing, show the file's table")
    return parsed_with_environments(parser, WAYS)


def weights(shape: Shape) -> int:
    """How many weights a token reads.

    >>> round(weights(MODELS["gpt2_124m"]) / 1e6), round(weights(MODELS["llama_110m"]) / 1e6)
    (124, 110)
    """
    keys = shape.width * shape.key_heads // shape.heads
    attention = 2 * shape.width**2 + 2 * shape.width * keys
    inner = (2 if shape.family == "gpt2" else 3) * shape.width * shape.inner
    return shape.blocks * (attention + inner) + shape.vocabulary * shape.width


def machine_of(python: str) -> dict[str, Any]:
    """What the machine is, and the bytes a second that all threads read together."""
    figures, problem = run_script("pronghorn", python, HERE / "bandwidth.py")
    if "bytes_per_s" not in figures:
        raise SystemExit(f"bandwidth.py: {problem}")
    return figures


def main() -> None:
    """Run the comparison, and print the table."""
    options = parse()
    console = Console(highlight=False)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    options.results.parent.mkdir(parents=True, exist_ok=True)
    lacking: Lacking = {}
    try:
        if not options.show:
            measure(options, console, lacking)
    except KeyboardInterrupt:
        console.print("Stopped.")
    found, machine = read(options.results)
    if not found:
        console.print("Nothing was measured.")
    else:
        console.print(f"{machine['machine']}\n{os.cpu_count()} cores; memory {machine['bytes_per_s'] / 1e9:.1f} GB/s")
        console.print(table_of(found, float(machine["bytes_per_s"])))
        console.print(LEGEND)
    for (name, problem), cases in lacking.items():
        of_them = f" ({cases[0]}{f', and {len(cases) - 1} more' if cases[1:] else ''})" if cases else ""
        console.print(f"{name}: {problem}{of_them}", markup=False, soft_wrap=True)


def measure(options: argparse.Namespace, console: Console, lacking: Lacking) -> None:
    """Let each implementation take its turns, and add what is found to the file."""
    pythons: dict[str, str] = {}
    for name in ["pronghorn", *options.against]:
        try:
            pythons[name] = interpreter(name, options, console, WAYS)
            subprocess.run([pythons[name], "-c", ""], check=True)
        except (subprocess.CalledProcessError, OSError) as error:
            lacking[name, f"it has no environment ({error}). {mend(name, options)}"] = []
    if "pronghorn" not in pythons:
        return
    ends = time.monotonic() + 60 * options.minutes
    cases = [(m, b, p) for m in options.models for b in options.batches for p in options.prompts]
    for model, batch, prompt in cases:
        for turn in range(options.rounds):
            add(options.results, machine_of(pythons["pronghorn"]))
            for dtype in options.dtypes:
                for name in [name for name in pythons if name not in absent(lacking)]:
                    if time.monotonic() > ends:
                        console.print("The time is over.")
                        return
                    said = f"round {turn + 1}: {model} in {dtype}, {batch} x {prompt}, on {name}"
                    with console.status(said):
                        run_one(options, pythons, name, (model, dtype, batch, prompt), lacking)


def absent(lacking: Lacking) -> set[str]:
    """The implementations that cannot run at all."""
    return {name for (name, _), cases in lacking.items() if not cases}


def run_one(options: argparse.Namespace, pythons: dict[str, str], name: str, case: Case,
            lacking: Lacking) -> None:  # fmt: skip
    """Measure an implementation once, or note what it lacks."""
    model, dtype, batch, prompt = case
    settings = {"dtype": dtype, "prompt": prompt, "new": options.new, "batch": batch}
    arguments = [model, *(part for key, value in settings.items() for part in (f"--{key}", str(value)))]
    script = HERE / "generation_runs.py"
    figures, problem = run_script(name, pythons[name], script, *arguments, implementations=WAYS, timeout=options.most)
    if "tokens_per_s" in figures:
        add(options.results, {"case": case, "implementation": name, **figures})
    elif problem.startswith(("ModuleNotFoundError", "ImportError")):
        lacking[name, f"{problem}. {mend(name, options)}"] = []
    else:
        lacking.setdefault((name, problem), []).append(f"{model} in {dtype}, {batch} x {prompt}")


def mend(name: str, options: argparse.Namespace) -> str:
    """The command that makes the environment of an implementation."""
    folder = options.venvs.resolve() / name
    python = options.interpreters.get(name)
    packages = shlex.join(WAYS[name][0])
    if python and Path(python).exists():
        return f"To mend it: {python} -m pip install {packages}"
    return f"To mend it: python3 -m venv {folder} && {folder}/bin/python -m pip install {packages}"


def add(path: Path, figures: dict[str, Any]) -> None:
    """Add a line to the file of figures."""
    with path.open("a") as file:
        file.write(json.dumps(figures) + "\n")


def read(path: Path) -> tuple[Found, dict[str, Any]]:
    """The best figures of all runs in a file, and the machine at its best."""
    found: Found = {}
    machine: dict[str, Any] = {"machine": "", "bytes_per_s": 0.0}
    for line in path.read_text().splitlines() if path.exists() else ():
        figures = json.loads(line)
        if "case" not in figures:
            machine = max(machine, figures, key=lambda one: one["bytes_per_s"])
            continue
        model, dtype, batch, prompt = figures.pop("case")
        known = found.setdefault((model, dtype, batch, prompt), {}).setdefault(figures.pop("implementation"), figures)
        known["tokens_per_s"] = max(known["tokens_per_s"], figures["tokens_per_s"])
        known.update({key: min(known[key], figures[key]) for key in ("prompt_ms", "first_s", "peak_mb")})
    return found, machine


def table_of(found: Found, bandwidth: float) -> Table:
    """Return the table of all that was found; 80 columns hold it.

    Args:
        found: figures.
        bandwidth: of the memory, in bytes a second.
    """
    names = [name for name in WAYS if any(name in figures for figures in found.values())]
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("", no_wrap=True, min_width=23)
    for name in names:
        table.add_column(SHORT.get(name, name), justify="right", no_wrap=True)
    groups = sorted({case[:3] for case in found}, key=_order)
    for model, dtype, batch in groups:
        table.add_section()
        table.add_row(f"[bold]{model} {dtype} x {batch}")
        prompts = sorted(prompt for *group, prompt in found if tuple(group) == (model, dtype, batch))
        least = weights(MODELS[model]) * BYTES[dtype]
        for label, cell in _ROWS.items():
            for prompt in prompts:
                figures = found[model, dtype, batch, prompt]
                if "bandwidth" in label and batch > 1:
                    continue
                cells = [cell(figures[name], least / bandwidth) if name in figures else "" for name in names]
                table.add_row(f"  {label.format(prompt)}", *cells)
    return table


def _order(group: tuple[str, str, int]) -> tuple[int, int, int]:
    """Models and types as they are listed, then texts."""
    model, dtype, batch = group
    return list(MODELS).index(model), list(BYTES).index(dtype), batch


_ROWS = {
    "tokens/s after {}": lambda one, _: f"{one['tokens_per_s']:,.{1 if one['tokens_per_s'] < 1000 else 0}f}",
    "of bandwidth, {}": lambda one, seconds: f"{one['tokens_per_s'] * seconds:.0%}",
    "prompt of {}, ms": lambda one, _: f"{one['prompt_ms']:,.0f}",
    "first of {}, s": lambda one, _: f"{one['first_s']:.1f}",
    "peak of {}, MB": lambda one, _: f"{one['peak_mb']:,.0f}",
}


if __name__ == "__main__":
    main()
