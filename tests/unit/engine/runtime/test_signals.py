"""Exceptions of signal handlers, amid what the library does."""

import functools
import gc
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pronghorn import jit, ops
from pronghorn.engine.backends.llvm import executable
from pronghorn.engine.runtime import cache, compile
from pronghorn.engine.runtime.signals import is_from_handler, without_file_errors

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")


def _raise(error, number, frame):
    raise error


class _Handler:
    def __init__(self, error):
        self.error = error

    def method(self, number, frame):
        raise self.error

    def __call__(self, *args):
        raise self.error


@pytest.fixture
def handling():
    before = signal.getsignal(signal.SIGALRM)
    yield functools.partial(signal.signal, signal.SIGALRM)
    signal.signal(signal.SIGALRM, before)


def alarm(*_, **__):
    signal.raise_signal(signal.SIGALRM)


KINDS = {
    "a partial function": lambda error: functools.partial(_raise, error),
    "a method": lambda error: _Handler(error).method,
    "an object": _Handler,
    "a function": lambda error: lambda number, frame: _raise(error, number, frame),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_handlers_error_is_known(handling, kind):
    error = TimeoutError("late")
    handling(KINDS[kind](error))
    with pytest.raises(TimeoutError) as caught:
        alarm()
    assert caught.value is error
    assert is_from_handler(error)


def test_other_errors_are_known():
    with pytest.raises(OSError) as caught, open("/no/such/file"):
        pass
    assert not is_from_handler(caught.value)
    assert not is_from_handler(ValueError("never raised"))


@pytest.mark.parametrize("error", [TimeoutError(), OSError(110, "late"), InterruptedError(4, "again")])
def test_file_errors_let_those_of_handlers_pass(handling, error):
    handling(_Handler(error))
    with pytest.raises(OSError) as caught, without_file_errors():
        alarm()
    assert caught.value is error
    with without_file_errors():
        open("/no/such/file")


@pytest.mark.parametrize("doing", [lambda: cache.load("name"), lambda: cache.store("name", b"code")])
def test_the_cache_lets_a_time_out_pass(handling, cache_dir, monkeypatch, doing):
    cache.store("name", b"code")
    handling(_Handler(TimeoutError("late")))
    monkeypatch.setattr(cache, "_is_private", alarm)
    with pytest.raises(TimeoutError, match="late"):
        doing()


@pytest.mark.parametrize("error", [ValueError("stop"), RuntimeError("stop"), TimeoutError("stop"), KeyboardInterrupt()])
@pytest.mark.parametrize("place", ["compiling", "parsing", "tracing"])
def test_an_error_amid_jit_comes_out_as_itself(handling, monkeypatch, cache_dir, error, place, recwarn):
    handling(_Handler(error))
    rings = True

    @jit
    def function(x):
        if rings and place == "tracing":
            alarm()
        return ops.exp(x) - 3.0

    with monkeypatch.context() as patch:
        if place == "compiling":
            patch.setattr(executable.linking, "link", alarm)
        if place == "parsing":
            patch.setattr(compile.ctypes, "c_char_p", alarm)
        with pytest.raises(type(error)) as caught:
            function(np.zeros(3, "float32"))
    assert caught.value is error
    rings = False
    assert function(np.zeros(3, "float32")).numpy().tolist() == [-2, -2, -2]
    assert not recwarn.list  # it is compiled, as if nothing had been


def test_a_module_ends_before_its_context():
    """In whatever order the collector takes what an interrupted compiling leaves."""
    script = """
import gc
from pronghorn.engine.runtime import compile
from pronghorn.engine.runtime.host import host_target, initialize_llvm
from pronghorn.engine.runtime.parts import Part

def interrupted(*_):
    raise KeyboardInterrupt
initialize_llvm()
tools = compile._tools(host_target())
unlocked = compile._unlocked
kept = []
for _ in range(50):
    compile._unlocked = lambda function: interrupted if "Pass" in function._cfn.__name__ else unlocked(function)
    try:
        tools.object_code(Part("define i64 @f() { ret i64 1 }"), "f", False)
    except KeyboardInterrupt as error:
        error.itself = error  # a cycle
        kept.append(error)
assert len(kept) == 50
kept.clear()
gc.collect()
"""
    source = Path(__file__).parents[4] / "src"
    result = subprocess.run(
        [sys.executable, "-c", script],
        env={"PYTHONPATH": str(source)},
        capture_output=True,
        text=True,
    )
    assert (result.returncode, result.stderr) == (0, "")


@pytest.mark.filterwarnings("error::pytest.PytestUnraisableExceptionWarning")
def test_a_module_that_was_never_made_ends_quietly(monkeypatch):
    def interrupted():
        raise KeyboardInterrupt

    monkeypatch.setitem(compile.ffi.lib._fntab, "LLVMPY_ContextCreate", interrupted)
    with pytest.raises(KeyboardInterrupt):
        compile._Module("")
    gc.collect()
