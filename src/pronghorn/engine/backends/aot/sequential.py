"""What a step calls, for the thread that runs all of it: taking a grain is counting.

The functions are those of `pronghorn.engine.runtime.native` by name and meaning. What ``ctx`` points to is the number
of the next grain, and which way the last decision went; see `walking`.
"""

from __future__ import annotations

RUNTIME_IR = """
define internal i64 @ph_take(ptr %ctx, i64 %first, i64 %end, i64 %tid) alwaysinline nounwind {
  %number = load i64, ptr %ctx, align 8
  %more = icmp slt i64 %number, %end
  br i1 %more, label %mine, label %none
mine:
  %after = add i64 %number, 1
  store i64 %after, ptr %ctx, align 8
  ret i64 %number
none:
  ret i64 -1
}

define internal i64 @ph_take_whole(ptr %ctx, i64 %first, i64 %tid) alwaysinline nounwind {
  %after = add i64 %first, 1
  store i64 %after, ptr %ctx, align 8
  ret i64 %first
}

define internal void @ph_meet(ptr %ctx, i64 %end, i64 %count, i64 %tid) alwaysinline nounwind {
  ret void
}

define internal void @ph_leave(ptr %ctx, i64 %end, i64 %count, i64 %tid) alwaysinline nounwind {
  ret void
}

define internal void @ph_decide(ptr %ctx, i64 %grain, i64 %count, i8 %verdict) alwaysinline nounwind {
  %p = getelementptr i64, ptr %ctx, i64 1
  %holds = icmp ne i8 %verdict, 0
  %bit = zext i1 %holds to i64
  store i64 %bit, ptr %p, align 8
  ret void
}

define internal i64 @ph_decided(ptr %ctx, i64 %grain, i64 %count) alwaysinline nounwind {
  %p = getelementptr i64, ptr %ctx, i64 1
  %bit = load i64, ptr %p, align 8
  ret i64 %bit
}
"""
