"""What is captured, by whose word."""

from __future__ import annotations

from typing import Any

import pytest

from foldline.capture.choice import NAMES, Choice, choose
from foldline.errors import ValueRejected


def chosen(choice: Choice) -> set[str]:
    return {name for name in NAMES if getattr(choice, name)}


ALL = set(NAMES)


@pytest.mark.parametrize(
    ("capture", "variable", "expected"),
    [
        (None, "", ALL),
        (True, "all", ALL),
        (False, "all", set()),
        (None, "none", set()),
        (True, "none", set()),
        ([], "", set()),
        (["git", "system"], "", {"git", "system"}),
        ("git,system", "", {"git", "system"}),
        (["-console"], "", ALL - {"console"}),
        ({"git": False}, "", ALL - {"git"}),
        ({"git": True}, "", ALL),
        (None, "git,system", {"git", "system"}),
        (None, "-console,-git", ALL - {"console", "git"}),
        (["git", "console"], "git,system", {"git"}),
    ],
)
def test_what_both_allow_is_captured(
    monkeypatch: pytest.MonkeyPatch, capture: Any, variable: str, expected: set[str]
) -> None:
    """The script and its environment each may turn parts off, and neither turns them on again."""
    monkeypatch.setenv("FOLDLINE_CAPTURE", variable)
    assert chosen(choose(capture)) == expected


def test_keywords_of_aim_choose_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Aim's three keywords turn off what they name, and set the interval."""
    monkeypatch.delenv("FOLDLINE_CAPTURE")
    assert not choose(system_tracking_interval=None).system
    assert not choose(capture_terminal_logs=False).console
    assert chosen(choose(log_system_params=False)) == {"console", "messages", "system"}
    assert choose(system_tracking_interval=2).system_interval_s == 2
    monkeypatch.setenv("FOLDLINE_SYSTEM_INTERVAL_S", "3")
    assert choose().system_interval_s == 3
    monkeypatch.setenv("FOLDLINE_SYSTEM_INTERVAL_S", "often")
    assert choose().system_interval_s == 10


@pytest.mark.parametrize("capture", ["stdout", ["git", "gti"], {"gpu": True}])
def test_a_name_that_means_nothing_is_refused(
    monkeypatch: pytest.MonkeyPatch, capture: Any
) -> None:
    """A word that is no part of the capture is an error that lists those that are."""
    monkeypatch.delenv("FOLDLINE_CAPTURE")
    with pytest.raises(ValueRejected, match="environment, system"):
        choose(capture)


def test_nothing_needs_no_companion(monkeypatch: pytest.MonkeyPatch) -> None:
    """Messages are captured inside the training; everything else beside it."""
    monkeypatch.delenv("FOLDLINE_CAPTURE")
    assert not choose("messages").needs_companion and choose("messages")
    assert choose("git").needs_companion and not choose(False)
