"""`tf.saved_model`: what is saved and loaded again, in this process and another; damaged folders."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

import pronghorn as keras
from pronghorn_tensorflow.alias import TensorFlowAlias
from pronghorn_tensorflow.program import saved_model

tf = TensorFlowAlias("tensorflow")
ROWS = tf.TensorSpec([None, 2], tf.float32)


class Inner(tf.Module):
    def __init__(self):
        super().__init__()
        self.shift = tf.Variable([1.0, 2.0])


class Line(tf.Module):
    def __init__(self):
        super().__init__()
        self.w, self.inner = tf.Variable(2.0, name="w"), Inner()
        self.steps = [tf.Variable(3), tf.Variable(4.0, trainable=False)]
        self.named = {"a": tf.Variable(5.0)}
        self.number, self.myself = 5, self

    @tf.function(input_signature=[ROWS])
    def __call__(self, x):
        return x * self.w + self.inner.shift

    @tf.function(input_signature=[tf.TensorSpec([], tf.float32, name="amount")])
    def move(self, by):
        self.w.assign_add(by)
        return {"now": self.w}

    @tf.function(input_signature=[tf.TensorSpec([], tf.float32)])
    def put(self, value):
        self.w.assign(value)

    @tf.function
    def free(self, x, is_shifted=True):
        return x + self.w if is_shifted else x


@pytest.fixture
def saved(tmp_path):
    line = Line()
    line.free(tf.constant(1.0))
    line.free(tf.constant([1.0, 2.0]), is_shifted=False)
    path = str(tmp_path / "line")
    saved_model.save(line, path, signatures={"line": line.__call__, "move": line.move})
    return path


def test_functions_and_variables(saved):
    loaded = saved_model.load(saved)
    assert loaded(np.ones((3, 2), "float32")).tolist() == [[3, 4]] * 3
    assert loaded([[1.0, 2.0]]).tolist() == [[3, 6]]
    assert loaded(tf.zeros((0, 2))).shape == (0, 2)
    assert loaded.move(tf.constant(1.0))["now"].numpy() == 3
    assert loaded.put(7.0) is None and loaded.w.numpy() == 7
    assert loaded.free(tf.constant(1.0)).numpy() == 8
    assert loaded.free(tf.constant([1.0, 5.0]), False).tolist() == [1, 5]
    assert loaded.inner.shift.numpy().tolist() == [1, 2]
    assert [v.numpy() for v in loaded.steps] == [3, 4] and loaded.named["a"].numpy() == 5
    assert loaded.myself is loaded and not hasattr(loaded, "number")
    assert len(loaded.variables) == 5 and len(loaded.trainable_variables) == 4


def test_signatures(saved):
    loaded = saved_model.load(saved)
    assert list(loaded.signatures) == ["line", "move"]
    assert loaded.signatures["line"](x=tf.ones((1, 2)))["output_0"].tolist() == [[3, 4]]
    assert loaded.signatures["line"](tf.ones((1, 2)))["output_0"].tolist() == [[3, 4]]
    args, described = loaded.signatures["move"].structured_input_signature
    assert args == () and described == {"amount": tf.TensorSpec([], tf.float32, "amount")}
    assert loaded.signatures["move"].structured_outputs == {"now": tf.TensorSpec([], tf.float32, "now")}
    with pytest.raises(TypeError, match="it takes x; got y"):
        loaded.signatures["line"](y=tf.ones((1, 2)))


def test_gradients_and_use_in_compiled_functions(saved):
    loaded = saved_model.load(saved)
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(loaded(tf.ones((3, 2))))
    assert [g.numpy().tolist() for g in tape.gradient(total, [loaded.w, loaded.inner.shift])] == [6, [3, 3]]
    doubled = tf.function(lambda x: loaded(x) * 2)
    assert doubled(tf.ones((1, 2))).tolist() == [[6, 8]] and doubled(tf.ones((2, 2))).shape == (2, 2)


def test_other_arguments_than_it_was_saved_for(saved):
    loaded = saved_model.load(saved)
    with pytest.raises(ValueError, match="saved for other arguments"):
        loaded(tf.ones((3, 3)))
    with pytest.raises(ValueError, match=r"saved for: \(TensorSpec\(shape=\(\)"):
        loaded.free(tf.constant([1.0, 5.0]))
    with pytest.raises(ValueError, match="saved for other arguments"):
        loaded(tf.ones((3, 2), tf.int32))


def test_in_another_process_and_once_more(saved, tmp_path):
    code = (
        "import pronghorn.as_keras, sys, tensorflow as tf\n"
        "loaded = tf.saved_model.load(sys.argv[1])\n"
        "loaded.put(4.0)\n"
        "tf.saved_model.save(loaded, sys.argv[2])\n"
    )
    again = str(tmp_path / "again")
    subprocess.run([sys.executable, "-c", code, saved, again], check=True, env={**os.environ})
    loaded = saved_model.load(again)
    assert loaded(tf.ones((1, 2))).tolist() == [[5, 6]]
    assert loaded.move(1.0)["now"].numpy() == 5 and loaded.signatures == {}


def test_models(tmp_path):
    inputs = [keras.Input((None, 3), name="steps"), keras.Input((2,), name="rest")]
    x = keras.layers.Concatenate()([keras.layers.LSTM(4)(inputs[0]), inputs[1]])
    x = keras.layers.BatchNormalization()(keras.layers.Dropout(0.5)(x))
    model = keras.Model(inputs, {"a": keras.layers.Dense(1)(x), "b": x})
    path = str(tmp_path / "model")
    saved_model.save(model, path)
    loaded = saved_model.load(path)
    rng = np.random.default_rng(0)
    for rows, steps in ((3, 5), (1, 1), (2, 7)):
        batch = [rng.normal(size=shape).astype("float32") for shape in ((rows, steps, 3), (rows, 2))]
        expected = model.predict(batch, verbose=0)
        for found in (loaded(batch), loaded.signatures["serving_default"](inputs=batch[0], inputs_1=batch[1])):
            for name, value in expected.items():
                np.testing.assert_allclose(found[name], value, rtol=1e-5, atol=1e-6)
    assert len(loaded.trainable_variables) == len(model.trainable_variables)
    with pytest.raises(ValueError, match="must have an extent of 3"):
        loaded([np.zeros((3, 5, 3), "float32"), np.zeros((2, 2), "float32")])


@pytest.mark.parametrize("shape", [(1, 9, 7, 3), (2, 8, 4, 3)])
def test_open_extents_of_images(shape, tmp_path):
    layers = keras.layers
    parts = [layers.Conv2D(4, 3, padding="same"), layers.MaxPooling2D(), layers.GlobalAveragePooling2D()]
    model = keras.Sequential([keras.Input((None, None, 3)), *parts])
    saved_model.save(model, tmp_path / "m")
    x = np.random.default_rng(0).normal(size=shape).astype("float32")
    np.testing.assert_allclose(saved_model.load(tmp_path / "m")(x), model(x), rtol=1e-5, atol=1e-6)


def test_texts_are_looked_up(tmp_path):
    model = keras.Sequential([keras.Input((), dtype="string"), keras.layers.StringLookup(vocabulary=["a", "b"])])
    saved_model.save(model, tmp_path / "m")
    loaded = saved_model.load(tmp_path / "m")
    assert loaded(tf.constant(["b", "?", "a"])).tolist() == [2, 0, 1]


def test_any_number_of_axes(tmp_path):
    line = Line()
    concrete = line.free.get_concrete_function(tf.TensorSpec(None, tf.float32))
    saved_model.save(line, tmp_path / "m", signatures=concrete)
    serve = saved_model.load(tmp_path / "m").signatures["serving_default"]
    for shape in ((), (2,), (2, 3, 1)):
        assert np.all(serve(x=tf.ones(shape))["output_0"] == 3)


def test_states_and_random_numbers_go_on(tmp_path):
    module = tf.Module()
    module.seed = keras.random.SeedGenerator(1)
    module.draw = tf.function(lambda: keras.random.normal((2,), seed=module.seed), input_signature=[])
    saved_model.save(module, tmp_path / "m")
    loaded = saved_model.load(tmp_path / "m")
    assert [loaded.draw().tolist() for _ in range(2)] == [module.draw().tolist() for _ in range(2)]


def test_element_types_and_loops(tmp_path):
    module = tf.Module()
    module.w = tf.Variable(tf.ones((2,), tf.bfloat16))
    module.f = tf.function(lambda x: x * module.w, input_signature=[tf.TensorSpec((2,), tf.bfloat16)])
    module.g = tf.function(
        lambda n: tf.while_loop(lambda i, x: i < n, lambda i, x: (i + 1, x * 2.0), (0, float("inf")))[0],
        input_signature=[tf.TensorSpec([], tf.int32)],
    )
    saved_model.save(module, tmp_path / "m")
    loaded = saved_model.load(tmp_path / "m")
    assert loaded.f(tf.constant([1.0, 2.0], tf.bfloat16)).dtype == tf.bfloat16
    assert loaded.g(tf.constant(4)).numpy() == 4


def test_what_cannot_be_saved(tmp_path):
    with pytest.raises(ValueError, match=r"it must be a tf\.Module"):
        saved_model.save(3, tmp_path / "m")
    with pytest.raises(ValueError, match="has not been built"):
        saved_model.save(keras.Sequential([keras.layers.Dense(1)]), tmp_path / "m")
    line = Line()
    with pytest.raises(ValueError, match="must be a tf.function with an input_signature"):
        saved_model.save(line, tmp_path / "m", signatures=line.free)
    with pytest.raises(ValueError, match="it gives none"):
        saved_model.save(line, tmp_path / "m", signatures=line.put)
    assert not saved_model.contains_saved_model(tmp_path / "m")
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "mine.txt").write_text("keep")
    with pytest.raises(ValueError, match="folder with other things in it"):
        saved_model.save(line, tmp_path / "notes")


def test_what_cannot_be_loaded(saved, tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no saved model"):
        saved_model.load(tmp_path / "none")
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "saved_model.pb").write_bytes(b"")
    with pytest.raises(NotImplementedError, match="TFSMLayer"):
        saved_model.load(tmp_path / "theirs")


def _changes(written):
    """The file with one thing changed: each number, text and list, in turn."""

    def paths(node, path):
        yield path, node
        for key, part in node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ():
            yield from paths(part, (*path, key))

    places = [(path, node) for path, node in paths(written, ()) if path]
    for number, (path, _) in enumerate(places[:: max(1, len(places) // 150)]):
        changed = json.loads(json.dumps(written))
        inside = changed
        for key in path[:-1]:
            inside = inside[key]
        inside[path[-1]] = (-1, 10**6, None, "eval", [], {"graph": 0}, {"array": -1})[number % 7]
        yield changed


def test_damaged_folders_are_refused_or_harmless(saved):
    """A changed file raises ValueError, or what it says is another program of the same primitives."""
    path = os.path.join(saved, "programs.json")
    with open(path, encoding="utf-8") as stream:
        written = json.load(stream)
    refused = 0
    for changed in _changes(written):
        with open(path, "w", encoding="utf-8") as stream:
            json.dump(changed, stream)
        try:
            saved_model.load(saved)
        except ValueError:
            refused += 1
    assert refused > 50
    for content in ("", "[", "[" * 100_000, "{}", "null"):
        with open(path, "w", encoding="utf-8") as stream:
            stream.write(content)
        with pytest.raises(ValueError, match="cannot be read"):
            saved_model.load(saved)


def test_a_changed_extent_is_found_before_the_call(tmp_path):
    """What a rule cannot see while an extent is open, it sees with numbers."""
    module = tf.Module()
    module.f = tf.function(lambda x: x[1:], input_signature=[tf.TensorSpec([None], tf.float32)])
    saved_model.save(module, tmp_path / "m")
    assert saved_model.load(tmp_path / "m").f(tf.range(3.0)).tolist() == [1, 2]
    path = tmp_path / "m" / "programs.json"
    text = path.read_text()
    wrong = text.replace(
        '{"extent": [[["batch"], 1]]}]}, "stride"', '{"extent": [[["batch", "batch"], 1]]}]}, "stride"'
    )
    assert wrong != text
    path.write_text(wrong)
    with pytest.raises(ValueError, match="cannot be computed for extents|cannot be read"):
        saved_model.load(tmp_path / "m").f(tf.range(3.0))


def test_export_without_tensorflow(tmp_path):
    """Under `pronghorn run`, where TensorFlow is not installed; a plain program is told to install it."""
    code = (
        "import sys, numpy as np\n"
        "import pronghorn.as_keras, keras, tensorflow as tf\n"
        "from pronghorn.export import formats\n"
        "def missing(name): raise ImportError(name)\n"
        "formats.engines.engine = missing\n"
        "model = keras.Sequential([keras.Input((3,), name='rows'), keras.layers.Dense(2)])\n"
        "model.export(sys.argv[1])\n"
        "loaded = tf.saved_model.load(sys.argv[1])\n"
        "x = np.ones((4, 3), 'float32')\n"
        "assert np.allclose(loaded.serve(x), model(x)) and np.allclose(loaded(x), model(x))\n"
        "assert np.allclose(loaded.signatures['serve'](rows=x)['output_0'], model(x))\n"
        "assert len(loaded.trainable_variables) == 2\n"
    )
    path = str(tmp_path / "m")
    ran = subprocess.run([sys.executable, "-c", code, path], check=True, env={**os.environ}, capture_output=True)
    assert b"TensorFlow cannot read it" in ran.stdout
