"""A disk that is full, a writer that was killed."""

import errno
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import pronghorn as ph
from pronghorn.saving import disk
from pronghorn.utils import leftovers
from pronghorn.utils.replacing import replacing


def model():
    return ph.Sequential([ph.Input((20,)), ph.layers.Dense(30), ph.layers.Dense(40)])


@pytest.fixture
def full(monkeypatch):
    """Has the disk be full after so many bytes; yields a list, whose only item is their number."""
    room = [0]
    write = disk.Disk._write

    def limited(self, view, place):
        if room[0] < len(view):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        room[0] -= len(view)
        write(self, view, place)

    monkeypatch.setattr(disk.Disk, "_write", limited)
    return room


@pytest.mark.parametrize("room", [0, 100, 2_000, 5_000, 8_000])
@pytest.mark.parametrize("name", ["m.weights.h5", "m.weights.json", "m.keras", "m.h5"])
def test_a_full_disk_leaves_what_was_there(tmp_path, full, name, room):
    made = model()
    save = made.save if name in ("m.keras", "m.h5") else made.save_weights
    most = {"max_shard_size": 6000 / 2**30} if name.endswith(".json") else {}
    full[0] = room
    with pytest.raises(OSError, match=r"no space left.*Nothing was written") as caught:
        save(tmp_path / name, **most)
    assert caught.value.errno == errno.ENOSPC and not list(tmp_path.iterdir())
    full[0] = 10**9
    save(tmp_path / name)
    before = {file: file.read_bytes() for file in tmp_path.iterdir()}
    full[0] = room
    with pytest.raises(OSError, match="file that was there before is untouched"):
        save(tmp_path / name)
    assert {file: file.read_bytes() for file in tmp_path.iterdir()} == before


def test_a_file_has_what_hdf5_writes_itself(tmp_path):
    made = model()
    made.save_weights(tmp_path / "m.weights.h5")
    other = model()
    other.load_weights(tmp_path / "m.weights.h5")
    for one, two in zip(made.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)


def test_new_files_that_the_index_names_stay_whatever_happens_then(tmp_path, monkeypatch):
    made = model()
    made.save_weights(tmp_path / "m.weights.json")
    old, unlink = {*tmp_path.glob("*.h5")}, Path.unlink

    def refused(self, missing_ok=False):
        if self in old:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        unlink(self, missing_ok)

    monkeypatch.setattr(Path, "unlink", refused)
    made.set_weights([weight + 1 for weight in made.get_weights()])
    with pytest.raises(OSError, match="permission"):
        made.save_weights(tmp_path / "m.weights.json")
    other = model()
    other.load_weights(tmp_path / "m.weights.json")
    for one, two in zip(made.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="mounts a small disk")
def test_a_process_ends_well_after_a_full_disk(tmp_path):
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=50k", "tmpfs", tmp_path]).returncode:
        pytest.skip("mounts are not allowed")
    script = (
        "import sys, pronghorn as K\n"
        "m = K.Sequential([K.Input((200,)), K.layers.Dense(300)])\n"
        "for _ in range(2):\n"
        "    try: m.save_weights(sys.argv[1])\n"
        "    except OSError as error: print(error.errno)\n"
    )
    path = os.pathsep.join([str(Path(ph.__file__).parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])])
    try:
        command = [sys.executable, "-c", script, str(tmp_path / "m.weights.h5")]
        ended = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": path})
        left = list(tmp_path.iterdir())
    finally:
        subprocess.run(["umount", tmp_path], check=True)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.split() == [str(errno.ENOSPC)] * 2 and not left


def test_what_the_dead_have_left_is_removed(tmp_path):
    target = tmp_path / "m.keras"
    machine = leftovers._machine()
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    old, day = time.time() - 2 * 24 * 3600, {"elsewhere-5-abcdefgh": True, "abcdefgh": True}
    removed = [
        f"{machine}-{dead.pid}-abcdefgh",
        f"{machine}-{10**30}-abcdefgh",
        f"{machine}-{os.getpid()}-abcdefgh",
        *day,
    ]
    kept = [f"{machine}-{os.getppid()}-abcdefgh", "elsewhere-6-abcdefgh", f"x-{machine}-{dead.pid}-abcdefgh"]
    for name in (*removed, *kept):
        (tmp_path / f".m.keras-{name}.new").touch()
    for name in day:
        os.utime(tmp_path / f".m.keras-{name}.new", (old, old))
    other = tmp_path / f".n.keras-{machine}-{dead.pid}-abcdefgh.new"
    other.touch()
    with replacing(target) as outer:  # as another thread that writes the same
        outer.write_text("outer")
        with replacing(target) as inner:
            inner.write_text("inner")
        assert target.read_text() == "inner" and outer.exists()
    assert target.read_text() == "outer"
    assert set(tmp_path.iterdir()) == {target, other, *(tmp_path / f".m.keras-{name}.new" for name in kept)}


def die_in_a_save(path, after):
    """Have a process save in files and end without a word when it opens one more than so many."""
    script = (
        "import os, sys, pronghorn as K\n"
        "from pronghorn.saving import shards\n"
        "class Writer(shards.WeightsWriter):\n"
        "    count = 0\n"
        "    def __init__(self, path):\n"
        "        Writer.count += 1\n"
        "        super().__init__(path)\n"
        "        if Writer.count > int(sys.argv[2]): os._exit(9)\n"
        "shards.WeightsWriter = Writer\n"
        "m = K.Sequential([K.Input((20,)), K.layers.Dense(30), K.layers.Dense(40)])\n"
        "m.save_weights(sys.argv[1], max_shard_size=5e-6)\n"
    )
    source = os.pathsep.join([str(Path(ph.__file__).parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])])
    ended = subprocess.run([sys.executable, "-c", script, path, str(after)], env={**os.environ, "PYTHONPATH": source})
    assert ended.returncode == 9


def test_files_of_killed_saves_in_several_are_removed(tmp_path):
    index, other = tmp_path / "m.weights.json", tmp_path / "m_1.weights.json"
    model().save_weights(other)
    theirs = {*tmp_path.iterdir()}
    die_in_a_save(index, 1)  # with names that the next save has, too
    assert len([*tmp_path.glob("m_0*.h5")]) == 2
    made = model()
    made.save_weights(index)
    whole = {*tmp_path.iterdir()}
    assert whole - theirs == {index, tmp_path / "m_00000.weights.h5"}
    die_in_a_save(index, 0)
    die_in_a_save(index, 1)
    assert len({*tmp_path.iterdir()} - whole) == 3  # the first one's are gone
    loaded = model()
    loaded.load_weights(index)
    for one, two in zip(made.get_weights(), loaded.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)
    made.save_weights(index)
    assert len({*tmp_path.iterdir()} - theirs) == 2
    loaded.load_weights(index)


def test_a_note_of_the_dead_removes_nothing_else(tmp_path):
    model().save_weights(tmp_path / "m.weights.json")
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    kept = [tmp_path / name for name in ("a.h5", "m.weights.h5", "n_00000.weights.h5", "m_x_00000.weights.h5")]
    for file in kept:
        file.touch()
    note = tmp_path / f".m.shards-{leftovers._machine()}-{dead.pid}-abcdefgh.new"
    note.write_text("\n".join([*(file.name for file in kept), "../m_00000.weights.h5", "\0", "m_00000.weights.h5"]))
    model().save_weights(tmp_path / "m.weights.json")
    assert all(file.exists() for file in kept) and not note.exists()
