"""Images, and folders of images, texts and sounds as data sets."""

import io
import json
import re
import wave
from pathlib import Path

import numpy as np
import pytest

from pronghorn import ops, preprocessing, utils
from pronghorn.data import RaggedTensor

Image = pytest.importorskip("PIL.Image")


@pytest.fixture
def pixels():
    return np.random.default_rng(0).integers(0, 256, (10, 12, 3)).astype("float32")


def test_array_to_img_and_back(pixels):
    image = utils.array_to_img(pixels, scale=False)
    assert image.size == (12, 10) and image.mode == "RGB"
    np.testing.assert_array_equal(utils.img_to_array(image), pixels)
    assert utils.img_to_array(image, data_format="channels_first").shape == (3, 10, 12)
    assert utils.array_to_img(np.moveaxis(pixels, 2, 0), data_format="channels_first").size == (12, 10)
    stretched = np.asarray(utils.array_to_img(pixels / 1000 + 5))
    assert stretched.min() == 0 and stretched.max() == 255
    assert utils.array_to_img(pixels[:, :, :1] * 9, scale=False).mode == "I"
    assert utils.img_to_array(utils.array_to_img(pixels[:, :, :1])).shape == (10, 12, 1)


@pytest.mark.parametrize("shape", [(3, 4), (3, 4, 5), (1, 3, 4, 3)])
def test_arrays_that_are_no_images_are_refused(shape):
    with pytest.raises(ValueError, match="an image has"):
        utils.array_to_img(np.zeros(shape))


def test_save_and_load(pixels, tmp_path):
    path = tmp_path / "a.png"
    utils.save_img(path, pixels, scale=False)
    np.testing.assert_array_equal(utils.img_to_array(utils.load_img(path)), pixels)
    assert utils.load_img(str(path), color_mode="grayscale").mode == "L"
    assert utils.load_img(path, color_mode="rgba").mode == "RGBA"
    assert utils.load_img(io.BytesIO(path.read_bytes()), target_size=(5, 6)).size == (6, 5)
    assert utils.load_img(path, target_size=(5, 5), keep_aspect_ratio=True).size == (5, 5)
    with pytest.raises(ValueError, match="color_mode='bgr'"):
        utils.load_img(path, color_mode="bgr")
    with pytest.raises(ValueError, match="nearest: bilinear"):
        utils.load_img(path, target_size=(2, 2), interpolation="bilinar")
    with pytest.raises(TypeError, match="got int"):
        utils.load_img(3)


def test_smart_resize(pixels):
    resized = preprocessing.image.smart_resize(pixels, (5, 5))
    assert isinstance(resized, np.ndarray) and resized.shape == (5, 5, 3)
    np.testing.assert_allclose(resized[0, 0], pixels[:2, 1:3].mean((0, 1)), rtol=1e-5)
    assert preprocessing.image.smart_resize(pixels[None], (3, 9)).shape == (1, 3, 9, 3)
    with pytest.raises(ValueError, match="height, width"):
        preprocessing.image.smart_resize(pixels, (3,))


@pytest.fixture
def folder(pixels, tmp_path):
    for name, count in (("dogs", 3), ("cats", 2)):
        (tmp_path / name).mkdir()
        for index in range(count):
            utils.save_img(tmp_path / name / f"{index}.png", pixels + 0 * index, scale=False)
        (tmp_path / name / "notes.md").write_text("no image")
    return tmp_path


def test_settings_of_resizing_are_checked_before_anything_is_read(folder):
    square = utils.image_dataset_from_directory(folder, image_size=6, interpolation="Nearest", verbose=False)
    assert next(iter(square))[0].shape[1:] == (6, 6, 3)
    for setting, message in (
        (
            {"interpolation": "cubic"},
            "`interpolation` must be one of nearest.*got interpolation='cubic'; nearest: bicubic",
        ),
        ({"interpolation": None}, "got interpolation=None"),
        ({"image_size": 0}, "two positive integers.*got image_size=0"),
        ({"image_size": (4, -1)}, "two positive integers"),
        ({"image_size": (4, 4, 3)}, "two positive integers"),
        ({"image_size": 2.5}, "two positive integers"),
        ({"seed": "a"}, "`seed` must be an integer or None; got seed='a'"),
    ):
        with pytest.raises(ValueError, match=message):
            utils.image_dataset_from_directory(folder, verbose=False, **setting)


