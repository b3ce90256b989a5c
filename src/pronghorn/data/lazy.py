"""Elements of data sets that are made when they are asked for, so that a process need not make what others read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from pronghorn.data.element import as_element
from pronghorn.data.structure import map_leaves, nothing_of


class Lazy:
    """An element that is made when it is first asked for.

    Attributes:
        is_made: whether it was there from the beginning, so that nothing is gained by not asking for it.

    Args:
        make: gives it.
        begin: has what takes long, such as the reading of a file, begin in a thread; None where nothing does.

    >>> Lazy(lambda: 3).value()
    3
    """

    is_made = False

    def __init__(self, make: Callable[[], Any], begin: Callable[[], Any] | None = None):
        self._make: Callable[[], Any] | None = make
        self._begin = begin
        self._value: Any = None

    def prepare(self) -> None:
        """Begin to make it, where that goes on beside other work."""
        if self._make is not None and self._begin is not None:
            self._begin()

    def value(self) -> Any:
        """Return the element."""
        if self._make is not None:
            self._value, self._make = map_leaves(as_element, self._make()), None
        return self._value

    def then(self, function: Callable[[Any], Any]) -> Lazy:
        """Return what a function makes of the element."""
        return Lazy(lambda: function(self.value()), self.prepare)


class Made(Lazy):
    """An element that is there already.

    Args:
        element: the element.
    """

    is_made = True

    def __init__(self, element: Any):
        super().__init__(lambda: element)


class LazyBatch(Lazy):
    """Elements that are put together, all of them or some.

    Args:
        elements: those of the batch, one or more.
        gather: puts elements together, each a row.
    """

    def __init__(self, elements: Sequence[Lazy], gather: Callable[[list[Any]], Any]):
        super().__init__(self._whole)
        self._elements, self._gather = elements, gather

    def __len__(self) -> int:
        return len(self._elements)

    def prepare(self) -> None:
        """Begin to make all elements."""
        for element in self._elements:
            element.prepare()

    def rows(self, numbers: range) -> Any:
        """Return some of the rows, which may be none; the elements of the others are not made."""
        chosen = self._elements[numbers.start : numbers.stop]
        for element in chosen:
            element.prepare()
        # One element tells of what type and shape no rows are.
        found = self._gather([element.value() for element in (chosen or self._elements[:1])])
        return map_leaves(as_element, found if chosen else map_leaves(nothing_of, found))

    def _whole(self) -> Any:
        self.prepare()
        return self._gather([element.value() for element in self._elements])


class Mapped(Iterator[Any]):
    """What a function makes of elements; where it fails at one, the others can still be asked for.

    Args:
        function: of an element.
        elements: of one round through a data set.

    >>> inverse = Mapped(lambda x: 1 / x, iter([0, 2]))
    >>> try:
    ...     next(inverse)
    ... except ZeroDivisionError:
    ...     print(next(inverse))
    0.5
    """

    def __init__(self, function: Callable[[Any], Any], elements: Iterator[Any]):
        self._function = function
        self._elements = elements

    def __next__(self) -> Any:
        element = next(self._elements)
        try:
            return self._function(element)
        except StopIteration as error:  # which would end the round as if there were no more elements
            raise RuntimeError("The function of Dataset.map raised StopIteration.") from error

    def close(self) -> None:
        """End the round."""
        if hasattr(self._elements, "close"):
            self._elements.close()
