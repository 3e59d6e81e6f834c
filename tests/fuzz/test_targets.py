"""Bytes and texts of strangers, thousands of them."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.fuzz.targets import SEEDS, TARGETS

ROOT = Path(__file__).resolve().parents[2]
LONG_S = 60  # of each target, where a coverage-guided fuzzer is installed

DATA = st.binary(max_size=600)
# Half of the texts are made of the words that the languages know, as chance finds none of them.
VOCABULARY = r"""
run metric hparams lr name tags metrics loss min last context and or not in is None if else for any
all x ( ) [ ] { } , . : < > == != + - * ** / // % 0 1 -1 1e300 0.5 'a' "b" datetime.now() \\ # é
timedelta(days=1) datetime(2026,1,1) search("x") run.lr run["lr"] str int after: before: level:
experiment: "out of" -nan lambda yield := 9e999 .startswith('a') .lower() len abs round math.sqrt
0x1 1_0 True
"""
WORDS = st.lists(st.sampled_from([*VOCABULARY.split(), "\n", "\0", "\t"]), max_size=25).map(
    lambda words: " ".join(words).encode()
)


@pytest.mark.parametrize("name", TARGETS)
def test_seeds_are_taken(name: str) -> None:
    """What a fuzzer begins with is as good as what our own programs write."""
    for seed in SEEDS[name]:
        TARGETS[name](seed)


@pytest.mark.parametrize("name", ["segment", "tail", "slab"])
def test_any_bytes_are_read(name: str) -> None:
    """Decoders end, raise what they say they raise, and take nothing that is not proven."""
    check(name, DATA, 150)


@pytest.mark.parametrize("name", ["query", "search"])
def test_any_text_is_understood_or_refused(name: str) -> None:
    """Parsers answer, or say where a text is wrong; nothing else is raised."""
    check(name, WORDS | st.text(max_size=80).map(lambda text: text.encode("utf-8")), 300)


@pytest.mark.long
@pytest.mark.timeout(LONG_S * 10)
@pytest.mark.parametrize("name", TARGETS)
def test_a_fuzzer_finds_nothing(name: str) -> None:
    """A minute of each target: coverage-guided where atheris is installed, else by chance."""
    if importlib.util.find_spec("atheris") is None:
        check(name, WORDS | DATA, 20_000)
        return
    line = [sys.executable, "-m", "tests.fuzz", name, f"-max_total_time={LONG_S}"]
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-4000:]


def check(name: str, strategy: st.SearchStrategy[bytes], examples: int) -> None:
    @settings(max_examples=examples, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(strategy)
    @example(b"")
    def run(data: bytes) -> None:
        TARGETS[name](data)

    run()
