"""Static libraries."""

import shutil
import struct
import subprocess

import pytest

from pronghorn.export.native.archive import archive

FILES = {"one.o": b"abc", "a_name_that_is_long.o": b"defg", "another_long_name.o": b"h"}
SYMBOLS = {"one.o": ["f", "g"], "another_long_name.o": ["data"]}


def members(data):
    """By offset, the name and the content of each member."""
    assert data[:8] == b"!<arch>\n"
    at, found = 8, {}
    while at < len(data):
        name, size = data[at : at + 16].decode().rstrip(), int(data[at + 48 : at + 58])
        assert data[at + 58 : at + 60] == b"`\n"
        found[at] = name, data[at + 60 : at + 60 + size]
        at += 60 + size + size % 2
    assert at == len(data)
    return found


def test_members_and_the_index():
    found = members(archive(FILES, SYMBOLS))
    (_, index), (_, names), *files = found.values()
    assert [content for _, content in files] == list(FILES.values())
    assert [name for name, _ in files] == ["one.o/", "/0", "/23"]
    assert names == b"a_name_that_is_long.o/\nanother_long_name.o/\n"
    (count,) = struct.unpack_from(">I", index)
    places = struct.unpack_from(f">{count}I", index, 4)
    assert index[4 + 4 * count :] == b"f\0g\0data\0"
    assert [found[place][1] for place in places] == [b"abc", b"abc", b"h"]


def test_no_symbols_and_no_files():
    assert list(members(archive({}, {})).values()) == [("/", bytes(4))]


@pytest.mark.skipif(shutil.which("ar") is None, reason="ar is not installed")
def test_ar_reads_it(tmp_path):
    (tmp_path / "lib.a").write_bytes(archive(FILES, SYMBOLS))
    told = subprocess.run(["ar", "t", "lib.a"], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert told.stdout.split() == list(FILES)
    subprocess.run(["ar", "x", "lib.a"], cwd=tmp_path, check=True)
    assert {name: (tmp_path / name).read_bytes() for name in FILES} == FILES
