"""Self-describing records: from a writer's name and a number alone follows what the batch of that number holds, and what the
database holds after it. So a check needs no memory of what was written, only the last number.
"""

import zlib

import esker

EVERY = 5  # every so many batches an old range is deleted
KEPT = 35  # batches that a range delete leaves behind it


def key(writer: int, number: int, index: int) -> bytes:
    return b"%d/%06d/%d" % (writer, number, index)


def head(writer: int) -> bytes:
    return b"head/%d" % writer


def puts(writer: int, number: int) -> list[tuple[bytes, bytes]]:
    """The entries of batch `number`."""
    seed = zlib.crc32(b"%d/%d" % (writer, number))
    count = 1 + seed % 7
    entries = []
    for index in range(count):
        said = b"writer %d batch %d entry %d of %d " % (writer, number, index, count)
        entries.append((key(writer, number, index), said + bytes([seed >> 8 & 0xFF]) * (seed >> 16 & 0x1FF)))
    entries.append((head(writer), b"%d" % number))
    return entries


def cut(number: int) -> int | None:
    """Batch `number` deletes every batch before this one, if any."""
    return number - KEPT if number % EVERY == 0 and number > KEPT else None


def write(db: esker.Db, writer: int, number: int, durability: str) -> None:
    """Commits batch `number`."""
    with db.batch(durability="sync" if durability == "sync" else "buffered") as batch:
        for entry in puts(writer, number):
            batch.put(*entry)
        if (before := cut(number)) is not None:
            batch.delete_range(b"%d/" % writer, key(writer, before, 0))


def expected(writer: int, last: int) -> dict[bytes, bytes]:
    """Everything of `writer` in the database after its batch `last`."""
    newest_cut = cut(last - last % EVERY) or 1
    found: dict[bytes, bytes] = {}
    for number in range(newest_cut, last + 1):
        found.update(puts(writer, number))
    return found


def last_number(reader: esker.Db | esker.Snapshot, writer: int) -> int:
    return int(reader.get(head(writer), b"0"))


def check(db: esker.Db, acknowledged: list[int]) -> list[int]:
    """The promises, of a database whose writers had these numbers acknowledged: everything acknowledged is there, batches are
    whole, nothing is invented. Returns the last numbers found.
    """
    found = dict(db.items())
    assert dict(db.items(reverse=True)) == found
    lasts = []
    should: dict[bytes, bytes] = {}
    for writer, acked in enumerate(acknowledged):
        last = last_number(db, writer)
        # At most the one batch that was on its way may be there without having been acknowledged.
        assert acked <= last <= acked + 1, f"writer {writer}: {acked} acknowledged, {last} found"
        should.update(expected(writer, last))
        lasts.append(last)
    compare(found, should)
    for one in list(should)[:: max(1, len(should) // 50)]:
        assert db.get(one) == should[one]
    return lasts


def compare(found: dict[bytes, bytes], should: dict[bytes, bytes]) -> None:
    """The same as ``assert found == should``, with a report that can be read."""
    if found != should:
        missing = sorted(should.keys() - found.keys())
        invented = sorted(found.keys() - should.keys())
        wrong = sorted(k for k in should.keys() & found.keys() if should[k] != found[k])
        raise AssertionError(f"missing {missing[:5]}, invented {invented[:5]}, wrong {wrong[:5]}")
