"""The process that `test_crash_recovery.py` and `test_syscall_kills.py` kill: writes records without end, or so many, and says
what it does on standard output, one line per event in one `write`, so that nothing acknowledged is lost in a buffer.

    writer_child.py DIRECTORY WRITERS [COUNT]
"""

import itertools
import os
import sys
import threading
from typing import Any

import esker
import records

SYNC_EVERY = 16
OPTIONS: dict[str, Any] = {
    "memtable_size": "32KiB",
    "wal_segment_size": "64KiB",
    "block_size": "1KiB",
    "target_file_size": "32KiB",
}


def say(text: str) -> None:
    os.write(1, text.encode() + b"\n")


def work(db: esker.Db, writer: int, count: int | None = None) -> None:
    last = records.last_number(db, writer)
    for number in itertools.count(last + 1) if count is None else range(last + 1, last + 1 + count):
        records.write(db, writer, number, "sync" if number % SYNC_EVERY == 0 else "buffered")
        say(f"ack {writer} {number}")
        if writer == 0 and number % 120 == 0:
            say("compacting")
            db.compact()
            say("done")
        elif writer == 0 and number % 40 == 0:
            say("flushing")
            db.flush()
            say("done")


def main() -> None:
    path, writers = sys.argv[1], int(sys.argv[2])
    count = int(sys.argv[3]) if len(sys.argv) > 3 else None
    say("opening")
    db = esker.open(path, **OPTIONS)
    say("open")
    for writer in range(1, writers):
        threading.Thread(target=work, args=(db, writer), daemon=True).start()
    work(db, 0, count)
    db.close()


if __name__ == "__main__":
    main()
