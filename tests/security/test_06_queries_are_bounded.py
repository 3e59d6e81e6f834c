"""Rule 6: queries run nothing, and end in time."""

from __future__ import annotations

import ast
import sqlite3
import time
from contextlib import suppress
from pathlib import Path

import pytest

from foldline.errors import QueryError, QuestionError
from foldline_views import evaluation
from foldline_views.database import connect
from foldline_views.expressions import parse_expression
from foldline_views.query import parse
from foldline_views.searches import understood
from tests.security.opened import touched
from tests.views.oracle import Row, RowTable

ROWS = 5_000
BOUND_S = 0.3  # in place of the real one, so that the test is quick
SLACK_S = 3.0  # for the part that is being worked out when the time is up, on a busy machine

# What got code run, or files read, in languages that were made of Python.
ESCAPES = (
    "__import__('os').system('touch pwned')",
    "().__class__.__bases__[0].__subclasses__()",
    "run.__class__.__mro__",
    "run.params.__init__.__globals__",
    "getattr(run, 'name')",
    "eval('1')",
    "exec('1')",
    "open('/etc/passwd').read()",
    "(lambda: 1)()",
    "[x for x in ().__class__.__base__.__subclasses__()]",
    "f'{run.name.__class__}'",
    "'{0.__class__}'.format(run)",
    "run.name.format(run)",
    "run.name.encode('rot13')",
    "(x := 1)",
    "print(1)",
    "globals()",
    "vars(run)",
    "type(run)",
    "run.name.__len__()",
    "await run",
    "run.name @ run.name",
    "breakpoint()",
    "help(run)",
    "@run",
    "import os",
    "run; import os",
    "run\nimport os",
    "'; drop table runs; --",
    "run.name == '' union select 1",
)

# What takes long, or much memory, wherever it is taken literally.
COSTLY = (
    "run.n ** 99999999 > 1",
    "9 ** 9 ** 9 ** 9 > 1",
    "run.n ** run.n ** run.n ** run.n > 1",
    "'a' * 1000000000 == 'b'",
    "run.s * 1000000000 == 'b'",
    "[1] * 1000000000 == []",
    "len(range(1000000000)) > 1",
    "run.s.replace('', 'aaaaaaaaaaaaaaaaaaaaaaaaa').replace('', 'aaaaaaaaaaaaaaaaaaaa') == 'x'",
    "round(run.n, 10 ** 9) > 1",
    "run.s.ljust(10 ** 10) == ''",
    "int('9' * 4000) > 1",
    "1 << 10 ** 10 > 1",
    "any(any(any(x + y + z > 0 for z in run.x) for y in run.x) for x in run.x)",
    "all(any(x == y for y in run.x) for x in run.x)",
    " or ".join(["run.s + run.s == run.s"] * 30),
    " or ".join(["run.s.upper().lower().title() == 'x'"] * 20),
    " or ".join(["sorted(run.x)[0] > sum(run.x)"] * 20),
)


def table() -> RowTable:
    """Return rows that every query above can work on."""
    return RowTable(
        [
            Row({("params", "n"): 999 + n, ("params", "s"): f"a name {n}" * 9,
                 ("params", "x"): list(range(20))})
            for n in range(ROWS)
        ]
    )  # fmt: skip


@pytest.mark.parametrize("text", ESCAPES)
def test_no_query_runs_anything(text: str) -> None:
    """What would be code elsewhere is an error here, or the path of a param that no run has."""
    rows = RowTable([Row({("params", "n"): 1})])
    with touched() as paths, suppress(QueryError):
        assert not parse(text).mask(rows).any()
    assert [path for path in paths if "passwd" in path or "pwned" in path] == []


def test_a_query_ends_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever it asks for, it has an answer or an error with a hint soon after its time is up."""
    monkeypatch.setattr(evaluation, "ANSWER_S_MAX", BOUND_S)
    rows = table()
    slow: list[tuple[str, float]] = []
    for text in COSTLY:
        began = time.perf_counter()
        with suppress(QueryError):
            parse(text).mask(rows)
        took = time.perf_counter() - began
        if took > BOUND_S + SLACK_S:
            slow.append((text, took))
    assert slow == []


@pytest.mark.parametrize(
    "text",
    [
        "(" * 4000, '"' * 3999, "a~" * 1000, "-" * 4000, "x* " * 1000, "OR " * 1000, "~9",
        "param:a=" * 500, "(a OR b) " * 400, "*", "**", "a*b*c*", "/(a+)+$/", "\0", "note:\ud800",
        "a:" * 1000,
    ],
)  # fmt: skip
def test_a_question_of_the_search_ends_in_time(text: str) -> None:
    """What is typed into the search box is read in a moment, or is an error that says where."""
    began = time.perf_counter()
    with suppress(QuestionError):
        understood(text)
    assert time.perf_counter() - began < 2.0


def test_an_expression_runs_nothing() -> None:
    """Arithmetic over series has the same closed list."""
    for text in ESCAPES:
        with pytest.raises(QueryError):
            parse_expression(text)


def test_no_text_of_a_query_is_run() -> None:
    """The modules of the language use no `eval`, `exec`, `getattr` by a user's name, or import."""
    folder = Path(__file__).parents[2] / "views/foldline_views"
    modules = ("query", "source", "grammar", "syntax", "evaluation", "functions", "calls", "lookup",
               "expressions", "values", "arrays")  # fmt: skip
    banned = {"eval", "exec", "compile", "__import__", "import_module", "globals", "setattr"}
    found = [
        f"{name}:{node.lineno}: {ast.unparse(node.func)}"
        for name in modules
        for node in ast.walk(ast.parse((folder / f"{name}.py").read_text()))
        if isinstance(node, ast.Call)
        if (called := ast.unparse(node.func)) != "re.compile"
        and called.rpartition(".")[2] in banned
    ]
    assert found == []


def test_readers_of_the_views_can_only_read(tmp_path: Path) -> None:
    """A reader's connection refuses to write, and trusts no function that a schema names."""
    path = tmp_path / "views.db"
    with connect(path, write=True) as db:
        db.execute("CREATE TABLE kept (a)")
    db.close()
    assert path.stat().st_mode & 0o077 == 0
    db = connect(path, write=False)
    try:
        for statement in ("INSERT INTO kept VALUES (1)", "DROP TABLE kept", "CREATE TABLE b (a)"):
            with pytest.raises(sqlite3.OperationalError):
                db.execute(statement)
        assert db.execute("PRAGMA query_only").fetchone() == (1,)
        assert db.execute("PRAGMA trusted_schema").fetchone() == (0,)
    finally:
        db.close()
