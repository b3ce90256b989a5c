"""Process-wide settings."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import pronghorn
from pronghorn import config
from pronghorn.config import settings
from pronghorn.engine.backends import choice


@pytest.fixture(autouse=True)
def restore():
    before = dict(vars(settings._settings))
    yield
    vars(settings._settings).update(before)


def test_defaults():
    assert (config.floatx(), config.epsilon(), config.image_data_format()) == ("float32", 1e-7, "channels_last")
    assert config.backend() == "pronghorn"
    assert config.is_interactive_logging_enabled()
    assert config.max_epochs() is None


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_set_floatx(dtype):
    config.set_floatx(dtype)
    assert config.floatx() == dtype


def test_unknown_values_are_refused():
    with pytest.raises(ValueError, match="'int32'.*float32"):
        config.set_floatx("int32")
    with pytest.raises(ValueError, match="'channels'.*channels_last"):
        config.set_image_data_format("channels")
    with pytest.raises(ValueError, match="'jacks'.*known are pronghorn, .*jax"):
        config.set_backend("jacks")


def test_data_format_ignores_capital_letters():
    config.set_image_data_format("CHANNELS_FIRST")
    assert config.image_data_format() == "channels_first"
    assert config.standardize_data_format(None) == "channels_first"


def test_flash_attention_has_three_states():
    assert config.is_flash_attention_enabled() is None
    config.enable_flash_attention()
    assert config.is_flash_attention_enabled() is True
    config.disable_flash_attention()
    assert config.is_flash_attention_enabled() is False


def run_with(**environment):
    env = {**os.environ, "PYTHONPATH": str(Path(pronghorn.__file__).parents[1]), **environment}
    code = "from pronghorn import config; print(config.floatx(), config.max_epochs())"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env, timeout=60)


def test_settings_from_the_environment():
    assert run_with(KERAS_FLOATX="float64", KERAS_MAX_EPOCHS="2").stdout == "float64 2\n"


def test_a_bad_environment_variable_is_named():
    assert "KERAS_FLOATX='int'" in run_with(KERAS_FLOATX="int").stderr


def test_the_name_that_is_told_is_not_the_engine():
    config.set_backend_name("jax")
    assert config.backend() == "jax" and choice.chosen() in ("llvm", "numpy")
    config.set_backend_name(None)
    assert config.backend() == "pronghorn"
    with pytest.raises(ValueError, match="'tensorflo'; nearest: tensorflow"):
        config.set_backend_name("tensorflo")


def test_the_name_from_the_environment():
    env = {**os.environ, "PYTHONPATH": str(Path(pronghorn.__file__).parents[1]), "PRONGHORN_BACKEND_NAME": "torch"}
    code = "import pronghorn; print(pronghorn.backend.backend(), pronghorn.config.backend())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env, timeout=60)
    assert done.stdout == "torch torch\n", done.stderr
