"""`make_csv_dataset`: the rows that say the types, and quotes; as TensorFlow answered for the same files."""

import numpy as np
import pytest

from pronghorn_tensorflow.files.records import make_csv_dataset


def columns(path, **options):
    (batch,) = make_csv_dataset(str(path), 200, num_epochs=1, shuffle=False, **options)
    return {name: (np.asarray(value).dtype.kind, np.asarray(value).tolist()) for name, value in batch.items()}


@pytest.fixture
def late(tmp_path):
    """150 rows of integers, and one that is none."""
    path = tmp_path / "a.csv"
    path.write_text("a,b\n" + "".join(f"{i},{i}\n" for i in range(150)) + "1.5,x\n")
    return path


@pytest.mark.parametrize("rows", [151, 1000, None])
def test_all_rows_say_the_types(late, rows):
    found = columns(late, num_rows_for_inference=rows)
    assert found["a"][0] == "f" and found["a"][1][-1] == 1.5
    assert found["b"][0] == "O" and found["b"][1][-1] == b"x"


def test_the_first_rows_say_the_types(late):
    for options in ({}, {"num_rows_for_inference": 1}, {"num_rows_for_inference": 150}):
        with pytest.raises(ValueError, match=r"1\.5"):
            columns(late, **options)
    assert columns(late, num_rows_for_inference=0)["a"][1][-1] == b"1.5"


def test_rows_are_counted_over_files(tmp_path):
    (tmp_path / "c1.csv").write_text("a\n1\n2\n")
    (tmp_path / "c2.csv").write_text("a\n1.5\n2\n")
    assert columns(tmp_path / "c*.csv") == {"a": ("f", [1.0, 2.0, 1.5, 2.0])}
    with pytest.raises(ValueError, match=r"1\.5"):
        columns(tmp_path / "c*.csv", num_rows_for_inference=2)


def test_quotes(tmp_path):
    path = tmp_path / "q.csv"
    path.write_text('a,b\n"x,1",1\n"y",2\n')
    assert columns(path)["a"] == ("O", [b"x,1", b"y"])
    with pytest.raises(ValueError, match="row 1 has 3 fields; there are 2 columns"):
        columns(path, use_quote_delim=False)
    path.write_text('a,b\n"x",1\n"y"z,2\n')
    assert columns(path, use_quote_delim=False)["a"] == ("O", [b'"x"', b'"y"z'])
