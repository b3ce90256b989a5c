"""Run other libraries' own tests twice: with the real Keras on JAX, and with Pronghorn in its place.

    python tests/libraries/run.py SOURCES [LIBRARY ...] [--side keras|pronghorn] [--only WORD] ...

SOURCES is a folder with the unpacked sources of the libraries, one folder each, named as in `SUITES`; the Python that
runs this has them, Keras, JAX and Pronghorn installed. What each test came to is kept in SOURCES/outcomes, a file for
each group of test files and side; a group that is there already is not run again without `--again`, and with `--go-on`
only for what is missing from it. Where Keras's file is there, only tests that passed with it are run with Pronghorn.
`docs/make_libraries.py` counts them.

A library whose tests take long is sampled by a rule that is chosen before anything is run, such as every eighth group
in alphabetical order, `--every 8`, and then those half-way between, `--every 8 --begin 4`. With `--together` a side's
groups share a process, where importing takes longer than the tests. `--every-test 8` takes every eighth test, in the
order in which pytest finds those of a process.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
from collections.abc import Iterable, Iterator
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


@dataclass(frozen=True)
class Bounds:
    """How much of what is asked for is run.

    Attributes:
        each: seconds a test may take.
        limit: seconds a process may take.
        every: only every so many of a process's tests, in the order in which pytest finds them.
        begin: the number of the first of these, from 0 on.
    """

    each: int
    limit: int
    every: int = 1
    begin: int = 0


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


#: What pytest takes for a test by its name: a method that every test case of TensorFlow's has.
NO_TEST = "::test_session"

Groups = list[tuple[str, list[Path]]]


def groups(suite: Suite, source: Path) -> Iterator[tuple[str, list[Path]]]:
    """The test files by folder: a process each."""
    files = sorted({file for pattern in suite.tests for file in source.glob(pattern)})
    found: dict[str, list[Path]] = {}
    for file in files:
        name = file.relative_to(source).as_posix()
        if not any(word in name for word in suite.leave_out):
            found.setdefault(file.parent.relative_to(source).as_posix().replace("/", "."), []).append(file)
    yield from found.items()


def listing(results: Path, name: str) -> Path:
    """The file with the names of all tests of a library, one a line."""
    return results / f"{name}.tests"


def listed(results: Path, name: str) -> list[str]:
    """The names of all tests of a library; none where they have not been written down."""
    file = listing(results, name)
    lines = file.read_text("utf-8").splitlines() if file.exists() else []
    return [line for line in lines if not line.endswith(NO_TEST)]


def group_of(test: str) -> str:
    """The name of the group that a test is in, from its name in pytest."""
    return test.partition("::")[0].rpartition("/")[0].replace("/", ".")


def command(side: str, files: Iterable[Path], each: int) -> list[str]:
    options = ["-q", "-p", "outcomes", "-p", "no:cacheprovider", "--tb=short", f"--timeout={each}", "-o", "addopts="]
    options += ["--continue-on-collection-errors"]
    begin = ["-m", "pronghorn", "run", "-m", "pytest"] if side == "pronghorn" else ["-m", "pytest"]
    return [sys.executable, *begin, *options, *map(str, files)]


def environment(suite: Suite, source: Path, side: str) -> dict[str, str]:
    return {
        **os.environ,
        "KERAS_BACKEND": "jax" if side == "keras" else "",
        **suite.environment,
        **(suite.pronghorn if side == "pronghorn" else {}),
        "PYTHONPATH": os.pathsep.join([str(HERE), str(source), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep),
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }


def run_tests(suite: Suite, source: Path, side: str, files: list[Path], to: Path, bounds: Bounds) -> str:
    """Run files of tests in one process; outcomes that `to` has are not found out again."""
    told = {"OUTCOMES": str(to), "PASSED": str(to.with_suffix(".keras")) if side == "pronghorn" else ""}
    told["SAMPLE"] = f"{bounds.begin}:{bounds.every}"
    with open(f"{to}.log", "a", encoding="utf-8") as log:
        try:
            done = subprocess.run(
                command(side, files, bounds.each),
                cwd=source,
                env=environment(suite, source, side) | told,
                stdout=log,
                stderr=log,
                timeout=bounds.limit,
            )
        except subprocess.TimeoutExpired:
            return f"ended after {bounds.limit} s"
    return f"exit status {done.returncode}"


def list_tests(name: str, source: Path, results: Path) -> None:
    """Write down the names of all tests of a library."""
    suite, file = SUITES[name], listing(results, name)
    files = (file for _, files in groups(suite, source) for file in files)
    subprocess.run(
        [*command("keras", files, 0), "--collect-only"],
        cwd=source,
        env=environment(suite, source, "keras") | {"OUTCOMES": os.devnull, "LISTED": str(file)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    print(f"{name}: {len(listed(results, name))} tests", flush=True)


def outcomes(file: Path) -> dict[str, str]:
    """What each test of a file of outcomes came to, the worst first."""
    found: dict[str, str] = {}
    for line in file.read_text("utf-8").splitlines():
        name, outcome, _ = json.loads(line)
        if found.get(name) != "failed" and not name.endswith(NO_TEST):
            found[name] = outcome
    return found


def run_groups(name: str, source: Path, side: str, found: Groups, results: Path, bounds: Bounds) -> str:
    """Run groups in one process; what is known of them goes in, and what becomes known into their own files."""
    to = results / f"{name}.{found[0][0]}{'-and-others' if found[1:] else ''}.running.{side}"
    for file in {to, to.with_suffix(".keras")}:  # Keras's says which tests are worth running
        known = [results / f"{name}.{group}{file.suffix}" for group, _ in found]
        file.write_text("".join(one.read_text("utf-8") for one in known if one.exists()), "utf-8")
    ended = run_tests(SUITES[name], source, side, [file for _, files in found for file in files], to, bounds)
    lines: dict[str, list[str]] = {}
    for line in to.read_text("utf-8").splitlines(keepends=True):
        lines.setdefault(group_of(json.loads(line)[0]), []).append(line)
    for group, _ in found:
        (results / f"{name}.{group}.{side}").write_text("".join(lines.get(group, [])), "utf-8")
    for file in {to, to.with_suffix(".keras")}:
        file.unlink()
    return ended


def run_batch(name: str, source: Path, side: str, batch: Groups, asked: argparse.Namespace) -> None:
    """Run what is asked for of some groups, and say what came of each."""
    results = asked.sources.resolve() / "outcomes"
    file_of = {group: results / f"{name}.{group}.{side}" for group, _ in batch}
    if asked.again:
        for file in file_of.values():
            file.unlink(missing_ok=True)
    batch = [(group, files) for group, files in batch if asked.go_on or not file_of[group].exists()]
    if not batch:
        return
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    bounds = Bounds(asked.each, asked.limit, asked.every_test, asked.begin_test)
    ended = run_groups(name, source, side, batch, results, bounds)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    for group, _ in batch:
        said = list(outcomes(file_of[group]).values())
        counts = {word: said.count(word) for word in sorted(set(said))}
        print(f"{name} {group} {side}: {counts}", flush=True)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(f"{name} {side}: {ended}, {seconds:.0f} s of the processor", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sources", type=Path)
    parser.add_argument("libraries", nargs="*", help="all that are there")
    parser.add_argument("--side", choices=SIDES, help="both")
    parser.add_argument("--only", default="", help="groups that have this in their name")
    parser.add_argument("--smallest", type=int, help="only so many groups, those with the smallest test files first")
    parser.add_argument("--every", type=int, default=1, help="only every so many groups, in alphabetical order")
    parser.add_argument("--begin", type=int, default=0, help="the number of the first of these, from 0 on")
    parser.add_argument("--every-test", type=int, default=1, help="only every so many of the tests of a process")
    parser.add_argument("--begin-test", type=int, default=0, help="the number of the first of these, from 0 on")
    parser.add_argument("--together", action="store_true", help="a side's groups in one process")
    parser.add_argument("--list", action="store_true", help="only write down which tests there are")
    parser.add_argument("--again", action="store_true", help="also what has been run")
    parser.add_argument("--go-on", action="store_true", help="also what is missing from groups that have been run")
    parser.add_argument("--each", type=int, default=120, help="seconds a test may take")
    parser.add_argument("--limit", type=int, default=1800, help="seconds a process may take")
    asked = parser.parse_args()
    results = asked.sources.resolve() / "outcomes"
    results.mkdir(exist_ok=True)
    for name in asked.libraries or SUITES:
        source = asked.sources.resolve() / name
        if asked.list:
            list_tests(name, source, results)
            continue
        found = [(group, files) for group, files in groups(SUITES[name], source) if asked.only in group]
        found = found[asked.begin :: asked.every]
        if asked.smallest is not None:
            found = sorted(found, key=lambda pair: sum(file.stat().st_size for file in pair[1]))[: asked.smallest]
        for batch in [found] if asked.together else [[pair] for pair in found]:
            for side in [asked.side] if asked.side else SIDES:
                run_batch(name, source, side, batch, asked)


if __name__ == "__main__":
    main()
