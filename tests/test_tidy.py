"""The house rules, as tests: the style holds itself."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ("tracker/", "ingest/", "views/", "ui/")

FILE_LINES_MAX = 500  # what one reads in a sitting
TEST_FILE_LINES_MAX = 800  # tests are read case by case
FUNCTION_LINES_MAX = 70  # what fits a screen
LINE_CHARS_MAX = 100  # two files side by side
SUMMARY_WORDS_MAX = 9  # of a module's first line: "under ten words", articles not counted
CONTRIBUTING_LINES_MAX = 120
README_LINES_MAX = 200

TOP_LEVEL = {
    "pyproject.toml", "tracker", "ingest", "views", "ui", "tests", "benchmarks", "docs",
    "README.md", "ARCHITECTURE.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "LICENSE",
    "Makefile", ".ci", ".gitignore",
}  # fmt: skip

# A module with one of these names is a drawer: things are put there for want of a noun.
BANNED_MODULES = {
    "base", "common", "core", "data", "handler", "handlers", "helper", "helpers", "info", "lib",
    "main", "manager", "misc", "processor", "shared", "stuff", "tools", "util", "utils",
}  # fmt: skip

# Written in two halves, so that this file does not find itself.
LEFTOVERS = re.compile(
    r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X|HA" + r"CK)\b|<<<<" + r"<<<|>>>>" + r">>>"
)
REGISTRIES = re.compile(
    r"pypi\." + r"org|pythonhosted\." + r"org|npmjs\." + r"(?:org|com)|yarnpkg\." + r"com"
    r"|deb\." + r"debian\.org|index-" + r"url|crates\." + r"io",
)
MACHINE_PATHS = re.compile(
    r"(?<![\w.])/(?:home|root|Users|work|mnt|opt)/[\w.-]+|[A-Z]:\\" + r"Users"
)
SUPPRESSION = re.compile(r"#\s*(?:noqa|type:\s*ignore|pragma:|fmt:\s*off)(?P<rest>.*)$")
REASON = re.compile(r"(?:#|--)\s*\S")  # anything said after the codes

TEXT_SUFFIXES = {
    "", ".cfg", ".css", ".html", ".js", ".json", ".md", ".mjs", ".py", ".svelte", ".toml", ".ts",
    ".txt", ".typed", ".yaml", ".yml",
}  # fmt: skip


@cache
def tracked() -> tuple[str, ...]:
    """Return every file of the repository: what git tracks, and what it would not ignore."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listing = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return tuple(name for name in sorted(set(listing.splitlines())) if (ROOT / name).is_file())


def texts() -> Iterator[tuple[str, str]]:
    for name in tracked():
        if Path(name).suffix in TEXT_SUFFIXES:
            yield name, (ROOT / name).read_text(encoding="utf-8")


def modules(*prefixes: str) -> Iterator[tuple[str, ast.Module]]:
    for name in tracked():
        if name.endswith(".py") and name.startswith(prefixes):
            yield name, ast.parse((ROOT / name).read_text(encoding="utf-8"), name)


def written_by_hand(name: str) -> bool:
    return Path(name).suffix in {".py", ".ts", ".svelte", ".css", ".js", ".mjs"}


def is_test(name: str) -> bool:
    return name.startswith("tests/") or ".test." in name


def check(problems: list[str]) -> None:
    assert not problems, "\n" + "\n".join(problems)


def test_the_top_level_holds_what_was_agreed_and_nothing_else() -> None:
    """The root is the first thing a reader sees: no file slips into it, and none goes missing."""
    found = {name.split("/")[0] for name in tracked()}
    assert found == TOP_LEVEL


def test_files_are_short() -> None:
    """No file is longer than one reads in a sitting, in any language."""
    check(
        [
            f"{name}: {lines} lines, at most {limit}"
            for name, text in texts()
            if written_by_hand(name)
            if (lines := text.count("\n"))
            > (limit := TEST_FILE_LINES_MAX if is_test(name) else FILE_LINES_MAX)
        ]
    )


def test_lines_are_short() -> None:
    """No line of code is wider than half a screen, in any language."""
    check(
        [
            f"{name}:{number}: {len(line)} characters"
            for name, text in texts()
            if written_by_hand(name)
            for number, line in enumerate(text.splitlines(), 1)
            if len(line) > LINE_CHARS_MAX
        ]
    )


