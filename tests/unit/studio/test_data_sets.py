"""Data of one's own."""

import json

import numpy as np
import pytest

from pronghorn.studio import data_sets, tables


def uploaded(shape, labels, classes=("a", "b"), cut=0):
    head = json.dumps({"name": "n", "classes": classes, "labels": labels, "shape": shape}).encode()
    pixels = np.arange(int(np.prod(shape)), dtype=np.uint8).tobytes()
    return len(head).to_bytes(4, "little") + head + pixels[: len(pixels) - cut]


def test_uploaded_images_are_split_class_by_class():
    data = data_sets.read_image_upload(uploaded([12, 4, 5, 3], [0] * 10 + [1] * 2))
    assert data.shape == (4, 5, 3) and len(data.x) + len(data.x_test) == 12
    assert set(data.y) == set(data.y_test) == {0, 1}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff\xff\xff\xff",
        uploaded([4, 4, 5, 3], [0, 0, 1, 1], cut=1),
        uploaded([4, 4, 5, 3], [0, 0, 1, 2]),
        uploaded([4, 4, 5, 3], [0, 0, 1]),
        uploaded([4, 4, 5, 3], [0, 0, 0, 1]),
        uploaded([2, 4, 5, 3], [0, 0], classes=["a"]),
        uploaded([0, 4, 5, 3], []),
    ],
)
def test_wrong_uploads_are_refused(body):
    with pytest.raises(ValueError):
        data_sets.read_image_upload(body)


def table(rows, header="size,colour,price"):
    return tables.read_csv("t.csv", "\n".join([header, *rows]))


def test_a_table_of_numbers_and_words():
    found = table([f"{i},{'red' if i % 2 else 'blue'},{i * 10.5}" for i in range(10)])
    data = tables.from_table(found)
    assert data.columns == ("size", "colour: blue", "colour: red") and data.classes == ()
    assert len(data.x) == 8 and len(data.x_test) == 2
    np.testing.assert_allclose(data.x.mean(axis=0), 0, atol=1e-6)


def test_words_and_few_whole_numbers_are_classes():
    found = table([f"{i},x;y,{i % 3 + 1}" for i in range(9)], "a,b,kind")
    assert tables.from_table(found).classes == ("1", "2", "3")
    found.target = "b"
    with pytest.raises(ValueError, match="1 different values"):
        tables.from_table(found)


def test_empty_cells_and_constant_columns_stay_finite():
    data = tables.from_table(table([f"{'' if i == 3 else i},5,{i / 7}" for i in range(8)], "a,b,c"))
    assert np.isfinite(data.x).all() and np.isfinite(data.x_test).all()


def test_missing_values_as_people_write_them():
    cells = ["1", "NA", "?", "", "2", "null", "3", "4"]
    data = tables.from_table(table([f"{cell},{i / 7}" for i, cell in enumerate(cells)], "a,b"))
    assert data.shape == (1,) and np.isfinite(data.x).all()
    data = tables.from_table(table([f"{i},{cell}" for i, cell in enumerate([*cells, "5.5"])], "a,b"))
    assert len(data.x) + len(data.x_test) == 5 and "4 rows without it are left out" in data.note
    with pytest.raises(ValueError, match="Only 0 rows have a value of 'b'"):
        tables.from_table(table(["1,"] * 6, "a,b"))


def test_a_decimal_comma_where_columns_are_apart_by_semicolons():
    rows = "\n".join(f"{i},5;{i};word" for i in range(6))
    found = tables.read_csv("t.csv", f"a;b;c\n{rows}\n")
    assert found.rows[2] == ["2.5", "2", "word"]


def test_tables_that_are_none():
    with pytest.raises(ValueError, match="no table of text"):
        tables.read_csv("t.csv", "a\0,b\n")
    with pytest.raises(ValueError, match="but not of sentences"):
        tables.from_table(table([f"text {i},{i % 2}" for i in range(60)], "a,b"))
    with pytest.raises(ValueError, match="five or more rows"):
        table(["1,2,3"])
    with pytest.raises(ValueError, match="Row 3 has 2 cells"):
        table(["1,2,3", "1,2", "1,2,3", "1,2,3", "1,2,3"])


def test_other_separators():
    assert tables.read_csv("t", "a;b\n1;2\n1;2\n1;2\n1;2\n1;2\n").header == ["a", "b"]


def test_numbers_beyond_all_measure_leave_the_others_as_they_are():
    rows = [f"{value},{i % 2}" for i, value in enumerate(["1e307", "-1e300", "inf", "1e400", *range(8)])]
    data = tables.from_table(table(rows, "a,b"))
    assert np.isfinite(data.x).all() and np.isfinite(data.x_test).all()
    assert max(np.abs(data.x).max(), np.abs(data.x_test).max()) < 5
    with pytest.raises(ValueError, match="numbers beyond 1e\\+37"):
        tables.from_table(table([f"{i},{i + 0.5}e38" for i in range(30)], "a,b"))


def test_classes_are_told_apart_by_their_numbers():
    found = table([f"{i},{('0', '-0', '1', '1.0', '01', '1e1')[i % 6]}" for i in range(12)], "a,b")
    assert tables.from_table(found).classes == ("0", "1", "10")


def test_columns_of_one_name_are_refused():
    with pytest.raises(ValueError, match="Two columns of t.csv are called 'a'"):
        table(["1,2,3"] * 6, "a,b,a")
