"""The progress bar, byte by byte on a terminal, and as plain lines elsewhere."""

import threading
import time

import pytest

from pronghorn.utils import activity, io
from pronghorn.utils.progbar import Progbar


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(time, "time", clock)
    return clock


@pytest.fixture
def terminal(monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    monkeypatch.setattr(io, "stdout_redraws", lambda: True)


def bar(done, rest):
    full = f"\x1b[32m{'━' * done}\x1b[0m" if done else ""
    return f"{full}\x1b[37m{'━' * rest}\x1b[0m"


def test_bytes_on_a_terminal(clock, terminal, capsys):
    progress = Progbar(2)
    clock.now += 0.5
    progress.update(1, [("loss", 2.0)])
    first = f"\r\x1b[1m1/2\x1b[0m {bar(10, 10)} \x1b[1m0s\x1b[0m 500ms/step - loss: 2.0000"
    assert capsys.readouterr().out == first
    clock.now += 0.1
    progress.update(2, [("loss", 1.0)])
    width = len("1/2 " + "━" * 20 + " 0s 500ms/step - loss: 2.0000")
    assert capsys.readouterr().out == (
        "\b" * width + f"\r\x1b[1m2/2\x1b[0m {bar(20, 0)} \x1b[1m1s\x1b[0m 100ms/step - loss: 1.0000\n"
    )


def test_no_color_leaves_out_the_colours(clock, terminal, capsys, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    progress = Progbar(2)
    clock.now += 0.5
    progress.update(1, [("loss", 2.0)])
    assert capsys.readouterr().out == f"\r1/2 {'━' * 10}{'─' * 10} 0s 500ms/step - loss: 2.0000"


def test_a_shorter_line_covers_the_longer_one(clock, terminal, capsys):
    progress = Progbar(1000)
    clock.now += 10
    progress.update(1)
    capsys.readouterr()
    clock.now += 1
    progress.update(1000)
    assert capsys.readouterr().out.endswith("\x1b[1m11s\x1b[0m 1ms/step    \n")


def test_long_times_are_shown_in_minutes_and_hours(clock, terminal, capsys):
    for seconds, shown in ((10.0, "15:00"), (100.0, "2:30:00"), (0.1, "8s")):
        progress = Progbar(91)
        clock.now += seconds
        progress.update(1)
        assert f"\x1b[1m{shown}\x1b[0m" in capsys.readouterr().out


def test_unknown_target(clock, terminal, capsys):
    progress = Progbar(None)
    clock.now += 0.1
    progress.update(3, [("a", 0.0)])
    assert capsys.readouterr().out == "\r      3/Unknown \x1b[1m0s\x1b[0m 33ms/step - a: 0.0000e+00"


def test_it_draws_at_most_every_interval(clock, terminal, capsys):
    progress = Progbar(100, interval=0.05)
    progress.update(1)
    clock.now += 0.04
    capsys.readouterr()
    progress.update(2)
    assert capsys.readouterr().out == ""
    clock.now += 0.02
    progress.update(3)
    assert "3/100" in capsys.readouterr().out


def test_values_are_averaged_until_the_last_call(clock, terminal, capsys):
    progress = Progbar(10, stateful_metrics=["state"])
    clock.now += 1
    progress.update(2, [("mean", 1.0), ("state", 1.0)])
    clock.now += 1
    progress.update(8, [("mean", 5.0), ("state", 5.0)])
    assert "mean: 4.0000 - state: 5.0000" in capsys.readouterr().out
    progress.update(10, [("mean", 9.0), ("state", 9.0)])
    assert "mean: 9.0000 - state: 9.0000" in capsys.readouterr().out


def test_functions_for_values_are_called_only_to_draw(clock, terminal):
    calls = []
    progress = Progbar(100)
    for step in range(1, 11):
        clock.now += 0.01
        progress.update(step, lambda: calls.append(1) or [("loss", 1.0)])
    assert len(calls) == 2


def test_plain_line_where_nothing_can_be_redrawn(clock, capsys):
    progress = Progbar(2)
    clock.now += 0.5
    progress.update(1, [("loss", 2.0)])
    clock.now += 0.1
    progress.update(2, [("loss", 0.0001)])
    assert capsys.readouterr().out == "2/2 ━━━━━━━━━━━━━━━━━━━━ 1s 100ms/step - loss: 1.0000e-04\n"


def test_verbose_2_is_one_line(clock, capsys):
    progress = Progbar(2, verbose=2)
    clock.now += 0.0002
    progress.update(1, [("loss", 2.0)])
    clock.now += 0.0002
    progress.update(2, [("loss", float("nan"))])
    assert capsys.readouterr().out == "2/2 - 0s - 200us/step - loss: nan\n"


def test_verbose_0_is_silent(capsys):
    Progbar(1, verbose=0).update(1, [("loss", 1.0)])
    assert capsys.readouterr().out == ""


def test_add_moves_on(capsys):
    progress = Progbar(3, verbose=2, unit_name="image")
    progress.add(1)
    progress.add(2)
    out = capsys.readouterr().out
    assert out.startswith("3/3 - 0s") and out.endswith("/image\n")


def test_stateful_and_stateless_exclude_each_other():
    with pytest.raises(ValueError, match="not both"):
        Progbar(1, stateful_metrics=[], stateless_metrics=[])


def test_a_narrow_terminal_breaks_no_word(clock, terminal, capsys, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    values = [("accuracy", 0.5), ("loss", 2.0), ("val_accuracy", 0.25), ("val_loss", 1.0)]
    for columns in (200, 80, 60, 40, 20):
        monkeypatch.setattr(io, "columns", lambda columns=columns: columns)
        progress = Progbar(10)
        clock.now += 0.5
        progress.update(1, values)
        drawn = capsys.readouterr().out.lstrip("\b\r")
        assert len(drawn) < max(columns, 31)  # a count, a time and a bar of ten are always there
        clock.now += 1
        progress.update(10, values)
        lines = capsys.readouterr().out.lstrip("\b\r").splitlines()
        assert len(lines) == {200: 1, 80: 2, 60: 2, 40: 4, 20: 5}[columns]
        words = [word for line in lines for word in line.split()]
        assert {"accuracy:", "loss:", "val_accuracy:", "val_loss:", "0.5000", "1.0000"} <= set(words)
        assert all(len(line.rstrip()) < max(columns, 31) for line in lines)


def test_one_line_an_epoch_is_broken_between_words(clock, capsys, monkeypatch):
    monkeypatch.setattr(io, "columns", lambda: 40)
    Progbar(2, verbose=2).update(2, [("accuracy", 0.5), ("val_accuracy", 0.25)])
    assert capsys.readouterr().out == "2/2 - 0s - 0s/step - accuracy: 0.5000\n    val_accuracy: 0.2500\n"


def test_what_takes_long_is_told_on_the_line(clock, terminal, capsys, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setattr(activity, "_FIRST", 0.01)
    progress = Progbar(10)
    told = threading.Event()
    monkeypatch.setattr(Progbar, "tell", lambda self, *what, tell=Progbar.tell: (tell(self, *what), told.set()))
    activity.listen(progress.tell)
    try:
        with activity.doing("compiling"):
            assert told.wait(10)
    finally:
        activity.listen(None)
    assert f" 0/10 {'─' * 20} 0s compiling" in capsys.readouterr().out
    clock.now += 0.5
    progress.update(10, [("loss", 2.0)])
    assert capsys.readouterr().out.endswith("50ms/step - loss: 2.0000\n")


@pytest.mark.parametrize(
    ("variables", "redraws", "colour"),
    [
        ({"TERM": "xterm"}, True, True),
        ({"TERM": "dumb"}, False, False),
        ({"TERM": "dumb", "FORCE_COLOR": "1"}, False, True),
        ({"TERM": "xterm", "NO_COLOR": "1", "FORCE_COLOR": "1"}, True, False),
        ({"TERM": "xterm", "FORCE_COLOR": "0"}, True, True),
    ],
)
def test_terminals_as_their_variables_say(variables, redraws, colour, monkeypatch):
    for name in ("TERM", "NO_COLOR", "FORCE_COLOR", "PYCHARM_HOSTED"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(io, "_is_terminal", lambda: True)
    assert (io.stdout_redraws(), io.wants_colour()) == (redraws, colour)
