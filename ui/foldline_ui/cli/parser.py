"""The grammar of the command line."""

from __future__ import annotations

import argparse
import re
from importlib.metadata import version

from foldline.shipper.pace import PATIENCE_S

from .access import add_access, add_entrance
from .command import LEVELS, Commands, add, add_goal, add_group, add_run
from .verbs import add_backup, add_gc, add_quota, add_scrub, add_verbs

__all__ = ["parser"]

PORT_DEFAULT = 43800
FORMS = ("text", "json")  # of what a server logs
TRACKERS = ("aim", "tensorboard", "wandb", "mlflow")  # whose files `import` reads
RUNS_LIMIT_DEFAULT = 20  # what fits a terminal without scrolling
FOUND_LIMIT_DEFAULT = 10  # with their hits they fill a terminal
FOUND_MAX = 200  # runs of a search, as over HTTP
HITS_DEFAULT = 3
PREFIX = re.compile(r"(/[A-Za-z0-9._~-]+)+")  # it stands in HTML and in routes as it is
RUNS_MAX = 1000  # rows of a list, as over HTTP: more are for a script, which asks by query


def parser() -> argparse.ArgumentParser:
    """Return the parser; its result names the `module` and the `function` that do the work.

    They are named and not imported: `foldline --help` needs neither a server nor numpy.
    """
    top = argparse.ArgumentParser(
        prog="foldline",
        description="A self-hosted experiment tracker: events fold into lines.",
        epilog="example: foldline up --open",
        allow_abbrev=False,
    )
    top.add_argument("--version", action="version", version=f"foldline {version('foldline')}")
    commands = top.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_up(commands)
    add(
        commands, "demo", "train two dozen small models and watch them", "foldline demo", plain=True
    )
    _add_runs(commands)
    _add_query(commands)
    _add_search(commands)
    _add_logs(commands)
    add(commands, "verify", "read the whole log and list what is damaged", "foldline verify --json")
    again = add(commands, "rebuild", "make all views again from the log", "foldline rebuild")
    again.add_argument("--view", metavar="NAME", help="only these, such as catalog or points")
    _add_alerts(commands)
    _add_import(commands)
    _add_upkeep(commands)
    add_backup(commands)
    add_gc(commands)
    add_scrub(commands)
    add_quota(commands)
    add_access(commands)
    # The process that `up` starts and supervises; typed by nobody, hence without a help line.
    folding = commands.add_parser("fold", allow_abbrev=False)
    folding.add_argument("--store", required=True)
    folding.add_argument("--log-format", choices=FORMS, default="text")
    folding.set_defaults(module="fold", function="run", json=False)
    return top


def _add_up(commands: Commands) -> None:
    up_ = add(commands, "up", "serve a store and fold its log", "foldline up --open")
    up_.add_argument(
        "--host", default="127.0.0.1", help="where to listen; others need tokens (%(default)s)"
    )
    up_.add_argument(
        "--port", type=int, default=PORT_DEFAULT, help="0 picks any that is free (%(default)s)"
    )
    up_.add_argument(
        "--prefix",
        type=_prefix,
        default="",
        metavar="/PATH",
        help="the path under which a reverse proxy hands requests on",
    )
    add_entrance(up_)
    up_.add_argument("--open", action="store_true", help="open the browser")
    up_.add_argument(
        "--log-format", choices=FORMS, default="text", help="of what is logged (%(default)s)"
    )
    up_.add_argument("--log-requests", action="store_true", help="log a line for each request")


def _add_runs(commands: Commands) -> None:
    verbs = add_group(
        commands, "runs", "list, show, compare, export and change runs", "foldline runs ls"
    )
    listing = add(
        verbs, "ls", "list runs", "foldline runs ls --query 'run.hparams.lr > 0.01' --limit 5"
    )
    listing.add_argument("--query", default="", help="only runs that match")
    listing.add_argument(
        "--sort", default="run.created_at", metavar="FIELD", help="sort by (%(default)s)"
    )
    listing.add_argument("--ascending", action="store_true", help="smallest or oldest first")
    listing.add_argument(
        "--limit",
        type=_runs,
        default=RUNS_LIMIT_DEFAULT,
        metavar="N",
        help=f"at most N runs, up to {RUNS_MAX} (%(default)s)",
    )
    listing.set_defaults(module="runs", function="list_runs")
    showing = add(verbs, "show", "show one run whole", "foldline runs show ID --json")
    add_run(showing)
    showing.set_defaults(module="runs", function="show_run")
    add_verbs(verbs)


