"""What is remembered of headers is bounded."""

from modelmgr.readers.recent import Recent


def test_what_was_asked_for_longest_ago_is_forgotten_first() -> None:
    recent: Recent[str] = Recent(limit=10)
    recent.keep("a", "A", 4)
    recent.keep("b", "B", 4)
    assert recent.get("a") == "A"
    recent.keep("c", "C", 4)
    assert (recent.get("a"), recent.get("b"), recent.get("c")) == ("A", None, "C")
    assert recent.weight == 8


def test_a_value_in_place_of_another_weighs_for_itself_alone() -> None:
    recent: Recent[str] = Recent(limit=10)
    for weight in (9, 2, 10):
        recent.keep("a", f"{weight}", weight)
        assert (recent.get("a"), recent.weight) == (f"{weight}", weight)
    recent.keep("a", "too much", 11)
    assert (recent.get("a"), recent.weight) == (None, 0)


def test_all_can_be_forgotten() -> None:
    recent: Recent[str] = Recent(limit=10)
    recent.keep("a", "A", 4)
    recent.forget()
    assert (recent.get("a"), recent.weight) == (None, 0)
