"""Made by `python docs/make_stubs.py` from the tables of names; do not edit."""

from pronghorn.utils.dot import plot_model as plot_model
from pronghorn.visualization.drawing import draw_bounding_boxes as draw_bounding_boxes
from pronghorn.visualization.drawing import draw_segmentation_masks as draw_segmentation_masks
from pronghorn.visualization.galleries import plot_bounding_box_gallery as plot_bounding_box_gallery
from pronghorn.visualization.galleries import plot_image_gallery as plot_image_gallery
from pronghorn.visualization.galleries import plot_segmentation_mask_gallery as plot_segmentation_mask_gallery
from pronghorn.visualization.history import plot_history as plot_history
from pronghorn.visualization.inside import plot_feature_maps as plot_feature_maps
from pronghorn.visualization.inside import plot_filters as plot_filters
from pronghorn.visualization.rates import plot_learning_rates as plot_learning_rates
from pronghorn.visualization.results import plot_confusion_matrix as plot_confusion_matrix
from pronghorn.visualization.results import plot_predictions as plot_predictions
