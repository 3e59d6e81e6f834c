"""What the fold process says, over a pipe."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from foldline_ingest.announce import Announcement, Decoder, encode
from foldline_ingest.batch import Damage
from foldline_ingest.view import SeriesDelta

DELTA = SeriesDelta(7, "run1", "loss", {"subset": "train"}, 12, 11.0, math.inf, 1e9)
SAMPLES = [
    Announcement(0, 0, "catching_up"),
    Announcement(10, 5, "catching_up", progress=0.5, message="a"),
    Announcement(20, 0, "live", runs=["run1"], series=[DELTA], truncated=True),
    Announcement(20, 0, "live", reset=True, damage=[Damage("run1/w", 64, 32, "why")]),
]


@given(st.lists(st.sampled_from(SAMPLES), max_size=6), st.data())
def test_announcements_survive_any_cutting(said: list[Announcement], data: st.DataObject) -> None:
    """However a pipe cuts the bytes, the same announcements come out, each as soon as whole."""
    stream = b"".join(map(encode, said))
    decoder, heard, at = Decoder(), [], 0
    while at < len(stream):
        size = data.draw(st.integers(1, 200))
        heard += list(decoder.feed(stream[at : at + size]))
        at += size
    assert heard == said


def test_half_an_announcement_is_none() -> None:
    """What a killed process left unfinished on the pipe is not taken for something."""
    whole = encode(SAMPLES[2])
    for end in range(len(whole)):
        assert list(Decoder().feed(whole[:end])) == []
