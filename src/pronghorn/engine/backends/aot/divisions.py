"""Divisions of 64-bit integers on machines with registers of 32 bits, which LLVM leaves to a compiler's library.

They are done as by hand, a bit a step: sizes are divided, never the elements of arrays in a loop.
"""

from __future__ import annotations

from collections.abc import Collection

_DIVIDE = """
define internal {i64, i64} @ph_divided(i64 %n, i64 %d) noinline nounwind {
entry:
  br label %step
step:
  %i = phi i32 [ 0, %entry ], [ %i.next, %step ]
  %left = phi i64 [ %n, %entry ], [ %left.next, %step ]
  %rest = phi i64 [ 0, %entry ], [ %rest.next, %step ]
  %quotient = phi i64 [ 0, %entry ], [ %quotient.next, %step ]
  %top = lshr i64 %left, 63
  %left.next = shl i64 %left, 1
  %over = icmp slt i64 %rest, 0
  %twice = shl i64 %rest, 1
  %more = or i64 %twice, %top
  %fits = icmp uge i64 %more, %d
  %goes = or i1 %over, %fits
  %less = sub i64 %more, %d
  %rest.next = select i1 %goes, i64 %less, i64 %more
  %bit = zext i1 %goes to i64
  %doubled = shl i64 %quotient, 1
  %quotient.next = or i64 %doubled, %bit
  %i.next = add i32 %i, 1
  %again = icmp ult i32 %i.next, 64
  br i1 %again, label %step, label %out
out:
  %first = insertvalue {i64, i64} undef, i64 %quotient.next, 0
  %both = insertvalue {i64, i64} %first, i64 %rest.next, 1
  ret {i64, i64} %both
}

define internal {i64, i64} @ph_divided_signed(i64 %n, i64 %d) noinline nounwind {
  %n.size = call i64 @llvm.abs.i64(i64 %n, i1 false)
  %d.size = call i64 @llvm.abs.i64(i64 %d, i1 false)
  %both = call {i64, i64} @ph_divided(i64 %n.size, i64 %d.size)
  %q = extractvalue {i64, i64} %both, 0
  %r = extractvalue {i64, i64} %both, 1
  %differ = xor i64 %n, %d
  %q.below = icmp slt i64 %differ, 0
  %r.below = icmp slt i64 %n, 0
  %q.minus = sub i64 0, %q
  %r.minus = sub i64 0, %r
  %quotient = select i1 %q.below, i64 %q.minus, i64 %q
  %rest = select i1 %r.below, i64 %r.minus, i64 %r
  %first = insertvalue {i64, i64} undef, i64 %quotient, 0
  %result = insertvalue {i64, i64} %first, i64 %rest, 1
  ret {i64, i64} %result
}

declare i64 @llvm.abs.i64(i64, i1)
"""
_ONE = """
define internal i64 @NAME(i64 %n, i64 %d) noinline nounwind {
  %both = call {i64, i64} @FROM(i64 %n, i64 %d)
  %result = extractvalue {i64, i64} %both, PLACE
  ret i64 %result
}
"""
_BOTH = """
define internal {i64, i64} @NAME(i64 %n, i64 %d) noinline nounwind {
  %both = call {i64, i64} @FROM(i64 %n, i64 %d)
  ret {i64, i64} %both
}
"""
_BOTH_OF = {"__aeabi_uldivmod": "ph_divided", "__aeabi_ldivmod": "ph_divided_signed"}
_ONE_OF = {
    "__udivdi3": ("ph_divided", 0),
    "__umoddi3": ("ph_divided", 1),
    "__divdi3": ("ph_divided_signed", 0),
    "__moddi3": ("ph_divided_signed", 1),
}
NAMES = frozenset((*_BOTH_OF, *_ONE_OF))
"""The functions that LLVM calls, by machine."""


def definitions(names: Collection[str]) -> str:
    """LLVM IR of some of `NAMES`."""
    texts = [_BOTH.replace("NAME", name).replace("FROM", _BOTH_OF[name]) for name in names if name in _BOTH_OF]
    for name in names:
        if name in _ONE_OF:
            source, place = _ONE_OF[name]
            texts.append(_ONE.replace("NAME", name).replace("FROM", source).replace("PLACE", str(place)))
    return "".join([_DIVIDE, *texts]) if texts else ""