def _add_logs(commands: Commands) -> None:
    telling = add(
        commands, "logs", "show what a run printed", "foldline logs ID --follow --tail 20"
    )
    add_run(telling)
    telling.add_argument(
        "-f", "--follow", action="store_true", help="show what comes, until the run is over"
    )
    telling.add_argument("--tail", type=_count, metavar="N", help="only the last N lines")
    telling.add_argument("--stderr", action="store_true", help="only what went to stderr")
    telling.add_argument("--rank", type=int, metavar="N", help="only what process N printed")
    telling.add_argument(
        "--level", choices=LEVELS, help="messages of this level and above, in place of lines"
    )


def _add_query(commands: Commands) -> None:
    asking = add(
        commands,
        "query",
        "print the ids of the runs that match, or how the query is answered",
        "foldline query 'run.hparams.lr > 0.01' --explain",
    )
    asking.add_argument("query", metavar="QUERY", help="see docs/query.md; '' is all")
    asking.add_argument("--series", action="store_true", help="ask series, not runs")
    asking.add_argument("--explain", action="store_true", help="show what each part of it costs")


def _add_search(commands: Commands) -> None:
    searching = add(
        commands,
        "search",
        "find words in all that runs say, down to each line that they printed",
        "foldline search '\"out of memory\" experiment:mnist'",
    )
    searching.add_argument("text", metavar="TEXT", help="what to look for: see docs/search.md")
    searching.add_argument("--query", default="", help="only in runs that match")
    searching.add_argument(
        "--limit",
        type=_found,
        default=FOUND_LIMIT_DEFAULT,
        metavar="N",
        help=f"at most N runs, up to {FOUND_MAX} (%(default)s)",
    )
    searching.add_argument(
        "--hits", type=_found, default=HITS_DEFAULT, metavar="N", help="of each run (%(default)s)"
    )


def _add_alerts(commands: Commands) -> None:
    verbs = add_group(
        commands,
        "alerts",
        "rules that raise alerts: list, add, arm, remove, test",
        "foldline alerts add nan --nonfinite",
    )
    listing = add(verbs, "ls", "list the rules", "foldline alerts ls")
    listing.set_defaults(module="alerts", function="list_rules")
    adding = add(
        verbs,
        "add",
        "keep a rule, or change the one of that name",
        "foldline alerts add big --query 'metric.name == \"loss\"' --above 10",
    )
    adding.add_argument("rule", metavar="RULE", help="its name: letters, digits, - _ .")
    _add_condition(adding)
    adding.add_argument("--webhook", default="", metavar="URL", help="send its alerts there")
    adding.set_defaults(module="alerts", function="add_rule")
    arming = add(
        verbs, "arm", "let a rule raise again what it has raised", "foldline alerts arm big"
    )
    arming.add_argument("rule", metavar="RULE", help="as `alerts ls` lists it")
    arming.set_defaults(module="alerts", function="arm_rule")
    removing = add(verbs, "rm", "remove a rule; its alerts stay", "foldline alerts rm big")
    removing.add_argument("rule", metavar="RULE", help="as `alerts ls` lists it")
    removing.set_defaults(module="alerts", function="remove_rule")
    testing = add(
        verbs,
        "test",
        "ask the runs that are there what a rule would have raised",
        "foldline alerts test --spike 6 --query 'metric.name == \"loss\"'",
    )
    testing.add_argument(
        "rule", metavar="RULE", nargs="?", default="", help="as `alerts ls` lists it, or options"
    )
    _add_condition(testing)
    testing.set_defaults(module="alerts", function="test_rule")


