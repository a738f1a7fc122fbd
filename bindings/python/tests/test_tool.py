"""`python -m esker` is the program `esker` of the PATH: same arguments, input, output and exit code."""

import os
import subprocess
import sys
from pathlib import Path


def run(folder: Path, *arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
    """With nothing on the PATH but what is in `folder`."""
    command = [sys.executable, "-m", "esker", *arguments]
    environment = {**os.environ, "PATH": str(folder)}
    return subprocess.run(command, input=given, capture_output=True, text=True, timeout=60, env=environment)


def test_it_becomes_the_tool(tmp_path: Path) -> None:
    tool = tmp_path / "esker"
    tool.write_text('#!/bin/sh\nread line\necho "$line"\nfor a in "$@"; do echo "<$a>"; done\nexit 7\n')
    tool.chmod(0o755)
    done = run(tmp_path, "get", "a b", "--hex", "", given="from its input\n")
    assert (done.returncode, done.stdout, done.stderr) == (7, "from its input\n<get>\n<a b>\n<--hex>\n<>\n", "")


def test_without_the_tool_it_says_what_is_missing(tmp_path: Path) -> None:
    done = run(tmp_path, "get")
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.startswith("esker: ") and "make install" in done.stderr
