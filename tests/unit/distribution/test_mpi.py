"""Finding the processes that MPI started, where it is missing or disagrees, and judging how they are."""

import sys
import warnings

import pytest

from pronghorn import distribution
from pronghorn.distribution import agreement, mpi, together, watch
from pronghorn.distribution.watch import Sign, verdict
from pronghorn.placement import processes
from pronghorn.placement.processes import _STARTED, Job

NOTHING = Job(None, None, None)


@pytest.fixture(autouse=True)
def alone(monkeypatch):
    for name in _STARTED:
        monkeypatch.delenv(name, raising=False)


def test_a_single_process_needs_no_mpi(monkeypatch):
    monkeypatch.setitem(sys.modules, "mpi4py", None)
    assert mpi.join(NOTHING).count == 1
    assert mpi.join(Job(None, 1, 0)).rank == 0


@pytest.mark.parametrize("name", ["OMPI_COMM_WORLD_SIZE", "SLURM_STEP_NUM_TASKS"])
def test_several_processes_without_mpi(monkeypatch, name):
    monkeypatch.setitem(sys.modules, "mpi4py", None)
    monkeypatch.setenv(name, "4")
    with pytest.raises(ImportError, match=r"one of 4 processes.*pip install .*\[mpi\]'"):
        mpi.join(NOTHING)


def test_a_number_that_mpi_has_not_started(monkeypatch):
    monkeypatch.setattr(mpi, "_world", lambda wanted: None)
    with pytest.raises(ValueError, match=r"num_processes is 3, but MPI has started 1.*pronghorn run -n 3"):
        mpi.join(Job(None, 3, 0))


def test_who_is_waited_for_is_judged():
    working, waiting = Sign(), Sign(waits=50.0)
    assert verdict([working, working], [0.0, 3.0], 600.0) is None
    assert "process 1 has given no sign of life for 31 s" in verdict([working, working], [0.0, 31.0], 600.0)
    assert verdict([waiting, Sign(idle=3.0)], [0.0, 0.0], 600.0) is None  # it computes
    assert "process 1 has done nothing for 45 s" in verdict([waiting, Sign(idle=45.0)], [0.0, 0.0], 600.0)
    assert verdict([working, Sign(idle=99.0)], [0.0, 0.0], 600.0) is None  # nobody waits
    assert "end of its script" in verdict([waiting, Sign(has_ended=1.0)], [0.0, 0.0], 600.0)
    assert watch.PATIENCE_VARIABLE in verdict([Sign(waits=601.0), Sign(idle=1.0)], [0.0, 0.0], 600.0)
    assert verdict([waiting, waiting], [0.0, 0.0], 60.0) is None  # for what one sends the other
    assert "all processes have waited 50 s for each other" in verdict([waiting, waiting], [0.0, 0.0], 45.0)
    ahead = Sign(waits=50.0, number=2.0)
    assert "process 1 in what all do together (number 2)" in verdict([waiting, ahead], [0.0, 0.0], 600.0)
    saving = Sign(waits=50.0, for_news=1.0)
    assert "process 1 for process 0 to write a file" in verdict([waiting, saving], [0.0, 0.0], 600.0)


@pytest.mark.parametrize("text", ["soon", "-1", "0", "nan", "inf", "1 minute"])
def test_times_in_the_environment_are_checked(monkeypatch, text):
    monkeypatch.setenv(watch.PATIENCE_VARIABLE, text)
    with pytest.raises(ValueError, match=f"PRONGHORN_PATIENCE must be a number of seconds above 0.*got '{text}'"):
        watch.patience()
    monkeypatch.setenv(watch.PATIENCE_VARIABLE, "")
    assert watch.patience() == watch.PATIENCE


class News:
    """What one process tells another, in one process."""

    def __init__(self):
        self._told = []

    def tell(self, name, item):
        self._told.append((name, item))

    def told(self, name):
        return [item for other, item in self._told if other == name]


@pytest.mark.parametrize("number", [28, 13])
def test_an_error_of_the_process_that_writes_is_raised_in_all(monkeypatch, number):
    news = News()
    monkeypatch.setattr(processes._State, "processes", processes.Processes(2, 0, None, news))
    with pytest.raises(OSError, match="full"), together.written_by_first("a.keras"):
        raise OSError(number, "the disk is full")
    with together.written_by_first("b.keras"):
        pass
    monkeypatch.setattr(processes._State, "processes", processes.Processes(2, 1, None, news))
    told = pytest.raises(OSError, match=r"the disk is full.*error of process 0")
    with told as found, together.written_by_first("a.keras"):
        pass
    assert found.value.errno == number
    with together.written_by_first("b.keras"):
        pass
    warned = pytest.warns(UserWarning, match="Process 1 saves 'c.keras', which process 0 does not")
    with warned, together.written_by_first("c.keras"):
        pass


def test_a_launcher_that_mpi_does_not_know(monkeypatch):
    class Alone:
        def Get_size(self):
            return 1

    monkeypatch.setenv("SLURM_STEP_NUM_TASKS", "4")
    monkeypatch.setattr(mpi, "_world", lambda wanted: Alone())
    with pytest.raises(RuntimeError, match=r"one of 4 processes.*MPI finds none of the others.*--mpi=pmix"):
        mpi.join(NOTHING)


class Others:
    """Processes that answer with what is given."""

    def __init__(self, *answers):
        self._answers = answers

    def everyones(self, item):
        return [item, *self._answers]


def test_processes_that_differ():
    same = ("fit", {"data": "a", "weights": ["k", "b"]})
    agreement.check_same(Others(same), *same)
    with pytest.raises(agreement.ProcessesDiffer, match="process 0 has a, process 1 b. Every process has to be given"):
        agreement.check_same(Others(("fit", {**same[1], "data": "b"})), *same)
    with pytest.raises(agreement.ProcessesDiffer, match="weights that differ: process 0 has b, process 2 c"):
        agreement.check_same(Others(same, ("fit", {**same[1], "weights": ["k", "c"]})), *same)
    with pytest.raises(agreement.ProcessesDiffer, match="process 0 has 2 of them, process 1 3"):
        agreement.check_same(Others(("fit", {**same[1], "weights": ["k", "b", "b"]})), *same)
    with pytest.raises(agreement.ProcessesDiffer, match="Process 1 is about to run evaluate, and process 0 fit"):
        agreement.check_same(Others(("evaluate", {})), *same)


def test_processes_that_know_nothing_of_each_other_are_told(monkeypatch):
    monkeypatch.setenv("OMPI_COMM_WORLD_SIZE", "2")
    together._warn_of_strangers.cache_clear()
    with pytest.warns(UserWarning, match=r"each trains a model of its own.*set_distribution"):
        together.begins("fit")
    with distribution.DataParallel().scope(), warnings.catch_warnings():
        warnings.simplefilter("error")
        together.begins("fit")
    together._warn_of_strangers.cache_clear()
