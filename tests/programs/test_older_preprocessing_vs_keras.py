"""`tensorflow.keras.preprocessing`, which scripts for Keras 2 use, gives what real Keras gives, draw by draw."""

import os
import random

import numpy as np
import pytest

from pronghorn.legacy.preprocessing import image, sequence, text

os.environ.setdefault("KERAS_BACKEND", "jax")
keras_image = pytest.importorskip("keras.src.legacy.preprocessing.image")
keras_sequence = pytest.importorskip("keras.src.legacy.preprocessing.sequence")
keras_text = pytest.importorskip("keras.src.legacy.preprocessing.text")

TEXTS = ["The cat sat on the mat.", "The dog ate my homework, the dog!", "", "Ünïcode ßtraße  double\ttab"]
TOKENIZERS = [
    {},
    {"num_words": 3},
    {"oov_token": "<other>"},
    {"num_words": 4, "oov_token": "<other>"},
    {"lower": False, "filters": ""},
    {"char_level": True, "num_words": 5, "oov_token": "~"},
    {"analyzer": str.split},
]


@pytest.mark.parametrize("settings", TOKENIZERS, ids=lambda settings: "-".join(settings) or "default")
def test_tokenizer(settings):
    def answers(module):
        tokenizer = module.Tokenizer(**settings)
        tokenizer.fit_on_texts(TEXTS)
        numbers = tokenizer.texts_to_sequences([*TEXTS, "a new dog unseen the"])
        yield [tokenizer.word_index, dict(tokenizer.word_counts), dict(tokenizer.index_docs), numbers]
        yield tokenizer.sequences_to_texts([*numbers, [99, 0, 1]])
        yield [
            tokenizer.texts_to_matrix(TEXTS, mode).round(6).tolist() for mode in ("binary", "count", "freq", "tfidf")
        ]
        yield module.tokenizer_from_json(tokenizer.to_json()).texts_to_sequences(TEXTS)

    for ours, theirs in zip(answers(text), answers(keras_text), strict=True):
        assert ours == theirs


def test_tokenizer_of_lists_and_its_refusals():
    tokenizer = text.Tokenizer()
    tokenizer.fit_on_texts([["A", "b"], ["b", "C"]])
    assert tokenizer.texts_to_sequences([["a", "c", "z"], []]) == [[2, 3], []]
    with pytest.raises(ValueError, match="fit_on_texts first"):
        text.Tokenizer().sequences_to_matrix([[1]])
    with pytest.raises(ValueError, match="tfidf"):
        text.Tokenizer(num_words=3).sequences_to_matrix([[1]], mode="tfidf")
    with pytest.raises(ValueError, match="one of binary"):
        tokenizer.texts_to_matrix(["a"], mode="other")
    with pytest.raises(TypeError, match="colour"):
        text.Tokenizer(colour=1)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"window_size": 1},
        {"negative_samples": 0},
        {"negative_samples": 2.5, "categorical": True},
        {"shuffle": False},
        {"seed": 7},
        {"sampling_table": [0.3] * 9},
    ],
    ids=lambda settings: "-".join(settings) or "default",
)
def test_skipgrams(settings):
    def pairs(module):
        random.seed(3)
        return module.skipgrams([1, 2, 0, 3, 4, 5], 9, **settings)

    assert pairs(sequence) == pairs(keras_sequence)
    assert sequence.skipgrams([], 9) == ([], [])


def test_sampling_table_and_hashes():
    ours, theirs = (module.make_sampling_table(10, 0.01) for module in (sequence, keras_sequence))
    np.testing.assert_allclose(ours, theirs, rtol=1e-12)
    assert text.hashing_trick("a b c a", 50, "md5") == keras_text.hashing_trick("a b c a", 50, "md5")
    assert text.text_to_word_sequence("a--b-c", "-", split="-") == ["a", "b", "c"]


