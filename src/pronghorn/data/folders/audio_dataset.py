"""Folders of WAV files as a data set."""

from __future__ import annotations

import os
import wave
from typing import Any

import numpy as np

from pronghorn.data import formats
from pronghorn.data.batching import padded_elements
from pronghorn.data.folders import directory as folders
from pronghorn.data.tensor_spec import RaggedTensorSpec, TensorSpec
from pronghorn.utils.arguments import is_integer


def audio_dataset_from_directory(
    directory: str | os.PathLike[str],
    labels: Any = "inferred",
    label_mode: str | None = "int",
    class_names: Any = None,
    batch_size: int | None = 32,
    sampling_rate: int | None = None,
    output_sequence_length: int | None = None,
    ragged: bool = False,
    shuffle: bool = True,
    seed: int | None = None,
    validation_split: float | None = None,
    subset: str | None = None,
    follow_links: bool = False,
    format: str | None = None,
    verbose: bool = True,
) -> Any:
    """Return a data set of the `.wav` files below a folder, labelled by their folders.

    Args:
        directory: the folder; with `labels="inferred"` it has a folder for each class.
        sampling_rate: samples a second that all are resampled to.
        output_sequence_length: samples that all are cut or padded to; by default those of a batch are padded to the
            longest of it.
        ragged: whether batches are `data.RaggedTensor`s, whose rows keep their lengths, in place of padded arrays; not
            with `format`.

    The other arguments are those of `image_dataset_from_directory`.

    Returns:
        A data set of float32 arrays of shape `(batch, samples, channels)`, -1 to 1, with their labels; see
        `image_dataset_from_directory`.

    Raises:
        ValueError: for arguments that do not fit together, or if there are no WAV files.

    Example:

    >>> import pathlib, tempfile, wave
    >>> place = tempfile.TemporaryDirectory()
    >>> folder = pathlib.Path(place.name)
    >>> for kind in ("no", "yes"):
    ...     (folder / kind).mkdir()
    ...     with wave.open(str(folder / kind / "1.wav"), "wb") as file:
    ...         file.setparams((1, 2, 8000, 0, "NONE", ""))
    ...         file.writeframes(bytes(200))
    >>> sounds, labels = next(iter(audio_dataset_from_directory(folder, verbose=False)))
    >>> sounds.shape
    (2, 100, 1)
    """
    who = "audio_dataset_from_directory"
    library = formats.library(format, who)
    if ragged and output_sequence_length is not None:
        raise ValueError(
            f"{who}: ragged samples keep their lengths, which contradicts output_sequence_length; give one of the two."
        )
    if ragged and library is not None:
        raise ValueError(
            f"{who}: ragged batches are `data.RaggedTensor`s, which format={format!r} does not give. Leave out "
            "`format`, or `ragged`: samples are padded with zeros."
        )
    for name, value in (("sampling_rate", sampling_rate), ("output_sequence_length", output_sequence_length)):
        if value is not None and not is_integer(value):
            raise ValueError(f"{who}: `{name}` is an integer; got {name}={value!r}.")
        if value is not None and value <= 0:
            raise ValueError(f"{who}: `{name}` is above 0; got {name}={value}.")
    folders.check_split(validation_split, subset, shuffle, seed, who)
    files = folders.find(directory, labels, label_mode, class_names, (".wav",), follow_links, who)

    def load(path: str) -> np.ndarray:
        samples, rate = read_wav(path)
        if sampling_rate is not None and rate != sampling_rate:
            samples = _resampled(samples, round(len(samples) * sampling_rate / rate))
        if output_sequence_length is not None:
            samples = samples[:output_sequence_length]
            samples = np.pad(samples, ((0, output_sequence_length - len(samples)), (0, 0)))
        return samples

    spec: Any = TensorSpec((output_sequence_length, None))
    if ragged and batch_size is not None:
        spec = RaggedTensorSpec((None, None), "float32", 0)
    samples = folders.Samples(load, spec, padded_elements, pad=not ragged)
    return folders.datasets(
        files, samples, label_mode, batch_size, shuffle, seed, validation_split, subset, verbose, library
    )


def read_wav(path: str) -> tuple[np.ndarray, int]:
    """Return float32 samples of shape `(samples, channels)`, -1 to 1, and how many there are a second.

    Raises:
        ValueError: if the file is no uncompressed WAV file.
    """
    try:
        with wave.open(path, "rb") as stream:
            width, channels, rate = stream.getsampwidth(), stream.getnchannels(), stream.getframerate()
            data = stream.readframes(stream.getnframes())
    except (wave.Error, EOFError) as error:
        why = str(error) or "it ends too early"
        raise ValueError(f"{path} is no uncompressed WAV file: {why}. Replace the file or take it away.") from None
    if width == 1:
        values = (np.frombuffer(data, "u1").astype("float32") - 128) / 128
    elif width == 3:
        parts = np.frombuffer(data, "u1").reshape(-1, 3).astype("int32")
        numbers = parts[:, 0] | parts[:, 1] << 8 | parts[:, 2] << 16
        values = (numbers - ((numbers & 0x800000) << 1)).astype("float32") / 2**23
    else:
        values = np.frombuffer(data, f"<i{width}").astype("float32") / 2.0 ** (8 * width - 1)
    return values.reshape(-1, channels).astype("float32"), rate


def _resampled(samples: np.ndarray, length: int) -> np.ndarray:
    """Linear interpolation between samples."""
    positions = np.linspace(0, len(samples) - 1, length)
    columns = [np.interp(positions, np.arange(len(samples)), column) for column in samples.T]
    return np.stack(columns, axis=1).astype("float32")
