"""List the runs of nine words that Pronghorn's messages, docstrings and comments have in common with Keras's.

    python tests/keras_suite/common_words.py            lists them, each with where it stands here and there
    python tests/keras_suite/common_words.py --words 8  a shorter run

What is in this project was written here, and a sentence of nine words does not come about twice by chance. The rule
reaches as far as this.

- It reads string literals, sums of strings (`"a" + name + "b"`), docstrings and comments of both source trees.
- Words of prose count, upper case or not. A name such as `num_heads` counts for one word.
- Names in backticks, what is in braces, numbers, signs and lines of examples (`>>>`) are passed over. A run goes on
  behind them.
- A placeholder (of an f-string, of `format`, of `%`, or what is added to a string) stands for up to two words of the
  other text. It ends no run and does not count: "axis {axis} of the input" and "axis -1 of the input" have four words
  in common, and so have "axis {axis} of the input" and "axis number two of the input".
  A run across placeholders is found where three of its words stand in a row.
- A run ends where the literal or the block of comments does.
- Lists of names are no prose (the classes of a data set, the choices of an argument). So a run must have two of the
  small words that hold an English sentence together.
"""

from __future__ import annotations

import argparse
import ast
import io
import re
import sys
import tokenize
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import run

#: How many words in common make a run.
WORDS = 9

#: How many words of the other text a placeholder may stand for.
BEHIND_PLACEHOLDER = 2

#: Texts are compared word by word where they have so many in a row in common.
SEED = 3

_PLACE = "{}"  # among the words of a text: a placeholder
_PERCENT = re.compile(r"%(?:\(\w+\))?[-+#0]*[\d*]*(?:\.[\d*]+)?[sdrifgeax](?![a-z])")
_BRACES = re.compile(r"\{[^{}]*\}")
_PASSED_OVER = re.compile(r"``.*?``|`[^`]*`|^\s*(?:>>>|\.\.\. ).*?$", re.DOTALL | re.MULTILINE)
_WORD = re.compile(r"[a-z]\w*(?:'[a-z]+)?|\x00")
_SMALL = {
    *("a", "all", "an", "and", "any", "are", "as", "at", "be", "by", "can", "cannot", "each", "for", "from", "has"),
    *("have", "if", "in", "is", "it", "its", "more", "must", "no", "not", "of", "on", "one", "only", "or", "should"),
    *("such", "than", "that", "the", "there", "this", "to", "was", "when", "where", "which", "with", "you"),
}


class Text(NamedTuple):
    """A literal, a docstring or a block of comments: its place, and its words, among which placeholders stand."""

    place: str
    words: list[str]

    @property
    def plain(self) -> list[str]:
        """The words without the placeholders."""
        return [word for word in self.words if word != _PLACE]


def _parts(node: ast.AST) -> list[str | ast.expr]:
    """Return what a string, an f-string or a sum of them is made of: texts, and expressions that vary."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return [node.value]
    if isinstance(node, ast.JoinedStr):
        return [str(part.value) if isinstance(part, ast.Constant) else part.value for part in node.values]
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return [part for side in (node.left, node.right) for part in _parts(side) or [side]]
    return []


def _literals(node: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield the texts of the strings below a node, with their lines and with `{}` for what varies."""
    parts = _parts(node)
    if any(isinstance(part, str) for part in parts):
        yield node.lineno, "".join(part if isinstance(part, str) else _PLACE for part in parts)
    for part in parts or ast.iter_child_nodes(node):
        if isinstance(part, ast.AST):
            yield from _literals(part)


def prose(source: str) -> Iterator[tuple[int, str]]:
    """Yield each string literal, docstring and block of comments of a module, with its line."""
    yield from _literals(ast.parse(source))
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
    """Return the words of a text that count, and ``"{}"`` for each placeholder.

    >>> words_of("The shape of `x`, {shape}, is not one of num_shapes=3 (%.2f).")
    ['the', 'shape', 'of', '{}', 'is', 'not', 'one', 'of', 'num_shapes', '{}']
    """
    text = _PASSED_OVER.sub(" ", text)
    found = 1
    while found:  # a width may be a placeholder inside of one
        text, found = _BRACES.subn("\0", text)
    words = _WORD.findall(_PERCENT.sub("\0", text).lower())
    return [_PLACE if word == "\0" else word for word in words]


