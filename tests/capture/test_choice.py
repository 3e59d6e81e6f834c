"""What is captured, by whose word."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import foldline
from foldline.capture.choice import NAMES, Choice, choose
from foldline.errors import FoldlineWarning, ValueRejected


def refuse(error: ValueRejected) -> None:
    raise error


def chosen_by(capture: Any = None, **aims: Any) -> Choice:
    """Return what is chosen where nothing may be told."""
    return choose(capture, tell=refuse, **aims)


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
    assert chosen(chosen_by(capture)) == expected


def test_keywords_of_aim_choose_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Aim's three keywords turn off what they name, and set the interval."""
    monkeypatch.delenv("FOLDLINE_CAPTURE")
    assert not chosen_by(system_tracking_interval=None).system
    assert not chosen_by(capture_terminal_logs=False).console
    assert chosen(chosen_by(log_system_params=False)) == {"console", "messages", "system"}
    assert chosen_by(system_tracking_interval=2).system_interval_s == 2
    monkeypatch.setenv("FOLDLINE_SYSTEM_INTERVAL_S", "3")
    assert chosen_by().system_interval_s == 3


@pytest.mark.parametrize(
    ("capture", "variable", "expected", "nearest"),
    [
        ("consle", "", set(), "console"),
        (["git", "gti"], "", {"git"}, "git"),
        ("stdout", "", set(), ""),
        ({"gpu": True}, "", ALL, ""),
        (None, "-enviroment", ALL - {"environment"}, "environment"),
        (None, "-env,-console", ALL - {"environment", "console"}, "environment"),
        ("-gpu", "", ALL, ""),
        ("Git, CONSOLE,", "", {"git", "console"}, None),
    ],
)
def test_of_a_name_that_means_nothing_less_is_captured(
    monkeypatch: pytest.MonkeyPatch,
    capture: Any,
    variable: str,
    expected: set[str],
    nearest: str | None,
) -> None:
    """It is told with the nearest name, and what is captured after all."""
    monkeypatch.setenv("FOLDLINE_CAPTURE", variable)
    told: list[ValueRejected] = []
    assert chosen(choose(capture, tell=told.append)) == expected
    assert len(told) == (nearest is not None)
    for error in told:
        assert all(name in error.message for name in expected or {"nothing"})
        assert ("did you mean" in error.hint) == bool(nearest) and (nearest or "") in error.hint


@pytest.mark.parametrize("capture", [5, object(), ["git", object()]])
def test_a_run_begins_whatever_is_to_be_captured(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capture: Any
) -> None:
    """A wish that can't be read, or a variable with a typing error, is a warning at most."""
    monkeypatch.setenv("FOLDLINE_CAPTURE", "messages,consle")
    with pytest.warns(FoldlineWarning, match="capture|CAPTURE"):
        run = foldline.Run(store=tmp_path / "store", capture=capture)
    run.finish()


@pytest.mark.parametrize("interval", ["often", float("nan")])
def test_an_interval_that_is_none_is_the_usual_one(
    monkeypatch: pytest.MonkeyPatch, interval: Any
) -> None:
    """What is no number of seconds is told, by a script or by its environment."""
    told: list[ValueRejected] = []
    assert choose(system_tracking_interval=interval, tell=told.append).system_interval_s == 10
    monkeypatch.setenv("FOLDLINE_SYSTEM_INTERVAL_S", str(interval))
    assert choose(tell=told.append).system_interval_s == 10
    assert [error.message.partition("=")[0] for error in told] == [
        "system_tracking_interval",
        "FOLDLINE_SYSTEM_INTERVAL_S",
    ]


def test_nothing_needs_no_companion(monkeypatch: pytest.MonkeyPatch) -> None:
    """Messages are captured inside the training; everything else beside it."""
    monkeypatch.delenv("FOLDLINE_CAPTURE")
    assert not chosen_by("messages").needs_companion and chosen_by("messages")
    assert chosen_by("git").needs_companion and not chosen_by(False)
