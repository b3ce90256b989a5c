"""What runs a graph: ``numpy`` says what each primitive means, ``llvm`` makes machine code of whole graphs."""
