"""Data sets made of small steps: read, shuffle, batch, map."""

from pronghorn._lazy import attach

attach(
    __name__, {"AUTOTUNE": ".dataset", "Dataset": ".dataset", "RaggedTensor": ".ragged", "TensorSpec": ".tensor_spec"}
)
