"""Notes each connection that a Python process opens.

A folder with this file on PYTHONPATH is all that it takes; `FOLDLINE_TEST_CONNECTS` is where the
addresses go, one a line.
"""

from __future__ import annotations

import os
import sys


def _note(event: str, arguments: tuple[object, ...]) -> None:
    if event in {"socket.connect", "socket.sendto", "socket.getaddrinfo", "socket.gethostbyname"}:
        line = f"{event} {arguments[1:] if event.startswith('socket.c') else arguments}\n"
        file = os.open(os.environ["FOLDLINE_TEST_CONNECTS"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(file, line.encode())
        os.close(file)


if "FOLDLINE_TEST_CONNECTS" in os.environ:
    sys.addaudithook(_note)
