"""`save_model`, `load_model`, `save_weights` and `load_weights`: models in files that Keras 3 reads as well."""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import IO, Any

from pronghorn.distribution import together
from pronghorn.engine.graph.messages import short_messages
from pronghorn.engine.graph.user_code import warn
from pronghorn.layers.layer import Layer
from pronghorn.placement.processes import is_first
from pronghorn.saving import archive, shards, state
from pronghorn.saving.legacy import h5_files, zip_files
from pronghorn.saving.safetensors_store import SafetensorsReader, SafetensorsWriter
from pronghorn.saving.weights_store import WeightsReader, WeightsWriter
from pronghorn.serialization.objects import deserialize_keras_object, serialize_keras_object
from pronghorn.serialization.sharing import ObjectSharingScope
from pronghorn.utils.replacing import replacing

_WEIGHTS_SUFFIX = ".weights.h5"
_HDF5 = (".h5", ".hdf5")


class MissingFileError(FileNotFoundError, ValueError):
    """There is no file of that name; a ValueError too, which is what Keras raises."""


def save_model(
    model: Any,
    filepath: str | os.PathLike[str] | IO[bytes],
    overwrite: bool = True,
    zipped: bool | None = None,
    **kwargs: Any,
) -> None:
    """Save a model, with its weights and the state of its optimizer.

    Args:
        model: a built model.
        filepath: ends with ``.keras``, or with ``.h5`` or ``.hdf5`` for the format of Keras 2; or an object to write
            bytes to.
        overwrite: whether to replace a file of that name without asking.
        zipped: False to write a folder instead of one file.
        kwargs: `include_optimizer`, for the format of Keras 2: whether to write the state of the optimizer.

    Raises:
        ValueError: for another ending, or an unknown argument.
        FileExistsError: if the file exists, is not to be replaced, and there is nobody to ask.

    Example:

    >>> import tempfile, pronghorn as keras
    >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_model(model, f"{folder}/model.keras")
    ...     loaded = load_model(f"{folder}/model.keras")
    >>> loaded.count_params()
    3
    """
    include_optimizer = kwargs.pop("include_optimizer", True)
    if "save_format" in kwargs:
        _warn_of_save_format(filepath, kwargs.pop("save_format"))
    if kwargs:
        raise ValueError(
            f"save_model: it takes no {', '.join(kwargs)}; `filepath`, `overwrite` and `zipped` are its arguments."
        )
    _warn_of_unbuilt(model)
    together.bring_together(model)
    if hasattr(filepath, "write"):
        with tempfile.TemporaryDirectory(prefix="saving-") as scratch:
            _write_folder(model, Path(scratch))
            archive.pack(Path(scratch), filepath)
        return
    path = Path(filepath)
    if zipped is False and path.suffix in (".keras", ".h5"):
        raise ValueError(
            f"save_model: with zipped=False a folder is written, so its name should not end in {path.suffix!r}; got "
            f"{os.fspath(filepath)!r}."
        )
    if path.suffix != ".keras" and path.suffix not in _HDF5 and zipped is not False:
        raise ValueError(
            f"Invalid filepath extension for saving: {os.fspath(filepath)!r}. A model's file ends with '.keras': "
            f"{os.fspath(path.with_suffix('.keras'))!r}. For a folder pass zipped=False; for other runtimes, such "
            "as ONNX's, see model.export()."
        )
    with together.written_by_first(path):
        if _may_write(path, overwrite):
            with archive.explained(path, "save_model"):
                _write_model(model, path, zipped is False, include_optimizer)


def _warn_of_unbuilt(model: Any) -> None:
    """Warn that a model has layers without weights yet: what they get later is not in the file."""
    if getattr(model, "built", True) or not hasattr(model, "_flatten_layers"):
        return
    unbuilt = [layer.name for layer in model._flatten_layers(include_self=False) if not layer.built]
    if unbuilt or not model.weights:
        listed = ", ".join([*map(repr, unbuilt[:5]), *(["..."] if len(unbuilt) > 5 else [])])
        of = f" of {listed}" if unbuilt else ""
        warn(
            f"The model {model.name!r} is saved before it has been built, so the file holds no weights{of}. Call it "
            "on some data, or build() it, first."
        )


def _write_model(model: Any, path: Path, as_folder: bool, include_optimizer: bool) -> None:
    if path.suffix in _HDF5:
        with replacing(path) as fresh:
            h5_files.save_model(model, fresh, include_optimizer)
        return
    with tempfile.TemporaryDirectory(prefix="saving-") as scratch:
        folder = Path(scratch)
        _write_folder(model, folder)
        if as_folder:
            _place_folder(folder, path)
        else:
            with replacing(path) as fresh:
                archive.pack(folder, fresh)


