"""Files that take the place of others."""

import os

from pronghorn.utils.replacing import reach_disk, replacing


def test_a_file_reaches_the_disk_through_what_may_write(tmp_path, monkeypatch):
    """Windows refuses to write out what has been opened for reading."""
    reached = []

    def fsync(descriptor):
        os.write(descriptor, b"c")  # an error where only reading is allowed
        reached.append(os.fstat(descriptor).st_ino)

    monkeypatch.setattr(os, "fsync", fsync)
    path = tmp_path / "file"
    path.write_bytes(b"content")
    reach_disk(path)
    with replacing(path) as fresh:
        fresh.write_bytes(b"cnew")
        inode = fresh.stat().st_ino
    assert path.read_bytes() == b"cnew" and reached[1:] == [inode]
