"""Rules by command, over HTTP, in a file."""

from __future__ import annotations

import json
import re
import shlex
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import msgspec
import pytest

from foldline.errors import RuleRejected, RuleUnknown
from foldline.layout import Layout
from foldline_ui.cli.exits import Exit
from foldline_views import rules
from foldline_views.conditions import Nonfinite, Threshold
from foldline_views.outbox import Message
from foldline_views.rules import RULES_MAX, Rule
from tests.ui.processes import Server, foldline_command, log_run, up


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    layout = Layout(tmp_path / "store")
    layout.create()
    return layout


def alerts(layout: Layout, *words: str) -> Any:
    """Run `foldline alerts` and return what it says, as JSON."""
    done = foldline_command("alerts", *words, "--store", str(layout.root), "--json")
    assert done.status == 0, done.errors
    return json.loads(done.output)


def test_rules_are_kept_changed_and_removed(layout: Layout) -> None:
    """`add` keeps a rule and changes it, `ls` lists it, `rm` removes it."""
    alerts(layout, "add", "big", "--query", 'metric.name == "loss"', "--above", "10")
    alerts(layout, "add", "flat", "--plateau", "1000", "--delta", "0.01", "--goal", "maximize")
    alerts(layout, "add", "stuck", "--stalled", "10m", "--level", "error")
    alerts(layout, "add", "jump", "--spike", "6", "--window", "50")
    alerts(layout, "add", "nan", "--nonfinite")
    alerts(layout, "add", "big", "--above", "20", "--below", "-20")
    found = {rule["id"]: rule for rule in alerts(layout, "ls")["rules"]}
    assert list(found) == ["big", "flat", "jump", "nan", "stuck"]
    assert found["big"]["when"] == {"type": "threshold", "above": 20.0, "below": -20.0}
    assert found["stuck"]["when"] == {"type": "stalled", "for_s": 600.0}
    assert found["stuck"]["level"] == 40
    listed = foldline_command("alerts", "ls", "--store", str(layout.root)).output
    assert "above 20 or below -20" in listed and "no progress for 600 s" in listed
    alerts(layout, "rm", "big")
    assert len(alerts(layout, "ls")["rules"]) == 4
    assert alerts(layout, "arm", "nan")["armed"] > found["nan"]["armed"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["add", "x"], "it is not said what"),
        (["add", "x", "--above", "1", "--nonfinite"], "looks for one thing"),
        (["add", "a/b", "--nonfinite"], "can't be the name"),
        (["add", "x", "--nonfinite", "--query", "run.lr >"], "rule x"),
        (["add", "x", "--stalled", "soon"], "no length of time"),
        (["add", "x", "--plateau", "0"], "can't be used"),
        (["add", "x", "--above", "inf"], "finite numbers"),
        (["add", "x", "--below", "nan"], "finite numbers"),
        (["add", "x", "--stalled", "inf"], "finite numbers"),
        (["add", "x", "--nonfinite", "--query", "run.name == '\ud800'"], "x: the query"),
        (["add", "x", "--spike", "3", "--window", "5000"], "can't be used"),
        (["add", "x", "--nonfinite", "--webhook", "ftp://example.org"], "no http://"),
        (["add", "x", "--nonfinite", "--webhook", "http://"], "no http://"),
    ],
)
def test_a_rule_that_is_wrong_is_refused(layout: Layout, words: list[str], said: str) -> None:
    """What a rule can't mean is an error with a hint and status 2, and nothing is kept."""
    done = foldline_command("alerts", *words, "--store", str(layout.root))
    assert done.status == Exit.USAGE
    assert said in done.errors and "hint: " in done.errors
    assert not layout.alerts.exists()


def test_a_rule_that_is_not_there_is_told(layout: Layout) -> None:
    """Removing, arming or testing what nobody has made says so, with status 1."""
    for verb in ("rm", "arm", "test"):
        done = foldline_command("alerts", verb, "nobody", "--store", str(layout.root))
        assert done.status == Exit.NO and "alerts ls" in done.errors


def test_a_rule_is_tried_on_what_is_there(layout: Layout) -> None:
    """`test` says where a rule would have been met, in which runs, and tells nobody."""
    log_run(layout.root, "first", values=[0.5, 11.0, 12.0, float("nan")])
    log_run(layout.root, "second", values=[0.5, 0.4])
    found = alerts(layout, "test", "--above", "10")
    assert (found["runs"], found["series"]) == (2, 2)
    ((alert),) = found["alerts"]
    assert (alert["run"], alert["step"], alert["value"]) == ("first", 1.0, 11.0)
    alerts(layout, "add", "nan", "--nonfinite")
    ((alert),) = alerts(layout, "test", "nan")["alerts"]
    assert (alert["rule"], alert["step"], alert["value"]) == ("nan", 3.0, "NaN")
    said = foldline_command("alerts", "test", "nan", "--store", str(layout.root)).output
    assert "1 alerts in 1 of 2 runs" in said
    stalled = alerts(layout, "test", "--stalled", "1h")
    assert (stalled["runs"], stalled["alerts"]) == (2, [])
    assert len(alerts(layout, "test", "--stalled", "0.0000001s")["alerts"]) == 2
    assert not layout.outbox.exists()


