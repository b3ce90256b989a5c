import os
import subprocess
import sys

import pytest

from pronghorn.engine.runtime import threads


@pytest.fixture(autouse=True)
def _default_afterwards(monkeypatch):
    monkeypatch.delenv(threads.VARIABLE, raising=False)
    threads.set_num_threads(None)
    yield
    threads.set_num_threads(None)


def test_all_available_cores_by_default():
    assert threads.get_num_threads() == threads.available_cores() >= 1


def test_the_environment_sets_the_default(monkeypatch):
    monkeypatch.setenv(threads.VARIABLE, " 3 ")
    assert threads.get_num_threads() == 3
    threads.set_num_threads(2)
    assert threads.get_num_threads() == 2
    threads.set_num_threads(None)
    assert threads.get_num_threads() == 3


@pytest.mark.parametrize("text", ["0", "-1", "two", "1.5", "100000"])
def test_a_bad_environment_is_an_error_that_names_it(monkeypatch, text):
    monkeypatch.setenv(threads.VARIABLE, text)
    with pytest.raises(ValueError, match=f"PRONGHORN_NUM_THREADS is '?{text}.*1 to 1024"):
        threads.get_num_threads()


@pytest.mark.parametrize("value", [0, -4, 1025])
def test_a_number_out_of_range(value):
    with pytest.raises(ValueError, match=f"`n` is {value}.*1 to 1024"):
        threads.set_num_threads(value)


@pytest.mark.parametrize("value", [1.5, "2", True, [1]])
def test_a_value_that_is_no_number(value):
    with pytest.raises(TypeError, match="whole number of threads"):
        threads.set_num_threads(value)


@pytest.mark.parametrize(
    ("text", "cores"), [("max 100000", 8), ("150000 100000", 2), ("50000 100000", 1), ("nonsense", 8), ("0 0", 8)]
)
def test_a_container_s_quota_limits_the_default(monkeypatch, text, cores):
    monkeypatch.setattr(threads.os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    monkeypatch.setattr(threads.Path, "read_text", lambda self: text if self.name == "cpu.max" else _missing())
    assert threads.available_cores() == cores


def _missing():
    raise FileNotFoundError


OF_VERSION_1 = {
    f"cpu/{name}/cpu.cfs_{word}_us": count
    for name, quota in (("a", "1"), ("b", "1"), ("c", "500000"), ("d", "1"))
    for word, count in (("quota", quota), ("period", "100000"))
}


@pytest.mark.parametrize(
    ("told", "files", "cores"),
    [
        ("0::/a/b\n", {}, 8),
        ("0::/a/b\n", {"a/b/cpu.max": "300000 100000"}, 3),
        ("0::/a/b\n", {"a/b/cpu.max": "max 100000", "a/cpu.max": "200000 100000"}, 2),  # that of a group around it
        ("0::/a/b\n", {"a/b/cpu.max": "100000 100000", "a/cpu.max": "200000 100000", "cpu.max": "max 1"}, 1),
        ("0::/a\n", {"b/cpu.max": "100000 100000"}, 8),  # another's
        ("0::/../b\n", {"b/cpu.max": "100000 100000"}, 8),  # outside of the container's view
        ("0::/\n", {"cpu.max": "250000 100000"}, 3),
        ("", {"cpu.max": "250000 100000"}, 3),
        (None, {"cpu.max": "250000 100000"}, 3),
        ("4:memory:/a\n3:cpuset:/b\n2:cpu,cpuacct:/c\n1:name=systemd:/d\n", OF_VERSION_1, 5),
        ("1:cpu:/a\n", {"cpu/a/cpu.cfs_quota_us": "-1", "cpu/a/cpu.cfs_period_us": "100000"}, 8),
        ("1:cpu:/\n", {"cpu/cpu.cfs_quota_us": "150000", "cpu/cpu.cfs_period_us": "100000"}, 2),
        ("no such line\n::\n", {}, 8),
    ],
)
def test_the_quota_of_a_group_and_of_those_around_it(monkeypatch, tmp_path, told, files, cores):
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    read = threads.Path.read_text

    def read_text(path):
        if str(path) != "/proc/self/cgroup":
            return read(path)
        return _missing() if told is None else told

    monkeypatch.setattr(threads, "_MOUNT", tmp_path)
    monkeypatch.setattr(threads.Path, "read_text", read_text)
    monkeypatch.setattr(threads.os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    assert threads.available_cores() == cores


@pytest.mark.parametrize("text", ["abc", "0", "-1"])
def test_a_bad_environment_is_told_where_the_settings_are_read(text):
    env = {**os.environ, threads.VARIABLE: text}
    command = [sys.executable, "-c", "import pronghorn.config.settings"]
    done = subprocess.run(command, env=env, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.rstrip().rpartition("\n")[2].startswith("ValueError: The environment variable PRONGHORN_NUM_TH")
