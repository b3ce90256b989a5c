"""What `importlib`, `pkgutil` and `inspect` say of `keras`: as of the real package."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import pronghorn

SOURCE = str(Path(pronghorn.__file__).parents[1])
_FIRST = """
import importlib, importlib.abc, importlib.resources, importlib.util, inspect, pkgutil, sys
import pronghorn.as_keras
"""


def lines(code):
    command = [sys.executable, "-c", _FIRST + textwrap.dedent(code)]
    env = {**os.environ, "PYTHONPATH": SOURCE}
    result = subprocess.run(command, env=env, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    return result.stdout.splitlines()


def test_specs():
    assert lines(
        """
        spec = importlib.util.find_spec("keras")
        print(spec.name, spec.has_location, bool(spec.submodule_search_locations), spec.origin.endswith("__init__.py"))
        print(isinstance(spec.loader, importlib.abc.Loader), "keras" in sys.modules)
        for name in "keras.layers", "keras.src.saving", "keras.applications.vgg16", "keras.ops.linalg":
            spec = importlib.util.find_spec(name)
            assert spec.name == name and spec.parent == name and spec.loader is not None, spec
            module = importlib.import_module(name)
            assert importlib.util.find_spec(name).name == name and importlib.reload(module) is module, name
        import keras, pronghorn, tensorflow.keras.losses, keras.losses, tensorflow.keras.layers, keras.src.saving
        print(importlib.util.find_spec("keras.losses").name, importlib.util.find_spec("keras.layers").name)
        print(pronghorn.losses.__name__, pronghorn.losses.__package__, importlib.reload(keras) is keras)
        print([name for name in sys.modules if name.startswith("keras") and not importlib.util.find_spec(name)])
        absent = "keras.nonsense", "keras.Sequential", "keras.layers.nope", "keras.src.zzz", "tensorflow.lite"
        ours = "keras.compiler", "keras.layers.attention"
        print([importlib.util.find_spec(name) for name in absent + ours])
        """
    ) == [
        "keras True True True",
        "True False",
        "keras.losses keras.layers",
        "pronghorn.losses pronghorn.losses True",
        "[]",
        str([None] * 7),
    ]


@pytest.mark.parametrize("name, attribute", [("keras", "Model"), ("keras.metrics", "AUC"), ("keras.ops", "matmul")])
@pytest.mark.parametrize("before", ["", "import {name}", "import tensorflow.{name}"])
def test_programs_that_load_by_hand(name, attribute, before):
    """As those do that wrap a loader, or load later than they import."""
    assert lines(
        f"""
        {before.format(name=name)}
        spec = importlib.util.find_spec("{name}")
        print(spec.loader.load_module("{name}").{attribute}.__name__)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        print(module.{attribute}.__name__)
        sys.modules.pop("{name}", None)
        spec = importlib.util.find_spec("{name}")
        spec.loader = importlib.util.LazyLoader(spec.loader)
        module = sys.modules["{name}"] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        from {name} import {attribute}
        print({attribute} is module.{attribute})
        """
    ) == [attribute, attribute, "True"]


def test_a_second_module_of_our_own_name():
    assert lines(
        """
        import pronghorn
        spec = importlib.util.find_spec("pronghorn.losses")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        print(module.MeanSquaredError is pronghorn.losses.MeanSquaredError, set(module.__all__) <= set(dir(module)))
        """
    ) == ["True True"]


def test_modules_that_are_listed():
    every, datasets, walked = lines(
        """
        import keras
        print([module.name for module in pkgutil.iter_modules(keras.__path__)])
        print([module.name for module in pkgutil.iter_modules(keras.datasets.__path__)])
        names = [module.name for module in pkgutil.walk_packages(keras.__path__, "keras.")]
        print(names)
        for finder, name, _ in pkgutil.walk_packages(keras.__path__, "keras."):
            assert finder.find_spec(name).loader.load_module(name) is importlib.import_module(name), name
        for finder, name, _ in pkgutil.iter_modules(keras.__path__):
            assert finder.find_spec(name).name == f"keras.{name}", name
        mine = sys.modules["mine"] = type(sys)("mine")
        mine.__path__ = list(keras.__path__)
        import mine.layers
        assert mine.layers is keras.layers
        """
    )
    assert "'_tf_keras', 'activations', 'applications', 'backend', 'callbacks'" in every and "'src'" in every
    assert not {"autodiff", "interop", "codegen", "GradientTape"} & set(eval(every))
    assert eval(datasets)[:2] == ["boston_housing", "california_housing"] and len(eval(datasets)) == 8
    below = [name for name in eval(walked) if name.startswith(("keras.layers", "keras.ops"))]
    assert below == ["keras.layers", "keras.ops", *(f"keras.ops.{name}" for name in ("image", "linalg", "nn", "numpy"))]


def test_stages_of_our_own_are_no_modules_of_keras():
    assert lines(
        """
        import keras, pronghorn.engine.autodiff
        for line in "from keras import autodiff", "import keras.autodiff", "keras.autodiff", "keras.layers.attention":
            try:
                exec(line)
            except (ImportError, AttributeError) as error:
                print(type(error).__name__)
        """
    ) == ["ImportError", "ModuleNotFoundError", "AttributeError", "AttributeError"]


def test_files_and_sources():
    assert lines(
        """
        import keras
        files = importlib.resources.files("keras")
        print(files.is_dir(), (importlib.resources.files("keras.layers") / "__init__.py").is_file())
        print({"__init__.py", "layers", "ops"} <= {entry.name for entry in files.iterdir()})
        loader = importlib.util.find_spec("keras").loader
        print(loader.is_package("keras"), "attach" in loader.get_source("keras"))
        print(pkgutil.get_data("keras", "__init__.py")[:3], "attach" in inspect.getsource(keras))
        print(inspect.getmodule(keras.layers.Dense).__name__, inspect.getsourcefile(keras.layers) is not None)
        """
    ) == ["True True", "True", "True True", 'b\'"""\' True', "pronghorn.layers.core.dense True"]


