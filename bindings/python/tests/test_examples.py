"""The programs in `examples/python`, the page `docs/python.md` and the package's own README, each run as a user runs it."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
EXAMPLES = ROOT / "examples" / "python"


def run(program: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(EXAMPLES / program), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, env={**os.environ, "PYTHONUTF8": "1"})


def said(program: str, *arguments: str | Path) -> str:
    done = run(program, *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_hello_counts_its_visits(path: Path) -> None:
    for visit in (1, 2, 3):
        assert said("hello.py", path) == f"visit number {visit}\n"
    assert run("hello.py").returncode != 0


def test_phonebook(path: Path, tmp_path: Path) -> None:
    people = tmp_path / "people.csv"
    people.write_text('Ada Lovelace,1815\n"Hopper, Grace",1906\nAdele Goldberg,1945\nÅsa,1815\n', encoding="utf-8")
    assert said("phonebook.py", path, "load", people) == ""
    said("phonebook.py", path, "add", "Edsger Dijkstra", "1930")
    assert re.findall(r"^(.*?)  +(\d+)$", said("phonebook.py", path, "find", "Ad"), re.MULTILINE) == [
        ("Ada Lovelace", "1815"),
        ("Adele Goldberg", "1945"),
    ]
    assert said("phonebook.py", path, "who", "1815").splitlines() == ["Ada Lovelace", "Åsa"]
    said("phonebook.py", path, "add", "Ada Lovelace", "1852")
    assert said("phonebook.py", path, "who", "1815") == "Åsa\n"
    assert said("phonebook.py", path, "who", "181") == ""
    said("phonebook.py", path, "remove", "Ada Lovelace")
    assert "Ada" not in said("phonebook.py", path, "find", "") and said("phonebook.py", path, "who", "1852") == ""
    assert run("phonebook.py", path, "remove", "Ada Lovelace").returncode == 1
    assert run("phonebook.py", path, "add", "Nobody", "").stderr.startswith("phonebook: ")
    assert run("phonebook.py", path).returncode == 2


def test_every_example_has_a_test() -> None:
    """Here, or in a file of its own."""
    here = Path(__file__).read_text(encoding="utf-8")
    for program in EXAMPLES.glob("*.py"):
        assert f'"{program.name}"' in here or Path(__file__).with_name(f"test_{program.name}").exists()


@pytest.mark.parametrize("page", ["docs/python.md", "bindings/python/README.md"])
def test_programs_on_pages_run_as_they_stand(page: str, tmp_path: Path) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    programs = re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    assert programs
    for n, program in enumerate(programs):
        file = tmp_path / f"{n}.py"
        file.write_text(program, encoding="utf-8")
        done = subprocess.run([sys.executable, file], cwd=tmp_path, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, f"{program}\n{done.stderr}"
