"""Run Keras's own unit tests, from an installed `keras` package, against Pronghorn, and count.

    python tests/keras_suite/run.py losses metrics layers/core
    python tests/keras_suite/run.py --update ops          writes the two lists below anew for these folders
    python tests/keras_suite/run.py --failures callbacks  says what failed

Nothing of Keras's is in this repository: the tests are read where they are installed. Not counted are tests that are
skipped, and those listed in `private_names.txt` (they reach for names that are private to Keras) and `not_asked.txt`
(they test what Pronghorn does not set out to have, or need another framework), each with the reason.
"""

from __future__ import annotations

import argparse
import dataclasses
import fnmatch
import importlib.util
import os
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from pathlib import Path

ROOT = Path(__file__).parents[2]
_HERE = Path(__file__).parent
_PRIVATE = _HERE / "private_names.txt"
_NOT_ASKED = _HERE / "not_asked.txt"
_NO_EQUIVALENT = re.compile(r"no public equivalent of (\S+)|has no attribute '(_[a-z]\w+)'")
_FRAMEWORKS = ("jax", "tensorflow", "torch")
_WORDING = '" does not match "'  # the right kind of error came, in our words; Keras's sentences are not copied
_ABSENT = re.compile(r"(\S+) is not part of Pronghorn: |(\S+): quantized layers are not there")


@dataclasses.dataclass
class Result:
    """One test.

    Attributes:
        name: `folder/file.py::Class::test`.
        kind: `"passed"`, `"failed"` or `"skipped"`.
        message: the first line of what went wrong.
        private: the private name that it reached for, if that is what went wrong.
        absent: the name that is not part of Pronghorn and says so, or is another framework's, if that is what went
            wrong.
    """

    name: str
    kind: str
    message: str = ""
    private: str = ""
    absent: str = ""


def keras_source() -> Path:
    """Return the folder `keras/src` of the installed package, without importing it.

    Raises:
        SystemExit: if Keras is not installed.
    """
    spec = importlib.util.find_spec("keras")
    if spec is None or spec.origin is None:
        raise SystemExit("The suite needs Keras: pip install 'pronghorn[test]'")
    return Path(spec.origin).parent / "src"


def run_folder(folder: str, seconds: int = 1500) -> list[Result]:
    """Run the tests of one folder, not of those below it, in a process of its own.

    Args:
        folder: below `keras/src`, such as `"layers/core"`.
        seconds: the longest it may take.
    """
    source = keras_source()
    files = sorted(map(str, (source / folder).glob("*_test.py")))
    if not files:
        return []
    environment = {**os.environ, "KERAS_SUITE_SOURCE": str(source)}
    path = [str(_HERE), *map(os.path.abspath, filter(None, environment.get("PYTHONPATH", "").split(os.pathsep)))]
    environment["PYTHONPATH"] = os.pathsep.join(path)
    environment.pop("KERAS_BACKEND", None)
    with tempfile.TemporaryDirectory() as scratch:
        report = Path(scratch) / "report.xml"
        command = [sys.executable, "-m", "pytest", "-p", "keras_names", "-p", "no:cacheprovider", "--noconftest"]
        command += ["-c", os.devnull, "--rootdir", str(source), "--continue-on-collection-errors", "-q"]
        command += ["--tb=line", "-W", "ignore", f"--junitxml={report}", *files]
        try:
            done = subprocess.run(
                command, env=environment, capture_output=True, timeout=seconds, cwd=scratch, check=False
            )
        except subprocess.TimeoutExpired:
            return [Result(f"{folder}::all", "failed", f"took more than {seconds} s")]
        if not report.is_file():
            return [Result(f"{folder}::all", "failed", done.stderr.decode(errors="replace").strip()[-300:])]
        return [_result(folder, case) for case in ElementTree.parse(report).iter("testcase")]


