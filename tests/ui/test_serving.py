"""What the server listens at."""

from __future__ import annotations

import re
import socket

import pytest

from foldline_ui.errors import HostRefused, PortTaken
from foldline_ui.serving import address, bind


def test_any_free_port_is_found() -> None:
    """Port 0 gives a port that is free, and the address names it."""
    with bind("127.0.0.1", 0) as listening:
        url = address(listening)
        assert re.fullmatch(r"http://127\.0\.0\.1:[1-9]\d+/", url)
        port = int(url.rstrip("/").rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port), timeout=5):
            pass


def test_a_taken_port_is_told_with_a_free_one() -> None:
    """The hint is a command that works, to be typed as it stands."""
    with bind("127.0.0.1", 0) as first:
        port = first.getsockname()[1]
        with pytest.raises(PortTaken) as caught:
            bind("127.0.0.1", port)
    assert str(port) in caught.value.message
    hint = re.fullmatch(r"foldline up --port (\d+)", caught.value.hint)
    assert hint
    bind("127.0.0.1", int(hint[1])).close()


EVERYWHERE = "0.0.0.0"  # noqa: S104 -- shown to be refused


@pytest.mark.parametrize("host", [EVERYWHERE, "::", "192.0.2.1", "example.test"])
def test_only_loopback_is_listened_at(host: str) -> None:
    """Without tokens nobody on the network may read the runs; the hint shows another way in."""
    with pytest.raises(HostRefused) as caught:
        bind(host, 0)
    assert "without a token" in caught.value.message
    assert "foldline token create" in caught.value.hint and "ssh -L" in caught.value.hint


def test_a_port_that_is_none_is_refused() -> None:
    """A number that is no port is told as such, without a traceback."""
    with pytest.raises(PortTaken, match="no port"):
        bind("127.0.0.1", 65_536)


def test_the_address_of_ipv6_is_written_in_brackets() -> None:
    """An address with colons is told from its port."""
    if not socket.has_ipv6:
        pytest.skip("this machine has no IPv6")
    with bind("::1", 0) as listening:
        assert address(listening).startswith("http://[::1]:")


def test_localhost_is_the_loopback_address() -> None:
    """The name is bound as the address that it stands for, whatever a hosts file says."""
    with bind("localhost", 0) as listening:
        assert listening.getsockname()[0] == "127.0.0.1"
