"""The commands about alert rules."""

from __future__ import annotations

import argparse
import logging

import msgspec

from foldline.errors import RuleRejected
from foldline.layout import Layout, store_path
from foldline_views import rules
from foldline_views.alerting import told
from foldline_views.answers import plain
from foldline_views.backtest import backtest
from foldline_views.conditions import (
    Condition,
    Nonfinite,
    Plateau,
    Spike,
    Stalled,
    Threshold,
)
from foldline_views.rules import Rule
from foldline_views.store import open_store

from .exits import Exit
from .terminal import ProgressBar, say, say_json, table, when

__all__ = ["add_rule", "arm_rule", "list_rules", "remove_rule", "test_rule"]

TRIED = "tried"  # the name of a rule that is only tried
UNITS_S = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def list_rules(arguments: argparse.Namespace) -> Exit:
    """List the rules of the store."""
    found = rules.read(_layout(arguments))
    if arguments.json:
        say_json(_shown(found))
        return Exit.DONE
    rows = [
        (
            rule.id,
            rules.words(rule),
            rule.query or "all series",
            logging.getLevelName(rule.level).lower(),
            rules.host_of(found.address(rule)) or "-",
        )
        for rule in found.rules
    ]
    if rows:
        say(table(("RULE", "RAISED BY", "SERIES", "LEVEL", "SENT TO"), rows))
    else:
        say("there are no rules; example: foldline alerts add nan --nonfinite")
    return Exit.DONE


def add_rule(arguments: argparse.Namespace) -> Exit:
    """Keep a rule, or change the one of that name; it looks at what is tracked from now on."""
    kept = rules.add(_layout(arguments), _rule(arguments, arguments.rule))
    return _say_rule(arguments, kept, "is kept")


def arm_rule(arguments: argparse.Namespace) -> Exit:
    """Let a rule raise again what it has raised."""
    return _say_rule(arguments, rules.arm(_layout(arguments), arguments.rule), "is armed again")


def remove_rule(arguments: argparse.Namespace) -> Exit:
    """Remove a rule; the alerts that it raised stay with their runs."""
    rules.remove(_layout(arguments), arguments.rule)
    if arguments.json:
        say_json({"removed": arguments.rule})
    else:
        say(f"rule {arguments.rule} is removed; what it raised stays with its runs")
    return Exit.DONE


def test_rule(arguments: argparse.Namespace) -> Exit:
    """Say where a rule would have been met in the runs that are there."""
    layout = _layout(arguments)
    layout.check()
    if arguments.rule:
        rule = rules.named(rules.read(layout), arguments.rule)
    else:
        rule = _rule(arguments, TRIED)
    bar = ProgressBar("testing")
    with open_store(layout.root) as store:
        try:
            found = backtest(layout, store.catalog(), rule, bar)
        finally:
            bar.end()
    alerts = [(one, told(one)) for one in found.found]
    if arguments.json:
        shown = [{"run": one.run, **msgspec.to_builtins(event)} for one, event in alerts]
        say_json(plain({"runs": found.runs, "series": found.series, "alerts": shown}))
        return Exit.DONE
    rows = [
        (
            one.run,
            when(one.time) if one.time else "-",
            "-" if one.step is None else f"{one.step:,.10g}",
            event.title,
            msgspec.json.encode(event.context).decode() if event.context else "-",
        )
        for one, event in alerts
    ]
    if rows:
        say(table(("RUN", "WHEN", "STEP", "ALERT", "CONTEXT"), rows))
    for warning in found.warnings:
        say(f"warning: {warning}")
    runs = len({one.run for one in found.found})
    say(
        f"{len(rows)} alerts in {runs} of {found.runs} runs; "
        f"{found.series} series were looked at, and nobody was told"
    )
    return Exit.DONE


def _layout(arguments: argparse.Namespace) -> Layout:
    layout = Layout(store_path(arguments.store))
    layout.check()
    return layout


def _rule(arguments: argparse.Namespace, id: str) -> Rule:
    level = logging.getLevelNamesMapping()[arguments.level.upper()]
    webhook = getattr(arguments, "webhook", "")
    return Rule(id, _condition(arguments), arguments.query, level, webhook)


def _condition(arguments: argparse.Namespace) -> Condition:
    """Return what the options ask for. Raises RuleRejected unless it is one thing."""
    asked: list[dict[str, object]] = []
    if arguments.above is not None or arguments.below is not None:
        asked.append({"type": "threshold", "above": arguments.above, "below": arguments.below})
    if arguments.nonfinite:
        asked.append({"type": "nonfinite"})
    if arguments.stalled is not None:
        asked.append({"type": "stalled", "for_s": _seconds(arguments.stalled)})
    if arguments.plateau is not None:
        asked.append(
            {
                "type": "plateau",
                "steps": arguments.plateau,
                "delta": arguments.delta,
                "goal": arguments.goal,
            }
        )
    if arguments.spike is not None:
        asked.append({"type": "spike", "z": arguments.spike, "window": arguments.window})
    if len(asked) != 1:
        raise RuleRejected(
            "a rule looks for one thing" if asked else "it is not said what the rule looks for",
            hint="one of --above/--below, --nonfinite, --stalled, --plateau, --spike",
        )
    try:
        return msgspec.convert(
            asked[0], Threshold | Nonfinite | Plateau | Spike | Stalled, strict=False
        )
    except msgspec.ValidationError as error:
        raise RuleRejected(
            f"the rule can't be used: {error}", hint="`foldline alerts add --help` has examples"
        ) from error


def _seconds(text: str) -> float:
    """Read a length of time such as 90s, 10m, 2h. Raises RuleRejected."""
    unit = UNITS_S.get(text[-1:])
    try:
        return float(text[:-1]) * unit if unit else float(text)
    except ValueError:
        raise RuleRejected(
            f"{text!r} is no length of time", hint="such as 90s, 10m or 2h"
        ) from None


def _say_rule(arguments: argparse.Namespace, rule: Rule, what: str) -> Exit:
    if arguments.json:
        say_json(_hidden(rule))
    else:
        say(f"rule {rule.id} {what}: {rules.words(rule)}, in {rule.query or 'all series'}")
        say("it looks while `foldline up` runs; `foldline alerts test` asks the runs there are")
    return Exit.DONE


def _shown(found: rules.Rules) -> rules.Rules:
    """Return rules without the secret parts of their addresses."""
    shown = [_hidden(rule) for rule in found.rules]
    return rules.Rules(shown, rules.host_of(found.webhook))


def _hidden(rule: Rule) -> Rule:
    return msgspec.structs.replace(rule, webhook=rules.host_of(rule.webhook))
