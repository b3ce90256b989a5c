"""What editors and type checkers know of the package: its stubs, and the names that `dir` offers."""

from __future__ import annotations

import importlib
import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

_ROOT = Path(__file__).parents[3]
_NAMES = [
    line.removeprefix("keras.") for line in (_ROOT / "docs/keras_api.txt").read_text().splitlines() if "." in line
]

_CORRECT = """
from typing import Any

import numpy as np

import pronghorn as keras
from pronghorn import layers, ops


class Scale(layers.Layer):
    def __init__(self, units: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = units

    def build(self, input_shape: Any) -> None:
        self.w = self.add_weight(shape=(input_shape[-1], self.units), name="w")

    def call(self, x: Any) -> Any:
        return ops.matmul(x, self.w)


inputs = keras.Input((8, 8, 1))
x = layers.Conv2D(4, 3, activation="relu", padding="same", name="first", trainable=True)(inputs)
x = layers.Flatten()(layers.MaxPooling2D()(x))
outputs = layers.Dense(10, kernel_regularizer=keras.regularizers.l2(1e-4))(Scale(4, dtype="float32")(x))
model = keras.Model(inputs, outputs)
loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
model.compile(optimizer=keras.optimizers.Adam(learning_rate=1e-3, clipnorm=1.0), loss=loss, metrics=["accuracy"])
stop = keras.callbacks.EarlyStopping(patience=2)
history = model.fit(np.zeros((4, 8, 8, 1)), np.zeros(4), epochs=1, callbacks=[stop])
best: float = max(history.history["accuracy"])
stack = keras.Sequential([keras.Input((3,)), layers.Dense(2), layers.Add()])
stack.summary()
halved = keras.ops.relu(keras.Variable(1.0) * 2 - 1) / 2
network = keras.applications.MobileNetV2(weights=None, include_top=False)
network.trainable = False
print(keras.__version__, halved.shape, keras.losses.MeanSquaredError(reduction="sum"))
"""

_IMPORTS = ("import pronghorn as keras", "from pronghorn import layers")

# Lines with a mistake, and what a checker is to say of each.
_MISTAKES = {
    "layers.Dense(1, nonsense=1)": 'Unexpected keyword argument "nonsense" for "Dense"',
    "layers.Conv2D(1, 3, filter=3)": 'Unexpected keyword argument "filter" for "Conv2D"',
    "layers.LSTM(1, return_sequence=True)": 'Unexpected keyword argument "return_sequence" for "LSTM"',
    "layers.Add(nonsense=1)": 'Unexpected keyword argument "nonsense" for "Add"',
    "layers.Dnse(1)": 'Module has no attribute "Dnse"',
    "keras.optimizers.Adam(lr=1)": 'Unexpected keyword argument "lr" for "Adam"',
    "keras.losses.MeanSquaredError(nonsense=1)": 'Unexpected keyword argument "nonsense" for "MeanSquaredError"',
    "keras.applications.ResNet50(nonsense=1)": 'Unexpected keyword argument "nonsense" for "ResNet50"',
    "keras.Sequential([]).fit(1, 2, epoch=3)": 'Unexpected keyword argument "epoch" for "fit"',
    "keras.Sequential([]).fit(1, 2).histry": '"History" has no attribute "histry"',
}


