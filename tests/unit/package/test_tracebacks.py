"""What is said of errors that nobody caught; `tests/unit/cli/test_run.py` has whole programs."""

import sys

import pytest

import pronghorn
from pronghorn import _tracebacks

_NOT_SUPPORTED = "raise NotImplementedError('Unsupported backend: ' + keras.config.backend())"


def _shown(line, capsys):
    """What the hook for uncaught errors writes of a program of one line."""
    try:
        exec(compile(line, "program.py", "exec"), {"keras": pronghorn})
    except Exception as error:
        _tracebacks.install()
        sys.excepthook(type(error), error, error.__traceback__)
    return capsys.readouterr().err


def test_who_knows_no_backend_of_our_name_can_hear_another(capsys):
    shown = _shown(_NOT_SUPPORTED, capsys)
    assert "PRONGHORN_BACKEND_NAME=jax" in shown and shown.endswith(
        "NotImplementedError: Unsupported backend: pronghorn\n"
    )


@pytest.mark.parametrize(
    "line",
    [
        "raise ValueError('Unsupported backend: jax')",
        "raise ValueError('pronghorn is an animal')",
        "raise KeyError('backend pronghorn')",
        "raise OSError('/lib/pronghorn/backends: the backend is gone')",
        "raise ValueError('no backend in pronghorn.backends')",
        "keras.config.set_backend_name('pronghorm')",
        "keras.config.set_backend('pronghorn, a backend')",
    ],
)
def test_other_errors_say_nothing_of_backends_names(line, capsys):
    shown = _shown(line, capsys)
    assert "Error: " in shown and "PRONGHORN_BACKEND_NAME=jax" not in shown
