"""Time how fast language models write, under Pronghorn and elsewhere, against how fast the machine reads memory.

    python bench/generation.py                                        # GPT-2 and two Llamas, in float32
    python bench/generation.py --against keras-jax llama_cpp --models llama_110m --dtypes float32 int8
    python bench/generation.py --python keras-jax=/path/to/venv/bin/python

`generation_runs.py` has the models, whose weights are random, and says what is measured. Implementations take turns;
the table shows the best round of each. A token reads all weights once, so that the bandwidth of the memory, measured
between the rounds, says how many tokens a second there can be at most: with one text, tokens a second times the bytes
of the weights is shown as a share of it. What an implementation lacks is left out of the table, with its reason below.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from compare import IMPLEMENTATIONS, Implementation, interpreter, parsed_with_environments, run_script
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
    **{
        f"keras-{name}": ([*packages, *_HUB], package, variables)
        for name, (packages, package, variables) in IMPLEMENTATIONS.items()
        if name != "pronghorn"
    },
    "transformers": (["torch", "transformers"], "transformers", {}),
    "llama_cpp": (["llama-cpp-python", "gguf"], "llama_cpp", {}),
}


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    others = [name for name in WAYS if name != "pronghorn"]
    parser.add_argument("--against", nargs="*", choices=others, default=["keras-jax"], metavar="NAME",
                        help=f"what to compare with: {', '.join(others)}")  # fmt: skip
    parser.add_argument("--models", nargs="+", choices=MODELS, default=[n for n in MODELS if not n.endswith("tiny")])
    parser.add_argument("--dtypes", nargs="+", choices=BYTES, default=["float32"])
    parser.add_argument("--prompts", type=int, nargs="+", default=[16, 512], help="tokens of the prompt (16 and 512)")
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 8], help="texts at once (1 and 8)")
    parser.add_argument("--new", type=int, default=128, help="tokens to write (128)")
    parser.add_argument("--rounds", type=int, default=2, help="how often each takes its turn (2)")
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


def table_of(title: str, results: dict[tuple[str, str], dict[str, Any]], model: str, bandwidth: float,
             batch: int) -> Table:  # fmt: skip
    """Return the table of one model, prompt and number of texts; 80 columns hold it."""
    table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("implementation", no_wrap=True)
    for heading in ("tokens/s", "of bandwidth", "prompt, ms", "first, s", "peak, MB"):
        table.add_column(heading, justify="right")
    for (name, dtype), figures in results.items():
        if "tokens_per_s" not in figures:
            continue
        read = figures["tokens_per_s"] / batch * weights(MODELS[model]) * BYTES[dtype]
        table.add_row(f"{name}, {dtype}", f"{figures['tokens_per_s']:.1f}", f"{read / bandwidth:.0%}",
                      f"{figures['prompt_ms']:,.0f}", f"{figures['first_s']:.1f}",
                      f"{figures['peak_mb']:,.0f}")  # fmt: skip
    return table


def bandwidth_of(python: str) -> float:
    """Bytes a second that all threads read together."""
    figures, problem = run_script("pronghorn", python, HERE / "bandwidth.py")
    if "bytes_per_s" not in figures:
        raise SystemExit(f"bandwidth.py: {problem}")
    return float(figures["bytes_per_s"])


def main() -> None:
    """Run the comparison."""
    options = parse()
    console = Console(highlight=False)
    names = ["pronghorn", *options.against]
    pythons = {name: interpreter(name, options, console, WAYS) for name in names}
    for model in options.models:
        for prompt in options.prompts:
            for batch in options.batches:
                compare(options, console, names, pythons, model, prompt, batch)


def compare(options: argparse.Namespace, console: Console, names: list[str], pythons: dict[str, str], model: str,
            prompt: int, batch: int) -> None:  # fmt: skip
    """Measure all implementations on one model, and print their table."""
    results: dict[tuple[str, str], dict[str, Any]] = {}
    problems: dict[tuple[str, str], str] = {}
    bandwidth = 0.0
    for turn in range(options.rounds):
        bandwidth = max(bandwidth, bandwidth_of(pythons["pronghorn"]))
        for dtype in options.dtypes:
            for name in names:
                with console.status(f"round {turn + 1}: {model} in {dtype} on {name}"):
                    arguments = [model, "--dtype", dtype]
                    for key, value in (("prompt", prompt), ("new", options.new), ("batch", batch)):
                        arguments += [f"--{key}", str(value)]
                    script = HERE / "generation_runs.py"
                    figures, problem = run_script(name, pythons[name], script, *arguments, implementations=WAYS)
                if "tokens_per_s" not in figures:
                    problems[name, dtype] = problem
                    continue
                known = results.setdefault((name, dtype), figures)
                known["tokens_per_s"] = max(known["tokens_per_s"], figures["tokens_per_s"])
                known.update({key: min(known[key], figures[key]) for key in ("prompt_ms", "first_s", "peak_mb")})
    texts = "1 text" if batch == 1 else f"{batch} texts"
    title = f"{model}, a prompt of {prompt}, {texts}, {options.new} new; memory: {bandwidth / 1e9:.1f} GB/s"
    console.print(table_of(title, results, model, bandwidth, batch))
    for (name, dtype), problem in problems.items():
        console.print(f"{name}, {dtype}: {problem}", markup=False)


if __name__ == "__main__":
    main()
