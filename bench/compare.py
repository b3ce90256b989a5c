"""Time the workloads under Pronghorn and under real Keras, side by side, and print the ratios.

    python bench/compare.py                          # Pronghorn and Keras on TensorFlow, all workloads
    python bench/compare.py --against jax torch --workloads mlp lstm --rounds 3
    python bench/compare.py --large                  # the larger workloads of large.py
    python bench/compare.py --python tensorflow=/path/to/venv/bin/python

Each implementation has a virtual environment of its own, made on first use below `--venvs`, or named with `--python`.
The implementations take turns, A B A B, workload by workload, so that a busy machine slows all of them alike; the
table shows the best round of each. Needs `rich`, which comes with Pronghorn.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import subprocess
import sys
import venv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

ROOT = Path(__file__).resolve().parents[1]
HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

import large  # noqa: E402
import workloads  # noqa: E402

#: Script to its workloads.
SCRIPTS = {HERE / "workloads.py": list(workloads.WORKLOADS), HERE / "large.py": list(large.WORKLOADS)}

_KERAS = "keras==3.15.1"

Implementation = tuple[list[str], str, dict[str, str]]

#: Implementation to (packages to install, package to import, environment variables).
IMPLEMENTATIONS: dict[str, Implementation] = {
    "pronghorn": ([str(ROOT)], "pronghorn", {}),
    "tensorflow": ([_KERAS, "tensorflow-cpu"], "keras", {"KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3"}),
    "jax": ([_KERAS, "jax"], "keras", {"KERAS_BACKEND": "jax"}),
    "torch": ([_KERAS, "torch"], "keras", {"KERAS_BACKEND": "torch"}),
}

_FIGURES = {
    "step_ms": "training, ms a step",
    "first_s": "first epoch, extra s",
    "predict_1_ms": "predict 1, ms",
    "predict_1024_ms": "predict 1,024, ms",
    "peak_mb": "peak memory, MB",
}


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    others = [name for name in IMPLEMENTATIONS if name != "pronghorn"]
    parser.add_argument("--against", nargs="+", choices=others, default=["tensorflow"], metavar="BACKEND",
                        help=f"backends of real Keras to compare with: {', '.join(others)}")  # fmt: skip
    parser.add_argument("--large", action="store_true", help="the workloads of large.py")
    parser.add_argument("--workloads", nargs="+", choices=[w for names in SCRIPTS.values() for w in names],
                        metavar="WORKLOAD", help="which to run; all of one script by default")  # fmt: skip
    parser.add_argument("--rounds", type=int, default=2, help="how often each takes its turn (2)")
    parser.add_argument("--epochs", type=int, default=4, help="epochs of a training (4)")
    parser.add_argument("--json", type=Path, help="also write all figures to this file")
    options = parsed_with_environments(parser)
    options.workloads = options.workloads or SCRIPTS[HERE / ("large.py" if options.large else "workloads.py")]
    return options


def parsed_with_environments(
    parser: argparse.ArgumentParser, implementations: Mapping[str, Implementation] = IMPLEMENTATIONS
) -> argparse.Namespace:
    """Read the command line, with what says where the implementations' environments are."""
    parser.add_argument("--venvs", type=Path, default=ROOT / "bench" / "results" / "venvs",
                        help="where virtual environments are made and found again")  # fmt: skip
    parser.add_argument("--python", action="append", default=[], metavar="NAME=INTERPRETER",
                        help="use this interpreter for an implementation instead of making an environment")  # fmt: skip
    options = parser.parse_args()
    options.interpreters = dict(entry.split("=", 1) for entry in options.python)
    unknown = set(options.interpreters) - set(implementations)
    if unknown:
        parser.error(f"--python: {', '.join(unknown)} is none of {', '.join(implementations)}")
    return options


def interpreter(
    name: str,
    options: argparse.Namespace,
    console: Console,
    implementations: Mapping[str, Implementation] = IMPLEMENTATIONS,
) -> str:
    """Return the Python of an implementation, making its virtual environment if need be."""
    if name in options.interpreters:
        return options.interpreters[name]
    folder = options.venvs.resolve() / name
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    done = folder / "installed.txt"
    packages = implementations[name][0]
    if not done.exists() or name == "pronghorn":  # Pronghorn is the checkout as it is now
        with console.status(f"installing {name}: {' '.join(packages)}"):
            if not python.exists():
                venv.create(folder, with_pip=True)
            command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *packages]
            subprocess.run(command, check=True)
        done.write_text("\n".join(packages))
    return str(python)


