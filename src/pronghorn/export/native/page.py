"""What lies beside a library for people and for CMake."""

from __future__ import annotations

from pronghorn._wording import size_text
from pronghorn.engine.graph.dim import BATCH
from pronghorn.export.native import linking
from pronghorn.export.native.description import Library

CMAKE = """\
cmake_minimum_required(VERSION 3.13)
project({name} C)

add_library({name} STATIC IMPORTED GLOBAL)
set_target_properties({name} PROPERTIES
    IMPORTED_LOCATION "${{CMAKE_CURRENT_SOURCE_DIR}}/lib{name}.a"
    INTERFACE_INCLUDE_DIRECTORIES "${{CMAKE_CURRENT_SOURCE_DIR}}")

add_executable({name}_test {name}_test.c)
target_link_libraries({name}_test PRIVATE {name})

enable_testing()
add_test(NAME {name} COMMAND {name}_test WORKING_DIRECTORY "${{CMAKE_CURRENT_SOURCE_DIR}}")
"""


def cmake(library: Library) -> str:
    """The text of CMakeLists.txt."""
    return CMAKE.format(name=library.name)


def page(library: Library, sizes: dict[str, int], shared: str) -> str:
    """The text of README.md.

    Args:
        library: the library.
        sizes: bytes of its files.
        shared: why there is no shared library; empty where there is one.
    """
    name, predict = library.name, library.predict
    numbers = ["16" if symbol == BATCH else "32" for symbol in library.sizes]
    given = [*([predict.block] if predict.block else []), *(f"const {a.c_type} *{a.name}" for a in predict.inputs)]
    given += [f"{a.c_type} *{a.name}" for a in predict.outputs]
    rows = [f"| `{file}` | {_meaning(file, library)} | {size_text(n)} |" for file, n in sizes.items()]
    target = library.machine
    lines = [
        f"# {library.model} as a C library",
        "",
        f"Pronghorn {library.version} compiled the model `{library.model}` for **{target.name}** ({target.triple}).",
        "The library needs no runtime: it allocates nothing, has no threads, and calls `memcpy`, `memmove` and",
        "`memset` at most.",
        "",
        "| file | what | size |",
        "|---|---|---|",
        *rows,
        "",
        *([f"There is no shared library: {shared}.", ""] if shared else []),
        "## Using it",
        "",
        "```c",
        "#include <stdlib.h>",
        f'#include "{name}.h"',
        "",
        f"int classify({', '.join(given)}) {{",
        f"    size_t bytes = {name}_arena_size({', '.join(numbers)});",
        "    void *arena = malloc(bytes);",
        f"    int status = {predict.call(numbers)};",
        "    free(arena);",
        "    return status;",
        "}",
        "```",
        "",
        f"An arena serves any number of calls, one at a time, of sizes for which `{name}_arena_size` is no larger.",
        "Threads may call at the same time, each with an arena of its own. The header describes each argument.",
        "",
        *(_training(library, numbers) if library.has_state else []),
        "## Testing it",
        "",
        "```sh",
        f"cc -O1 {name}_test.c lib{name}.a -o {name}_test && ./{name}_test",
        "cmake -B build && cmake --build build && ctest --test-dir build",
        "```",
        "",
        "The test makes inputs, and compares the outputs with those that the model in Python gave for them.",
        "",
    ]
    return "\n".join(lines)


def _training(library: Library, numbers: list[str]) -> list[str]:
    """How it is trained."""
    name, (step, *_) = library.name, library.steps
    made = (
        f"    /* the file {library.file}, read or mapped to memory that may be written, is a new state */"
        if library.weights_file
        else f"    {name}_state_init(state, {name}_state_size());"
    )
    return [
        "## Training it",
        "",
        "```c",
        f"    {name}_state *state = malloc({name}_state_size());",
        f"    {library.steps[0].logs.name if library.steps[0].logs else ''} logs;",
        made,
        f"    {step.call(numbers)}; /* for each batch */",
        f"    {name}_reset_metrics(state); /* after each epoch */",
        "```",
        "",
        f"The state is one block of `{name}_state_size()` bytes. Write it to a file and read it back as it is.",
        'In Python, `pronghorn.export.read_state("file", model)` gives the model what was trained in C.',
        "",
    ]


def _meaning(file: str, library: Library) -> str:
    name = library.name
    return {
        f"{name}.h": "the header, which describes the functions",
        f"lib{name}.a": "the static library",
        linking.shared_name(name, library.machine): "the shared library",
        f"{name}_test.c": "a program that tests the library",
        f"{name}.weights": "the weights, to be mapped or read into memory",
        f"{name}.state": "a new state, to be read into memory",
        "CMakeLists.txt": "makes the library known to CMake, and the test",
    }.get(file, "says what there is, for programs")
