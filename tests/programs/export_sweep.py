"""Every layer exported and run by the runtime of each format: what the tests and docs/export.md start from."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from layer_cases import CASES, Case
from native_library import NativeLibrary

import pronghorn as keras
from pronghorn import tree
from pronghorn.export.formats import FORMATS

ROWS = (1, 3, 17)
COMPILES_FOR_EACH = ("jax",)
"""Formats whose library compiles the program anew for each number of rows: a third number would repeat the second."""
TAKE_NO_ROWS = ("onnx", "tf_saved_model", "native")
"""Formats whose programs take 0 rows; those of the others are for 1 and more."""

NEED_A_ROW = ("MelSpectrogram", "StringLookup")
"""Layers that refuse a batch of no rows themselves."""

TOLERANCE = 1e-5

#: Layers that compute in inference and have no case of their own there, as they are not Keras's on JAX to compare with.
MORE = [
    Case("Rescaling", {"scale": 2.0, "offset": -1.0}),
    Case("Normalization", {"mean": [0.5, 1.0, 2.0], "variance": [1.0, 2.0, 0.5]}),
    Case("Discretization", {"bin_boundaries": [-1.0, 0.0, 1.0]}),
    Case("Discretization", {"bin_boundaries": [-1.0, 0.0, 1.0], "output_mode": "one_hot"}),
    Case("CategoryEncoding", {"num_tokens": 7}, [np.zeros((2, 3), "int32")]),
    Case("CategoryEncoding", {"num_tokens": 7, "output_mode": "count"}, [np.zeros((2, 3), "int32")]),
    Case("IntegerLookup", {"vocabulary": [1, 3, 5]}, [np.zeros((2, 3), "int64")]),
    Case("Hashing", {"num_bins": 5}, [np.zeros((2, 3), "int64")]),
    Case("HashedCrossing", {"num_bins": 5}, [np.zeros((2, 1), "int64"), np.zeros((2, 1), "int64")]),
    Case("StringLookup", {"vocabulary": ["a", "b"]}, [np.full((2, 3), "a")]),
    Case("StringLookup", {"vocabulary": ["a", "b"], "output_mode": "count", "mask_token": "c"}, [np.full((2, 3), "a")]),
    Case("TextVectorization", {"vocabulary": ["a", "b"]}, [np.full((2, 1), "a")]),
    Case("Resizing", {"height": 4, "width": 3}, [(2, 6, 5, 3)]),
    Case("Resizing", {"height": 9, "width": 7, "interpolation": "nearest"}, [(2, 6, 5, 3)]),
    Case("Resizing", {"height": 9, "width": 7, "interpolation": "bicubic"}, [(2, 6, 5, 3)]),
    Case("CenterCrop", {"height": 4, "width": 3}, [(2, 6, 5, 3)]),
    Case("STFTSpectrogram", {"frame_length": 16, "frame_step": 8}, [(2, 64, 1)]),
    Case("MelSpectrogram", {"fft_length": 32, "sequence_stride": 16, "num_mel_bins": 8}, [(2, 64)]),
    Case("SpectralNormalization", {}, [(2, 3)], wrap={"layer": ("Dense", {"units": 4})}),
    Case("StackedRNNCells", {}, [(2, 4, 3)]),
    Case("Lambda", {}, [(2, 3)]),
    *(
        Case(name, settings, [(2, 6, 5, 3)])
        for name, settings in {
            "AugMix": {},
            "AutoContrast": {},
            "ContrastLimitedAdaptiveHistogramEqualization": {"value_range": (-2, 2), "tile_grid_size": (2, 2)},
            "Equalization": {"value_range": (-2, 2), "bins": 16},
            "RandAugment": {},
            "RandomBrightness": {"factor": 0.2},
            "RandomColorDegeneration": {"factor": 0.2},
            "RandomColorJitter": {},
            "RandomContrast": {"factor": 0.2},
            "RandomCrop": {"height": 4, "width": 3},
            "RandomElasticTransform": {},
            "RandomErasing": {},
            "RandomFlip": {},
            "RandomGaussianBlur": {},
            "RandomGrayscale": {},
            "RandomHue": {"factor": 0.2},
            "RandomInvert": {},
            "RandomPerspective": {},
            "RandomPosterization": {"factor": 4},
            "RandomRotation": {"factor": 0.2},
            "RandomSaturation": {"factor": 0.2},
            "RandomSharpness": {"factor": 0.2},
            "RandomShear": {"x_factor": 0.2},
            "RandomTranslation": {"height_factor": 0.2, "width_factor": 0.1},
            "RandomZoom": {"height_factor": 0.2},
            "Solarization": {},
        }.items()
    ),
]

#: What a format does not take over, and why; what is raised says what to use instead.
NOT_THERE = {
    "TextVectorization": dict.fromkeys(
        ("onnx", "tf_saved_model", "torch", "jax", "native"),
        "texts are taken apart in Python; `StringLookup` of their tokens can be exported to ONNX and SavedModel",
    ),
    "StringLookup": dict.fromkeys(
        ("torch", "jax", "native"),
        "there are no arrays of strings; look them up in front of the model, which takes the numbers",
    ),
}


def cases() -> list[Case]:
    """All but those that compare training."""
    return [c for c in CASES if not c.call.get("training")] + MORE


def model_of(case: Case) -> tuple[Any, list[np.ndarray]]:
    """A model of the one layer, with any number of rows, and a batch for it; masks are inputs too."""
    examples = [np.zeros(x, "float32") if isinstance(x, tuple) else x for x in case.inputs]
    masks = tree.flatten({k: v for k, v in case.call.items() if hasattr(v, "shape") or isinstance(v, list)})
    inputs = [_input(x) for x in [*examples, *masks]]
    values, given = inputs[: len(examples)], iter(inputs[len(examples) :])
    keywords = {
        k: tree.map_structure(lambda _: next(given), v) if hasattr(v, "shape") or isinstance(v, list) else v
        for k, v in case.call.items()
    }
    layer = make(case)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        outputs = (
            layer(*values, **keywords) if case.spread else layer(values[0] if len(values) == 1 else values, **keywords)
        )
    model = keras.Model(inputs, outputs)
    rng = np.random.default_rng(1)
    for w in model.weights:
        if keras.backend.is_float_dtype(w.dtype):
            drawn = rng.normal(size=w.shape).astype("float32") * 0.5
            w.assign(np.abs(drawn) + 0.1 if "variance" in w.path else drawn)
    return model, [*examples, *masks]


def _input(x: np.ndarray) -> Any:
    dtype = "string" if x.dtype.kind == "U" else x.dtype.name
    return keras.Input(x.shape[1:], dtype=dtype)


def make(case: Case) -> Any:
    kwargs = dict(case.kwargs)
    for name, (inner, settings) in (case.wrap or {}).items():
        kwargs[name] = getattr(keras.layers, inner)(**settings)
    if case.layer == "StackedRNNCells":
        return keras.layers.RNN(keras.layers.StackedRNNCells([keras.layers.LSTMCell(3), keras.layers.GRUCell(2)]))
    if case.layer == "Lambda":
        return keras.layers.Lambda(lambda x: keras.ops.sort(x * 2.0, axis=-1))
    return getattr(keras.layers, case.layer)(**kwargs)


def batch(like: list[np.ndarray], rows: int) -> list[np.ndarray]:
    """Random inputs of so many rows."""
    rng = np.random.default_rng(rows)

    def one(x: np.ndarray) -> np.ndarray:
        shape = (rows, *x.shape[1:])
        if x.dtype == bool:
            mask = rng.random(shape) < 0.6
            mask[..., :1] = True
            return mask
        if x.dtype.kind == "U":
            return rng.choice(["a", "b", "c", "d"], shape)
        if x.dtype.kind in "iu":
            return rng.integers(0, 7, shape).astype(x.dtype)
        return rng.normal(size=shape).astype(x.dtype)

    return [one(x) for x in like]


Runtime = Callable[[Path, Any], Callable[[list[np.ndarray]], list[np.ndarray]]]
"""What loads a file and, knowing the model's nested inputs, gives a function from flat inputs to flat results."""


