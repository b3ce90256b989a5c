"""The engine: from a traced function to machine code. It knows nothing of Keras.

In the order in which a computation meets them: `graph` records what is called as a graph of primitives, `autodiff`
appends its gradient, `compiler` makes kernels of it, `codegen` writes them as LLVM IR, `runtime` compiles and runs
that, and `backends` ties these together, beside NumPy and the engines of other libraries.
"""