def test_rules_are_bounded(layout: Layout) -> None:
    """There is room for so many rules; one more is refused and the others stay."""
    for number in range(RULES_MAX):
        rules.add(layout, Rule(f"r{number}", Nonfinite()))
    with pytest.raises(RuleRejected, match="rules already"):
        rules.add(layout, Rule("more", Nonfinite()))
    assert len(rules.read(layout).rules) == RULES_MAX
    rules.add(layout, Rule("r7", Threshold(above=1.0)))


@pytest.mark.parametrize(
    "text",
    ["", "[]", '{"rules": [{"id": "x"}]}', '{"rules": [{"id": "x", "when": {"type": "magic"}}]}',
     '{"rules": [], "webhook": "javascript:alert(1)"}', "x" * (2 << 20)],
)  # fmt: skip
def test_a_file_that_is_wrong_is_told(layout: Layout, text: str) -> None:
    """A slip in alerts.json is an error that names the file, and the file stays as it is."""
    layout.alerts.write_text(text)
    with pytest.raises(RuleRejected, match=r"alerts\.json"):
        rules.read(layout)
    with pytest.raises(RuleRejected, match=r"alerts\.json"):
        rules.add(layout, Rule("x", Nonfinite()))
    assert layout.alerts.read_text() == text


def test_no_answer_shows_the_secret_of_an_address(layout: Layout) -> None:
    """Of a webhook only the host is shown: its path lets its holder post."""
    secret = "https://hooks.example.org/services/T0/secret?key=1"
    rules.add(layout, Rule("told", Nonfinite(), webhook=secret))
    for words in (["ls"], ["arm", "told"]):
        text = json.dumps(alerts(layout, *words))
        assert "hooks.example.org" in text and "secret" not in text
    with up(layout.root) as server:
        assert "secret" not in json.dumps(server.ask("alerts"))
        server.ask("alerts", {"id": "told", "when": {"type": "threshold", "above": 1.0}})
    (rule,) = rules.read(layout).rules
    assert rule.webhook == secret, "a change that names no address keeps it"


def delete(server: Server, path: str, **headers: str) -> Any:
    request = urllib.request.Request(f"{server.url}api/v1/{path}", method="DELETE", headers=headers)
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.loads(answer.read())


def test_rules_over_http(layout: Layout) -> None:
    """The routes keep, list, arm and remove rules, and refuse what another site's page sends."""
    with up(layout.root) as server:
        assert server.ask("alerts") == {"rules": [], "webhook": ""}
        kept = server.ask(
            "alerts",
            {"id": "big", "query": 'metric.name == "loss"',
             "when": {"type": "threshold", "above": 10}},
        )  # fmt: skip
        assert kept["words"] == "above 10" and kept["since"] > 0
        assert server.ask("alerts")["rules"] == [kept]
        with pytest.raises(urllib.error.HTTPError) as caught:
            server.ask("alerts", {"id": "big", "when": {"type": "threshold"}})
        assert caught.value.code == 400
        with pytest.raises(urllib.error.HTTPError) as caught:
            server.ask("alerts", {"id": "bad id", "when": {"type": "nonfinite"}})
        assert json.loads(caught.value.read())["error"]["code"] == "bad_rule"
        with pytest.raises(urllib.error.HTTPError) as caught:
            delete(server, "alerts/big", Origin="http://evil.example")
        assert caught.value.code == 403
        with pytest.raises(urllib.error.HTTPError) as caught:
            delete(server, "alerts/other")
        assert json.loads(caught.value.read())["error"]["code"] == "rule_not_found"
        assert delete(server, "alerts/big")["rules"] == []
    with pytest.raises(RuleUnknown):
        rules.remove(layout, "big")


def test_the_page_shows_what_works(layout: Layout) -> None:
    """Each command of docs/alerts.md works as it stands there, and its letter is one."""
    page = (Path(__file__).resolve().parents[2] / "docs/alerts.md").read_text(encoding="utf-8")
    commands = re.findall(r"^    foldline (alerts .+)$", page, re.MULTILINE)
    assert len(commands) >= 7
    for command in commands:
        done = foldline_command(*shlex.split(command), "--store", str(layout.root))
        assert done.status == 0, f"{command}: {done.errors}"
    (example,) = re.findall(r"```json\n(.*?)```", page, re.DOTALL)
    shown = json.loads(example)
    assert set(shown) == set(msgspec.json.decode(example, type=Message).__struct_fields__)
