"""Where the words lie that the threads of a pool share.

The *context* (`ctx`) is some memory, one block per pool. Every word that some thread writes while others watch it is on
cache lines of its own (128 bytes: the CPUs that fetch lines in pairs, and Apple's, share at that grain). The offsets in
bytes are the constants below. An *event* is two i64: a value that changes when the event happens, and the number of
threads asleep until it does.
"""

GO = 0  # event: the first grain of the job that may be joined; its negative once that has ended
DONE = 128  # event: below which number all grains have been run, once nobody runs one
NEXT = 256  # i64: how many grains have been taken, and in the low bits how many of the last kernel's from behind
BACK_BITS = 16
INSIDE = 384  # i64: workers that have joined a job and not yet left it
JOB = 640  # ptr: the job's code; null asks the workers to leave
ARGS = 648  # ptr: its arguments
THREADS = 656  # i64: the number of threads, the caller's included; set once
SPINS = 664  # i64: how many pauses a waiting thread spins through before it yields
YIELDS = 672  # i64: how many times it yields before it sleeps
STATUS = 768  # i64: the largest failure code so far
BUSY = 896  # i64: 1 while a step runs, or for good once the pool is closed
SHORT = 1024  # i64: the time in nanoseconds until which cores are taken to be short
WOKEN = 1152  # i64: the time at which workers were last woken
DECISIONS = 1280  # i64[MOST_DECISIONS]: twice the grain's number, and one more where the verdict holds
MOST_DECISIONS = 4096
CONTEXT_BYTES = DECISIONS + 8 * MOST_DECISIONS
