"""`tf.io` and `tf.io.gfile`: files, and pictures and sounds in bytes, for `pronghorn run`."""

from __future__ import annotations

import base64
import gzip
import io
import os
import re
import shutil
import wave
import zlib
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from pronghorn import ops
from pronghorn.data.element import Text, as_text, text_of
from pronghorn.data.element_types import dtype_name
from pronghorn.data.folders.image import JPEGS, _pillow, cut_off_gray, decoded_jpeg, high_bytes, why_unreadable
from pronghorn.data.storing import matching, path_of
from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph.strings import holds_text
from pronghorn_tensorflow.files.tensors import read_tensor, write_tensor
from pronghorn_tensorflow.image.basic import convert_image_dtype
from pronghorn_tensorflow.math.random import uniform
from pronghorn_tensorflow.strings.basic import on_strings

_BASE64 = re.compile(rb"[A-Za-z0-9_-]*")
_MODES = {1: "L", 3: "RGB", 4: "RGBA"}


@on_strings
def read_file(filename: Any, name: str | None = None) -> Text:
    """`tf.io.read_file`: the bytes of a file."""
    with open(path_of(filename), "rb") as stream:
        return text_of([stream.read()], ())


def write_file(filename: Any, contents: Any, name: str | None = None) -> None:
    """`tf.io.write_file`; folders are made."""
    path = path_of(filename)
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    with open(path, "wb") as stream:
        stream.write(as_text(contents).item())


def matching_files(pattern: Any, name: str | None = None) -> Text:
    """`tf.io.matching_files`: the paths that match, in order."""
    return as_text(matching(pattern))


# -- pictures ---------------------------------------------------------------------------------------------------------
def _opened(contents: Any, function: str, kinds: tuple[str, ...], channels: int = 0, **jpeg: Any) -> Any:
    data = as_text(contents).item()
    try:
        image = _pillow().open(io.BytesIO(data))
        kind = "JPEG" if image.format in JPEGS else image.format
        if kind not in kinds:
            raise ValueError(f"it is {kind}")
        if kind == "JPEG":
            image = decoded_jpeg(image, gray=channels == 1, **jpeg)
        image.load()
    except (OSError, SyntaxError, ValueError) as error:
        raise ValueError(
            f"tf.io.{function}: the {len(data)} bytes, which begin with {data[:8]!r}, are no whole picture of the kind "
            f"{' or '.join(kinds)}: {why_unreadable(error)}."
        ) from None
    return image


def _pixels(image: Any, channels: int, function: str, dtype: str = "uint8") -> np.ndarray:
    """The picture's pixels, with so many channels, or as many as it has."""
    if channels not in (0, 1, 3, 4):
        raise ValueError(f"tf.io.{function}: channels={channels}; it must be 0, 1, 3 or 4.")
    deep = image.mode.startswith("I")
    if deep and dtype == "uint8":
        values = high_bytes(image, {3: "rgb", 4: "rgba"}.get(channels, "grayscale"))
        return values[..., None] if values.ndim == 2 else values
    if deep:
        values = np.repeat(np.asarray(image).astype("uint16")[..., None], min(channels, 3) or 1, axis=-1)
        return values if channels < 4 else np.pad(values, [(0, 0), (0, 0), (0, 1)], constant_values=65535)
    if image.mode == "LA" and channels == 0:
        values = np.asarray(image)
    else:
        own = {"1": "L", "P": "RGBA" if "transparency" in image.info else "RGB", "CMYK": "RGB", "LA": "LA"}
        mode = _MODES.get(channels) or own.get(image.mode, image.mode)
        if mode == "L" and image.mode not in ("1", "L", "LA"):
            return cut_off_gray(image)[..., None]
        values = np.asarray(image if image.mode == mode else image.convert(mode))
    values = values[..., None] if values.ndim == 2 else values
    return values.astype("uint16") * 257 if dtype == "uint16" else values


