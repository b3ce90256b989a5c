"""Mutated model files for the loader: each must load, or raise an error that is documented.

    python tests/programs/fuzz_files.py --inputs 100000 --seed 1

Real files of each format are made once and then changed: bytes flipped, cut out, repeated, exchanged; and, since most
such changes die at a checksum, the JSON inside changed as a tree, and the HDF5 inside a zip changed before it is
packed. A process that takes too long or too much memory, crashes, opens a file elsewhere, starts a program or a
connection, or unpickles anything is a failure.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import io
import json
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

import pronghorn as keras

SECONDS = 20  # for one input
MEMORY = 1 << 30  # of a process
DOCUMENTED = (ValueError, TypeError, NotImplementedError, ImportError)
FORMATS = ("keras", "weights.h5", "h5", "json", "safetensors", "weights.json")
KERAS_2 = Path(__file__).parents[1] / "data" / "keras2"

_WORDS = [
    "Dense",
    "Lambda",
    "function",
    "os.system",
    "load_model",
    "get_file",
    "../../etc/passwd",
    "/etc/passwd",
    "relu",
]
_WORDS += [
    "keras.layers",
    "keras.src.ops.numpy",
    "builtins",
    "__lambda__",
    "__numpy__",
    "__tensor__",
    "",
    "\0",
    "float64",
]
_WORDS += [
    "Functional",
    "Sequential",
    "Model",
    "StringLookup",
    "TextVectorization",
    "enable_unsafe_deserialization",
    "x",
]
_NUMBERS = [
    0,
    1,
    -1,
    2,
    3,
    7,
    255,
    65_536,
    2**31 - 1,
    2**31,
    -(2**31),
    2**40,
    2**63,
    10**30,
    0.5,
    -0.5,
    1e300,
    float("nan"),
]


# -- real files -------------------------------------------------------------------------------------------------------
def models() -> list[Any]:
    """Small models of several kinds, compiled and trained for a step."""
    layers = keras.layers
    plain = keras.Sequential([keras.Input((4,)), layers.Dense(3, "relu"), layers.BatchNormalization(), layers.Dense(2)])
    x, z = keras.Input((4,)), keras.Input((3, 2))
    inner = keras.Sequential([keras.Input((4,)), layers.Dense(2, kernel_regularizer="l2")], name="inner")
    recurrent = layers.Bidirectional(layers.GRU(2))(z)
    attended = layers.Flatten()(layers.MultiHeadAttention(1, 2)(z, z))
    joined = layers.Concatenate()([inner(x) * 2.0, recurrent, layers.Dropout(0.5)(attended)])
    wide = keras.Model([x, z], keras.ops.mean(layers.Dense(2)(joined), axis=-1, keepdims=True))
    pictures = keras.Sequential([keras.Input((6, 6, 1)), layers.Conv2D(2, 3), layers.MaxPooling2D(), layers.Flatten()])
    for model in (plain, wide, pictures):
        model.compile("adam", "mse", metrics=["mae"])
        if model.trainable_variables:
            model.optimizer.build(model.trainable_variables)
    return [plain, wide, pictures]


def corpus(folder: Path) -> list[tuple[str, bytes]]:
    """Pairs of a format and the bytes of a real file."""
    found = []
    for model in models():
        for ending in FORMATS:
            path = folder / f"real.{ending}"
            if ending in ("keras", "h5"):
                model.save(path)
            elif ending == "json":
                path.write_text(model.to_json())
            else:
                model.save_weights(path)
            found.append((ending, path.read_bytes()))
    for name in ("convolutional", "functional", "embedding"):
        found += [(ending, (KERAS_2 / f"{name}.{ending}").read_bytes()) for ending in ("keras", "h5")]
    return found


# -- changes ----------------------------------------------------------------------------------------------------------
def change_bytes(data: bytes, draw: random.Random) -> bytes:
    """A few bytes, or whole stretches, of a file made different."""
    out = bytearray(data)
    for _ in range(draw.choice((1, 1, 2, 4, 16))):
        if not out:
            break
        at, kind = draw.randrange(len(out)), draw.randrange(6)
        length = min(len(out) - at, draw.choice((1, 2, 4, 8, 64, 512)))
        if kind == 0:
            out[at] ^= 1 << draw.randrange(8)
        elif kind == 1:
            out[at : at + length] = bytes(draw.choice((0, 255, draw.randrange(256))) for _ in range(length))
        elif kind == 2:
            del out[at : at + length]
        elif kind == 3:
            out[at:at] = out[at : at + length]
        elif kind == 4:
            out[at : at + 8] = int(draw.choice((0, 1, 2**31, 2**40, 2**63 - 1))).to_bytes(8, "little")[: len(out) - at]
        else:
            del out[at:]
    return bytes(out)


def change_tree(tree: Any, draw: random.Random) -> Any:
    """One value or key somewhere in plain data made different."""
    places: list[tuple[Any, Any]] = []

    def visit(node: Any) -> None:
        for key in list(node) if isinstance(node, dict) else range(len(node)):
            places.append((node, key))
            if isinstance(node[key], (dict, list)):
                visit(node[key])

    if isinstance(tree, (dict, list)):
        visit(tree)
    if not places:
        return draw.choice((None, 3, "x", [], {}))
    node, key = draw.choice(places)
    other_node, other_key = draw.choice(places)
    kind = draw.randrange(8)
    if kind == 0:
        del node[key]
    elif kind == 1:
        node[key] = draw.choice(_WORDS)
    elif kind == 2:
        node[key] = draw.choice(_NUMBERS)
    elif kind == 3:
        node[key] = draw.choice((None, True, False, [], {}, [[]], [None], {"class_name": "Dense", "config": {}}))
    elif kind == 4:
        node[key] = json.loads(json.dumps(other_node[other_key]))
    elif kind == 5 and isinstance(node, dict):
        node[draw.choice((*_WORDS, *map(str, other_node)))] = node[key]
    elif kind == 6 and isinstance(node, list):
        node.insert(key, json.loads(json.dumps(node[key])))
    else:
        value = node[key]
        node[key] = {"class_name": draw.choice(_WORDS), "config": value, "module": draw.choice(_WORDS)}
    return tree


def change_json(data: bytes, draw: random.Random) -> bytes:
    """Plain data with up to three changes."""
    tree = json.loads(data)
    for _ in range(draw.choice((1, 1, 2, 3))):
        tree = change_tree(tree, draw)
    return json.dumps(tree).encode()


def change_archive(data: bytes, draw: random.Random) -> bytes:
    """A `.keras` file whose members are changed and packed again, with right checksums."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    name = draw.choice(("config.json", "config.json", "config.json", "model.weights.h5", "metadata.json"))
    change: Callable[[bytes, random.Random], bytes] = change_bytes if name.endswith(".h5") else change_json
    members[name] = change(members[name], draw)
    if draw.random() < 0.05:
        members[draw.choice(("../x", "assets/../../x", "assets/layers/dense/x", "config.json/"))] = b"x"
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for member, content in members.items():
            archive.writestr(member, content)
    return out.getvalue()