@pytest.mark.parametrize(
    "settings",
    [
        {"length": 3, "batch_size": 4},
        {"length": 4, "sampling_rate": 2, "batch_size": 4},
        {"length": 3, "stride": 2, "batch_size": 4},
        {"length": 3, "start_index": 2, "end_index": 10, "batch_size": 4},
        {"length": 3, "reverse": True, "batch_size": 4},
        {"length": 3, "shuffle": True, "batch_size": 4},
        {"length": 19},
    ],
    ids=lambda settings: "-".join(settings),
)
def test_windows(settings):
    series = np.arange(40.0).reshape(20, 2)

    def batches(module):
        np.random.seed(0)
        windows = module.TimeseriesGenerator(series, np.arange(20), **settings)
        return [[part.tolist() for part in windows[i]] for i in range(len(windows))]

    assert batches(sequence) == batches(keras_sequence)


def test_windows_that_are_too_long():
    with pytest.raises(ValueError, match="smaller length"):
        sequence.TimeseriesGenerator(np.zeros(5), np.zeros(5), 5)
    with pytest.raises(ValueError, match="one length"):
        sequence.TimeseriesGenerator(np.zeros(5), np.zeros(4), 2)


IMAGE = np.random.RandomState(0).uniform(0, 255, (8, 6, 3)).astype("float32")
LAST = {"row_axis": 0, "col_axis": 1, "channel_axis": 2}
MOVES = [
    {"theta": 30},
    {"tx": 1.5, "ty": -2},
    {"shear": 20},
    {"zx": 0.7, "zy": 1.3},
    {"theta": -100, "tx": 3, "ty": 2, "shear": 5, "zx": 1.5, "zy": 1.4},
]


@pytest.mark.parametrize("mode", ["nearest", "constant", "reflect", "wrap"])
@pytest.mark.parametrize("order", [0, 1, 3])
@pytest.mark.parametrize("move", MOVES, ids=lambda move: "-".join(move))
def test_moved_images(move, order, mode):
    ours, theirs = (
        module.apply_affine_transform(IMAGE, **move, **LAST, fill_mode=mode, cval=7.0, order=order)
        for module in (image, keras_image)
    )
    assert ours.dtype == theirs.dtype
    np.testing.assert_allclose(ours, theirs, atol=1e-3)


CHANGES = [
    ("random_rotation", (30,), LAST),
    ("random_shift", (0.2, 0.3), LAST),
    ("random_shear", (20,), LAST),
    ("random_zoom", ((0.5, 1.5),), LAST),
    ("random_channel_shift", (20,), {"channel_axis": 2}),
    ("random_brightness", ((0.5, 1.5),), {}),
    ("random_brightness", ((0.5, 1.5), False), {}),
    ("apply_brightness_shift", (1.5,), {}),
]


@pytest.mark.parametrize("case", range(len(CHANGES)))
@pytest.mark.parametrize("factor", [1.0, 2.0])
def test_random_changes(case, factor):
    name, arguments, axes = CHANGES[case]

    def changed(module):
        np.random.seed(0)
        return getattr(module, name)(IMAGE * factor - 20 * (factor - 1), *arguments, **axes)

    np.testing.assert_allclose(changed(image), changed(keras_image), atol=2e-3)


GENERATORS = [
    {"rotation_range": 30, "horizontal_flip": True},
    {"width_shift_range": 2, "height_shift_range": [1, -2, 3]},
    {"width_shift_range": 0.2, "height_shift_range": 1.0, "shear_range": 10},
    {"zoom_range": 0.3, "vertical_flip": True, "fill_mode": "reflect"},
    {"zoom_range": [0.5, 1.5], "brightness_range": (0.5, 1.5), "channel_shift_range": 9.0},
    {"samplewise_center": True, "samplewise_std_normalization": True},
    {"rescale": 0.5, "preprocessing_function": lambda x: x * 2},
]
IMAGES = np.random.RandomState(1).uniform(0, 255, (10, 8, 6, 3)).astype("float32")
LABELS = np.arange(10)


def numbers(batch):
    return [numbers(part) for part in batch] if isinstance(batch, tuple | list) else np.asarray(batch, "float64")


def same(ours, theirs):
    if isinstance(ours, list):
        assert len(ours) == len(theirs)
        for pair in zip(ours, theirs):
            same(*pair)
    else:
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=2e-2)


