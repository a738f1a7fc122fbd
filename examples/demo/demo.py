"""The main job on real input: load while being killed, check from every language, ask, and tell what survived.

Run by ``make demo``; see scripts/demo.sh for how the programs are built.
"""

import argparse
import random
import shutil
import sys
import time
from pathlib import Path

import asking
import checking
import esker
from killing import Failure, Loader, Run, judge, plan
from model import Model, rows_of
from source import write_characters

# Small memory and levels, so that 40 MB show what a large database looks like inside.
OPTIONS = {"memory_budget": "8MiB", "level_base_size": "4MiB", "target_file_size": "1MiB"}


def arguments() -> argparse.Namespace:
    """What was asked."""
    parser = argparse.ArgumentParser(description="Load a file into Esker while the loader is being killed; check; ask.")
    parser.add_argument("--programs", type=Path, required=True, help="folder of the built C and C++ programs")
    parser.add_argument("--tool", type=Path, required=True, help="the esker program")
    parser.add_argument("--work", type=Path, required=True, help="folder for the database, made anew")
    parser.add_argument("--file", type=Path, help="a TSV file of your own: key, name, more")
    parser.add_argument("--small", action="store_true", help="a part of the characters, fewer kills")
    parser.add_argument("--kills", type=int, help="how often to kill the loader")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="where exactly to kill")
    return parser.parse_args()


def load_while_killing(loader: Loader, rows: int, kills: int, seed: int) -> tuple[list[Run], Model]:
    """Loads to the end, through ``kills`` kills at work, some of them followed by one right after the next start."""
    runs: list[Run] = []
    chance = random.Random(seed)
    model = Model(loader.file)
    acknowledged = 0
    targets = plan(rows, kills, seed)
    for number, target in enumerate([*targets, None]):
        if target is not None and number % 3 == 1:
            # Dies while it is starting or opening.
            runs.append(compared(loader, loader.live(acknowledged, None, chance.uniform(0.001, 0.008)), model, rows))
            acknowledged = runs[-1].acknowledged
        runs.append(compared(loader, loader.live(acknowledged, target, None), model, rows))
        acknowledged = runs[-1].acknowledged
        if not runs[-1].killed:
            break
    if acknowledged != rows:
        raise Failure(f"the loader ended after {acknowledged} of {rows} rows")
    return runs, model


def compared(loader: Loader, run: Run, model: Model, rows: int) -> Run:
    """Opens what a life of the loader left, and compares all of it with the source."""
    with esker.open(str(loader.directory), **OPTIONS) as db:
        judge(run, model, db.items(), rows)
    tell(run)
    return run


def tell(run: Run) -> None:
    """One line about one life."""
    how = "killed while opening" if run.opening and run.killed else "killed at work" if run.killed else "ran to the end"
    print(
        f"  {how:<20}  from row {run.first_row:>7}   acknowledged {run.acknowledged:>7}   "
        f"found after reopening {run.survived:>7}   {run.entries:>7} entries compared: all right",
        flush=True,
    )


def show_levels(directory: Path) -> None:
    """The shape of the tree."""
    with esker.open(str(directory), read_only=True) as db:
        stats = db.stats()
    print("\nShape of the levels")
    for level in stats["levels"]:
        if any(value for name, value in level.items() if name != "level"):
            print("  " + "   ".join(f"{name} {value}" for name, value in level.items()))


def run(asked: argparse.Namespace) -> None:
    """The whole story."""
    start = time.monotonic()
    shutil.rmtree(asked.work, ignore_errors=True)
    asked.work.mkdir(parents=True)
    file, directory = asked.file, asked.work / "database"
    if file is None:
        file = asked.work / "characters.tsv"
        what = write_characters(file, asked.small)
    else:
        what = str(file)
    rows = sum(1 for _ in rows_of(file))
    if rows == 0:
        raise Failure(f"{file} is empty")
    if asked.file is not None:
        what = f"{what}, {rows} rows"
    kills = asked.kills if asked.kills is not None else (3 if asked.small else 7)
    print(f"Source: {what}\n")
    print(f"Loading from C in batches, each acknowledged over a pipe; SIGKILL on the way (seed {asked.seed})")
    loader = Loader(asked.programs / "loader", directory, file, max(1, min(500, rows // 40)), OPTIONS)
    runs, model = load_while_killing(loader, rows, kills, asked.seed)
    loading = time.monotonic() - start

    print("\nEvery record compared with the source")
    for check in checking.everywhere(asked.programs, asked.tool, directory, model):
        print(f"  {check.face:<7} {check.what}: all right ({check.seconds:.1f} s)", flush=True)

    print("\nQuestions", end="")
    with esker.open(str(directory), read_only=True) as db:
        if asked.file is None:
            asking.about_characters(db)
        else:
            asking.about_rows(db)
    show_levels(directory)

    killed = [life for life in runs if life.killed]
    opening = sum(life.opening for life in killed)
    print("\nWhat survived")
    print(f"  {len(killed)} kills, {opening} of them while opening; {rows} rows as {len(model.entries)} entries")
    print("  lost after being acknowledged: 0   batches there in part: 0   wrong answers: 0")
    print(
        f"  {loading:.1f} s for loading and recovering, {time.monotonic() - start:.1f} s in all; it is in {directory}"
    )


def main() -> int:
    """Runs the demo; exit code 1 if it found something wrong."""
    try:
        run(arguments())
    except (Failure, esker.Error, OSError) as failure:
        print(f"\nDEMO FAILED: {failure}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
