"""`tf.queue`: queues that threads of a program fill and empty, for `pronghorn run`."""

from __future__ import annotations

import heapq
import itertools
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from pronghorn import ops
from pronghorn.data.element import as_text
from pronghorn.data.element_types import dtype_name
from pronghorn.data.tensor_spec import TensorShape
from pronghorn.engine.graph.active import current_trace
from pronghorn_tensorflow.arrays.types import as_dtype
from pronghorn_tensorflow.program.errors import CancelledError, FailedPreconditionError, OutOfRangeError
from pronghorn_tensorflow.program.functions import constant

#: Seconds after which a waiting thread looks whether there is still another that could end its wait.
_LOOK = 0.5


class QueueBase:
    """`tf.queue.QueueBase`: what all queues have. An element is a list of arrays, or a dict where they have names.

    A call waits while the queue is full or has too few elements, until another thread changes that. Where no other
    thread runs, nobody could: the call then raises an error.

    Args:
        dtypes: the types of an element's arrays.
        shapes: their shapes; None for any, with which several elements cannot be taken at once.
        names: their names.
        capacity: how many elements there may be; any number if it is negative.
        name: the queue's.
    """

    _ragged = False  # whether shapes may have None in them

    def __init__(self, dtypes: Any, shapes: Any, names: Any, capacity: Any, name: str) -> None:
        self.dtypes = [as_dtype(kind) for kind in (dtypes if isinstance(dtypes, list | tuple) else [dtypes])]
        self.shapes = _shapes(shapes, len(self.dtypes))
        self.names = [str(each) for each in names] if names else None
        self.name = name
        if self.names and len(self.names) != len(self.dtypes):
            raise ValueError(f"tf.queue: there are {len(self.dtypes)} dtypes and {len(self.names)} names.")
        if not self._ragged and any(None in shape for shape in self.shapes if shape.rank is not None):
            raise ValueError(
                f"tf.queue.{type(self).__name__}: shapes={shapes} has an extent None; a PaddingFIFOQueue takes such."
            )
        self._capacity = float("inf") if int(capacity) < 0 else int(capacity)
        if not self._capacity:
            raise ValueError("tf.queue: capacity must be at least 1, or negative for any number of elements; got 0.")
        self._changed = threading.Condition()
        self._putting, self._taking = threading.Lock(), threading.Lock()  # calls come one after the other
        self._is_closed = self._is_cancelled = False
        self._coming = 0  # calls that put elements in and were made before the queue was closed

    # -- what the kinds of queues differ in
    _reserve = 0  # elements that stay, until the queue is closed

    def _count(self) -> int:
        raise NotImplementedError

    def _put(self, element: list[np.ndarray]) -> None:
        raise NotImplementedError

    def _take(self) -> list[np.ndarray]:
        raise NotImplementedError

    def _give_back(self, elements: list[list[np.ndarray]]) -> None:
        for element in elements:
            self._put(element)

    # -- putting in
    def enqueue(self, vals: Any, name: str | None = None) -> None:
        """Put an element in.

        Raises:
            ValueError: for another number of arrays, other names or another shape.
            CancelledError: if the queue is closed.
        """
        arrays = self._arrays(vals)
        for array, shape in zip(arrays, self.shapes):
            _check_shape(array.shape, shape)
        self._enqueue([arrays])

    def enqueue_many(self, vals: Any, name: str | None = None) -> None:
        """Put as many elements in as the arrays have rows.

        Raises:
            ValueError: as `enqueue`, or where the arrays have different numbers of rows.
            CancelledError: if the queue is closed.
        """
        arrays = self._arrays(vals)
        counts = {len(array) if array.ndim else None for array in arrays}
        if None in counts or len(counts) != 1:
            raise ValueError(
                "tf.queue: enqueue_many takes arrays with a row for each element, as many in all of them; got shapes "
                f"{', '.join(str(array.shape) for array in arrays)}."
            )
        for array, shape in zip(arrays, self.shapes):
            _check_shape(array.shape[1:], shape)
        self._enqueue([[array[i, ...] for array in arrays] for i in range(counts.pop() or 0)])

    def _arrays(self, vals: Any) -> list[np.ndarray]:
        """The arrays of what is put in, in the types of the queue."""
        if current_trace() is not None:
            raise FailedPreconditionError(
                None,
                None,
                f"{self._who()} cannot be used within a compiled function; enqueue and dequeue outside of it.",
            )
        if isinstance(vals, dict) != bool(self.names):
            wanted = f"a dict with the names {self.names}" if self.names else "arrays, as the queue has no names"
            raise ValueError(f"{self._who()} takes {wanted}; got {vals!r}.")
        if self.names:
            if sorted(vals) != sorted(self.names):
                raise ValueError(f"{self._who()} has the names {self.names}; got {sorted(vals)}.")
            vals = [vals[each] for each in self.names]
        values = vals if isinstance(vals, list | tuple) else [vals]
        if len(values) != len(self.dtypes):
            raise ValueError(f"{self._who()} has elements of {len(self.dtypes)} arrays; got {len(values)}.")
        return [_array(value, kind) for value, kind in zip(values, self.dtypes)]

    def _enqueue(self, elements: list[list[np.ndarray]]) -> None:
        with self._changed:
            self._check_open()
            self._coming += 1
        try:
            with self._putting:
                for element in elements:
                    with self._changed:
                        self._wait(lambda: self._is_cancelled or self._count() < self._capacity, "full")
                        if self._is_cancelled:
                            self._check_open()
                        self._put(element)
                        self._changed.notify_all()
        finally:
            with self._changed:
                self._coming -= 1
                self._changed.notify_all()

    def _check_open(self) -> None:
        if self._is_closed:
            raise CancelledError(None, None, f"{self._who()} is closed, so that nothing can be put in.")

    # -- taking out
    def dequeue(self, name: str | None = None) -> Any:
        """Take an element out.

        Raises:
            OutOfRangeError: if the queue is closed and empty.
        """
        (element,) = self._dequeue(1, at_most=False)
        return self._given([_tensor(array, kind) for array, kind in zip(element, self.dtypes)])

    def dequeue_many(self, n: Any, name: str | None = None) -> Any:
        """Take elements out, stacked.

        Raises:
            OutOfRangeError: if the queue is closed and has fewer.
            ValueError: for a negative number, or a queue whose shapes are not known.
        """
        return self._stacked(n, at_most=False)

    def dequeue_up_to(self, n: Any, name: str | None = None) -> Any:
        """Take elements out, stacked; of a closed queue those that are left.

        Raises:
            OutOfRangeError: if the queue is closed and empty.
            ValueError: for a negative number, or a queue whose shapes are not known.
        """
        return self._stacked(n, at_most=True)

    def _stacked(self, n: Any, at_most: bool) -> Any:
        count = int(n)
        if count < 0 or any(shape.rank is None for shape in self.shapes):
            raise ValueError(
                f"{self._who()}: several elements are taken at once from a queue that was made with shapes=, and at "
                f"least 0 of them; got n={count}, shapes={self.shapes}."
            )
        elements = self._dequeue(count, at_most)
        columns = [[element[i] for element in elements] for i in range(len(self.dtypes))]
        return self._given([_padded(*each) for each in zip(columns, self.shapes, self.dtypes)])

    def _dequeue(self, count: int, at_most: bool) -> list[list[np.ndarray]]:
        taken: list[list[np.ndarray]] = []
        with self._taking:
            while len(taken) < count:
                with self._changed:
                    try:
                        self._wait(lambda: self._ready() > 0 or self._is_over(), "empty")
                    except BaseException:
                        self._give_back(taken)
                        raise
                    if self._ready() > 0:
                        taken.append(self._take())
                        self._changed.notify_all()
                    elif at_most and taken:
                        break
                    else:
                        self._give_back(taken)
                        raise OutOfRangeError(
                            None,
                            None,
                            f"{self._who()} is closed and has {self._count()} elements; {count} were asked for.",
                        )
        return taken

    def _is_over(self) -> bool:
        """Whether no more elements will come."""
        return self._is_closed and not self._coming

    def _ready(self) -> int:
        """How many elements may be taken."""
        return self._count() - (0 if self._is_closed else self._reserve)

    def _given(self, tensors: list[Any]) -> Any:
        if self.names:
            return dict(zip(self.names, tensors))
        return tensors[0] if len(tensors) == 1 else tensors

    def _wait(self, ready: Callable[[], bool], state: str) -> None:
        while not ready():
            if threading.active_count() == 1:
                message = (
                    f"{self._who()} is {state} ({self._count()} elements), and this would wait for ever: no other "
                    "thread runs that could change it."
                )
                raise FailedPreconditionError(None, None, message)
            self._changed.wait(_LOOK)

    # -- the whole
    def size(self, name: str | None = None) -> Any:
        """Return how many elements there are."""
        return ops.convert_to_tensor(np.int32(self._count()))

    def is_closed(self, name: str | None = None) -> Any:
        """Return whether the queue is closed."""
        return ops.convert_to_tensor(np.asarray(self._is_closed))

    def close(self, cancel_pending_enqueues: bool = False, name: str | None = None) -> None:
        """Have nothing more be put in; calls that wait to do so go on, or raise a CancelledError."""
        with self._changed:
            self._is_closed = True
            self._is_cancelled = self._is_cancelled or bool(cancel_pending_enqueues)
            self._changed.notify_all()

    @staticmethod
    def from_list(index: Any, queues: Sequence[QueueBase]) -> QueueBase:
        """Return one of several queues."""
        return queues[int(index)]

    def _who(self) -> str:
        return f"tf.queue.{type(self).__name__} {self.name!r}"


