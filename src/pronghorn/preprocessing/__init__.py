"""Older names for loading and preparing data; the same functions as in `pronghorn.utils`."""

from pronghorn._lazy import attach

attach(
    __name__,
    {
        "image_dataset_from_directory": "pronghorn.utils",
        "text_dataset_from_directory": "pronghorn.utils",
        "timeseries_dataset_from_array": "pronghorn.utils",
    },
    submodules=("image", "sequence"),
)
