"""Byte pairs: the rule for words, merges by rank, numbers of tokens, damaged files."""

from __future__ import annotations

from pathlib import Path

import pytest

from rerender.core.errors import UserError
from rerender.perception.byte_pairs import BytePairs, read_merges, words_of

MERGES = "#version: 0.2\na b\nab c</w>\nb e\nb e</w>\nd</w> x\nbe d</w>\n"


@pytest.fixture
def pairs(tmp_path: Path) -> BytePairs:
    (tmp_path / "merges.txt").write_text(MERGES)
    return read_merges(tmp_path / "merges.txt")


def tokens(pairs: BytePairs, text: str) -> list[str]:
    names = {number: name for name, number in pairs.numbers.items()}
    return [names[number] for number in pairs.encode(text)[1:-1]]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a bed.", ["a", "bed", "."]),
        ("it's they've", ["it", "'s", "they", "'ve"]),
        ("room 12!?", ["room", "1", "2", "!?"]),
        ("don't_stop ½", ["don", "'t", "_", "stop", "½"]),
        ("!'s café", ["!'", "s", "café"]),
        ("  ", []),
    ],
)
def test_words_follow_the_rule(text: str, words: list[str]) -> None:
    assert list(words_of(text)) == words


def test_the_earliest_pair_merges_first_and_everywhere(pairs: BytePairs) -> None:
    assert tokens(pairs, "abc") == ["abc</w>"]
    assert tokens(pairs, "abab") == ["ab", "a", "b</w>"]
    assert tokens(pairs, "Bed  be") == ["bed</w>", "be</w>"]


def test_numbers_are_bytes_then_endings_then_merges(pairs: BytePairs) -> None:
    assert pairs.numbers["!"] == 0 and pairs.numbers["!</w>"] == 256 and pairs.numbers["ab"] == 512
    assert (pairs.start, pairs.end) == (512 + 6, 512 + 7)
    assert pairs.encode("é") == [pairs.start, pairs.numbers["Ã"], pairs.numbers["©</w>"], pairs.end]


@pytest.mark.parametrize("text", ["", "#version: 0.2\n", "a b c\n", "PK\x03"])
def test_a_file_that_holds_no_merges_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "merges.txt").write_text(text)
    with pytest.raises(UserError, match=r"does not hold merges"):
        read_merges(tmp_path / "merges.txt")
