"""Scripts in the manner of tutorials print, under `pronghorn run`, what they do under Keras with TensorFlow."""

import pytest
import tutorials

#: Scripts that are short, of different families.
QUICK = ("loops_low_level", "text_lookup", "sequences_buckets")


def _case(script):
    return pytest.param(script, id=script.stem, marks=() if script.stem in QUICK else pytest.mark.slow)


@pytest.mark.parametrize("script", [_case(script) for script in tutorials.scripts()])
def test_script(script):
    found, errors = tutorials.run(script)
    wanted = tutorials.expected(script)
    assert len(found) >= len(wanted), errors
    assert not tutorials.differing(found, wanted)


def test_steps_that_differ_are_seen():
    assert tutorials.agrees("loss 0.5012 (2, 3)", "loss 0.5004 (2, 3)")
    for found, wanted in (("loss 0.51", "loss 0.5"), ("(2, 3)", "(2, 4)"), ("a 1.0", "b 1.0"), ("", "a")):
        assert not tutorials.agrees(found, wanted)
    assert tutorials.differing(["a"], ["a", "b 1"]) == [("", "b 1")]
