"""Statistics, as a dict and as text."""

import json
import re

import pytest

import esker


def test_a_dict_of_numbers_and_text(db: esker.Db) -> None:
    db.put_many((b"%03d" % n, b"v" * 100) for n in range(500))
    db.flush()
    db.get(b"001")
    list(db)
    stats = db.stats()
    assert stats["path"] == str(db.path)
    assert stats["writes_total"] >= 1 and stats["gets_total"] == 1 and stats["gets_found_total"] == 1
    assert stats["latest_seqno"] >= 500 and stats["iterators_total"] == 1
    assert stats["read_only_reason"] == "" and stats["background_failing"] == ""
    levels = stats["levels"]
    assert sum(level["entries"] for level in levels) == 500
    assert sum(level["tables"] for level in levels) == 1
    assert [family["family"] for family in stats["families"]] == ["default"]
    for name, value in stats.items():
        assert isinstance(value, list if name in ("levels", "families") else (int, str)), name


def test_as_text_in_three_formats(db: esker.Db) -> None:
    db[b"k"] = b"v"
    document = json.loads(db.stats(format="json"))
    assert document.keys() == db.stats().keys()
    prometheus = db.stats(format="prometheus")
    assert re.search(r"^# TYPE esker_writes_total counter\nesker_writes_total 1$", prometheus, re.MULTILINE)
    assert "writes_total" in db.stats(format="text")
    with pytest.raises(esker.InvalidArgumentError, match="prometheus"):
        db.stats(format="xml")  # type: ignore[call-overload]
