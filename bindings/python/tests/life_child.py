"""The process that `lives.py` kills: opens a database and carries out the calls that come in on standard input."""

import json
import pickle
import sys
from collections.abc import Callable

import esker


def actions(db: esker.Db) -> dict[str, Callable[..., object]]:
    return {
        "put": db.put,
        "delete": db.delete,
        "delete_range": db.delete_range,
        "get": db.get,
        "scan": lambda: list(db.items()),
        "flush": db.flush,
        "compact": db.compact,
        "seqno": lambda: db.snapshot().seqno,
    }


def main() -> None:
    known = actions(esker.open(sys.argv[1], **json.loads(sys.argv[2])))
    while True:
        name, arguments = pickle.load(sys.stdin.buffer)
        pickle.dump(known[name](*arguments), sys.stdout.buffer)
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
