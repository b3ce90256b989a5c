"""Every way of having `import keras` mean Pronghorn, and what a program may then do with the modules."""

import importlib.util
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import pronghorn
from pronghorn._version import KERAS_API_VERSION

SOURCE = str(Path(pronghorn.__file__).parents[1])


def python(*arguments, cwd=None, **extra):
    env = {**os.environ, "PYTHONPATH": SOURCE, **extra}
    return subprocess.run([sys.executable, *map(str, arguments)], env=env, capture_output=True, text=True, cwd=cwd)


def after_as_keras(code, **extra):
    return python("-c", "import pronghorn.as_keras\n" + textwrap.dedent(code), **extra)


def test_a_first_line():
    result = after_as_keras(
        """
        import keras, pronghorn, tensorflow as tf
        from keras.layers import Dense
        print(Dense is pronghorn.layers.Dense is tf.keras.layers.Dense)
        """
    )
    assert result.stdout == "True\n", result.stderr


def test_an_extension_of_ipython():
    result = python(
        "-c", "import pronghorn; pronghorn.load_ipython_extension(None); import keras; print(keras.backend.backend())"
    )
    assert result.stdout == "pronghorn\n", result.stderr


def test_looking_at_the_package_takes_no_name():
    code = "import sys, pronghorn; vars(pronghorn); print('keras' in sys.modules, len(sys.meta_path) < 6)"
    assert python("-c", code).stdout == "False True\n"


def test_a_conftest(tmp_path):
    (tmp_path / "conftest.py").write_text("import pronghorn.as_keras\n")
    (tmp_path / "test_x.py").write_text(
        "def test_x():\n    import keras\n    assert keras.backend.backend() == 'pronghorn'\n"
    )
    result = python("-m", "pytest", "-q", "-p", "no:cacheprovider", "test_x.py", cwd=tmp_path)
    assert result.returncode == 0, result.stdout


def test_pytest_as_a_module(tmp_path):
    (tmp_path / "test_x.py").write_text(
        "import keras\ndef test_x():\n    assert keras.backend.backend() == 'pronghorn'\n"
    )
    result = python("-m", "pronghorn", "run", "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_x.py", cwd=tmp_path)
    assert result.returncode == 0, result.stdout


CHILDREN = """
import pronghorn.as_keras
import multiprocessing, subprocess, sys

def backend():
    import keras
    return keras.backend.backend()

if __name__ == "__main__":
    for way in multiprocessing.get_all_start_methods():
        with multiprocessing.get_context(way).Pool(1) as pool:
            print(way, pool.apply(backend))
    code = "import keras; print('subprocess', keras.backend.backend())"
    subprocess.run([sys.executable, "-c", code])
"""


def test_children_of_every_kind(tmp_path):
    (tmp_path / "script.py").write_text(CHILDREN)
    result = python("-u", tmp_path / "script.py")
    lines = result.stdout.split("\n")[:-1]
    assert len(lines) >= 2 and all(line.split()[1] == "pronghorn" for line in lines), result.stdout + result.stderr
    assert lines[-1].startswith("subprocess")


def test_an_engine_by_kerass_variable_that_is_not_installed_says_so():
    code = "import sys; sys.modules['torch'] = None; import pronghorn.as_keras"
    result = python("-c", code, KERAS_BACKEND="torch", PRONGHORN_BACKEND="")
    assert "torch" in result.stderr.splitlines()[-1] and result.returncode == 1


def test_star_gives_kerass_names():
    result = after_as_keras("from keras import *; print(Sequential, layers, version(), 'jit' in globals())")
    assert "Sequential'> <module 'keras.layers' from" in result.stdout, result.stderr
    assert result.stdout.rstrip().endswith(f"{KERAS_API_VERSION} False")


def test_one_version():
    result = after_as_keras("import keras; print(keras.version(), keras.__version__)")
    assert result.stdout.split() == [KERAS_API_VERSION] * 2, result.stderr


