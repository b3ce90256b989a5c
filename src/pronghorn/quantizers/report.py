"""`QuantizationReport`: what a call of `Model.quantize` did to each layer."""

from __future__ import annotations

from typing import Any

from pronghorn._wording import counted


class QuantizationReport:
    """What `Model.quantize` did, layer by layer, of Keras 3.16.

    Args:
        mode: the mode of the call, such as ``"int8"``.

    Attributes:
        mode: the same.
        quantized: for each layer that was quantized its path, its mode, and the name of its dtype policy.
        skipped: for each other layer its path, and why: one of the names ``SKIP_...`` of this class.
        errors: by the path of a layer how much its outputs change for the calibration data, as a share of their size
            (Euclidean norms); of modes that measure it.

    Example:

    >>> from pronghorn import layers, models
    >>> model = models.Sequential([layers.Input((4,)), layers.Dense(3, name="first"), layers.Dense(2, name="last")])
    >>> report = model.quantize("int8", filters="last")
    >>> [mode for path, mode, scheme in report.quantized], report.num_skipped
    (['int8'], 1)
    """

    SKIP_NO_SUPPORT = "no quantize support"
    SKIP_FILTERED = "filtered out"
    SKIP_ALREADY_QUANTIZED = "already quantized"
    SKIP_OUTSIDE_STRUCTURE = "outside quantization structure"
    SKIP_SLOWER = "too small to be faster in integers"
    SKIP_ERROR = "its outputs would change too much"
    SKIP_UNSEEN = "the calibration data did not reach it"

    def __init__(self, mode: str | None = None) -> None:
        self.mode = mode
        self.quantized: list[tuple[str, str, str]] = []
        self.skipped: list[tuple[str, str]] = []
        self.errors: dict[str, float] = {}

    def add_quantized(self, path: str, mode: str, scheme: str) -> None:
        """Note a layer that was quantized, with its mode and its policy's name."""
        self.quantized.append((path, mode, scheme))

    def add_skipped(self, path: str, reason: str) -> None:
        """Note a layer that stays as it is."""
        self.skipped.append((path, reason))

    @property
    def num_quantized(self) -> int:
        return len(self.quantized)

    @property
    def num_skipped(self) -> int:
        return len(self.skipped)

    def skipped_by_reason(self, reason: str) -> list[str]:
        """The paths of the layers that stay as they are for a reason."""
        return [path for path, why in self.skipped if why == reason]

    def summary_warning(self, max_examples: int = 5) -> str | None:
        """What to warn of: layers that cannot be quantized; None for none.

        Args:
            max_examples: how many layers are named.

        >>> report = QuantizationReport("int8")
        >>> report.add_skipped("norm", report.SKIP_NO_SUPPORT)
        >>> report.summary_warning()
        'quantize: 1 layer cannot be quantized to int8 and stays as before (norm); 0 layers were quantized.'
        """
        unable = self.skipped_by_reason(self.SKIP_NO_SUPPORT)
        if not unable:
            return None
        stay = "stays" if len(unable) == 1 else "stay"
        were = "was" if self.num_quantized == 1 else "were"
        some = ", ".join([*unable[:max_examples], *(["..."] if len(unable) > max_examples else [])])
        return (
            f"quantize: {_layers(unable)} cannot be quantized to {self.mode} and {stay} as before ({some}); "
            f"{_layers(self.quantized)} {were} quantized."
        )

    def render(self) -> str:
        """All that is noted, as lines of text.

        >>> report = QuantizationReport("int8")
        >>> report.add_quantized("last", "int8", "int8_from_float32")
        >>> print(report.render())
        Quantization to int8: 1 layer quantized, 0 skipped
          last: int8_from_float32
        """
        lines = [f"Quantization to {self.mode}: {_layers(self.quantized)} quantized, {self.num_skipped} skipped"]
        lines += [f"  {path}: {scheme}{self._error(path)}" for path, _, scheme in self.quantized]
        lines += [f"  {path}: skipped, {reason}{self._error(path)}" for path, reason in self.skipped]
        return "\n".join(lines)

    def _error(self, path: str) -> str:
        return f", error {self.errors[path]:.2%}" if path in self.errors else ""

    def __repr__(self) -> str:
        return f"QuantizationReport(mode={self.mode!r}, quantized={self.num_quantized}, skipped={self.num_skipped})"


def _layers(of: list[Any]) -> str:
    return counted(len(of), "layer")
