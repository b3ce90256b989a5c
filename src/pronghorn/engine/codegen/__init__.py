"""Kernels to LLVM IR: the text builder, loop nests, and the one register-tiled contraction."""
