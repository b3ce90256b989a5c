"""Names of C, made of those of models, inputs and outputs."""

from __future__ import annotations

import re
from collections.abc import Iterable

from pronghorn.export.signature import each_once

#: Words that C or C++ keeps for itself, macros of its headers and of compilers, the parameters and types that every
#: function has, and variables of the page's example.
_WORDS = """
    alignas alignof and asm auto bitand bitor bool break case catch char class compl concept const constexpr continue
    decltype default delete do double else enum explicit export extern false final float for friend goto if inline int
    long mutable namespace new noexcept not nullptr operator or override private protected public register requires
    restrict return short signed sizeof static struct switch template this throw true try typedef typeid typename
    typeof union unsigned using virtual void volatile wchar_t while xor main errno
    NULL EOF stdin stdout stderr I complex imaginary INFINITY NAN assert offsetof linux unix
    arena arena_bytes batch block state logs weights size_t run run_context bytes status
"""
RESERVED = frozenset(_WORDS.split())


def identifier(name: str) -> str:
    """A name that C takes, as near as possible to another.

    >>> identifier("my-model 2"), identifier("1st"), identifier("class"), identifier("")
    ('my_model_2', 'x1st', 'class_', 'x')
    """
    found = re.sub(r"[^0-9A-Za-z_]+", "_", name).strip("_")
    if not found or found[0].isdigit():
        found = f"x{found}"
    return f"{found}_" if found in RESERVED or re.fullmatch(r"u?int\d+_t", found) else found


def identifiers(names: Iterable[str], taken: Iterable[str] = ()) -> list[str]:
    """The same of several names, none twice.

    >>> identifiers(["a/b", "a b"], ["a_b"])
    ['a_b_1', 'a_b_2']
    """
    return each_once(map(identifier, names), taken)