@on_strings
def decode_jpeg(
    contents: Any,
    channels: int = 0,
    ratio: int = 1,
    fancy_upscaling: bool = True,
    try_recover_truncated: bool = False,
    acceptable_fraction: float = 1.0,
    dct_method: str = "",
    name: str | None = None,
) -> Any:
    """`tf.io.decode_jpeg`: uint8 `[height, width, channels]`; PNG, GIF and BMP too, as in TensorFlow.

    Raises:
        ValueError: for bytes that are no whole picture.
    """
    if channels == 4:
        raise ValueError("tf.io.decode_jpeg: channels=4; JPEG has 0 (as stored), 1 or 3.")
    if dct_method not in ("", "INTEGER_FAST", "INTEGER_ACCURATE"):
        raise ValueError(
            f"tf.io.decode_jpeg: dct_method must be 'INTEGER_FAST', which is the default, or 'INTEGER_ACCURATE'; got "
            f"{dct_method!r}."
        )
    if ratio not in (1, 2, 4, 8):
        raise ValueError(f"tf.io.decode_jpeg: ratio must be 1, 2, 4 or 8; got {ratio!r}.")
    options = {"ratio": ratio, "fancy_upscaling": fancy_upscaling, "accurate": dct_method == "INTEGER_ACCURATE"}
    image = _opened(contents, "decode_jpeg", ("JPEG", "PNG", "GIF", "BMP"), channels, **options)
    return ops.convert_to_tensor(_pixels(image, channels, "decode_jpeg"))


@on_strings
def decode_and_crop_jpeg(contents: Any, crop_window: Any, channels: int = 0, *args: Any, **ignored: Any) -> Any:
    """`tf.io.decode_and_crop_jpeg`: the part of a picture that `[top, left, height, width]` gives.

    Raises:
        ValueError: for bytes that are no JPEG, or a part that is not within the picture.
    """
    pixels = _pixels(_opened(contents, "decode_and_crop_jpeg", ("JPEG",), channels), channels, "decode_and_crop_jpeg")
    top, left, height, width = (int(x) for x in np.asarray(crop_window))
    if min(top, left) < 0 or min(height, width) < 1 or top + height > pixels.shape[0] or left + width > pixels.shape[1]:
        raise ValueError(
            f"tf.io.decode_and_crop_jpeg: crop_window={[top, left, height, width]} (top, left, height, width) is not "
            f"within the picture of {pixels.shape[0]}x{pixels.shape[1]}."
        )
    return ops.convert_to_tensor(pixels[top : top + height, left : left + width])


@on_strings
def extract_jpeg_shape(contents: Any, output_type: Any = "int32", name: str | None = None) -> Any:
    """`tf.io.extract_jpeg_shape`: `[height, width, channels]`."""
    image = _opened(contents, "extract_jpeg_shape", ("JPEG",))
    return ops.convert_to_tensor([image.height, image.width, len(image.getbands())], dtype=dtype_name(output_type))


@on_strings
def decode_webp(contents: Any, channels: int = 0, dtype: Any = "uint8", name: str | None = None) -> Any:
    """`tf.io.decode_webp`: the frames, uint8 `[frames, height, width, channels]`."""
    image = _opened(contents, "decode_webp", ("WEBP",))
    own = 4 if image.mode in ("RGBA", "LA") else 3
    if channels not in (0, own):
        raise ValueError(f"tf.io.decode_webp: channels={channels} of a picture that has {own}; 0 gives those.")
    frames = []
    for index in range(getattr(image, "n_frames", 1)):
        image.seek(index)
        frames.append(_pixels(image, own, "decode_webp", dtypes.name_of(dtype)))
    return ops.convert_to_tensor(np.stack(frames))


@on_strings
def decode_png(contents: Any, channels: int = 0, dtype: Any = "uint8", name: str | None = None) -> Any:
    """`tf.io.decode_png`: uint8 or uint16 `[height, width, channels]`."""
    image = _opened(contents, "decode_png", ("PNG", "JPEG", "GIF", "BMP"), channels)
    return ops.convert_to_tensor(_pixels(image, channels, "decode_png", dtypes.name_of(dtype)))


@on_strings
def decode_bmp(contents: Any, channels: int = 0, name: str | None = None) -> Any:
    """`tf.io.decode_bmp`."""
    return ops.convert_to_tensor(_pixels(_opened(contents, "decode_bmp", ("BMP",)), channels, "decode_bmp"))


@on_strings
def decode_gif(contents: Any, name: str | None = None) -> Any:
    """`tf.io.decode_gif`: the frames, `[frames, height, width, 3]`."""
    image = _opened(contents, "decode_gif", ("GIF",))
    frames = []
    for index in range(image.n_frames):
        image.seek(index)
        frames.append(np.asarray(image.convert("RGB")))
    return ops.convert_to_tensor(np.stack(frames))


