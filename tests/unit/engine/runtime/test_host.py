import ctypes
import errno
import types

import pytest

from pronghorn.engine.runtime import host, tiles
from pronghorn.engine.runtime.compile import compile_ir


def test_the_native_target_is_usable():
    target = host.native_target()
    assert target.cpu and target.vector_bits in (128, 256, 512) and target.registers in (16, 32)


@pytest.mark.parametrize(
    ("name", "bits", "registers", "fma"),
    [("sse2", 128, 16, False), ("avx2", 256, 16, True), ("avx512", 512, 32, True), ("neon", 128, 32, True)],
)
def test_named_targets(name, bits, registers, fma):
    target = host.named_target(name)
    assert (target.vector_bits, target.registers, target.has_fma) == (bits, registers, fma)


@pytest.mark.parametrize(("name", "bits", "registers"), [("avx2-emulated", 256, 16), ("avx512-emulated", 512, 32)])
def test_emulated_targets_run_anywhere(monkeypatch, name, bits, registers):
    native = host.native_target()
    target = host.named_target(name)
    assert (target.vector_bits, target.registers) == (bits, registers)
    assert (target.cpu, target.features, target.has_fma) == (native.cpu, native.features, native.has_fma)
    assert target.register_bits == min(bits, native.vector_bits) and native.register_bits == native.vector_bits
    monkeypatch.setenv(host.VARIABLE, name)
    assert host.host_target() == target


def test_tiles_are_emulated_anywhere_and_used_where_they_are(monkeypatch):
    native = host.native_target()
    target = host.named_target("amx-emulated")
    assert (target.vector_bits, target.registers, target.pairs) == (512, 32, "amx-emulated")
    assert target.features == native.features and host.named_target("avx512-emulated").pairs == ""
    assert host.named_target("amx").has("amx-bf16") and host.named_target("amx").pairs == "amx"
    assert host.named_target("avx512-bf16-emulated").pairs == "avx512-emulated"
    assert host.named_target("avx-vnni-emulated").quads == "avx-vnni-emulated"
    for name, lacking in (("amx", "amx-tile"), ("avx512-bf16", "avx512bf16"), ("avx-vnni", "avxvnni")):
        monkeypatch.setenv(host.VARIABLE, name)
        if not host.lacks(native, host.named_target(name)):
            assert host.host_target() == host.named_target(name)
        else:
            with pytest.raises(ValueError, match=f"'{name}'.*{lacking}|widest usable vectors"):
                host.host_target()


class _Libc:
    def __init__(self, answer):
        self.answer, self.asked = answer, []

    def syscall(self, *arguments):
        self.asked.append(arguments)
        return self.answer


@pytest.mark.parametrize("answer", [0, -1])
def test_the_system_is_asked_for_tiles_once(monkeypatch, caplog, answer):
    libc = _Libc(answer)
    monkeypatch.setattr(tiles.ctypes, "CDLL", lambda *_, **__: libc)
    monkeypatch.setattr(tiles.ctypes, "get_errno", lambda: errno.EPERM)
    monkeypatch.setattr(tiles.sys, "platform", "linux")
    tiles.are_allowed.cache_clear()
    try:
        assert [tiles.are_allowed(), tiles.are_allowed()] == [answer == 0] * 2
    finally:
        tiles.are_allowed.cache_clear()
    assert libc.asked == [(158, 0x1023, 18)]
    said = [record.getMessage() for record in caplog.records]
    assert len(said) == (answer != 0) and all("\n" not in line and "not permitted" in line for line in said)


@pytest.mark.parametrize(
    ("features", "allowed", "pairs"),
    [
        ((*tiles.FEATURES, host.AVX512_BF16), True, "amx"),
        ((*tiles.FEATURES, host.AVX512_BF16), False, "avx512"),
        ((host.AVX512_BF16,), True, "avx512"),
        (tiles.FEATURES, False, ""),
        (tiles.FEATURES[:1], True, ""),
    ],
)
def test_what_multiplies_pairs_is_there_and_allowed(monkeypatch, features, allowed, pairs):
    features = dict.fromkeys((*host.AVX512, *host.AVX2, *features), True)
    found = types.SimpleNamespace(items=features.items, flatten=lambda: "+amx-tile")
    monkeypatch.setattr(host.llvm, "get_host_cpu_features", lambda: found)
    monkeypatch.setattr(host, "host_arch", lambda: "x86_64")
    monkeypatch.setattr(tiles, "are_allowed", lambda: allowed)
    assert host.native_target.__wrapped__().pairs == pairs


def test_features_are_asked_by_name():
    assert host.named_target("avx512").has("avx512f")
    assert not host.named_target("avx2").has("avx512f")
    assert not host.named_target("avx512").has("prefer-256-bit")


@pytest.mark.parametrize(
    ("dtype", "bits"),
    [
        ("float32", 32),
        ("bfloat16", 16),
        ("bool", 8),
        ("uint8", 8),
        ("complex128", 128),
        ("float8_e4m3fn", 8),
        ("int4", 8),
    ],
)
def test_lanes(dtype, bits):
    assert host.dtype_bits(dtype) == bits
    assert host.named_target("avx2").lanes(dtype) == 256 // bits


def test_the_environment_narrows_the_target(monkeypatch):
    monkeypatch.delenv(host.VARIABLE, raising=False)
    native = host.native_target()
    assert host.host_target() == native
    narrow = "sse2" if native.arch == "x86_64" else "neon"
    monkeypatch.setenv(host.VARIABLE, narrow.upper())
    assert host.host_target() == host.named_target(narrow)


@pytest.mark.parametrize("name", ["avx1024", "neon" if host.native_target().arch == "x86_64" else "avx2"])
def test_a_target_that_cannot_run_here_is_refused(monkeypatch, name):
    monkeypatch.setenv(host.VARIABLE, name)
    with pytest.raises(ValueError, match=f"PRONGHORN_TARGET.*{name}.*native"):
        host.host_target()


_ADD_ONE = """
define void @add_one(ptr %p) {
  %v = load <16 x float>, ptr %p, align 4
  %w = fadd <16 x float> %v, splat (float 1.0)
  store <16 x float> %w, ptr %p, align 4
  ret void
}
"""


@pytest.mark.parametrize(("name", "register"), [("sse2", "xmm"), ("avx2", "ymm"), ("avx512", "zmm")])
def test_code_uses_the_target_s_registers(name, register):
    target = host.named_target(name)
    if host.native_target().arch != "x86_64":
        pytest.skip("x86-64 code on another machine")
    module = compile_ir(_ADD_ONE, target=target, use_cache=False)
    text = module.assembly()
    assert register in text
    assert not any(wider in text for wider in ("ymm", "zmm") if wider > register)
    if target.vector_bits <= host.native_target().vector_bits:
        numbers = (ctypes.c_float * 16)(*range(16))
        module.function("add_one", None, ctypes.c_void_p)(ctypes.addressof(numbers))
        assert list(numbers) == [i + 1 for i in range(16)]
