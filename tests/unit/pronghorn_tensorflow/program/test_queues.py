"""`tf.queue` among threads, and what it refuses."""

import threading
import time

import numpy as np
import pytest

from pronghorn_tensorflow.alias import TensorFlowAlias, submodule

tf, queues, errors = TensorFlowAlias("tensorflow"), submodule("tensorflow.queue"), submodule("tensorflow.errors")


@pytest.fixture
def started():
    """Starts functions in threads, which a test ends."""
    threads = []

    def start(function):
        threads.append(threading.Thread(target=function, daemon=True))
        threads[-1].start()
        return threads[-1]

    yield start
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive()


def until(condition):
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.002)


def test_all_that_threads_put_in_is_taken_once(started):
    queue = queues.FIFOQueue(3, [tf.int32], [[]])
    producers = [started(lambda k=k: queue.enqueue_many([list(range(100 * k, 100 * k + 50))])) for k in range(3)]
    found = [int(queue.dequeue()) for _ in range(50)] + queue.dequeue_many(100).tolist()
    for producer in producers:
        producer.join(10)
    assert sorted(found) == [100 * k + i for k in range(3) for i in range(50)]
    assert [x for x in found if x < 100] == list(range(50))
    assert int(queue.size()) == 0


def test_what_waits_when_a_queue_is_closed_goes_on(started):
    queue, left = queues.FIFOQueue(2, [tf.int32], [[]]), []
    started(lambda: queue.enqueue_many([[1, 2, 3, 4]]))
    until(lambda: int(queue.size()) == 2)
    queue.close()
    left += queue.dequeue_up_to(9).tolist()
    assert left == [1, 2, 3, 4]
    with pytest.raises(errors.OutOfRangeError, match="closed and has 0"):
        queue.dequeue()


def test_or_is_cancelled(started):
    queue, raised = queues.FIFOQueue(2, [tf.int32], [[]]), []

    def put():
        try:
            queue.enqueue_many([[1, 2, 3, 4]])
        except errors.CancelledError as error:
            raised.append(error)

    thread = started(put)
    until(lambda: int(queue.size()) == 2)
    queue.close(cancel_pending_enqueues=True)
    thread.join(10)
    assert len(raised) == 1 and int(queue.size()) == 2


def test_elements_that_were_not_enough_stay_in_order(started):
    queue, raised = queues.FIFOQueue(9, [tf.int32], [[]]), []

    def take():
        try:
            queue.dequeue_many(3)
        except errors.OutOfRangeError as error:
            raised.append(error)

    thread = started(take)
    queue.enqueue_many([[1, 2]])
    queue.close()
    thread.join(10)
    assert len(raised) == 1 and queue.dequeue_many(2).tolist() == [1, 2]


def test_a_wait_that_nobody_could_end_is_an_error(monkeypatch):
    monkeypatch.setattr(threading, "active_count", lambda: 1)
    queue = queues.FIFOQueue(1, [tf.int32], [[]])
    with pytest.raises(errors.FailedPreconditionError, match=r"empty \(0 elements\).*no other thread"):
        queue.dequeue()
    queue.enqueue(1)
    with pytest.raises(errors.FailedPreconditionError, match=r"full \(1 elements\).*no other thread"):
        queue.enqueue(2)
    assert int(queue.dequeue()) == 1


def test_what_is_put_in_does_not_change_afterwards():
    queue, x = queues.FIFOQueue(1, [tf.float32], [[2]]), np.ones(2, "float32")
    queue.enqueue(x)
    x[0] = 7
    assert queue.dequeue().tolist() == [1, 1]


def test_one_seed_gives_one_order():
    def order(seed):
        queue = queues.RandomShuffleQueue(50, 0, [tf.int32], [[]], seed=seed)
        queue.enqueue_many([list(range(50))])
        return queue.dequeue_many(50).tolist()

    assert order(1) == order(1) != order(2)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: queues.FIFOQueue(0, tf.int32), "capacity must be at least 1"),
        (lambda: queues.FIFOQueue(1, [tf.int32], [[None]]), "PaddingFIFOQueue takes such"),
        (lambda: queues.FIFOQueue(1, [tf.int32], [[], []]), "shapes has 2"),
        (lambda: queues.FIFOQueue(1, [tf.int32], names=["a", "b"]), "2 names"),
        (lambda: queues.RandomShuffleQueue(2, 2, tf.int32), "min_after_dequeue=2"),
        (lambda: queues.FIFOQueue(1, [tf.int32], [[2]]).enqueue([[1]]), r"shape \(1,\).*\(2,\)"),
        (lambda: queues.FIFOQueue(1, [tf.int32, tf.int32]).enqueue(1), "elements of 2 arrays; got 1"),
        (lambda: queues.FIFOQueue(1, [tf.int32], names=["a"]).enqueue(1), "a dict with the names"),
        (lambda: queues.FIFOQueue(1, [tf.int32], names=["a"]).enqueue({"b": 1}), r"the names \['a'\]; got \['b'\]"),
        (lambda: queues.FIFOQueue(1, [tf.int32]).enqueue({"a": 1}), "no names"),
        (lambda: queues.FIFOQueue(1, [tf.int32] * 2).enqueue_many([[1], [1, 2]]), "as many in all"),
        (lambda: queues.FIFOQueue(1, [tf.int32]).enqueue_many([1]), "a row for each element"),
        (lambda: queues.FIFOQueue(1, [tf.int32]).dequeue_many(1), "made with shapes="),
        (lambda: queues.FIFOQueue(1, [tf.int32], [[]]).dequeue_many(-1), "got n=-1"),
    ],
)
def test_what_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
