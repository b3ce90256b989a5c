"""Which distribution is in force, and what processes there are."""

import pytest

from pronghorn import distribution
from pronghorn.placement.processes import told


def test_scopes_nest():
    assert distribution.distribution() is None
    outer, inner = distribution.DataParallel(), distribution.DataParallel()
    with outer.scope():
        with inner.scope():
            assert distribution.distribution() is inner
        assert distribution.distribution() is outer
    assert distribution.distribution() is None


def test_what_is_no_distribution():
    with pytest.raises(TypeError, match="got str"):
        distribution.set_distribution("data")


def test_devices():
    assert distribution.list_devices() == ["cpu:0"] and distribution.list_devices("CPU") == ["cpu:0"]
    assert distribution.get_device_count() == 1 and distribution.get_device_count("gpu") == 0
    with pytest.raises(ValueError, match="cpu, gpu, tpu; got 'npu'"):
        distribution.list_devices("npu")


def test_what_the_environment_says(monkeypatch):
    assert (told(None, None, None).count, told(None, None, None).rank) == (None, None)
    monkeypatch.setenv("KERAS_DISTRIBUTION_JOB_ADDRESSES", "10.0.0.1:1234, 10.0.0.2:2345,")
    monkeypatch.setenv("KERAS_DISTRIBUTION_NUM_PROCESSES", "2")
    monkeypatch.setenv("KERAS_DISTRIBUTION_PROCESS_ID", "1")
    job = told(None, None, None)
    assert (job.addresses, job.count, job.rank) == (["10.0.0.1:1234", "10.0.0.2:2345"], 2, 1)
    assert told(None, 3, 0).count == 3
    with pytest.raises(ValueError, match="from 0 to 1"):
        told(None, None, 2)
    monkeypatch.setenv("KERAS_DISTRIBUTION_NUM_PROCESSES", "two")
    with pytest.raises(ValueError, match="NUM_PROCESSES must be a whole number, 1 or more; got 'two'"):
        told(None, None, None)
