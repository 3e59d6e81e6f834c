"""What travels over HTTP about alert rules."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from foldline_views import rules
from foldline_views.conditions import Condition
from foldline_views.rules import RULE_CHARS_MAX, WEBHOOK_CHARS_MAX, Rule, Rules

from .wire import Query, Request

__all__ = ["RuleAsked", "RuleShown", "RulesShown"]

LEVEL_MAX = 1000  # as of an alert that a script raises; `logging` counts to 50


class RuleAsked(Request, frozen=True):
    """A rule to be kept, instead of the one that has its name.

    Without a `webhook` that one's address stays; "" takes it away.
    """

    id: Annotated[str, Meta(min_length=1, max_length=RULE_CHARS_MAX)]
    when: Condition
    query: Query = ""
    level: Annotated[int, Meta(ge=0, le=LEVEL_MAX)] = 30
    webhook: Annotated[str, Meta(max_length=WEBHOOK_CHARS_MAX)] | None = None


class RuleShown(msgspec.Struct, frozen=True):
    """A rule as it is kept; of the address only the host, as the rest is a secret."""

    id: str
    when: Condition
    query: str
    level: int
    webhook: str
    since: float
    words: str

    @classmethod
    def of(cls, rule: Rule) -> RuleShown:
        """Return what is shown of a rule."""
        hidden = rules.host_of(rule.webhook)
        return cls(
            rule.id, rule.when, rule.query, rule.level, hidden, rule.since, rules.words(rule)
        )


class RulesShown(msgspec.Struct, frozen=True):
    """All rules of the store, and where alerts of those go that name no address."""

    rules: list[RuleShown]
    webhook: str

    @classmethod
    def of(cls, found: Rules) -> RulesShown:
        """Return what is shown of the rules of a store."""
        return cls([RuleShown.of(rule) for rule in found.rules], rules.host_of(found.webhook))
