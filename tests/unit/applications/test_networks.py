"""The networks of `applications`: what they are made of, what they refuse, and where their weights come from."""

import functools
import hashlib
import http.server
import inspect
import json
import pickle
import shutil
import subprocess
import sys
import threading

import numpy as np
import pytest

import pronghorn
from pronghorn import applications, layers, utils
from pronghorn.applications import imagenet_utils, pretrained, weight_files
from pronghorn.saving.legacy import h5_files

small = functools.partial(applications.MobileNet, input_shape=(32, 32, 3), alpha=0.25, weights=None, classes=3)


# -- what the functions look like ------------------------------------------------------------------------------------
def test_signatures():
    arguments = list(inspect.signature(applications.ResNet50).parameters)
    assert arguments[:5] == ["include_top", "weights", "input_tensor", "input_shape", "pooling"]
    assert str(inspect.signature(applications.MobileNet)).startswith(
        "(input_shape=None, alpha=1.0, depth_multiplier=1, dropout=0.001, include_top=True, weights='imagenet'"
    )
    assert "input_shape: shape of one image" in applications.NASNetLarge.__doc__
    with pytest.raises(TypeError, match=r"VGG16: .*'clases'.*its arguments are include_top"):
        applications.VGG16(clases=3)


@pytest.mark.parametrize(("side", "shown"), [(96, 96), (224, 224), (100, 224)])
def test_mobilenet_is_called_after_the_size_of_what_it_is_given(side, shown):
    behind = layers.Conv2D(3, 1)(layers.Input((side, side, 3)))
    model = applications.MobileNetV2(input_tensor=behind, weights=None, alpha=0.35, classes=2)
    assert model.name == f"mobilenetv2_0.35_{shown}"
    assert applications.MobileNet(input_tensor=behind, weights=None, alpha=0.25).name == "mobilenet_0.25_224"


@pytest.mark.parametrize("name", ["EfficientNetB0", "EfficientNetV2B0"])
def test_layers_of_the_same_shape_begin_with_weights_of_their_own(name):
    """Which follow the seed that was set, also in a second network of one process."""

    def kernels(seed):
        utils.set_random_seed(seed)
        model = getattr(applications, name)(weights=None, input_shape=(32, 32, 3), classes=3)
        return [np.asarray(weight).tobytes() for weight in model.trainable_weights if len(weight.shape) > 1]

    first, again, other = kernels(1), kernels(1), kernels(2)
    assert first == again
    assert len(set(first + other)) == 2 * len(first)