def _result(folder: str, case: ElementTree.Element) -> Result:
    where = case.get("classname", "").split(".")
    test_class = [part for part in where if part[:1].isupper() or part.endswith(("Test", "Tests"))]
    file = next((part for part in reversed(where) if part.endswith("_test")), where[-1] if where else "")
    name = "::".join([f"{folder}/{file}.py", *test_class[-1:], case.get("name", "")])
    if case.find("skipped") is not None:
        return Result(name, "skipped")
    bad = case.find("failure")
    bad = case.find("error") if bad is None else bad
    if bad is None:
        return Result(name, "passed")
    message = (bad.get("message") or "").strip()
    private, absent = _NO_EQUIVALENT.search(message), _ABSENT.search(message)
    missing = (absent.group(1) or absent.group(2)) if absent else ""
    reached = (private.group(1) or private.group(2)) if private else ""
    if reached.partition(".")[0] in _FRAMEWORKS:
        reached, missing = "", reached
    return Result(name, "failed", message.split("\n")[0], reached, missing)


def read_list(path: Path) -> dict[str, str]:
    """Return the patterns of a list of tests and the reason of each: lines `pattern<two spaces>reason`."""
    entries = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.strip() and not line.startswith("#"):
            pattern, _, reason = line.partition("  ")
            entries[pattern] = reason.strip()
    return entries


def counted(results: list[Result]) -> tuple[list[Result], list[Result]]:
    """Return the tests that passed, and those that failed and are in no list."""
    excused = {**read_list(_PRIVATE), **read_list(_NOT_ASKED)}
    exact = {pattern for pattern in excused if "*" not in pattern}
    globs = [pattern for pattern in excused if "*" in pattern]
    passed = [result for result in results if result.kind == "passed"]
    failed = [
        result
        for result in results
        if result.kind == "failed"
        and result.name not in exact
        and not any(fnmatch.fnmatchcase(result.name, pattern) for pattern in globs)
    ]
    return passed, failed


def rate(results: list[Result], any_wording: bool = False) -> float:
    """Return the share of the counted tests that passed, in per cent.

    Args:
        results: what `run_folder` returned.
        any_wording: whether a test counts as passed that got the right kind of error in other words than Keras's.
    """
    passed, failed = counted(results)
    worded = sum(_WORDING in result.message for result in failed) if any_wording else 0
    return 100 * (len(passed) + worded) / max(len(passed) + len(failed), 1)


def update(results: list[Result]) -> None:
    """Write down which failures are uses of private names, and which of names that are not part of Pronghorn.

    A reason written by hand stays for as long as its test fails.
    """
    passed = {result.name for result in results if result.kind != "failed"}
    _rewrite(_PRIVATE, passed, {result.name: result.private for result in results})
    _rewrite(_NOT_ASKED, passed, {result.name: result.absent and f"needs {result.absent}" for result in results})


def _rewrite(path: Path, passed: set[str], reasons: dict[str, str]) -> None:
    entries = {name: reason for name, reason in read_list(path).items() if name not in passed}
    entries.update({name: reason for name, reason in reasons.items() if reason})
    head = [line for line in path.read_text(encoding="utf-8").splitlines() if line.startswith("#")]
    lines = [*head, *(f"{name}  {entries[name]}" for name in sorted(entries))]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def folders_of(places: list[str]) -> list[str]:
    """Return the folders with tests at and below the given ones; all where none is given."""
    source = keras_source()
    found = set()
    for place in places or ["."]:
        found |= {str(file.parent.relative_to(source)) for file in (source / place).rglob("*_test.py")}
    return sorted(found)


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("places", nargs="*", help="folders below keras/src; all by default")
    parser.add_argument("--update", action="store_true", help="write the lists of what is not counted anew")
    parser.add_argument("--failures", action="store_true", help="list the failures")
    parser.add_argument("--at-least", type=float, default=0.0, help="exit status 1 if a folder's rate is below this")
    arguments = parser.parse_args()
    low = False
    for folder in folders_of(arguments.places):
        results = run_folder(folder)
        if arguments.update:
            update(results)
        passed, failed = counted(results)
        excused = len(results) - len(passed) - len(failed)
        share = rate(results)
        low = low or share < arguments.at_least
        worded = sum(_WORDING in result.message for result in failed)
        line = f"{folder:45} {len(passed):5} passed {len(failed):5} failed {excused:5} not counted {share:6.1f} %"
        print(line + (f"   ({worded} fail by a message's wording alone)" if worded else ""), flush=True)
        if arguments.failures:
            for result in failed:
                print(f"    {result.name}\n        {result.message[:200]}")
    return int(low)


if __name__ == "__main__":
    sys.exit(main())
