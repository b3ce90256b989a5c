"""How many source files one steps through with a debugger: `bench/files.py` counts those whose code runs."""

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]

#: The files of each call. A change that needs one more says here why that is worth it.
#: The 71st of `fit` is `engine/graph/derived.py`: a training step tells it that weights packed for `predict` are old.
LIMITS = {"model(x), op by op": 41, "second fit": 71}


def test_a_call_runs_through_few_files():
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    command = [sys.executable, str(ROOT / "bench" / "files.py"), "--names"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=True)
    found = {name: int(count) for name, count in re.findall(r"^(\S.*): (\d+) files$", done.stdout, re.MULTILINE)}
    assert found.keys() == LIMITS.keys()
    assert all(found[name] <= limit for name, limit in LIMITS.items()), done.stdout