def test_importing_builds_nothing():
    code = (
        "import pronghorn, sys; pronghorn.applications.resnet50.preprocess_input; "
        "print([name for name in sys.modules if name.startswith('pronghorn.applications.networks')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# -- arguments -------------------------------------------------------------------------------------------------------
REFUSED = [
    ("VGG16", {"weights": "no such file"}, r"weights='no such file' is neither"),
    ("VGG16", {"pooling": "mean"}, r"pooling='mean'.*'avg' or 'max'"),
    ("VGG16", {"classes": 10}, r"1000 classes; got classes=10.*include_top=False"),
    ("VGG16", {"weights": None, "classes": 0}, r"classes must be a positive number; got 0"),
    ("VGG16", {"classifier_activation": "sigmoid"}, r"classifier_activation='sigmoid'"),
    ("VGG16", {"weights": None, "input_shape": (224, 224)}, r"three numbers.*got \(224, 224\)"),
    ("VGG16", {"weights": None, "input_shape": (31, 32, 3)}, r"at least 32x32; got input_shape=\(31, 32, 3\)"),
    ("Xception", {"weights": None, "input_shape": (70, 71, 3)}, r"at least 71x71"),
    ("VGG16", {"weights": None, "input_shape": (None, None, 3)}, r"has no size"),
    ("VGG16", {"input_shape": (64, 64, 3)}, r"input_shape=\(224, 224, 3\); got \(64, 64, 3\)"),
    ("VGG16", {"include_top": False, "input_shape": (64, 64, 1)}, r"images of 3 channels"),
    ("VGG16", {"weights": None, "input_tensor": np.zeros((1, 64, 64, 3))}, r"symbolic tensor.*got ndarray"),
    ("MobileNet", {"alpha": 0.6}, r"alpha=0.6 has no weights.*0.25, 0.5, 0.75, 1.0"),
    ("MobileNet", {"depth_multiplier": 2}, r"depth_multiplier=1; got 2"),
    ("MobileNetV3Small", {"alpha": 0.75, "minimalistic": True}, r"there are some for 1.0"),
]


@pytest.mark.parametrize(("name", "arguments", "message"), REFUSED, ids=lambda value: str(value)[:40])
def test_refused_before_anything_is_built(name, arguments, message, monkeypatch):
    monkeypatch.setattr(layers, "Input", None)  # what building begins with
    with pytest.raises(ValueError, match=f"^{name}: .*{message}"):
        getattr(applications, name)(**arguments)


def test_strange_channels_are_warned_of():
    with pytest.warns(UserWarning, match=r"images have 1 or 3 channels, not the 5"):
        applications.MobileNet((32, 32, 5), alpha=0.25, weights=None)


@pytest.mark.parametrize("name", ["MobileNetV2", "MobileNetV3Small"])
@pytest.mark.parametrize(("given", "width"), [((96, 96, 3), 64), ((96, 96, 3), None), ((64, 32, 3), 64)])
def test_a_shape_that_is_not_the_tensors_is_refused(name, given, width):
    with pytest.raises(ValueError, match=rf"{name}: input_shape=.*{given[1]}, 3\) and input_tensor.*not equally wide"):
        getattr(applications, name)(input_shape=given, input_tensor=layers.Input((64, width, 3)), weights=None)


def test_nasnet_takes_a_tensor_without_a_size():
    network = applications.NASNetMobile(input_tensor=layers.Input((None, None, 3)), weights=None, include_top=False)
    assert network.input_shape == (None, None, None, 3)


def test_nasnet_takes_images_without_a_size_if_asked():
    network = applications.NASNetMobile((None, None, 1), weights=None, include_top=False)
    assert network.input_shape == (None, None, None, 1) and network.output_shape[-1] == 1056


def test_own_tensor_as_the_images():
    images = layers.Input((40, 40, 3), name="photo")
    network = applications.MobileNet(
        input_tensor=layers.Rescaling(2.0, name="twice")(images),
        alpha=0.25,
        weights=None,
        include_top=False,
        pooling="avg",
    )
    assert [layer.name for layer in network.layers[:3]] == ["photo", "twice", "conv1"]
    assert network.inputs[0] is images and network.output_shape == (None, 256)


@pytest.fixture
def channels_first():
    before = pronghorn.config.image_data_format()
    pronghorn.config.set_image_data_format("channels_first")
    yield
    pronghorn.config.set_image_data_format(before)


def test_networks_with_channels_first(channels_first):
    assert applications.EfficientNetB0(weights=None, include_top=False).output_shape == (None, 1280, None, None)
    assert applications.NASNetMobile((3, 32, 64), weights=None, include_top=False).output_shape == (None, 1056, 1, 2)
    with pytest.raises(ValueError, match=r"ConvNeXtTiny: its dense layers.*channels_last"):
        applications.ConvNeXtTiny(weights=None)


@pytest.mark.slow
def test_channels_first_gives_the_same(channels_first):
    first = small(input_shape=(3, 32, 32), include_top=False)
    pronghorn.config.set_image_data_format("channels_last")
    last = small(include_top=False)
    first.set_weights(last.get_weights())
    images = np.random.default_rng(0).normal(size=(2, 32, 32, 3)).astype("float32")
    expected = last.predict(images, verbose=0)
    found = first.predict(np.moveaxis(images, -1, 1), verbose=0)
    np.testing.assert_allclose(np.moveaxis(found, 1, -1), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("network", ["resnet", "densenet"])
def test_what_is_no_image_is_not_prepared(network):
    prepare = getattr(applications, network).preprocess_input
    for x in ("photo.png", [[[0.0, 0.0, 0.0]]], None):
        with pytest.raises(TypeError, match="must be an array or a tensor of images.*utils.load_img"):
            prepare(x)
    for shape in ((2, 2), (4, 4, 1), (1, 4, 4, 4)):
        with pytest.raises(ValueError, match=r"\(height, width, 3\).*got \("):
            prepare(np.zeros(shape, "float32"))
    with pytest.raises(ValueError, match=r"\(3, height, width\)"):
        prepare(np.zeros((4, 4, 3), "float32"), data_format="channels_first")
    assert prepare(np.zeros((2, 1, 4, 4, 3), "float32")).shape == (2, 1, 4, 4, 3)
    assert prepare(layers.Input((None, None, 3))).shape == (None, None, None, 3)
    assert applications.mobilenet.preprocess_input(np.zeros((4, 4, 1), "float32")).min() == -1


# -- files -----------------------------------------------------------------------------------------------------------
@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "home"))
    return tmp_path / "home" / "models"


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        self.server.asked.append(self.path)


