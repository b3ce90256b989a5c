"""Bounding boxes: their formats, what they share, and how they move."""
