"""Files, records, pictures, tables, variables and checkpoints of the stand-in for TensorFlow."""

import gzip
import os
import sys
from io import BytesIO

import numpy as np
import pytest

from pronghorn.data import Dataset
from pronghorn.scripts import aliases, older_names
from pronghorn_tensorflow.alias import TensorFlowAlias, submodule

tf = TensorFlowAlias("tensorflow")
io, gfile, train, data, experimental, summary, errors = (
    submodule(f"tensorflow.{name}")
    for name in ("io", "io.gfile", "train", "data", "data.experimental", "summary", "errors")
)


@pytest.fixture(autouse=True)
def only_the_stand_in(monkeypatch):
    """`import tensorflow` gives the stand-in; `keras` stays what it is."""
    monkeypatch.setattr(sys, "meta_path", [aliases._AliasFinder(("tensorflow",)), *sys.meta_path])
    yield
    for name in [name for name in sys.modules if name.partition(".")[0] == "tensorflow"]:
        del sys.modules[name]


def example(number):
    feature = train.Feature(int64_list=train.Int64List(value=[number]))
    return train.Example(features=train.Features(feature={"x": feature})).SerializeToString()


@pytest.mark.parametrize("compression", ["", "GZIP", "ZLIB"])
def test_records_come_back(tmp_path, compression):
    path = str(tmp_path / "a.tfrecord")
    with io.TFRecordWriter(path, io.TFRecordOptions(compression_type=compression)) as writer:
        for number in (0, -1, 2**40):
            writer.write(example(number))
    records = data.TFRecordDataset([path], compression_type=compression)
    spec = {"x": io.FixedLenFeature([], "int64")}
    assert [int(io.parse_single_example(r, spec)["x"]) for r in records] == [0, -1, 2**40]
    batch = next(iter(records.batch(3).map(lambda r: io.parse_example(r, spec))))
    assert batch["x"].tolist() == [0, -1, 2**40]


def test_records_that_are_damaged_are_told(tmp_path):
    path = tmp_path / "a.tfrecord"
    with io.TFRecordWriter(str(path)) as writer:
        writer.write(example(5))
    whole = path.read_bytes()
    for damage, words in (
        (b"no records at all", "damaged, or holds no TFRecords"),
        (gzip.compress(whole), "damaged, or holds no TFRecords"),
        (whole[:-6], "cut off within a record"),
        (whole[:14] + b"X" + whole[15:], "checksum is another"),
        (whole[:5], "damaged"),
    ):
        path.write_bytes(damage)
        with pytest.raises(ValueError, match=words):
            list(data.TFRecordDataset(str(path)))
    path.write_bytes(whole)
    with pytest.raises(ValueError, match="compression_type='LZ4'"):
        list(data.TFRecordDataset(str(path), "LZ4"))


def test_messages_that_are_damaged_are_told():
    whole = example(5)
    for cut in range(1, len(whole)):
        with pytest.raises(ValueError):
            found = train.Example.FromString(whole[:cut])
            io.parse_single_example(found.SerializeToString(), {"x": io.FixedLenFeature([], "int64")})
    with pytest.raises(ValueError, match="no tensor of a known kind"):
        io.parse_tensor(b"\x08\x01\x12\x04\x12\x02\x08\x7f", "float32")


def test_lines_and_tables(tmp_path):
    path = tmp_path / "t.txt"
    path.write_bytes(b"one\ntwo\r\n\nlast")
    assert [x.numpy() for x in data.TextLineDataset(str(path))] == [b"one", b"two", b"", b"last"]
    (tmp_path / "c.csv").write_text("a,b,y\n1,x,0\n2,,1\n,z,0\n")
    batches = experimental.make_csv_dataset(
        str(tmp_path / "c.csv"), batch_size=2, label_name="y", num_epochs=1, shuffle=False
    )
    (first, labels), (rest, _) = batches
    assert first["a"].tolist() == [1, 2] and first["b"].tolist() == [b"x", b""] and labels.tolist() == [0, 1]
    assert rest["a"].tolist() == [0] and first["a"].dtype == "int32"
    with pytest.raises(ValueError, match="none of the columns"):
        experimental.make_csv_dataset(str(tmp_path / "c.csv"), 2, label_name="z")
    assert sorted(os.path.basename(x.numpy()) for x in Dataset.list_files(str(tmp_path / "*.csv"))) == [b"c.csv"]
    with pytest.raises(ValueError, match="no file matches"):
        Dataset.list_files(str(tmp_path / "*.none"))