def _stubs():
    spec = importlib.util.spec_from_file_location("make_stubs", _ROOT / "docs/make_stubs.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_stubs_are_those_of_the_tables():
    stubs = _stubs()
    wanted = {stubs.stub_path(module): stubs.stub(module) for module in stubs.lazy_modules()}
    assert set(stubs.ROOT.rglob("*.pyi")) == wanted.keys()
    stale = [path.name for path, text in wanted.items() if path.read_text(encoding="utf-8") != text]
    assert not stale, "run python docs/make_stubs.py"


def test_stubs_say_what_is_there_when_it_runs():
    """Each name of a stub is what its line imports."""
    lines = 0
    for path in (_ROOT / "src/pronghorn").rglob("*.pyi"):
        parts = path.relative_to(_ROOT / "src").with_suffix("").parts
        module = importlib.import_module(".".join(parts).removesuffix(".__init__"))
        for where, there, here in re.findall(r"^from (\S+) import (\w+) as (\w+)$", path.read_text(), re.MULTILINE):
            try:
                value = getattr(module, here if here.startswith("__") else here.removeprefix("_"))
            except ImportError:  # of a package that is not installed
                continue
            source = importlib.import_module(where)
            found = getattr(source, there) if hasattr(source, there) else importlib.import_module(f"{where}.{there}")
            assert value is found, f"{path}: {here}"
            lines += 1
    assert lines > 1000


@pytest.mark.parametrize(
    "space",
    ["", "activations", "callbacks", "config", "constraints", "layers", "losses", "models", "ops", "regularizers"],
)
def test_dir_offers_public_names_alone(space):
    """All of Keras's; and besides, what is defined in the package for its users: no imports, and no parts of it."""
    module = importlib.import_module(f"pronghorn.{space}".strip("."))
    keras = {name.rpartition(".")[2] for name in _NAMES if name.rpartition(".")[0] == space} - {"src"}
    offered = {name for name in dir(module) if name[0] != "_"}
    assert keras <= offered
    for name in offered - keras - {"interop", "studio", "text"}:
        value = getattr(module, name)
        assert not isinstance(value, ModuleType), name
        assert value.__module__.startswith("pronghorn.") and value.__doc__, name
    assert len(offered - keras) < 12, offered - keras


@pytest.mark.parametrize(
    "start", ["import pronghorn as keras\nkeras.layers.De", "from pronghorn import layers\nlayers.De"]
)
def test_completion(start):
    jedi = pytest.importorskip("jedi")
    project = jedi.Project(_ROOT, added_sys_path=[str(_ROOT / "src")])
    found = jedi.Script(start, project=project).complete()
    assert [completion.name for completion in found][:2] == ["Dense", "DepthwiseConv1D"]
    found = jedi.Script("import pronghorn\npronghorn.", project=project).complete()
    offered = {completion.name for completion in found}
    assert {"layers", "Sequential"} <= offered and not {"attach", "install_finder"} & offered


@pytest.mark.slow
def test_pyright_takes_a_correct_script_and_finds_mistakes(tmp_path):
    """Pyright, which is what VS Code's completion goes by, as the package that brings its own Node.js."""
    pytest.importorskip("basedpyright")
    (tmp_path / "correct.py").write_text(_CORRECT)
    (tmp_path / "mistakes.py").write_text("\n".join([*_IMPORTS, *_MISTAKES]))
    settings = {"extraPaths": [str(_ROOT / "src")], "typeCheckingMode": "standard", "include": ["*.py"]}
    (tmp_path / "pyrightconfig.json").write_text(json.dumps(settings))
    command = [sys.executable, "-m", "basedpyright", "--outputjson", "--level", "error"]
    command += ["--pythonpath", sys.executable]
    found = json.loads(subprocess.run(command, cwd=tmp_path, capture_output=True, text=True).stdout)
    errors = [(Path(one["file"]).name, one["range"]["start"]["line"]) for one in found["generalDiagnostics"]]
    lines = range(len(_IMPORTS), len(_IMPORTS) + len(_MISTAKES))
    assert errors == [("mistakes.py", line) for line in lines], found


@pytest.mark.slow
def test_a_checker_takes_a_correct_script_and_finds_mistakes(tmp_path):
    pytest.importorskip("mypy")
    (tmp_path / "correct.py").write_text(_CORRECT)
    (tmp_path / "mistakes.py").write_text("\n".join([*_IMPORTS, *_MISTAKES]))
    # As for an installed package, errors inside it are not the script's.
    (tmp_path / "mypy.ini").write_text(
        f"[mypy]\nstrict = True\nmypy_path = {_ROOT / 'src'}\n[mypy-pronghorn.*]\nignore_errors = True\n"
    )
    command = [sys.executable, "-m", "mypy", "--cache-dir", str(tmp_path / "cache"), "correct.py", "mistakes.py"]
    said = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True).stdout
    assert "correct.py" not in said, said
    errors = dict(re.findall(r"^mistakes\.py:(\d+): error: (.*)$", said, re.MULTILINE))
    for number, expected in enumerate(_MISTAKES.values(), 3):
        assert errors.get(str(number), "").startswith(expected), (number, said)
