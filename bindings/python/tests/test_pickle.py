"""Pickling: handles refuse and say what to do instead."""

import copy
import pickle

import pytest

import esker


def test_a_database_says_what_to_do_instead(db: esker.Db) -> None:
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        with pytest.raises(TypeError, match="path") as caught:
            pickle.dumps(db, protocol)
        assert str(db.path) in str(caught.value)
    with pytest.raises(TypeError):
        copy.copy(db)
    with pytest.raises(TypeError):
        copy.deepcopy(db)


def test_no_handle_can_be_pickled(db: esker.Db) -> None:
    db[b"k"] = b"v"
    for handle in (db.snapshot(), db.batch(), db.items(), db.get_view(b"k")):
        with pytest.raises(TypeError, match="pickle"):
            pickle.dumps(handle)


def test_what_is_read_can_be_pickled(db: esker.Db) -> None:
    db[b"k"] = b"v"
    assert pickle.loads(pickle.dumps(list(db.items()))) == [(b"k", b"v")]
    pickle.dumps(db.stats())
    pickle.dumps(db.options)


def test_handles_cannot_be_made_by_hand() -> None:
    for kind in (
        esker.Db,
        esker.ColumnFamily,
        esker.Tree,
        esker.Snapshot,
        esker.Batch,
        esker.EntryIterator,
        esker.Value,
    ):
        with pytest.raises(TypeError):
            kind()
