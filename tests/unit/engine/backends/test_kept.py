"""What is kept for calls, and when it is forgotten."""

import gc

from pronghorn.engine.backends.kept import Kept, KeptByObject


class Called:
    pass


def test_all_are_forgotten_where_there_is_no_room():
    kept = Kept(2)
    for key in "aba":
        kept.keep(key, key.upper())
    assert kept == {"a": "A", "b": "B"} and kept.is_full
    assert kept.keep("c", "C") == "C" and kept == {"c": "C"}


def test_the_oldest_is_forgotten():
    kept = Kept(2, oldest=True)
    for key in "abac":
        kept.keep(key, key)
    assert list(kept) == ["b", "c"]


def test_what_no_longer_holds_is_forgotten():
    kept = Kept(2)
    kept.during((1,)).keep("a", 1)
    assert kept.during((1,)) is kept and kept == {"a": 1}
    assert kept.during((2,)) == {} and kept.during((1,)) == {}


def test_what_is_kept_goes_with_the_object():
    kept, called, other = KeptByObject(2), Called(), Called()
    kept.of(called, "state").keep("a", 1)
    assert kept.of(called, "state") == {"a": 1} and kept.of(other, "state") == {}
    assert kept.of(called, "other") == {}
    del called
    gc.collect()
    assert len(kept._known) == 1
