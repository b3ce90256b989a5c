"""`pronghorn run`: a script runs as under Python, with keras and tensorflow.keras meaning Pronghorn."""

import os
import re
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

import pronghorn

SOURCE = Path(pronghorn.__file__).parents[1]


def environment(**extra):
    env = {key: value for key, value in os.environ.items() if key not in ("MPLBACKEND", "DISPLAY", "WAYLAND_DISPLAY")}
    return {**env, "PYTHONPATH": str(SOURCE), **extra}


def pronghorn_command(*arguments, cwd=None, **extra):
    command = [sys.executable, "-m", "pronghorn", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env=environment(**extra), cwd=cwd, timeout=120)


@pytest.fixture
def run(tmp_path):
    def run_script(text, *arguments, **extra):
        script = tmp_path / "script.py"
        script.write_text(textwrap.dedent(text))
        return pronghorn_command("run", script, *arguments, **extra)

    return run_script


def test_version():
    assert pronghorn_command("--version").stdout.startswith(f"pronghorn {pronghorn.__version__} ")


def test_info_is_a_plain_table_where_there_is_no_terminal():
    result = pronghorn_command("info")
    assert result.returncode == 0, result.stderr
    assert "\x1b" not in result.stdout
    titles = [line.split("  ")[0] for line in result.stdout.splitlines()]
    assert {"Pronghorn", "Python", "CPU", "Threads", "LLVM", "Compile cache"} <= set(titles)


def test_the_script_is_main(run, tmp_path):
    result = run("import sys; print(__name__, __file__, sys.argv, sys.path[0])", "--epochs", "3", "-m", "--help")
    script = str(tmp_path / "script.py")
    assert result.stdout == f"__main__ {script} {[script, '--epochs', '3', '-m', '--help']} {tmp_path}\n"


def test_what_the_runner_takes_from_future_is_not_the_scripts(run):
    assert run("def f(x: int): ...\nprint(f.__annotations__)").stdout == "{'x': <class 'int'>}\n"


def test_file_stays_valid_when_the_script_changes_its_directory(run, tmp_path):
    (tmp_path / "script.py").write_text("import os; os.chdir('/'); print(os.path.exists(__file__), __file__)")
    result = pronghorn_command("run", "script.py", cwd=tmp_path)
    assert result.stdout == f"True {tmp_path / 'script.py'}\n", result.stderr


def test_a_script_on_the_standard_input(tmp_path):
    command = [sys.executable, "-m", "pronghorn", "run", "-", "x"]
    code = "import keras, sys; print(__name__, sys.argv, keras.config.backend())"
    result = subprocess.run(command, input=code, capture_output=True, text=True, env=environment(), timeout=120)
    assert result.stdout == "__main__ ['-', 'x'] pronghorn\n", result.stderr


@pytest.mark.parametrize("line", ["import keras", "from tensorflow.keras import config", "import tensorflow as tf"])
def test_processes_that_multiprocessing_starts_afresh_know_the_names(run, line):
    result = run(
        f"""
        import multiprocessing
        {line}
        def backend():
            import keras
            return keras.config.backend()
        if __name__ == "__main__":
            with multiprocessing.get_context("spawn").Pool(1) as pool:
                print(pool.apply(backend))
        """
    )
    assert result.stdout == "pronghorn\n", result.stderr


def test_a_module_of_the_scripts_folder_is_found(run, tmp_path):
    (tmp_path / "helper.py").write_text("import keras; NAME = keras.__name__")
    assert run("import helper; print(helper.NAME)").stdout == "keras\n"


def test_a_module_runs_with_m(tmp_path):
    (tmp_path / "train.py").write_text("import sys, keras; print(__name__, sys.argv[1:], keras.config.backend())")
    result = pronghorn_command("run", "-m", "train", "x", cwd=tmp_path)
    assert result.stdout == "__main__ ['x'] pronghorn\n", result.stderr


def test_one_module_under_each_name(run):
    result = run(
        """
        import keras, pronghorn, tensorflow as tf
        from tensorflow import keras as tf_keras
        from tensorflow.keras.callbacks import EarlyStopping
        import tensorflow.keras.callbacks as callbacks
        import keras.utils
        print(callbacks is keras.callbacks is tf.keras.callbacks is pronghorn.callbacks)
        print(EarlyStopping is tf_keras.callbacks.EarlyStopping, keras.utils is pronghorn.utils)
        print(keras.__version__ >= "3", tf.__version__ >= "2")
        """
    )
    assert result.stdout == "True\nTrue True\nTrue True\n", result.stderr


def test_keras_says_where_it_is(run):
    result = run("import inspect, keras; print(keras.__file__ == inspect.getfile(keras), keras.__file__)")
    assert result.stdout.strip() == f"True {SOURCE / 'pronghorn' / '__init__.py'}", result.stderr


