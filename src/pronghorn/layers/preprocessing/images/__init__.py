"""Layers for images: resizing, cropping, and random changes for training."""