def test_folder_of_images(folder, pixels, capsys):
    data = utils.image_dataset_from_directory(folder, image_size=(10, 12), batch_size=4, shuffle=False)
    (images, labels), (rest, _) = data
    assert images.shape == (4, 10, 12, 3) and images.dtype == np.float32 and len(rest) == 1 and len(data) == 2
    np.testing.assert_array_equal(images[0], pixels)
    assert labels.dtype == np.int32 and labels.tolist() == [0, 0, 1, 1] and data.class_names == ["cats", "dogs"]
    assert len(data.file_paths) == 5 and capsys.readouterr().out == "Found 5 files of 2 classes.\n"


def test_folder_of_images_resized_and_encoded(folder):
    data = utils.image_dataset_from_directory(
        folder, label_mode="categorical", class_names=["dogs", "cats"], color_mode="grayscale", image_size=(4, 4),
        data_format="channels_first", verbose=False, seed=1,
    )  # fmt: skip
    ((images, labels),) = data
    assert images.shape == (5, 1, 4, 4) and labels.sum(0).tolist() == [3, 2]
    ((_, labels),) = utils.image_dataset_from_directory(folder, label_mode="binary", verbose=False, image_size=(2, 2))
    assert labels.shape == (5, 1) and labels.dtype == np.float32
    (images,) = utils.image_dataset_from_directory(folder, labels=None, verbose=False, image_size=(2, 2))
    assert images.shape == (5, 2, 2, 3)
    (first, *_) = utils.image_dataset_from_directory(folder, batch_size=None, verbose=False, image_size=(2, 2))
    assert first[0].shape == (2, 2, 3)


def test_sixteen_bits_of_gray_are_read_as_their_higher_bytes(tmp_path):
    deep = np.array([[0, 255, 256], [54630, 17397, 65535]], "uint16")
    Image.fromarray(deep).save(tmp_path / "a.png")
    for color_mode, channels in (("grayscale", 1), ("rgb", 3), ("rgba", 4)):
        (images,) = utils.image_dataset_from_directory(
            tmp_path, labels=None, color_mode=color_mode, image_size=(2, 3), verbose=False
        )
        wanted = np.repeat((deep >> 8)[:, :, None], channels, 2).astype("float32")
        if channels == 4:
            wanted[:, :, 3] = 255
        np.testing.assert_array_equal(images[0], wanted)


@pytest.mark.parametrize("interpolation", ["nearest", "bilinear", "bicubic", "lanczos3"])
@pytest.mark.parametrize("size", [(4, 5), (30, 7), (10, 40)])
def test_images_of_a_folder_are_resized_as_ops_does(folder, pixels, interpolation, size):
    data = utils.image_dataset_from_directory(
        folder, labels=None, image_size=size, interpolation=interpolation, shuffle=False, verbose=False
    )
    (images,) = data
    expected = ops.image.resize(np.asarray(pixels, "float32"), size, interpolation=interpolation)
    np.testing.assert_allclose(images[0], expected, rtol=1e-5, atol=1e-3)


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
def test_images_that_follow_each_other_in_memory_keep_their_own(tmp_path, interpolation):
    rng, size = np.random.default_rng(1), (6, 9)
    extents = [(20, 30), (5, 4), (6, 40), (33, 9), (1, 1), (6, 9), (20, 30)] * 3
    arrays = [rng.integers(0, 256, (*extent, 3)).astype("float32") for extent in extents]
    for number, array in enumerate(arrays):
        utils.save_img(tmp_path / f"{number:02}.png", array, scale=False)
    found = utils.image_dataset_from_directory(
        tmp_path,
        None,
        None,
        image_size=size,
        interpolation=interpolation,
        batch_size=None,
        shuffle=False,
        verbose=False,
    )
    for image, array in zip(list(found), arrays):  # read by several threads, and looked at when all are there
        np.testing.assert_allclose(image, ops.image.resize(array, size, interpolation), rtol=1e-5, atol=1e-3)


