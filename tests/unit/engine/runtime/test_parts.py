"""A module cut into parts computes as a whole one does."""

import ctypes
import threading

import numpy as np
import pytest

import pronghorn as keras
from pronghorn.engine.runtime import compile as compiling
from pronghorn.engine.runtime import parts
from pronghorn.engine.runtime.compile import CompilationError, Stream, compile_ir
from pronghorn.engine.runtime.host import host_target

_KERNEL = """define void @k{i}(ptr noalias dereferenceable(4) %x) noinline nounwind memory(argmem: readwrite) {{
  %old = load i32, ptr %x
  %new = call i32 @more(i32 %old)
  store i32 %new, ptr %x
  ret void
}}
"""
_HELPER = """@step.size = private unnamed_addr constant i32 1
define internal i32 @more(i32 %x) {
  %size = load i32, ptr @step.size
  %y = add i32 %x, %size
  ret i32 %y
}
"""


def module(count):
    kernels = [_KERNEL.format(i=i) for i in range(count)]
    calls = "".join(f"  call void @k{i}(ptr %x)\n" for i in range(count))
    return "".join([*kernels[:1], _HELPER, *kernels[1:], f"define void @all(ptr %x) {{\n{calls}  ret void\n}}\n"])


@pytest.fixture
def small_parts(monkeypatch):
    monkeypatch.setattr(parts, "PART", 100)
    monkeypatch.setattr(compiling, "get_num_threads", lambda: 3)


def test_each_function_is_in_one_part(small_parts):
    cut = parts.cut(module(7), 3)
    names = {f"k{i}" for i in range(7)} | {"all"}
    defined = [{name for name in names if f"define void @{name}(" in part.text} for part in cut]
    assert len(cut) == 3 and sum(map(len, defined)) == 8
    assert set().union(*defined) == names
    for found, part in zip(defined, cut):
        assert part.elsewhere == (names - found if "all" in found else set())
    for part in cut:
        uses = "call i32 @more(" in part.text
        assert ("@more(i32 %x) {" in part.text) == uses == (part.text.count("@step.size = ") == 1)


@pytest.mark.parametrize("count", [0, 1, 2, 30])
def test_parts_call_each_other(small_parts, count):
    compiled = compile_ir(module(count), use_cache=False, verify=True)
    number = ctypes.c_int32(5)
    compiled.function("all", None, ctypes.c_void_p)(ctypes.byref(number))
    assert number.value == 5 + count
    assert len(parts.unpack(compiled.code)) == min(3, count + 1)


@pytest.mark.parametrize("count", [0, 1, 2, 30])
def test_functions_are_compiled_as_they_are_written(small_parts, count):
    *kernels, whole = [f"define {f}" for f in module(count).replace(_HELPER, "").split("define ")[1:]]
    with Stream("step", host_target()) as stream:
        for kernel in kernels:
            stream.add(kernel, lambda: _HELPER)
        stream.add(whole, lambda: _HELPER)
        compiled = stream.finish(lambda: _HELPER, lambda: module(count))
    number = ctypes.c_int32(5)
    compiled.function("all", None, ctypes.c_void_p)(ctypes.byref(number))
    assert number.value == 5 + count
    assert len(parts.unpack(compiled.code)) == (count + 1 if count else 1)
    assert compiled.ir() == module(count)


def test_what_is_wrong_in_a_stream_is_told_at_its_end(small_parts):
    with Stream("step", host_target()) as stream:
        for i in range(9):
            wrong = _KERNEL.replace("@more(i32 %old)", "@nowhere(i32 %old)")
            stream.add((wrong if i == 4 else _KERNEL).format(i=i), lambda: _HELPER + "declare i32 @nowhere(i32)\n")
        with pytest.raises(CompilationError, match="'step' calls 'nowhere'"):
            stream.finish(lambda: _HELPER, str)


def test_a_stream_that_is_given_up_leaves_no_thread(small_parts):
    before = threading.active_count()
    with pytest.raises(KeyError), Stream("step", host_target()) as stream:
        for i in range(20):
            stream.add(_KERNEL.format(i=i), lambda: _HELPER)
        raise KeyError
    assert threading.active_count() == before


def test_a_part_has_what_it_uses():
    constants = "".join(f"@table.{i} = private constant i32 {i}\n" for i in range(3))
    local = "define internal i32 @local(i32 %x) {\n  %y = load i32, ptr @table.2\n  ret i32 %y\n}\n"
    kernels = [f"define i32 @k{i}() {{\n  %y = call i32 @{used}(i32 0)\n  ret i32 %y\n}}\n"
               for i, used in enumerate(["local", "k0", "llvm.abs.i32"])]  # fmt: skip
    definitions = parts.Definitions()
    definitions.add(constants + "\n; remarks stay\n")
    assert definitions.add("declare i32 @llvm.abs.i32(i32, i1)\n" + local + "".join(kernels)) == kernels
    one, two, three = (definitions.part([kernel]) for kernel in kernels)
    assert "@local(i32 %x) {" in one.text and "@table.2 =" in one.text and "@table.1" not in one.text
    assert two.elsewhere == {"k0"} and "declare i32 @k0()\n" in two.text and "local" not in two.text
    assert three.elsewhere == set() and three.text.count("declare") == 1


def test_short_modules_stay_whole():
    assert [part.text for part in parts.cut(module(7), 64)] == [module(7)]


def test_what_is_wrong_in_a_part_is_told(small_parts):
    with pytest.raises(CompilationError, match="nowhere"):
        compile_ir(module(9).replace("@more(i32 %old)", "@nowhere(i32 %old)", 1), use_cache=False)
    with pytest.raises(CompilationError, match="does not accept"):
        compile_ir(module(9).replace("store i32 %new", "store i64 %new", 1), use_cache=False)


@pytest.mark.slow
def test_training_gives_the_same_bits(monkeypatch):
    def trained(size):
        monkeypatch.setattr(parts, "PART", size)
        keras.utils.set_random_seed(0)
        inputs = keras.Input((9, 9, 2))
        x = keras.layers.BatchNormalization()(keras.layers.Conv2D(5, 3, activation="gelu")(inputs))
        x = keras.layers.Dropout(0.2)(keras.layers.LSTM(6)(keras.layers.Reshape((49, 5))(x)))
        model = keras.Model(inputs, keras.layers.Dense(3, activation="softmax")(x))
        model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
        rng = np.random.default_rng(0)
        model.fit(rng.normal(size=(21, 9, 9, 2)), rng.integers(0, 3, 21), batch_size=8, epochs=2, verbose=0)
        return model.get_weights()

    monkeypatch.setenv("PRONGHORN_CACHE", "0")
    monkeypatch.setattr(compiling, "get_num_threads", lambda: 4)
    for cut, whole in zip(trained(100), trained(1 << 30), strict=True):
        np.testing.assert_array_equal(cut, whole)


def test_other_bytes_are_no_objects():
    for data in (b"", b"abc", parts.pack([b"abc"])[:-1], parts.pack([b"abc"]) + b"d"):
        with pytest.raises(ValueError, match="object files"):
            parts.unpack(data)
