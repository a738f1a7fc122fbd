"""What llvm-cov measured of core/src as a Markdown table by folder; and, for the folders or files named, every place not reached.

Test code does not count: `#[cfg(test)]` modules, the files of such modules, and `fuzzing`. A generic function is reached
where any of its copies is. Called by scripts/coverage.sh.
"""

import json
import re
import sys
from collections import defaultdict
from pathlib import Path

SOURCES = Path("core/src").resolve()


def test_files() -> set[Path]:
    """The files of modules that are declared under `#[cfg(test)]` or for the fuzz targets."""
    declared = re.compile(
        r"#\[cfg\((?:test|feature = \"fuzzing\")\)\]\n(?:#\[.*\]\n)*\s*(?:pub(?:\(\w+\))? )?mod (\w+);"
    )
    found = set()
    for parent in SOURCES.rglob("*.rs"):
        own = parent.parent if parent.stem in ("mod", "lib") else parent.with_suffix("")
        for name in declared.findall(parent.read_text()):
            found.update([own / f"{name}.rs", *(own / name).rglob("*.rs")])
    return found


def tests_begin(path: Path) -> int:
    """The first line of the tests at the end of a file; behind its last line if it has none."""
    lines = path.read_text().splitlines()
    for number, line in enumerate(lines, 1):
        if line == "#[cfg(test)]" and any(
            re.match(r"(pub(\(\w+\))? )?mod \w+ \{", after) for after in lines[number:][:3]
        ):
            return number
    return len(lines) + 1


def regions(functions: list) -> dict[Path, dict[tuple, int]]:
    """How often each region of each file of the engine ran: the most of any copy of its function."""
    skipped, begins = test_files(), {}
    found: dict[Path, dict[tuple, int]] = defaultdict(dict)
    for function in functions:
        files = [Path(name) for name in function["filenames"]]
        for *place, count, file, _, kind in function["regions"]:
            path = files[file]
            if kind != 0 or not path.is_relative_to(SOURCES) or path in skipped:
                continue
            if path not in begins:
                begins[path] = tests_begin(path)
            if place[0] < begins[path]:
                known = found[path]
                known[tuple(place)] = max(known.get(tuple(place), 0), count)
    return found


def lines(of: dict[tuple, int]) -> dict[int, int]:
    """Lines with code, and how often they ran: what the smallest region that begins on a line, or else holds it, says."""
    counts: dict[int, int] = {}
    for (first, _, last, _), count in sorted(
        of.items(), key=lambda item: (item[0][0], item[0][1], -item[0][2], -item[0][3])
    ):
        for line in range(first, last + 1):
            # A line with several regions was reached if any that begins on it was.
            counts[line] = max(counts.get(line, 0), count) if line == first else count
    return counts


def part(hit: int, of: int) -> str:
    return f"{100 * hit / of:.1f} %" if of else "–"


def main() -> None:
    report, *wanted = sys.argv[1:]
    found = regions(json.loads(Path(report).read_text())["data"][0]["functions"])
    rows: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    for path, of in found.items():
        name = path.relative_to(SOURCES).parts[0]
        counted = lines(of)
        for row in (rows[name.removesuffix(".rs")], rows["all"]):
            row[0] += sum(1 for count in counted.values() if count)
            row[1] += len(counted)
            row[2] += sum(1 for count in of.values() if count)
            row[3] += len(of)
    print("| folder | lines | reached | regions | reached |\n|---|---|---|---|---|")
    for name in sorted(rows, key=lambda name: (name == "all", name)):
        line_hits, line_count, hits, count = rows[name]
        print(f"| {name} | {line_count} | {part(line_hits, line_count)} | {count} | {part(hits, count)} |")
    for path in sorted(found):
        name = str(path.relative_to(SOURCES))
        if not any(name == asked or name.startswith(f"{asked}/") for asked in wanted):
            continue
        text = path.read_text().splitlines()
        for place, count in sorted(found[path].items()):
            if not count:
                print(f"core/src/{name}:{place[0]}:{place[1]}: {text[place[0] - 1].strip()}")


if __name__ == "__main__":
    main()
