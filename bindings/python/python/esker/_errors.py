"""The exceptions. Each is raised for one kind of failure; `file` and `offset` say where, if it is about a file."""

from __future__ import annotations

from pathlib import Path

__all__ = [
    "BusyError",
    "CancelledError",
    "ClosedError",
    "ConflictError",
    "CorruptionError",
    "Error",
    "ForkedError",
    "FormatError",
    "InternalError",
    "InvalidArgumentError",
    "IoError",
    "LockedError",
    "NoSpaceError",
    "NotFoundError",
    "PoisonedError",
    "ReadOnlyError",
    "UnsupportedError",
]


class Error(Exception):
    """Whatever the engine reports."""

    file: Path | None = None
    offset: int | None = None

    def __reduce__(self) -> tuple[object, ...]:
        return (type(self), self.args, {"file": self.file, "offset": self.offset})


class NotFoundError(Error):
    """Something that was named does not exist: a database that may not be created, a column family, a savepoint."""


class InvalidArgumentError(Error, ValueError):
    """An argument or option cannot be accepted; nothing was changed."""


class IoError(Error, OSError):
    """The operating system failed an operation on a file."""


class CorruptionError(Error):
    """Bytes on disk are not what was written there."""


class ClosedError(Error):
    """The database or snapshot was closed."""


class LockedError(Error):
    """Another handle or process has the database open; the message says which."""


class ConflictError(Error):
    """A transaction read something that has changed since."""


class ReadOnlyError(Error):
    """The database was opened read-only."""


class NoSpaceError(IoError):
    """The disk or the quota is full; the call can be repeated when there is room."""


class PoisonedError(Error):
    """An earlier failure made this handle read-only until the database is opened again."""


class ForkedError(Error):
    """The handle belongs to the parent of this forked process; open the database again."""


class UnsupportedError(Error):
    """The operation is not available."""


class FormatError(Error):
    """A newer version of Esker wrote the files."""


class BusyError(Error, TimeoutError):
    """The call would have waited longer than it may."""


class CancelledError(Error):
    """A close ended the call."""


class InternalError(Error):
    """A bug of the engine: please report it."""