@pytest.fixture
def site(tmp_path, monkeypatch):
    """A server that publishes weights of MobileNet as Keras does, and what was asked of it."""
    folder = tmp_path / "site"
    place = folder / "tensorflow/keras-applications/mobilenet"
    place.mkdir(parents=True)
    network = applications.MobileNet((128, 128, 3), alpha=0.25, weights=None)
    h5_files.save_weights(network, place / "mobilenet_2_5_128_tf.h5")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Quiet, directory=folder))
    server.asked, server.network, server.folder = [], network, folder
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setattr(pretrained, "HOST", f"http://127.0.0.1:{server.server_port}/")
    monkeypatch.setattr(imagenet_utils, "_CLASSES", f"http://127.0.0.1:{server.server_port}/classes.json")
    yield server
    server.shutdown()
    server.server_close()


pretrained_network = functools.partial(applications.MobileNet, (128, 128, 3), alpha=0.25)


def test_pretrained_weights_are_downloaded_once(site, home, capsys):
    network = pretrained_network()
    for ours, published in zip(network.get_weights(), site.network.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, published)
    assert (home / "mobilenet_2_5_128_tf.h5").exists()
    assert site.asked == ["/tensorflow/keras-applications/mobilenet/mobilenet_2_5_128_tf.h5"]
    pretrained_network()
    assert len(site.asked) == 1


def test_a_file_that_is_there_is_taken(site, home):
    home.mkdir(parents=True)
    source = site.folder / "tensorflow/keras-applications/mobilenet/mobilenet_2_5_128_tf.h5"
    shutil.copy(source, home)
    pretrained_network()
    assert site.asked == []


def test_the_checksum_is_checked(site, home, monkeypatch):
    group = next(group for group in weight_files.GROUPS if "MobileNet 0.25 128" in group.rows)
    monkeypatch.setitem(group.rows, "MobileNet 0.25 128", ("mobilenet_2_5_128", "0" * 32, None))
    with pytest.raises(ValueError, match="damaged or another version"):
        pretrained_network()
    data = (site.folder / "tensorflow/keras-applications/mobilenet/mobilenet_2_5_128_tf.h5").read_bytes()
    good = hashlib.md5(data).hexdigest()
    monkeypatch.setitem(group.rows, "MobileNet 0.25 128", ("mobilenet_2_5_128", good, None))
    pretrained_network()


def test_a_damaged_file_in_the_folder_is_to_be_deleted(site, home):
    home.mkdir(parents=True)
    source = site.folder / "tensorflow/keras-applications/mobilenet/mobilenet_2_5_128_tf.h5"
    (home / source.name).write_bytes(source.read_bytes()[:1000])
    with pytest.raises(ValueError, match=rf"^MobileNet: .*Delete {home / source.name}, and the next call downloads"):
        pretrained_network()
    (home / source.name).unlink()
    pretrained_network()


def test_without_a_network_one_line_says_where_to_put_the_file(home, monkeypatch):
    monkeypatch.setattr(pretrained, "HOST", "http://127.0.0.1:9/")
    monkeypatch.setattr(layers, "Input", None)
    with pytest.raises(ConnectionError) as caught:
        applications.VGG16()
    name = "vgg16_weights_tf_dim_ordering_tf_kernels.h5"
    assert f"put the file at {home / name} by hand" in str(caught.value) and "\n" not in str(caught.value)


def test_other_sizes_take_the_weights_of_224(site, home):
    with pytest.warns(UserWarning, match="those for 224 are taken"), pytest.raises(ConnectionError):
        applications.MobileNet((100, 100, 3), alpha=0.25, include_top=False)
    assert site.asked[-1].endswith("mobilenet_2_5_224_tf_no_top.h5")