def test_older_names_of_tensorflow_keras(run):
    result = run(
        """
        import numpy as np
        import keras, tensorflow as tf
        import tensorflow.keras.backend as K2
        from tensorflow.keras import backend as K
        from tensorflow.keras.losses import mse, MeanSquaredError
        print(K is K2 is tf.keras.backend, mse is keras.losses.mean_squared_error is tf.keras.metrics.MSE)
        print(MeanSquaredError is keras.losses.MeanSquaredError, K.floatx(), K.int_shape(keras.Input((3,))))
        x = np.array([[3.0, 4.0], [0.0, 2.0]])
        print(K.sqrt(K.mean(K.square(x), axis=-1)).shape, K.eval(K.sum(x)), K.eval(K.argmax(x)))
        print(K.concatenate([x, x]).shape, K.expand_dims(x).shape, K.eval(K.cumsum(x)).tolist())
        print(K.eval(K.switch(x > 1, x, K.zeros_like(x))).tolist(), K.eval(K.l2_normalize(x[0])))
        """
    )
    assert result.stdout.splitlines() == [
        "True True",
        "True float32 (None, 3)",
        "(2,) 9.0 [1 1]",
        "(2, 4) (2, 2, 1) [[3.0, 4.0], [3.0, 6.0]]",
        "[[3.0, 4.0], [0.0, 2.0]] [0.6 0.8]",
    ], result.stderr


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            "from keras.callbacks import EarlyStoping",
            "cannot import name 'EarlyStoping' from 'keras.callbacks'; nearest:",
        ),
        (
            "from tensorflow.keras.datasets import minst",
            "cannot import name 'minst' from 'keras.datasets'; nearest: mnist",
        ),
        ("import keras.layrs", "cannot import name 'layrs' from 'keras'; nearest: layers"),
        ("import keras; keras.Sequental", "module 'keras' has no attribute 'Sequental'; nearest: Sequential"),
        ("from keras.utils import np_utils", "use keras.utils.to_categorical"),
        ("import keras.src.layrs", "private to the Keras package"),
        ("from keras.losses import mse", "use keras.losses.mean_squared_error"),
        ("from keras import backend as K; K.mean", "use keras.ops.mean"),
        ("from keras.layers.core import Dense", "its layers are in keras.layers now"),
        ("from keras.preprocessing.image import ImageDataGenerator", "keras.utils.image_dataset_from_directory"),
        ("from keras.preprocessing.text import Tokenizer", "TextVectorization"),
        ("import keras.callbacks.EarlyStopping", "is no module; write: from keras.callbacks import EarlyStopping"),
        ("import tensorflow as tf; tf.estimator", "use model.fit"),
        ("import tensorflow as tf; tf.nn.sofmax", "nearest: softmax"),
        ("from tensorflow.python.ops import gen_math_ops", "private to TensorFlow"),
    ],
)
def test_a_name_that_is_not_there_says_what_is_nearest(run, line, message):
    result = run(line)
    assert result.returncode == 1
    assert message in result.stderr.splitlines()[-1]


def test_a_module_that_is_not_there_is_not_found(run):
    modules = "keras.nosuch", "keras.layers.nosuch", "keras.src.nosuch", "tensorflow.nosuch", "tensorflow.keras.nosuch"
    result = run(f"""
for name in {modules}:
    try:
        __import__(name)
    except ModuleNotFoundError as error:
        print(error.name == name)
for name in "keras", "keras.layers", "keras.src.layers", "tensorflow":
    try:
        exec(f"from {{name}} import nosuch")
    except ImportError as error:
        print(type(error) is ImportError and "nosuch" in str(error) and error.name == name)
print(__import__("keras.layers", fromlist=[""]).Dense.__name__)""")
    assert result.stdout.split() == ["True"] * 9 + ["Dense"], result.stderr


def test_tracebacks_show_the_script_and_not_the_runner(run, tmp_path):
    result = run("def f():\n    1 / 0\n\nf()")
    lines = result.stderr.splitlines()
    assert result.returncode == 1
    assert lines[0] == "Traceback (most recent call last):" and lines[-1] == "ZeroDivisionError: division by zero"
    files = [line for line in lines if line.lstrip().startswith("File ")]
    assert len(files) == 2 and all(str(tmp_path / "script.py") in line for line in files)


def test_library_frames_are_hidden_until_asked_for(run):
    hidden = run("import keras; keras.utils.to_categorical([5], 3)")
    assert "ValueError: to_categorical: class number 5" in hidden.stderr and "labels.py" not in hidden.stderr
    shown = run("import keras; keras.config.disable_traceback_filtering(); keras.utils.to_categorical([5], 3)")
    assert "labels.py" in shown.stderr


def test_chained_errors_are_free_of_the_runner(run):
    result = run("try:\n    1 / 0\nexcept ZeroDivisionError as error:\n    raise KeyError('x') from error")
    assert "direct cause" in result.stderr and "runner.py" not in result.stderr


def test_syntax_errors_are_the_scripts(run):
    result = run("x = (")
    assert result.returncode == 1 and "SyntaxError" in result.stderr and "runner.py" not in result.stderr


def test_exit_status_is_the_scripts(run):
    assert run("import sys; sys.exit(3)").returncode == 3
    result = run("import sys; sys.exit('gone')")
    assert (result.returncode, result.stderr) == (1, "gone\n")