@pytest.mark.parametrize(
    ("cells", "dtype"),
    [
        (["1", "-2147483648"], "int32"),
        (["1", "2147483648"], "int64"),
        (["1", "1.5"], "float32"),
        (["1", "1e50"], "float64"),
        (["nan", "NaN"], "string"),
        (["1", "inf"], "string"),
        (["Infinity", ""], "string"),
        (["", "?"], "string"),
        (["1_0", "2"], "string"),
        (["x", "1"], "string"),
        (["1", "?"], "int32"),
    ],
)
def test_columns_of_a_table_have_the_first_type_that_holds_their_cells(tmp_path, cells, dtype):
    (tmp_path / "c.csv").write_text("a,b\n" + "".join(f"{cell},0\n" for cell in cells))
    batches = experimental.make_csv_dataset(str(tmp_path / "c.csv"), 2, na_value="?", num_epochs=1, shuffle=False)
    (batch,) = batches
    kinds = [str(tf.as_dtype(batch[name].dtype).name) for name in "ab"]
    assert kinds == [dtype, "int32"]


def test_tables_line_by_line(tmp_path):
    path = tmp_path / "c.csv"
    path.write_text('a,b,c\n1.5,"x,y",3\n2,z,\n')
    lines = list(experimental.CsvDataset(str(path), ["float32", tf.string, [7]], header=True))
    assert [[x.numpy() for x in line] for line in lines] == [[1.5, b"x,y", 3], [2.0, b"z", 7]]
    assert lines[0][0].dtype == "float32" and lines[0][2].dtype == "int32"
    for chosen in ({"select_cols": [2]}, {"exclude_cols": [0, 1]}):
        found = experimental.CsvDataset([str(path), str(path)], [[7]], header=True, **chosen)
        assert [x.numpy() for (x,) in found] == [3, 7, 3, 7]
    with pytest.raises(ValueError, match="record_defaults has 2 entries.*a line has 3 fields"):
        experimental.CsvDataset(str(path), [[0.0], [""]], header=True)
    with pytest.raises(ValueError, match="field 2 is required"):
        experimental.CsvDataset(str(path), [[0.0], [""], tf.int32], header=True)
    with pytest.raises(ValueError, match="select_cols and exclude_cols"):
        experimental.CsvDataset(str(path), [[7]], select_cols=[2], exclude_cols=[0, 1])


def test_files(tmp_path):
    path = tmp_path / "below" / "x.txt"
    io.write_file(str(path), "hi")
    assert io.read_file(tf.constant(str(path))).numpy() == b"hi" and gfile.exists(str(path))
    with gfile.GFile(str(path)) as stream:
        assert stream.read() == "hi"
    assert gfile.glob(str(tmp_path / "*" / "*.txt")) == [str(path)] and gfile.join("a", "b") == os.path.join("a", "b")
    with pytest.raises(errors.NotFoundError):
        io.read_file(str(tmp_path / "none"))
    with pytest.raises(errors.AlreadyExistsError, match="overwrite=True"):
        gfile.copy(str(path), str(path))


