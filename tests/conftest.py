"""What all tests share."""

import collections
import contextlib
import gc
import os
import platform
import signal
import zlib
from importlib import metadata
from pathlib import Path

import pytest

# Graphs, kernels and memory are verified after every stage, also in processes that tests start; a test may set others.
os.environ.setdefault("PRONGHORN_DEBUG", "verify")

# KERAS_BACKEND is for the real Keras; in scripts that tests run it would choose our engine.
os.environ.setdefault("PRONGHORN_BACKEND", "pronghorn")


def processor():
    """What tells processors apart that cannot run each other's code."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return platform.processor() + platform.node()
    return "".join(sorted({line for line in lines if line.startswith(("model name", "flags", "Features"))}))


def keep_what_jax_compiles():
    """Let all processes, and later runs, share what JAX compiles: most of the time of the tests that ask real Keras.

    JAX's own names of the entries tell its versions and options apart; the folder's name does so for the processors.
    """
    try:
        version = metadata.version("jaxlib")
    except metadata.PackageNotFoundError:
        return
    caches = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    place = Path(caches).expanduser() / "pronghorn-tests" / f"jax-{version}-{zlib.crc32(processor().encode()):08x}"
    with contextlib.suppress(OSError):  # without a home that can be written to, each process compiles for itself
        place.mkdir(parents=True, exist_ok=True)
        if os.access(place, os.W_OK):
            os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(place))
            os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")  # thousands of small functions
            os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "-1")


keep_what_jax_compiles()

# Started in the background of a shell, a process and its children ignore Ctrl-C; the tests of interrupts need it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def no_choice_is_left():
    """An engine that a test sets is that test's: what the environment names holds again for the next one."""
    from pronghorn.engine.backends import choice

    name = choice._choice.name
    yield
    choice._choice.name = name


@pytest.fixture(autouse=True)
def same_random_numbers():
    """Every test draws the same numbers each time it runs, whatever ran before it."""
    from pronghorn.utils import set_random_seed  # after a test's own conftest.py has set the environment

    set_random_seed(20)


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector):
    """A file of tests that cannot be imported is an error.

    Modules of an engine that is not installed are left out of the doctests. A file of tests would be too, and the next
    import, for its tests, takes what the first has left of it for the whole: none of them would run, and all be green.
    """
    option = collector.config.option
    ignored, option.doctest_ignore_import_errors = option.doctest_ignore_import_errors, False
    try:
        return (yield)
    finally:
        option.doctest_ignore_import_errors = ignored


@pytest.hookimpl(tryfirst=True)  # before cases are chosen by their marks
def pytest_collection_modifyitems(items):
    """Mark the cases slow that ``mostly_slow`` leaves out.

    They are all but every n-th; or all whose ids hold no given word; or all but the first of each kind.
    """
    seen = collections.Counter()
    for item in items:
        mark = item.get_closest_marker("mostly_slow")
        if mark is None:
            continue
        kind = mark.kwargs["kind"](item.callspec.params) if "kind" in mark.kwargs else None
        number = seen[item.parent, item.originalname, kind]
        seen[item.parent, item.originalname, kind] += 1
        if mark.args:
            quick = any(word in item.callspec.id for word in mark.args)
        elif kind is not None:
            quick = number == 0
        else:
            quick = number % mark.kwargs["every"] == 0
        if not quick:
            item.add_marker(pytest.mark.slow)


def pytest_collection_finish():
    """Leave what the imports made out of garbage collections: with Keras and JAX loaded, each takes up to a second.

    The others come more seldom: graphs are many small objects that stay, and by default a tenth of the time goes there.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
