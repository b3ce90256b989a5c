"""The pictures in a line: what is in them, and what is refused."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import pronghorn as keras
from pronghorn import layers, visualization
from pronghorn.utils.dot import model_to_dot
from pronghorn.utils.dot_drawing import draw
from pronghorn.utils.layout import layered

pytest.importorskip("matplotlib").use("Agg")
pyplot = pytest.importorskip("matplotlib.pyplot")


@pytest.fixture(scope="module")
def model():
    return keras.Sequential(
        [keras.Input((8, 8, 1)), layers.Conv2D(6, 3), layers.MaxPooling2D(), layers.Flatten(), layers.Dense(3)]
    )


RUN = {
    "loss": [3.0, 2.0, 1.0],
    "val_loss": [2.0, 1.0, 1.5],
    "accuracy": [0.1, 0.2, 0.3],
    "learning_rate": [1, 0.1, 0.01],
}


def test_history(tmp_path):
    figure = visualization.plot_history(RUN, show=False)
    axes = {a.get_title("left"): a for a in figure.axes}
    assert list(axes) == ["loss", "accuracy", "learning_rate"] and axes["learning_rate"].get_yscale() == "log"
    assert all(a.get_xlabel() == "epoch" for a in axes.values())
    trained, validated, best = axes["loss"].lines
    assert list(trained.get_ydata()) == RUN["loss"] and list(validated.get_xdata()) == [1, 2, 3]
    assert (best.get_xdata()[0], best.get_ydata()[0]) == (2, 1.0)
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["training", "validation"]
    visualization.plot_history({"a": RUN, "b": RUN}, metrics="loss", title="Two", path=tmp_path / "two.png")
    assert (tmp_path / "two.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("run", [{"loss": [np.nan, np.inf]}, {"loss": [1.0]}, {"loss": [1.0], "val_loss": [0.0]}])
def test_history_of_little(run, tmp_path):
    visualization.plot_history(run, path=tmp_path / "little.png")


def test_history_of_a_training(model):
    compiled = keras.Sequential([keras.Input((1,)), layers.Dense(1)])
    compiled.compile("sgd", "mse", run_eagerly=True)
    history = compiled.fit(np.ones((4, 1)), np.ones(4), epochs=5, initial_epoch=3, verbose=0)
    figure = visualization.plot_history(history, show=False)
    assert list(figure.axes[0].lines[0].get_xdata()) == [4, 5]


def test_learning_rates(tmp_path):
    finder = keras.callbacks.LearningRateFinder()
    with pytest.raises(ValueError, match="no losses yet"):
        visualization.plot_learning_rates(finder)
    finder.rates = list(np.geomspace(1e-5, 1, 30))
    finder.losses = [2.0 - np.tanh(i - 15) for i in range(25)] + [9.0, 80.0, np.nan, np.nan, np.nan]
    figure = visualization.plot_learning_rates(finder, show=False)
    axes = figure.axes[0]
    assert axes.get_xscale() == "log" and axes.lines[2].get_xdata()[0] == finder.suggestion
    assert axes.get_ylim()[1] < 9  # the end does not flatten the rest
    visualization.plot_learning_rates(finder, path=tmp_path / "rates.png")


def test_history_refuses_what_is_none():
    with pytest.raises(ValueError, match="what fit\\(\\) returned.*got a list"):
        visualization.plot_history([1, 2])
    with pytest.raises(ValueError, match="no epoch to plot"):
        visualization.plot_history({})
    with pytest.raises(ValueError, match="no metric auc; there are loss, accuracy, learning_rate"):
        visualization.plot_history(RUN, metrics=["auc"])
    with pytest.raises(ValueError, match="not both"):
        visualization.plot_history(RUN, path="a.png", show=True)


@pytest.mark.parametrize(
    "scores",
    [
        [0, 1, 2, 1],
        [[0.9, 0.1, 0], [0, 1, 0], [0, 0.2, 0.8], [0.3, 0.4, 0.3]],
        [[5.0, -1, 0], [-9, 1, 0], [0, 2, 8], [3, 4, 3]],
    ],
)
def test_confusion_matrix(scores):
    figure = visualization.plot_confusion_matrix([0, 1, 2, 2], scores, labels=["a", "b", "c"], show=False)
    axes = figure.axes[0]
    assert axes.get_title("left") == "accuracy 75.0 % (3 of 4)"
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("predicted", "true")
    np.testing.assert_allclose(axes.images[0].get_array(), [[1, 0, 0], [0, 1, 0], [0, 0.5, 0.5]])
    assert sorted(text.get_text() for text in axes.texts) == ["1", "1", "1", "1"]


def test_confusion_matrix_of_yes_and_no_and_of_many():
    figure = visualization.plot_confusion_matrix([0, 1], [[0.7], [0.6]], normalize=True, show=False)
    assert {text.get_text() for text in figure.axes[0].texts} == {"100"}
    many = visualization.plot_confusion_matrix(np.arange(60), np.arange(60), show=False)
    assert not many.axes[0].texts
    with pytest.raises(ValueError, match="same number of samples.*got 2 and 1"):
        visualization.plot_confusion_matrix([0, 1], [0])
    with pytest.raises(ValueError, match="one at least"):
        visualization.plot_confusion_matrix([], [])


def test_predictions_say_the_truth_where_they_are_wrong():
    scores = np.array([[0.9, 0.1], [0.2, 0.8], [0.4, 0.6]])
    show = {"show": False, "labels": ["cat", "dog"]}
    figure = visualization.plot_predictions(np.zeros((3, 5, 5, 1)), scores, [0, 0, 1], **show)
    assert [a.get_title() for a in figure.axes] == ["cat (90 %)", "dog (80 %)\ntrue: cat", "dog (60 %)"]
    wrong = visualization.plot_predictions(np.zeros((3, 5, 5, 3)), scores, [0, 0, 1], most_wrong=True, count=1, **show)
    assert [a.get_title() for a in wrong.axes] == ["dog (80 %)\ntrue: cat"]
    plain = visualization.plot_predictions(np.zeros((2, 5, 5)), [1, 0], show=False)
    assert [a.get_title() for a in plain.axes] == ["1", "0"]
    with pytest.raises(ValueError, match="as many samples; got 3, 2"):
        visualization.plot_predictions(np.zeros((3, 5, 5)), [1, 0])
    with pytest.raises(ValueError, match="needs y_true"):
        visualization.plot_predictions(np.zeros((2, 5, 5)), [1, 0], most_wrong=True)
    with pytest.raises(ValueError, match="1, 3 or 4 channels"):
        visualization.plot_predictions(np.zeros((2, 5)), [1, 0])


def test_filters_and_feature_maps(model):
    figure = visualization.plot_filters(model, count=4, show=False)
    pictures = [a.images[0].get_array() for a in figure.axes if a.images]
    np.testing.assert_array_equal(pictures[1], np.asarray(model.layers[0].kernel)[:, :, 0, 1])
    coloured = layers.Conv2D(2, 3)
    coloured.build((None, 8, 8, 3))
    assert visualization.plot_filters(coloured, show=False).axes[0].images[0].get_array().shape == (3, 3, 3)
    for image in (np.zeros((8, 8, 1)), np.zeros((1, 8, 8, 1))):
        maps = visualization.plot_feature_maps(model, image, show=False)
        assert len([a for a in maps.axes if a.images]) == 1 + 6 + 6
    with pytest.raises(ValueError, match="one image, of shape \\(8, 8, 1\\)"):
        visualization.plot_feature_maps(model, np.zeros((2, 8, 8, 1)))
    with pytest.raises(ValueError, match="has no filters over images"):
        visualization.plot_filters(model.layers[-1])
    with pytest.raises(ValueError, match="feature maps of images.*dense"):
        visualization.plot_feature_maps(model, np.zeros((8, 8, 1)), layers=[model.layers[-1]])


def test_arrows_pass_beside_boxes():
    """A short cut over ranks with boxes of other sizes, and two that cross over."""
    sizes = {"a": 1.0, "b": 3.0, "c": 0.5, "d": 1.0, "e": 2.0, "f": 1.0}
    edges = [("a", "b"), ("b", "c"), ("c", "d"), ("a", "d"), ("e", "f"), ("f", "d"), ("e", "d"), ("a", "c")]
    layout = layered(sizes, edges)
    assert all(layout.ranks[start] < layout.ranks[end] for start, end in edges)
    for (start, end), way in layout.ways.items():
        for rank, place in enumerate(way, layout.ranks[start] + 1):
            for box, size in sizes.items():
                assert layout.ranks[box] != rank or abs(layout.across[box] - place) > size / 2, (start, end, box)
    for one in sizes:
        for other in sizes:
            if one < other and layout.ranks[one] == layout.ranks[other]:
                assert abs(layout.across[one] - layout.across[other]) > (sizes[one] + sizes[other]) / 2


def test_layouts_of_little_and_of_circles():
    assert layered({}, []).across == {}
    assert layered({"a": 1.0}, []).ranks == {"a": 0}
    layered({"a": 1.0, "b": 1.0}, [("a", "b"), ("b", "a")])


@pytest.mark.parametrize("rankdir", ["TB", "LR", "BT", "RL"])
def test_models_are_drawn_the_way_they_grow(model, rankdir, tmp_path):
    draw(model_to_dot(model, rankdir=rankdir, dpi=50), tmp_path / "model.png")
    width, height = pyplot.imread(tmp_path / "model.png").shape[1::-1]
    assert (width > height) == (rankdir in ("LR", "RL"))


@pytest.mark.parametrize("show", [None, True])
def test_without_a_display_there_is_a_word(show, monkeypatch, tmp_path):
    monkeypatch.setattr("matplotlib.get_backend", lambda: "Agg")
    with pytest.warns(UserWarning, match=r"not shown: .* no display .*'Agg'.*path='figure.png'"):
        figure = visualization.plot_history(RUN, show=show)
    figure.savefig(tmp_path / "a.png")
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        visualization.plot_history(RUN, path=tmp_path / "b.png")
        shown = []
        monkeypatch.setattr("matplotlib.pyplot.show", lambda: shown.append(True))
        for backend in ("module://matplotlib_inline.backend_inline", "inline", "QtAgg", "TkAgg"):
            monkeypatch.setattr("matplotlib.get_backend", lambda name=backend: name)
            assert visualization.plot_history(RUN, show=show) is None
    assert len(shown) == 4