@on_strings
def decode_image(
    contents: Any, channels: int = 0, dtype: Any = "uint8", name: str | None = None, expand_animations: bool = True
) -> Any:
    """`tf.io.decode_image`: a picture of any kind; the frames of a GIF, unless `expand_animations` is off.

    Other types than uint8 are made of a PNG's 16 bits, to which 8 are spread, and of the 8 bits of other kinds.
    """
    image = _opened(contents, "decode_image", ("JPEG", "PNG", "GIF", "BMP"), channels)
    if image.format == "GIF" and expand_animations:
        pixels = decode_gif(contents)
    else:
        # float16 does not reach to 65535
        bits = "uint16" if image.format == "PNG" and dtypes.name_of(dtype) not in ("uint8", "float16") else "uint8"
        channels = channels or (3 if image.format == "GIF" else 0)
        pixels = ops.convert_to_tensor(_pixels(image, channels, "decode_image", bits))
    return pixels if dtypes.name_of(dtype) == "uint8" else convert_image_dtype(pixels, dtype)


def is_jpeg(contents: Any, name: str | None = None) -> Any:
    """`tf.io.is_jpeg`: by the first bytes."""
    return ops.convert_to_tensor(as_text(contents).item().startswith(b"\xff\xd8\xff"))


def _written(image: Any, kind: str, **options: Any) -> Text:
    pixels = np.asarray(image)
    if pixels.ndim != 3 or pixels.dtype not in (np.uint8, np.uint16):
        raise ValueError(
            f"tf.io.encode_{kind}: the image must be uint8 (height, width, channels); got {pixels.dtype}, shape "
            f"{pixels.shape}."
        )
    if pixels.dtype == np.uint16 and (kind, pixels.shape[-1]) != ("png", 1):
        raise ValueError(
            f"tf.io.encode_{kind}: 16 bits are written for one channel, as PNG; got {pixels.dtype}, shape "
            f"{pixels.shape}. Encode one channel after the other, or cast the image to uint8."
        )
    stream = io.BytesIO()
    _pillow().fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels).save(stream, kind, **options)
    return text_of([stream.getvalue()], ())


def encode_jpeg(image: Any, format: str = "", quality: int = 95, *args: Any, **ignored: Any) -> Text:
    """`tf.io.encode_jpeg`."""
    return _written(image, "jpeg", quality=int(quality))


def encode_png(image: Any, compression: int = -1, name: str | None = None) -> Text:
    """`tf.io.encode_png`."""
    return _written(image, "png")


def adjust_jpeg_quality(image: Any, jpeg_quality: Any, dct_method: str = "", name: str | None = None) -> Any:
    """`tf.image.adjust_jpeg_quality`: what JPEG of a quality makes of an image, in the image's type."""
    image = ops.convert_to_tensor(image)
    pixels = convert_image_dtype(image, "uint8", saturate=True)
    return convert_image_dtype(decode_jpeg(encode_jpeg(pixels, quality=int(jpeg_quality))), image.dtype)


def random_jpeg_quality(image: Any, min_jpeg_quality: int, max_jpeg_quality: int, seed: Any = None) -> Any:
    """`tf.image.random_jpeg_quality`."""
    if not 0 <= min_jpeg_quality < max_jpeg_quality <= 100:
        raise ValueError(
            f"tf.image.random_jpeg_quality: the qualities must increase within 0 to 100; got {min_jpeg_quality} and "
            f"{max_jpeg_quality}."
        )
    quality = uniform((), min_jpeg_quality, max_jpeg_quality, dtype="int32", seed=seed)
    return adjust_jpeg_quality(image, quality)


