"""Threads of plain Python go on beside threads that train; `thread_storm.py` says how to run it for long."""

import thread_storm


def test_threads_of_plain_python_go_on_beside_training():
    done, raised = thread_storm.storm(3)
    assert not raised, "\n".join(raised[:3])
    assert min(done.values()) > 0, done