class FIFOQueue(QueueBase):
    """`tf.queue.FIFOQueue`: what came first goes first.

    >>> queue = FIFOQueue(3, ["int32"], [[]])
    >>> queue.enqueue_many([[4, 5, 6]])
    >>> int(queue.dequeue()), queue.dequeue_many(2).tolist()
    (4, [5, 6])
    """

    def __init__(
        self, capacity: Any, dtypes: Any, shapes: Any = None, names: Any = None, shared_name: Any = None,
        name: str = "fifo_queue",
    ) -> None:  # fmt: skip
        self._elements: deque[list[np.ndarray]] = deque()
        super().__init__(dtypes, shapes, names, capacity, name)

    def _count(self) -> int:
        return len(self._elements)

    def _put(self, element: list[np.ndarray]) -> None:
        self._elements.append(element)

    def _take(self) -> list[np.ndarray]:
        return self._elements.popleft()

    def _give_back(self, elements: list[list[np.ndarray]]) -> None:
        self._elements.extendleft(reversed(elements))


class PaddingFIFOQueue(FIFOQueue):
    """`tf.queue.PaddingFIFOQueue`: where shapes have None, elements are filled up with zeros to the longest taken with
    them.

    >>> queue = PaddingFIFOQueue(2, ["int32"], [[None]])
    >>> queue.enqueue([[1]])
    >>> queue.enqueue([[2, 3]])
    >>> queue.dequeue_many(2).tolist()
    [[1, 0], [2, 3]]
    """

    _ragged = True

    def __init__(
        self, capacity: Any, dtypes: Any, shapes: Any, names: Any = None, shared_name: Any = None,
        name: str = "padding_fifo_queue",
    ) -> None:  # fmt: skip
        super().__init__(capacity, dtypes, shapes, names, shared_name, name)


