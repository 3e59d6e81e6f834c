"""What people say of tags: a colour, a description.

Which run has which tag is in the log; these words are about the tags themselves. They stand in
`tags.json`, beside the log and not in it. The file may be edited by hand.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from foldline.errors import WordsRejected
from foldline.layout import Layout
from foldline.settings import TAG_CHARS_MAX

from . import register

__all__ = ["Color", "Description", "Tag", "TagWord", "TagWords", "describe", "move", "read"]

TAG_WORDS_MAX = 1000  # tags with words of their own: more than anybody tells apart
FILE_BYTES_MAX = 4 << 20  # of tags.json: a thousand with the longest descriptions
TAG_DESCRIPTION_CHARS_MAX = 1000  # a paragraph

Tag = Annotated[str, Meta(min_length=1, max_length=TAG_CHARS_MAX)]
Color = Annotated[
    str, Meta(pattern="^(#[0-9a-f]{6})?$", description="As in CSS, #rrggbb; '' is none.")
]
Description = Annotated[str, Meta(max_length=TAG_DESCRIPTION_CHARS_MAX)]


class TagWord(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What people say of a tag."""

    color: Color = ""
    description: Description = ""


class TagWords(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What people say of the tags of a store."""

    tags: dict[Tag, TagWord] = {}


def read(layout: Layout) -> TagWords:
    """Return what is said of tags. Raises WordsRejected if the file says something else."""
    try:
        return register.read(layout.tags, TagWords, FILE_BYTES_MAX)
    except ValueError as error:
        raise WordsRejected(
            f"what {layout.tags} says of tags is wrong: {error}",
            hint="mend the file, or move it away",
        ) from error


def describe(layout: Layout, tag: str, fields: Mapping[str, Any]) -> TagWord:
    """Change what is named of a tag's words, and return them.

    Raises WordsRejected and StoreUnwritable.
    """
    with _changing(layout) as tags:
        tags[tag] = msgspec.structs.replace(tags.get(tag, TagWord()), **fields)
        return tags[tag]


def move(layout: Layout, tags: Iterable[str], to: str | None) -> None:
    """Take the words of tags that are no more; they become those of `to`, if that has none.

    Raises WordsRejected and StoreUnwritable.
    """
    known = read(layout).tags
    if not any(tag in known for tag in tags):
        return
    with _changing(layout) as held:
        taken = [held.pop(tag) for tag in tags if tag in held]
        if to is not None and to not in held and taken:
            held[to] = taken[0]


@contextmanager
def _changing(layout: Layout) -> Iterator[dict[str, TagWord]]:
    with register.alone(layout, "words about tags"):
        tags = dict(read(layout).tags)
        yield tags
        said = {tag: word for tag, word in sorted(tags.items()) if word != TagWord()}
        if len(said) > TAG_WORDS_MAX:
            raise WordsRejected(
                f"there are words about {TAG_WORDS_MAX} tags already",
                hint="take the colour and the description of some away",
            )
        register.replace(layout.tags, TagWords(said))
