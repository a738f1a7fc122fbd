"""`Tree.as_dict()`: a real `MutableMapping` over a database or column family, for code that wants one."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from esker import Tree


class DictView(MutableMapping[bytes, bytes]):
    """A database or column family as a mutable mapping. ``len()`` walks all keys: it takes time in proportion to their number."""

    __slots__ = ("_tree",)

    def __init__(self, tree: Tree) -> None:
        self._tree = tree

    def __getitem__(self, key: bytes) -> bytes:
        return self._tree[key]

    def __setitem__(self, key: bytes, value: bytes) -> None:
        self._tree[key] = value

    def __delitem__(self, key: bytes) -> None:
        del self._tree[key]

    def __contains__(self, key: object) -> bool:
        return isinstance(key, (bytes, bytearray, memoryview)) and key in self._tree

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._tree)

    def __reversed__(self) -> Iterator[bytes]:
        return self._tree.keys(reverse=True)

    def __len__(self) -> int:
        return sum(1 for _ in self._tree)

    def clear(self) -> None:
        """Removes every key, in one write."""
        last = next(self._tree.keys(reverse=True), None)
        if last is not None:
            self._tree.delete_range(b"", last + b"\0")

    def __repr__(self) -> str:
        return f"<dict view of {self._tree!r}>"