def _warn_of_save_format(filepath: Any, save_format: Any) -> None:
    """Scripts for older versions name the format, too; the file's ending has to say it."""
    words = "save_model: The `save_format` argument is deprecated: the file's ending says the format."
    if Path(str(filepath)).suffix not in (".keras", *_HDF5):
        raise ValueError(f"{words} Got save_format={save_format!r} and {filepath!r}; let the name end with '.keras'.")
    warn(f"{words} Leave it out; got {save_format!r}.")


def _write_folder(model: Any, folder: Path) -> None:
    with ObjectSharingScope():
        config = serialize_keras_object(model)
    (folder / archive.METADATA).write_text(json.dumps(archive.metadata()), encoding="utf-8")
    (folder / archive.CONFIG).write_text(json.dumps(config), encoding="utf-8")
    with WeightsWriter(folder / archive.WEIGHTS) as writer:
        state.write_weights(model, writer)
    state.write_assets(model, folder / archive.ASSETS)


def _place_folder(folder: Path, target: Path) -> None:
    target.mkdir(parents=True, exist_ok=True)
    for name in (archive.METADATA, archive.WEIGHTS, archive.CONFIG):
        with replacing(target / name) as fresh:
            shutil.copyfile(folder / name, fresh)
    assets = target / archive.ASSETS
    if assets.is_dir() and not assets.is_symlink():
        shutil.rmtree(assets)
    if (folder / archive.ASSETS).is_dir():
        shutil.copytree(folder / archive.ASSETS, assets)


@short_messages
def load_model(
    filepath: str | os.PathLike[str] | IO[bytes],
    custom_objects: dict[str, Any] | None = None,
    compile: bool = True,
    safe_mode: bool = True,
) -> Any:
    """Load a model that `save_model`, or Keras 3, saved.

    A file never makes Pronghorn import a module, run code or open another file: it may only name the library's own
    classes, and those that you registered or pass here.

    Args:
        filepath: a ``.keras`` file, or a folder that was saved with ``zipped=False``, or an object to read bytes from.
        custom_objects: your classes and functions by the names that the file has for them.
        compile: whether to compile the model as it was.
        safe_mode: whether to refuse Python code in the file (the lambda of a `Lambda` layer).

    Returns:
        The model.

    Raises:
        FileNotFoundError: if it is not there.
        ValueError: if it is no such file, is damaged, or holds what a model's file must not.

    Example:

    >>> import os, tempfile
    >>> from pronghorn import layers, models
    >>> model = models.Sequential([layers.Input((3,)), layers.Dense(2)])
    >>> place = tempfile.TemporaryDirectory()
    >>> path = os.path.join(place.name, "model.keras")
    >>> model.save(path)
    >>> load_model(path).output_shape
    (None, 2)
    """
    shown = getattr(filepath, "name", "the file") if hasattr(filepath, "read") else os.fspath(filepath)
    with archive.reading(str(shown)):
        return _load(filepath, custom_objects, compile, safe_mode)


def _load(filepath: Any, custom_objects: Any, compile: bool, safe_mode: bool) -> Any:
    if hasattr(filepath, "read"):
        return _load_archive(filepath, getattr(filepath, "name", "the file"), custom_objects, compile, safe_mode)
    path = Path(filepath)
    if not path.exists():
        if path.suffix not in (".keras", ".h5", ".hdf5"):
            raise MissingFileError(f"load_model: File format not supported, and no such file: {os.fspath(filepath)!r}.")
        raise MissingFileError(
            f"load_model: there is no file {os.fspath(filepath)!r}; the current folder is {os.getcwd()!r}."
        )
    if path.is_dir():
        if not (path / archive.CONFIG).is_file() or not (path / archive.WEIGHTS).is_file():
            raise ValueError(
                f"load_model: the folder {os.fspath(filepath)!r} holds no {archive.CONFIG} and {archive.WEIGHTS}. (A "
                "TensorFlow SavedModel cannot be loaded; save it as .keras with Keras first.)"
            )
        return _load_folder(path, os.fspath(filepath), custom_objects, compile, safe_mode)
    if path.suffix in _HDF5:
        return h5_files.load_model(path, os.fspath(filepath), custom_objects, compile, safe_mode)
    if path.suffix != ".keras":
        raise ValueError(
            f"load_model: File format not supported: {os.fspath(filepath)!r}; a model's file ends with '.keras'."
        )
    return _load_archive(path, os.fspath(filepath), custom_objects, compile, safe_mode)


