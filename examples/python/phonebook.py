"""A phone book that finds people by the beginning of their name, and names by number.

    python phonebook.py DIRECTORY add "Ada Lovelace" 1815
    python phonebook.py DIRECTORY find Ada
    python phonebook.py DIRECTORY who 1815
    python phonebook.py DIRECTORY remove "Ada Lovelace"
    python phonebook.py DIRECTORY load people.csv        name,number in each line

Two kinds of keys: ``name/NAME`` holds the number, ``number/NUMBER/NAME`` holds nothing and is an index. Both are written in one
batch, so the index is never wrong, whenever the program is killed.
"""

import csv
import sys
from collections.abc import Iterator

import esker

NAME = b"name/"


def by_number(number: str, name: str) -> bytes:
    return b"number/" + number.encode() + b"/" + name.encode()


def add(db: esker.Db, name: str, number: str) -> None:
    """Adds a person, or gives them a new number."""
    if not name or not number or "/" in number:
        raise ValueError("a name and a number, please, and no slash in the number")
    with db.batch() as batch:
        old = db.get(NAME + name.encode())
        if old is not None:
            batch.delete(by_number(old.decode(), name))
        batch.put(NAME + name.encode(), number.encode())
        batch.put(by_number(number, name), b"")


def remove(db: esker.Db, name: str) -> bool:
    """Whether there was anybody to remove."""
    number = db.get(NAME + name.encode())
    if number is None:
        return False
    with db.batch() as batch:
        batch.delete(NAME + name.encode())
        batch.delete(by_number(number.decode(), name))
    return True


def find(db: esker.Db, beginning: str) -> Iterator[tuple[str, str]]:
    """Everybody whose name begins so, in order."""
    for key, number in db.items(prefix=NAME + beginning.encode()):
        yield key.removeprefix(NAME).decode(), number.decode()


def who(db: esker.Db, number: str) -> Iterator[str]:
    """The names that have this number."""
    prefix = by_number(number, "")
    for key in db.keys(prefix=prefix):
        yield key.removeprefix(prefix).decode()


def main(arguments: list[str]) -> int:
    match arguments:
        case [path, "add", name, number]:
            with esker.open(path) as db:
                add(db, name, number)
        case [path, "load", file]:
            with esker.open(path) as db, open(file, newline="", encoding="utf-8") as rows:
                for name, number in csv.reader(rows):
                    add(db, name, number)
        case [path, "remove", name]:
            with esker.open(path) as db:
                if not remove(db, name):
                    print(f"nobody is called {name}", file=sys.stderr)
                    return 1
        case [path, "find", beginning]:
            with esker.open(path) as db:
                for name, number in find(db, beginning):
                    print(f"{name:<30} {number}")
        case [path, "who", number]:
            with esker.open(path) as db:
                for name in who(db, number):
                    print(name)
        case _:
            print(__doc__, file=sys.stderr)
            return 2
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except (esker.Error, OSError, ValueError) as error:
        sys.exit(f"phonebook: {error}")
