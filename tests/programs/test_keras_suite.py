"""Keras's own tests, all of them: those that fail are those that are listed; see tests/keras_suite/run.py."""

import sys
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace

import pytest

pytest.importorskip("keras")
pytest.importorskip("absl", reason="Keras's tests need absl-py")

from pronghorn import config, ops
from pronghorn.engine.backends import engine as engines
from pronghorn.engine.graph.primitives import registry

sys.path.insert(0, str(Path(__file__).parents[1] / "keras_suite"))
import engine_meanings
import keras_names
import run

# The list is of one version's tests, run without other frameworks but JAX.
KERAS = "3.15.1"
FOLDERS = run.folders()
PARTS = [(folder, part) for folder in FOLDERS for part in range(run.PARTS.get(folder, 1))]
SMALL = [folder for folder in FOLDERS if folder not in run.PARTS and run.passing().get(folder, 0) < 200]
GROUPS = 4  # of small folders, each of which runs in one process: to start one takes longer than the tests of most

exactly = pytest.mark.skipif(metadata.version("keras") != KERAS, reason=f"the list is that of Keras {KERAS}")


@exactly
@pytest.mark.slow
@pytest.mark.parametrize("group", range(GROUPS))
def test_the_listed_tests_of_small_folders_fail_and_no_others(group):
    folders = SMALL[group::GROUPS]
    results = run.run(*folders)
    assert {result.folder for result in results} <= set(folders)
    for folder in folders:
        found = [result for result in results if result.folder == folder]
        assert run.differences(found, run.of_folder(run.expected(), folder)) == []
        assert sum(result.outcome == "passed" for result in found) >= run.passing()[folder]


@exactly
@pytest.mark.slow
@pytest.mark.parametrize(("folder", "part"), [pair for pair in PARTS if pair[0] not in SMALL], ids=str)
def test_the_listed_tests_of_a_folder_fail_and_no_others(folder, part):
    results = run.run(folder, part=part)
    listed = run.of_folder(run.expected(), folder)
    if folder in run.PARTS:  # those of the other parts are not to be missed
        listed = {test: listed[test] for test in {result.test for result in results} & listed.keys()}
    assert run.differences(results, listed) == []
    assert sum(result.outcome == "passed" for result in results) >= run.passing()[run.unit(folder, part)]


@exactly
@pytest.mark.slow
@pytest.mark.parametrize("folder", ["activations", "layers/activations", "trainers"])
@pytest.mark.parametrize("engine", ["jax", "tensorflow", "torch"])
def test_the_same_tests_pass_on_another_engine(engine, folder):
    if not engines.is_installed(engine):
        pytest.skip(f"{engine} is not installed")
    results = run.beyond_ours(run.run(folder, engine=engine))
    assert run.differences(results, run.of_folder(run.expected(engine), folder)) == []
    failed = sum(result.outcome == "failed" for result in results)
    passed = sum(result.outcome == "passed" for result in results)  # Keras leaves a fourth of some out on PyTorch
    assert passed >= 0.7 * run.passing()[folder] and passed >= 9 * failed


def test_eager_calls_take_the_table_of_the_engine(monkeypatch):
    pytest.importorskip("jax")
    monkeypatch.setattr(registry, "MEANINGS", dict(registry.MEANINGS))
    monkeypatch.setattr(registry, "_kernels", None)
    config.set_backend("jax")
    try:
        engine_meanings.install()
        add, calls = engines.engine("jax").table["add"], []
        monkeypatch.setitem(engines.engine("jax").table, "add", lambda *xs: calls.append(xs) or add(*xs))
        assert ops.convert_to_numpy(ops.add([1.0, 2.0], 3.0)).tolist() == [4.0, 5.0]
    finally:
        config.set_backend("pronghorn")
    assert len(calls) == 1


def test_types_are_asked_for_without_compiling():
    jax = pytest.importorskip("jax")
    seen = []

    def asks():
        x = jax.numpy.ones((2,), "int8")
        seen.append(isinstance(x, jax.core.Tracer))
        assert (x + x).dtype == "int8"

    def reads():
        x = jax.numpy.ones(())
        seen.append(isinstance(x, jax.core.Tracer))
        assert float(x) == 1

    def is_wrong():
        assert jax.numpy.ones((), "int8").dtype == "int16"

    item = SimpleNamespace(nodeid="a_test.py::A::test_x")
    keras_names.without_compiling(item, asks)()
    keras_names.without_compiling(item, reads)()
    assert seen == [True, True, False]
    with pytest.raises(AssertionError, match="int16"):
        keras_names.without_compiling(item, is_wrong)()


@exactly
def test_every_folder_is_listed():
    assert run.passing().keys() == {run.unit(folder, part) for folder, part in PARTS}
    assert {run.Result(test, "").folder for test in run.expected()} <= set(run.folders())


def test_every_expected_failure_has_a_reason():
    listed = [pair for engine in run.ENGINES for pair in run.expected(engine).items()]
    for test, reason in listed:
        kind, _, word = reason.partition(": ")
        assert kind in run.KINDS, (test, reason)
        assert word.strip(), test


LISTED = {"losses/a_test.py::A::test_x": "wording: the error's message"}


@pytest.mark.parametrize(
    ("result", "told"),
    [
        (run.Result("losses/a_test.py::A::test_x", "failed", 'E: "ours" does not match "theirs"'), None),
        (run.Result("losses/a_test.py::A::test_x", "passed"), "is listed as failing and passed"),
        (run.Result("losses/a_test.py::A::test_x", "skipped"), "is listed as failing and skipped"),
        (
            run.Result("losses/a_test.py::A::test_x", "failed", "no public equivalent of keras.src.a"),
            "another reason than an error's wording",
        ),
        (run.Result("losses/a_test.py::A::test_y", "passed"), "did not run: losses/a_test.py::A::test_x"),
        (run.Result("losses/a_test.py::A::test_y", "failed", "0 != 1"), "newly fails: losses/a_test.py::A::test_y"),
    ],
)
def test_what_is_told(result, told):
    lines = run.differences([result], LISTED)
    assert [told in line for line in lines[:1]] == [True] * (told is not None)


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ("NotImplementedError: no public equivalent of keras.src.utils.io.ask", "private: utils.io.ask"),
        ("NotImplementedError: no public equivalent of tensorflow.constant", "framework: tensorflow.constant"),
        ("AttributeError: 'Dense' object has no attribute '_float8_call'", "private: _float8_call"),
        ("AttributeError: quantize is not part of Pronghorn: see", "absent: quantize"),
        ('AssertionError: "theirs" does not match "ours"', "wording: the error's message"),
        ("AssertionError: 0 != 1", "unexplained: AssertionError: 0 != 1"),
    ],
)
def test_reasons_that_a_message_gives(message, reason):
    assert run.Result("a_test.py::A::test_x", "failed", message).reason() == reason
