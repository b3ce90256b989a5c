"""Low-rank adaptation: train a product of two thin matrices beside a frozen kernel."""

from __future__ import annotations

from typing import Any

from pronghorn import initializers, ops
from pronghorn.variables import Variable


class LoraKernel:
    """Mixed into layers with one kernel, under the name that ``_lora_target`` tells."""

    _lora_target, _lora_name = "_kernel", "lora_kernel"
    lora_enabled = False

    def _with_lora(self, kernel: Any) -> Any:
        """The kernel that the layer computes with."""
        if not self.lora_enabled:
            return kernel
        update = ops.matmul(*self._lora_factors())
        return kernel + (self.lora_alpha / self.lora_rank) * update

    def enable_lora(
        self,
        rank: int,
        lora_alpha: float | None = None,
        a_initializer: Any = "he_uniform",
        b_initializer: Any = "zeros",
    ) -> None:
        """Freeze the kernel and train an update of low rank instead.

        Args:
            rank: the rank of the update.
            a_initializer: how the first factor starts.
            b_initializer: how the second starts.
            lora_alpha: the update counts ``lora_alpha / rank``; ``rank`` if None.

        Raises:
            ValueError: if the layer is not built, has an update already, or its kernel has a constraint.
            NotImplementedError: if it is quantized by a mode that looks at data.
        """
        self._refuse_lora()
        kernel: Variable | None = getattr(self, self._lora_target, None)
        for what, constraint in (("kernel", "kernel_constraint"), ("embedding", "embeddings_constraint")):
            if getattr(self, constraint, None) is not None:
                raise ValueError(f"Layer {self.name!r}: lora is incompatible with {what} constraints.")
        if kernel is None or not self.built:
            raise ValueError(
                f"Layer {self.name!r} is not built, so it has no kernel for enable_lora() to adapt: call the layer on "
                "data, or build() it, before."
            )
        if self.lora_enabled:
            raise ValueError(
                f"Layer {self.name!r}: lora is already enabled, with rank {self.lora_rank}; there is one a layer."
            )
        self._tracker.locked = False
        quantized = getattr(self, "_quantized_weights", ())
        whole = quantized[0].shape if quantized else kernel.shape  # where two integers share a byte, it has another
        shape_a, shape_b = (*whole[:-1], rank), (rank, whole[-1])
        for name, shape, initializer in (("a", shape_a, a_initializer), ("b", shape_b, b_initializer)):
            factor = self.add_weight(
                name=f"{self._lora_name}_{name}",
                shape=shape,
                initializer=initializers.get(initializer),
                dtype="float32",  # also where the kernel is kept in fewer bits: small updates would be lost
                regularizer=getattr(self, f"{self._lora_target.removeprefix('_')}_regularizer", None),
            )
            setattr(self, f"{self._lora_name}_{name}", factor)
        kernel.trainable = False
        self._tracker.locked = True
        self.lora_enabled = True
        self.lora_rank = rank
        self.lora_alpha = lora_alpha if lora_alpha is not None else rank

    def _refuse_lora(self) -> None:
        """Raise an error where no update can be added."""

    def _lora_factors(self) -> tuple[Variable, Variable]:
        return getattr(self, f"{self._lora_name}_a"), getattr(self, f"{self._lora_name}_b")

    def _lora_config(self) -> dict[str, Any]:
        return {"lora_rank": self.lora_rank, "lora_alpha": self.lora_alpha} if self.lora_rank else {}

    def save_own_variables(self, store: Any) -> None:
        """Weights as without an update: it is added to the kernel."""
        if not self.lora_enabled:
            super().save_own_variables(store)
            return
        for i, (variable, value) in enumerate(self._merged()):
            store[f"{i}"] = value if value is not None else variable.numpy()

    def load_own_variables(self, store: Any) -> None:
        """Weights as without an update; the update starts anew at zero."""
        if not self.lora_enabled:
            super().load_own_variables(store)
            return
        for i, (variable, _) in enumerate(self._merged()):
            variable.assign(store[f"{i}"])
        for factor in self._lora_factors():
            factor.assign(ops.zeros(factor.shape))

    def _merged(self) -> list[tuple[Variable, Any]]:
        kernel = getattr(self, self._lora_target)
        apart = {id(kernel), *map(id, self._lora_factors())}
        others = [v for v in self._own_weights() if id(v) not in apart]
        merged = self._with_lora(kernel.tensor).numpy()
        return [(kernel, merged), *((v, None) for v in others)]
