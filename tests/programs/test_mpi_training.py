"""Several processes train one model: what one process makes of whole batches, and the same on all."""

import csv
import json
import sys
from pathlib import Path

import numpy as np
import pytest

import pronghorn as keras

pytest.importorskip("mpi4py")
sys.path.insert(0, str(Path(__file__).parent))
from mpi_runs import check_close, check_same, run, trained

WORKLOADS = ("tutorial_cnn", "mlp", "resnet", "lstm", "bidirectional_gru", "transformer", "autoencoder", "tabular",
             "xception")  # fmt: skip


def place(folder, processes):
    """Where a run in so many processes leaves its results, in a folder of its own: it may write others beside them."""
    own = folder / f"of{processes}"
    own.mkdir()
    return own / "out.npz"


def made_in(folder, processes):
    """How many samples or batches each process of such a run has made."""
    return json.loads((folder / f"of{processes}" / "out.made.json").read_text())


@pytest.mark.slow
def test_two_processes_train_as_one(tmp_path):
    one = trained(1, tmp_path / "one.npz", plain=True, epochs=1, rows=70)
    two = trained(2, tmp_path / "two.npz", epochs=1, rows=70)
    assert two["alike"]
    check_close(two, one)


@pytest.mark.slow
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"shuffle": False},
        {"normalized": True},
        {"data": "weighted"},
        {"data": "generator"},
        {"data": "py_dataset"},
        {"data": "dataset"},
        {"callbacks": True, "epochs": 6},
        {"rows": 66, "batch": 64},  # a last batch of two rows
        {"rows": 3, "batch": 2, "normalized": True},
    ],
    ids=str,
)
def test_processes_train_as_one(tmp_path, settings):
    """In float64: in float32 two orders of a sum differ by as much as some input of a relu may be from 0."""
    one = trained(1, tmp_path / "one.npz", plain=True, floatx="float64", **settings)
    for processes in (2, 4):
        several = trained(processes, place(tmp_path, processes), floatx="float64", **settings)
        assert several["alike"], processes
        check_close(several, one, tolerance=1e-6)  # AUC counts in float32


@pytest.mark.slow
@pytest.mark.parametrize("settings", [{}, {"normalized": True, "data": "weighted"}, {"rows": 67, "batch": 40}], ids=str)
def test_the_same_bits_for_any_number_of_processes(tmp_path, settings):
    one = trained(1, tmp_path / "one.npz", reproducible=True, **settings)
    for processes in (2, 3, 4):
        check_same(trained(processes, tmp_path / f"{processes}.npz", reproducible=True, **settings), one)
    check_close(one, trained(1, tmp_path / "plain.npz", plain=True, **settings))


@pytest.mark.slow
@pytest.mark.parametrize("data", ["generator", "py_dataset", "dataset"])
def test_each_process_reads_its_share(tmp_path, data):
    """With the same bits as one process, also where the last batch leaves some without rows."""
    settings = {"data": data, "reproducible": True, "rows": 99, "batch": 32, "epochs": 2}
    one = trained(1, place(tmp_path, 1), **settings)
    if data == "dataset":
        assert made_in(tmp_path, 1) == [2 * 99]
    for processes in (2, 4):
        check_same(trained(processes, place(tmp_path, processes), **settings), one)
        made = made_in(tmp_path, processes)
        if data == "py_dataset":  # 4 batches in each of 2 epochs, and the first to compare it
            assert made == [1 + 8 // processes] * processes
        if data == "dataset":  # 99 samples in each, the first batch, and one where the last has none for a process
            assert max(made) <= -(-2 * 99 // processes) + 32 + 2


@pytest.mark.slow
def test_data_sets_of_steps_that_run_eagerly_or_on_whole_batches(tmp_path):
    for settings in ({"eager": True}, {"whole": True}):
        settings |= {"data": "dataset", "rows": 66, "epochs": 1}
        one = trained(1, tmp_path / "one.npz", plain=True, **settings)
        check_close(trained(2, tmp_path / "two.npz", **settings), one)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["folder", "mapped folder"])
def test_images_of_a_folder(tmp_path, kind):
    rng = np.random.default_rng(0)
    for name in "abcd":
        (tmp_path / "images" / name).mkdir(parents=True)
        for i in range(20):
            picture = rng.integers(0, 255, (8, 8, 3))
            keras.utils.save_img(tmp_path / "images" / name / f"{i}.png", picture, scale=False)
    settings = {"data": kind, "folder": str(tmp_path / "images")}
    one = trained(1, tmp_path / "one.npz", plain=True, **settings)
    for processes in (2, 3):
        check_close(trained(processes, tmp_path / f"{processes}.npz", **settings), one)


@pytest.mark.slow
def test_each_process_with_rows_of_its_own(tmp_path):
    """The processes' rows together are the batch, whatever they are."""
    two = trained(2, tmp_path / "two.npz", own_rows=True, shuffle=False, rows=128)
    assert two["alike"] and two["log_loss"][-1] < two["log_loss"][0]
    assert two["predicted"].shape == (154, 4)  # of both
    trained(2, tmp_path / "odd.npz", own_rows=True, fault="length")  # of one there are fewer


@pytest.mark.slow
@pytest.mark.parametrize("name", WORKLOADS)
def test_the_workloads(tmp_path, name):
    """In float64, as above; those of the same bits are compared in float32, below."""
    settings = {"workload": name, "epochs": 1, "floatx": "float64"}
    one = trained(1, tmp_path / "one.npz", plain=True, **settings)
    two = trained(2, tmp_path / "two.npz", **settings)
    fixed = trained(1, tmp_path / "fixed.npz", reproducible=True, **settings)
    assert two["alike"] and one["w0"].dtype == np.float64
    for other in (two, fixed):
        np.testing.assert_allclose(other["log_loss"], one["log_loss"], rtol=1e-9)
        for key in (key for key in one if key.startswith("w")):
            np.testing.assert_allclose(other[key], one[key], atol=1e-9, rtol=1e-9, err_msg=key)


@pytest.mark.slow
@pytest.mark.parametrize("name", WORKLOADS)
def test_the_workloads_have_the_same_bits(tmp_path, name):
    one = trained(1, tmp_path / "one.npz", reproducible=True, workload=name, epochs=1)
    check_same(trained(2, tmp_path / "two.npz", reproducible=True, workload=name, epochs=1), one)


@pytest.mark.slow
def test_one_process_prints_and_saves(tmp_path):
    found = run(2, tmp_path / "two.npz", callbacks=True, verbose=True, epochs=3)
    assert found.status == 0, found.output
    assert found.output.count("Epoch 2/3") == 1 and found.output.count("Total params") == 1
    assert sorted(file.name for file in tmp_path.iterdir()) == ["best.keras", "log.csv", "two.made.json", "two.npz"]
    with open(tmp_path / "log.csv") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["loss"]) for row in rows] == found.results["log_loss"].tolist()
    assert keras.models.load_model(tmp_path / "best.keras").count_params() > 0


@pytest.mark.slow
def test_what_one_process_stops_ends_for_all(tmp_path):
    assert len(trained(2, tmp_path / "two.npz", fault="stop", epochs=9)["log_loss"]) == 2


@pytest.mark.slow
def test_processes_on_machines_of_different_kinds_stay_together(tmp_path):
    one = trained(1, tmp_path / "one.npz", plain=True)
    two = trained(2, tmp_path / "two.npz", mixed=True)
    assert two["alike"]
    check_close(two, one)
