"""Operations on images: resizing, affine and other transforms, patches, colours, filters."""

from pronghorn._lazy import attach

_MODULES = {
}

_NAMES = {name: module for module, names in _MODULES.items() for name in names.split()}

attach(__name__, _NAMES)
