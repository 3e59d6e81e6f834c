"""A secret masked in a segment, and nothing else."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foldline.capture.terminal import LINE_CHARS_MAX
from foldline.errors import SecretRejected
from foldline.events import ConsolePrinted, MessageLogged, ParamsSet, encode
from foldline_ingest.masking import Masks, forms_of, patches
from tests.segment_build import SegmentBuild
from tests.segment_walk import Walk, walk

SECRETS = ["hunter2-A1b2C3", 'p"ss/wörd\\x', "a*****b*", "deadbeef", "****** **a"]
SECRET = SECRETS[0]


def masked(data: bytes, masks: Masks, told: list[tuple[int, bytes]] | None = None) -> bytes:
    """Return a segment with its patches written over it."""
    fresh = bytearray(data)
    heard = [] if told is None else told
    for at, text in patches(data, masks, lambda *words: heard.append(words)).items():
        fresh[at : at + len(text)] = text
    return bytes(fresh)


def masks_of(secret: str) -> Masks:
    return Masks(forms_of(secret))


def replaced(tree: Any, masks: Masks) -> Any:
    """Return a plain tree with its texts masked one by one: what is to be read afterwards."""
    if isinstance(tree, str):
        return masks.apply(tree.encode()).decode()
    if isinstance(tree, bytes):
        return masks.apply(tree)
    if isinstance(tree, dict):
        return {replaced(key, masks): replaced(value, masks) for key, value in tree.items()}
    if isinstance(tree, list):
        return [replaced(value, masks) for value in tree]
    return tree


def check(before: bytes, after: bytes, masks: Masks) -> Walk:
    """Assert that what is read is what was read, masked; return what is read."""
    old, new = walk(before), walk(after)
    assert len(before) == len(after) and not any(form in after for form in masks.forms)
    assert (new.points, new.sealed, new.damage) == (old.points, old.sealed, old.damage)
    assert (new.finished, new.end) == (old.finished, old.end)
    assert new.events == [
        event._replace(fields=replaced(event.fields, masks)) for event in old.events
    ]
    return new


TEXTS = st.lists(
    st.one_of(
        st.text(max_size=12),
        st.sampled_from(["S", "J", "U", "h", "*", "hunter2", "A" * 64, "0" * 64, "x" * 700]),
    ),
    max_size=5,
)
LEAVES = st.one_of(
    TEXTS,
    st.integers(-(2**63), 2**64 - 1),
    st.floats(allow_nan=False),
    st.booleans(),
    st.binary(max_size=40),
)
TREES = st.one_of(
    LEAVES,
    st.lists(LEAVES, max_size=20),
    st.dictionaries(st.text(max_size=3), st.lists(LEAVES, max_size=3), max_size=5),
)
RECORDS = st.lists(st.one_of(TREES, st.tuples(st.integers(1, 40))), max_size=6)  # or so many points


def spelt(tree: Any, secret: str) -> Any:
    """Return a drawn tree with the secret, as JSON and as an address too, in its texts."""
    if isinstance(tree, dict):
        return {key: spelt(value, secret) for key, value in tree.items()}
    if not isinstance(tree, list):
        return tree
    forms = {"S": secret, "J": json.dumps({"a": secret}), "U": f"?token={secret}"}
    texts = [forms.get(part, part) for part in tree if isinstance(part, str)]
    if texts and len(texts) == len(tree):
        return "".join(texts)
    return [spelt(value, secret) for value in tree]


@settings(max_examples=40, deadline=None)
@given(records=RECORDS, secret=st.sampled_from(SECRETS), killed=st.booleans())
def test_what_is_read_is_what_was_read_with_the_text_masked(
    records: list[Any], secret: str, killed: bool
) -> None:
    """Of any events and points, in any windows: checksums hold, and only texts have changed."""
    build, masks = SegmentBuild(), masks_of(secret)
    for record in records:
        if isinstance(record, tuple):
            for step in range(record[0]):
                build.point(1, step, step / 3)
        else:
            build.raw(99, msgspec.msgpack.encode({"any": spelt(record, secret)}))
    data = build.killed(64) if killed else build.close()
    fresh = masked(data, masks)
    check(data, fresh, masks)
    assert masked(fresh, masks) == fresh


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_damage_stays_damage(data: st.DataObject) -> None:
    """However a segment is damaged, the secret is gone, and no checksum that was wrong is right."""
    build, masks = SegmentBuild(), masks_of(SECRET)
    for step in range(40):
        build.point(1, step, step / 3)
        if step % 8 == 0:
            build.event(MessageLogged(20, f"with {SECRET} and more", params={"a": SECRET}))
    hurt = bytearray(build.close())
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(hurt) - 1))
        hurt[at] ^= data.draw(st.integers(1, 255))
    del hurt[data.draw(st.integers(len(hurt) // 2, len(hurt))) :]
    fresh = masked(bytes(hurt), masks)
    assert len(fresh) == len(hurt) and SECRET.encode() not in fresh
    if hurt[:64] == fresh[:64] and hurt[:8] == build.data[:8]:
        try:
            old = walk(bytes(hurt))
        except (AssertionError, msgspec.MsgspecError):
            return  # no header, or no msgpack
        new = walk(fresh)
        assert (new.points, new.sealed, new.damage) == (old.points, old.sealed, old.damage)


def printed(*events: ConsolePrinted) -> bytes:
    build = SegmentBuild(window=1 << 18, block=1 << 16)
    for event in events:
        build.event(event)
    return build.close()


def test_a_line_that_was_begun_with_half_of_it() -> None:
    """What was said of a line before it ended goes too, if the whole line has the secret there."""
    half = SECRET[:5]
    data = printed(
        ConsolePrinted("stdout", 0, f"one\nkey: {half}", ended=False),
        ConsolePrinted("stdout", 1, f"key: {SECRET}!"),
        ConsolePrinted("stdout", 2, f"no: {half}", ended=False),
        ConsolePrinted("stdout", 2, f"no: {half}, and something else"),
    )
    texts = [fields["text"] for fields in walk(masked(data, masks_of(SECRET))).of_type(13)]
    assert texts == [
        "one\nkey: *****",
        f"key: {'*' * len(SECRET)}!",
        f"no: {half}",
        f"no: {half}, and something else",
    ]


@pytest.mark.parametrize("cut", range(1, len(SECRET)))
def test_a_line_that_is_too_long_cuts_it(cut: int) -> None:
    """Where a line goes on in the next one of its stream, both parts are masked."""
    head = "x" * (LINE_CHARS_MAX - cut) + SECRET[:cut]
    data = printed(
        ConsolePrinted("stdout", 0, head),
        ConsolePrinted("stderr", 1, SECRET[cut:]),
        ConsolePrinted("stdout", 2, SECRET[cut:] + " said\nmore"),
    )
    fresh = walk(masked(data, masks_of(SECRET)))
    assert fresh.damage == []
    one, other, two = (fields["text"] for fields in fresh.of_type(13))
    assert one == head[:-cut] + "*" * cut and other == SECRET[cut:]
    assert two == "*" * (len(SECRET) - cut) + " said\nmore"


def test_blobs_get_their_new_names() -> None:
    """A digest is replaced whole, and a short secret that a digest happens to hold is no secret."""
    digest, other = "deadbeef" * 8, "0" * 28 + "deadbeef" + "0" * 28
    masks = masks_of("deadbeef")
    masks.renamed = {digest.encode(): b"1" * 64}
    build = SegmentBuild()
    build.event(ParamsSet(["blobs"], [digest, other, "deadbeef"]))
    found = walk(masked(build.close(), masks))
    assert found.of_type(3)[0]["value"] == ["1" * 64, other, "********"] and not found.damage


def test_lines_of_a_secret_are_looked_for_one_by_one() -> None:
    """A key of several lines is found in lines that were printed one by one."""
    key = "-----BEGIN KEY-----\n  c2VjcmV0LW9mLWEta2V5\n\nb3RoZXItbGluZQ==\nab\n"
    masks = masks_of(key)
    data = printed(
        ConsolePrinted("stdout", 0, "-----BEGIN KEY-----\nc2VjcmV0LW9mLWEta2V5"),
        ConsolePrinted("stdout", 2, "b3RoZXItbGluZQ==\nab"),
    )
    one, two = (fields["text"] for fields in walk(masked(data, masks)).of_type(13))
    assert set(one) == {"*", "\n"} and two == "*" * 16 + "\nab"


def test_numbers_and_points_are_never_masked() -> None:
    """Bytes of numbers that spell the secret are numbers."""
    secret = "password"
    value = msgspec.msgpack.decode(b"\xcb" + secret.encode())
    whole = int.from_bytes(secret.encode(), "big")
    build = SegmentBuild()
    for step in range(20):
        build.point(1, step, value)
    build.raw(99, msgspec.msgpack.encode({"a": whole, "b": value, "c": list(secret.encode())}))
    data = build.close()
    assert masked(data, masks_of(secret)) == data


def test_who_asks_is_told_of_each_event() -> None:
    """Each event that changes is told once, by its type and what it said."""
    build = SegmentBuild()
    event = MessageLogged(20, SECRET, params={"again": SECRET})
    build.event(event)
    build.event(MessageLogged(20, "nothing"))
    told: list[tuple[int, bytes]] = []
    masked(build.close(), masks_of(SECRET), told)
    assert told == [(MessageLogged.TYPE, encode(event))]


@pytest.mark.parametrize(
    "text", ["", "\n \n", "short", "12345678.5", "experiment", "finished", "******", "ab\ncd"]
)
def test_what_stands_everywhere_is_no_secret(text: str) -> None:
    """Too short a text, a number, or a word of the log itself is refused."""
    with pytest.raises(SecretRejected) as told:
        forms_of(text)
    assert told.value.hint


def test_an_event_that_needs_the_text_is_not_broken() -> None:
    """A text that holds an event together is refused before anything is written."""
    build = SegmentBuild()
    build.raw(MessageLogged.TYPE, encode(MessageLogged(20, "said")))
    masks = Masks([b"level"])  # which `forms_of` would not take
    with pytest.raises(SecretRejected, match="understood"):
        masked(build.close(), masks)
