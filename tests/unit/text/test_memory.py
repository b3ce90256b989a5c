"""Memory that a model takes while it is read: its weights once, and in few bits the floats of one layer beside them."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import pronghorn

pytest.importorskip("safetensors")
sys.path.append(str(Path(__file__).parent))
import llama_folder

SIZES = {**llama_folder.SIZES, "vocab_size": 6_000, "hidden_size": 1024, "intermediate_size": 2048}
SIZES |= {"num_key_value_heads": 4, "tie_word_embeddings": False}
PEAK = """
import sys
from pronghorn import text

def peak():
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM:")) << 10

text.generate(text.load(sys.argv[1], quantization="int8"), [1], max_tokens=2)  # imports, and the compiler
before = peak()
model = text.load(sys.argv[2], *map(eval, sys.argv[3:]))
print(peak() - before)
"""
MIB = 1 << 20


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """A small model, and one of 133 MB."""
    small, large = tmp_path_factory.mktemp("small"), tmp_path_factory.mktemp("large")
    llama_folder.make(small)
    weights = llama_folder.llama_weights(SIZES)
    weights["lm_head.weight"] = np.ones_like(weights["model.embed_tokens.weight"])
    (large / "config.json").write_text(json.dumps(SIZES))
    llama_folder.write_weights(large / "model.safetensors", weights)
    return [str(small), str(large)], sum(array.size for array in weights.values())


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize(
    "options, bytes_each, beside",
    [
        ("'float32', None", 4, 0),
        ("'bfloat16', None", 2, 0),
        ("None, 'int8'", 1, SIZES["vocab_size"] * SIZES["hidden_size"] * 4),
        ("None, 'int4'", 0.6, SIZES["vocab_size"] * SIZES["hidden_size"] * 4),
    ],
)
def test_weights_are_there_once(folders, options, bytes_each, beside):
    names, count = folders
    command = [sys.executable, "-c", PEAK, *names, *options.split(", ")]
    env = {**os.environ, "PYTHONPATH": str(Path(pronghorn.__file__).parents[1])}
    found = subprocess.run(command, env=env, capture_output=True, text=True, timeout=120, check=True)
    # In 24 MB more are what is mapped of the file at a time, and pieces of a layer while it is quantized.
    assert int(found.stdout) < 1.1 * bytes_each * count + beside + 24 * MIB