def _onnx(path: Path, structure: Any) -> Any:
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    names = [i.name for i in session.get_inputs()]
    return lambda arrays: session.run(None, dict(zip(names, arrays)))


def _jax(path: Path, structure: Any) -> Any:
    import jax
    import jax.export

    program = jax.export.deserialize(bytearray(path.read_bytes()))

    def run(arrays: list[np.ndarray]) -> list[np.ndarray]:
        with jax.enable_x64(True):
            return [np.asarray(x) for x in tree.flatten(program.call(tree.pack_sequence_as(structure, arrays)))]

    return run


def _torch(path: Path, structure: Any) -> Any:
    import torch

    from pronghorn.engine.backends.torch.registry import from_numpy, to_numpy

    program = torch.export.load(path).module()

    def run(arrays: list[np.ndarray]) -> list[np.ndarray]:
        inputs = tree.pack_sequence_as(structure, [from_numpy(a) for a in arrays])
        return [to_numpy(x) for x in tree.flatten(program(inputs))]

    return run


def _tensorflow(path: Path, structure: Any) -> Any:
    import tensorflow as tf

    loaded = tf.saved_model.load(str(path))

    def run(arrays: list[np.ndarray]) -> list[np.ndarray]:
        given = tree.pack_sequence_as(structure, [tf.constant(a) for a in arrays])
        return [x.numpy() for x in tree.flatten(loaded.serve(given))]

    return run


