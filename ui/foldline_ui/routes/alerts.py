"""The routes about alert rules."""

from __future__ import annotations

import anyio.to_thread
from aiohttp import web

from foldline.layout import Layout
from foldline_views import rules
from foldline_views.rules import Rule, Rules

from ..gate import forbidden, whole
from ..parts import LAYOUT
from ..route import RouteTable
from ..ruling import RuleAsked, RuleShown, RulesShown
from ..wire import Nothing

__all__ = ["ROUTES"]

ROUTES = RouteTable()


@ROUTES.add(
    "GET",
    "/alerts",
    scope="read",
    summary="The rules by which alerts are raised.",
    request=Nothing,
    response=RulesShown,
)
async def list_rules(request: web.Request, _: Nothing) -> RulesShown:
    """Answer all rules, without the secret parts of their addresses; they are of all runs."""
    if not whole(request):
        return RulesShown.of(Rules())
    return RulesShown.of(await anyio.to_thread.run_sync(rules.read, request.app[LAYOUT]))


@ROUTES.add(
    "POST",
    "/alerts",
    scope="admin",
    summary="Keep a rule, or change the one of that name; it looks at what comes from now on.",
    request=RuleAsked,
    response=RuleShown,
)
async def keep_rule(request: web.Request, asked: RuleAsked) -> RuleShown:
    """Answer the rule as it is kept."""
    _check(request)
    return RuleShown.of(await anyio.to_thread.run_sync(_keep, request.app[LAYOUT], asked))


@ROUTES.add(
    "DELETE",
    "/alerts/{id}",
    scope="admin",
    summary="Remove a rule; the alerts that it raised stay with their runs.",
    request=Nothing,
    response=RulesShown,
)
async def remove_rule(request: web.Request, _: Nothing) -> RulesShown:
    """Answer the rules that are left."""
    _check(request)
    rule, layout = request.match_info["id"], request.app[LAYOUT]
    await anyio.to_thread.run_sync(rules.remove, layout, rule)
    return RulesShown.of(await anyio.to_thread.run_sync(rules.read, layout))


def _check(request: web.Request) -> None:
    if not whole(request):
        raise forbidden("rules look at all runs, and your token is for some experiments")


def _keep(layout: Layout, asked: RuleAsked) -> Rule:
    webhook = asked.webhook
    if webhook is None:
        old = [rule for rule in rules.read(layout).rules if rule.id == asked.id]
        webhook = old[0].webhook if old else ""
    return rules.add(layout, Rule(asked.id, asked.when, asked.query, asked.level, webhook))
