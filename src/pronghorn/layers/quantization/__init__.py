"""Quantized layers: what all layers have (`requests`), the modes (`schemes`), the layers that have them."""
