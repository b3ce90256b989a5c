"""`pronghorn doctor`: on an installation that works, and on some that do not."""

from __future__ import annotations

import os
import sys

import click.testing
import pytest

from pronghorn.cli import doctor
from pronghorn.cli.doctor import BROKEN, NOTE, WORKS, Tried
from pronghorn.cli.main import main


def answers(monkeypatch, **by_word):
    """What tries end with, by a word of their code; others end well and print nothing."""

    def attempt(code, **variables):
        return next((tried for word, tried in by_word.items() if word in code), Tried(0, "", ""))

    monkeypatch.setattr(doctor, "attempt", attempt)


def states(check):
    return [finding.state for finding in check()]


@pytest.mark.slow
def test_what_works(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(doctor_cache := "PRONGHORN_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(doctor, "check_engines", lambda: iter(()))
    done = click.testing.CliRunner().invoke(main, ["doctor"])
    assert done.exit_code == 0 and "broken" not in done.output, done.output
    assert done.output.rstrip().endswith("Everything that was tried works.")
    assert doctor_cache in done.output  # among the settings
    assert max(map(len, done.output.splitlines())) <= 80 and "\x1b" not in done.output


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="permissions of POSIX")
def test_a_cache_that_others_can_write_to(monkeypatch, tmp_path):
    monkeypatch.setenv("PRONGHORN_CACHE_DIR", str(tmp_path))
    (tmp_path / "code-3").mkdir()
    (tmp_path / "code-3").chmod(0o777)
    (finding,) = doctor.check_cache()
    assert finding.state == BROKEN and str(tmp_path) in finding.text and "mode 700" in finding.text
    monkeypatch.setenv("PRONGHORN_CACHE", "0")
    assert states(doctor.check_cache) == [NOTE]


def test_a_file_that_hides_a_package(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert states(doctor.check_names)[0] == WORKS
    (tmp_path / "keras.py").write_text("")
    finding = next(doctor.check_names())
    assert finding.state == BROKEN and "keras.py" in finding.text


def test_a_crash_is_told(monkeypatch):
    answers(monkeypatch, tanh=Tried(-4, "", ""))
    monkeypatch.delenv("PRONGHORN_TARGET", raising=False)
    (finding,) = doctor.check_compiling()
    assert finding.state == BROKEN and "SIGILL" in finding.text and "PRONGHORN_TARGET=sse2" in finding.text
    monkeypatch.setenv("PRONGHORN_TARGET", "amx")
    assert "Unset PRONGHORN_TARGET" in next(doctor.check_compiling()).text


@pytest.mark.parametrize(
    ("printed", "expected"),
    [
        ("1e-7 2 True", [WORKS, WORKS]),
        ("0.5 2 True", [BROKEN, WORKS]),
        ("nan 2 True", [BROKEN, WORKS]),
        ("1e-7 2 False", [WORKS, BROKEN]),
    ],
)
def test_wrong_numbers(monkeypatch, printed, expected):
    answers(monkeypatch, tanh=Tried(0, printed, ""))
    assert states(doctor.check_compiling) == expected


def test_a_package_that_cannot_be_imported(monkeypatch):
    """Nothing that needs it is tried then."""
    answers(monkeypatch, **{"import h5py": Tried(1, "", "ImportError: libhdf5.so: no such file")})
    found = list(doctor.findings())
    (broken,) = [finding for finding in found if finding.title == "Packages"]
    assert broken.state == BROKEN and "libhdf5.so" in broken.text and "pip install" in broken.text
    assert "Compiling" not in [finding.title for finding in found]


def test_an_engine_that_does_not_work(monkeypatch):
    wrong = Tried(1, "", "pronghorn.EngineError: The engine 'jax' is installed but does not work. Install it anew.")
    answers(
        monkeypatch,
        **{"is_installed": Tried(0, '["jax", "torch"]', ""), "'jax'": wrong, "'torch'": Tried(0, "2.9", "")},
    )
    jax, torch = doctor.check_engines()
    assert (jax.state, torch.state) == (BROKEN, WORKS) and jax.text.startswith("The engine 'jax'")


def test_what_is_broken_ends_with_status_1(monkeypatch):
    monkeypatch.setattr(doctor, "findings", lambda: iter([doctor.Finding(BROKEN, "Cache", "[it] is full. Empty it.")]))
    answers(monkeypatch, facts=Tried(0, '[["CPU", "one"]]', ""))
    done = click.testing.CliRunner().invoke(main, ["doctor"])
    assert done.exit_code == 1
    assert "[it] is full" in done.output and "1 thing is broken" in done.output and "CPU" in done.output


def test_a_try_that_takes_too_long(monkeypatch):
    monkeypatch.setattr(doctor, "SECONDS", 0.5)
    tried = doctor.attempt("import time; time.sleep(60)")
    assert tried.status is None and "did not end" in tried.why


def test_tries_find_this_package(monkeypatch, tmp_path):
    """Also from another folder, with a file there that has its name."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pronghorn.py").write_text("1 / 0")
    assert doctor.attempt("import pronghorn; print(pronghorn.__file__)").output == sys.modules["pronghorn"].__file__
