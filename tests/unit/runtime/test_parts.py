"""A module cut into parts computes as a whole one does."""

import ctypes

import numpy as np
import pytest

import pronghorn as keras
from pronghorn.runtime import compile as compiling
from pronghorn.runtime import parts
from pronghorn.runtime.compile import CompilationError, compile_ir

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
    assert all(found | part.elsewhere == names and not found & part.elsewhere for found, part in zip(defined, cut))
    assert all("@more(i32 %x) {" in part.text and part.text.count("@step.size = ") == 1 for part in cut)


@pytest.mark.parametrize("count", [0, 1, 2, 30])
def test_parts_call_each_other(small_parts, count):
    compiled = compile_ir(module(count), use_cache=False, verify=True)
    number = ctypes.c_int32(5)
    compiled.function("all", None, ctypes.c_void_p)(ctypes.byref(number))
    assert number.value == 5 + count
    assert len(parts.unpack(compiled.code)) == min(3, count + 1)


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
