"""Classes whose methods are written late behave as those of `dataclasses` from the first touch on."""

import copy
import dataclasses
import pickle
import re
import threading
from dataclasses import field
from typing import Any

import pytest

from modelmgr.lazily import dataclass, pattern


@dataclass(frozen=True, slots=True)
class Place:
    """A place."""

    name: str
    depth: int = 0
    words: tuple[str, ...] = ()

    @property
    def loud(self) -> str:
        return self.name.upper()


@dataclass(frozen=True, slots=True)
class Cave(Place):
    """A place in a place."""

    bats: int = 3


@dataclass(slots=True)
class Count:
    """Something that changes."""

    found: list[int] = field(default_factory=list)
    note: str = field(default="", compare=False)


def fresh() -> Any:
    """Return a class that nobody has touched."""

    @dataclass(frozen=True, slots=True)
    class Made:
        """One."""

        number: int
        name: str = "one"

    return Made


def test_objects_are_made_compared_and_shown():
    assert Place("a", 1) == Place("a", depth=1)
    assert Place("a") != Place("b")
    assert repr(Place("a")) == "Place(name='a', depth=0, words=())"
    assert {Place("a"): 1}[Place("a")] == 1
    assert Place("a").loud == "A"
    with pytest.raises(TypeError, match="number"):
        fresh()()


def test_fields_of_a_base_come_first():
    cave = Cave("deep", 9, bats=1)
    assert (cave.name, cave.depth, cave.bats) == ("deep", 9, 1)
    assert [each.name for each in dataclasses.fields(Cave)] == ["name", "depth", "words", "bats"]
    assert cave != Place("deep", 9)
    match cave:
        case Cave(name, depth):
            assert (name, depth) == ("deep", 9)


@pytest.mark.parametrize("look", [dataclasses.fields, dataclasses.is_dataclass, lambda each: each(1)])
def test_the_first_touch_may_be_any(look: Any):
    made = fresh()
    assert look(made)
    assert dataclasses.asdict(made(2)) == {"number": 2, "name": "one"}
    assert dataclasses.replace(made(2), name="two") == made(2, "two")


def test_there_is_no_room_for_other_attributes():
    place = Place("a")
    for name in ("name", "other"):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(place, name, "b")
        with pytest.raises(dataclasses.FrozenInstanceError):
            delattr(place, name)
    count = Count()
    with pytest.raises(AttributeError):
        count.other = 1  # type: ignore[attr-defined]


def test_what_changes_has_no_hash_and_lists_of_its_own():
    one, two = Count(), Count(note="two")
    one.found.append(1)
    assert (one.found, two.found) == ([1], [])
    assert Count() == two
    with pytest.raises(TypeError, match="unhashable"):
        hash(one)


def test_objects_are_copied_and_pickled():
    for each in (Place("a", 2, ("b",)), Cave("c"), Count([1], "d")):
        assert copy.copy(each) == each
        assert pickle.loads(pickle.dumps(each)) == each


def test_threads_that_touch_at_once_find_all():
    made = fresh()
    start = threading.Barrier(4)
    found: list[Any] = []

    def make() -> None:
        start.wait()
        found.append(made(7))

    threads = [threading.Thread(target=make) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert found == [made(7)] * 4


def test_a_pattern_is_one_of_re():
    words = pattern(r"[a-z]+", re.IGNORECASE)
    assert words.findall("One two") == ["One", "two"]
    assert words.fullmatch("One") and words.fullmatch("1") is None
    assert words.sub("x", "One 2") == "x 2"
    assert (words.pattern, words.flags & re.IGNORECASE) == ("[a-z]+", re.IGNORECASE)
    assert pattern(rb"\d").search(b"a1")
    with pytest.raises(AttributeError, match="nothing"):
        words.nothing  # type: ignore[attr-defined]  # noqa: B018
    with pytest.raises(re.error):
        pattern("(").match("")


def test_the_first_objects_are_as_those_that_the_written_methods_make():
    made = [fresh()(number) for number in range(2)]
    assert [(each.number, each.name) for each in made] == [(0, "one"), (1, "one")]
    cls = fresh()
    many = [cls(number, name="two") for number in range(100)]
    assert [dataclasses.astuple(each) for each in many] == [(number, "two") for number in range(100)]
    for wrong in ((), (1, "a", 2)):
        with pytest.raises(TypeError):
            fresh()(*wrong)
    with pytest.raises(TypeError, match="odd"):
        fresh()(1, odd=2)
    with pytest.raises(TypeError, match="number"):
        fresh()(1, number=2)


def test_what_is_worked_out_or_given_by_name_alone_is_left_to_dataclasses():
    @dataclass(slots=True)
    class Worked:
        """Has its say afterwards."""

        one: int
        two: int = field(default=2, kw_only=True)

        def __post_init__(self) -> None:
            self.one += self.two

    @dataclass(slots=True)
    class Named:
        """One by its name alone."""

        one: int = field(kw_only=True)
        two: int = 3

    assert Worked(1).one == 3
    assert (Named(4, one=1).one, Named(4, one=1).two) == (1, 4)
    with pytest.raises(TypeError):
        Named(4)


def test_objects_are_compared_before_the_methods_are_written():
    cls = fresh()
    assert cls(1) == cls(1)
    assert cls(1) != cls(2)
    assert cls(1) != 1

    @dataclass(frozen=True, slots=True)
    class More(cls):
        """One more."""

        third: int = 3

    assert More(1) != cls(1)
    assert More(1) == More(1, third=3)
    assert More(1) != More(1, third=4)