def test_missing_file():
    result = pronghorn_command("run", "nothing.py")
    assert result.returncode == 2 and "cannot read nothing.py" in result.stderr and "Traceback" not in result.stderr


def test_a_folder(tmp_path):
    result = pronghorn_command("run", ".", cwd=tmp_path)
    assert result.returncode == 2 and result.stderr == "pronghorn run: cannot read .: the folder has no __main__.py.\n"
    (tmp_path / "__main__.py").write_text("import keras, sys; print(keras.__name__, sys.argv[1:])")
    assert pronghorn_command("run", ".", "x", cwd=tmp_path).stdout == "keras ['x']\n"


def test_a_missing_package_gets_the_hint(run):
    result = run("import sys; sys.modules['matplotlib'] = None; import matplotlib.pyplot")
    assert re.fullmatch(r"To install it: pip install .*\[plot\]'", result.stderr.splitlines()[-1])
    result = run("import sys; sys.modules['tensorflow_datasets'] = None; import tensorflow_datasets as tfds")
    assert "keras.datasets has mnist" in result.stderr.splitlines()[-1]


def test_a_graphics_card_that_is_set_up(run):
    result = run(
        """
        import tensorflow as tf
        from tensorflow.compat.v1 import ConfigProto, InteractiveSession

        config = ConfigProto(gpu_options=tf.compat.v1.GPUOptions(per_process_gpu_memory_fraction=0.5))
        config.gpu_options.allow_growth = True
        session = InteractiveSession(config=config)
        print(session.run([tf.constant(2), None]))
        try:
            session.run(tf.constant(2), feed_dict={"x": 1})
        except NotImplementedError as error:
            print("fed" in str(error))
        """
    )
    assert result.stdout.splitlines() == ["[np.int32(2), None]", "True"], result.stderr


def test_pictures_are_drawn_without_a_display(run):
    code = "import os; print(os.environ.get('MPLBACKEND'))"
    if sys.platform.startswith("linux"):
        assert run(code).stdout == "Agg\n"
        assert run(code, DISPLAY=":0").stdout == "None\n"
    assert run(code, MPLBACKEND="svg").stdout == "svg\n"


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")
def test_ctrl_c_ends_quietly_with_130(tmp_path):
    script = tmp_path / "script.py"
    script.write_text("import time\nprint('ready', flush=True)\ntime.sleep(60)")
    command = [sys.executable, "-m", "pronghorn", "run", str(script)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment())
    assert process.stdout.readline() == "ready\n"
    time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 130 and "Traceback" not in errors


def test_tensorflow_stand_in_for_small_things(run):
    result = run(
        """
        import tensorflow as tf
        tf.random.set_seed(1)
        @tf.function
        def f(x):
            return x
        @tf.function(jit_compile=True)
        def g(x):
            return x
        print(int(f(1)), int(g(2)), tf.constant(["a"])[0], tf.float32, tf.config.list_physical_devices("GPU"))
        """
    )
    written = "1 2 tf.Tensor(b'a', shape=(), dtype=string) <dtype: 'float32'> []\n"
    assert result.stdout == written, result.stderr


def test_shapes_of_tensors_are_tensorflows(run):
    result = run(
        """
        import numpy as np
        import tensorflow as tf

        class Flat(tf.keras.layers.Layer):
            def call(self, x):
                rows, height, width = x.shape.as_list()
                return tf.reshape(x, [-1, height * width])

        print(tf.ones((2, 3)).shape.as_list(), tf.ones((2, 3)).shape[1:].rank, tf.ones((2, 3)).shape == (2, 3))
        model = tf.keras.Sequential([tf.keras.Input((3, 4)), Flat(), tf.keras.layers.Dense(2)])
        model.compile("sgd", "mse")
        model.fit(np.ones((5, 3, 4)), np.ones((5, 2)), batch_size=2, verbose=0)
        print(*(model.predict(np.ones((rows, 3, 4)), verbose=0).shape for rows in (1, 3)))
        """
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.split("\n")[:2] == ["[2, 3] 1 True", "(1, 2) (3, 2)"]


def test_each_name_of_the_stand_in_resolves():
    code = """
        import importlib
        from pronghorn_tensorflow import alias
        from pronghorn.scripts import aliases
        from pronghorn.scripts import older_names
        aliases.install()
        for module in older_names._TABLES:
            older = older_names.module(module)
            found = [getattr(older, name) for name in older._table]
            assert all(callable(x) or type(x).__module__ in ("builtins", older_names.__name__) for x in found), module
        for namespace in {*alias._children(), ""}:
            for name, target in alias._table(namespace).items():
                module, _, attribute = target.partition(":")
                if module.startswith("tensorboard"):
                    continue  # it need not be installed
                assert hasattr(importlib.import_module(module), attribute), (namespace, name, target)
        print("all")
    """
    command = [sys.executable, "-c", textwrap.dedent(code)]
    result = subprocess.run(command, capture_output=True, text=True, env=environment(), timeout=120)
    assert result.stdout == "all\n", result.stderr
