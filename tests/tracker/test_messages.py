"""Records of Python's `logging`, as messages of a run."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

import foldline
from tests.segment_walk import segments, walk

CAPTURE = {"FOLDLINE_CAPTURE": "messages"}


@pytest.fixture(autouse=True)
def _messages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOLDLINE_CAPTURE", "messages")


def messages(store: Path) -> list[dict[str, Any]]:
    return [fields for path in segments(store) for fields in walk(path).of_type(14)]


def test_a_record_is_a_message(tmp_path: Path) -> None:
    """Level, logger, text, place and time are the record's own; a traceback is in the text."""
    logger = logging.getLogger("train.loop")
    with foldline.Run(store=tmp_path):
        logger.warning("loss is %.1f", 0.5)
        try:
            raise ValueError("bad batch")
        except ValueError:
            logger.exception("skipped")
    said, failed = messages(tmp_path)
    assert (said["level"], said["logger"], said["text"]) == (30, "train.loop", "loss is 0.5")
    assert "test_messages.py:" in said["place"] and said["time"] > 0
    assert failed["text"].startswith("skipped\nTraceback") and "bad batch" in failed["text"]


def test_levels_decide_as_without_a_run(tmp_path: Path) -> None:
    """What a logger would not pass on is no message; a handler's level does not matter."""
    logger = logging.getLogger("quiet")
    with foldline.Run(store=tmp_path):
        logger.info("not at this level")
        logger.setLevel(logging.DEBUG)
        logger.debug("at this one")
        logger.propagate = False
        logger.error("without a handler above")
    logger.propagate = True
    assert [fields["text"] for fields in messages(tmp_path)] == [
        "at this one", "without a handler above"
    ]  # fmt: skip


def test_everything_is_as_it_was_after_the_run(tmp_path: Path) -> None:
    """No handler was added, the class is whole again, and what comes later is not noted."""
    before = logging.Logger.callHandlers, list(logging.root.handlers)
    first, second = foldline.Run(store=tmp_path), foldline.Run(store=tmp_path)
    logging.getLogger("a").error("to the first")
    first.finish()
    logging.getLogger("a").error("to the second")
    second.finish()
    logging.getLogger("a").error("to nobody")
    assert before == (logging.Logger.callHandlers, list(logging.root.handlers))
    assert [fields["text"] for fields in messages(tmp_path)] == ["to the first", "to the second"]


@pytest.mark.parametrize(
    ("message", "arguments", "text"),
    [
        ("%d", ("no number",), "%d"),
        ("lone \ud800", (), "lone \\ud800"),
        ("x" * 100_000, (), "x" * 65_536),
        ("https://user:hunter22@host/", (), "https://user:***@host/"),
    ],
)
def test_a_record_that_is_wrong_does_no_harm(
    tmp_path: Path, message: str, arguments: tuple[Any, ...], text: str, capsys: Any
) -> None:
    """Arguments that don't fit, text that is none or is huge, secrets: kept as far as it goes."""
    logger = logging.getLogger("wrong")
    logger.propagate = False
    with foldline.Run(store=tmp_path):
        logger.error(message, *arguments)
    logger.propagate = True
    (fields,) = messages(tmp_path)
    assert fields["text"] == text


def test_scripts_configure_logging_as_ever(tmp_path: Path) -> None:
    """`basicConfig` after the run has begun works, and so does the handler of last resort."""
    script = """
        import logging, sys
        import foldline
        run = foldline.Run(store=sys.argv[1])
        logging.getLogger("early").warning("last resort")
        logging.basicConfig(format="<%(message)s>", level=logging.INFO)
        logging.info("configured")
        logging.getLogger("foldline").error("our own")
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script), str(tmp_path)],
        capture_output=True, check=True, env={**os.environ, **CAPTURE}, timeout=60,
    )  # fmt: skip
    assert done.stderr == b"last resort\n<configured>\n<our own>\n"
    assert [fields["text"] for fields in messages(tmp_path)] == ["last resort", "configured"]


def test_a_forked_child_says_its_messages_itself(tmp_path: Path) -> None:
    """What a child logs stands in the child's segment."""
    script = """
        import logging, os, sys
        import foldline
        run = foldline.Run(store=sys.argv[1])
        logging.getLogger("x").error("parent")
        if os.fork() == 0:
            logging.getLogger("x").error("child")
            run.finish()
            os._exit(0)
        os.wait()
    """
    subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script), str(tmp_path)],
        capture_output=True, check=True, env={**os.environ, **CAPTURE}, timeout=60,
    )  # fmt: skip
    assert [[f["text"] for f in walk(path).of_type(14)] for path in segments(tmp_path)] == [
        ["parent"], ["child"]
    ]  # fmt: skip
