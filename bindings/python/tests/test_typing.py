"""The stubs: what they say is checked against the package, the tests and the built module, and their examples run."""

import ast
import doctest
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import esker
from esker import _esker, _logging, _numbers, aio, dbm

PACKAGE = Path(esker.__file__).parent
HERE = Path(__file__).parent


def documented(file: Path) -> Iterator[tuple[str, str]]:
    """Names with their documentation, of everything in a Python file that has some."""
    stack: list[tuple[str, ast.AST]] = [(file.stem, ast.parse(file.read_text()))]
    while stack:
        name, node = stack.pop()
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            if text := ast.get_docstring(node):
                yield name, text
            stack += [(f"{name}.{child.name}", child) for child in node.body if hasattr(child, "name")]


REFERENCE = dict(documented(PACKAGE / "_esker.pyi"))


@pytest.mark.parametrize("name", [name for name, text in REFERENCE.items() if ">>>" in text])
def test_examples_of_the_reference(name: str, tmp_path: Path) -> None:
    with esker.open(tmp_path / "db") as db:
        scope = {"esker": esker, "db": db, "path": tmp_path / "other"}
        test = doctest.DocTestParser().get_doctest(REFERENCE[name], scope, name, None, 0)
        said: list[str] = []
        runner = doctest.DocTestRunner(verbose=False, optionflags=doctest.ELLIPSIS)
        runner.run(test, out=said.append)
        assert runner.summarize(verbose=False).failed == 0, "".join(said)


@pytest.mark.parametrize("module", [dbm, aio, _logging, _numbers], ids=["dbm", "aio", "logging", "numbers"])
def test_examples_of_modules(module: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # They make directories where a reader would, with `tempfile.mkdtemp`; here those go when the test does.
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    result = doctest.testmod(module)  # type: ignore[arg-type]
    assert result.failed == 0 and result.attempted > 0


def test_everything_public_is_documented() -> None:
    """With an example of its own, or with the name of what it does the same as."""
    for name in esker.__all__:
        value = getattr(esker, name)
        if name.startswith("_"):
            continue
        if getattr(_esker, name, None) is not value:
            assert name == "logger" or value.__doc__, name
            continue
        assert ">>>" in REFERENCE[f"_esker.{name}"], name
        for member in vars(value) if isinstance(value, type) else ():
            if not member.startswith("_"):
                text = REFERENCE[f"_esker.{name}.{member}"]
                assert ">>>" in text or text.startswith("As in `Tree."), (name, member)


def keywords(name: str) -> list[str]:
    """The keyword arguments that the stub lists of a function or method."""
    tree = ast.parse((PACKAGE / "_esker.pyi").read_text())
    (function,) = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name == name]
    return [argument.arg for argument in function.args.kwonlyargs]


def test_every_option_is_listed() -> None:
    assert keywords("open") == [*esker.option_names(), "ttl"]
    assert keywords("column_family") == ["create", *esker.option_names("column_family"), "ttl"]


def run(*arguments: str | Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", *map(str, arguments)],
        cwd=HERE.parent,
        env={**os.environ, "MYPYPATH": str(PACKAGE.parent)},
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_mypy_strict(tmp_path: Path) -> None:
    run("mypy", "--strict", "--cache-dir", tmp_path, PACKAGE, HERE, HERE.parents[2] / "examples" / "python")


def test_stubs_match_the_built_module(tmp_path: Path) -> None:
    config = tmp_path / "mypy.ini"
    config.write_text(f"[mypy]\ncache_dir = {tmp_path}\n")
    run("mypy.stubtest", "esker", "--mypy-config-file", config)
