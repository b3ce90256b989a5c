"""What a functional model is described with: symbolic tensors, operations, and the shapes of what calls give."""