def texts_of(root: Path) -> Iterator[Text]:
    """Yield the texts below a folder, tests left out."""
    for file in sorted(root.rglob("*.py")):
        if not file.name.endswith("_test.py"):
            for line, text in prose(file.read_text(encoding="utf-8")):
                yield Text(f"{file.relative_to(root)}:{line}", words_of(text))


def _runs(words: list[str], length: int) -> Iterator[tuple[int, tuple[str, ...]]]:
    """Yield the runs of a text, each with its beginning."""
    for start in range(len(words) - length + 1):
        yield start, tuple(words[start : start + length])


def _is_prose(words: Iterable[str]) -> bool:
    return sum(word in _SMALL for word in words) >= 2


def run_behind_placeholders(ours: list[str], theirs: list[str]) -> list[str]:
    """Return the longest run of words in common, where a placeholder stands for up to two words of the other text.

    >>> run_behind_placeholders(words_of("pass {name} or an axis"), words_of("Please pass 3 names or an index"))
    ['pass', 'or', 'an']
    """
    runs: dict[tuple[int, int], list[str]] = defaultdict(list)  # the longest that ends at these two words
    where: dict[str, list[int]] = defaultdict(list)
    for j, other in enumerate(theirs):
        where[other].append(j)
    skipped = range(BEHIND_PLACEHOLDER + 1)
    for i, mine in enumerate(ours):
        if mine != _PLACE:
            for j in where.get(mine, ()):
                runs[i, j] = [*runs.get((i - 1, j - 1), ()), mine]
        for j in range(len(theirs)) if mine == _PLACE else where.get(_PLACE, ()):
            beside = [runs.get((i - 1, j - n), []) for n in skipped if mine == _PLACE]
            beside += [runs.get((i - n, j - 1), []) for n in skipped if theirs[j] == _PLACE]
            longest = max(beside, key=len)
            if longest:
                runs[i, j] = longest
    return max(runs.values(), key=len, default=[])


def _with_placeholders(ours: list[Text], theirs: list[Text], length: int) -> Iterator[tuple[Text, Text, list[str]]]:
    """Yield the pairs of texts that have a run in common, and a placeholder, with that run."""
    seeds: dict[tuple[str, ...], set[int]] = defaultdict(set)
    bags = [Counter(text.plain) for text in theirs]
    for number, text in enumerate(theirs):
        for _, seed in _runs(text.plain, SEED):
            seeds[seed].add(number)
    for text in ours:
        near = set().union(*(seeds.get(seed, ()) for _, seed in _runs(text.plain, SEED)))
        for number in sorted(near):
            other = theirs[number]
            if _PLACE not in text.words and _PLACE not in other.words:
                continue
            if (bags[number] & Counter(text.plain)).total() < length:
                continue
            words = run_behind_placeholders(text.words, other.words)
            if len(words) >= length and _is_prose(words):
                yield text, other, words
                break


def common(ours: Path, theirs: Path, length: int = WORDS) -> list[str]:
    """Return a line for each run of words that both trees have: overlapping runs are told as one.

    Args:
        ours: a folder of Python files.
        theirs: the other folder.
        length: how many words make a run.
    """
    mine, other = list(texts_of(ours)), list(texts_of(theirs))
    known = {part: text.place for text in reversed(other) for _, part in _runs(text.plain, length) if _is_prose(part)}
    lines = []
    told = set()
    for text in mine:
        end = -1
        for start, words in _runs(text.plain, length):
            if words not in known:
                continue
            if start <= end:
                lines[-1] += f" {words[-1]}"
            else:
                lines.append(f"{text.place} and {known[words]}: {' '.join(words)}")
            end = start + 1
            told.add(text.place)
    rest = [text for text in mine if text.place not in told and len(text.words) >= length]
    for text, near, words in _with_placeholders(rest, other, length):
        lines.append(f"{text.place} and {near.place}: {' '.join(words)}")
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
