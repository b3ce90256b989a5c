"""Random bits have no derivative; what is made of them does, through the casts and arithmetic that make it."""

from pronghorn.engine.autodiff.registry import no_gradient

no_gradient("random_bits")
