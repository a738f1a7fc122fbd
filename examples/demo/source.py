"""The input of the demo: the Unicode character database that every Python carries, or a file of the user's own.

A row is ``key <tab> name <tab> more``; its key is the code point in six hexadecimal digits, so that keys sort as code points do.
"""

import sys
import unicodedata
from pathlib import Path


def character_row(code_point: int) -> str | None:
    """The row of one character; None for code points that have no name."""
    character = chr(code_point)
    name = unicodedata.name(character, None)
    if name is None:
        return None
    numeric = unicodedata.numeric(character, None)
    columns = [
        f"{code_point:06X}",
        name,
        unicodedata.category(character),
        "" if numeric is None else f"{numeric:g}",
        unicodedata.bidirectional(character),
        unicodedata.decomposition(character),
    ]
    return "\t".join(columns)


# Three quarters of all characters have names that count: "CJK UNIFIED IDEOGRAPH-4E00". The small demo goes without them.
COUNTED = ("CJK ", "HANGUL SYLLABLE ", "TANGUT ", "NUSHU CHARACTER-", "KHITAN SMALL SCRIPT ")


def write_characters(path: Path, small: bool) -> str:
    """Writes the character database as TSV, without the counted characters if ``small``; returns what it is."""
    rows = 0
    with path.open("w", encoding="utf-8", newline="\n") as out:
        for code_point in range(sys.maxunicode + 1):
            row = character_row(code_point)
            if row is None or (small and row.split("\t")[1].startswith(COUNTED)):
                continue
            out.write(row + "\n")
            rows += 1
    what = f"the Unicode {unicodedata.unidata_version} character database, {rows} characters"
    return what + " (without ideographs and syllables)" if small else what


def glyph(code_point: int) -> str:
    """The character itself where a terminal can show it."""
    character = chr(code_point)
    return character if character.isprintable() else " "
