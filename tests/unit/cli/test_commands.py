"""The commands themselves: what they say where they are called wrongly, and the cache."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

import pronghorn as keras
from pronghorn.cli.main import main
from pronghorn.engine.runtime import cache


def _run(*arguments, env=None):
    return CliRunner().invoke(main, arguments, env=env)


def test_misspelled_commands_are_told_the_nearest(tmp_path):
    assert "Did you mean 'inspect'?" in _run("inspct").output
    script = tmp_path / "script.py"
    script.write_text("")
    assert f"pronghorn run {script}" in _run(str(script)).output


def test_run_says_what_it_takes():
    assert "Usage:" in (said := _run("run", "--help").output)
    assert "TARGET" not in said and "in place of FILE" in said


def test_a_target_that_is_none_is_told_in_a_line():
    result = _run("info", env={"PRONGHORN_TARGET": "avx3"})
    assert result.exit_code == 1 and "Error: " in result.output and "avx512" in result.output


def test_info_names_the_processor(monkeypatch):
    monkeypatch.setattr("pronghorn.engine.runtime.system.processor_name", lambda: "Abacus 3000")
    assert "Abacus 3000 (" in _run("info").output


def test_info_says_what_multiplies_bfloat16():
    assert "float32" in _run("info", env={"PRONGHORN_TARGET": "sse2"}).output
    assert "(AMX, by functions" in _run("info", env={"PRONGHORN_TARGET": "amx-emulated"}).output


def test_the_cache_is_told_and_cleared(tmp_path):
    env = {"PRONGHORN_CACHE_DIR": str(tmp_path), "PRONGHORN_CACHE": "1"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PRONGHORN_CACHE_DIR", str(tmp_path))
        patch.setenv("PRONGHORN_CACHE", "1")
        assert "0 files" in _run("cache", env=env).output
        cache.store(cache.key("a"), b"code")
        assert cache.size()[0] == 1 and "1 file," in _run("cache", env=env).output
        assert "Deleted 1 file" in _run("cache", "--clear", env=env).output
        assert cache.size() == (0, 0) and cache.load(cache.key("a")) is None
    assert "off" in _run("cache", env={"PRONGHORN_CACHE": "0"}).output


def test_convert_says_how_it_learns_of_own_classes(tmp_path):
    class Mine(keras.layers.Layer):
        def call(self, x):
            return x

    path = tmp_path / "own.keras"
    keras.Sequential([keras.Input((2,)), Mine()]).save(path)
    said = _run("convert", str(path), str(tmp_path / "own.h5")).output
    assert "'Mine' is not known here" in said and "--import MODULE" in said and "custom_objects" not in said
