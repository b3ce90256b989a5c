"""Boxes in images: formats, clipping and moving, overlaps, offsets from anchors."""

from pronghorn._lazy import attach

attach(
    __name__,
    {
        "affine_transform": "pronghorn.ops.boxes.moving",
        "clip_to_image_size": "pronghorn.ops.boxes.moving",
        "compute_ciou": "pronghorn.ops.boxes.iou",
        "compute_iou": "pronghorn.ops.boxes.iou",
        "convert_format": "pronghorn.ops.boxes.formats",
        "crop": "pronghorn.ops.boxes.moving",
        "decode_deltas_to_boxes": "pronghorn.ops.boxes.deltas",
        "encode_box_to_deltas": "pronghorn.ops.boxes.deltas",
        "pad": "pronghorn.ops.boxes.moving",
    },
)
