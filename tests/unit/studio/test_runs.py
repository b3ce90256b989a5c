"""Runs: control from another thread, and what pages are told."""

import json
import time

import numpy as np
import pytest

from pronghorn.studio import commands
from pronghorn.studio.data_sets import DataSet
from pronghorn.studio.events import Watching
from pronghorn.studio.json_text import as_json
from pronghorn.studio.runs import Recipe, Run
from pronghorn.studio.settings import Settings
from pronghorn.studio.workbench import Workbench


def wait_for(condition, seconds=30.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.005)


@pytest.fixture
def bench():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(96, 4)).astype("float32")
    y = (x[:, 0] > 0).astype("int64")
    bench = Workbench()
    bench.use_data(DataSet("numbers", "table", x[:64], y[:64], x[64:], y[64:], ("no", "yes"), tuple("abcd")))
    bench.set_settings({"epochs": 3, "batch_size": 8})
    yield bench
    bench.stop_all()


def test_a_run_from_start_to_end(bench):
    watching = Watching(bench)
    watching.news()
    run = bench.start()
    assert bench.active is run
    with pytest.raises(ValueError, match="goes on already"):
        bench.start()
    wait_for(lambda: run.is_over)
    assert run.state == "done" and len(run.points) == 24 and len(run.epochs) == 3
    told = dict(watching.news())
    assert told["points"]["from"] == 0 and len(told["points"]["rows"]) == 24
    assert [epoch["step"] for epoch in told["points"]["epochs"]] == [8, 16, 24]
    assert told["state"]["runs"][0]["last"]["step"] == 24
    assert watching.news() == []


def test_a_page_that_reads_of_a_pause_has_every_step_until_then(bench, monkeypatch):
    run = bench.new_run(Recipe(None, bench.settings, None))
    run.names, run.points = ("loss",), [(0, 1.0)]
    watching, shown = Watching(bench), bench.shown

    def while_training_goes_on():
        run.points.append((1, 0.5))
        run._set("paused")
        return shown()

    monkeypatch.setattr(bench, "shown", while_training_goes_on)
    (first, points), (second, state) = watching.news()
    assert (first, second) == ("points", "state")
    assert state["runs"][0]["state"] == "paused" and points["next"] == 2


def test_what_changes_nothing_is_no_step_to_take_back(bench):
    units = bench.built.plan.layer("hidden_1").config["units"]
    version, undo = bench.version, len(bench._undo)
    bench.set_settings({"epochs": 3})
    bench.edit("set", name="hidden_1", field="units", value=units)
    assert (bench.version, len(bench._undo)) == (version, undo)
    bench.edit("set", name="hidden_1", field="units", value=units + 1)
    assert bench.version > version and len(bench._undo) == undo + 1


def test_each_step_is_told_by_itself():
    run = Run(1, Recipe(None, Settings(), None), names=("loss",))
    run.points += [(0, 4.0), (1, 3.0), (2, 5.0), (0, 7.0)]  # means so far: 4, then (4 + 2) / 2, ...
    assert run.since(0)["rows"] == [[0, 4.0], [1, 2.0], [2, 9.0], [3, 7.0]]
    run.batch_size, run.samples = 4, 10  # the third batch has two samples
    assert run.since(2)["rows"][0] == [2, 13.0]
    run.points.append((1, float("nan")))
    assert run.since(4)["rows"] == [[4, None]]


def test_training_waits_while_a_stroke_is_looked_at(bench):
    bench.set_settings({"epochs": 100_000})
    run = bench.start()
    wait_for(lambda: run.points)
    with run.looking(rest=0.3):
        count = len(run.points)
        time.sleep(0.05)
        assert len(run.points) == count and run.state == "training"
    time.sleep(0.05)
    assert len(run.points) == count  # the next stroke may follow
    wait_for(lambda: len(run.points) > count + 5)
    with run.looking():  # what takes longer goes on beside training
        count = len(run.points)
        wait_for(lambda: len(run.points) > count + 5)
    bench.control("pause")
    wait_for(lambda: run.state == "paused")
    with run.looking(rest=0.0):
        bench.control("step")
        bench.control("stop")
        wait_for(lambda: run.is_over)  # who has stopped it does not wait for those who look


