"""Machine code to results: the host's target, compiling LLVM IR (with an on-disk cache), native threads and memory.

The modules, in the order in which a compiled step meets them:

- `debug`: what `PRONGHORN_DEBUG` asks to be printed;
- `host`: LLVM, and the CPU that code is generated for;
- `compile`, `cache`: LLVM IR text to callable addresses, kept on disk between runs;
- `native`: the few machine-code routines that every step uses (barriers, work counters, failure reports);
- `threads`, `pool`: how many threads, and the native pool that runs a step on them;
- `callback`: Python functions that a step calls;
- `arena`: aligned memory.

Nothing is imported here, so that importing `pronghorn` does not load LLVM.
"""
