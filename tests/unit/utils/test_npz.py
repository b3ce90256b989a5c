"""Damaged `.npz` files: whoever reads one gives a ValueError that names it."""

import numpy as np
import pytest

from pronghorn.data import Dataset
from pronghorn.datasets._archive import load_npz, load_npz_of_lists
from pronghorn.export.stored import folder
from pronghorn.utils.npz import reading_npz


def harmed(whole):
    """What a file may have become: cut short at any place, and with any byte changed."""
    rng = np.random.default_rng(0)
    for _ in range(60):
        yield whole[: rng.integers(len(whole))]
    for _ in range(200):
        data = bytearray(whole)
        for place in rng.integers(len(whole), size=2):
            data[place] ^= int(rng.integers(1, 256))
        yield bytes(data)


def read_or_refused(read, path):
    """Whether it was refused, in the one way; the byte may be one that nobody reads."""
    try:
        read()
    except ValueError as error:
        assert path.name in str(error)
        return True
    return False


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("load", [load_npz, load_npz_of_lists])
def test_data_sets(load, save, tmp_path):
    path = tmp_path / "set.npz"
    save(path, x=np.arange(100.0), y=np.arange(10))
    assert [len(array) for array in load(path, ["x", "y"])] == [100, 10]
    refused = []
    for data in harmed(path.read_bytes()):
        path.write_bytes(data)
        refused.append(read_or_refused(lambda: load(path, ["x", "y"]), path))
    assert sum(refused) > 200


def test_saved_elements(tmp_path):
    Dataset.from_tensor_slices({"a": np.arange(5.0)}).save(str(tmp_path / "d"))
    (path,) = (tmp_path / "d").iterdir()
    refused = []
    for data in harmed(path.read_bytes()):
        path.write_bytes(data)
        refused.append(read_or_refused(lambda: list(Dataset.load(str(tmp_path / "d"))), path))
    assert sum(refused) > 150


def test_programs(tmp_path):
    folder.write(tmp_path / "p", folder.Contents(objects=[np.arange(9.0)]))
    path = tmp_path / "p" / "arrays.npz"
    for data in harmed(path.read_bytes()):
        path.write_bytes(data)
        read_or_refused(lambda: folder.read(tmp_path / "p"), tmp_path / "p")


def test_other_files(tmp_path):
    with pytest.raises(FileNotFoundError), reading_npz(tmp_path / "none.npz"):
        pass
    np.save(tmp_path / "one.npy", np.arange(3))
    with pytest.raises(ValueError, match="a single array"), reading_npz(tmp_path / "one.npy"):
        pass
    np.savez(tmp_path / "a.npz", x=1)
    with pytest.raises(ValueError, match="y is not a file in the archive"), reading_npz(tmp_path / "a.npz") as file:
        file["y"]
