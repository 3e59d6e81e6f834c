"""Tokens, which programs and people show.

A token is `fld_`, 256 random bits in base 62, and a checksum, so that whoever looks for secrets in
code finds ours and no others. The store has its SHA-256 alone, in `tokens.json`, for its owner.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import time
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Annotated, NamedTuple

import msgspec
from msgspec import Meta

from foldline.layout import Layout
from foldline_views import register
from foldline_views.reach import Reach

from .errors import TokenRejected, TokenUnknown
from .principals import ROLES, Principal, TokenScope

__all__ = [
    "Made",
    "Token",
    "Tokens",
    "create",
    "digest_of",
    "is_token",
    "of_id",
    "random_text",
    "read",
    "revoke",
    "shown",
    "touch",
]

TOKENS_MAX = 1000  # that a store has: all are compared with what is shown, which takes 0.2 ms
FILE_BYTES_MAX = 16 << 20  # of tokens.json: a thousand with many experiments each
TOKEN_NAME_CHARS_MAX = 200  # a line of a list
TOKEN_EXPERIMENTS_MAX = 100  # of one token: who sees more may as well see all
EXPERIMENT_CHARS_MAX = 1000  # as of a run's fields
SECRET_CHARS = 43  # of base 62: 256 bits
CHECK_CHARS = 6  # of base 62: 32 bits
PREFIX = "fld_"
ID_CHARS = 8  # of the digest, by which people call a token

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_SHAPE = re.compile(rf"{PREFIX}[0-9A-Za-z]{{{SECRET_CHARS + CHECK_CHARS}}}")

Experiment = Annotated[str, Meta(min_length=1, max_length=EXPERIMENT_CHARS_MAX)]


class Token(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A token as the store keeps it."""

    id: str
    digest: str
    scope: TokenScope
    name: Annotated[str, Meta(max_length=TOKEN_NAME_CHARS_MAX)] = ""
    experiments: Annotated[list[Experiment], Meta(max_length=TOKEN_EXPERIMENTS_MAX)] | None = None
    created_at: float = 0.0  # unix seconds, as all times here
    expires_at: float | None = None
    used_at: float | None = None

    def is_over(self, now: float) -> bool:
        """Say whether it has expired."""
        return self.expires_at is not None and self.expires_at <= now

    @property
    def principal(self) -> Principal:
        """Who shows it."""
        reach = Reach.of(self.experiments)
        return Principal(ROLES[self.scope], reach, self.name or self.id, self.id, self.expires_at)


class Tokens(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All tokens of a store, in the order in which they were made."""

    tokens: list[Token] = []


class Made(NamedTuple):
    """A new token, and its text, which is told once and kept nowhere."""

    token: Token
    text: str


def random_text(prefix: str = "") -> str:
    """Return 256 random bits as text, with a checksum behind them."""
    text = prefix + _base62(secrets.randbits(256), SECRET_CHARS)
    return text + _check(text)


def is_token(text: str) -> bool:
    """Say whether a text may be a token: whether it has the shape and its checksum is right."""
    return _SHAPE.fullmatch(text) is not None and _check(text[:-CHECK_CHARS]) == text[-CHECK_CHARS:]


def digest_of(text: str) -> str:
    """Return the SHA-256 of a text, in hex."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def create(
    layout: Layout,
    scope: TokenScope,
    *,
    name: str = "",
    experiments: Sequence[str] | None = None,
    expires_at: float | None = None,
) -> Made:
    """Make a token. Raises TokenRejected and StoreUnwritable."""
    text = random_text(PREFIX)
    digest = digest_of(text)
    among = None if experiments is None else list(dict.fromkeys(experiments))
    token = Token(digest[:ID_CHARS], digest, scope, name, among, time.time(), expires_at)
    if any(one.id == token.id for one in read(layout).tokens):  # sessions go by it
        return create(layout, scope, name=name, experiments=experiments, expires_at=expires_at)
    try:
        msgspec.convert(msgspec.to_builtins(token), Token)
    except msgspec.ValidationError as error:
        raise TokenRejected(
            f"the token can't be kept: {error}", hint="`foldline token create --help` has examples"
        ) from error
    with _changing(layout) as tokens:
        if len(tokens) >= TOKENS_MAX:
            raise TokenRejected(
                f"there are {TOKENS_MAX} tokens already",
                hint="`foldline token revoke ID` removes one of no more use",
            )
        tokens.append(token)
    return Made(token, text)


def revoke(layout: Layout, id: str) -> Token:
    """Remove a token, and return it; whoever shows it is refused from now on.

    Raises TokenUnknown and StoreUnwritable.
    """
    with _changing(layout) as tokens:
        found = of_id(Tokens(tokens), id)
        tokens.remove(found)
    return found


def touch(layout: Layout, used: Mapping[str, float]) -> None:
    """Note when tokens were used last, by their ids. Raises TokenRejected and StoreUnwritable."""
    with _changing(layout) as tokens:
        for place, token in enumerate(tokens):
            if token.id in used:
                tokens[place] = msgspec.structs.replace(token, used_at=used[token.id])


def read(layout: Layout) -> Tokens:
    """Return all tokens. Raises TokenRejected if the file says something else."""
    try:
        return register.read(layout.tokens, Tokens, FILE_BYTES_MAX)
    except ValueError as error:
        raise TokenRejected(
            f"the tokens in {layout.tokens} are wrong: {error}",
            hint="mend the file, or move it away and make new ones with `foldline token create`",
        ) from error


def of_id(kept: Tokens, id: str) -> Token:
    """Return the token of an id. Raises TokenUnknown."""
    for token in kept.tokens:
        if token.id == id:
            return token
    raise TokenUnknown(f"there is no token {id!r}", hint="`foldline token ls` lists them")


def shown(kept: Tokens, text: str) -> Token | None:
    """Return the token that somebody shows, or None; it takes as long whichever it is."""
    if not is_token(text):
        return None
    digest = digest_of(text)
    found = None
    for token in kept.tokens:
        if hmac.compare_digest(token.digest, digest):
            found = token
    return found


@contextmanager
def _changing(layout: Layout) -> Iterator[list[Token]]:
    with register.alone(layout, "tokens"):
        tokens = list(read(layout).tokens)
        yield tokens
        register.replace(layout.tokens, Tokens(tokens))


def _check(text: str) -> str:
    return _base62(zlib.crc32(text.encode()), CHECK_CHARS)


def _base62(number: int, chars: int) -> str:
    found = ""
    for _ in range(chars):
        number, digit = divmod(number, 62)
        found = _ALPHABET[digit] + found
    return found
