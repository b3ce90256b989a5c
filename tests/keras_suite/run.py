"""Run Keras's own tests, from an installed `keras` package, against Pronghorn: exactly the listed ones may fail.

    python tests/keras_suite/run.py                       all of them, and says what is not as listed
    python tests/keras_suite/run.py losses layers/core    those of these folders and of what is below
    python tests/keras_suite/run.py --update ops          writes the list anew for these folders, and keeps reasons
    python tests/keras_suite/run.py --engine jax ops      runs them on another engine (or: KERAS_BACKEND=jax)

On another engine, `keras.backend.backend()` is its name, models run on it, and so does each primitive of an eager call,
which for users is always ours: an op's tests try the engine's table. Of the tests that are not expected to fail on our
own engine, exactly those of `expected_failures_jax.txt` may fail. `--results FILE` keeps what became of each test.

Nothing of Keras's is in this repository: the tests are read where they are installed. `expected_failures.txt` has a
line for each test that fails, `test<two spaces>kind: word`. The kinds:

| kind | why the test fails | the word |
|---|---|---|
| private | it reaches for a name that is private to Keras | the name |
| framework | it needs another framework | what of it |
| absent | it tests what is not part of Pronghorn (docs/compatibility.md) | what that is |
| wording | the right kind of error comes, in our words; Keras's sentences are not copied | the error's class |
| network | it downloads, which `run` lets no test do | what it downloads |
| differs | Pronghorn does otherwise on purpose | what it does |
| fault | Pronghorn does wrong, or not yet what it should | what is missing |

`passing.txt` has the number of tests of each folder, or part of one, that pass, so that none is lost by being skipped.
A test that is listed and does not fail is told as well as one that fails and is not listed, or that fails in another
way than by an error's wording where that is its reason.
"""

from __future__ import annotations

import argparse
import collections
import concurrent.futures
import dataclasses
import importlib.util
import itertools
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).parents[2]
_HERE = Path(__file__).parent
LIST = _HERE / "expected_failures.txt"
PASSING = _HERE / "passing.txt"

KINDS = ("private", "framework", "absent", "wording", "network", "differs", "fault")
#: What `--update` writes where it cannot say why a test fails; a person replaces it.
UNEXPLAINED = "unexplained"
#: The reason where the right kind of error came. It is checked each time; the others are for people to read.
WORDING = "wording: the error's message"

_FRAMEWORKS = ("grain", "jax", "tensorflow", "torch")
_PLACEHOLDER = re.compile(r"no public equivalent of ([\w.]+)")
_PRIVATE = re.compile(r"(?:has no attribute|does not have the attribute) '(_[a-z]\w*)'")
_ABSENT = re.compile(r"([\w.]+) is not part of Pronghorn: ")
_WORDING = re.compile(r'^(\w+): "[^\n]*" does not match "|(Regex) pattern did not match', re.DOTALL)

#: Keras's word for our own engine.
OWN = "pronghorn"
ENGINES = (OWN, "jax", "tensorflow", "torch", "pytensor")

#: Folders with so many tests that they are run in parts.
PARTS = {"ops": 2}


@dataclasses.dataclass(frozen=True)
class Result:
    """What became of one test.

    Attributes:
        test: `folder/file.py::Class::test`, or the file's name if it cannot be read.
        outcome: `"passed"`, `"failed"` or `"skipped"`.
        message: what went wrong.
    """

    test: str
    outcome: str
    message: str = ""

    @property
    def folder(self) -> str:
        """The test file's folder."""
        return self.test.partition("::")[0].rpartition("/")[0]

    def reason(self) -> str:
        """Why it failed, where the message itself says so; otherwise the message's first line, as unexplained."""
        if match := _PLACEHOLDER.search(self.message):
            name = match[1].removeprefix("keras.src.")
            return f"{'framework' if name.partition('.')[0] in _FRAMEWORKS else 'private'}: {name}"
        if match := _PRIVATE.search(self.message):
            return f"private: {match[1]}"
        if match := _ABSENT.search(self.message):
            return f"absent: {match[1]}"
        if _WORDING.search(self.message):
            return WORDING
        return f"{UNEXPLAINED}: {' '.join(self.message.split())[:100]}"


