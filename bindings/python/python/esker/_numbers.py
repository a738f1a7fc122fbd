"""Numbers as the merge operators ``add_u64`` and ``add_i64`` keep them: 8 bytes, little-endian.

>>> from esker import from_i64, from_u64, i64, u64
>>> u64(7), from_u64(u64(7))
(b'\\x07\\x00\\x00\\x00\\x00\\x00\\x00\\x00', 7)
>>> from_i64(i64(-1)), from_u64(None)
(-1, 0)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing_extensions import Buffer

__all__ = ["from_i64", "from_u64", "i64", "u64"]


def u64(number: int) -> bytes:
    """`number` as a value or operand of ``add_u64``; `OverflowError` if it is negative or too large."""
    return number.to_bytes(8, "little")


def i64(number: int) -> bytes:
    """`number` as a value or operand of ``add_i64``; `OverflowError` if it is too large."""
    return number.to_bytes(8, "little", signed=True)


def from_u64(value: Buffer | None) -> int:
    """The number that a value of ``add_u64`` is; a key without a value counts from 0."""
    return _number(value, signed=False)


def from_i64(value: Buffer | None) -> int:
    """The number that a value of ``add_i64`` is; a key without a value counts from 0."""
    return _number(value, signed=True)


def _number(value: Buffer | None, signed: bool) -> int:
    if value is None:
        return 0
    data = bytes(value)
    if len(data) != 8:
        raise ValueError(f"a number has 8 bytes, not {len(data)}")
    return int.from_bytes(data, "little", signed=signed)
