"""Distribution over several devices of JAX, which a process of its own has: see `on_four_devices.py`."""

import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from pronghorn.engine.backends import engine as engines

FILE = Path(__file__).with_name("on_four_devices.py")
TESTS = re.findall(r"^def test_(\w+)", FILE.read_text(), re.MULTILINE)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not engines.is_installed("jax"), reason="jax is not installed"),
    pytest.mark.xdist_group("sharding"),
]


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """By the name of a test without its case, what it said; None where it passed."""
    file = tmp_path_factory.mktemp("sharding") / "results.xml"
    flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count=4"
    env = {**os.environ, "XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu"}
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-n",
        "0",
        "-p",
        "no:cacheprovider",
        f"--junitxml={file}",
        str(FILE),
    ]
    run = subprocess.run(command, env=env, capture_output=True, text=True, timeout=600)
    assert file.exists(), run.stdout + run.stderr
    found = dict.fromkeys(TESTS, "it did not run")
    for case in ElementTree.parse(file).iter("testcase"):
        name = case.get("name").removeprefix("test_").partition("[")[0]
        problem = next((part.text for part in case if part.tag in ("failure", "error", "skipped")), None)
        if found[name] in ("it did not run", None):
            found[name] = problem
    return found


@pytest.mark.parametrize("name", TESTS)
def test_on_four_devices(name, results):
    assert results[name] is None, results[name]
