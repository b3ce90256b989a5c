"""Strategies of one machine: a script that opens one runs as it would without."""

import numpy as np
import pytest

from pronghorn_tensorflow.program import distribute


def test_a_strategy_is_one_replica():
    strategy = distribute.MirroredStrategy(["/gpu:0"])
    with strategy.scope():
        doubled = strategy.run(lambda x, times: x * times, args=(np.ones(3),), kwargs={"times": 2})
    assert strategy.num_replicas_in_sync == 1 and doubled.tolist() == [2, 2, 2]
    assert isinstance(distribute.get_strategy(), distribute.Strategy) and not distribute.has_strategy()


def test_reducing():
    strategy, x = distribute.get_strategy(), np.array([1.0, 3.0])
    assert strategy.reduce(distribute.ReduceOp.SUM, x) is x
    assert float(strategy.reduce(distribute.ReduceOp.SUM, x, axis=0)) == 4
    assert float(strategy.reduce("MEAN", x, axis=0)) == 2
    with pytest.raises(ValueError, match="'MAX'.*ReduceOp.SUM"):
        strategy.reduce("MAX", x, axis=0)


def test_what_needs_several_machines_says_so():
    with pytest.raises(NotImplementedError, match="cores of one machine"):
        distribute.MultiWorkerMirroredStrategy()
