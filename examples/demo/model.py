"""What the database should hold after a number of rows: the loader's rules once more, in a language that is easy to check."""

import re
import struct
from collections.abc import Iterator
from pathlib import Path

WORD = re.compile(rb"[0-9A-Za-z\x80-\xff]+")


def rows_of(path: Path) -> Iterator[bytes]:
    """The rows of a file, without their line ends; an empty line counts as a row."""
    with path.open("rb") as file:
        for line in file:
            yield line.rstrip(b"\r\n")


def entries_of(row: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The entries that one row makes."""
    if not row:
        return
    key, _, value = row.partition(b"\t")
    yield b"row/" + key, value
    name = value.partition(b"\t")[0]
    for word in WORD.findall(name.upper()):
        yield b"word/" + word + b"/" + key, b""


class Model:
    """The entries after the first ``rows`` rows of a file. It only grows."""

    def __init__(self, path: Path) -> None:
        self.rows = 0
        self.entries: dict[bytes, bytes] = {}
        self._source = rows_of(path)

    def advance(self, rows: int) -> None:
        """Takes in the file up to row ``rows``."""
        while self.rows < rows:
            row = next(self._source, None)
            if row is None:
                raise ValueError(f"the file has only {self.rows} rows, not {rows}")
            self.entries.update(entries_of(row))
            self.rows += 1
        if rows:
            self.entries[b"meta/rows"] = str(rows).encode()

    def sorted(self) -> list[tuple[bytes, bytes]]:
        """All entries in the order of their keys."""
        return sorted(self.entries.items())

    def write_packed(self, path: Path) -> None:
        """Writes them as the check programs read them: two little-endian lengths, key, value."""
        with path.open("wb") as out:
            for key, value in self.sorted():
                out.write(struct.pack("<II", len(key), len(value)) + key + value)