def _load_archive(file: Any, shown: str, custom_objects: Any, compile: bool, safe_mode: bool) -> Any:
    with tempfile.TemporaryDirectory(prefix="loading-") as scratch:
        archive.unpack(file, Path(scratch), shown)
        return _load_folder(Path(scratch), shown, custom_objects, compile, safe_mode)


def _load_folder(folder: Path, shown: str, custom_objects: Any, compile: bool, safe_mode: bool) -> Any:
    config = archive.read_config(folder, shown)
    if not compile:
        config.pop("compile_config", None)
    with WeightsReader(folder / archive.WEIGHTS, shown) as reader, archive.limited_to(reader.nbytes()):
        with ObjectSharingScope():
            if zip_files.is_keras_2(folder):
                return zip_files.load_model(config, reader, custom_objects, compile, safe_mode)
            model = deserialize_keras_object(config, custom_objects, safe_mode=safe_mode)
        if not isinstance(model, Layer):  # a model, or a layer that saves itself, such as a FeatureSpace
            raise ValueError(f"{shown} describes {type(model).__name__}, which is neither a model nor a layer.")
        state.read_weights(model, reader)
        state.read_assets(model, folder / archive.ASSETS)
    return model


def save_weights(
    model: Any,
    filepath: str | os.PathLike[str],
    overwrite: bool = True,
    max_shard_size: float | None = None,
    **kwargs: Any,
) -> None:
    """Save a model's weights, and the state of its optimizer.

    Args:
        model: a built model.
        filepath: ends with ``.weights.h5``; with ``.weights.json`` for weights in several files; or with
            ``.safetensors``.
        overwrite: whether to replace a file of that name without asking.
        max_shard_size: the size of each of several files, in GB.
        kwargs: `objects_to_skip`, a list of layers whose weights are not written.

    Raises:
        ValueError: for another ending, or an array larger than `max_shard_size`.
        FileExistsError: if the file exists, is not to be replaced, and there is nobody to ask.
        ImportError: for ``.safetensors``, if its library is not installed.

    Example:

    >>> import os, tempfile
    >>> from pronghorn import layers, models
    >>> model = models.Sequential([layers.Input((3,)), layers.Dense(2)])
    >>> place = tempfile.TemporaryDirectory()
    >>> path = os.path.join(place.name, "model.weights.h5")
    >>> save_weights(model, path)
    >>> os.path.exists(path)
    True
    """
    skipped = _objects_to_skip("save_weights", kwargs)
    if hasattr(model, "_flatten_layers") and not model.built and not model.weights:
        raise ValueError(
            f"save_weights: the model {model.name!r} has not yet been built, so it has no weights. Call it on some "
            "data, or build() it, first."
        )
    path = _weights_path(filepath, max_shard_size)
    together.bring_together(model)
    with together.written_by_first(path):
        if _may_write(path, overwrite):
            with archive.explained(path, "save_weights"):
                _write_weights(model, path, max_shard_size, skipped)


def _write_weights(model: Any, path: Path, max_shard_size: float | None, skipped: Any) -> None:
    if path.name.endswith(shards.INDEX_SUFFIX):
        most = float("inf") if max_shard_size is None else max_shard_size
        with shards.ShardedWriter(path, most) as writer:
            state.write_weights(model, writer, skipped)
        return
    kind = SafetensorsWriter if path.suffix == ".safetensors" else WeightsWriter
    with replacing(path) as fresh, kind(fresh) as writer:
        state.write_weights(model, writer, skipped)


def _weights_path(filepath: str | os.PathLike[str], max_shard_size: float | None) -> Path:
    """Where weights go; the index, if they go into several files."""
    path = Path(filepath)
    if max_shard_size is not None:
        if isinstance(max_shard_size, bool) or not isinstance(max_shard_size, int | float) or max_shard_size <= 0:
            raise ValueError(f"save_weights: `max_shard_size` must be a positive number of GB, got {max_shard_size!r}.")
        if path.name.endswith(_WEIGHTS_SUFFIX):
            path = path.with_name(path.name.removesuffix(_WEIGHTS_SUFFIX) + shards.INDEX_SUFFIX)
            warn(f"save_weights: several files are found through an index, {path.name!r}; load that.")
        if not path.name.endswith(shards.INDEX_SUFFIX):
            raise ValueError(f"save_weights: with max_shard_size, `filepath` must end in '.weights.json', got {path}.")
    if not path.name.endswith((_WEIGHTS_SUFFIX, shards.INDEX_SUFFIX, ".safetensors")):
        raise ValueError(
            f"save_weights: `filepath` must end in '.weights.h5', '.weights.json' (several files) or '.safetensors', "
            f"got {os.fspath(filepath)!r}."
        )
    return path


