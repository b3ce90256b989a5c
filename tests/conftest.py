"""What all tests share."""

import signal

# Started in the background of a shell, a process and its children ignore Ctrl-C; the tests of interrupts need it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