def test_names_that_editors_complete():
    result = after_as_keras(
        """
        import keras._tf_keras.keras.layers
        import keras._tf_keras.keras as k
        from keras._tf_keras.keras.preprocessing.text import Tokenizer
        from keras.optimizers.legacy import Adam
        import tensorflow.keras.optimizers.legacy
        print(k.layers is keras.layers, Tokenizer.__name__)
        try:
            import keras._tf_keras.keras.nothing
        except ModuleNotFoundError as error:
            print(error)
        Adam(1e-3)
        """
    )
    assert result.stdout.splitlines() == ["True Tokenizer", "cannot import name 'nothing' from 'keras'"], result.stderr
    assert "legacy.Adam is of Keras 2" in result.stderr.splitlines()[-1]


@pytest.mark.parametrize("tool", ["pickle", "cloudpickle"])
def test_modules_are_pickled_by_name(tool):
    pytest.importorskip(tool)
    result = after_as_keras(
        f"""
        import copy, pickle, {tool}
        import keras, keras.src.saving.saving_lib, tensorflow as tf
        modules = [keras, keras.layers, keras.src.saving, tf, tf.keras, tf.math, tf.keras.backend]
        for module in modules:
            again = pickle.loads({tool}.dumps(module))
            print(again.__name__ == module.__name__, copy.deepcopy(module).__name__ == module.__name__)
        print(pickle.loads({tool}.dumps(keras)) is keras, pickle.loads({tool}.dumps(keras.layers)) is keras.layers)
        import tensorflow as tf
        for module in (tf, tf.strings, tf.io, tf.keras.losses, tf.keras.preprocessing.image):
            assert pickle.loads({tool}.dumps(module)) is module, module
        """
    )
    assert result.stdout.split() == ["True"] * 16, result.stderr


def test_a_function_that_names_keras_goes_to_another_process():
    pytest.importorskip("cloudpickle")
    code = """
        import cloudpickle, keras, sys
        sys.stdout.buffer.write(cloudpickle.dumps(lambda: keras.Sequential([keras.layers.Dense(2)]).layers[0].units))
    """
    env = {**os.environ, "PYTHONPATH": SOURCE}
    command = [sys.executable, "-c", "import pronghorn.as_keras\n" + textwrap.dedent(code)]
    data = subprocess.run(command, env=env, capture_output=True, timeout=120).stdout
    reader = [sys.executable, "-c", "import pickle, sys; print(pickle.load(sys.stdin.buffer)())"]
    result = subprocess.run(reader, env=env, input=data, capture_output=True, timeout=120)
    assert result.stdout.strip() == b"2", result.stderr


@pytest.mark.parametrize(
    "line",
    [
        "from keras.src.ops import *; print(matmul)",
        "from keras.src.saving.saving_lib import load_model, save_model",
        "from keras.src.saving import serialization_lib, register_keras_serializable",
        "from keras.src.backend import get_keras_mask, set_keras_mask, compute_output_spec",
        "from keras.src.losses.losses import LossFunctionWrapper",
        "from keras.src.utils.backend_utils import in_grain_data_pipeline",
        "from keras.src.trainers.data_adapters.data_adapter_utils import class_weight_to_sample_weights",
        "from keras.src.distribution import distribution_lib",
        "from keras.src.backend.common.variables import KerasVariable",
        "from keras.src.layers.core.dense import Dense",
        "from keras.src.callbacks.early_stopping import EarlyStopping",
        "from keras.src import backend, layers, ops, tree",
        "import keras; keras.src.utils.tracking.no_automatic_dependency_tracking(print)",
        "import keras; keras.src.backend.backend()",
        "import keras.src.callbacks; keras.src.callbacks.History",
        "from tensorflow.keras.src.models import Functional",
    ],
)
def test_private_names_that_libraries_import(line):
    result = after_as_keras(line)
    assert (result.returncode, result.stderr) == (0, "")