def test_functions_are_short() -> None:
    """No function is longer than a screen."""
    check(
        [
            f"{name}:{node.lineno}: {node.name} has {lines} lines"
            for name, tree in modules("")
            for node in ast.walk(tree)
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            if (lines := (node.end_lineno or node.lineno) - node.lineno + 1) > FUNCTION_LINES_MAX
        ]
    )


def test_modules_are_named_by_what_they_hold() -> None:
    """No module has a name under which anything could be put."""
    found = (name for name in tracked() if written_by_hand(name) and not name.endswith(".css"))
    allowed = {"ui/web/src/main.ts"}  # where the page starts; the build looks for it there
    check([name for name in found if Path(name).stem in BANNED_MODULES and name not in allowed])


def test_every_module_says_what_it_holds() -> None:
    """A module's docstring starts with one sentence of under ten words."""
    problems = []
    for name, tree in modules(""):
        summary = (ast.get_docstring(tree) or "").partition("\n")[0]
        words = [word for word in summary.split() if word.lower() not in {"a", "an", "the"}]
        if not summary.endswith(".") or len(words) > SUMMARY_WORDS_MAX:
            problems.append(f"{name}: {summary or 'no docstring'}")
    check(problems)


def test_every_test_says_what_it_shows() -> None:
    """A test's docstring states the behaviour in a sentence."""
    check(
        [
            f"{name}:{node.lineno}: {node.name}"
            for name, tree in modules("tests/")
            for node in ast.walk(tree)
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            if node.name.startswith("test_") and len((ast.get_docstring(node) or "").split()) < 3
        ]
    )


def test_tests_wait_for_conditions_and_never_sleep() -> None:
    """No test sleeps for a number of seconds and hopes; waiting is `tests.patience`'s work."""
    check(
        [
            f"{name}:{node.lineno}: {ast.unparse(node)}"
            for name, tree in modules("tests/")
            if name != "tests/patience.py"
            for node in ast.walk(tree)
            if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("sleep")
            if not (
                node.args and isinstance(node.args[0], ast.Constant) and node.args[0].value == 0
            )
        ]
    )


def test_nothing_is_left_for_later() -> None:
    """No marker of unfinished work is in the repository: an issue holds it, or nothing does."""
    check(
        [
            f"{name}:{number}: {line.strip()}"
            for name, text in texts()
            if name not in {"LICENSE", "ui/web/package-lock.json"}
            for number, line in enumerate(text.splitlines(), 1)
            if LEFTOVERS.search(line)
        ]
    )


def test_no_registry_and_no_machine_is_named() -> None:
    """The repository installs from whichever registry a machine uses, at whichever path it lies."""
    check(
        [
            f"{name}:{number}: {line.strip()[:120]}"
            for name, text in texts()
            for number, line in enumerate(text.splitlines(), 1)
            if REGISTRIES.search(line) or MACHINE_PATHS.search(line)
            if not line.lstrip().startswith("#!")
        ]
    )


def test_every_suppression_has_its_reason() -> None:
    """A lint or type error that is silenced says why, in words, on the same line."""
    problems = [
        f"{name}:{number}: {line.strip()}"
        for name, text in texts()
        if name.endswith(".py") and name != "tests/test_tidy.py"
        for number, line in enumerate(text.splitlines(), 1)
        if (found := SUPPRESSION.search(line)) and not REASON.search(found["rest"])
    ]
    in_ignores = False
    for number, line in enumerate((ROOT / "pyproject.toml").read_text().splitlines(), 1):
        in_ignores = in_ignores or line.startswith(("ignore = [", '"'))
        if in_ignores and re.match(r'\s+"[A-Z]+\d+",', line) and not REASON.search(line):
            problems.append(f"pyproject.toml:{number}: {line.strip()}")
        in_ignores = in_ignores and not line.startswith("]")
    check(problems)


def test_broad_excepts_have_their_reason() -> None:
    """Whoever catches everything says why, in a comment at the except."""
    problems = []
    for name, text in texts():
        lines = text.splitlines()
        for number, line in enumerate(lines, 1):
            if name.endswith(".py") and re.match(r"\s*except( \(?(Base)?Exception\b.*)?:", line):
                around = lines[max(0, number - 2) : number + 2]
                if not any("# " in near for near in around):
                    problems.append(f"{name}:{number}: {line.strip()}")
    check(problems)


