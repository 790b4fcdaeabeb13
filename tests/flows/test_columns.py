"""Claims about columns of text: aligned, inside a page, and harmless whatever they hold."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from flows.columns import WIDTH, columns, wrapped

CELLS = st.one_of(st.none(), st.integers(-99999, 99999), st.text(max_size=120))


def test_numbers_end_at_one_edge_and_texts_begin_at_one():
    assert columns(("rank", "item"), [(1, "b"), (12, "long one")], "rank") == ["rank  item", "   1  b", "  12  long one"]


def test_a_text_that_is_too_long_is_cut_and_a_number_is_not():
    _, line = columns(("n", "title"), [("9" * 60, "x" * 80)], "n")
    assert line == f"{'9' * 60}  {'x' * 37}…"
    assert len(line) == WIDTH


def test_letters_that_take_two_places_are_counted_so():
    assert columns(("title", "n"), [("日本", 1), ("abcd", 2)], "n")[1:] == ["日本   1", "abcd   2"]


@given(st.lists(st.tuples(CELLS, CELLS, CELLS), max_size=5))
def test_a_line_is_no_wider_than_a_page_and_moves_no_cursor(rows):
    lines = columns(("one", "two", "three"), rows)
    assert len(lines) == len(rows) + 1
    assert all(line.isprintable() for line in lines)
    assert all(len(line) <= WIDTH for line in lines)


@given(st.lists(st.text("abc", min_size=1, max_size=30), max_size=30))
def test_a_sentence_is_broken_at_spaces_and_loses_no_word(words):
    lines = wrapped(" ".join(words), "- ", "  ")
    assert " ".join(lines).removeprefix("- ").split() == words
    assert all(len(line) <= WIDTH for line in lines)