def test_jpegs_of_a_folder_are_what_tensorflow_decodes(tmp_path):
    answers = json.loads((Path(__file__).parents[2] / "data" / "tensorflow_answers.json").read_text("utf-8"))
    pattern = re.compile(r'tf\.io\.decode_jpeg\(bytes\.fromhex\("(\w+)"\), channels=([13])\)')
    cases = [(*match.groups(), answer) for key, answer in answers.items() if (match := pattern.fullmatch(key))]
    assert len(cases) >= 4
    for data, channels, answer in cases:
        (tmp_path / "a.jpg").write_bytes(bytes.fromhex(data))
        mode = {"1": "grayscale", "3": "rgb"}[channels]
        (images,) = utils.image_dataset_from_directory(
            tmp_path, None, None, color_mode=mode, image_size=np.shape(answer)[:2], verbose=False
        )
        np.testing.assert_array_equal(images[0], answer)


def test_a_file_that_is_no_image_is_named(folder):
    whole = (folder / "cats" / "0.png").read_bytes()
    for damage in (b"not an image", whole[: len(whole) // 2], b""):
        (folder / "dogs" / "1.png").write_bytes(damage)
        with pytest.raises(ValueError, match=r"dogs.1\.png cannot be read as an image"):
            list(utils.image_dataset_from_directory(folder, verbose=False, image_size=(4, 4)))


def test_reading_a_folder_can_be_left(folder):
    for _ in utils.image_dataset_from_directory(folder, batch_size=1, verbose=False, image_size=(4, 4)):
        break


def test_a_seed_splits_as_in_keras(tmp_path):
    for number in range(12):
        (tmp_path / "ab"[number // 6]).mkdir(exist_ok=True)
        Image.new("RGB", (4, 4)).save(tmp_path / "ab"[number // 6] / f"{number % 6}.png")
    both = utils.image_dataset_from_directory(tmp_path, validation_split=0.4, subset="both", seed=1, verbose=False)
    names = [[f"{Path(path).parent.name}{Path(path).stem}" for path in part.file_paths] for part in both]
    assert names == [["a2", "a3", "a4", "b4", "a1", "b0", "a0", "b1"], ["b5", "b3", "b2", "a5"]]


def test_folder_split_for_validation(folder):
    both = utils.image_dataset_from_directory(folder, validation_split=0.4, subset="both", seed=1, verbose=False)
    assert [len(part.file_paths) for part in both] == [3, 2]
    part = utils.image_dataset_from_directory(folder, validation_split=0.4, subset="training", seed=1, verbose=False)
    assert part.file_paths == both[0].file_paths and not set(part.file_paths) & set(both[1].file_paths)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"labels": [1, 2]}, "2 labels for the 5 files"),
        ({"labels": "guess"}, "labels='guess'"),
        ({"label_mode": "hot"}, "label_mode='hot'"),
        ({"class_names": ["cats", "birds"]}, "other names than the folders"),
        ({"validation_split": 0.5}, "pass both or neither"),
        ({"validation_split": 2.0, "subset": "both"}, "validation_split=2.0"),
        ({"validation_split": 0.5, "subset": "training"}, "provide a `seed`"),
        ({"validation_split": 0.5, "subset": "test", "seed": 1}, "subset='test'"),
        ({"color_mode": "cmyk"}, "color_mode='cmyk'"),
        ({"crop_to_aspect_ratio": True, "pad_to_aspect_ratio": True}, "exclude each other"),
    ],
)
def test_folder_arguments_are_checked(folder, arguments, message):
    with pytest.raises(ValueError, match=message):
        utils.image_dataset_from_directory(folder, **arguments)


def test_some_of_the_folders(folder):
    data = utils.image_dataset_from_directory(folder, class_names=["dogs"], image_size=(4, 4), shuffle=False)
    assert data.class_names == ["dogs"] and {Path(path).parent.name for path in data.file_paths} == {"dogs"}
    assert next(iter(data))[1].tolist() == [0] * len(data.file_paths)


def test_empty_and_missing_folders(tmp_path):
    with pytest.raises(ValueError, match=r"No images found.*ends with \.bmp"):
        utils.image_dataset_from_directory(tmp_path)
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        utils.image_dataset_from_directory(tmp_path / "x")


def test_folder_of_texts(tmp_path):
    for name, text in (("a", "one"), ("b", "zwölf")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x.txt").write_text(text, encoding="utf-8")
    ((texts, labels),) = utils.text_dataset_from_directory(tmp_path, shuffle=False, verbose=False)
    assert texts.tolist() == [b"one", "zwölf".encode()] and labels.tolist() == [0, 1]
    (texts,) = utils.text_dataset_from_directory(tmp_path, labels=None, max_length=2, shuffle=False, verbose=False)
    assert texts.tolist() == [b"on", b"zw"]


@pytest.mark.parametrize("width", [1, 2, 3, 4])
def test_folder_of_sounds(tmp_path, width):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        with wave.open(str(tmp_path / name / "x.wav"), "wb") as out:
            out.setnchannels(1)
            out.setsampwidth(width)
            out.setframerate(8)
            half = (192).to_bytes(1, "little") if width == 1 else (1 << (8 * width - 2)).to_bytes(width, "little")
            out.writeframes(half * 8)
    arguments = {"shuffle": False, "verbose": False}
    ((sounds, labels),) = utils.audio_dataset_from_directory(tmp_path, **arguments)
    assert sounds.shape == (2, 8, 1) and labels.tolist() == [0, 1]
    np.testing.assert_allclose(sounds, 0.5, atol=1e-6)
    ((sounds, _),) = utils.audio_dataset_from_directory(
        tmp_path, sampling_rate=4, output_sequence_length=6, **arguments
    )
    assert sounds[0, :, 0].tolist() == [0.5] * 4 + [0.0] * 2
    with pytest.raises(ValueError, match="sampling_rate=0"):
        utils.audio_dataset_from_directory(tmp_path, sampling_rate=0)


def test_folder_of_sounds_of_different_lengths(tmp_path):
    for name, samples in (("a", 4), ("b", 7)):
        (tmp_path / name).mkdir()
        with wave.open(str(tmp_path / name / "x.wav"), "wb") as out:
            out.setnchannels(1)
            out.setsampwidth(2)
            out.setframerate(1000)
            out.writeframes(np.full(samples, 2**14, "<i2").tobytes())
    read = utils.audio_dataset_from_directory
    sounds, labels = next(iter(read(tmp_path, shuffle=False, verbose=False)))
    assert sounds.shape == (2, 7, 1) and labels.tolist() == [0, 1]
    np.testing.assert_array_equal(sounds[:, :, 0], [[0.5] * 4 + [0] * 3, [0.5] * 7])
    assert next(iter(read(tmp_path, output_sequence_length=5, verbose=False)))[0].shape == (2, 5, 1)
    for arguments, message in (
        ({"sampling_rate": 0}, "above 0.*sampling_rate=0"),
        ({"sampling_rate": 1.5}, "integer"),
        ({"ragged": True, "output_sequence_length": 3}, "contradicts output_sequence_length"),
    ):
        with pytest.raises(ValueError, match=message):
            read(tmp_path, **arguments)


@pytest.mark.parametrize("mode", ["int", "categorical", None])
def test_sounds_that_keep_their_lengths(tmp_path, mode):
    for name, samples in (("a", 4), ("b", 7), ("b", 0)):
        (tmp_path / name).mkdir(exist_ok=True)
        with wave.open(str(tmp_path / name / f"{samples}.wav"), "wb") as out:
            out.setparams((2, 2, 1000, 0, "NONE", ""))
            out.writeframes(np.full(2 * samples, 2**14, "<i2").tobytes())
    options = {"ragged": True, "shuffle": False, "verbose": False, "label_mode": mode}
    sounds = utils.audio_dataset_from_directory(tmp_path, batch_size=2, **options)
    batches = [batch if mode is None else batch[0] for batch in sounds]
    assert all(isinstance(batch, RaggedTensor) for batch in batches)
    assert [batch.row_lengths().tolist() for batch in batches] == [[4, 0], [7]]
    assert batches[0].to_tensor().shape == (2, 4, 2) and batches[0].to_list()[0] == [[0.5, 0.5]] * 4
    spec = sounds.element_spec if mode is None else sounds.element_spec[0]
    assert tuple(spec.shape) == (None, None, None) and spec.ragged_rank == 1
    if mode == "categorical":
        assert [labels.tolist() for _, labels in sounds] == [[[1, 0], [0, 1]], [[0, 1]]]
    padded = sounds.map(lambda x, *y: (x.to_tensor(), *y))
    assert [np.shape(batch[0]) for batch in padded] == [(2, 4, 2), (1, 7, 2)]
    one_by_one = utils.audio_dataset_from_directory(tmp_path, batch_size=None, **options)
    assert [np.shape(x if mode is None else x[0]) for x in one_by_one] == [(4, 2), (0, 2), (7, 2)]
    pytest.importorskip("grain")
    with pytest.raises(ValueError, match="which format='grain' does not give"):
        utils.audio_dataset_from_directory(tmp_path, format="grain", **options)


def test_order_of_the_epochs(folder):
    files = utils.image_dataset_from_directory(folder, image_size=(2, 2), seed=3, verbose=False)
    epochs = [next(iter(files))[1] for _ in range(4)]
    assert not all(np.array_equal(epochs[0], epoch) for epoch in epochs)


def test_what_the_elements_are_is_known_without_reading_files(folder):
    (folder / "dogs" / "0.png").write_bytes(b"no image")
    data = utils.image_dataset_from_directory(folder, image_size=(2, 5), shuffle=False, verbose=False)
    assert [(spec.shape, spec.dtype) for spec in data.element_spec] == [
        ((None, 2, 5, 3), "float32"),
        ((None,), "int32"),
    ]


#: What Keras on TensorFlow gives for images of 5 x 8 and 3 x 9 pixels that are made 6 x 10: rows of the first channel.
PADDED = [
    ((5, 8), 0, [0, 17.5, 36.16667, 54.83333, 73.5, 92.16667, 110.83333, 129.5, 147, 0]),
    ((3, 9), 3, [122, 139.85, 158.75, 177.65, 196.55, 215.45, 234.35, 189.25, 16.15, 34]),
]


@pytest.mark.parametrize(("extents", "row", "expected"), PADDED)
def test_images_are_padded_when_they_have_been_resized(tmp_path, extents, row, expected):
    (tmp_path / "a").mkdir()
    pixels = (np.arange(np.prod(extents) * 3) * 7 % 256).reshape(*extents, 3).astype("uint8")
    utils.save_img(tmp_path / "a" / "0.png", pixels, scale=False)
    options = {"image_size": (6, 10), "labels": None, "pad_to_aspect_ratio": True, "verbose": False}
    (images,) = utils.image_dataset_from_directory(tmp_path, **options)
    np.testing.assert_allclose(images[0, row, :, 0], expected, atol=1e-3)
    options["data_format"] = "channels_first"
    (first,) = utils.image_dataset_from_directory(tmp_path, **options)
    np.testing.assert_array_equal(first, np.moveaxis(images, -1, 1))


def test_folders_of_gray_images_are_as_tensorflow_decodes_them(tmp_path):
    colors = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255]], [[200, 100, 50], [1, 2, 3], [77, 77, 77]]], "uint8")
    array = utils.array_to_img(colors, scale=False)
    array.save(tmp_path / "a.png")
    array.convert("RGBA").save(tmp_path / "b.png")
    array.convert("L").save(tmp_path / "c.png")
    gray = np.kron(np.arange(0, 256, 85), np.ones((8, 8, 1)).T).reshape(8, 32).astype("uint8")
    utils.array_to_img(np.repeat(gray[:, :, None], 3, 2), scale=False).save(tmp_path / "d.jpg", quality=95)

    def read(size, number):
        found = utils.image_dataset_from_directory(
            tmp_path,
            labels=None,
            color_mode="grayscale",
            image_size=size,
            batch_size=None,
            shuffle=False,
            verbose=False,
        )
        return np.asarray(list(found)[number])[..., 0]

    wanted = [[76, 149, 29], [124, 1, 77]]  # with the shares 0.299, 0.587 and 0.114, cut off
    assert read((2, 3), 0).tolist() == read((2, 3), 1).tolist() == wanted
    assert read((2, 3), 2).tolist() == np.asarray(array.convert("L")).tolist()  # what the file holds
    assert np.abs(read((8, 32), 3) - gray).max() <= 1
