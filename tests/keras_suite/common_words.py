"""List the runs of nine words that Pronghorn's messages, docstrings and comments have in common with Keras's.

    python tests/keras_suite/common_words.py            lists them, each with where it stands here and there
    python tests/keras_suite/common_words.py --words 8  a shorter run

What is in this project was written here, and a sentence of nine words does not come about twice by chance. The rule
reaches as far as this. It reads string literals (of f-strings the parts that do not vary), docstrings and comments of
both source trees. Words of prose count, upper case or not, and a name such as `num_heads` counts for one; names in
backticks, what is in braces, numbers, signs and lines of examples (`>>>`) are passed over, and a run goes on behind
them. It ends where the literal or the block of comments does. Since lists of names are no prose (the classes of a data
set, the choices of an argument), a run must have two of the small words that hold an English sentence together.
"""

from __future__ import annotations

import argparse
import ast
import io
import re
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path

import run

#: How many words in common make a run.
WORDS = 9

_PASSED_OVER = re.compile(r"``.*?``|`[^`]*`|\{[^{}]*\}|^\s*(?:>>>|\.\.\. ).*?$", re.DOTALL | re.MULTILINE)
_WORD = re.compile(r"[a-z]\w*(?:'[a-z]+)?")
_SMALL = {
    *("a", "all", "an", "and", "any", "are", "as", "at", "be", "by", "can", "cannot", "each", "for", "from", "has"),
    *("have", "if", "in", "is", "it", "its", "more", "must", "no", "not", "of", "on", "one", "only", "or", "should"),
    *("such", "than", "that", "the", "there", "this", "to", "was", "when", "where", "which", "with", "you"),
}


def prose(source: str) -> Iterator[tuple[int, str]]:
    """Yield each string literal, docstring and block of comments of a module, with its line."""
    tree = ast.parse(source)
    inside = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in ast.walk(node)}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            parts = (part.value if isinstance(part, ast.Constant) else "{}" for part in node.values)
            yield node.lineno, "".join(map(str, parts))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in inside:
            yield node.lineno, node.value
    block: list[str] = []
    first = last = 0
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            if block and token.start[0] != last + 1:
                yield first, "\n".join(block)
                block = []
            first = first if block else token.start[0]
            last = token.start[0]
            block.append(token.string.lstrip("#"))
    if block:
        yield first, "\n".join(block)


def words_of(text: str) -> list[str]:
    """Return the words of a text that count.

    >>> words_of("The shape of `x`, {shape}, is not one of num_shapes=3.")
    ['the', 'shape', 'of', 'is', 'not', 'one', 'of', 'num_shapes']
    """
    return _WORD.findall(_PASSED_OVER.sub(" ", text).lower())


def runs_of(root: Path, length: int) -> dict[tuple[str, ...], str]:
    """Return the runs of words below a folder, tests left out, each with `file:line` of a place where it stands."""
    found: dict[tuple[str, ...], str] = {}
    for file in sorted(root.rglob("*.py")):
        if file.name.endswith("_test.py"):
            continue
        for line, text in prose(file.read_text(encoding="utf-8")):
            words = words_of(text)
            for start in range(len(words) - length + 1):
                part = tuple(words[start : start + length])
                if sum(word in _SMALL for word in part) >= 2:
                    found.setdefault(part, f"{file.relative_to(root)}:{line}")
    return found


def common(ours: Path, theirs: Path, length: int = WORDS) -> list[str]:
    """Return a line for each run of words that both trees have: overlapping runs are told as one.

    Args:
        ours: a folder of Python files.
        theirs: the other folder.
        length: how many words make a run.
    """
    known = runs_of(theirs, length)
    lines = []
    for file in sorted(ours.rglob("*.py")):
        for line, text in prose(file.read_text(encoding="utf-8")):
            words = words_of(text)
            end = -1
            for start in range(len(words) - length + 1):
                place = known.get(tuple(words[start : start + length]))
                if place is None:
                    continue
                if start <= end:
                    lines[-1] += f" {words[start + length - 1]}"
                else:
                    lines.append(
                        f"{file.relative_to(ours)}:{line} and {place}: {' '.join(words[start : start + length])}"
                    )
                end = start + 1
    return lines


def main() -> int:
    """The command; exit status 1 where something is common."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--words", type=int, default=WORDS)
    found = common(run.ROOT / "src", run.keras_source(), parser.parse_args().words)
    print("\n".join(found) or "nothing in common")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
