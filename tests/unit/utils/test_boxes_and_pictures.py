"""Bounding boxes, pictures of them, and pictures of models."""

import numpy as np
import pytest

from pronghorn import utils, visualization
from pronghorn.symbolic.keras_tensor import KerasTensor
from pronghorn.utils import bounding_boxes, dot

FORMATS = [
    "xyxy", "yxyx", "xywh", "center_xywh", "center_yxhw", "rel_xyxy", "rel_yxyx", "rel_xywh", "rel_center_xywh",
]  # fmt: skip
BOXES = np.array([[10, 20, 30, 60], [5, 5, 8, 9]], dtype="float32")


@pytest.mark.parametrize("target", FORMATS)
@pytest.mark.parametrize("source", FORMATS)
def test_formats_convert_there_and_back(source, target):
    size = {"height": 100, "width": 200}
    boxes = bounding_boxes.convert_format(BOXES, "xyxy", source, **size)
    there = bounding_boxes.convert_format(boxes, source, target, **size)
    back = bounding_boxes.convert_format(there, target, "xyxy", **size)
    np.testing.assert_allclose(back, BOXES, atol=1e-4)


def test_formats_by_example():
    convert = bounding_boxes.convert_format
    assert np.asarray(convert(BOXES[0], "XYXY", "center_yxhw")).tolist() == [40, 20, 40, 20]
    np.testing.assert_allclose(convert(BOXES[0], "xyxy", "rel_xywh", height=100, width=200), [0.05, 0.2, 0.1, 0.4])
    assert set(convert({"boxes": BOXES, "labels": [1, 2]}, "xyxy", "xywh")) == {"boxes", "labels"}
    with pytest.raises(ValueError, match="xyxy, yxyx"):
        convert(BOXES, "xyx", "xywh")
    with pytest.raises(ValueError, match="height"):
        convert(BOXES, "xyxy", "rel_xyxy")
    with pytest.raises(ValueError, match="4"):
        convert(BOXES[:, :3], "xyxy", "xywh")


def test_clip_crop_and_pad():
    boxes = {"boxes": np.array([[-10.0, -20, 150, 160], [200, 200, 300, 300]]), "labels": np.array([3, 4])}
    clipped = bounding_boxes.clip_to_image_size(boxes, height=100, width=120)
    assert np.asarray(clipped["boxes"])[0].tolist() == [0, 0, 120, 100]
    assert np.asarray(clipped["labels"]).tolist() == [3, -1]
    with pytest.raises(ValueError, match="height"):
        bounding_boxes.clip_to_image_size(boxes)
    cropped = bounding_boxes.crop(BOXES, top=10, left=20, height=40, width=30)
    assert np.asarray(cropped)[0].tolist() == [0, 10, 10, 40]
    assert np.asarray(bounding_boxes.pad(BOXES, top=1, left=2))[0].tolist() == [12, 21, 32, 61]


def test_overlap():
    other = np.array([[12, 22, 30, 60], [100, 100, 120, 130]], dtype="float32")
    overlap = np.asarray(bounding_boxes.compute_iou(BOXES, other, "xyxy"))
    np.testing.assert_allclose(overlap, [[684 / 800, 0], [0, 0]], rtol=1e-6)
    assert bounding_boxes.compute_iou(BOXES[None], other, "xyxy").shape == (1, 2, 2)
    masked = bounding_boxes.compute_iou(BOXES - 100, other, "xyxy", use_masking=True)
    assert (np.asarray(masked) == -1).all()
    complete = np.asarray(bounding_boxes.compute_ciou(BOXES, BOXES, "xyxy"))
    np.testing.assert_allclose(complete, 1.0, atol=1e-5)
    assert np.asarray(bounding_boxes.compute_ciou(BOXES, other, "xyxy"))[1] < 0


def test_offsets_from_anchors_there_and_back():
    other = BOXES + np.array([1, 2, 5, 9], dtype="float32")
    for encoding in ("center_yxhw", "center_xywh"):
        options = {"variance": [0.1, 0.1, 0.2, 0.2]}
        offsets = bounding_boxes.encode_box_to_deltas(BOXES, other, "xyxy", "xyxy", encoding, **options)
        back = bounding_boxes.decode_deltas_to_boxes(BOXES, offsets, "xyxy", "xyxy", encoding, **options)
        np.testing.assert_allclose(back, other, rtol=1e-4)
    with pytest.raises(ValueError, match="center_xywh"):
        bounding_boxes.encode_box_to_deltas(BOXES, other, "xyxy", "xyxy", "xyxy")
    with pytest.raises(ValueError, match="4"):
        bounding_boxes.encode_box_to_deltas(BOXES, other, "xyxy", "xyxy", variance=[1, 2])


