"""Alerts that wait to be sent to a webhook.

Each is a file of `outbox/`, written whole before the alert is logged and taken away once it was
sent: so it is sent at least once, whoever is killed meanwhile. Its `id` stays the same. Nothing
here opens a connection: the server does, and only if somebody has named an address.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from foldline.disk import private
from foldline.events import AlertRaised
from foldline.layout import Layout, SegmentName

from .answers import plain
from .catalog import Catalog

__all__ = ["Letter", "Message", "post", "waiting"]

LETTERS_MAX = 1000  # that wait: an address that takes none for days must not fill a disk


class Message(msgspec.Struct, frozen=True):
    """What is sent: an alert, and the run that it is about.

    `text` and `content` say it in one sentence, as the webhooks of chat services read it.
    """

    id: str
    text: str
    content: str
    run: str
    run_name: str
    experiment: str
    rule: str
    title: str
    detail: str
    level: int
    series: str
    context: dict[str, Any]
    step: float | None
    value: float | str | None  # "NaN", "Infinity" and "-Infinity" are spelt out
    time: float


class Letter(msgspec.Struct, frozen=True):
    """A message with its address."""

    to: str
    message: Message


def post(
    layout: Layout, name: SegmentName, address: str, event: AlertRaised, catalog: Catalog
) -> None:
    """Put an alert into the outbox, to be sent to `address`. Raises OSError."""
    layout.outbox.mkdir(mode=0o700, exist_ok=True)
    if sum(1 for _ in layout.outbox.iterdir()) >= LETTERS_MAX:
        return  # it is logged all the same, and shown with its run
    row = catalog.row_of.get(name.run)
    head = None if row is None else catalog.heads[row]
    called = name.run if head is None else head.name
    sentence = f"{called}: {event.title} ({event.text})"
    message = Message(
        id=f"{name.run}.{name.writer}",
        text=sentence,
        content=sentence,
        run=name.run,
        run_name=called,
        experiment="" if head is None else head.experiment,
        rule=event.rule,
        title=event.title,
        detail=event.text,
        level=event.level,
        series=event.series,
        context=plain(event.context),
        step=event.step,
        value=plain(event.value),
        time=event.time,
    )
    draft = layout.outbox / f".{message.id}"
    with open(draft, "wb", opener=private) as file:  # an address may hold a secret
        file.write(msgspec.json.encode(Letter(address, message)))
    draft.replace(layout.outbox / message.id)


def waiting(layout: Layout) -> Iterator[tuple[Path, Letter]]:
    """Yield the letters that wait, the oldest first; what is none of ours is left alone."""
    try:
        files = [(path.stat().st_mtime, path) for path in layout.outbox.iterdir()]
    except FileNotFoundError:
        return
    for _, path in sorted(files):
        if not path.name.startswith("."):
            try:
                yield path, msgspec.json.decode(path.read_bytes(), type=Letter)
            except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
                continue