def test_pause_step_resume_and_stop(bench):
    bench.set_settings({"epochs": 10_000})
    run = bench.start()
    wait_for(lambda: run.points)
    bench.control("pause")
    wait_for(lambda: run.state == "paused")
    count = len(run.points)
    time.sleep(0.05)
    assert len(run.points) == count
    bench.control("step")
    wait_for(lambda: len(run.points) == count + 1)
    time.sleep(0.05)
    assert len(run.points) == count + 1 and run.state == "paused"
    bench.control("resume")
    wait_for(lambda: len(run.points) > count + 5)
    bench.control("stop")
    wait_for(lambda: run.is_over)
    assert run.state == "stopped"
    with pytest.raises(ValueError, match="No run"):
        bench.control("pause")


def test_the_same_seed_gives_the_same_run(bench):
    curves = []
    for _ in range(2):
        run = bench.restart()
        wait_for(lambda run=run: run.is_over)
        curves.append(run.points)
    assert curves[0] == curves[1]


def test_training_further_begins_where_the_last_ended(bench):
    first = bench.start()
    wait_for(lambda: first.is_over)
    second = bench.start(further=True)
    wait_for(lambda: second.is_over)
    assert second.epochs[0].logs["loss"] < first.epochs[0].logs["loss"]
    bench.edit("add", after="hidden_1", kind="Dropout")
    with pytest.raises(ValueError, match="has changed"):
        bench.start(further=True)


def test_a_model_with_a_problem_is_not_started(bench):
    bench.edit("set", name="classes", field="units", value=1)
    assert bench.built.problem.layer == "classes"
    assert any("use a sigmoid" in hint for hint in bench.built.hints)  # what the library warns of is for the page
    with pytest.raises(ValueError, match="has a problem"):
        bench.start()
    bench.undo()
    assert bench.built.problem is None
    bench.redo()
    assert bench.built.problem is not None


def test_what_differs_between_runs(bench):
    first = bench.start()
    wait_for(lambda: first.is_over)
    bench.edit("set", name="hidden_1", field="units", value=16)
    bench.set_settings({"learning_rate": 0.01})
    second = bench.start()
    wait_for(lambda: second.is_over)
    answer = commands.run(bench, {"do": "compare", "with": {"first": 1, "second": 2}})
    rows = {row["what"]: (row["first"], row["second"]) for row in answer["result"]}
    assert rows == {
        "learning rate": ("0.001", "0.01"),
        "layer hidden_1": ("Dense 64 units, relu", "Dense 16 units, relu"),
    }


def test_commands_answer_with_what_is_wrong(bench):
    for message in ({}, {"do": "nothing"}, {"do": "edit"}, {"do": "pause"}, {"do": "points", "with": {"run": 7}}):
        assert commands.run(bench, message)["error"]


def test_a_model_that_has_diverged_is_told_in_json_that_browsers_read(bench):
    bench.set_settings({"optimizer": "SGD", "learning_rate": 1e30, "epochs": 2})
    run = bench.start()
    wait_for(lambda: run.is_over)
    source = {"source": {"example": 0}}
    asked = {
        "results": {},
        "value": {**source, "layer": "hidden_1", "place": [0]},
        "saliency": {**source, "method": "integrated_gradients", "target": 0},
    }
    for command, arguments in asked.items():
        answer = commands.run(bench, {"do": command, "with": arguments})
        assert "result" in answer, answer
        text = as_json(answer)
        assert (
            "NaN" not in text
            and "Infinity" not in text
            and json.loads(text)["result"].keys() == answer["result"].keys()
        )


def test_looking_into_the_model_while_it_trains(bench):
    bench.set_settings({"epochs": 10_000})
    run = bench.start()
    wait_for(lambda: run.points)
    for command in ("predict", "features"):
        answer = commands.run(bench, {"do": command, "with": {"source": {"example": 0}}})
        assert "result" in answer, answer
    assert commands.run(bench, {"do": "weights"})["result"]["layers"]
    assert not run.is_over


def test_a_failing_run_says_why(bench):
    bench.data = DataSet(
        "other", "table", bench.data.x[:, :3], bench.data.y, bench.data.x_test, bench.data.y_test, ("a", "b")
    )
    run = bench.start()
    wait_for(lambda: run.is_over)
    assert run.state == "failed" and "shape" in run.error
