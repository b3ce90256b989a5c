"""Pictures of images with boxes and masks, and galleries of them."""

from pronghorn._lazy import attach

attach(
    __name__,
    {
        "draw_bounding_boxes": ".drawing",
        "draw_segmentation_masks": ".drawing",
        "plot_bounding_box_gallery": ".galleries",
        "plot_image_gallery": ".galleries",
        "plot_segmentation_mask_gallery": ".galleries",
    },
)
