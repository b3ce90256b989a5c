"""Make the pages of the reference from signatures and docstrings; `build.py` puts them on the site.

    python docs/make_reference.py            # what each page holds, and how many of its names show an example
    python docs/make_reference.py --missing  # the names that show none

Every public name is on one page: that of the first family below that fits the module it is defined in. A class shows
its own methods and those that it has from classes without a page, but none that it has from one with a page, such as
a layer's `build`.
"""

from __future__ import annotations

import importlib
import inspect
import sys
import types
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT / "src") not in sys.path:
    sys.path.insert(0, str(ROOT / "src"))

import explained_names  # noqa: E402
import reference_text  # noqa: E402

from pronghorn import _lazy  # noqa: E402


@dataclass(frozen=True)
class Family:
    """A page: names of one public module that are defined in some modules."""

    page: str
    title: str
    public: str
    defined: tuple[str, ...] = ("",)


_NUMPY = "pronghorn.ops.numpy."
FAMILIES = (
    Family("models", "Models", "", ("pronghorn.models", "pronghorn.symbolic.keras", "pronghorn.layers.core.input")),
    Family("models", "Models", "models"),
    Family(
        "layers_core",
        "Layers: core",
        "layers",
        ("pronghorn.layers.core", "pronghorn.layers.layer", "pronghorn.layers.input_spec", "pronghorn.layers.registry"),
    ),
    Family("layers_convolution", "Layers: convolution", "layers", ("pronghorn.layers.convolutional",)),
    Family("layers_pooling", "Layers: pooling", "layers", ("pronghorn.layers.pooling",)),
    Family("layers_recurrent", "Layers: recurrent", "layers", ("pronghorn.layers.rnn",)),
    Family("layers_attention", "Layers: attention", "layers", ("pronghorn.layers.attention",)),
    Family(
        "layers_normalization",
        "Layers: normalization and regularization",
        "layers",
        ("pronghorn.layers.normalization", "pronghorn.layers.regularization"),
    ),
    Family("layers_images", "Layers: preparing images", "layers", ("pronghorn.layers.preprocessing.images",)),
    Family(
        "layers_preprocessing",
        "Layers: preparing text, tables and audio",
        "layers",
        ("pronghorn.layers.preprocessing",),
    ),
    Family(
        "layers_shaping",
        "Layers: activations, merging, reshaping",
        "layers",
        ("pronghorn.layers.activations", "pronghorn.layers.merging", "pronghorn.layers.reshaping"),
    ),
    Family("layers_foreign", "Layers: other libraries", "layers", ("pronghorn.layers.foreign",)),
    Family("activations", "Activations", "activations"),
    Family("losses", "Losses", "losses"),
    Family("metrics", "Metrics", "metrics"),
    Family("optimizers", "Optimizers and schedules", "optimizers"),
    Family("optimizers", "Optimizers and schedules", "optimizers.schedules"),
    Family("callbacks", "Callbacks", "callbacks"),
    Family("initializers", "Initializers", "initializers"),
    Family("regularizers", "Regularizers and constraints", "regularizers"),
    Family("regularizers", "Regularizers and constraints", "constraints"),
    Family("random", "Random numbers", "random"),
    Family(
        "ops_elementwise",
        "Ops: element by element",
        "ops",
        tuple(_NUMPY + m for m in ("arithmetic", "unary", "comparison")),
    ),
    Family(
        "ops_arrays",
        "Ops: making, shaping and joining arrays",
        "ops",
        tuple(_NUMPY + m for m in ("creation", "shaping", "joining", "indexing")) + ("pronghorn.ops.einops",),
    ),
    Family("ops_sums", "Ops: sums, sorting, products", "ops", (_NUMPY,)),
    Family(
        "ops_linalg",
        "Ops: linear algebra, mathematics, Fourier",
        "ops",
        ("pronghorn.ops.linalg", "pronghorn.ops.math", "pronghorn.ops.fourier"),
    ),
    Family("ops_nn", "Ops: neural networks", "ops", ("pronghorn.ops.nn",)),
    Family("ops_images", "Ops: images", "ops.image"),
    Family("ops_control", "Ops: loops, conditions, conversion", "ops"),
    Family("gradients", "Gradients, compiling, devices", ""),
    *(
        Family("datasets", "Data sets", f"datasets.{name}")
        for name in (
            "mnist",
            "fashion_mnist",
            "cifar10",
            "cifar100",
            "imdb",
            "reuters",
            "boston_housing",
            "california_housing",
        )
    ),
    Family("utils", "Utilities", "utils"),
    Family("saving", "Saving", "saving"),
    Family("export", "Exporting", "export"),
    Family("text", "Language models", "text"),
    Family("interop", "Other libraries", "interop"),
    Family("interop", "Other libraries", "wrappers"),
    Family("visualization", "Pictures", "visualization"),
    Family("applications", "Known networks", "applications"),
    Family("distribution", "Many devices and processes", "distribution"),
    Family("config", "Settings", "config"),
    Family("config", "Settings", "backend"),
    Family("config", "Settings", "dtype_policies"),
    Family("quantizers", "Quantization", "quantizers"),
    Family("distillation", "Distillation", "distillation"),
    Family("config", "Settings", "mixed_precision"),
    Family("tree", "Trees", "tree"),
)

