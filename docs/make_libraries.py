"""Write the table of docs/libraries.md: how many of other libraries' own tests pass with Pronghorn in Keras's place.

    python docs/make_libraries.py SOURCES

SOURCES is the folder in which `tests/libraries/run.py` has run them, and listed all that there are (`--list`). Groups
of tests that were run on one side only are not counted; the table says how many groups and tests were. A library
that is not in SOURCES keeps its row.
"""

from __future__ import annotations

import argparse
import datetime
import sys
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests" / "libraries")]

from run import SUITES, groups, listed, outcomes  # noqa: E402

PAGE = ROOT / "docs" / "libraries.md"
BEGIN, END = "<!-- table of libraries -->", "<!-- end of the table -->"
HEAD = (
    "| library | counted on | groups of tests | run under Keras | pass there | of these, here | share | bar |",
    "|---|---|---|---|---|---|---|---|",
)


@dataclass
class Count:
    """What came of a library's tests in the groups that were run on both sides.

    Attributes:
        groups: how many groups these are.
        run: tests run under Keras.
        there: those that passed.
        here: those of them that passed with Pronghorn.
        failed: the names of the others.
    """

    groups: int = 0
    run: int = 0
    there: int = 0
    here: int = 0
    failed: list[str] = field(default_factory=list)

    def add(self, keras: dict[str, str], ours: dict[str, str]) -> None:
        """Count a group in, if any of its tests passed under Keras."""
        passing = {test for test, outcome in keras.items() if outcome == "passed"}
        if not passing:
            return
        good = {test for test in passing if ours.get(test) == "passed"}
        self.groups += 1
        self.run += sum(outcome != "not collected" for outcome in keras.values())
        self.there += len(passing)
        self.here += len(good)
        self.failed += sorted(passing - good)


def count(results: Path, name: str, all_groups: list[str]) -> Count:
    found = Count()
    for group in all_groups:
        files = [results / f"{name}.{group}.{side}" for side in ("keras", "pronghorn")]
        if all(file.exists() and file.stat().st_size for file in files):
            found.add(*(outcomes(file) for file in files))
    return found


def row(sources: Path, name: str) -> str | None:
    """A library's row, or None where no test has been counted."""
    suite, results = SUITES[name], sources / "outcomes"
    all_groups = [group for group, _ in groups(suite, sources / name)]
    found = count(results, name, all_groups)
    if not found.there:
        return None
    for test in found.failed:
        print(f"{name}: {test}")
    tests = len(listed(results, name))
    of_all = f" of {tests:,}" if tests else ""
    share = f"{100 * found.here / found.there:.1f} %"
    today = datetime.date.today().isoformat()
    cells = (today, f"{found.groups} of {len(all_groups)}", f"{found.run}{of_all}", found.there, found.here, share)
    return f"| {suite.title} | {' | '.join(map(str, cells))} | {100 * suite.bar:.0f} % |"


def table(sources: Path, before: str) -> str:
    """The table, with the rows that it had of libraries that are not counted anew."""
    kept = {line.split("|")[1].strip(): line for line in before.splitlines() if line.startswith("| ")}
    counted = {suite.title: row(sources, name) for name, suite in SUITES.items() if (sources / name).is_dir()}
    rows = [counted.get(suite.title) or kept.get(suite.title) for suite in SUITES.values()]
    return "\n".join((*HEAD, *(line for line in rows if line)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sources", type=Path)
    before, _, rest = PAGE.read_text("utf-8").partition(BEGIN)
    old, _, after = rest.partition(END)
    made = table(parser.parse_args().sources, old)
    PAGE.write_text(f"{before}{BEGIN}\n{made}\n{END}{after}", "utf-8")


if __name__ == "__main__":
    main()
