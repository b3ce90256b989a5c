"""Scripts in the manner of tutorials, run by the real Keras with TensorFlow and by Pronghorn, their prints compared.

Each line that a script prints is a step. What the real ones print is kept beside the scripts, in `expected`:

python tests/programs/tutorials.py --real [words]   (where TensorFlow is installed) writes it anew
python tests/programs/tutorials.py [words]          runs Pronghorn, and says which steps differ
"""

import os
import re
import runpy
import subprocess
import sys
import tempfile
from pathlib import Path

SCRIPTS = Path(__file__).parent / "scripts" / "tutorials"
_NUMBER = re.compile(r"(?<![\w.])-?\d+(?:\.\d+)?(?:e[-+]?\d+)?(?![\w.])")


def scripts(*words):
    """The scripts with one of the words in their names."""
    return sorted(path for path in SCRIPTS.glob("*.py") if not words or any(word in path.name for word in words))


def expected(script):
    """What the real Keras and TensorFlow printed."""
    return (SCRIPTS / "expected" / f"{script.stem}.txt").read_text(encoding="utf-8").splitlines()


def run(script):
    """What the script prints under Pronghorn, and what it writes to the other stream."""
    source = str(Path(__file__).parents[2] / "src")
    environment = {**os.environ, "PYTHONPATH": source, "PRONGHORN_BACKEND": "llvm"}
    result = subprocess.run(
        [sys.executable, "-m", "pronghorn", "run", str(script)],
        capture_output=True, text=True, env=environment, timeout=300, encoding="utf-8",
    )  # fmt: skip
    return result.stdout.splitlines(), result.stderr


def agrees(found, wanted):
    """Whether two lines are the same, numbers by 0.002 or a thousandth."""
    if _NUMBER.sub("#", found).split() != _NUMBER.sub("#", wanted).split():
        return False
    pairs = zip(_NUMBER.findall(found), _NUMBER.findall(wanted))
    return all(a == b or abs(float(a) - float(b)) <= (2e-3 + 1e-3 * abs(float(b))) * ("." in a + b) for a, b in pairs)


def differing(found, wanted):
    """The steps that differ, as pairs of lines."""
    missing = [""] * (len(wanted) - len(found))
    return [(a, b) for a, b in zip([*found, *missing], wanted) if not agrees(a, b)]


def _write_expected(paths):
    """Run the scripts by the real ones, each in a process of its own that has imported them already."""
    import tensorflow  # noqa: F401

    (SCRIPTS / "expected").mkdir(exist_ok=True)
    for path in paths:
        with tempfile.TemporaryFile("w+") as out:
            sys.stdout.flush()
            child = os.fork()
            if child == 0:
                os.dup2(out.fileno(), 1)
                code = 1
                try:
                    runpy.run_path(str(path), run_name="__main__")
                    sys.stdout.flush()
                    code = 0
                except BaseException as error:
                    print(f"{path.name}: {type(error).__name__}: {str(error)[:500]}", file=sys.stderr, flush=True)
                os._exit(code)
            status = os.waitpid(child, 0)[1]
            out.seek(0)
            text = out.read()
        print("ran" if status == 0 else "FAILED", path.name, len(text.splitlines()), "steps", flush=True)
        if status == 0:
            (SCRIPTS / "expected" / f"{path.stem}.txt").write_text(text, encoding="utf-8")


def _compare(paths):
    steps = wrong = 0
    for path in paths:
        found, errors = run(path)
        wanted = expected(path)
        bad = differing(found, wanted)
        steps, wrong = steps + len(wanted), wrong + len(bad)
        print(f"{path.name}: {len(wanted) - len(bad)} of {len(wanted)} steps agree", flush=True)
        for pair in bad[:3]:
            print(f"    found {pair[0]!r}\n   wanted {pair[1]!r}")
        if bad and len(found) < len(wanted):
            print("   " + "\n   ".join(errors.splitlines()[-4:]))
    print(f"{steps - wrong} of {steps} steps agree: {100 * (steps - wrong) / steps:.1f} %")


if __name__ == "__main__":
    real = "--real" in sys.argv
    chosen = scripts(*(word for word in sys.argv[1:] if not word.startswith("--")))
    (_write_expected if real else _compare)(chosen)