def _native(path: Path, structure: Any) -> Any:
    library = NativeLibrary(path)
    return lambda arrays: library.predict(*arrays)


RUNTIMES: dict[str, Runtime] = {
    "onnx": _onnx,
    "tf_saved_model": _tensorflow,
    "torch": _torch,
    "jax": _jax,
    "native": _native,
}


def structure_of(model: Any) -> Any:
    """The model's nested inputs."""
    structure = getattr(model, "_inputs_struct", None)
    return None if structure is None else tree.map_structure(lambda _: None, structure)


def differences(model: Any, path: Path, batches: Iterable[list[np.ndarray]], format: str = "onnx") -> Iterator[float]:
    """For each batch, the greatest difference of the file's results from the model's own, relative to their scale."""
    structure = structure_of(model)
    run = RUNTIMES[format](path, structure)
    for arrays in batches:
        theirs = run(arrays)
        mine = tree.flatten(model.predict_on_batch(tree.pack_sequence_as(structure, arrays)))
        assert len(mine) == len(theirs)
        yield max(map(relative, mine, theirs))


def difference(model: Any, path: Path, arrays: list[np.ndarray], format: str = "onnx") -> float:
    """That of one batch."""
    return next(differences(model, path, [arrays], format))


def relative(mine: np.ndarray, theirs: np.ndarray) -> float:
    """The greatest difference of two arrays, relative to their scale; infinite where they do not fit."""
    mine = np.asarray(mine)
    if mine.shape != theirs.shape or mine.dtype != theirs.dtype:
        return float("inf")
    a, b = mine.astype("float64"), theirs.astype("float64")
    if not (np.isnan(a) == np.isnan(b)).all():
        return float("inf")
    scale = max(float(np.nanmax(np.abs(a), initial=0)), 1.0)
    return float(np.nanmax(np.abs(a - b), initial=0)) / scale


def attempt(case: Case, folder: Path, format: str = "onnx") -> str:
    """Export a layer and run it at several numbers of rows: what went wrong, or an empty text."""
    path = folder / f"layer{next(iter(FORMATS[format].endings), '')}"
    model, like = model_of(case)
    try:
        model.export(path, format=format, verbose=False)
    except (NotImplementedError, ValueError) as error:
        return str(error)
    some = ROWS[:2] if format in COMPILES_FOR_EACH else ROWS
    none = (0,) if format in TAKE_NO_ROWS and case.layer not in NEED_A_ROW else ()
    worst = max(differences(model, path, (batch(like, rows) for rows in (*some, *none)), format))
    return "" if worst <= TOLERANCE else f"differs by {worst:.2g} of the results' scale"