#: Modules all of whose names are elsewhere.
NOT_ON_A_PAGE = {"legacy", "preprocessing"}


@dataclass
class Entry:
    """A public object and the names under which it is found, the one it is shown under first."""

    value: Any
    names: list[str]

    @property
    def name(self) -> str:
        return self.names[0]

    def methods(self) -> Iterator[tuple[str, Any]]:
        """Methods and properties to show: see the module's docstring."""
        if not isinstance(self.value, type):
            return
        elsewhere = [base for base in self.value.__mro__[1:] if base in _shown_classes()]
        covered = {name for base in elsewhere for name in dir(base)}
        for base in self.value.__mro__:
            if base is object or any(issubclass(shown, base) for shown in elsewhere):
                continue
            for name, value in vars(base).items():
                kinds = (types.FunctionType, property, classmethod, staticmethod)
                if name[0] != "_" and name not in covered and isinstance(value, kinds) and inspect.getdoc(value):
                    covered.add(name)
                    yield name, value


@dataclass
class Page:
    """A page of the reference."""

    name: str
    title: str
    entries: list[Entry] = field(default_factory=list)

    def __str__(self) -> str:
        return self.name

    def anchors(self) -> Iterator[tuple[str, str]]:
        """Every name that leads to the page, and the anchor it leads to."""
        for entry in self.entries:
            yield from ((name, entry.name) for name in entry.names)
            short = entry.name.rpartition(".")[2]
            for method, _ in entry.methods():
                yield f"{short}.{method}", f"{entry.name}.{method}"
                if short == "Model":  # as guides write it
                    yield f"model.{method}", f"{entry.name}.{method}"

    def text(self) -> str:
        """The page in Markdown."""
        parts = [f"# {self.title}\n"]
        parts += [reference_text.entry(e.name, e.value, e.names[1:], sorted(e.methods())) for e in self.entries]
        return "\n".join(parts)


def public(module: str) -> Any:
    """A public module by its name without the root."""
    return importlib.import_module(f"pronghorn.{module}".rstrip("."))


def _is_for_a_page(family: Family, name: str, value: Any) -> bool:
    if isinstance(value, types.ModuleType) or not callable(value):
        return False
    if family.public.startswith("ops") and isinstance(value, type):
        return False  # an operation as a class: the function says all
    if explained_names.status(f"keras.{family.public}.{name}".replace("..", ".")).kind == "not":
        return False  # it only says that it is not there
    return getattr(value, "__module__", None) is not None


@cache
def _everything() -> tuple[list[Page], frozenset[type]]:
    pages: dict[str, Page] = {}
    entries: dict[int, Entry] = {}
    for family in FAMILIES:
        page = pages.setdefault(family.page, Page(family.page, family.title))
        module = public(family.public)
        for name in sorted(n for n in _lazy.listed_names(module) if n[0] != "_"):
            try:
                value = getattr(module, name)
            except ImportError:  # of an extra that is not installed
                continue
            if not _is_for_a_page(family, name, value):
                continue
            full = f"{family.public}.{name}".lstrip(".")
            if id(value) in entries:
                known = entries[id(value)].names
                known += [full] if full not in known else []
            elif value.__module__.startswith(family.defined):
                entries[id(value)] = Entry(value, [full])
                page.entries.append(entries[id(value)])
    for page in pages.values():
        page.entries.sort(key=lambda entry: entry.name.rpartition(".")[2].casefold())
    shown = frozenset(e.value for e in entries.values() if isinstance(e.value, type))
    return list(pages.values()), shown


def _shown_classes() -> frozenset[type]:
    return _everything()[1]


def pages() -> list[Page]:
    """All pages, in the order of the table."""
    return _everything()[0]


def shows_an_example(value: Any) -> bool:
    """Whether a docstring has one that runs."""
    return ">>>" in (inspect.getdoc(value) or "")


def main() -> int:
    """The command."""
    for page in pages():
        without = [entry.name for entry in page.entries if not shows_an_example(entry.value)]
        print(f"{page.name}: {len(page.entries)} names, {len(page.entries) - len(without)} with an example")
        if "--missing" in sys.argv[1:] and without:
            print("   ", ", ".join(without))
    return 0


if __name__ == "__main__":
    sys.exit(main())