class PriorityQueue(QueueBase):
    """`tf.queue.PriorityQueue`: the element with the least number goes first; the number is its first array, int64.

    >>> queue = PriorityQueue(3, ["int32"], [[]])
    >>> queue.enqueue_many([[2, 1], [20, 10]])
    >>> [int(x) for x in queue.dequeue()]
    [1, 10]
    """

    def __init__(
        self, capacity: Any, types: Any, shapes: Any = None, names: Any = None, shared_name: Any = None,
        name: str = "priority_queue",
    ) -> None:  # fmt: skip
        kinds = list(types) if isinstance(types, list | tuple) else [types]
        self._heap: list[tuple[int, int, list[np.ndarray]]] = []
        self._numbers = itertools.count()
        super().__init__(["int64", *kinds], [[], *_shapes(shapes, len(kinds))], names, capacity, name)

    def _count(self) -> int:
        return len(self._heap)

    def _put(self, element: list[np.ndarray]) -> None:
        heapq.heappush(self._heap, (int(element[0]), next(self._numbers), element))

    def _take(self) -> list[np.ndarray]:
        return heapq.heappop(self._heap)[2]


class RandomShuffleQueue(QueueBase):
    """`tf.queue.RandomShuffleQueue`: any element goes next; some stay until the queue is closed.

    >>> queue = RandomShuffleQueue(9, 1, ["int32"], [[]], seed=0)
    >>> queue.enqueue_many([[1, 2, 3]])
    >>> queue.close()
    >>> sorted(queue.dequeue_many(3).tolist())
    [1, 2, 3]
    """

    def __init__(
        self, capacity: Any, min_after_dequeue: Any, dtypes: Any, shapes: Any = None, names: Any = None,
        seed: Any = None, shared_name: Any = None, name: str = "random_shuffle_queue",
    ) -> None:  # fmt: skip
        self._elements: list[list[np.ndarray]] = []
        self._reserve = int(min_after_dequeue)
        self._random = np.random.default_rng(np.random.randint(2**31) if seed is None else int(seed))
        super().__init__(dtypes, shapes, names, capacity, name)
        if not 0 <= self._reserve < self._capacity:
            raise ValueError(f"{self._who()}: min_after_dequeue={self._reserve} must be at least 0 and below capacity.")

    def _count(self) -> int:
        return len(self._elements)

    def _put(self, element: list[np.ndarray]) -> None:
        self._elements.append(element)

    def _take(self) -> list[np.ndarray]:
        place = int(self._random.integers(len(self._elements)))
        self._elements[place], self._elements[-1] = self._elements[-1], self._elements[place]
        return self._elements.pop()


