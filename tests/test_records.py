"""Records behave as dataclasses do."""

import copy
import pickle

import pytest

from numbagrad.records import field, record, replace


@record()
class Row:
    """A record that can be changed."""

    name: str
    size: int = 3
    parts: list = field(default_factory=list)
    _hidden: int = 0


@record(frozen=True)
class Fixed:
    """A record that can not."""

    name: str
    size: int = 3

    def __post_init__(self):
        seen.append(self.name)

    def __str__(self):
        return f"<{self.name}>"


@record(frozen=True, eq=False)
class Single:
    """A record that equals itself only."""

    name: str


seen = []


def test_arguments_by_position_by_name_and_by_default():
    for _ in range(2):  # the first one is made another way
        made = Row("a", parts=[1])
        assert (made.name, made.size, made.parts) == ("a", 3, [1])
    assert Row("a", 4).size == 4
    for wrong in [lambda: Row(), lambda: Row("a", 1, [], 0, 5), lambda: Row("a", other=1)]:
        with pytest.raises(TypeError, match="__init__"):
            wrong()
    Fixed("seen")
    assert seen[-1] == "seen"


def test_defaults_are_made_anew():
    first, second = Row("a"), Row("b")
    first.parts.append(1)
    assert second.parts == []


def test_equality_and_hash():
    assert Row("a", 3) == Row("a") != Row("a", 4)
    assert Fixed("a") == Fixed("a", 3) != Row("a", 3)
    assert hash(Fixed("a")) == hash(Fixed("a", 3))
    assert Single("a") != Single("a") and len({Single("a"), Single("a")}) == 2
    with pytest.raises(TypeError, match="unhashable"):
        hash(Row("a"))


def test_text_names_the_fields():
    assert repr(Row("a")) == "Row(name='a', size=3, parts=[])"
    assert str(Fixed("a")) == "<a>" and repr(Fixed("a")) == "Fixed(name='a', size=3)"


def test_frozen_records_stay_as_they_are():
    made = Fixed("a")
    with pytest.raises(AttributeError, match="size can not be changed"):
        made.size = 4
    with pytest.raises(AttributeError, match="size can not be changed"):
        del made.size
    assert replace(made, size=4) == Fixed("a", 4)


@pytest.mark.parametrize("made", [Row("a", 4, [1]), Fixed("a", 4)])
def test_copies_and_pickles(made):
    for other in [copy.copy(made), copy.deepcopy(made), pickle.loads(pickle.dumps(made))]:
        assert other == made and other is not made


def test_matching():
    match Row("a", 4):
        case Row(name, size):
            assert (name, size) == ("a", 4)
