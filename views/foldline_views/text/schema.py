"""The text index's fields, and documents as it takes them."""

from __future__ import annotations

import re
from math import isnan
from typing import Any

import msgspec
import tantivy

from .documents import (
    TEXT_CHARS_MAX,
    ConsoleLines,
    Document,
    Message,
    RunWords,
    SourceLines,
    Text,
    pairs,
)
from .terms import RUN_FIELDS
from .tokens import prepared, prepared_lines

__all__ = [
    "BODY",
    "KINDS",
    "SCHEMA_VERSION",
    "WORDS",
    "analyzer",
    "decoded",
    "index_field",
    "indexed",
    "milliseconds",
    "schema",
]

# Raise when a field below changes, or what is put into it: the index is made anew then.
SCHEMA_VERSION = 1

BODY = "body"  # what is said by all documents but runs
WORDS = "words"  # the name of our analyser

# The numbers of the kinds, in the field `kind`.
KINDS: dict[type[Document], int] = {
    RunWords: 0,
    Message: 1,
    Text: 2,
    SourceLines: 3,
    ConsoleLines: 4,
}

_HALVES = re.compile("[\ud800-\udfff]")  # of characters: no UTF-8 holds them
_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[Document] = msgspec.msgpack.Decoder(Document)


def schema() -> tantivy.Schema:
    """Return the fields of the index."""
    builder = tantivy.SchemaBuilder()
    builder.add_text_field("key", tokenizer_name="raw", index_option="basic")
    builder.add_bytes_field("document", stored=True)
    # Integers, never unsigned ones: a Python int in an unsigned field ends the writing thread.
    builder.add_integer_field("run", indexed=True, fast=True)
    builder.add_integer_field("kind", indexed=True, fast=True)
    builder.add_integer_field("time_ms", fast=True)
    builder.add_integer_field("since_ms", fast=True)
    builder.add_integer_field("level", indexed=True, fast=True)
    for field in RUN_FIELDS:
        builder.add_text_field(index_field(field), tokenizer_name=WORDS, index_option="position")
    builder.add_text_field("pair", tokenizer_name="raw", index_option="basic")
    builder.add_text_field(BODY, tokenizer_name=WORDS, index_option="position")
    return builder.build()


def analyzer() -> tantivy.TextAnalyzer:
    """Return what splits prepared texts; an index has to be given it each time it is opened."""
    return tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.whitespace()).build()


def indexed(document: Document) -> tantivy.Document:
    """Return a document as the index takes it: `put` removes its key before."""
    found = tantivy.Document()
    found.add_text("key", _clean(document.key))
    found.add_integer("run", document.run)
    found.add_integer("kind", KINDS[type(document)])
    found.add_integer("time_ms", milliseconds(document.time))
    match document:
        case RunWords():
            _add_run(found, document)
        case ConsoleLines(lines=lines):
            found.add_text(BODY, prepared_lines(lines))
            found.add_integer("since_ms", milliseconds(document.since))
            document = msgspec.structs.replace(document, lines=())
        case SourceLines(lines=lines):
            found.add_text(BODY, prepared_lines(lines))
            document = msgspec.structs.replace(document, lines=())
        case Message():
            document = msgspec.structs.replace(document, text=document.text[:TEXT_CHARS_MAX])
            found.add_text(BODY, prepared(document.text))
            found.add_text(BODY, prepared(document.logger))
            found.add_integer("level", document.level)
        case Text():
            document = msgspec.structs.replace(document, text=document.text[:TEXT_CHARS_MAX])
            for text in (document.text, document.name, document.context):
                found.add_text(BODY, prepared(text))
    if not isinstance(document, ConsoleLines):
        found.add_integer("since_ms", milliseconds(document.time))
    found.add_bytes("document", _encoded(document))
    return found


def decoded(found: tantivy.Document) -> Document:
    """Return a document as it was put, without the lines that are not kept."""
    return _decoder.decode(found.get_first("document") or b"")


def _add_run(found: tantivy.Document, run: RunWords) -> None:
    for field, name, text in run.values():
        if text:
            found.add_text(index_field(field), prepared(text))
        if field == "param":
            for pair in pairs(name, run.params[name]):
                found.add_text("pair", _clean(pair))


def index_field(field: str) -> str:
    """Return the index's name of a field of runs; `run` is the number there."""
    return "id" if field == "run" else field


def _encoded(document: Document) -> bytes:
    try:
        return _encoder.encode(document)
    except UnicodeEncodeError:
        return _encoder.encode(_without_halves(msgspec.to_builtins(document)))


def _without_halves(value: Any) -> Any:
    if isinstance(value, str):
        return _clean(value)
    if isinstance(value, dict):
        return {_without_halves(key): _without_halves(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without_halves(item) for item in value]
    return value


def _clean(text: str) -> str:
    return text if text.isascii() else _HALVES.sub("\ufffd", text)


def milliseconds(seconds: float) -> int:
    """Return unix milliseconds, as the index counts them."""
    # A broken clock's time is kept as far as the index can count.
    return 0 if isnan(seconds) else int(max(-(2.0**53), min(2.0**53, seconds * 1000)))
