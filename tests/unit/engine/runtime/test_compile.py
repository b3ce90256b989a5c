import concurrent.futures
import ctypes

import pytest

from pronghorn.engine.runtime import compile
from pronghorn.engine.runtime.compile import CompilationError, compile_ir
from pronghorn.engine.runtime.host import named_target

_ANSWER = "define i64 @answer() {\n  ret i64 42\n}\n"


def _call(module):
    return module.function("answer", ctypes.c_int64)()


def test_compile_and_call():
    module = compile_ir(_ANSWER, use_cache=False, verify=True)
    assert _call(module) == 42
    assert not module.from_cache and module.seconds > 0
    assert module.ir() == _ANSWER and "answer" in module.assembly()


def test_an_unknown_function_is_named():
    module = compile_ir(_ANSWER, name="step", use_cache=False)
    with pytest.raises(KeyError, match="'step' has no function 'question'"):
        module.address("question")


def test_the_second_time_the_code_comes_from_the_cache(cache_dir):
    assert not compile_ir(_ANSWER).from_cache
    again = compile_ir(_ANSWER)
    assert again.from_cache and _call(again) == 42
    assert "answer" in again.assembly()


def test_with_a_key_a_cached_module_makes_no_text(cache_dir):
    compile_ir(lambda: _ANSWER, key="the answer")
    module = compile_ir(lambda: pytest.fail("made the text"), key="the answer")
    assert _call(module) == 42


def test_the_key_depends_on_the_target():
    assert compile.cache_key(_ANSWER, named_target("sse2")) != compile.cache_key(_ANSWER, named_target("avx2"))


def test_a_damaged_entry_is_compiled_anew(cache_dir):
    compile_ir(_ANSWER)
    (path,) = cache_dir.iterdir()
    path.write_bytes(path.read_bytes()[:-10])
    module = compile_ir(_ANSWER)
    assert not module.from_cache and _call(module) == 42
    assert compile_ir(_ANSWER).from_cache


def test_an_unwritable_cache_is_no_error(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("PRONGHORN_CACHE_DIR", str(tmp_path / "file" / "below"))
    assert _call(compile_ir(_ANSWER)) == 42


@pytest.mark.parametrize(
    "text",
    [
        "define i64 @f() {\n  ret i64 %nothing\n}",
        "gibberish",
        "declare i64 @no_such_function()\ndefine i64 @f() {\n  %r = call i64 @no_such_function()\n  ret i64 %r\n}",
    ],
)
def test_bad_ir_is_an_error_that_names_the_module(text):
    with pytest.raises(CompilationError, match="'step 3'"):
        compile_ir(text, name="step 3", use_cache=False)


def test_what_a_thread_compiles_with_serves_again_and_in_any_thread():
    texts = [f"define i64 @f() {{\n  ret i64 {number}\n}}" for number in range(4)]
    first = [compile_ir(text, use_cache=False).code for text in texts]
    with pytest.raises(CompilationError):
        compile_ir("gibberish", use_cache=False)
    assert [compile_ir(text, use_cache=False).code for text in texts] == first
    with concurrent.futures.ThreadPoolExecutor(4) as threads:
        assert [made.code for made in threads.map(lambda text: compile_ir(text, use_cache=False), texts)] == first


def test_functions_of_libc_can_be_called():
    text = "declare i64 @labs(i64)\ndefine i64 @answer() {\n  %r = call i64 @labs(i64 -42)\n  ret i64 %r\n}"
    assert _call(compile_ir(text, use_cache=False)) == 42


def test_debug_flags_print_the_code(monkeypatch, capsys):
    monkeypatch.setenv("PRONGHORN_DEBUG", "llvm,asm,time")
    compile_ir(_ANSWER, name="step", use_cache=False)
    text = capsys.readouterr().err
    assert "llvm: step" in text and "ret i64 42" in text
    assert "asm: step" in text and ("$42" in text or "#42" in text)  # x86-64, arm64
    assert "machine code of step (compiled)" in text


def test_what_no_library_of_the_process_has_is_named():
    declared = "declare void @no_such_function()\ndefine void @{}() {{\n{}  ret void\n}}\n"
    with pytest.raises(CompilationError, match="calls 'no_such_function', which does not exist"):
        compile_ir(declared.format("calls", "  call void @no_such_function()\n"), name="calling")
    compile_ir(declared.format("calls_nothing", ""), name="declaring")
