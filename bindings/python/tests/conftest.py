"""Fixtures: a directory for a database, and a database in it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

import esker


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A place for a database; nothing is there yet."""
    return tmp_path / "db"


@pytest.fixture
def db(path: Path) -> Iterator[esker.Db]:
    """A fresh database."""
    with esker.open(path) as db:
        yield db
