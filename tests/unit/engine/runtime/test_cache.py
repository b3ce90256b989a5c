import os
import sys

import pytest

from pronghorn.engine.runtime import cache

posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions")


def test_an_entry_comes_back(cache_dir):
    name = cache.key("some", "text")
    assert cache.load(name) is None
    assert cache.store(name, b"code")
    assert cache.load(name) == b"code"
    cache.discard(name)
    assert cache.load(name) is None


def test_keys_tell_their_parts_apart():
    assert cache.key("ab", "c") != cache.key("a", "bc") != cache.key("abc")
    assert cache.key("a") == cache.key("a")


@pytest.mark.parametrize("value", ["0", "off", " False "])
def test_switched_off(cache_dir, monkeypatch, value):
    monkeypatch.setenv(cache.SWITCH_VARIABLE, value)
    assert cache.directory() is None
    assert not cache.store("name", b"code")
    assert cache.load("name") is None
    assert not cache_dir.exists()


@pytest.mark.parametrize("damage", [lambda d: b"", lambda d: d[:-1], lambda d: d[:-1] + b"!", lambda d: b"x" * len(d)])
def test_a_damaged_entry_is_dropped(cache_dir, damage):
    cache.store("name", b"some code")
    (path,) = cache_dir.iterdir()
    path.write_bytes(damage(path.read_bytes()))
    assert cache.load("name") is None
    assert not path.exists()


def test_an_entry_under_another_s_name_is_dropped(cache_dir):
    cache.store("name", b"some code")
    (path,) = cache_dir.iterdir()
    path.rename(path.with_name(path.name.replace("name", "other")))
    assert cache.load("other") is None
    assert not list(cache_dir.iterdir())


def test_an_unusable_directory_is_no_error(tmp_path, monkeypatch):
    file = tmp_path / "file"
    file.write_text("")
    monkeypatch.setenv(cache.DIRECTORY_VARIABLE, str(file / "below"))
    assert not cache.store("name", b"code")
    assert cache.load("name") is None
    cache.discard("name")


@posix
def test_only_the_owner_may_read_and_write(cache_dir):
    cache.store("name", b"code")
    (path,) = cache_dir.iterdir()
    assert cache_dir.stat().st_mode & 0o777 == 0o700
    assert path.stat().st_mode & 0o777 == 0o600


@posix
def test_a_directory_that_others_can_write_to_is_not_trusted(cache_dir):
    cache.store("name", b"code")
    cache_dir.chmod(0o777)
    assert cache.load("name") is None
    assert not cache.store("other", b"code")


def test_the_entries_used_longest_ago_make_room(cache_dir, monkeypatch):
    monkeypatch.setattr(cache, "LIMIT_BYTES", 10_000)
    for i in range(8):
        cache.store(f"entry{i}", bytes(1000))
        os.utime(cache_dir / f"entry{i}.bin", (i, i))
    assert cache.load("entry0")  # used now, so it outlives the others
    cache.store("large", bytes(3000))
    kept = {path.stem for path in cache_dir.iterdir()}
    assert {"entry0", "entry7", "large"} <= kept and "entry1" not in kept
    assert sum(path.stat().st_size for path in cache_dir.iterdir()) <= 10_000


def test_the_place_follows_the_environment(monkeypatch, tmp_path):
    monkeypatch.delenv(cache.DIRECTORY_VARIABLE, raising=False)
    monkeypatch.delenv(cache.SWITCH_VARIABLE, raising=False)
    if sys.platform.startswith("linux"):
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
        assert cache.directory().parent == tmp_path / "pronghorn"
    monkeypatch.setenv(cache.DIRECTORY_VARIABLE, str(tmp_path / "mine"))
    assert cache.directory().parent == tmp_path / "mine"
