"""Training: `compile`, `fit`, `evaluate` and `predict`, and the step that they compile."""
