"""Questions a person would ask of the loaded database, and how they are put to it: prefix and range reads."""

import collections
import time
from collections.abc import Iterator

import esker
from source import glyph


def first_and_last(lines: list[str], shown: int) -> Iterator[str]:
    """A few lines from both ends of a long list."""
    if len(lines) <= shown:
        yield from lines
        return
    yield from lines[: shown // 2]
    yield f"… {len(lines) - shown + shown % 2} more …"
    yield from lines[len(lines) - shown // 2 :]


def character(key: bytes, value: bytes) -> str:
    """One line about a character."""
    code_point = int(key, 16)
    name, category, numeric = value.decode().split("\t")[:3]
    number = f", worth {numeric}" if numeric else ""
    return f"U+{code_point:04X}  {glyph(code_point)}  {name.lower()} ({category}{number})"


def named(db: "esker.Db", word: str) -> list[bytes]:
    """Keys of the rows whose name holds ``word``: one prefix read of the index."""
    prefix = b"word/" + word.upper().encode() + b"/"
    return [key[len(prefix) :] for key in db.keys(prefix=prefix)]


def answer(question: str, how: str, start: float, lines: list[str], shown: int) -> None:
    """Prints a question with its answers and the time they took."""
    milliseconds = (time.monotonic() - start) * 1000
    print(f"\n  {question}: {len(lines)} found in {milliseconds:.1f} ms, by {how}")
    for line in first_and_last(lines, shown):
        print(f"      {line}")


def about_characters(db: "esker.Db") -> None:
    """Arrows, emoji, and what is worth a half."""
    start = time.monotonic()
    keys = named(db, "arrow")
    rows = [
        character(key, value)
        for key, value in zip(keys, db.multi_get([b"row/" + key for key in keys]), strict=True)
        if value
    ]
    answer("all arrows", "prefix word/ARROW/ and one multi-get", start, rows, 6)

    start = time.monotonic()
    rows = [character(key[4:], value) for key, value in db.items(start=b"row/01F600", stop=b"row/01F650")]
    answer("code points 1F600–1F64F", "range row/01F600 to row/01F650", start, rows, 6)

    start = time.monotonic()
    both = sorted(set(named(db, "black")) & set(named(db, "chess")))
    rows = [character(key, db[b"row/" + key]) for key in both]
    answer("black chess pieces", "two prefixes, intersected", start, rows, 6)


def about_rows(db: "esker.Db") -> None:
    """The commonest word of a file we know nothing about, and the rows around its middle."""
    words = collections.Counter(key.split(b"/", 2)[1] for key in db.keys(prefix=b"word/"))

    def show(key, value):
        return f"{key.decode(errors='replace')}: {value.decode(errors='replace')}"[:100]

    for word, _ in words.most_common(1):
        start = time.monotonic()
        keys = named(db, word.decode(errors="surrogateescape"))
        values = db.multi_get([b"row/" + key for key in keys])
        rows = [show(key, value) for key, value in zip(keys, values, strict=True) if value is not None]
        answer(f"rows named “{word.decode(errors='replace').lower()}”", "prefix of the word index", start, rows, 6)
    keys = list(db.keys(prefix=b"row/"))
    if keys:
        start = time.monotonic()
        first, last = keys[len(keys) // 2], keys[min(len(keys) // 2 + 10, len(keys) - 1)]
        rows = [show(key[4:], value) for key, value in db.items(start=first, stop=last)]
        answer("ten rows from the middle", "a range read", start, rows, 10)
