"""Names of objects and the scopes around them."""

from pronghorn.utils.naming import NameScope, clear_session, current_path


def test_a_new_session_is_outside_of_all_scopes():
    with NameScope("outer"):
        clear_session(free_memory=False)
        assert current_path() == ""
        with NameScope("inner"):
            assert current_path() == "inner"
    assert current_path() == ""
