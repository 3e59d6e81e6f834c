"""The grammar of commands that change, compare and export runs."""

from __future__ import annotations

import argparse
import re

from .command import Commands, add, add_goal, add_group, add_run

__all__ = ["add_backup", "add_gc", "add_quota", "add_scrub", "add_verbs", "days"]

UNITS = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
UNITS |= {"KIB": 1 << 10, "MIB": 1 << 20, "GIB": 1 << 30, "TIB": 1 << 40}
SIZE = re.compile(r"(\d+(?:\.\d+)?) ?([KMGT]?I?B)?", re.ASCII | re.IGNORECASE)
GC_DAYS_DEFAULT = 30.0  # a deleted run can be had back for a month


def add_verbs(verbs: Commands) -> None:
    """Add the commands below `foldline runs` that do more than list and show."""
    tagging = add(
        verbs, "tag", "put tags on runs, or take them off", "foldline runs tag ID --add best"
    )
    _add_choice(tagging)
    tagging.add_argument("--add", nargs="+", default=[], metavar="TAG", help="put these on")
    tagging.add_argument("--remove", nargs="+", default=[], metavar="TAG", help="take these off")
    tagging.set_defaults(module="edits", function="tag")
    renaming = add(verbs, "rename", "give a run a name", "foldline runs rename ID 'warm start'")
    add_run(renaming)
    renaming.add_argument("name", metavar="NAME", help="the new name; '' takes it away")
    renaming.set_defaults(module="edits", function="rename", query="")
    noting = add(
        verbs, "note", "write the notes of a run", "foldline runs note ID 'diverged at 4k'"
    )
    add_run(noting)
    noting.add_argument("text", metavar="TEXT", help="the new notes; - reads them from the input")
    noting.set_defaults(module="edits", function="note", query="")
    archiving = add(verbs, "archive", "put runs out of sight", "foldline runs archive ID")
    _add_choice(archiving)
    archiving.add_argument("--undo", action="store_true", help="bring them back into sight")
    archiving.set_defaults(module="edits", function="archive")
    removing = add(
        verbs, "rm", "delete runs; for 30 days they can be had back", "foldline runs rm ID"
    )
    _add_choice(removing)
    removing.set_defaults(module="edits", function="delete")
    restoring = add(verbs, "restore", "have deleted runs back", "foldline runs restore ID")
    _add_choice(restoring)
    restoring.set_defaults(module="edits", function="restore")
    comparing = add(verbs, "compare", "show in what runs differ", "foldline runs compare ID ID")
    comparing.add_argument("runs", metavar="ID", nargs="+", help="as `runs ls` lists them")
    comparing.add_argument("--all", action="store_true", help="also what is the same in all")
    comparing.set_defaults(query="")
    _add_export(verbs)


def _add_choice(command: argparse.ArgumentParser) -> None:
    which = command.add_mutually_exclusive_group(required=True)
    which.add_argument("runs", metavar="ID", nargs="*", default=[], help="as `runs ls` lists them")
    which.add_argument("--query", default="", help="all runs that match")


def _add_export(verbs: Commands) -> None:
    exporting = add(
        verbs,
        "export",
        "write runs, or groups of them, as a file",
        "foldline runs export --columns run.name run.hparams.lr --output runs.csv",
    )
    exporting.add_argument(
        "--format",
        choices=("csv", "json", "jsonl", "parquet", "latex"),
        default="csv",
        help="what kind of file (%(default)s)",
    )
    exporting.add_argument(
        "--columns", nargs="+", default=[], metavar="WORD", help="as a query writes them; else all"
    )
    exporting.add_argument("--query", default="", help="only runs that match")
    exporting.add_argument(
        "--sort",
        nargs="+",
        default=["run.created_at"],
        metavar="WORD",
        help="sort by (%(default)s)",
    )
    exporting.add_argument("--ascending", action="store_true", help="smallest or oldest first")
    exporting.add_argument(
        "--group-by", nargs="+", default=[], metavar="WORD", help="a row for each group"
    )
    exporting.add_argument("--best", metavar="WORD", help="the best run of each group, by this")
    add_goal(exporting, "best")
    exporting.add_argument(
        "--spreadsheet", action="store_true", help="let no text of a CSV file be a formula"
    )
    exporting.add_argument("--output", metavar="FILE", help="else it is printed")


