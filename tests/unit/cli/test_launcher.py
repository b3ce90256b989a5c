"""The command that starts several processes, and what is said where there is none."""

import sys

import pytest
from click.testing import CliRunner

from pronghorn.cli import launcher
from pronghorn.cli.main import main


@pytest.fixture
def there(monkeypatch):
    """An Open MPI, whether there is one or not; the user is not root."""
    monkeypatch.setattr(launcher, "launcher", lambda: "/bin/mpirun")
    monkeypatch.setattr(launcher, "_is_open_mpi", lambda start: True)
    monkeypatch.setattr(launcher, "_is_root", lambda: False)
    monkeypatch.setattr(launcher.importlib.util, "find_spec", lambda name: object())
    for name in ("OMPI_ALLOW_RUN_AS_ROOT", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM"):
        monkeypatch.delenv(name, raising=False)


def test_the_command(there, monkeypatch):
    monkeypatch.setattr(launcher.threads, "available_cores", lambda: 4)
    line = launcher.command(4, ["a.py", "-x"])
    assert line[:3] == ["/bin/mpirun", "--bind-to", "none"]
    assert line[-8:] == ["-n", "4", sys.executable, "-m", "pronghorn", "run", "a.py", "-x"]
    assert "--oversubscribe" in launcher.launch(5) and "--oversubscribe" not in launcher.launch(1)


def test_root_is_told_what_open_mpi_wants(there, monkeypatch, capfd):
    monkeypatch.setattr(launcher, "_is_root", lambda: True)
    with pytest.raises(launcher.CannotStart, match="OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1"):
        launcher.launch(2)
    assert CliRunner().invoke(main, ["run", "-n", "2", "never.py"]).exit_code == 2
    monkeypatch.setenv("OMPI_ALLOW_RUN_AS_ROOT", "1")
    monkeypatch.setenv("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1")
    assert launcher.launch(2)


def test_what_is_missing_is_told(there, monkeypatch):
    monkeypatch.setattr(launcher, "launcher", lambda: None)
    with pytest.raises(launcher.CannotStart, match=r"mpirun.*pip install .*\[mpi\]'"):
        launcher.launch(2)
    monkeypatch.setattr(launcher.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(launcher.CannotStart, match=r"mpi4py is not installed.*pip install .*\[mpi\]'"):
        launcher.launch(2)


def test_processes_are_one_or_more():
    result = CliRunner().invoke(main, ["run", "-n", "0", "never.py"])
    assert result.exit_code == 2 and "0 is not in the range" in result.output