def keras_source() -> Path:
    """Return the folder `keras/src` of the installed package, without importing it.

    Raises:
        SystemExit: if Keras is not installed.
    """
    spec = importlib.util.find_spec("keras")
    if spec is None or spec.origin is None:
        raise SystemExit("The suite needs Keras: pip install 'pronghorn[test]'")
    return Path(spec.origin).parent / "src"


def folders(places: Iterable[str] = ()) -> list[str]:
    """Return the folders with tests at and below the given ones; all where none is given."""
    source = keras_source()
    found = set()
    for place in places or ["."]:
        found |= {str(file.parent.relative_to(source)) for file in (source / place).rglob("*_test.py")}
    return sorted(found)


def run(*folders: str, part: int = 0, seconds: int = 1500, engine: str = OWN) -> list[Result]:
    """Run the tests of some folders, not of those below them, in one process.

    Args:
        folders: below `keras/src`, such as `"layers/core"`.
        part: of a single folder, which of its `PARTS`.
        seconds: the longest it may take.
        engine: what computes.
    """
    source = keras_source()
    environment = {**os.environ, "KERAS_SUITE_SOURCE": str(source), "PYTHONHASHSEED": "0"}
    environment["KERAS_SUITE_PART"] = f"{part}/{PARTS.get(folders[0], 1)}"
    path = [str(_HERE), *map(os.path.abspath, filter(None, environment.get("PYTHONPATH", "").split(os.pathsep)))]
    environment["PYTHONPATH"] = os.pathsep.join([*path, str(ROOT / "src")])
    environment.pop("KERAS_BACKEND", None)
    environment["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # the tests need none, and some load slowly
    environment["https_proxy"] = "http://127.0.0.1:9"  # nobody is there: no test downloads
    if engine != OWN:
        environment["PRONGHORN_BACKEND"] = engine
    with tempfile.TemporaryDirectory() as scratch:
        notes = Path(scratch) / "results.jsonl"
        environment["KERAS_SUITE_RESULTS"] = str(notes)
        command = [sys.executable, "-m", "pytest", "-p", "keras_names", "-p", "no:cacheprovider", "--noconftest"]
        command += ["-c", os.devnull, "--rootdir", str(source), "--continue-on-collection-errors", "-q"]
        command += ["--tb=line", "-W", "ignore"]
        command += [str(file) for folder in folders for file in sorted((source / folder).glob("*_test.py"))]
        try:
            done = subprocess.run(
                command, env=environment, capture_output=True, timeout=seconds, cwd=scratch, check=False
            )
        except subprocess.TimeoutExpired:
            return [Result(f"{folders[0]}/", "failed", f"took more than {seconds} s")]
        if done.returncode not in (0, 1, 2, 5):  # all passed, some failed, some could not be read, there was none
            return [Result(f"{folders[0]}/", "failed", (done.stdout + done.stderr).decode(errors="replace")[-2000:])]
        return _read(notes)


def _read(notes: Path) -> list[Result]:
    found: dict[str, Result] = {}
    for line in notes.read_text(encoding="utf-8").splitlines() if notes.is_file() else ():
        result = Result(**json.loads(line))
        if result.test not in found or result.outcome == "failed":  # of a test's phases, one that failed counts
            found[result.test] = result
    return list(found.values())


def list_of(engine: str) -> Path:
    """Return the file with the list of an engine."""
    return LIST if engine == OWN else LIST.with_stem(f"{LIST.stem}_{engine}")


def expected(engine: str = OWN) -> dict[str, str]:
    """Return the tests that are expected to fail, and why; for another engine those that pass on ours."""
    path = list_of(engine)
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return {test: reason for test, _, reason in (line.rpartition("  ") for line in lines)}


def beyond_ours(results: Iterable[Result]) -> list[Result]:
    """Return the results of the tests that are not expected to fail on our own engine."""
    known = expected()
    return [result for result in results if result.test not in known]


def unit(folder: str, part: int) -> str:
    """Return the name of what `run` runs: the folder, and which part of it where there are several."""
    return f"{folder}:{part}" if folder in PARTS else folder


def passing() -> dict[str, int]:
    """Return how many tests of each `unit` pass."""
    lines = PASSING.read_text(encoding="utf-8").splitlines() if PASSING.is_file() else []
    return {folder: int(count) for folder, count in (line.split() for line in lines if not line.startswith("#"))}


def differences(results: Iterable[Result], listed: dict[str, str]) -> list[str]:
    """Return a line for each test that is not as listed.

    Args:
        results: what ran.
        listed: of `expected`, the tests that may have run.
    """
    lines = []
    ran = {result.test: result for result in results}
    for test, result in sorted(ran.items()):
        reason = listed.get(test)
        if result.outcome == "failed" and reason is None:
            lines.append(f"newly fails: {test}\n    {result.message[:600]}")
        elif result.outcome == "failed":
            if reason == WORDING != result.reason():
                lines.append(f"fails for another reason than an error's wording: {test}\n    {result.message[:600]}")
        elif reason is not None:
            lines.append(f"is listed as failing and {result.outcome}: {test}")
    lines += [f"is listed as failing and did not run: {test}" for test in sorted(listed.keys() - ran.keys())]
    return lines


def of_folder(listed: dict[str, str], folder: str) -> dict[str, str]:
    """Return what a list says about the files of one folder."""
    return {test: reason for test, reason in listed.items() if Result(test, "").folder == folder}


def update(folder: str, parts: list[list[Result]], engine: str = OWN) -> None:
    """Write an engine's lists anew for one folder, from the results of its parts. A reason stays while its test fails.

    The numbers of tests that pass are about our own engine alone.
    """
    listed = expected(engine)
    old = of_folder(listed, folder)
    for test in old:
        del listed[test]
    for result in itertools.chain(*parts):
        if result.outcome == "failed":
            known = old.get(result.test, UNEXPLAINED)
            listed[result.test] = result.reason() if known == WORDING or known.startswith(UNEXPLAINED) else known
    counts = passing()
    for part, results in enumerate(parts):
        counts[unit(folder, part)] = sum(result.outcome == "passed" for result in results)
    _rewrite(list_of(engine), [f"{test}  {listed[test]}" for test in sorted(listed)])
    if engine == OWN:
        _rewrite(PASSING, [f"{name} {counts[name]}" for name in sorted(counts)])


def _rewrite(path: Path, lines: list[str]) -> None:
    """Write a list, and keep the comment above it."""
    text = path.read_text(encoding="utf-8") if path.is_file() else "# What fails on this engine and not on ours."
    head = [line for line in text.splitlines() if line.startswith("#")]
    path.write_text("\n".join([*head, *lines]) + "\n", encoding="utf-8")


def main() -> int:
    """The command; exit status 1 where something is not as listed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("places", nargs="*", help="folders below keras/src; all by default")
    parser.add_argument("--update", action="store_true", help="write the lists anew")
    parser.add_argument("--workers", type=int, default=2, help="how many processes at a time")
    parser.add_argument("--engine", choices=ENGINES, default=os.environ.get("KERAS_BACKEND"), help="what computes")
    parser.add_argument("--results", type=Path, help="a file for what became of each test, a line of JSON each")
    arguments = parser.parse_args()
    engine = arguments.engine if arguments.engine in ENGINES else OWN
    wrong = 0
    with concurrent.futures.ThreadPoolExecutor(arguments.workers) as pool:
        jobs = {
            folder: [pool.submit(run, folder, part=part, engine=engine) for part in range(PARTS.get(folder, 1))]
            for folder in folders(arguments.places)
        }
        for folder, pending in jobs.items():
            parts = [part.result() for part in pending]
            if engine != OWN:
                parts = [beyond_ours(part) for part in parts]
            results = list(itertools.chain(*parts))
            if arguments.update and not any(result.test.endswith("/") for result in results):
                update(folder, parts, engine)
            lines = differences(results, of_folder(expected(engine), folder))
            if arguments.results:
                with arguments.results.open("a", encoding="utf-8") as file:
                    file.writelines(json.dumps(dataclasses.asdict(result)) + "\n" for result in results)
            count = collections.Counter(result.outcome for result in results)
            print(f"{folder:50} {count['passed']:5} passed {count['failed']:5} failed {count['skipped']:5} skipped")
            print("".join(f"    {line}\n" for line in lines), end="", flush=True)
            wrong += len(lines)
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