def test_pictures(tmp_path):
    image = pytest.importorskip("PIL.Image")
    rows = np.arange(20 * 30 * 3, dtype="uint32") * 7 % 251
    pixels = rows.astype("uint8").reshape(20, 30, 3)
    image.fromarray(pixels).resize((60, 40)).save(tmp_path / "a.jpg")
    stored = io.read_file(str(tmp_path / "a.jpg"))
    expected = np.asarray(image.open(tmp_path / "a.jpg"))
    assert (np.asarray(io.decode_jpeg(stored, dct_method="INTEGER_ACCURATE")) == expected).all()  # Pillow's own
    assert io.decode_jpeg(stored, channels=1).shape == (40, 60, 1)
    assert io.decode_jpeg(stored, ratio=2).shape == (20, 30, 3)
    odd = io.encode_jpeg(pixels[:17, :15])
    assert [tuple(io.decode_jpeg(odd, ratio=n).shape[:2]) for n in (1, 2, 4, 8)] == [(17, 15), (9, 8), (5, 4), (3, 2)]
    with pytest.raises(ValueError, match="ratio must be 1, 2, 4 or 8; got 3"):
        io.decode_jpeg(odd, ratio=3)
    several = BytesIO()
    image.fromarray(pixels).save(several, "MPO", save_all=True, append_images=[image.fromarray(pixels[::-1])])
    assert io.decode_jpeg(several.getvalue()).shape == (20, 30, 3)  # the first
    assert (np.asarray(io.decode_png(io.encode_png(pixels))) == pixels).all()
    colors = np.array([[[2, 160, 206], [108, 92, 243]]], "uint8")
    gray = io.decode_png(io.encode_png(colors), channels=1)
    assert np.asarray(gray)[0, :, 0].tolist() == [118, 114]  # TensorFlow's
    deep = np.array([[0, 255, 256], [54630, 17397, 65535]], "uint16")
    image.fromarray(deep).save(tmp_path / "deep.png")
    decoded = np.asarray(io.decode_png(io.read_file(str(tmp_path / "deep.png")), channels=3))
    assert decoded.dtype == np.uint8 and (decoded == (deep >> 8)[:, :, None]).all()
    frames = io.decode_image(io.encode_png(pixels), dtype="float32")
    np.testing.assert_allclose(frames, pixels / np.float32(255), rtol=1e-6)
    with pytest.raises(ValueError, match=r"are no whole picture of the kind PNG"):
        io.decode_png(stored.numpy()[:100])
    with pytest.raises(ValueError, match=r"are no whole picture of the kind PNG.*begin like no kind of picture\.$"):
        io.decode_png(b"nonsense")
    data_set = Dataset.list_files(str(tmp_path / "*.jpg")).map(lambda p: io.decode_jpeg(io.read_file(p), channels=3))
    assert next(iter(data_set.batch(1))).shape == (1, 40, 60, 3)


def test_scalars_for_tensorboard(tmp_path):
    writer = summary.create_file_writer(str(tmp_path / "logs"))
    assert summary.scalar("loss", 1.0, step=0) is False  # there is no file to write into
    with writer.as_default():
        for step in range(3):
            assert summary.scalar("loss", tf.constant(0.5 * step), step=step)
        with pytest.raises(ValueError, match="no step is set"):
            summary.scalar("loss", 1.0)
    (file,) = os.listdir(tmp_path / "logs")
    found = list(data.TFRecordDataset(str(tmp_path / "logs" / file)))
    assert len(found) == 4 and b"loss" in found[1].numpy()


def test_slices_of_variables():
    v = tf.Variable([[1.0, 2.0], [3.0, 4.0]])
    assert v[0, 0].assign(9.0) is v and v.numpy().tolist() == [[9, 2], [3, 4]]
    v[1].assign([5.0, 6.0])
    v[:, 1].assign_add([1.0, 1.0])
    v[..., 0].assign_sub(1.0)
    assert v.numpy().tolist() == [[8, 3], [4, 7]] and float(v[0, 1]) == 3 and (v[0] + 1).tolist() == [9, 4]
    v.scatter_nd_update([[0, 1]], [7.0])
    v.scatter_nd_add([[0, 1], [0, 1]], [1.0, 1.0])
    assert v.numpy()[0, 1] == 9 and isinstance(v, tf.Variable)

    @tf.function
    def step(x):
        v[0].assign(x)
        return v[0] * 2

    assert step(tf.constant([1.0, 2.0])).tolist() == [2, 4] and v.numpy()[0].tolist() == [1, 2]


class Affine(tf.Module):
    def __init__(self):
        super().__init__()
        self.w = tf.Variable(tf.ones((2, 2)))
        self.parts = [tf.Variable(tf.zeros(2)), tf.Variable(1.0, trainable=False)]

    @tf.function(input_signature=[tf.TensorSpec([None, 2], "float32")])
    def __call__(self, x):
        return x @ self.w + self.parts[0]


