"""The stand-in for TensorFlow gives what TensorFlow gave for the same expressions."""

import importlib
import json
import sys

import numpy as np
import pytest
from tensorflow_answers import ANSWERS, answer, expressions

from pronghorn.scripts import aliases
from pronghorn_tensorflow.printing import tensors as tensorflow_printing


@pytest.fixture(scope="module")
def answers():
    return json.loads(ANSWERS.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def tf():
    """`import tensorflow` gives the stand-in; `keras` stays what it is."""
    before, real = (
        sys.meta_path[:],
        {name: m for name, m in sys.modules.items() if name.partition(".")[0] == "tensorflow"},
    )
    for name in real:
        del sys.modules[name]
    sys.meta_path.insert(0, aliases._AliasFinder(("tensorflow",)))
    yield importlib.import_module("tensorflow")
    tensorflow_printing.write_as_before()
    sys.meta_path[:] = before
    for name in [name for name in sys.modules if name.partition(".")[0] == "tensorflow"]:
        del sys.modules[name]
    sys.modules.update(real)


def same(found, expected):
    if isinstance(expected, dict):
        assert isinstance(found, dict) and found.keys() == expected.keys(), (found, expected)
        if "raises" not in expected:
            for key, value in expected.items():
                same(found[key], value)
    elif isinstance(expected, list):
        assert isinstance(found, list) and len(found) == len(expected), (found, expected)
        for pair in zip(found, expected):
            same(*pair)
    elif isinstance(expected, float):
        np.testing.assert_allclose(found, expected, rtol=2e-5, atol=2e-6)
    else:
        assert found == expected


@pytest.mark.parametrize("expression", expressions())
def test_answer(expression, tf, answers):
    assert expression in answers, "run tensorflow_answers.py with the real TensorFlow"
    same(answer(expression, tf), answers[expression])


def test_rows_of_different_lengths_are_taken_whole(tf):
    rows = tf.ragged.constant([[1, 2], [3]])
    assert tf.gather(rows, [1, 0]).to_list() == [[3], [1, 2]]
    for options in ({"axis": 1}, {"batch_dims": 1}):
        with pytest.raises(ValueError, match="it takes whole rows"):
            tf.gather(rows, [0], **options)
    with pytest.raises(ValueError, match="ragged_rank=2"):
        tf.RaggedTensor.from_tensor(np.ones((2, 2, 2)), ragged_rank=2)
