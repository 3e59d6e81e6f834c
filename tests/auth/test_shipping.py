"""What a token for some experiments may ship."""

from __future__ import annotations

import hashlib
import zlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foldline.errors import SegmentRejected
from foldline.events import FieldsSet, MessageLogged
from foldline.layout import Layout, SegmentName
from foldline_ingest.affiliation import Affiliations
from foldline_ingest.batch import facts
from foldline_ingest.reader import SegmentReader
from foldline_ui.route import API_PREFIX
from tests.auth.tenants import MINE, THEIRS, asking, bearer, run_of
from tests.segment_build import SegmentBuild
from tests.ui.fakes import Client

pytestmark = pytest.mark.anyio


def segment(run: str, *experiments: str | None, writer: str = "w9") -> bytes:
    """Return the log of a run that says so, one after another, between other things."""
    build = SegmentBuild(run, writer)
    for experiment in experiments:
        build.event(MessageLogged(20, "x" * 90))
        build.event(FieldsSet({"name": "x", "experiment": experiment}))
    return build.close()


async def ship(
    client: Client, who: dict[str, str], run: str, data: bytes, offset: int = 0
) -> tuple[int, Any]:
    asked = {"offset": offset, "size": len(data), "crc": zlib.crc32(data)}
    found = await client.post(
        f"{API_PREFIX}/log/{run}/w9",
        params={name: str(value) for name, value in asked.items()},
        data=data,
        headers={**who, "Content-Type": "application/octet-stream"},
    )
    return found.status, await found.json()


async def test_a_token_ships_into_its_experiments_alone(store: Layout) -> None:
    """What says that it is another's is refused, and not a byte of it is logged."""
    mine, whole = bearer(store, "ingest", MINE), bearer(store, "ingest")
    async with asking(store) as client:
        data = segment("new", MINE, MINE)
        assert (await ship(client, mine, "new", data))[1]["logged"] == len(data)
        for run, said in (("bad", THEIRS), ("none", None)):
            status, told = await ship(client, mine, run, segment(run, MINE, said))
            assert (status, told["error"]["code"]) == (400, "bad_segment")
            assert not store.segment(SegmentName(run, "w9")).exists()
        data = segment("bad", THEIRS)
        assert (await ship(client, whole, "bad", data))[0] == 200


async def test_nothing_is_added_to_anothers_run(store: Layout) -> None:
    """Not even how far a segment has come is told; of one's own run it is."""
    mine = bearer(store, "ingest", MINE)
    async with asking(store) as client:
        status, told = await ship(client, mine, run_of(THEIRS), segment(run_of(THEIRS)))
        assert (status, told["error"]["code"]) == (400, "bad_segment")
        path = f"{API_PREFIX}/log"
        assert (await client.get(f"{path}/{run_of(THEIRS)}/w0", headers=mine)).status == 400
        assert (await client.get(f"{path}/{run_of(MINE)}/w0", headers=mine)).status == 200
        assert (await ship(client, mine, run_of(MINE), segment(run_of(MINE))))[0] == 200


async def test_no_blob_is_shipped_for_anothers_run(store: Layout) -> None:
    """Its room is theirs: whoever may not see the run may not fill it."""
    mine = bearer(store, "ingest", MINE)
    digest = hashlib.sha256(b"blob").hexdigest()
    asked = {"offset": 0, "size": 4, "crc": zlib.crc32(b"blob"), "whole": 4}
    async with asking(store) as client:
        for run, status in ((run_of(THEIRS), 400), (run_of(MINE), 200)):
            found = await client.post(
                f"{API_PREFIX}/blobs/{digest}",
                params={**asked, "run": run},
                data=b"blob",
                headers={**mine, "Content-Type": "application/octet-stream"},
            )
            assert found.status == status
            assert store.blob(digest).exists() == (status == 200)
    assert store.owners.read_text() == f'["{digest}","{run_of(MINE)}"]\n'


async def test_a_claim_is_found_across_pieces(store: Layout) -> None:
    """However a log is cut, the piece that makes the claim whole is refused."""
    mine = bearer(store, "ingest", MINE)
    data = segment("cut", MINE, THEIRS)
    async with asking(store) as client:
        at = 0
        while at < len(data):
            status, told = await ship(client, mine, "cut", data[at : at + 70], at)
            if status != 200:
                break
            at = told["logged"]
        assert status == 400
    logged = store.segment(SegmentName("cut", "w9")).read_bytes()
    assert THEIRS.encode() not in logged or len(logged) < len(data)
    # Another server of the store, which remembers nothing, refuses the rest as well.
    async with asking(store) as client:
        assert (await ship(client, mine, "cut", data[at:], at))[0] == 400


PARTS = st.lists(
    st.one_of(
        st.sampled_from([MINE, THEIRS]),
        st.just(None),
        st.binary(min_size=32, max_size=96).map(lambda data: data[: len(data) // 32 * 32]),
        st.integers(1, 4).map(lambda cells: bytes(32 * cells)),
    ),
    max_size=8,
)


@settings(max_examples=80, deadline=None)
@given(PARTS, st.lists(st.integers(1, 400), min_size=1, max_size=30), st.data())
def test_no_reader_finds_a_claim_that_was_let_through(
    tmp_path_factory: pytest.TempPathFactory,
    parts: list[str | bytes | None],
    cuts: list[int],
    data: st.DataObject,
) -> None:
    """Behind holes, damage and bytes of any kind: what is logged is of allowed experiments."""
    layout = Layout(tmp_path_factory.mktemp("affiliations"))
    name = SegmentName("run", "w")
    build = SegmentBuild("run", "w")
    for part in parts:
        if isinstance(part, bytes):
            build.foreign(part)
        else:
            build.event(FieldsSet({"experiment": part}))
    whole = bytearray(build.close())
    if data.draw(st.booleans()):
        whole[data.draw(st.integers(64, len(whole) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    path = layout.segment(name)
    path.parent.mkdir(parents=True)
    path.write_bytes(b"")
    affiliations, at = Affiliations(layout), 0
    for cut in [*cuts, len(whole)]:
        piece = bytes(whole[at : at + cut])
        try:
            affiliations.heed(name, {MINE}.__contains__, at, piece)
        except SegmentRejected:
            break
        with path.open("ab") as file:
            file.write(piece)
        at += len(piece)
        if data.draw(st.integers(0, 4)) == 0:
            affiliations = Affiliations(layout)  # it was started again, and remembers nothing
    assert _stated(name, path) <= {MINE}


def _stated(name: SegmentName, path: Path) -> set[Any]:
    """Return what a reader makes of a log whose writer is gone."""
    if path.stat().st_size < 64:
        return set()
    reader = SegmentReader(name, path)
    found: set[Any] = set()
    try:
        while (batch := reader.read(final=True)).end > batch.start:
            for fact in facts(batch, FieldsSet):
                assert isinstance(fact.event, FieldsSet)
                found.add(fact.event.fields["experiment"])
    finally:
        reader.close()
    return found