def run_script(
    name: str,
    python: str,
    script: Path,
    *arguments: str,
    implementations: Mapping[str, Implementation] = IMPLEMENTATIONS,
    timeout: float | None = None,
) -> tuple[dict[str, Any], str]:
    """Run a script on one implementation, in a process of its own.

    Args:
        name: the implementation.
        python: its interpreter.
        script: is given the package to import, and the arguments.
        arguments: more of the command line.
        implementations: what the names stand for.
        timeout: seconds after which it is stopped; None for never.

    Returns:
        The figures that it printed, as lines of JSON, and the last line of what went wrong.
    """
    _, package, variables = implementations[name]
    env = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    if package.startswith("pronghorn"):
        env["PYTHONPATH"] = str(ROOT / "src")
    command = [python, str(script), package, *arguments]
    try:
        result = subprocess.run(command, env={**env, **variables}, capture_output=True, text=True, timeout=timeout)
    except subprocess.TimeoutExpired:
        return {}, f"not done after {timeout:.0f} s"
    figures: dict[str, Any] = {}
    for line in result.stdout.splitlines():
        if line.startswith("{"):
            figures.update(json.loads(line))
    return figures, (result.stderr.strip().splitlines() or ["no output"])[-1][:300]


def run_once(name: str, python: str, workload: str, epochs: int) -> dict[str, Any]:
    """Run one workload in a process of its own and return its figures."""
    script = next(path for path, names in SCRIPTS.items() if workload in names)
    figures, problem = run_script(name, python, script, workload, "--epochs", str(epochs))
    if "step_ms" not in figures and "error" not in figures:
        figures["error"] = problem
    return {"implementation": name, "workload": workload, **figures}


def best(rounds: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the lowest of each figure over the rounds."""
    good = [figures for figures in rounds if "error" not in figures]
    if not good:
        return rounds[-1]
    return {**good[-1], **{key: min(figures[key] for figures in good) for key in (*_FIGURES, "import_s")}}


def table_of(figure: str, title: str, results: dict[tuple[str, str], dict[str, Any]], names: list[str],
             workloads: list[str]) -> Table:  # fmt: skip
    """Return the table of one figure: a row for each workload, and how many times ours the best of the others is."""
    slim: dict[str, Any] = {"box": box.SIMPLE_HEAD, "padding": (0, 1, 0, 0), "pad_edge": False}  # 80 columns hold it
    table = Table(title=title, title_justify="left", title_style="bold", **slim)
    table.add_column("workload", no_wrap=True, min_width=13)
    for name in names:
        table.add_column(name if name == "pronghorn" else f"keras on {name}", justify="right")
    table.add_column("best / pronghorn", justify="right", style="bold")
    ratios = []
    for workload in workloads:
        values = [results[name, workload].get(figure) for name in names]
        cells = ["failed" if value is None else f"{value:.3g}" for value in values]
        others = [value for value in values[1:] if value is not None]
        if others and values[0] is not None:
            # An extra time can be lost in the noise of what it is extra to: nothing to divide, then.
            measured = min(others) > 0 and values[0] > 0
            ratios.append(min(others) / values[0] if measured else math.nan)
            cells.append(f"{ratios[-1]:.2f}" if measured else "-")
        table.add_row(workload, *cells)
    if len(ratios) > 1 and not any(map(math.isnan, ratios)):
        table.add_section()
        table.add_row("geom. mean", *[""] * len(names), f"{math.prod(ratios) ** (1 / len(ratios)):.2f}")
    return table


def main() -> None:
    """Run the comparison."""
    options = parse()
    console = Console(highlight=False)
    names = ["pronghorn", *options.against]
    pythons = {name: interpreter(name, options, console) for name in names}
    rounds: dict[tuple[str, str], list[dict[str, Any]]] = {}
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("", total=options.rounds * len(options.workloads) * len(names))
        for turn in range(options.rounds):
            for workload in options.workloads:
                for name in names:
                    progress.update(task, description=f"round {turn + 1}: {workload} on {name}")
                    figures = run_once(name, pythons[name], workload, options.epochs)
                    rounds.setdefault((name, workload), []).append(figures)
                    progress.advance(task)
    results = {key: best(runs) for key, runs in rounds.items()}
    console.print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, best of {options.rounds}")
    for figure, title in _FIGURES.items():
        console.print(table_of(figure, title, results, names, options.workloads))
    for (name, workload), figures in results.items():
        if "error" in figures:
            console.print(f"{name}, {workload}: {figures['error']}", markup=False)
    if options.json:
        options.json.write_text(json.dumps(list(rounds.values()), indent=1))


if __name__ == "__main__":
    main()
