"""How runs train, as data."""

import pytest

from pronghorn.studio.settings import Settings, settings_of


def test_changes_are_checked():
    settings = Settings().changed({"optimizer": "SGD", "learning_rate": 0.1, "batch_size": 32})
    assert type(settings.make_optimizer()).__name__ == "SGD" and settings.batch_size == 32
    for wrong in ({"batch_size": 0}, {"batch_size": 1.5}, {"learning_rate": "fast"}, {"epochs": True}, {"size": 3}):
        with pytest.raises(ValueError):
            settings.changed(wrong)
    with pytest.raises(ValueError, match="nearest: adam"):
        settings.changed({"optimizer": "Adem"})


def test_options_go_with_their_optimizer():
    settings = Settings(optimizer="SGD", options={"momentum": 0.9})
    assert settings.changed({"learning_rate": 0.2}).options == {"momentum": 0.9}
    assert settings.changed({"optimizer": "Adam"}).options == {}


def test_a_model_that_was_not_compiled_keeps_what_is_known():
    assert settings_of({}, Settings(learning_rate=0.5)).learning_rate == 0.5
