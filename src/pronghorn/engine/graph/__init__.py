"""The graph: a closed set of primitives, symbolic extents, tracing, a verifier."""
