"""Names of losses as in Keras 2."""

from __future__ import annotations


class Reduction:
    """The names of the ways in which a loss becomes one number; today they are written as strings.

    >>> Reduction.SUM
    'sum'
    """

    AUTO = "auto"
    NONE = "none"
    SUM = "sum"
    SUM_OVER_BATCH_SIZE = "sum_over_batch_size"

    @classmethod
    def all(cls) -> tuple[str, ...]:
        """Return all names."""
        return cls.AUTO, cls.NONE, cls.SUM, cls.SUM_OVER_BATCH_SIZE

    @classmethod
    def validate(cls, key: str) -> None:
        """Check a name.

        Raises:
            ValueError: for another.
        """
        known = cls.all()
        if key in known:
            return
        raise ValueError(f"reduction={key!r}; it must be one of {', '.join(known)}.")
