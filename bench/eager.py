"""Time code that runs op by op, initializers, building models and calls of small ones, beside real Keras on TensorFlow.

    python bench/eager.py                               # every case of eager_cases.py
    python bench/eager.py --cases tape_convnet zoom --rounds 3
    python bench/eager.py --python tensorflow=/path/to/venv/bin/python

Environments are made as `compare.py` makes them. The two take turns, case by case; the table shows the best round of
each, in milliseconds, and the first call's. On a machine that is busy with other things, compare processor time.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from compare import interpreter, parsed_with_environments, run_script
from eager_cases import CASES
from rich.console import Console
from rich.table import Table

SCRIPT = Path(__file__).with_name("eager_cases.py")
NAMES = ("pronghorn", "tensorflow")


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", nargs="+", choices=list(CASES), default=list(CASES), metavar="CASE",
                        help=f"which to run: {', '.join(CASES)}")  # fmt: skip
    parser.add_argument("--rounds", type=int, default=2, help="how often each takes its turn (2)")
    parser.add_argument("--seconds", type=float, default=4.0, help="how long a case is repeated in a turn (4)")
    return parsed_with_environments(parser)


def table_of(results: dict[tuple[str, str], dict[str, float]], cases: list[str]) -> Table:
    """Return the table, no wider than 80 columns; figures are Pronghorn's / Keras's."""
    table = Table(title="milliseconds, Pronghorn / Keras on TensorFlow", title_justify="left", title_style="bold")
    table.add_column("case", overflow="fold")
    for heading in ("a call", "processor", "first call", "Keras / ours"):
        table.add_column(heading, justify="right")
    for case in cases:
        ours, theirs = (results[name, case] for name in NAMES)
        cells = [" / ".join(_shown(figures.get(key)) for figures in (ours, theirs))
                 for key in ("ms", "cpu_ms", "first_ms")]  # fmt: skip
        ratio = f"{theirs['ms'] / ours['ms']:.2f}" if "ms" in ours and "ms" in theirs else ""
        table.add_row(CASES[case][0], *cells, ratio)
    return table


def _shown(ms: Any) -> str:
    if ms is None:
        return "failed"
    return f"{ms:,.0f}" if ms >= 10 else f"{ms:.1f}" if ms >= 1 else f"{ms:.3f}"


def main() -> None:
    """Run the comparison."""
    options = parse()
    console = Console(highlight=False)
    pythons = {name: interpreter(name, options, console) for name in NAMES}
    results: dict[tuple[str, str], dict[str, float]] = {}
    for turn in range(options.rounds):
        for case in options.cases:
            for name in NAMES:
                with console.status(f"round {turn + 1}: {case} on {name}"):
                    arguments = (case, "--seconds", str(options.seconds))
                    figures, _ = run_script(name, pythons[name], SCRIPT, *arguments)  # none where it fails
                best = results.setdefault((name, case), figures)
                best.update({key: min(value, best.get(key, value)) for key, value in figures.items()})
    console.print(table_of(results, options.cases))


if __name__ == "__main__":
    main()
