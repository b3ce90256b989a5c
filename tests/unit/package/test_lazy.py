"""The lazy top level: import cost, names, and errors that name the nearest names."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import pronghorn
from pronghorn import _lazy

SOURCE = Path(pronghorn.__file__).parents[1]


def python(code, **environment):
    env = {**os.environ, "PYTHONPATH": str(SOURCE), **environment}
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env, timeout=60)


def test_import_loads_neither_the_engine_nor_numpy():
    result = python(
        "import sys, pronghorn\n"
        "print(sorted(name for name in sys.modules if name in ('numpy', 'llvmlite', 'rich', 'h5py', 'click')))"
    )
    assert result.stdout == "[]\n", result.stderr


def test_version():
    assert pronghorn.version() == pronghorn.__version__


def test_function_wins_over_the_module_of_the_same_name():
    result = python("import pronghorn._version, pronghorn; print(callable(pronghorn.version))")
    assert result.stdout == "True\n", result.stderr


def test_unknown_attribute_names_the_nearest():
    with pytest.raises(AttributeError, match=r"module 'pronghorn' has no attribute 'Sequental'; nearest: Sequential"):
        _ = pronghorn.Sequental


def test_unknown_import_names_the_nearest():
    with pytest.raises(ImportError, match="cannot import name 'EarlyStoping' from 'pronghorn.callbacks'.*Early"):
        from pronghorn.callbacks import EarlyStoping  # noqa: F401


def test_unknown_import_from_a_plain_module_names_the_nearest():
    with pytest.raises(ImportError, match=r"cannot import name 'flotx' from 'pronghorn.config'; nearest: floatx"):
        from pronghorn.config import flotx  # noqa: F401


def test_dir_lists_names_that_are_not_loaded_yet():
    assert {"Sequential", "layers", "ops", "__version__"} <= set(dir(pronghorn))


def test_nearest_ignores_capital_letters():
    assert _lazy.nearest("CONV2d", ["Conv2D", "Dense"]) == ["Conv2D"]
    assert _lazy.nearest("xyzzy", ["Conv2D", "Dense"]) == []


@pytest.mark.parametrize("name", sorted(_lazy.own_dict(pronghorn)["_lazy_table"]))
def test_each_name_of_the_top_level_resolves(name):
    assert getattr(pronghorn, name) is not None


def test_vars_loads_everything():
    assert {"Sequential", "layers"} <= set(vars(pronghorn))
