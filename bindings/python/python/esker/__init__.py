"""Esker: an embedded, ordered key-value store. Start with :func:`esker.open`; the reference is in the stubs."""

from esker._entries import BatchEntry
from esker._errors import BusyError, CancelledError, ClosedError, ConflictError, CorruptionError, Error, ForkedError
from esker._errors import FormatError, InternalError, InvalidArgumentError, IoError, LockedError, NoSpaceError
from esker._errors import NotFoundError, PoisonedError, ReadOnlyError, UnsupportedError
from esker._esker import Batch, ColumnFamily, Db, EntryIterator, Packed, PackedIterator, Snapshot, Transaction, Tree
from esker._esker import Value, __version__, destroy, inspect, open, option_names, verify
from esker._logging import logger
from esker._numbers import from_i64, from_u64, i64, u64

# fmt: off
__all__ = [
    "Batch", "BatchEntry", "BusyError", "CancelledError", "ClosedError", "ColumnFamily", "ConflictError", "CorruptionError",
    "Db", "EntryIterator", "Error", "ForkedError", "FormatError", "InternalError", "InvalidArgumentError", "IoError",
    "LockedError", "NoSpaceError", "NotFoundError", "Packed", "PackedIterator", "PoisonedError", "ReadOnlyError", "Snapshot",
    "Transaction", "Tree", "UnsupportedError", "Value", "__version__", "destroy", "from_i64", "from_u64", "i64", "inspect",
    "logger", "open", "option_names", "u64", "verify",
]