def test_signatures():
    module = Affine()
    assert module([[1.0, 2.0]]).tolist() == [[3, 3]] and module(x=tf.ones((3, 2))).shape == (3, 2)
    with pytest.raises(TypeError, match=r"__call__: its input_signature has TensorSpec.* shape \(2, 3\)"):
        module(tf.ones((2, 3)))
    assert module(np.ones((1, 2), "int64")).numpy().dtype == "float32"  # NumPy's arrays become what is asked for
    assert module(np.ones((1, 2)).view(np.recarray)).numpy().dtype == "float32"
    with pytest.raises(TypeError, match="dtype int32"):
        module(tf.ones((1, 2), "int32"))
    with pytest.raises(TypeError, match="too many positional arguments; its input_signature has 1 tensor"):
        module(tf.ones((2, 2)), 1)


def test_concrete_functions():
    with_signature = tf.function(lambda x: x * 2, input_signature=[tf.TensorSpec([None], "float32")])
    assert with_signature.get_concrete_function()(tf.ones(2)).tolist() == [2, 2]
    without = tf.function(lambda x: x + 1)
    assert without.get_concrete_function(tf.TensorSpec([2], "float32"))(tf.ones(2)).tolist() == [2, 2]


def test_modules_and_checkpoints(tmp_path):
    module = Affine()
    assert len(module.variables) == 3 and len(module.trainable_variables) == 2 and module.name == "affine"
    checkpoint = train.Checkpoint(model=module, step=tf.Variable(3))
    manager = train.CheckpointManager(checkpoint, str(tmp_path), max_to_keep=2)
    assert manager.latest_checkpoint is None and checkpoint.restore(None)
    paths = [manager.save() for _ in range(3)]
    module.w.assign(tf.zeros((2, 2)))
    checkpoint.restore(manager.latest_checkpoint).expect_partial()
    assert module.w.numpy().tolist() == [[1, 1], [1, 1]] and manager.checkpoints == paths[1:]
    assert train.latest_checkpoint(str(tmp_path)) == paths[-1]
    with pytest.raises(ValueError, match="has no other/0 of shape"):
        train.Checkpoint(other=module).restore(paths[-1])
    with pytest.raises(FileNotFoundError):
        checkpoint.read(str(tmp_path / "none"))


def test_names_that_are_not_there_say_what_is():
    with pytest.raises(AttributeError, match=r"there is tf\.nn\.conv2d"):
        _ = tf.conv2d
    with pytest.raises(AttributeError, match="nearest: decode_jpeg"):
        _ = io.decode_jpg
    with pytest.raises(AttributeError, match=r"tf\.function or, for a model's input, keras\.Input"):
        _ = submodule("tensorflow.compat.v1").placeholder


def test_older_names():
    v1 = submodule("tensorflow.compat.v1")
    assert v1.to_float([1]).dtype == "float32" and v1.reduce_sum([1, 2]).tolist() == 3
    v1.disable_v2_behavior()
    v1.logging.set_verbosity(v1.logging.ERROR)
    with submodule("tensorflow.distribute").MirroredStrategy().scope():
        pass


def test_backend_has_scopes_and_products():
    backend = older_names.module("backend")
    with backend.name_scope("scope"):
        assert backend.batch_dot(np.ones((2, 3)), np.ones((2, 3)), axes=1).shape == (2, 1)


def test_files_of_data_sets_may_be_named_by_tensors(tmp_path):
    folder, numbers = tf.constant(str(tmp_path / "all")), Dataset.range(3)
    numbers.save(folder)
    assert [int(x) for x in Dataset.load(folder)] == [0, 1, 2]
    for name in (tf.constant(str(tmp_path / "kept")), os.fsencode(tmp_path / "bytes")):
        assert [int(x) for x in numbers.cache(name)] == [0, 1, 2]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["all", "bytes.elements.npz", "kept.elements.npz"]


def test_tables_out_of_files_know_lines_their_numbers_and_their_parts(tmp_path):
    lookup, path = submodule("tensorflow.lookup"), tmp_path / "words.txt"
    path.write_text("red,7\nblue,9\n", encoding="utf-8")
    line, number = lookup.TextFileIndex.WHOLE_LINE, lookup.TextFileIndex.LINE_NUMBER
    kept = lookup.TextFileInitializer(str(path), "string", line, "int64", number)
    assert lookup.StaticHashTable(kept, -1).lookup(tf.constant(["blue,9", "red"])).numpy().tolist() == [1, -1]
    kept = lookup.TextFileInitializer(str(path), "string", 0, "int64", 1, delimiter=",")
    assert lookup.StaticHashTable(kept, -1).lookup(tf.constant(["red", "blue"])).numpy().tolist() == [7, 9]


