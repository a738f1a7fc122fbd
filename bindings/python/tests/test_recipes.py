"""The recipes of `docs/recipes.md`: each runs as it stands, in a directory of its own, and is short."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[3] / "docs" / "recipes.md"
LONGEST = 25
RECIPES: dict[str, str] = dict(
    re.findall(r"^## ([^\n]*)\n+```python\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
)


@pytest.mark.parametrize("title", RECIPES)
def test_recipe(title: str, tmp_path: Path) -> None:
    file = tmp_path / "recipe.py"
    file.write_text(RECIPES[title], encoding="utf-8")
    command = [sys.executable, "-W", "error", str(file)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert len(RECIPES[title].splitlines()) <= LONGEST
    assert list(tmp_path.glob("*/CURRENT")), "a recipe that opens no database"


def test_every_recipe_is_run_and_says_why_it_is_right() -> None:
    sections = re.split(r"^## ", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    assert len(sections) == len(RECIPES) >= 8
    for section in sections:
        assert section.count("```python") == 1 and "\nRight because " in section, section.splitlines()[0]
