"""Layers that draw random numbers in training: compiled they draw the same as at once, and have the same gradients."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

keras = pytest.importorskip("keras")
pytest.importorskip("jax")

from layers_oracle import Ours, differences  # noqa: E402
from strategies.layers_base import Inner, Sample  # noqa: E402

from pronghorn import utils  # noqa: E402

SEQUENCE, IMAGE = (3, 4, 5), (2, 4, 3, 3)
RECURRENT = {"dropout": 0.3, "recurrent_dropout": 0.4, "seed": 3}
CASES: list[tuple[str, dict[str, Any], list[tuple[int, ...]]]] = [
    ("Dropout", {"rate": 0.4}, [SEQUENCE]),
    ("Dropout", {"rate": 0.4, "noise_shape": (None, 1, 5)}, [SEQUENCE]),
    ("AlphaDropout", {"rate": 0.3}, [SEQUENCE]),
    ("GaussianDropout", {"rate": 0.3}, [SEQUENCE]),
    ("GaussianNoise", {"stddev": 0.5}, [SEQUENCE]),
    ("SpatialDropout1D", {"rate": 0.4}, [SEQUENCE]),
    ("SpatialDropout2D", {"rate": 0.4, "data_format": "channels_first"}, [IMAGE]),
    ("SpatialDropout3D", {"rate": 0.4}, [(2, 2, 3, 2, 3)]),
    ("LSTM", {"units": 3, **RECURRENT}, [SEQUENCE]),
    ("GRU", {"units": 3, "return_sequences": True, **RECURRENT}, [SEQUENCE]),
    ("SimpleRNN", {"units": 3, "unroll": True, **RECURRENT}, [SEQUENCE]),
    ("ConvLSTM2D", {"filters": 2, "kernel_size": 2, **RECURRENT}, [(2, 3, 4, 3, 2)]),
    ("Bidirectional", {"layer": Inner("LSTM", {"units": 3, **RECURRENT})}, [SEQUENCE]),
    ("TimeDistributed", {"layer": Inner("Dropout", {"rate": 0.4, "seed": 3})}, [SEQUENCE]),
    ("RNN", {"cell": [Inner("GRUCell", {"units": 3, **RECURRENT}) for _ in range(2)]}, [SEQUENCE]),
    ("MultiHeadAttention", {"num_heads": 2, "key_dim": 3, "dropout": 0.3}, [SEQUENCE, SEQUENCE]),
    ("GroupQueryAttention", {"head_dim": 3, "num_query_heads": 4, "num_key_value_heads": 2, "dropout": 0.3},
     [SEQUENCE, SEQUENCE]),
]  # fmt: skip
JOINED = [
    ("Attention", {"dropout": 0.3, "use_scale": True}, [SEQUENCE, SEQUENCE]),
    ("AdditiveAttention", {"dropout": 0.3}, [SEQUENCE, SEQUENCE]),
]


def sample_of(name: str, kwargs: dict[str, Any], shapes: list[tuple[int, ...]], *, seed: int = 3) -> Sample:
    """A layer called on normal numbers, in training."""
    rng = np.random.default_rng(0)
    arrays: list[Any] = [rng.normal(size=shape).astype("float32") for shape in shapes]
    seeded = kwargs if "seed" in kwargs or name in ("Bidirectional", "TimeDistributed", "RNN") else {"seed": seed}
    args = [arrays] if (name, kwargs, shapes) in JOINED else arrays
    return Sample(name, {**kwargs, **seeded}, args, {"training": True}, seed=seed)


@pytest.mark.slow
@pytest.mark.parametrize("symbolic", [True, False], ids=["any batch", "one batch"])
@pytest.mark.parametrize("case", CASES + JOINED, ids=lambda c: c[0])
def test_the_same_numbers_at_once_and_compiled(case, symbolic):
    sample = sample_of(*case)
    sample.symbolic = symbolic
    utils.set_random_seed(0)
    layer = Ours(sample)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        at_once, compiled = layer.on_numpy(), layer.on_llvm()
        assert not differences(layer, compiled, at_once)
        quiet = sample_of(*case)
        quiet.named = {"training": False}
        utils.set_random_seed(0)
        outside = Ours(quiet).on_numpy()
    assert any(np.any(a != b) for a, b in zip(at_once.outputs, outside.outputs)), "nothing is random in training"