@pytest.mark.parametrize("compression", ["", "GZIP", "ZLIB"])
def test_damaged_records_are_lost_data(tmp_path, compression):
    (tmp_path / "a").write_bytes(b"hello world and more bytes")
    with pytest.raises(errors.DataLossError, match="damaged") as caught:
        list(data.TFRecordDataset(str(tmp_path / "a"), compression_type=compression))
    assert isinstance(caught.value, ValueError) and isinstance(caught.value, errors.OpError)


@pytest.mark.parametrize(("mode", "own", "other"), [("RGB", 3, 4), ("RGBA", 4, 3)])
def test_webp_has_the_channels_of_the_picture(mode, own, other):
    image = pytest.importorskip("PIL.Image")
    stream = BytesIO()
    image.new(mode, (2, 2), (9,) * own).save(stream, "webp", lossless=True)
    for channels in (0, own):
        assert io.decode_webp(stream.getvalue(), channels).shape == (1, 2, 2, own)
    with pytest.raises(errors.InvalidArgumentError, match=f"channels={other} of a picture that has {own}"):
        io.decode_webp(stream.getvalue(), other)


@pytest.mark.parametrize(
    ("name", "mend"),
    [("gfile", "use tf.io.gfile"), ("string_split", "use tf.strings.split"), ("layers", "use tf.keras.layers")],
)
def test_names_of_tensorflow_1_lead_to_todays(name, mend):
    for module in (tf, submodule("tensorflow.compat.v1")):
        with pytest.raises(AttributeError, match=mend):
            getattr(module, name)


def test_records_of_the_older_kind(tmp_path):
    for kind in "", "GZIP":
        path = str(tmp_path / f"x{kind}")
        with io.TFRecordWriter(path, kind) as writer:
            writer.write(b"one")
            writer.write(b"")
        older = submodule("tensorflow.compat.v1.io")
        assert list(older.tf_record_iterator(path, io.TFRecordOptions(kind))) == [b"one", b""]
    assert older.gfile.exists(path)
    assert list(submodule("tensorflow.compat.v1.python_io").tf_record_iterator(tmp_path / "x")) == [b"one", b""]
    with pytest.raises(errors.DataLossError):
        list(older.tf_record_iterator(path))


def test_records_that_are_written_meanwhile(tmp_path):
    path = tmp_path / "x"
    with io.TFRecordWriter(str(path)) as writer:
        writer.write(b"one")
    one = path.read_bytes()
    found = submodule("tensorflow.compat.v1.io").tf_record_iterator(str(path))
    assert next(found) == b"one"
    assert list(found) == []
    for part in one[:5], one[5:15]:
        path.write_bytes(path.read_bytes() + part)
        with pytest.raises(errors.DataLossError):
            next(found)
    path.write_bytes(path.read_bytes() + one[15:])
    assert list(found) == [b"one"]
    with submodule("tensorflow.python.util.deprecation").silence():
        pass


def test_sixteen_bits_of_several_channels_are_refused_by_name():
    deep = np.full((2, 2, 1), 300, "uint16")
    assert (np.asarray(io.decode_png(io.encode_png(deep), dtype="uint16")) == 300).all()
    with pytest.raises(ValueError, match="encode_png"):
        io.encode_png(np.zeros((2, 2, 3), "uint16"))


def test_checkpoints_keep_strings(tmp_path):
    words, one = tf.Variable(["a", "", "b\0"]), tf.Variable("é")
    checkpoint = train.Checkpoint(words=words, inner=[one, tf.Variable(2)])
    path = checkpoint.write(str(tmp_path / "x"))
    words.assign(["x", "y", "z"])
    one.assign("x")
    checkpoint.read(path)
    assert words.numpy().tolist() == [b"a", b"", b"b\0"]
    assert one.numpy() == "é".encode()
