"""Settings: what is refused, and where a change holds."""

import pytest

import numbagrad as ng


def test_a_change_holds_within_the_block():
    with ng.using(floatX="float32"):
        assert ng.tensor.scalar("x").dtype == "float32"
    assert ng.tensor.scalar("x").dtype == "float64"


def test_unknown_settings_are_refused_with_the_known_ones():
    message = "no setting named 'flotX'; there are floatX, "
    with pytest.raises(AttributeError, match=message), ng.using(flotX="float32"):
        pass
    with pytest.raises(AttributeError, match=message):
        ng.config.flotX = "float32"
    with pytest.raises(AttributeError, match=message):
        _ = ng.config.flotX


def test_wrong_values_are_refused_with_the_right_ones():
    with pytest.raises(ValueError, match="must be one of 'float64', 'float32'; got 'float16'"):
        ng.config.floatX = "float16"
    assert ng.config.floatX == "float64"
