"""What code for Windows calls before it takes more than a page of the stack.

Windows gives the stack a page more where the one below the last is touched. So a function that takes several touches
each of them in turn. LLVM calls a function for that, which compilers' own libraries have; a library that needs none
brings it.
"""

from __future__ import annotations

NAME = "___chkstk_ms"

CODE = bytes.fromhex("5150488d4c2418483d0010000076114881e9001000008509482d00100000ebe74829c185095859c3")
"""Machine code of x86-64, which changes no register. How many bytes the function is to take is in rax.

        push rcx
        push rax
        lea  rcx, [rsp + 24]    ; where the caller's stack ends
    next:
        cmp  rax, 4096
        jbe  last
        sub  rcx, 4096
        test [rcx], ecx         ; touches a page
        sub  rax, 4096
        jmp  next
    last:
        sub  rcx, rax
        test [rcx], ecx
        pop  rax
        pop  rcx
        ret
"""