# -- numbers ----------------------------------------------------------------------------------------------------------
@on_strings
def decode_raw(
    input_bytes: Any, out_type: Any, little_endian: bool = True, fixed_length: Any = None, name: str | None = None
) -> Any:
    """`tf.io.decode_raw`: numbers in bytes, along one more axis; strings are cut or filled up to a fixed length."""
    text, dtype = as_text(input_bytes), dtypes.to_numpy(dtypes.name_of(out_type))
    kind = np.dtype(dtype).newbyteorder("<" if little_endian else ">")
    strings = text.ravel().tolist()
    if fixed_length is not None:
        strings = [x[: int(fixed_length)].ljust(int(fixed_length), b"\0") for x in strings]
    rows = [np.frombuffer(x, kind).astype(dtype) for x in strings]
    if len({len(row) for row in rows}) > 1:
        raise ValueError("tf.io.decode_raw: the strings have different lengths.")
    found = np.stack(rows) if rows else np.zeros((0, 0), dtype)
    return ops.convert_to_tensor(found.reshape(*text.shape, found.shape[-1]))


_EXPAND = {"": bytes, "ZLIB": zlib.decompress, "GZIP": gzip.decompress}


@on_strings
def decode_compressed(bytes: Any, compression_type: str = "", name: str | None = None) -> Text:
    """`tf.io.decode_compressed`: bytes that were made smaller by `"ZLIB"` or `"GZIP"`, as they were.

    Raises:
        ValueError: for other kinds, and for bytes that are none of the kind.
    """
    if compression_type not in _EXPAND:
        raise ValueError(f"tf.io.decode_compressed: compression_type={compression_type!r}; one of {list(_EXPAND)}.")
    text = as_text(bytes)
    try:
        return text_of([_EXPAND[compression_type](x) for x in text.ravel().tolist()], text.shape)
    except (zlib.error, OSError, EOFError) as error:
        raise ValueError(f"tf.io.decode_compressed: the bytes are no {compression_type}: {error}.") from None


@on_strings
def decode_base64(input: Any, name: str | None = None) -> Text:
    """`tf.io.decode_base64`, of the kind that is safe in addresses.

    Raises:
        ValueError: for other characters, a `=` that fills up to no multiple of 4, or a length that there is not.
    """
    text = as_text(input)
    return text_of([_of_base64(x) for x in text.ravel().tolist()], text.shape)


def _of_base64(value: bytes) -> bytes:
    body = value.rstrip(b"=")
    filled = len(value) - len(body)
    if len(body) % 4 == 1 or filled > 2 or (filled and len(value) % 4) or not _BASE64.fullmatch(body):
        raise ValueError(
            f"tf.io.decode_base64: {value[:40]!r} is no base64 of the kind that is safe in addresses: letters, digits, "
            "'-' and '_' (for '+' and '/'), of a length that is no multiple of 4 and 1 more; '=' may fill it up to a "
            "multiple of 4."
        )
    return base64.urlsafe_b64decode(body + b"=" * (-len(body) % 4))


@on_strings
def encode_base64(input: Any, pad: bool = False, name: str | None = None) -> Text:
    """`tf.io.encode_base64`, of the kind that is safe in addresses."""
    text = as_text(input)
    found = [base64.urlsafe_b64encode(x) for x in text.ravel().tolist()]
    return text_of([x if pad else x.rstrip(b"=") for x in found], text.shape)


def serialize_tensor(tensor: Any, name: str | None = None) -> Text:
    """`tf.io.serialize_tensor`: TensorFlow's message of a tensor, as bytes."""
    if holds_text(tensor):
        return text_of([write_tensor(np.asarray(as_text(tensor)), "string")], ())
    tensor = ops.convert_to_tensor(tensor)
    return text_of([write_tensor(np.asarray(tensor), tensor.dtype)], ())


@on_strings
def parse_tensor(serialized: Any, out_type: Any, name: str | None = None) -> Any:
    """`tf.io.parse_tensor`.

    Raises:
        ValueError: for other data, or a tensor of another type.
    """
    array, dtype = read_tensor(as_text(serialized).item())
    if dtype != dtype_name(out_type):
        raise ValueError(f"tf.io.parse_tensor: the tensor is {dtype}, not {out_type}.")
    return as_text(array) if dtype == "string" else ops.convert_to_tensor(array, dtype=dtype)


# -- sounds -----------------------------------------------------------------------------------------------------------
class Audio(NamedTuple):
    """What `tf.audio.decode_wav` returns."""

    audio: Any
    sample_rate: Any


