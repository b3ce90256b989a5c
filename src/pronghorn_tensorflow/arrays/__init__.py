"""Functions of `tf` that build, cut and order arrays; shapes, types and doubles."""
