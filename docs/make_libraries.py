"""Write the table of docs/libraries.md: how many of other libraries' own tests pass with Pronghorn in Keras's place.

    python docs/make_libraries.py SOURCES

SOURCES is the folder in which `tests/libraries/run.py` has run them. Groups of tests that were run on one side only are
not counted, and the table says how many groups were.
"""

from __future__ import annotations

import argparse
import datetime
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests" / "libraries")]

from run import SUITES, Suite, groups, outcomes  # noqa: E402

PAGE = ROOT / "docs" / "libraries.md"
BEGIN, END = "<!-- table of libraries -->", "<!-- end of the table -->"
HEAD = "| library | groups of tests run | pass under Keras | of these, with Pronghorn | share | bar |"


def counted(results: Path, name: str, suite: Suite, source: Path) -> tuple[int, int, int, int, list[str]]:
    """Groups run on both sides and in all; tests that pass under Keras, of them those that pass here, the others."""
    run = there = here = 0
    failed: list[str] = []
    all_groups = [group for group, _ in groups(suite, source)]
    for group in all_groups:
        files = [results / f"{name}.{group}.{side}" for side in ("keras", "pronghorn")]
        if not all(file.exists() and file.stat().st_size for file in files):
            continue
        keras, ours = (outcomes(file) for file in files)
        passing = {test for test, outcome in keras.items() if outcome == "passed"}
        if not passing:
            continue
        run += 1
        there += len(passing)
        good = {test for test in passing if ours.get(test) == "passed"}
        here += len(good)
        failed += sorted(passing - good)
    return run, len(all_groups), there, here, failed


def table(sources: Path) -> str:
    lines = [f"Counted on {datetime.date.today().isoformat()}.", "", HEAD, "|---|---|---|---|---|---|"]
    for name, suite in SUITES.items():
        if not (sources / name).is_dir():
            continue
        run, everything, there, here, failed = counted(sources / "outcomes", name, suite, sources / name)
        if there:
            share = f"{100 * here / there:.1f} %"
            lines.append(
                f"| {suite.title} | {run} of {everything} | {there} | {here} | {share} | {100 * suite.bar:.0f} % |"
            )
        for test in failed:
            print(f"{name}: {test}")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sources", type=Path)
    made = table(parser.parse_args().sources)
    before, _, rest = PAGE.read_text("utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    PAGE.write_text(f"{before}{BEGIN}\n{made}\n{END}{after}", "utf-8")


if __name__ == "__main__":
    main()
