"""Made by `python docs/make_stubs.py` from the tables of names; do not edit."""

from pronghorn.ops.image.colors import hsv_to_rgb as hsv_to_rgb
from pronghorn.ops.image.colors import rgb_to_grayscale as rgb_to_grayscale
from pronghorn.ops.image.colors import rgb_to_hsv as rgb_to_hsv
from pronghorn.ops.image.filters import crop_images as crop_images
from pronghorn.ops.image.filters import extract_patches as extract_patches
from pronghorn.ops.image.filters import extract_patches_3d as extract_patches_3d
from pronghorn.ops.image.filters import gaussian_blur as gaussian_blur
from pronghorn.ops.image.filters import pad_images as pad_images
from pronghorn.ops.image.filters import sobel_edges as sobel_edges
from pronghorn.ops.image.filters import ssim as ssim
from pronghorn.ops.image.reconstruction import reconstruct_patches as reconstruct_patches
from pronghorn.ops.image.resizing import resize as resize
from pronghorn.ops.image.resizing import scale_and_translate as scale_and_translate
from pronghorn.ops.image.sampling import affine_transform as affine_transform
from pronghorn.ops.image.sampling import map_coordinates as map_coordinates
from pronghorn.ops.image.sampling import perspective_transform as perspective_transform
from pronghorn.random.images import elastic_transform as elastic_transform
