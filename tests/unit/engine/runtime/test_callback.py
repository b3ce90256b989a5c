import pytest

from pronghorn.engine.runtime.callback import Callback
from pronghorn.engine.runtime.pool import Pool


def test_an_exception_waits_until_the_job_is_done(jobs):
    calls = []

    def body():
        calls.append(None)
        raise KeyError(len(calls))

    callback = Callback(body)
    with Pool(2) as p:
        args = jobs.arguments(code=1, callback=callback.address)
        for _ in range(2):
            assert p.run(jobs.job("callback"), args.ctypes.data) == 0
    with pytest.raises(KeyError, match="1"):
        callback.raise_error()
    callback.raise_error()  # raised once
