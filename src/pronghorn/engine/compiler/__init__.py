"""The compiler: from graphs to kernels. Named stages (`stages`), each printable and verified."""