def _add_condition(command: argparse.ArgumentParser) -> None:
    """Add what says which series a rule looks at, and what for: one thing."""
    command.add_argument("--query", default="", help="only series, or runs, that match")
    command.add_argument("--above", type=float, metavar="N", help="a value above N")
    command.add_argument("--below", type=float, metavar="N", help="a value below N")
    command.add_argument("--nonfinite", action="store_true", help="a value that is NaN or infinite")
    command.add_argument(
        "--stalled", metavar="TIME", help="a running run without a point for 90s, 10m, 2h"
    )
    command.add_argument(
        "--plateau", type=float, metavar="STEPS", help="no better value for so many steps"
    )
    command.add_argument(
        "--delta", type=float, default=0.0, metavar="N", help="better by more than N (%(default)s)"
    )
    add_goal(command, "better")
    command.add_argument(
        "--spike",
        type=float,
        metavar="Z",
        help="a value Z standard deviations off the mean of those before",
    )
    command.add_argument(
        "--window", type=int, default=100, metavar="N", help="of how many (%(default)s)"
    )
    command.add_argument(
        "--level", choices=LEVELS, default="warning", help="of the alerts (%(default)s)"
    )


def _add_import(commands: Commands) -> None:
    bringing = add(
        commands,
        "import",
        "bring in what Aim, TensorBoard, W&B or MLflow logged",
        "foldline import .aim lightning_logs wandb mlruns",
    )
    bringing.add_argument(
        "paths", metavar="PATH", nargs="+", help="folders that have it, or files; all below is read"
    )
    bringing.add_argument(
        "--from",
        dest="tracker",
        choices=TRACKERS,
        help="only what this one left; else whatever is there",
    )
    bringing.add_argument(
        "--experiment", default="", metavar="NAME", help="put all of them into this one"
    )
    bringing.add_argument("--dry-run", action="store_true", help="only list the runs")
    bringing.set_defaults(module="bring")


def _add_upkeep(commands: Commands) -> None:
    packing = add(
        commands, "pack", "make few small files of what is finished", "foldline pack --dry-run"
    )
    packing.add_argument("--dry-run", action="store_true", help="only say what would be packed")
    packing.add_argument(
        "--now", action="store_true", help="also what ended within the last ten minutes"
    )
    shipping = add(
        commands,
        "sync",
        "ship what waits on this machine to its servers",
        "foldline sync https://lab.example --store /data/.foldline",
    )
    shipping.add_argument(
        "server", metavar="URL", nargs="?", default="", help="only to this server"
    )
    shipping.add_argument(
        "--free", action="store_true", help="keep nothing here that is durable there"
    )
    shipping.add_argument(
        "--patience",
        type=float,
        default=PATIENCE_S,
        metavar="SECONDS",
        help="how long a server may be away (%(default)g)",
    )
    examining = add(
        commands,
        "doctor",
        "check log, packs, blobs and views against one another",
        "foldline doctor --json",
    )
    examining.add_argument(
        "--blobs", action="store_true", help="also read every blob, and check its SHA-256"
    )


def _count(text: str) -> int:
    """Read a number of lines; argparse tells of the error."""
    number = int(text)
    if number < 0:
        raise argparse.ArgumentTypeError(f"{number} is below 0")
    return number


def _runs(text: str) -> int:
    """Read a number of runs; argparse tells of the error."""
    return _number(text, RUNS_MAX)


def _found(text: str) -> int:
    """Read a number of runs or hits of a search; argparse tells of the error."""
    return _number(text, FOUND_MAX)


def _prefix(text: str) -> str:
    """Read the path that a proxy serves us under; argparse tells of the error."""
    prefix = text.rstrip("/")
    if prefix and (PREFIX.fullmatch(prefix) is None or {".", ".."} & {*prefix.split("/")}):
        raise argparse.ArgumentTypeError(f"{text!r} is no path such as /lab/foldline")
    return prefix


def _number(text: str, most: int) -> int:
    number = int(text)
    if not 1 <= number <= most:
        raise argparse.ArgumentTypeError(f"{number} is not within 1 to {most}")
    return number
