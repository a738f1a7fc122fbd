"""Looking into files and directories: what is in them, whole or damaged, while the database is open."""

from pathlib import Path

import pytest

import esker


def find(directory: Path, ending: str, number: str, wanted: int) -> Path:
    """The first file whose name ends so and of which inspection gives this number."""
    return next(path for path in sorted(directory.glob(f"*{ending}")) if esker.inspect(path).get(number) == wanted)


def test_an_open_database_is_shown_file_by_file(tmp_path: Path) -> None:
    with esker.open(tmp_path / "db") as db:
        hits = db.column_family("hits", create=True, merge_operator="add_u64")
        db.put(b"k\xff", b"value", ttl=3600)
        hits.merge(b"n", 7)
        overview = esker.inspect(db.path)
        assert [family["name"] for family in overview["families"]] == ["default", "hits"]
        assert overview["problems"] == [] and {"name", "bytes", "live"} == set(overview["files"][0])
        log = esker.inspect(find(Path(db.path), ".wal", "entries", 2), entries=10)
        entries = [entry for record in log["records"] for entry in record.get("entries", [])]
        assert [(entry["kind"], entry["family"], entry["key"]) for entry in entries] == [
            ("put_expiring", 0, r"k\xff"),
            ("merge", 1, "n"),
        ]
        assert entries[0]["value_bytes"] == 5 and entries[0]["expires_at_ms"] > 0
        db.flush()
        table = esker.inspect(str(find(Path(db.path), ".sst", "family", 0)))
        assert table["kind"] == "table" and table["blocks"][0]["first"] == r"k\xff"
        assert "entries" not in table["blocks"][0]


def test_damage_is_a_result_and_a_wrong_file_an_error(tmp_path: Path) -> None:
    path = tmp_path / "db"
    esker.open(path).close()
    (path / "000999.sst").write_bytes(b"nothing like a table")
    assert esker.inspect(path / "000999.sst")["problems"][0]["file"].endswith("000999.sst")
    (path / "CURRENT").write_bytes(b"")
    assert "does not name a MANIFEST" in esker.inspect(path)["problems"][0]["message"]
    with pytest.raises(esker.NotFoundError):
        esker.inspect(path / "000998.sst")
    with pytest.raises(esker.InvalidArgumentError):
        esker.inspect(path / "IDENTITY")
