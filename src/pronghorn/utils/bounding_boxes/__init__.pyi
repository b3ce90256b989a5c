"""Made by `python docs/make_stubs.py` from the tables of names; do not edit."""

from pronghorn.ops.boxes.deltas import decode_deltas_to_boxes as decode_deltas_to_boxes
from pronghorn.ops.boxes.deltas import encode_box_to_deltas as encode_box_to_deltas
from pronghorn.ops.boxes.formats import convert_format as convert_format
from pronghorn.ops.boxes.iou import compute_ciou as compute_ciou
from pronghorn.ops.boxes.iou import compute_iou as compute_iou
from pronghorn.ops.boxes.moving import affine_transform as affine_transform
from pronghorn.ops.boxes.moving import clip_to_image_size as clip_to_image_size
from pronghorn.ops.boxes.moving import crop as crop
from pronghorn.ops.boxes.moving import pad as pad
