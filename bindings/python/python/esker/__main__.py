"""``python -m esker COMMAND …`` runs the tool `esker`. That is a program of its own; the package does not bring it along."""

import os
import shutil
import sys
from typing import NoReturn


def main() -> NoReturn:
    """Becomes the tool, so that its output, signals and exit code are the tool's own."""
    tool = shutil.which("esker")
    if tool is None:
        print(
            "esker: this runs the program `esker`, and none is on the PATH; `make install` installs it", file=sys.stderr
        )
        sys.exit(3)
    os.execv(tool, [tool, *sys.argv[1:]])


if __name__ == "__main__":
    main()