@pytest.mark.parametrize("settings", GENERATORS, ids=lambda settings: "-".join(settings))
def test_generated_batches_of_arrays(settings):
    def batches(module):
        found = module.ImageDataGenerator(**settings).flow(IMAGES, LABELS, batch_size=4, seed=5)
        return [numbers(next(found)) for _ in range(5)] + [numbers(found[1]), len(found)]

    same(batches(image), batches(keras_image))


@pytest.mark.parametrize(
    "settings", [{"featurewise_std_normalization": True}, {"zca_whitening": True}], ids=["std", "zca"]
)
@pytest.mark.filterwarnings("ignore")
def test_generators_that_look_at_the_data(settings):
    def batch(module):
        generator = module.ImageDataGenerator(rotation_range=20, **settings)
        generator.fit(IMAGES, augment=True, rounds=2, seed=3)
        return numbers(next(generator.flow(IMAGES, batch_size=3, seed=1)))

    same(batch(image), batch(keras_image))
    with pytest.warns(UserWarning, match="fit"):
        next(image.ImageDataGenerator(featurewise_center=True).flow(IMAGES))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    pillow = pytest.importorskip("PIL.Image")
    root = tmp_path_factory.mktemp("pictures")
    draw = np.random.RandomState(2)
    for name in ("a", "b"):
        (root / name).mkdir()
        for i in range(5):
            pillow.fromarray(draw.randint(0, 255, (20 + i, 30, 3), dtype="uint8")).save(root / name / f"{i}.png")
    (root / "a" / "notes.txt").write_text("no picture")
    return root


@pytest.mark.parametrize("mode", ["categorical", "binary", "sparse", "input", None])
def test_generated_batches_of_folders(folder, mode):
    def batches(module):
        generator = module.ImageDataGenerator(rotation_range=30, validation_split=0.4)
        found = generator.flow_from_directory(
            str(folder), (8, 6), class_mode=mode, batch_size=4, seed=1, subset="training", color_mode="grayscale"
        )
        known = [found.samples, found.class_indices, found.classes.tolist(), found.filenames, found.image_shape]
        return known, [numbers(next(found)) for _ in range(4)]

    ours, theirs = batches(image), batches(keras_image)
    assert ours[0] == theirs[0]
    same(ours[1], theirs[1])


@pytest.mark.parametrize(
    ("mode", "column"),
    [("categorical", "kind"), ("binary", "kind"), ("raw", "size"), ("multi_output", ["size", "size"]), (None, None)],
)
@pytest.mark.filterwarnings("ignore")
def test_generated_batches_of_tables(folder, mode, column):
    pandas = pytest.importorskip("pandas")
    names, kinds = ["a/0.png", "b/1.png", "a/2.png", "gone.png"], ["u", "v", "u", "v"]
    table = pandas.DataFrame({"file": names, "kind": kinds, "size": [1.0, 2.0, 3.0, 4.0]})

    def batches(module):
        found = module.ImageDataGenerator().flow_from_dataframe(
            table, str(folder), "file", column, class_mode=mode, target_size=(8, 6), batch_size=2, seed=1
        )
        return found.filenames, [numbers(next(found)) for _ in range(3)]

    ours, theirs = batches(image), batches(keras_image)
    assert ours[0] == theirs[0]
    same(ours[1], theirs[1])


REFUSED = [
    lambda: image.ImageDataGenerator(zoom_range=[1, 2, 3]),
    lambda: image.ImageDataGenerator(zoom_range="a"),
    lambda: image.ImageDataGenerator(data_format="last"),
    lambda: image.ImageDataGenerator(validation_split=2.0),
    lambda: image.ImageDataGenerator(brightness_range=1.0),
    lambda: image.ImageDataGenerator().flow(IMAGES[0]),
    lambda: image.ImageDataGenerator().flow(IMAGES, LABELS[:3]),
    lambda: image.ImageDataGenerator(validation_split=0.3).flow(IMAGES, LABELS, subset="validation"),
    lambda: image.ImageDataGenerator().flow(IMAGES, subset="test"),
    lambda: image.apply_affine_transform(IMAGE, theta=1, fill_mode="mirror"),
    lambda: next(image.ImageDataGenerator().flow(IMAGES[:0])),
]


@pytest.mark.parametrize("case", range(len(REFUSED)))
def test_what_is_refused(case):
    with pytest.raises(ValueError):
        REFUSED[case]()
