"""Alert rules, as people keep them in a store.

They stand in `alerts.json`, beside the log and not in it: what a rule raised is in the log, with
the rule's name and words, and stays true when the rule is changed or removed. The file may be
edited by hand; it is read again when it changes.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from foldline.errors import QueryError, RuleRejected, RuleUnknown
from foldline.layout import Layout

from . import register
from .conditions import Condition, Nonfinite, Plateau, Spike, Stalled, Threshold
from .query import parse

__all__ = [
    "Rule",
    "Rules",
    "add",
    "arm",
    "check",
    "check_address",
    "host_of",
    "named",
    "read",
    "remove",
    "words",
]

RULES_MAX = 100  # each is asked of the catalog twice a second while something is logged
FILE_BYTES_MAX = 1 << 20  # of alerts.json: a hundred rules with the longest queries
RULE_CHARS_MAX = 64  # of a rule's name: what a column of a table has room for
WEBHOOK_CHARS_MAX = 2048  # of an address: as browsers and proxies have it
ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What to look for, in which runs and series, and whom to tell."""

    id: Annotated[str, Meta(min_length=1, max_length=RULE_CHARS_MAX)]
    when: Condition
    query: str = ""  # which series, in the query language; "" is all
    level: int = 30  # as in `logging`
    webhook: str = ""  # where it is told; else the store's, if there is one
    since: float = 0.0  # unix seconds: what was tracked before raises no alert
    armed: int = 0  # grows each time that it is armed: an alert is raised once for each


class Rules(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All rules of a store, by name."""

    rules: list[Rule] = []
    webhook: str = ""  # where alerts of rules are told that name no other place

    def address(self, rule: Rule) -> str:
        """Return where an alert of a rule is told, or ""."""
        return rule.webhook or self.webhook


def read(layout: Layout) -> Rules:
    """Return the rules of a store. Raises RuleRejected if the file says something else."""
    hint = "mend the file, or move it away: alerts that were raised are in the log"
    try:
        found = register.read(layout.alerts, Rules, FILE_BYTES_MAX)
        for rule in found.rules:
            check(rule)
        check_address(found.webhook)
    except (ValueError, RuleRejected) as error:
        what = error.message if isinstance(error, RuleRejected) else str(error)
        raise RuleRejected(f"the rules in {layout.alerts} are wrong: {what}", hint=hint) from error
    return found


def check(rule: Rule) -> None:
    """Raise RuleRejected if a rule can't be used as it is."""
    if ID.fullmatch(rule.id) is None:
        raise RuleRejected(
            f"{rule.id!r} can't be the name of a rule",
            hint="letters, digits, and - _ . after the first",
        )
    try:
        parse(rule.query, "metric")
    except QueryError as error:
        start, end = error.at
        raise RuleRejected(
            f"rule {rule.id}: {error.message}, at {rule.query[start:end]!r}",
            hint=error.hint or "try the query with `foldline alerts test`",
        ) from error
    check_address(rule.webhook)
    try:
        same = msgspec.json.decode(msgspec.json.encode(rule), type=Rule) == rule
    except (msgspec.MsgspecError, UnicodeEncodeError):
        same = False
    if not same:  # JSON has no infinity, and no half of a character
        raise RuleRejected(
            f"rule {rule.id} can't be kept as it is", hint="bounds are finite numbers"
        )


def check_address(address: str) -> None:
    """Raise RuleRejected if an address is none that alerts can be sent to."""
    if not address:
        return
    try:
        parts = urlsplit(address)
        good = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    printable = all("!" <= letter <= "~" for letter in address)
    if not good or not printable or len(address) > WEBHOOK_CHARS_MAX:
        raise RuleRejected(
            "the webhook is no http:// or https:// address",
            hint="--webhook https://hooks.example.org/alerts",
        )


def host_of(address: str) -> str:
    """Return an address without its path, which is a secret with most services."""
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.hostname}/…" if address else ""


def add(layout: Layout, rule: Rule) -> Rule:
    """Keep a rule, instead of the one that has its name, and arm it; return it as it is kept.

    Raises RuleRejected, StoreUnwritable.
    """
    check(rule)
    with _changing(layout) as rules:
        old = [other for other in rules if other.id == rule.id]
        # A rule that is made again under its old name raises again: its number is a new one.
        armed = max(old[0].armed + 1 if old else 0, int(time.time()))
        kept = msgspec.structs.replace(rule, since=time.time(), armed=armed)
        rules[:] = sorted([*(r for r in rules if r.id != rule.id), kept], key=lambda r: r.id)
        if len(rules) > RULES_MAX:
            raise RuleRejected(
                f"there are {RULES_MAX} rules already",
                hint="`foldline alerts rm RULE`, or a rule with a wider query",
            )
    return kept


def arm(layout: Layout, id: str) -> Rule:
    """Let a rule raise again what it has raised, for what is tracked from now on.

    Raises RuleUnknown, RuleRejected, StoreUnwritable.
    """
    return add(layout, named(read(layout), id))


def remove(layout: Layout, id: str) -> None:
    """Remove a rule; what it raised stays. Raises RuleUnknown, RuleRejected, StoreUnwritable."""
    with _changing(layout) as rules:
        rules.remove(named(Rules(rules), id))


def named(rules: Rules, id: str) -> Rule:
    """Return the rule of a name. Raises RuleUnknown."""
    for rule in rules.rules:
        if rule.id == id:
            return rule
    raise RuleUnknown(f"there is no rule {id!r}", hint="`foldline alerts ls` lists the rules")


def words(rule: Rule) -> str:
    """Return what a rule looks for, as a sentence has it."""
    match rule.when:
        case Threshold(above=above, below=below):
            parts = [f"{word} {bound:g}" for word, bound in (("above", above), ("below", below))
                     if bound is not None]  # fmt: skip
            return " or ".join(parts)
        case Nonfinite():
            return "not finite"
        case Plateau(steps=steps, delta=delta, goal=goal):
            by = f" by {delta:g}" if delta else ""
            return f"no better{by} for {steps:g} steps ({goal})"
        case Spike(z=z, window=window):
            return f"{z:g} standard deviations off the {window} before"
        case Stalled(for_s=seconds):
            return f"no progress for {seconds:g} s"


@contextmanager
def _changing(layout: Layout) -> Iterator[list[Rule]]:
    """Give the rules to be changed, and keep them; one process changes them at a time."""
    with register.alone(layout, "rules"):
        found = read(layout)
        rules = list(found.rules)
        yield rules
        register.replace(layout.alerts, msgspec.structs.replace(found, rules=rules))
