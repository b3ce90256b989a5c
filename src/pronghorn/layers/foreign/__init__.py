"""Layers whose computation is another library's: functions of JAX, modules of Flax and PyTorch, SavedModels."""
