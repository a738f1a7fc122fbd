"""`Db.transact`: run a function in a transaction, and again when it conflicts."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from esker._errors import ConflictError

if TYPE_CHECKING:
    from esker import Db, Transaction

__all__ = ["transact"]

_T = TypeVar("_T")


def transact(db: Db, work: Callable[[Transaction], _T], retries: int, **options: Any) -> _T:
    """Runs ``work(transaction)`` and commits; begins again after a conflict, up to `retries` times."""
    while True:
        try:
            with db.transaction(**options) as transaction:
                result = work(transaction)
            return result
        except ConflictError:
            if retries == 0:
                raise
            retries -= 1