def load_weights(model: Any, filepath: str | os.PathLike[str], skip_mismatch: bool = False, **kwargs: Any) -> None:
    """Load weights that `save_weights` or `save_model`, or Keras 3, saved. If they do not fit, nothing is changed.

    Args:
        model: a built model.
        filepath: a ``.weights.h5``, ``.weights.json``, ``.safetensors`` or ``.keras`` file; or an ``.h5`` or ``.hdf5``
            file of Keras 2.
        skip_mismatch: whether layers that do not fit the file keep their weights, with a warning.
        kwargs: `objects_to_skip`, a list of layers that keep their weights; `by_name`, for files of Keras 2: whether to
            go by the layers' names.

    Raises:
        FileNotFoundError: if it is not there.
        ValueError: if it is no such file, is damaged, or does not fit.

    Example:

    >>> import os, tempfile
    >>> from pronghorn import layers, models
    >>> model = models.Sequential([layers.Input((3,)), layers.Dense(2, kernel_initializer="ones")])
    >>> place = tempfile.TemporaryDirectory()
    >>> path = os.path.join(place.name, "model.weights.h5")
    >>> model.save_weights(path)
    >>> other = models.Sequential([layers.Input((3,)), layers.Dense(2)])
    >>> load_weights(other, path)
    >>> float(other.layers[0].kernel.numpy().sum())
    6.0
    """
    by_name = kwargs.pop("by_name", False)
    skipped = _objects_to_skip("load_weights", kwargs)
    with archive.reading(os.fspath(filepath)):
        _load_weights(model, filepath, skip_mismatch, by_name, skipped)


def _load_weights(
    model: Any, filepath: str | os.PathLike[str], skip_mismatch: bool, by_name: bool, skipped: list[Any]
) -> None:
    path = Path(filepath)
    if not path.name.endswith((".weights.h5", shards.INDEX_SUFFIX, ".keras", ".h5", ".hdf5", ".safetensors")):
        raise ValueError(
            f"load_weights: File format not supported: {os.fspath(filepath)!r} must end in '.weights.h5', "
            "'.weights.json', '.safetensors', '.keras', or in '.h5' or '.hdf5' for files of Keras 2."
        )
    if not path.exists():
        raise MissingFileError(f"load_weights: File not found: {os.fspath(filepath)!r}.")
    if path.suffix in _HDF5 and _is_legacy(path, os.fspath(filepath)):
        h5_files.load_weights(model, path, os.fspath(filepath), by_name, skip_mismatch)
        return
    if by_name:
        raise ValueError(
            f"load_weights: by_name=True is for files of Keras 2; {os.fspath(filepath)!r} has the newer layout, which "
            "goes by the model's structure. Leave it out; skip_mismatch=True passes over layers that do not fit."
        )
    if path.suffix != ".keras":
        _load_weights_file(model, path, os.fspath(filepath), skip_mismatch, skipped)
        return
    with tempfile.TemporaryDirectory(prefix="loading-") as scratch:
        archive.unpack(path, Path(scratch), os.fspath(filepath))
        if zip_files.is_keras_2(Path(scratch)):
            weights = Path(scratch) / archive.WEIGHTS
            zip_files.load_weights(model, weights, os.fspath(filepath), skip_mismatch, skipped)
            return
        _load_weights_file(model, Path(scratch) / archive.WEIGHTS, os.fspath(filepath), skip_mismatch, skipped)


def _objects_to_skip(function: str, kwargs: dict[str, Any]) -> list[Any]:
    skipped = kwargs.pop("objects_to_skip", None) or []
    if kwargs:
        raise ValueError(f"{function}: the argument(s) {', '.join(kwargs)} are not supported.")
    return list(skipped)


def _load_weights_file(model: Any, path: Path, shown: str, skip_mismatch: bool, skipped: list[Any]) -> None:
    kind: Any = WeightsReader
    if path.name.endswith(shards.INDEX_SUFFIX):
        kind = shards.ShardedReader
    elif path.suffix == ".safetensors":
        kind = SafetensorsReader
    with kind(path, shown) as reader:
        state.read_weights(model, reader, skip_mismatch, skipped)


def _is_legacy(path: Path, shown: str) -> bool:
    with WeightsReader(path, shown) as reader:
        return reader.is_legacy()


def _may_write(path: Path, overwrite: bool) -> bool:
    """Whether to write a file: not where it is there and to be kept, nor on other processes than the first."""
    if not is_first():
        return False
    if overwrite or not path.exists():
        return True
    if not sys.stdin.isatty():
        raise FileExistsError(f"{os.fspath(path)} exists, and overwrite=False; choose another name.")
    return input(f"{os.fspath(path)} exists; replace it? [y/n] ").strip().lower() in ("y", "yes")
