"""Run other libraries' own tests twice: with the real Keras on JAX, and with Pronghorn in its place.

    python tests/libraries/run.py SOURCES [LIBRARY ...] [--side keras|pronghorn] [--only WORD] ...

SOURCES is a folder with the unpacked sources of the libraries, one folder each, named as in `SUITES`; the Python that
runs this has them, Keras, JAX and Pronghorn installed. What each test came to is kept in SOURCES/outcomes, a file for
each group of test files and side; a group that is there already is not run again without `--again`, and with `--go-on`
only for what is missing from it. Where Keras's file is there, only tests that passed with it are run with Pronghorn.
`docs/make_libraries.py` counts them.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
SIDES = ("keras", "pronghorn")


@dataclass(frozen=True)
class Suite:
    """Where the tests of a library are.

    Attributes:
        title: what people call the library.
        bar: the least share of the tests that pass under real Keras.
        tests: patterns of files.
        leave_out: words in the names of files that are not run, each with the reason.
        environment: variables that its tests want, on both sides.
        pronghorn: variables on our side.
    """

    title: str
    bar: float
    tests: tuple[str, ...]
    leave_out: dict[str, str] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    pronghorn: dict[str, str] = field(default_factory=dict)


SUITES = {
    "keras-tuner": Suite(
        "KerasTuner", 0.98, ("keras_tuner/**/*_test.py",), {"end_to_end_test": "a search over digits that takes long"}
    ),
    "scikeras": Suite("SciKeras", 0.95, ("tests/test_*.py",)),
    "bayesflow": Suite("BayesFlow", 0.85, ("tests/**/test_*.py",), pronghorn={"KERAS_BACKEND": "jax"}),
    "keras-rs": Suite(
        "KerasRS",
        0.90,
        ("keras_rs/src/**/*_test.py",),
        dict.fromkeys(
            ("distributed_embedding", "embedding/jax/", "embedding/tensorflow/", "embedding/torch/"),
            "the distributed embedding is for several devices",
        ),
    ),
    "keras-hub": Suite(
        "KerasHub",
        0.85,
        (
            "keras_hub/src/layers/**/*_test.py",
            "keras_hub/src/samplers/*_test.py",
            "keras_hub/src/tokenizers/*_test.py",
            "keras_hub/src/models/**/*backbone*_test.py",
        ),
    ),
    "autokeras": Suite("AutoKeras", 0.90, ("autokeras/**/*_test.py",)),
}


def groups(suite: Suite, source: Path) -> Iterator[tuple[str, list[Path]]]:
    """The test files by folder: a process each."""
    files = sorted({file for pattern in suite.tests for file in source.glob(pattern)})
    found: dict[str, list[Path]] = {}
    for file in files:
        name = file.relative_to(source).as_posix()
        if not any(word in name for word in suite.leave_out):
            found.setdefault(file.parent.relative_to(source).as_posix().replace("/", "."), []).append(file)
    yield from found.items()


def command(side: str, files: list[Path], each: int) -> list[str]:
    options = ["-q", "-p", "outcomes", "-p", "no:cacheprovider", "--tb=short", f"--timeout={each}", "-o", "addopts="]
    options += ["--continue-on-collection-errors"]
    begin = ["-m", "pronghorn", "run", "-m", "pytest"] if side == "pronghorn" else ["-m", "pytest"]
    return [sys.executable, *begin, *options, *map(str, files)]


def run_group(suite: Suite, source: Path, side: str, files: list[Path], to: Path, each: int, limit: int) -> str:
    environment = {
        **os.environ,
        **suite.environment,
        "KERAS_BACKEND": "jax" if side == "keras" else "",
        "OUTCOMES": str(to),
        "PYTHONPATH": os.pathsep.join([str(HERE), str(source), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep),
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }
    if side == "pronghorn":
        under_keras = to.with_suffix(".keras")
        environment |= {**suite.pronghorn, "PASSED": str(under_keras) if under_keras.exists() else ""}
    to.touch()
    with open(f"{to}.log", "a", encoding="utf-8") as log:
        try:
            done = subprocess.run(
                command(side, files, each), cwd=source, env=environment, stdout=log, stderr=log, timeout=limit
            )
        except subprocess.TimeoutExpired:
            return f"ended after {limit} s"
    return f"exit status {done.returncode}"


def outcomes(file: Path) -> dict[str, str]:
    """What each test of a file of outcomes came to, the worst first."""
    found: dict[str, str] = {}
    for line in file.read_text("utf-8").splitlines():
        name, outcome, _ = json.loads(line)
        if found.get(name) != "failed":
            found[name] = outcome
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sources", type=Path)
    parser.add_argument("libraries", nargs="*", help="all that are there")
    parser.add_argument("--side", choices=SIDES, help="both")
    parser.add_argument("--only", default="", help="groups that have this in their name")
    parser.add_argument("--smallest", type=int, help="only so many groups, those with the smallest test files first")
    parser.add_argument("--again", action="store_true", help="also what has been run")
    parser.add_argument("--go-on", action="store_true", help="also what is missing from groups that have been run")
    parser.add_argument("--each", type=int, default=120, help="seconds a test may take")
    parser.add_argument("--limit", type=int, default=1800, help="seconds a group may take")
    asked = parser.parse_args()
    results = asked.sources.resolve() / "outcomes"
    results.mkdir(exist_ok=True)
    for name in asked.libraries or SUITES:
        source = asked.sources.resolve() / name
        found = [(group, files) for group, files in groups(SUITES[name], source) if asked.only in group]
        if asked.smallest is not None:
            found = sorted(found, key=lambda pair: sum(file.stat().st_size for file in pair[1]))[: asked.smallest]
        for group, files in found:
            for side in [asked.side] if asked.side else SIDES:
                to = results / f"{name}.{group}.{side}"
                if to.exists() and not (asked.again or asked.go_on):
                    continue
                if asked.again:
                    for file in (to, Path(f"{to}.log")):
                        file.unlink(missing_ok=True)
                began = time.time()
                ended = run_group(SUITES[name], source, side, files, to, asked.each, asked.limit)
                said = list(outcomes(to).values())
                counts = {word: said.count(word) for word in sorted(set(said))}
                print(f"{name} {group} {side}: {counts}, {ended}, {time.time() - began:.0f} s", flush=True)


if __name__ == "__main__":
    main()
