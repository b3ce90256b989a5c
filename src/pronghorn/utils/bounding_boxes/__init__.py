"""Boxes in images: formats, clipping and moving, overlaps, offsets from anchors."""

from pronghorn._lazy import attach

attach(
    __name__,
    {
        "affine_transform": ".moving",
        "clip_to_image_size": ".moving",
        "compute_ciou": ".iou",
        "compute_iou": ".iou",
        "convert_format": ".formats",
        "crop": ".moving",
        "decode_deltas_to_boxes": ".deltas",
        "encode_box_to_deltas": ".deltas",
        "pad": ".moving",
    },
)
