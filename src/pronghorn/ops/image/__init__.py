"""Operations on images: resizing, affine and other transforms, patches, colours, filters."""

from pronghorn._lazy import attach
from pronghorn.ops._class_names import class_table

_MODULES = {
    ".colors": "hsv_to_rgb rgb_to_grayscale rgb_to_hsv",
    ".filters": "crop_images extract_patches extract_patches_3d gaussian_blur pad_images sobel_edges ssim",
    ".reconstruction": "reconstruct_patches",
    ".resizing": "resize scale_and_translate",
    ".sampling": "affine_transform map_coordinates perspective_transform",
    "pronghorn.random.images": "elastic_transform",
}

_NAMES = {name: module for module, names in _MODULES.items() for name in names.split()}

attach(__name__, _NAMES, unlisted=class_table(_NAMES))
