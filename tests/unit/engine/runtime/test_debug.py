import pytest

from pronghorn.engine.runtime import debug


@pytest.mark.parametrize(
    ("text", "flags"),
    [
        ("", set()),
        ("graph", {"graph"}),
        ("graph,time", {"graph", "time"}),
        (" LLVM | asm ,, ", {"llvm", "asm"}),
        ("all", set(debug.PRINTED)),
        ("all, poison", {*debug.PRINTED, "poison"}),
    ],
)
def test_parse(text, flags):
    assert debug.parse(text) == flags


def test_an_unknown_flag_names_the_variable_and_the_nearest_flag():
    with pytest.raises(ValueError, match=r"PRONGHORN_DEBUG.*'kernel'.*graph, fused.*'kernels'"):
        debug.parse("kernel")


def test_emit_prints_only_what_is_enabled_and_makes_nothing_else(monkeypatch, capsys):
    monkeypatch.setenv("PRONGHORN_DEBUG", "graph")
    debug.emit("graph", "after fusion", lambda: "the text")
    debug.emit("llvm", "kernel", lambda: pytest.fail("made text that is not printed"))
    output = capsys.readouterr()
    assert output.out == ""
    assert "graph: after fusion" in output.err and "the text" in output.err


def test_timed(monkeypatch, capsys):
    with debug.timed("lower"):
        pass
    assert capsys.readouterr().err == ""
    monkeypatch.setenv("PRONGHORN_DEBUG", "time")
    with debug.timed("lower"):
        pass
    assert "ms  lower" in capsys.readouterr().err
