"""One life of a process that has a database open, told what to do over a pipe, and ended by SIGKILL."""

from __future__ import annotations

import json
import pickle
import signal
import subprocess
import sys
from pathlib import Path
from typing import cast

CHILD = Path(__file__).with_name("life_child.py")


class Life:
    """Calls return when the child has answered, so everything before `kill` is acknowledged."""

    def __init__(self, path: Path, **options: str) -> None:
        self.path = path
        self.options = options
        command = [sys.executable, str(CHILD), str(path), json.dumps(options)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def call(self, name: str, *arguments: bytes) -> object:
        assert self.process.stdin is not None and self.process.stdout is not None
        pickle.dump((name, arguments), self.process.stdin)
        self.process.stdin.flush()
        return pickle.load(self.process.stdout)

    def put(self, key: bytes, value: bytes) -> None:
        self.call("put", key, value)

    def delete(self, key: bytes) -> None:
        self.call("delete", key)

    def delete_range(self, start: bytes, stop: bytes) -> None:
        self.call("delete_range", start, stop)

    def flush(self) -> None:
        self.call("flush")

    def compact(self) -> None:
        self.call("compact")

    def get(self, key: bytes) -> bytes | None:
        return cast("bytes | None", self.call("get", key))

    def scan(self) -> list[tuple[bytes, bytes]]:
        return cast("list[tuple[bytes, bytes]]", self.call("scan"))

    def seqno(self) -> int:
        return cast(int, self.call("seqno"))

    def end(self) -> None:
        """Kills it with SIGKILL."""
        self.process.kill()
        assert self.process.wait(60) == -signal.SIGKILL
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.close()
        self.process.stdout.close()

    def kill(self) -> Life:
        """Kills it and starts the next life, on what it left behind."""
        self.end()
        return Life(self.path, **self.options)

    def __enter__(self) -> Life:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.returncode is None:
            self.end()