def test_affine_transform():
    still = {"angle": 0, "translate_x": 0, "translate_y": 0, "scale": 1, "shear_x": 0, "shear_y": 0}
    size = {"height": 101, "width": 201, "center_x": 0.0, "center_y": 0.0}

    def moved(**options):
        return np.asarray(bounding_boxes.affine_transform(BOXES, **{**still, **size, **options}))[0].round(3).tolist()

    assert moved() == [10, 20, 30, 60]
    assert moved(scale=2) == [20, 40, 60, 120]
    assert moved(angle=90) == [20, -30, 60, -10]
    assert moved(translate_x=0.1, translate_y=0.1) == [30, 30, 50, 70]
    assert moved(shear_x=45) == [30, 20, 90, 60]
    per_image = bounding_boxes.affine_transform(
        np.stack([BOXES, BOXES]), **{**still, "scale": np.array([1.0, 2.0])}, **size
    )
    assert np.asarray(per_image)[:, 0, 2].tolist() == [30, 60]


def test_boxes_are_drawn():
    pytest.importorskip("PIL")
    images = np.zeros((1, 40, 40, 3), "uint8")
    boxes = {"boxes": np.array([[[5, 6, 20, 30], [0, 0, 9, 9]]]), "labels": np.array([[1, -1]])}
    drawn = visualization.draw_bounding_boxes(images, boxes, "xyxy", color=(9, 8, 7), line_thickness=1)
    assert drawn[0, 6, 5:21].tolist() == [[9, 8, 7]] * 16 and drawn[0, 6:31, 20, 0].all() and not drawn[0, :5].any()
    assert not images.any()
    named = visualization.draw_bounding_boxes(images, boxes, "xyxy", class_mapping={1: "cat"})
    assert named.sum() > drawn.sum()


def test_masks_are_drawn():
    images = np.full((1, 4, 4, 3), 100, "uint8")
    masks = np.zeros((1, 4, 4), int)
    masks[0, 0] = 1
    colors = {0: (0, 0, 0), 1: (200, 100, 0)}
    drawn = visualization.draw_segmentation_masks(images, masks, color_mapping=colors, alpha=0.5, ignore_index=0)
    assert drawn[0, 0, 0].tolist() == [150, 100, 50] and drawn[0, 3, 3].tolist() == [100, 100, 100]
    with pytest.raises(ValueError, match="do not fit"):
        visualization.draw_segmentation_masks(images, masks[:, :2])


def test_galleries_are_saved(tmp_path):
    pytest.importorskip("matplotlib")
    images = np.random.default_rng(0).random((5, 8, 8, 3))
    visualization.plot_image_gallery(images, y_true=np.arange(5), value_range=(0, 1), path=tmp_path / "a.png")
    visualization.plot_segmentation_mask_gallery(images, 2, y_true=images[..., 0] > 0.5, path=tmp_path / "b.png")
    assert (tmp_path / "a.png").stat().st_size > 1000 and (tmp_path / "b.png").stat().st_size > 1000
    with pytest.raises(ValueError, match="not both"):
        visualization.plot_image_gallery(images, path="x.png", show=True)


@pytest.fixture
def model():
    from pronghorn import Input, Model, Sequential, layers

    inputs = Input((4,), name="features")
    inner = Sequential([Input((3,)), layers.Dense(2, name="first"), layers.Dropout(0.5, name="second")], name="inner")
    left, right = layers.Dense(3, name="left")(inputs), layers.Dense(3, activation="relu", name="right")(inputs)
    return Model(inputs, inner(layers.Add(name="sum")([left, right])), name="two")


def test_dot_text_of_a_model(model):
    graph = utils.model_to_dot(model, show_shapes=True, show_layer_activations=True)
    assert [node.name for node in graph.nodes] == ["features", "left", "right", "sum", "inner"]
    assert set(graph.edges) == {
        ("features", "left"), ("features", "right"), ("left", "sum"), ("right", "sum"), ("sum", "inner"),
    }  # fmt: skip
    text = graph.to_string()
    assert 'label="right (Dense)\\nactivation: relu\\ninput: (None, 4)\\noutput: (None, 3)"' in text
    assert '"sum" -> "inner";' in text


def test_dot_text_of_nested_models(model):
    graph = utils.model_to_dot(model, expand_nested=True)
    assert ("sum", "inner/first") in graph.edges and ("inner/first", "inner/second") in graph.edges
    assert 'subgraph "cluster_inner"' in graph.to_string()


def test_a_model_is_drawn(model, tmp_path, monkeypatch):
    pytest.importorskip("matplotlib")
    monkeypatch.setattr(dot.shutil, "which", lambda name: None)
    utils.plot_model(model, tmp_path / "model.png", expand_nested=True)
    assert (tmp_path / "model.png").stat().st_size > 1000
    utils.plot_model(model, tmp_path / "model.dot")
    assert (tmp_path / "model.dot").read_text().startswith("digraph model {")
    with pytest.raises(ValueError, match="rankdir='XX'"):
        utils.plot_model(model, rankdir="XX")


def test_source_inputs(model):
    assert utils.get_source_inputs(model.outputs[0]) == model.inputs
    first, second = KerasTensor((2,)), KerasTensor((2,))
    assert utils.get_source_inputs(first * 2 + second) == [first, second]