def add_gc(commands: Commands) -> None:
    """Add the command that frees what was deleted."""
    freeing = add(commands, "gc", "free what was deleted, for good", "foldline gc --dry-run")
    freeing.add_argument(
        "--older-than",
        type=days,
        default=GC_DAYS_DEFAULT,
        metavar="TIME",
        help="only runs that were deleted so long ago, as 30d or 12h (30d)",
    )
    freeing.add_argument("--dry-run", action="store_true", help="only say what would be freed")


def add_scrub(commands: Commands) -> None:
    """Add the command that takes a secret out of a store."""
    scrubbing = add(
        commands,
        "scrub",
        "mask a secret in all that a store holds, for good",
        "foldline scrub --secret-file key.txt --dry-run",
    )
    scrubbing.add_argument(
        "--secret-file",
        metavar="FILE",
        help="a file with the secret, - for the input; without it you are asked",
    )
    scrubbing.add_argument(
        "--run", nargs="+", default=[], metavar="ID", help="only in these runs, and their blobs"
    )
    scrubbing.add_argument("--dry-run", action="store_true", help="only say where it is found")


def add_backup(commands: Commands) -> None:
    """Add the command that copies a store while it is used."""
    copying = add(
        commands,
        "backup",
        "copy a store while it is used, or what is new of it",
        "foldline backup /backups/lab",
    )
    copying.add_argument("backup", metavar="FOLDER", help="where the copy is, or will be")
    copying.add_argument(
        "--check", action="store_true", help="copy nothing: read the copy whole, and compare"
    )
    copying.add_argument(
        "--prune", action="store_true", help="free in the copy what the store has no more"
    )
    copying.add_argument(
        "--tokens", action="store_true", help="copy the tokens too, hashed as they are"
    )


def add_quota(commands: Commands) -> None:
    """Add the commands about how much room experiments have."""
    verbs = add_group(
        commands, "quota", "how much room experiments have at a server", "foldline quota ls"
    )
    setting = add(
        verbs,
        "set",
        "bound what an experiment may take of the disk",
        "foldline quota set mnist 50GB",
    )
    setting.add_argument("experiment", metavar="EXPERIMENT", nargs="?", help="whose quota it is")
    setting.add_argument(
        "size", metavar="SIZE", nargs="?", type=_size, help="as 500MB, 50GB or 2TiB"
    )
    setting.add_argument(
        "--default", metavar="SIZE", type=_size, help="of each experiment that has none of its own"
    )
    setting.set_defaults(module="quotas", function="put")
    listing = add(verbs, "ls", "list what experiments take, and may", "foldline quota ls")
    listing.set_defaults(module="quotas", function="list_quotas")
    removing = add(verbs, "rm", "take a quota away", "foldline quota rm mnist")
    removing.add_argument("experiment", metavar="EXPERIMENT", nargs="?", help="whose quota it is")
    removing.add_argument(
        "--default", action="store_true", help="that of experiments that have none of their own"
    )
    removing.set_defaults(module="quotas", function="remove")


def _size(text: str) -> int:
    """Read a number of bytes; argparse tells of the error."""
    found = SIZE.fullmatch(text)
    if found is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no size such as 500MB or 50GB")
    return int(float(found[1]) * UNITS[(found[2] or "B").upper()])


def days(text: str) -> float:
    """Read a length of time in days; argparse tells of the error."""
    units = {"d": 1.0, "h": 1 / 24}
    try:
        days = float(text[:-1]) * units[text[-1:]]
    except (KeyError, ValueError):
        days = -1.0
    if not 0 <= days < 1e6:
        raise argparse.ArgumentTypeError(f"{text!r} is no time such as 30d or 12h")
    return days
