"""Stores of two tenants, and servers for them."""

from __future__ import annotations

import hashlib
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp.test_utils import TestClient, TestServer

from foldline import blobs
from foldline.events import (
    AlertRaised,
    ArtifactLogged,
    ArtifactUsed,
    ConsolePrinted,
    EnvironmentCaptured,
    Event,
    FieldsSet,
    GitCaptured,
    MessageLogged,
    ParamsSet,
    RunForked,
    SourcesCaptured,
    StoredFile,
    SummarySet,
    TagsChanged,
    Value,
    ValuesTracked,
)
from foldline.layout import Layout, SegmentName
from foldline_ui import tokens
from foldline_ui.app import Composition, compose
from foldline_ui.pages import Bundle
from foldline_ui.principals import TokenScope
from foldline_views import bookmarks, rules, tagwords
from foldline_views.conditions import Nonfinite
from foldline_views.folding import catch_up
from foldline_views.reach import Reach
from foldline_views.reader import Views
from foldline_views.rules import Rule
from foldline_views.shelves import SHELVES
from tests.segment_build import SegmentBuild
from tests.ui.fakes import Client, FakeSupervisor

# Words that stand in all that belongs to a tenant, and nowhere else.
MINE, THEIRS = "mango", "zucchini"
NUMBER = {MINE: 1.5, THEIRS: 4242.125}  # which floats of 32 bits hold, too
NOW = time.time() - 3600


def log(layout: Layout, run: str, *events: Event, word: str = "", start: float = NOW) -> None:
    """Log a run that says these things, with a series if it has a word, and ended."""
    build = SegmentBuild(run, "w0", salt=7, start=start, window=1 << 16, block=1 << 16)
    for event in events:
        build.event(event)
    if word:
        build.define(1, f"{word}_loss", {f"{word}_part": word})
        for step in range(5):
            build.point(1, step, NUMBER[word])
    path = layout.segment(SegmentName(run, "w0"))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(build.close())


def everything(layout: Layout, word: str) -> list[Event]:
    """Return one event of each kind that a run may say, with a tenant's word in it."""
    picture = blobs.put(layout, f"{word} picture".encode())
    table = blobs.put(layout, f'{{"cells": "{blobs.put(layout, word.encode())}"}}'.encode())
    code = blobs.put(layout, f"print('{word} source')\n".encode())
    return [
        FieldsSet({"experiment": word, "name": f"{word} run", "notes": f"{word} notes"}),
        FieldsSet({"description": f"{word} words"}),
        ParamsSet([], {f"{word}_param": f"{word} value", "shared": word}),
        SummarySet([], {f"{word}_result": f"{word} result"}),
        TagsChanged([f"{word}-tag"]),
        ConsolePrinted("stdout", 0, f"{word} printed\n"),
        MessageLogged(30, f"{word} said", time=NOW),
        AlertRaised(f"{word} alert", f"{word} text"),
        ValuesTracked(
            "image", f"{word}_image", 1, NOW, [Value("image/png", 9, picture)], {"of": word}
        ),
        ValuesTracked("table", f"{word}_table", 1, NOW, [Value("application/json", 9, table)]),
        ValuesTracked("text", f"{word}_text", 1, NOW, [Value("text/plain", 9, inline=b"hello")]),
        GitCaptured(f"{word}commit", diff=code),
        EnvironmentCaptured({"VARIABLE": word}),
        SourcesCaptured("train.py", [StoredFile("train.py", code, 9)]),
        ArtifactLogged(f"{word}_model", f"{word}digest", [StoredFile(f"{word}.pt", picture, 9)]),
        ArtifactLogged(
            "model", f"{word}version", [StoredFile(f"{word}.pt", picture, 9)], aliases=["best"]
        ),
    ]


def run_of(word: str) -> str:
    """Return the id of a tenant's run."""
    return f"{word}-1"


def digest_of(word: str, what: str) -> str:
    """Return the digest of a tenant's blob: picture, code or cell, which only a table names."""
    text = {"picture": f"{word} picture", "code": f"print('{word} source')\n", "cell": word}[what]
    return hashlib.sha256(text.encode()).hexdigest()


def tenants(root: Path) -> Layout:
    """Make a store in which two experiments have all that runs can have, each."""
    layout = Layout(root)
    layout.create()
    for at, word in enumerate((THEIRS, MINE)):
        log(layout, run_of(word), *everything(layout, word), word=word, start=NOW + at)
        tagwords.describe(layout, f"{word}-tag", {"description": f"{word} meaning"})
        bookmarks.add(
            layout, Reach.of([word]), name=f"{word} view", page="runs", url=f"runs?q={word}"
        )
    fields = FieldsSet({"experiment": THEIRS})
    log(layout, f"{THEIRS}-2", fields, RunForked(run_of(MINE), 1), start=NOW + 9)
    log(layout, f"{THEIRS}-3", fields, ArtifactUsed(f"{MINE}_model", f"{MINE}digest"))
    rules.add(layout, Rule(f"{THEIRS}-rule", Nonfinite(), "", 30, ""))
    return layout


async def fold(layout: Layout) -> None:
    """Fold all that was logged."""
    assert await catch_up(layout, shelves=SHELVES)


def bearer(layout: Layout, scope: TokenScope, *experiments: str) -> dict[str, str]:
    """Return the header of a new token, for some experiments or for all."""
    made = tokens.create(layout, scope, experiments=experiments or None)
    return {"Authorization": f"Bearer {made.text}"}


@asynccontextmanager
async def asking(layout: Layout, **more: Any) -> AsyncIterator[Client]:
    """Serve a store to those who say who they are, and give a client that does not."""
    app = compose(
        Composition(
            layout,
            FakeSupervisor,
            lambda: Views.open(layout.views),
            bundle=Bundle(layout.root / "no bundle"),
            **{"asks": True, **more},
        )
    )
    async with TestClient(TestServer(app)) as client:
        yield client
