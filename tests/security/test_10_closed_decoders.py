"""Rules 10, 16: nothing that is read becomes code."""

from __future__ import annotations

import ast
import re
import subprocess
import tomllib
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("tracker/foldline", "ingest/foldline_ingest", "views/foldline_views", "ui/foldline_ui")

# What makes code, or objects of any class, of bytes that somebody wrote.
BANNED_CALLS = {
    "eval", "exec", "compile", "__import__", "os.system", "os.popen", "pickle.load", "pickle.loads",
    "marshal.load", "marshal.loads", "yaml.load", "yaml.unsafe_load", "yaml.full_load", "np.load",
    "numpy.load", "joblib.load", "shelve.open", "dill.loads", "cloudpickle.loads", "torch.load",
    "pd.read_pickle", "tempfile.mktemp", "tarfile.open", "zipfile.ZipFile", "shutil.unpack_archive",
    "xml.etree.ElementTree.parse", "webbrowser.open",
}  # fmt: skip
BANNED_IMPORTS = {
    "pickle", "marshal", "shelve", "dill", "cloudpickle", "joblib", "xmlrpc", "telnetlib", "ftplib",
    "code", "codeop",
}  # fmt: skip
# Where a call of the list is meant: the file, the call, and why.
MEANT_CALLS = {
    ("views/foldline_views/pointpages.py", "np.load"): "of numbers alone: allow_pickle is False",
}
# Modules that are imported by a name that stands in a variable: from closed lists, each.
IMPORTERS = {
    "tracker/foldline/__init__.py",  # its own public names, when they are first asked for
    "tracker/foldline/values/__init__.py",  # likewise
    "tracker/foldline/values/kinds.py",  # CLASSES
    "views/foldline_views/dataframes.py",  # pandas or polars
    "ui/foldline_ui/__main__.py",  # the commands
}

# What turns a text into a part of the page.
BANNED_IN_PAGES = re.compile(
    r"innerHTML|outerHTML|insertAdjacentHTML|\{@html|document\.write|\beval\(|new Function|"
    r"srcdoc|createContextualFragment|DOMParser|javascript:|setHTMLUnsafe|\bimport\([^'\"]"
)
# Where one is meant: the frame in the sandbox becomes what its parent posts to it.
MEANT_IN_PAGES: dict[str, str] = {}


def tracked(*endings: str) -> list[str]:
    """Return the files of the repository that end so, those that are new among them."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return [one for one in names.splitlines() if one.endswith(endings) and (ROOT / one).is_file()]


@cache
def sources() -> dict[str, list[ast.AST]]:
    """Return the nodes of every source file by its name."""
    return {
        name: list(ast.walk(ast.parse((ROOT / name).read_text())))
        for name in tracked(".py")
        if name.startswith(PACKAGES)
    }


def test_nothing_that_is_read_is_run() -> None:
    """No source unpickles, evaluates, unpacks an archive or hands a text to a shell."""
    found = []
    for name, nodes in sources().items():
        for node in nodes:
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                if called in BANNED_CALLS and (name, called) not in MEANT_CALLS:
                    found.append(f"{name}:{node.lineno}: {called}")
                words = {(word.arg, ast.unparse(word.value)) for word in node.keywords}
                if words & {("shell", "True"), ("allow_pickle", "True")}:
                    found.append(f"{name}:{node.lineno}: {ast.unparse(node)[:80]}")
            elif isinstance(node, ast.Import | ast.ImportFrom):
                modules = {alias.name.split(".")[0] for alias in node.names}
                if isinstance(node, ast.ImportFrom):
                    modules = {(node.module or "").split(".")[0]} if not node.level else set()
                found += [f"{name}:{node.lineno}: import {one}" for one in modules & BANNED_IMPORTS]
    assert found == []


def test_modules_are_imported_from_closed_lists() -> None:
    """No module's name comes from a log, a store or a request."""
    found = set()
    for name, nodes in sources().items():
        for node in nodes:
            if isinstance(node, ast.Call) and node.args:
                called = ast.unparse(node.func).rpartition(".")[2]
                if called == "import_module" and not isinstance(node.args[0], ast.Constant):
                    found.add(name)
    assert found <= IMPORTERS


def test_the_server_decodes_no_pictures() -> None:
    """Pillow is asked by what makes and reads values in Python, and by no layer above it."""
    found = {
        name.rpartition("/")[0]
        for name, nodes in sources().items()
        for node in nodes
        if isinstance(node, ast.Import | ast.ImportFrom) and "PIL" in ast.unparse(node)
    }
    assert found == {"tracker/foldline/values"}


def test_no_text_becomes_a_part_of_the_page() -> None:
    """The front end makes elements and texts, and never HTML out of a text."""
    found = [
        f"{name}:{number}: {line.strip()[:100]}"
        for name in tracked(".ts", ".svelte", ".html")
        if name.startswith("ui/web/") and ".test." not in name and name not in MEANT_IN_PAGES
        for number, line in enumerate((ROOT / name).read_text().splitlines(), 1)
        if BANNED_IN_PAGES.search(line) and not line.strip().startswith(("//", "*", "/*"))
    ]
    assert found == []


def test_only_one_policy_makes_trusted_types() -> None:
    """Svelte's own policy is the only one that the content policy lets be made."""
    found = [
        name
        for name in tracked(".ts", ".svelte", ".js")
        if name.startswith("ui/web/src") and "createPolicy" in (ROOT / name).read_text()
    ]
    assert found == []
    assert "trusted-types svelte-trusted-html" in (ROOT / "ui/foldline_ui/guard.py").read_text()


def test_the_security_lint_is_on() -> None:
    """Bandit's rules are among ruff's, and what is let off says why beside it."""
    lint = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["ruff"]["lint"]
    assert "S" in lint["select"]
    ignored = {rule for rule in lint["ignore"] if re.fullmatch(r"S\d+", rule)}
    assert ignored <= {"S101", "S311", "S603", "S607"}


def test_what_is_installed_is_bounded_and_pinned() -> None:
    """Dependencies are few and have upper bounds; the front end's are pinned by their hashes."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert len(project["dependencies"]) <= 12
    assert [one for one in project["dependencies"] if "<" not in one] == []
    lock = (ROOT / "ui/web/package-lock.json").read_text()
    packages = lock.count('"node_modules/')
    assert packages and lock.count('"integrity": "sha512-') == packages


def test_the_pages_load_nothing_from_elsewhere() -> None:
    """No page, style or script of the bundle's sources names another host to load from."""
    loads = re.compile(r"""(?:src|href)=["']https?://|@import\s|url\(["']?https?:|//cdn\.""")
    found = [
        f"{name}:{number}"
        for name in tracked(".html", ".svelte", ".css")
        if name.startswith("ui/web/")
        for number, line in enumerate((ROOT / name).read_text().splitlines(), 1)
        if loads.search(line) and "<a " not in line
    ]
    assert found == []
