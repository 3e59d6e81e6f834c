"""Tokens, as they are made, kept and compared."""

from __future__ import annotations

import re
import stat
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foldline.layout import Layout
from foldline.secrets import MASK, mask_text
from foldline_ui import sessions, tokens
from foldline_ui.errors import TokenRejected, TokenUnknown
from foldline_ui.tokens import TOKENS_MAX, Tokens, is_token
from foldline_views import register


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    layout = Layout(tmp_path / "store")
    layout.create()
    return layout


def test_a_token_is_random_and_has_a_checksum(layout: Layout) -> None:
    """Whoever looks for secrets finds ours by their shape, and is not misled by others."""
    texts = [tokens.create(layout, "read").text for _ in range(20)]
    assert len(set(texts)) == 20
    for text in texts:
        assert re.fullmatch(r"fld_[0-9A-Za-z]{49}", text) and is_token(text)
        changed = text[:10] + ("a" if text[10] != "a" else "b") + text[11:]
        assert not is_token(changed)
    assert not any(map(is_token, ["", "fld_", texts[0][4:], texts[0] + "0", texts[0].upper()]))


@given(st.text(max_size=60))
def test_no_other_text_is_a_token(text: str) -> None:
    """A text that nobody made is told to be none before anything is compared."""
    assert not is_token(text)
    assert tokens.shown(Tokens(), text) is None


def test_the_text_is_kept_nowhere(layout: Layout) -> None:
    """The store has the SHA-256 alone, in a file that only its owner reads."""
    made = tokens.create(layout, "admin", name="ana", experiments=["mnist"], expires_at=9e9)
    kept = layout.tokens.read_text()
    assert made.text not in kept and tokens.digest_of(made.text) in kept
    assert stat.S_IMODE(layout.tokens.stat().st_mode) == 0o600
    (token,) = tokens.read(layout).tokens
    assert token == made.token and token.digest.startswith(token.id)
    found = tokens.shown(tokens.read(layout), made.text)
    assert found is not None and found.principal.reach.experiments == frozenset({"mnist"})
    code = sessions.offer(layout)
    _, secret = sessions.begin(layout, token.id)
    assert code not in layout.sessions.read_text() and secret not in layout.sessions.read_text()
    assert stat.S_IMODE(layout.sessions.stat().st_mode) == 0o600


def test_a_revoked_token_is_none(layout: Layout) -> None:
    """It is gone from the store; revoking it again, or one that never was, says so."""
    made, other = tokens.create(layout, "read"), tokens.create(layout, "read")
    assert tokens.revoke(layout, made.token.id) == made.token
    assert tokens.shown(tokens.read(layout), made.text) is None
    assert tokens.shown(tokens.read(layout), other.text) == other.token
    with pytest.raises(TokenUnknown, match=made.token.id):
        tokens.revoke(layout, made.token.id)


def test_when_a_token_was_used_is_noted(layout: Layout) -> None:
    """A note changes nothing else, and is not missed for a token that is gone."""
    made = tokens.create(layout, "read")
    tokens.touch(layout, {made.token.id: 5.0, "gone": 6.0})
    (token,) = tokens.read(layout).tokens
    assert (token.used_at, token.digest) == (5.0, made.token.digest)


@pytest.mark.parametrize(
    "asked",
    [{"name": "x" * 201}, {"experiments": [""]}, {"experiments": [f"e{at}" for at in range(101)]}],
)
def test_what_no_token_can_be_is_refused(layout: Layout, asked: dict[str, object]) -> None:
    """A name as long as a page, and more experiments than anybody lists, are told as such."""
    with pytest.raises(TokenRejected):
        tokens.create(layout, "read", **asked)  # type: ignore[arg-type]  # the test's own table
    assert tokens.read(layout) == Tokens()


def test_there_are_so_many_tokens_at_most(layout: Layout) -> None:
    """One more is refused, with what to do."""
    one = tokens.create(layout, "read").token
    register.replace(layout.tokens, Tokens([one] * TOKENS_MAX))
    with pytest.raises(TokenRejected, match=str(TOKENS_MAX)):
        tokens.create(layout, "read")


def test_a_file_that_is_none_is_told(layout: Layout) -> None:
    """Nobody is let in by a file that can't be read; the error says which."""
    for file, read in ((layout.tokens, tokens.read), (layout.sessions, sessions.read)):
        file.write_text("[]")
        with pytest.raises(TokenRejected, match=file.name):
            read(layout)


def test_an_address_to_sign_in_by_is_good_once(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second who opens it is not let in, nor is who comes too late."""
    code = sessions.offer(layout, "t")
    begun = sessions.redeem(layout, code)
    assert begun is not None and begun[0].token == "t"
    assert sessions.find(sessions.read(layout).sessions, begun[1]) == begun[0]
    assert sessions.redeem(layout, code) is None
    late, later = sessions.offer(layout), time.time() + sessions.LOGIN_S + 1
    monkeypatch.setattr(time, "time", lambda: later)
    assert sessions.redeem(layout, late) is None
    sessions.end(layout, begun[1])
    assert sessions.read(layout).sessions == []


def test_nobody_signs_others_out(layout: Layout) -> None:
    """Who signs in without end loses the oldest of their own sessions."""
    other = sessions.begin(layout, "other")[0]
    first = sessions.begin(layout, "mine")[0]
    for _ in range(sessions.SESSIONS_EACH_MAX):
        last = sessions.begin(layout, "mine")[0]
    kept = sessions.read(layout).sessions
    assert len(kept) == sessions.SESSIONS_EACH_MAX + 1
    assert other in kept and last in kept and first not in kept


def test_a_token_is_masked_where_it_is_printed() -> None:
    """A script that prints its environment puts no token into the log."""
    text = tokens.random_text("fld_")
    assert mask_text(f"FOLDLINE_TOKEN is {text}!") == f"FOLDLINE_TOKEN is {MASK}!"