def test_vars():
    assert lines(
        """
        import keras
        names = {name for name in vars(keras) if name[0] != "_"}
        print({"Model", "layers", "version"} <= names, {"GradientTape", "interop", "jit"} & names)
        print("Dense" in vars(keras.layers), len(inspect.getmembers(keras.layers)) > 100)
        vars(keras)["mine"], keras.yours = 3, 4
        print(keras.mine, vars(keras)["yours"])
        del keras.yours
        print(hasattr(keras, "yours"), keras.layers is vars(keras)["layers"])
        """
    ) == ["True set()", "True True", "3 4", "False True"]


def test_the_function_behind_import_leaves_out_what_is_not_there():
    assert lines(
        """
        for name in "keras", "keras.layers", "pronghorn.layers", "tensorflow.keras":
            print(__import__(name, fromlist=["nothing", "layers"]).__name__)
        try:
            from keras.layers import Dens
        except ImportError as error:
            print(error)
        """
    ) == [
        *("keras", "pronghorn.layers", "pronghorn.layers", "tensorflow.keras"),
        "cannot import name 'Dens' from 'keras.layers'; nearest: Dense",
    ]


def test_vars_in_threads():
    assert lines(
        """
        import threading, keras
        found = []
        ask = lambda: found.append(("Model" in vars(keras), len(vars(keras)), "Dense" in vars(keras.layers)))
        threads = [threading.Thread(target=ask) for _ in range(8)]
        [thread.start() for thread in threads]
        [thread.join() for thread in threads]
        print(all(model and dense and count > 50 for model, count, dense in found))
        """
    ) == ["True"]


@pytest.mark.parametrize("prefix", ["keras", "tensorflow.keras", "pronghorn"])
def test_names_are_there_after_a_reload(prefix):
    assert lines(
        f"""
        for name in "layers", "optimizers", "metrics", "applications", "losses", "datasets", "ops":
            module = importlib.import_module("{prefix}." + name)
            path = module.__path__
            assert importlib.reload(module) is module and module.__path__ == path, name
            for each in dir(module):
                getattr(module, each)
        root = importlib.reload(importlib.import_module("{prefix}"))
        print(all(hasattr(root, name) for name in dir(root)))
        """
    ) == ["True"]
