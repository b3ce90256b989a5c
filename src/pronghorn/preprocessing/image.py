"""Image helpers under their older name; see `pronghorn.utils`."""

from pronghorn._lazy import attach

attach(
    __name__,
    {
        "array_to_img": "pronghorn.utils",
        "img_to_array": "pronghorn.utils",
        "load_img": "pronghorn.utils",
        "save_img": "pronghorn.utils",
        "smart_resize": "pronghorn.data.folders.image",
    },
)
