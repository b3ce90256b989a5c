"""Where the weights learnt from ImageNet are: in Keras's folder of models, or where Keras publishes them."""

from __future__ import annotations

from typing import NamedTuple

from pronghorn.applications.weight_files import GROUPS, HOST
from pronghorn.utils import get_file


class WeightFile(NamedTuple):
    """A file that Keras publishes.

    Attributes:
        name: what it is called in the folder of models.
        url: where it is.
        checksum: MD5 or SHA-256 in hexadecimal; None where Keras knows none.
    """

    name: str
    url: str
    checksum: str | None


def published(key: str, include_top: bool) -> WeightFile:
    """Return what Keras publishes for a network.

    Args:
        key: the network's name; for MobileNets with the width and the size, or the kind.
        include_top: whether with the classifier.

    >>> published("EfficientNetB0", include_top=False).url
    'https://storage.googleapis.com/keras-applications/efficientnetb0_notop.h5'
    >>> published("MobileNet 0.50 160", include_top=True).name
    'mobilenet_5_0_160_tf.h5'
    """
    group = next(group for group in GROUPS if key in group.rows)
    stem, checksum, checksum_without = group.rows[key]
    name = stem + (group.ends.whole if include_top else group.ends.without)
    there = name.replace("nasnet", "NASNet").replace("_", "-") if group.folder.endswith("nasnet") else name
    return WeightFile(name, f"{HOST}{group.folder}/{there}", checksum if include_top else checksum_without)


def find(key: str, include_top: bool) -> str:
    """Return the path of a network's weights, downloaded if they are not there yet.

    Raises:
        ConnectionError: where they cannot be had; it says where to put the file by hand.
    """
    file = published(key, include_top)
    return get_file(file.name, file.url, cache_subdir="models", file_hash=file.checksum)
