"""Pictures: of a training's course, of a model and what is in it, of results, of images with boxes and masks."""

from pronghorn._lazy import attach

attach(
    __name__,
    {
        "draw_bounding_boxes": ".drawing",
        "draw_segmentation_masks": ".drawing",
        "plot_bounding_box_gallery": ".galleries",
        "plot_confusion_matrix": ".results",
        "plot_feature_maps": ".inside",
        "plot_filters": ".inside",
        "plot_history": ".history",
        "plot_image_gallery": ".galleries",
        "plot_learning_rates": ".rates",
        "plot_model": "pronghorn.utils.dot",
        "plot_predictions": ".results",
        "plot_segmentation_mask_gallery": ".galleries",
    },
)
