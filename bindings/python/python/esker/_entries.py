"""`BatchEntry`: one write of a batch, as iterating over a batch gives it."""

from __future__ import annotations

from typing import Literal, NamedTuple

__all__ = ["BatchEntry"]


class BatchEntry(NamedTuple):
    """One write of a batch."""

    kind: Literal["put", "delete", "delete_range", "merge"]
    key: bytes
    """The key; of a range the first key that goes."""
    value: bytes | None = None
    """The value, the operand, or the end of the range; a delete has none."""
    family: int = 0
    """The `id` of the column family it goes to."""
    expires_at: float | None = None
    """When the value expires, in seconds since 1970, as `time.time()` counts them."""