def change_hdf5(data: bytes, draw: random.Random) -> bytes:
    """A file of Keras 2 whose configuration is changed as a tree."""
    import h5py

    out = io.BytesIO(data)
    with h5py.File(out, "r+") as file:
        name = draw.choice(("model_config", "model_config", "training_config"))
        file.attrs[name] = change_json(file.attrs[name].encode(), draw).decode()
    return out.getvalue()


def mutant(real: list[tuple[str, bytes]], draw: random.Random) -> tuple[str, bytes]:
    """A format and the bytes of a changed file."""
    ending, data = draw.choice(real)
    if ending == "keras" and draw.random() < 0.8:
        return ending, change_archive(data, draw)
    if ending == "h5" and draw.random() < 0.6:
        return ending, change_hdf5(data, draw)
    if ending in ("json", "weights.json") and draw.random() < 0.8:
        return ending, change_json(data, draw)
    return ending, change_bytes(data, draw)


# -- loading ----------------------------------------------------------------------------------------------------------
class Watch:
    """What loading must not do, by Python's audit events; `seen` lists what it did."""

    def __init__(self, folder: Path) -> None:
        self.seen: list[str] = []
        self.active = False
        self._own = (
            str(folder),
            sys.prefix,
            sys.base_prefix,
            str(Path(keras.__file__).parent),
            "/proc/",
            "/sys/",
            "/dev/",
        )
        self._own += (tempfile.gettempdir(), str(Path.home() / ".cache"), __file__)
        sys.addaudithook(self._hear)

    def _hear(self, event: str, args: tuple[Any, ...]) -> None:
        if not self.active:
            return
        bad = event in ("os.system", "subprocess.Popen", "os.exec", "os.fork", "socket.connect", "marshal.loads")
        bad = bad or event in ("pickle.find_class", "urllib.Request", "ctypes.dlopen")
        if event == "open" and isinstance(args[0], (str, bytes)):
            bad = not os.fsdecode(args[0]).startswith(self._own) and os.path.isabs(os.fsdecode(args[0]))
        if event == "marshal.loads" and _importing():
            bad = False
        if bad:
            self.seen.append(f"{event} {args!r}"[:300])


def _importing() -> bool:
    frame = sys._getframe(2)
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back  # type: ignore[assignment]
    return False


