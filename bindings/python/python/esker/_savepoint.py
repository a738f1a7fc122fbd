"""`with batch.savepoint():`, and the same for a transaction: what the block wrote is taken out again if it raises."""

from __future__ import annotations

from types import TracebackType
from typing import Generic, Protocol, TypeVar

__all__ = ["Savepoint"]


class _Owner(Protocol):
    def set_savepoint(self) -> None: ...
    def rollback_to_savepoint(self) -> None: ...
    def pop_savepoint(self) -> None: ...


_O = TypeVar("_O", bound=_Owner)


class Savepoint(Generic[_O]):
    """A block of writes within a batch or transaction that is kept or taken out as a whole. Blocks nest."""

    __slots__ = ("_owner",)

    def __init__(self, owner: _O) -> None:
        self._owner = owner

    def __enter__(self) -> _O:
        self._owner.set_savepoint()
        return self._owner

    def __exit__(self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None) -> None:
        if kind is None:
            self._owner.pop_savepoint()
        else:
            self._owner.rollback_to_savepoint()