@on_strings
def decode_wav(contents: Any, desired_channels: int = -1, desired_samples: int = -1, name: str | None = None) -> Audio:
    """`tf.audio.decode_wav`: 16-bit sounds as float32 `[samples, channels]` from -1 to 1, and the sample rate.

    Raises:
        ValueError: for bytes that are no such sound.
    """
    data = as_text(contents).item()
    try:
        with wave.open(io.BytesIO(data)) as sound:
            channels, width, rate, frames = sound.getparams()[:4]
            if width != 2:
                raise ValueError(f"it has {8 * width} bits a sample, not 16")
            samples = np.frombuffer(sound.readframes(frames), "<i2").reshape(-1, channels)
    except (wave.Error, EOFError, ValueError) as error:
        raise ValueError(f"tf.audio.decode_wav: the {len(data)} bytes are no WAV file of 16 bits: {error}.") from None
    values = samples.astype("float32") / 32768
    if desired_channels > 0:
        missing = max(0, desired_channels - channels)
        values = np.concatenate([values, *[values[:, -1:]] * missing], axis=1)[:, :desired_channels]
    if desired_samples > 0:
        values = np.pad(values, ((0, max(0, desired_samples - len(values))), (0, 0)))[:desired_samples]
    return Audio(ops.convert_to_tensor(values), ops.convert_to_tensor(rate, dtype="int32"))


def encode_wav(audio: Any, sample_rate: Any, name: str | None = None) -> Text:
    """`tf.audio.encode_wav`: 16 bits."""
    values = np.clip(np.asarray(audio, "float32") * 32768, -32768, 32767).round().astype("<i2")
    stream = io.BytesIO()
    with wave.open(stream, "wb") as sound:
        sound.setparams((values.shape[1], 2, int(sample_rate), 0, "NONE", ""))
        sound.writeframes(values.tobytes())
    return text_of([stream.getvalue()], ())


# -- gfile ------------------------------------------------------------------------------------------------------------
def exists(path: Any) -> bool:
    """`tf.io.gfile.exists`."""
    return os.path.exists(path_of(path))


def isdir(path: Any) -> bool:
    """`tf.io.gfile.isdir`."""
    return os.path.isdir(path_of(path))


def listdir(path: Any) -> list[str]:
    """`tf.io.gfile.listdir`."""
    return os.listdir(path_of(path))


def find(pattern: Any) -> list[str]:
    """`tf.io.gfile.glob`."""
    patterns = pattern if isinstance(pattern, list | tuple) else [pattern]
    return [path for one in patterns for path in matching(one)]


def makedirs(path: Any) -> None:
    """`tf.io.gfile.makedirs`."""
    os.makedirs(path_of(path), exist_ok=True)


def mkdir(path: Any) -> None:
    """`tf.io.gfile.mkdir`; nothing happens where there is something of that name."""
    if not os.path.exists(path_of(path)):
        os.mkdir(path_of(path))


def remove(path: Any) -> None:
    """`tf.io.gfile.remove`."""
    os.remove(path_of(path))


def rmtree(path: Any) -> None:
    """`tf.io.gfile.rmtree`."""
    shutil.rmtree(path_of(path))


def rename(src: Any, dst: Any, overwrite: bool = False) -> None:
    """`tf.io.gfile.rename`."""
    _check_free(dst, overwrite)
    os.replace(path_of(src), path_of(dst))


def copy(src: Any, dst: Any, overwrite: bool = False) -> None:
    """`tf.io.gfile.copy`."""
    _check_free(dst, overwrite)
    shutil.copyfile(path_of(src), path_of(dst))


def _check_free(path: Any, overwrite: bool) -> None:
    if os.path.exists(path_of(path)) and not overwrite:
        raise FileExistsError(f"tf.io.gfile: {path_of(path)} is there already; pass overwrite=True to replace it.")


def join(path: Any, *paths: Any) -> str:
    """`tf.io.gfile.join`."""
    return os.path.join(path_of(path), *map(path_of, paths))


def walk(top: Any, topdown: bool = True, onerror: Any = None) -> Iterator[Any]:
    """`tf.io.gfile.walk`."""
    return os.walk(path_of(top), topdown, onerror)


def stat(path: Any) -> Any:
    """`tf.io.gfile.stat`."""
    found = os.stat(path_of(path))

    class Statistics(NamedTuple):
        length: int
        mtime_nsec: int
        is_directory: bool

    return Statistics(found.st_size, found.st_mtime_ns, os.path.isdir(path_of(path)))
