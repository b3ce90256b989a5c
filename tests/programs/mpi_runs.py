"""Starting scripts in several processes, for the tests of what MPI runs."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np

import pronghorn as keras
from pronghorn.cli import launcher

SCRIPT = Path(__file__).with_name("scripts") / "distributed.py"
OPEN_MPI = {
    "OMPI_ALLOW_RUN_AS_ROOT": "1",
    "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    "OMPI_MCA_btl": "self,sm",  # shared memory alone: to look for networks takes a second or two at each start
}


class Ended(NamedTuple):
    """How a run ended."""

    status: int
    output: str
    seconds: float
    results: dict


def start(processes, target, **settings):
    """A run of the script in so many processes; `plain=True` runs it without a distribution, in one."""
    return started(processes, SCRIPT, target, json.dumps(settings))


def started(processes, script, *arguments):
    """A run of any script in so many processes."""
    env = {**os.environ, **OPEN_MPI, "PYTHONPATH": str(Path(keras.__file__).parents[1]), "PRONGHORN_NUM_THREADS": "1"}
    env.pop("PRONGHORN_DEBUG", None)  # whole programs have been verified elsewhere
    line = [sys.executable, str(script), *map(str, arguments)]
    if processes > 1:
        line = [launcher.launcher(), "--bind-to", "none", "--oversubscribe", "-n", str(processes), *line]
    return subprocess.Popen(line, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def ended(process, target, begun, timeout=300):
    """How a run ends."""
    try:
        output, _ = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        process.kill()
        output, _ = process.communicate()
        raise AssertionError(f"it hangs; so far it said:\n{output}") from None
    results = {}
    if target.exists():
        with np.load(target) as data:
            results = {name: data[name] for name in data.files}
    return Ended(process.returncode, output, time.monotonic() - begun, results)


def run(processes, target, **settings):
    """Run the script to its end; see `start`."""
    begun = time.monotonic()
    return ended(start(processes, target, **settings), target, begun)


def trained(processes, target, **settings):
    """What a run that ends well has left."""
    found = run(processes, target, **settings)
    assert found.status == 0, found.output
    return found.results


def check_close(found, expected, tolerance=1e-5):
    """Weights, losses, metrics and predictions of two runs."""
    assert found.keys() == expected.keys()
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, rtol=tolerance, atol=tolerance, err_msg=name)


def check_same(found, expected):
    """The same bits."""
    assert found.keys() == expected.keys()
    for name, values in expected.items():
        assert np.array_equal(found[name], values), name
