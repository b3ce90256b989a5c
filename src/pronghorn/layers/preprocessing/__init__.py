"""Layers: preprocessing."""
