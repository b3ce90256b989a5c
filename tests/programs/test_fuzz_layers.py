"""Every layer in configurations that hypothesis draws, against Keras on JAX: at once on NumPy, and compiled by LLVM.

Compared are outputs, their masks, losses, gradients with respect to weights and inputs, and the weights that a call
changes. `HYPOTHESIS_PROFILE=deep` looks longer.
"""

from __future__ import annotations

import pytest

keras = pytest.importorskip("keras")
pytest.importorskip("jax")

import strategies.layers_core  # noqa: E402
import strategies.layers_joining  # noqa: E402
import strategies.layers_preprocessing  # noqa: E402
import strategies.layers_recurrent  # noqa: E402
import strategies.layers_spatial  # noqa: E402, F401
from hypothesis import given  # noqa: E402
from layers_oracle import Pair, all_differences  # noqa: E402
from strategies.layers_base import SAMPLES, Sample  # noqa: E402
from strategies.oracle import examples  # noqa: E402

import pronghorn  # noqa: E402

pytestmark = [
    pytest.mark.filterwarnings("ignore"),  # both libraries warn of masks that end, odd lengths, narrow softmaxes
    pytest.mark.skipif(keras.backend.backend() != "jax", reason="the oracle is Keras on JAX"),
]

_PREPROCESSING = "tests/programs/test_preprocessing_vs_keras.py"
# Layers without a strategy, and why.
LEFT_OUT = {
    "Layer": "the base class: computes nothing",
    "Wrapper": "the base class of wrappers: computes nothing",
    "InputLayer": "computes nothing",
    "HashedCrossing": f"Keras's needs TensorFlow: {_PREPROCESSING}",
    "Hashing": f"Keras's needs TensorFlow: {_PREPROCESSING}",
    "IntegerLookup": f"Keras's needs TensorFlow: {_PREPROCESSING}",
    "StringLookup": f"of strings: {_PREPROCESSING}",
    "TextVectorization": f"of strings: {_PREPROCESSING}",
    "Pipeline": f"nothing but other layers: {_PREPROCESSING}",
    "MaxNumBoundingBoxes": f"of boxes: {_PREPROCESSING}",
    "RandomCrop": f"random, and in Keras nothing at all outside of training: {_PREPROCESSING}",
    "ContrastLimitedAdaptiveHistogramEqualization": f"JAX compiles it for a minute: {_PREPROCESSING}",
    "FlaxLayer": "another library's computation: tests/backends/test_foreign_layers.py",
    "JaxLayer": "another library's computation: tests/backends/test_foreign_layers.py",
    "TFSMLayer": "another library's computation: tests/backends/test_foreign_layers.py",
    "TorchModuleWrapper": "another library's computation: tests/backends/test_foreign_layers.py",
}


def layers_of(library) -> dict[str, type]:
    """The library's layers by the names of the classes; aliases are no layers of their own."""
    public = (getattr(library.layers, name) for name in dir(library.layers) if name[0].isupper())
    return {c.__name__: c for c in public if isinstance(c, type) and issubclass(c, library.layers.Layer)}


def test_every_layer_has_a_strategy_or_a_reason():
    named = {name for name in dir(keras.layers) if name in SAMPLES or name in LEFT_OUT}
    classes = {getattr(keras.layers, name).__name__ for name in named}
    assert classes == set(layers_of(keras))
    assert not set(SAMPLES) & set(LEFT_OUT)
    ours = {name for name, reason in LEFT_OUT.items() if reason != "not there"} | set(SAMPLES)
    assert all(hasattr(pronghorn.layers, name) for name in ours)


# XLA takes long to compile these.
SLOW = ("ConvLSTM", "LSTM", "GRU", "SimpleRNN", "RNN", "StackedRNNCells", "Bidirectional", "Multi", "Group", "Equal")


@pytest.mark.slow
@pytest.mark.parametrize("layer", sorted(SAMPLES))
def test_a_layer_computes_what_keras_computes(layer):
    @examples(2 if layer.startswith(SLOW) else 3)
    @given(SAMPLES[layer])
    def run(sample: Sample) -> None:
        differences = all_differences(Pair(sample))
        assert not differences, "\n".join([repr(sample), *differences])

    run()
