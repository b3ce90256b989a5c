"""Titles of galleries."""

import numpy as np
import pytest

from pronghorn import visualization

pytest.importorskip("matplotlib").use("Agg")


def test_galleries_have_titles():
    images = np.zeros((2, 8, 8, 3))
    boxes = {"boxes": np.array([[[0, 0, 4, 4]]] * 2, "float32"), "labels": np.zeros((2, 1), "int64")}
    masks = np.zeros((2, 8, 8, 1), "int64")
    for figure in (
        visualization.plot_image_gallery(images, title="Of all", show=False),
        visualization.plot_bounding_box_gallery(images, "xyxy", y_true=boxes, title="Of all", show=False),
        visualization.plot_segmentation_mask_gallery(images, 2, y_true=masks, title="Of all", show=False),
    ):
        assert figure.get_suptitle() == "Of all"
