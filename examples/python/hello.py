"""The first ten minutes with Esker: open, write, read, walk a range, freeze a view, survive.

    python hello.py DIRECTORY

Run it twice and watch the count grow.
"""

import sys

import esker


def run(path: str) -> int:
    """Returns how often it has run on this database."""
    with esker.open(path) as db:
        # Single entries. A key is absent, or it has a value, which may be empty.
        db[b"user/2"] = b"Grace"
        assert db[b"user/2"] == b"Grace"
        del db[b"user/2"]
        assert db.get(b"user/2") is None

        # A batch is applied whole or not at all.
        with db.batch() as batch:
            batch.put(b"user/1", b"Ada")
            batch.put(b"user/3", b"Edsger")
            batch.put(b"order/9", b"3 books")

        # A snapshot sees what was there at its birth, whatever happens later.
        with db.snapshot() as before:
            db.delete_range(b"user/", b"user0")  # '0' is the byte after '/'
            assert [name for _, name in before.items(prefix=b"user/")] == [b"Ada", b"Edsger"]
            assert b"user/1" not in db

        # By default a write survives the death of the process; this one also survives a power cut.
        visits = int(db.get(b"visits", b"0")) + 1
        db.put(b"visits", b"%d" % visits, durability="sync")
        return visits


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: hello.py DIRECTORY")
    print("visit number", run(sys.argv[1]))
