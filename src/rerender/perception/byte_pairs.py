"""Texts as the tokens that CLIP was trained on: byte pairs (Sennrich et al. 2016), lower case, with an end mark a word.

The file of merges has one pair a line, the most frequent first. Tokens are numbered: 256 bytes, 256 bytes that end a word, the
merges in order, start, end. What separates words is CLIP's rule: runs of letters, single digits, runs of other signs, and
English endings such as 's; spaces only separate.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from rerender.core.errors import UserError

END_OF_WORD = "</w>"
_ENDING = re.compile("'(?:s|t|re|ve|m|ll|d)")
_RUN = re.compile("L+|N|O+|Z+")


@dataclass(frozen=True)
class BytePairs:
    """A vocabulary: `ranks` of pairs, the lowest merged first, and the `numbers` of tokens."""

    ranks: Mapping[tuple[str, str], int]
    numbers: Mapping[str, int]

    @property
    def start(self) -> int:
        """The number of the start token."""
        return len(self.numbers)

    @property
    def end(self) -> int:
        """The number of the end token, the largest one."""
        return len(self.numbers) + 1

    def encode(self, text: str) -> list[int]:
        """Return the tokens of a text between start and end."""
        plain = unicodedata.normalize("NFC", " ".join(text.split())).lower()
        signs = _byte_signs()
        words = ("".join(signs[byte] for byte in word.encode()) for word in words_of(plain))
        inner = [self.numbers[token] for word in words for token in self._merged(word)]
        return [self.start, *inner, self.end]

    def _merged(self, word: str) -> Sequence[str]:
        """Join the pair of the lowest rank, everywhere in the word, until none is known."""
        parts = [*word[:-1], word[-1] + END_OF_WORD]
        while len(parts) > 1:
            best = min(pairwise(parts), key=lambda pair: self.ranks.get(pair, len(self.ranks)))
            if best not in self.ranks:
                break
            joined: list[str] = []
            at = 0
            while at < len(parts):
                together = tuple(parts[at : at + 2]) == best
                joined.append("".join(parts[at : at + 1 + together]))
                at += 1 + together
            parts = joined
        return parts


def read_merges(path: Path) -> BytePairs:
    """Read the file of merges. Raises `UserError` for one that is none."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"cannot read the merges in {path}: {error}", "Fetch the file again.") from error
    pairs = [tuple(line.split(" ")) for line in lines if line and not line.startswith("#version")]
    broken = next((pair for pair in pairs if len(pair) != 2), None)
    if broken is not None or not pairs:
        found = "it is empty" if broken is None else f"a line is {' '.join(broken)!r}"
        raise UserError(
            f"{path} does not hold merges: {found}", "Every line is a pair of tokens. Fetch it again."
        )
    signs = list(_byte_signs().values())
    tokens = [*signs, *(sign + END_OF_WORD for sign in signs), *("".join(pair) for pair in pairs)]
    ranks = {(one, other): rank for rank, (one, other) in enumerate(pairs)}
    return BytePairs(ranks, {token: number for number, token in enumerate(tokens)})


def words_of(text: str) -> Iterator[str]:
    """Split a text by CLIP's rule; spaces are dropped."""
    kinds = "".join(_kind(sign) for sign in text)
    at = 0
    while at < len(text):
        found = _ENDING.match(text, at) or _RUN.match(kinds, at)
        assert found is not None
        if kinds[at] != "Z":
            yield text[at : found.end()]
        at = found.end()


def _kind(sign: str) -> str:
    """Return L for letters, N for numbers, Z for spaces and O for all else."""
    if sign.isspace():
        return "Z"
    category = unicodedata.category(sign)[0]
    return category if category in "LN" else "O"


def _byte_signs() -> dict[int, str]:
    """Return a printable sign for every byte, in the order of the vocabulary: printable Latin-1 first, as it is."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in printable]
    return {byte: chr(byte) for byte in printable} | {byte: chr(256 + n) for n, byte in enumerate(others)}
