"""Single entries: reading and writing as in a dict, and the real mapping that `as_dict` gives."""

from collections.abc import MutableMapping
from pathlib import Path
from typing import Literal

import pytest

import esker


def test_set_get_delete(db: esker.Db) -> None:
    db[b"k"] = b"v"
    assert db[b"k"] == b"v"
    assert b"k" in db
    del db[b"k"]
    assert b"k" not in db
    with pytest.raises(KeyError) as caught:
        db[b"k"]
    assert caught.value.args == (b"k",)


def test_a_dict_minds_deleting_what_is_not_there_and_delete_does_not(db: esker.Db) -> None:
    with pytest.raises(KeyError):
        del db[b"missing"]
    db.delete(b"missing")


def test_get_has_a_default(db: esker.Db) -> None:
    assert db.get(b"missing") is None
    assert db.get(b"missing", b"") == b""
    marker = object()
    assert db.get(b"missing", marker) is marker
    db.put(b"k", b"")
    assert db.get(b"k", marker) == b"", "an empty value is a value"


def test_empty_keys_and_any_bytes(db: esker.Db) -> None:
    entries = {b"": b"empty", b"\0": b"nul", b"\xff\xff": b"high", bytes(range(256)): bytes(range(256))}
    for key, value in entries.items():
        db[key] = value
    assert dict(db.items()) == entries
    assert list(db) == sorted(entries)


@pytest.mark.parametrize("convert", [bytes, bytearray, memoryview], ids=lambda convert: convert.__name__)
def test_any_bytes_like_in_and_bytes_out(db: esker.Db, convert: type) -> None:
    db[convert(b"key")] = convert(b"value")
    found = db[convert(b"key")]
    assert type(found) is bytes and found == b"value"
    assert convert(b"key") in db
    assert db.multi_get([convert(b"key")]) == [b"value"]
    assert list(db.items(start=convert(b"k"), stop=convert(b"l"))) == [(b"key", b"value")]


def test_a_view_with_gaps_is_read_as_python_reads_it(db: esker.Db) -> None:
    db[memoryview(b"a-b-c")[::2]] = memoryview(b"fedcba")[::-1]
    assert db[b"abc"] == b"abcdef"


@pytest.mark.parametrize("wrong", ["text", 1, None, [b"k"], 1.5])
def test_anything_else_is_a_type_error(db: esker.Db, wrong: object) -> None:
    with pytest.raises(TypeError, match="bytes-like"):
        db.get(wrong)  # type: ignore[call-overload]
    with pytest.raises(TypeError, match="bytes-like"):
        db.put(wrong, b"v")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="bytes-like"):
        db.put(b"k", wrong)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="bytes-like"):
        _ = wrong in db  # type: ignore[operator]
    assert list(db) == []


def test_delete_range_is_half_open(db: esker.Db) -> None:
    db.put_many((key, b"v") for key in (b"a", b"b", b"c", b"d"))
    db.delete_range(b"b", b"d")
    assert list(db) == [b"a", b"d"]


def test_put_many_takes_any_iterable_and_counts(db: esker.Db) -> None:
    assert db.put_many([]) == 0
    assert db.put_many({b"a": b"1", b"b": b"2"}.items()) == 2
    wide = ((b"%06d" % n, bytes(1000)) for n in range(5000))  # several mebibytes: several commits
    assert db.put_many(wide, durability="buffered") == 5000
    assert sum(1 for _ in db) == 5002


def test_put_many_passes_on_what_the_iterable_raises(db: esker.Db) -> None:
    def pairs() -> object:
        yield b"k", b"v"
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        db.put_many(pairs())  # type: ignore[arg-type]
    with pytest.raises((TypeError, ValueError)):
        db.put_many([b"not a pair"])  # type: ignore[list-item]


def test_multi_get_keeps_the_order(db: esker.Db) -> None:
    db.put_many([(b"a", b"1"), (b"b", b"2")])
    assert db.multi_get([b"b", b"missing", b"a", b"b"]) == [b"2", None, b"1", b"2"]
    assert db.multi_get(iter([])) == []


def test_views_show_the_value_in_place(db: esker.Db) -> None:
    db[b"k"] = b"value"
    view = db.get_view(b"k")
    assert view is not None
    assert (view.tobytes(), view.readonly, view[1:3].tobytes(), len(view)) == (b"value", True, b"al", 5)
    assert db.get_view(b"missing") is None
    db[b"k"] = b"other"
    assert view.tobytes() == b"value", "a view shows what was there"


@pytest.mark.parametrize("durability", ["sync", "buffered", "none"])
def test_durability_is_chosen_per_write(db: esker.Db, durability: Literal["sync", "buffered", "none"]) -> None:
    db.put(b"a", b"1", durability=durability)
    db.put(b"b", b"2", durability=durability)
    db.delete(b"b", durability=durability)
    db.delete_range(b"x", b"y", durability=durability)
    with db.batch(durability=durability) as batch:
        batch.put(b"c", b"3")
    assert dict(db.items()) == {b"a": b"1", b"c": b"3"}


def test_everything_is_there_after_reopening(path: Path) -> None:
    with esker.open(path) as db:
        db.put_many((b"%d" % n, b"v%d" % n) for n in range(100))
        db.flush()
        db.sync()
        db[b"last"] = b"in the log"
    with esker.open(str(path)) as db:
        assert len(db.as_dict()) == 101
        assert db[b"last"] == b"in the log"


def test_the_dict_view_is_a_mutable_mapping(db: esker.Db) -> None:
    view = db.as_dict()
    assert isinstance(view, MutableMapping)
    model: dict[bytes, bytes] = {}
    for mapping in (view, model):
        mapping[b"a"] = b"1"
        mapping.update({b"b": b"2", b"c": b"3"})
        assert mapping.setdefault(b"a", b"other") == b"1"
        assert mapping.setdefault(b"d", b"4") == b"4"
        assert mapping.pop(b"b") == b"2"
        assert mapping.pop(b"b", None) is None
        with pytest.raises(KeyError):
            mapping.pop(b"b")
        with pytest.raises(KeyError):
            del mapping[b"missing"]
    assert view == model and dict(view) == model and len(view) == 3
    assert list(reversed(view)) == [b"d", b"c", b"a"]
    assert b"a" in view and b"z" not in view
    stranger: object
    for stranger in ("text", 1, None):
        assert not view.__contains__(stranger)
    assert list(view.keys()) == [b"a", b"c", b"d"]
    assert list(view.values()) == [b"1", b"3", b"4"]
    key, value = view.popitem()
    assert model.pop(key) == value
    view.clear()
    assert len(view) == 0 and not view and list(db) == []
    view.clear()


def test_equality_of_the_view_looks_at_every_entry(db: esker.Db) -> None:
    db[b"a"] = b"1"
    assert db.as_dict() == {b"a": b"1"}
    assert db.as_dict() != {b"a": b"2"}


def test_handles_say_where_they_are(db: esker.Db, path: Path) -> None:
    assert db.path == path and not db.closed and db.poisoned is None
    assert str(path) in repr(db) and "dict view" in repr(db.as_dict())
    assert db.options["durability"] == "buffered"
    assert set(db.options) == set(esker.option_names())
