"""The header of a library."""

from __future__ import annotations

from collections.abc import Iterable

from pronghorn.engine.backends.aot import Status
from pronghorn.engine.graph.dim import BATCH
from pronghorn.export.native.description import Array, Function, Library, Structure

MEANINGS: dict[Status, str] = {
    Status.OK: "the results are written",
    Status.NULL: "a pointer is null",
    Status.ALIGNMENT: "a pointer is not aligned for the type that it points to",
    Status.SIZE: "a size is not allowed: negative, or too large",
    Status.ARENA: "the arena is too small for these sizes",
    Status.BLOCK: "the weights or the state are not those of this library",
}
"""What a function says by its number."""


_LEVELS = [
    " * It has code for several levels of the processor, and remembers which of them it is on.",
]


def status_name(prefix: str, status: Status) -> str:
    """C's name of a number.

    >>> status_name("digits", Status.ARENA)
    'DIGITS_ERROR_ARENA'
    """
    return f"{prefix.upper()}_{'OK' if status is Status.OK else f'ERROR_{status.name}'}"


def header(library: Library) -> str:
    """The text of the header."""
    name, upper = library.name, library.name.upper()
    parts = [
        f"/* The model {library.model!r} as a C library for {library.machine.name}, by Pronghorn {library.version}.",
        " *",
        " * The library allocates nothing, has no threads, keeps nothing between calls, and calls memcpy, memmove and",
        " * memset at most. Threads may call it at the same time, each with an arena of its own.",
        *(_LEVELS if library.machine.levels else []),
        " */",
        f"#ifndef {upper}_H",
        f"#define {upper}_H",
        "",
        "#include <stddef.h>",
        "#include <stdint.h>",
        "",
        "#ifdef __cplusplus",
        'extern "C" {',
        "#endif",
        "",
        "/* What the functions return. In case of an error nothing was written. */",
        f"enum {name}_status {{",
        *(f"    {status_name(name, s)} = {int(s)}, /* {MEANINGS[s]} */" for s in Status),
        "};",
        "",
        *_arena(library),
    ]
    parts += _state(library) if library.has_state else _weights(library) if library.weights_file else []
    parts += _parallel_for(library) if library.is_parallel else []
    parts += [line for structure in library.structures for line in _structure(structure, library)]
    parts += [line for function in library.functions for line in _function(function, library)]
    parts += ["#ifdef __cplusplus", "}", "#endif", "", f"#endif /* {upper}_H */", ""]
    return "\n".join(parts)


def _arena(library: Library) -> list[str]:
    words = " with these sizes; 0 if one is not allowed: negative, or too large" if library.sizes else ""
    number = f"#define {library.name.upper()}_ARENA_BYTES {library.arena}"
    return [
        f"/* How many bytes of memory a call needs while it runs{words}.",
        " * The memory may lie anywhere, as malloc gives it, and is written before it is read. */",
        f"size_t {library.name}_arena_size({', '.join(library.size_parameters) or 'void'});",
        "",
        *(["/* The same number, for an arena that is an array. */", number, ""] if library.arena else []),
    ]


def _weights(library: Library) -> list[str]:
    return [
        f"/* The weights are the file {library.file} in memory, mapped or read, at a multiple of 8. */",
        "",
    ]


def _state(library: Library) -> list[str]:
    name = library.name
    lines = [
        "/* What is trained: the weights, the optimizer's state, the metrics and the states of random numbers. It is",
        f" * one block of {name}_state_size() bytes, at a multiple of 8, that may be written to a file, read back and",
        " * moved. pronghorn.export.read_state gives it back to the model in Python. */",
        f"typedef struct {name}_state {name}_state;",
        "",
        "/* The bytes of a state. */",
        f"size_t {name}_state_size(void);",
        "",
    ]
    if library.weights_file:
        lines += [f"/* A new state, as the model was when it was exported, is the file {library.file}. */", ""]
    else:
        lines += [
            "/* Make a new state of memory: the model as it was when it was exported. */",
            f"int {name}_state_init({name}_state *state, size_t bytes);",
            "",
        ]
    return [
        *lines,
        "/* Whether memory is a state of this library: of the same model, of the same version. */",
        f"int {name}_state_check(const {name}_state *state, size_t bytes);",
        "",
        "/* Forget what the metrics have collected, as at the start of an epoch. */",
        f"int {name}_reset_metrics({name}_state *state);",
        "",
    ]


def _structure(structure: Structure, library: Library) -> list[str]:
    lines = ["/* The loss and the metrics: their means over the steps since they were reset. */", "typedef struct {"]
    for entry in structure.fields:
        count = "".join(f"[{extent}]" for extent in entry.aval.shape)
        label = f" /* {entry.remark} */" if entry.label != entry.name else ""
        lines.append(f"    {entry.c_type} {entry.name}{count};{label}")
    return [*lines, f"}} {structure.name};", ""]


def _function(function: Function, library: Library) -> list[str]:
    rows: list[tuple[str, str]] = []
    if function.block:
        kind = "the state" if library.has_state else f"the content of {library.file}"
        rows.append((function.block_name, kind + ("" if function.block.startswith("const") else ", which is changed")))
    rows += [("arena", "memory to work in"), ("arena_bytes", "how much of it there is")]
    rows += [
        (name, "the number of samples" if symbol == BATCH else "an open extent of the inputs")
        for symbol, name in library.sizes.items()
    ]
    rows += _rows(function.inputs, "in", library)
    rows += _rows(function.outputs, "out", library)
    rows += [("logs", "out: the loss and the metrics")] if function.logs else []
    width = max(len(name) for name, _ in rows) + 2
    return [
        f"/* {function.does}",
        " *",
        *(f" * {name:<{width}}{meaning}" for name, meaning in rows),
        " *",
        " * Arrays are in C's order, without gaps. They may overlap neither each other nor the arena. */",
        *_declared(f"int {function.name}(", library.parameters(function)),
        *([""] if library.is_parallel else []),
        *(_parallel(function, library) if library.is_parallel else []),
        "",
    ]


def _parallel(function: Function, library: Library) -> list[str]:
    name = library.name
    return [
        "/* The same, where `run` shares the work out; null has the calling thread do all of it. */",
        *_declared(
            f"int {function.name}_parallel(",
            [f"{name}_parallel_for run", "void *run_context", *library.parameters(function)],
        ),
    ]


def _parallel_for(library: Library) -> list[str]:
    return [
        "/* What shares work out: it calls body(data, i) for every i from 0 to count - 1, in any order and on any",
        " * threads, and returns when all calls have. The results have the same bits, however it is shared. */",
        f"typedef void (*{library.name}_parallel_for)(",
        "    void *run_context, int64_t count, void (*body)(void *data, int64_t i), void *data);",
        "",
    ]


def _rows(arrays: Iterable[Array], direction: str, library: Library) -> list[tuple[str, str]]:
    found = []
    for array in arrays:
        label = f" {array.remark}," if array.label != array.name else ""
        found.append((array.name, f"{direction}:{label} {array.words(library.sizes)}"))
    return found


def _declared(head: str, parameters: list[str]) -> list[str]:
    """A declaration, in as many lines as it needs."""
    lines = [head]
    for i, parameter in enumerate(parameters):
        text = parameter + (", " if i + 1 < len(parameters) else ");")
        if len(lines[-1]) + len(text) > 100:
            lines[-1] = lines[-1].rstrip()
            lines.append(" " * len(head))
        lines[-1] += text
    return lines
