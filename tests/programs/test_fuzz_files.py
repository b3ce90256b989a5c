"""A short run of the fuzzer of model files; `fuzz_files.py` is the long one."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import pronghorn

pytest.importorskip("safetensors")
pytest.importorskip("resource", reason="limits of POSIX")
SCRIPT = Path(__file__).with_name("fuzz_files.py")


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1])
def test_changed_files_load_or_are_refused(tmp_path, seed):
    command = [sys.executable, SCRIPT, "--here", "--inputs", "700", "--seed", str(seed), "--keep", tmp_path]
    environment = {**os.environ, "PYTHONPATH": str(Path(pronghorn.__file__).parents[1])}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    assert '"loaded"' in done.stdout
    assert '"refused"' in done.stdout


def test_the_fuzzer_sees_what_it_looks_for(tmp_path):
    """Opening a stranger's file, unpickling and starting programs are noticed."""
    code = f"""
import sys; sys.path.insert(0, {str(SCRIPT.parent)!r})
import pathlib, pickle, subprocess, fractions, fuzz_files
watch = fuzz_files.Watch(pathlib.Path({str(tmp_path)!r}))
data = pickle.dumps(fractions.Fraction)
watch.active = True
try:
    open("/etc/passwd").close(); pickle.loads(data); subprocess.run(["true"])
finally:
    watch.active = False
print([seen.split()[0] for seen in watch.seen])
"""
    environment = {**os.environ, "PYTHONPATH": str(Path(pronghorn.__file__).parents[1])}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    for event in ("open", "pickle.find_class", "subprocess.Popen"):
        assert f"'{event}'" in done.stdout