def test_every_private_name_is_there():
    result = after_as_keras(
        """
        import importlib
        from pronghorn.scripts import private_names
        for name in private_names._NAMES:
            where, _, attribute = name.rpartition(".")
            getattr(importlib.import_module(f"keras.src.{where}"), attribute)
        for name in private_names._MODULES:
            module = importlib.import_module(f"keras.src.{name}".rstrip("."))
            for attribute in module.__all__:
                getattr(module, attribute)
        print("all")
        """
    )
    assert result.stdout == "all\n", result.stderr


def test_what_libraries_ask_of_tensorflow():
    result = after_as_keras(
        """
        import numpy as np, tensorflow as tf, importlib
        print(isinstance(np.ones(2), (tf.RaggedTensor, tf.SparseTensor)), tf.errors.ResourceExhaustedError.__name__)
        tf.debugging.disable_traceback_filtering()
        print(tf.keras.config.is_traceback_filtering_enabled(), importlib.import_module("tensorboard.compat.notf"))
        """
        if importlib.util.find_spec("tensorboard")
        else """
        import numpy as np, tensorflow as tf
        print(isinstance(np.ones(2), (tf.RaggedTensor, tf.SparseTensor)), tf.errors.ResourceExhaustedError.__name__)
        tf.debugging.disable_traceback_filtering()
        print(tf.keras.config.is_traceback_filtering_enabled())
        """
    )
    assert result.stdout.splitlines()[0] == "False MemoryError" and "False" in result.stdout.splitlines()[1]


def test_a_loader_that_is_wrapped_by_a_hook_of_older_kind():
    """What MLflow's autologging does: its finder asks the others and puts a loader with `load_module` around theirs."""
    result = after_as_keras(
        """
        import importlib.util, sys
        loaded = []

        class Wrapped:
            def __init__(self, loader):
                self.loader = loader

            def load_module(self, name):
                module = self.loader.load_module(name)
                loaded.append(name)
                return module

        class Hook:
            busy = False

            def find_spec(self, name, path=None, target=None):
                if name != "keras" or self.busy:
                    return None
                self.busy = True
                spec = importlib.util.find_spec(name)
                spec.loader = Wrapped(spec.loader)
                return spec

        sys.meta_path.insert(0, Hook())
        import keras
        print(loaded, keras.layers.Dense.__name__, keras.__version__ >= "3")
        """
    )
    assert result.stdout == "['keras'] Dense True\n", result.stderr


SEARCH = """
import pronghorn.as_keras
import keras
import numpy as np
from sklearn.model_selection import GridSearchCV

def build(X, y, units=4):
    model = keras.Sequential([keras.Input(X.shape[1:]), keras.layers.Dense(units), keras.layers.Dense(2, "softmax")])
    model.compile(loss="categorical_crossentropy", optimizer="adam")
    return model

x, y = np.random.default_rng(0).normal(size=(60, 3)), np.arange(60) % 2
search = GridSearchCV(
    keras.wrappers.SKLearnClassifier(build, fit_kwargs={"epochs": 1, "verbose": 0}),
    {"model_kwargs": [{"units": 2}, {"units": 3}]}, n_jobs=2, cv=2,
)
print(sorted(search.fit(x, y).best_params_))
"""


@pytest.mark.slow
def test_a_grid_search_in_two_processes(tmp_path):
    pytest.importorskip("sklearn")
    (tmp_path / "script.py").write_text(SEARCH)
    result = python(tmp_path / "script.py")
    assert result.stdout == "['model_kwargs']\n", result.stderr


def test_versions_of_packages():
    result = after_as_keras(
        """
        from importlib.metadata import PackageNotFoundError, version
        import keras, tensorflow as tf
        print(version("keras") == keras.__version__, version("tensorflow") == tf.__version__, version("numpy") > "1")
        try:
            version("kerass")
        except PackageNotFoundError:
            print("no such")
        """
    )
    assert result.stdout == "True True True\nno such\n", result.stderr
