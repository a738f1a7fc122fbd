"""Esker: an embedded, ordered key-value store. Start with :func:`esker.open`; the reference is in the stubs."""

from esker._errors import BusyError, CancelledError, ClosedError, ConflictError, CorruptionError, Error, ForkedError
from esker._errors import FormatError, InternalError, InvalidArgumentError, IoError, LockedError, NoSpaceError
from esker._errors import NotFoundError, PoisonedError, ReadOnlyError, UnsupportedError
from esker._esker import Batch, Db, EntryIterator, Snapshot, Value, __version__, destroy, open, option_names, verify

# fmt: off
__all__ = [
    "Batch", "BusyError", "CancelledError", "ClosedError", "ConflictError", "CorruptionError", "Db", "EntryIterator",
    "Error", "ForkedError", "FormatError", "InternalError", "InvalidArgumentError", "IoError", "LockedError",
    "NoSpaceError", "NotFoundError", "PoisonedError", "ReadOnlyError", "Snapshot", "UnsupportedError", "Value",
    "__version__", "destroy", "open", "option_names", "verify",
]