# -- arrays and shapes ------------------------------------------------------------------------------------------------
def _shapes(shapes: Any, count: int) -> list[Any]:
    """A shape for each array; one that is given alone is that of the only array."""
    if shapes is None:
        return [TensorShape(None)] * count
    if not isinstance(shapes, list | tuple) or all(extent is None or isinstance(extent, int) for extent in shapes):
        shapes = [shapes]
    if len(shapes) != count:
        raise ValueError(f"tf.queue: shapes has {len(shapes)} of them, for {count} arrays.")
    return [TensorShape(shape) for shape in shapes]


def _check_shape(found: tuple[int, ...], wanted: Any) -> None:
    if not wanted.is_compatible_with(found):
        raise ValueError(
            f"tf.queue: an array of shape {tuple(found)} came where the queue's shapes have {tuple(wanted)}."
        )


def _array(value: Any, kind: Any) -> np.ndarray:
    """A value in a type of the queue's; nobody else can write into it.

    Raises:
        TypeError: for a number with a fraction where the type is one of integers, or a tensor of another type.
    """
    tensor = constant(value, kind)
    found = np.array(tensor)
    if kind.is_integer and np.asarray(value).dtype.kind == "f":
        raise TypeError(f"tf.queue: {value!r} came where the queue has {dtype_name(kind)}.")
    return found


def _tensor(array: np.ndarray, kind: Any) -> Any:
    return as_text(array) if kind == "string" else ops.convert_to_tensor(array, dtype=dtype_name(kind))


def _padded(arrays: list[np.ndarray], shape: Any, kind: Any) -> Any:
    """Arrays, one on the other, filled up to the longest along axes of any extent."""
    extents = tuple(
        max((array.shape[axis] for array in arrays), default=0) if n is None else n for axis, n in enumerate(shape)
    )
    empty: Any = b"" if kind == "string" else 0
    dtype = object if kind == "string" else kind.as_numpy_dtype
    found = np.full((len(arrays), *extents), empty, dtype)
    for i, array in enumerate(arrays):
        found[(i, *map(slice, array.shape))] = array
    return _tensor(found, kind)