def test_all_is_exact() -> None:
    """`__all__` names exactly the public functions and classes that a module defines."""
    problems = []
    for name, tree in modules(*SOURCES):
        if Path(name).name in {"__init__.py", "__main__.py"}:
            continue  # a package re-exports, and the type checker knows what
        # What is decorated has been handed to somebody already, such as the table of routes.
        kinds = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
        public = {
            node.name
            for node in tree.body
            if isinstance(node, kinds) and not node.name.startswith("_")
            if isinstance(node, ast.ClassDef) or not node.decorator_list
        }
        listed = _listed(tree)
        if public and listed is None:
            problems.append(f"{name}: no __all__")
        elif unknown := set(listed or ()) - _defined(tree):
            problems.append(f"{name}: __all__ names what is not there: {sorted(unknown)}")
        elif missing := public - set(listed or ()):
            problems.append(f"{name}: not in __all__: {sorted(missing)}")
    check(problems)


def _listed(tree: ast.Module) -> list[str] | None:
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return list(ast.literal_eval(node.value))
    return None


def _defined(tree: ast.Module) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names.update((alias.asname or alias.name).split(".")[0] for alias in node.names)
    return names


def test_imports_inside_a_package_are_relative() -> None:
    """Inside a package imports are relative, across packages absolute: the layers are visible."""
    problems = []
    for name, tree in modules(*SOURCES):
        package = name.split("/")[1]
        for node in ast.walk(tree):
            if not isinstance(node, ast.ImportFrom) or node.level or not node.module:
                continue
            if node.module.split(".")[0] == package:
                problems.append(f"{name}:{node.lineno}: from {node.module}")
    check(problems)


@pytest.mark.parametrize(
    ("package", "allowed"),
    [
        ("foldline", {"msgspec"}),
        ("foldline_ingest", {"msgspec", "anyio", "numpy"}),
        ("foldline_views", {"msgspec", "anyio", "numpy", "aiosqlite"}),
    ],
)
def test_a_package_imports_what_its_layer_may(package: str, allowed: set[str]) -> None:
    """Nothing outside the layer's list is loaded by importing a package, at any depth."""
    code = f"import sys, {package}; print(*sorted({{m.split('.')[0] for m in sys.modules}}))"
    command = [sys.executable, "-I", "-c", code]
    loaded = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    heavy = {
        "aiohttp",
        "aiosqlite",
        "anyio",
        "numpy",
        "sklearn",
        "scipy",
        "pandas",
        "PIL",
        "psutil",
    }
    layers = ["foldline", "foldline_ingest", "foldline_views", "foldline_ui"]
    above = set(layers[layers.index(package) + 1 :])
    assert set(loaded) & (heavy | above) <= allowed


def test_the_tracker_loads_no_asyncio() -> None:
    """`import foldline` costs a training script neither an event loop nor an HTTP client."""
    code = "import sys, foldline; print(*sorted(sys.modules))"
    command = [sys.executable, "-I", "-c", code]
    loaded = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    assert set(loaded) & {"asyncio", "http.client", "multiprocessing", "sqlite3", "ssl"} == set()


def test_the_lock_of_the_front_end_names_hashes_and_no_host() -> None:
    """The lock pins every package by its hash, wherever it comes from."""
    text = (ROOT / "ui/web/package-lock.json").read_text()
    assert '"integrity"' in text
    assert '"resolved"' not in text


def test_the_first_documents_are_short() -> None:
    """README and CONTRIBUTING are read to their end."""
    for name, limit in (
        ("README.md", README_LINES_MAX),
        ("CONTRIBUTING.md", CONTRIBUTING_LINES_MAX),
    ):
        assert (ROOT / name).read_text().count("\n") <= limit, name


def test_all_four_packages_are_typed_and_packed() -> None:
    """Each layer is one package with a `py.typed`, and the wheel is made of these four."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    packages = project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert len(packages) == len(SOURCES)
    for package in packages:
        assert (ROOT / package / "py.typed").is_file()