def load(ending: str, path: Path, model: Any) -> None:
    """Load a file as a user would."""
    if ending in ("keras", "h5"):
        keras.models.load_model(path)
    elif ending == "json":
        keras.models.model_from_json(path.read_text(errors="replace"))
    else:
        model.load_weights(path)
    if ending == "keras":
        from pronghorn.saving.inspection import inspect_file

        inspect_file(path)


class TooLong(BaseException):
    """An input took longer than `SECONDS`; no `Exception`, so nothing takes it for an error of the file's."""


@contextlib.contextmanager
def in_time(seconds: int) -> Iterator[None]:
    """Raise `TooLong` inside after so many seconds."""

    def stop(*_: Any) -> None:
        raise TooLong(f"longer than {seconds} s")

    old = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, old)


def check(ending: str, data: bytes, folder: Path, model: Any, watch: Watch) -> tuple[str, str]:
    """Load one input; return what became of it, and for a failure how."""
    path = folder / f"input.{ending}"
    path.write_bytes(data)
    watch.seen.clear()
    outcome, said = "loaded", ""
    try:
        with warnings.catch_warnings(), in_time(SECONDS):
            warnings.simplefilter("ignore")
            watch.active = True
            load(ending, path, model)
    except DOCUMENTED:
        outcome = "refused"
    except BaseException:  # anything else is what is looked for
        outcome, said = "failed", traceback.format_exc()[-1500:]
    finally:
        watch.active = False
    if watch.seen:
        outcome, said = "failed", "; ".join(watch.seen)
    strangers = [entry.name for entry in folder.iterdir() if not entry.name.startswith(("input.", "real"))]
    if strangers:
        outcome, said = "failed", f"wrote {strangers}"
    return outcome, said


def peak_bytes() -> int:
    """The most memory that this program has held. (Linux counts in `ru_maxrss` what its parent held when it forked.)"""
    status = Path("/proc/self/status")
    if status.exists():
        return 1024 * int(re.search(r"VmHWM:\s+(\d+)", status.read_text())[1])
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def run(seed: int, inputs: int, keep: Path) -> int:
    """Load so many changed files in this process; returns how many failed."""
    import resource

    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 28, 1 << 28))
    counts: collections.Counter[str] = collections.Counter()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        real = corpus(folder)
        model = models()[0]
        watch = Watch(folder)
        os.chdir(folder)
        for ending, data in real[: len(FORMATS)]:  # what is imported on first use
            check(ending, data, folder, model, watch)
        for number in range(inputs):
            draw = random.Random(seed * 10_000_019 + number)
            ending, data = mutant(real, draw)
            (keep / f"last-{seed}.{ending}").write_bytes(data)  # there if the process dies
            started = time.perf_counter()
            outcome, said = check(ending, data, folder, model, watch)
            counts[outcome] += 1
            if outcome == "failed":
                (keep / f"failed-{seed}-{number}.{ending}").write_bytes(data)
                print(
                    f"seed {seed} input {number} ({ending}, {time.perf_counter() - started:.1f} s): {said}", flush=True
                )
            used = peak_bytes()
            if used > MEMORY:
                print(f"seed {seed} input {number} ({ending}): the process has {used / 1e9:.2f} GB", flush=True)
                (keep / f"memory-{seed}-{number}.{ending}").write_bytes(data)
                counts["failed"] += 1
                break
            (keep / f"last-{seed}.{ending}").unlink()
    print(json.dumps({"seed": seed, **counts}), flush=True)
    return counts["failed"]


def main() -> int:
    """The command: processes of a thousand inputs each, one after the other."""
    parser = argparse.ArgumentParser(description="Load changed model files.")
    parser.add_argument("--inputs", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, default=Path("fuzz-files"), help="folder for the inputs that failed")
    parser.add_argument("--here", action="store_true", help="in this process")
    options = parser.parse_args()
    options.keep.mkdir(parents=True, exist_ok=True)
    keep = options.keep.resolve()
    if options.here:
        return min(run(options.seed, options.inputs, keep), 100)
    bad = 0
    for start in range(0, options.inputs, 1000):
        count, seed = min(1000, options.inputs - start), options.seed + start // 1000
        command = [sys.executable, __file__, "--here", "--inputs", str(count), "--seed", str(seed), "--keep", str(keep)]
        code = subprocess.run(command, check=False).returncode
        if code:
            bad += 1
            print(f"seed {seed}: exit {code}", flush=True)
    print(f"{options.inputs} inputs, {bad} of their processes failed")
    return int(bad > 0)


if __name__ == "__main__":
    np.seterr(all="ignore")
    sys.exit(main())
