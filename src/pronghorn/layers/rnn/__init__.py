"""Layers: rnn."""
