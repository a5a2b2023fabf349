import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelmgr.migration.previews import contested_previews, preview_for, previews_of


@pytest.mark.parametrize(
    ("names", "found"),
    [
        ({"a.safetensors", "a.preview.png", "a.png"}, "a.preview.png"),
        ({"a.png", "a.mp4", "a.thumb.jpg"}, "a.png"),
        ({"a.preview.mp4", "a.thumb.jpg"}, "a.preview.mp4"),
        ({"a.preview.mp4", "a.jpeg"}, "a.jpeg"),
        ({"a.thumb.jpg", "a.example.0.png"}, "a.thumb.jpg"),
        ({"a.example.0.png"}, "a.example.0.png"),
        ({"a.0.webp"}, "a.0.webp"),
        ({"A.Preview.PNG"}, "A.Preview.PNG"),
        ({"a.preview.jpg", "a.preview.png"}, "a.preview.png"),
        ({"ab.png", "a.preview.extra.png", "a.example.1.png", "b.png", "a.svg", "a.txt"}, None),
        (set(), None),
    ],
)
def test_the_best_preview_of_a_stem_is_chosen(names, found):
    assert preview_for("a", names) == found


def test_all_others_are_listed_after_it():
    names = {"a.thumb.jpg", "a.mov", "a.png", "a.preview.webp", "a.example.0.png", "a.webp"}
    assert previews_of("a", names) == (
        "a.preview.webp",
        "a.png",
        "a.webp",
        "a.mov",
        "a.thumb.jpg",
        "a.example.0.png",
    )


def test_a_picture_of_a_longer_stem_comes_last_and_is_flagged():
    names = {"a.safetensors", "a.preview.safetensors", "a.preview.png", "a.thumb.png"}
    assert preview_for("a", names) == "a.thumb.png"
    assert previews_of("a", names) == ("a.thumb.png", "a.preview.png")
    assert contested_previews("a", names) == ("a.preview.png",)
    assert preview_for("a.preview", names) == "a.preview.png"


def test_names_that_differ_in_case_stay_with_their_own_model():
    names = {"X.safetensors", "x.safetensors", "X.png", "x.jpg"}
    assert preview_for("x", names) == "x.jpg"
    assert preview_for("X", names) == "X.png"
    assert preview_for("x", {"x.ckpt", "X.PNG"}) == "X.PNG"


def test_a_preview_is_found_in_either_unicode_form():
    assert preview_for("Ha\u0308fen", {"H\u00e4fen.png"}) == "H\u00e4fen.png"


def test_an_empty_stem_has_no_preview():
    assert preview_for("", {".png", "a.png"}) is None


@given(st.text(max_size=6), st.sets(st.text(max_size=12), max_size=8))
def test_only_given_names_come_back(stem, names):
    assert set(previews_of(stem, names)) <= names
