"""`logger`: where the engine's records go. A call on a database hands over what has come up since the last one.

>>> import esker, logging, sys, tempfile
>>> esker.logger.setLevel(logging.INFO)
>>> esker.logger.addHandler(handler := logging.StreamHandler(sys.stdout))
>>> with esker.open(tempfile.mkdtemp() + "/db") as db:  # doctest: +ELLIPSIS
...     users = db.column_family("users", create=True)
open: Esker ... opened ...
family: family "users" was created
close: closed
>>> esker.logger.removeHandler(handler)
"""

from __future__ import annotations

import logging
from pathlib import Path

__all__ = ["logger"]

logger = logging.getLogger("esker")
# As libraries do: without it, warnings of a program that sets up no logging would go to its standard error.
logger.addHandler(logging.NullHandler())

_LEVELS = {"info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


def hand_over(database: Path, records: list[tuple[int, str, str, str]]) -> None:
    """Logs records of the engine, each as time in milliseconds, level, what it is about, and text. What it is about and the
    database are attributes of the log record, too: `what` and `database`."""
    for time_ms, level_name, what, text in records:
        level = _LEVELS[level_name]
        if logger.isEnabledFor(level):
            extra = {"database": database, "what": what}
            record = logger.makeRecord("esker", level, "esker", 0, "%s: %s", (what, text), None, extra=extra)
            # When it happened, which may be a while ago.
            record.created, record.msecs = time_ms / 1000, time_ms % 1000
            logger.handle(record)
