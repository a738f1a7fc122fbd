"""Esker: an embedded, ordered key-value store. Start with :func:`esker.open`; the reference is in the stubs."""

from esker._errors import *  # noqa: F403
from esker._errors import __all__ as _errors
from esker._esker import Batch, Db, EntryIterator, Snapshot, Value, __version__, destroy, open, option_names, verify

__all__ = [
    "Batch",
    "Db",
    "EntryIterator",
    "Snapshot",
    "Value",
    "__version__",
    "destroy",
    "open",
    "option_names",
    "verify",
]
__all__ += _errors