def test_weights_from_a_path(tmp_path):
    one = small()
    one.save_weights(tmp_path / "one.weights.h5")
    two = small(weights=tmp_path / "one.weights.h5")
    np.testing.assert_array_equal(one.get_weights()[0], two.get_weights()[0])


def test_decode_predictions(site, home):
    names = {str(number): [f"n{number:08}", f"class_{number}"] for number in range(1000)}
    text = json.dumps(names)
    (site.folder / "classes.json").write_text(text)
    scores = np.zeros((2, 1000), dtype="float32")
    scores[0, [7, 3]], scores[1, 999] = (0.5, 0.25), 1.0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(imagenet_utils, "_CLASSES_HASH", hashlib.md5(text.encode()).hexdigest())
        first, second = applications.resnet50.decode_predictions(scores, top=2)
    assert first == [("n00000007", "class_7", 0.5), ("n00000003", "class_3", 0.25)]
    assert second[0] == ("n00000999", "class_999", 1.0)
    assert (home / "imagenet_class_index.json").exists()


def test_every_network_has_its_file():
    keys = {key for group in weight_files.GROUPS for key in group.rows}
    networks = {name for name in dir(applications) if name[0].isupper()}
    assert networks == {key.split()[0] for key in keys} and len(networks) == 40 and len(keys) == 88
    for key in keys:
        for top in (True, False):
            file = pretrained.published(key, top)
            assert file.url.startswith("https://storage.googleapis.com/") and file.name.endswith(".h5")
            assert file.checksum is None or len(file.checksum) in (32, 64)


# -- training and saving ---------------------------------------------------------------------------------------------
@pytest.mark.slow
def test_fine_tuning():
    base = small(include_top=False, pooling="avg")
    base.trainable = False
    images = layers.Input((32, 32, 3))
    network = pronghorn.Model(images, layers.Dense(3, activation="softmax")(base(images, training=False)))
    x, y = np.random.default_rng(0).normal(size=(8, 32, 32, 3)), np.arange(8) % 3
    before = [weight.copy() for weight in base.get_weights()]
    network.compile("adam", "sparse_categorical_crossentropy")
    network.fit(x, y, verbose=0)
    assert all(np.array_equal(old, new) for old, new in zip(before, base.get_weights()))
    base.trainable = True
    network.compile(pronghorn.optimizers.Adam(1e-5), "sparse_categorical_crossentropy")
    network.fit(x, y, verbose=0)
    changed = [not np.array_equal(old, new) for old, new in zip(before, base.get_weights())]
    moving = ["moving" in weight.name for weight in base.weights]  # with training=False they stay as they are
    assert any(changed) and not any(np.logical_and(changed, moving))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["ConvNeXtTiny", "MobileNetV3Small"])
def test_saved_and_loaded(name, tmp_path):
    network = getattr(applications, name)(weights=None, input_shape=(32, 32, 3), classes=3)
    network.save(tmp_path / "network.keras")
    again = pronghorn.saving.load_model(tmp_path / "network.keras")
    images = np.random.default_rng(0).uniform(0, 255, (2, 32, 32, 3))
    np.testing.assert_array_equal(network.predict(images, verbose=0), again.predict(images, verbose=0))


def test_the_networks_own_layers_are_found():
    layer = applications.inception_resnet_v2.CustomScaleLayer(0.5, name="sum")
    config = pronghorn.saving.serialize_keras_object(layer)
    assert (config["module"], config["registered_name"]) == (
        "keras.src.applications.inception_resnet_v2",
        "CustomScaleLayer",
    )
    assert type(pronghorn.saving.deserialize_keras_object(config)) is type(layer)
    with pytest.raises(TypeError):
        pronghorn.saving.deserialize_keras_object({**config, "module": "keras.layers"})


def test_get_source_inputs_is_what_models_start_from():
    images = layers.Input((32, 32, 3))
    assert utils.get_source_inputs(layers.Rescaling(0.5)(images)) == [images]


def test_networks_are_pickled_by_name():
    for name in applications.__all__:
        value = getattr(applications, name)
        if callable(value):
            assert pickle.loads(pickle.dumps(value)) is value
