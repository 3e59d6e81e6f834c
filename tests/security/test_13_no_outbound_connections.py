"""Rule 13: nobody is spoken to unasked."""

from __future__ import annotations

import socket
from pathlib import Path
from urllib.parse import urlsplit

import anyio
import anyio.to_thread
import pytest

import foldline
from foldline.errors import ValueRejected
from foldline.layout import Layout
from foldline_ui import delivery
from foldline_views import rules
from foldline_views.conditions import Nonfinite
from foldline_views.outbox import waiting
from foldline_views.rules import Rule
from tests.alerts.test_delivery import hooked, put
from tests.capture.trainings import companions, start
from tests.security.doors import doors
from tests.ui.processes import up

HERE = Path(__file__).parent

# Addresses of a network's inside that a name may be bound to; the first gives away cloud keys.
INSIDE = ("169.254.169.254", "224.0.0.1", "fe80::1", "::ffff:169.254.169.254", "::")


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file with the connections of every Python process that a test starts."""
    file = tmp_path / "connects"
    file.touch()
    monkeypatch.setenv("FOLDLINE_TEST_CONNECTS", str(file))
    monkeypatch.setenv("PYTHONPATH", str(HERE))
    return file


def test_a_server_opens_no_connection(tmp_path: Path, told: Path) -> None:
    """Started, asked by every route, and stopped: server and fold process connect to nobody."""
    store = tmp_path / "store"
    with foldline.Run(id="0k1", store=store, capture=False) as run:
        run.track(0.5, name="loss", step=0)
        run["site"] = "https://evil.test/steal"
        run.notes = "![picture](https://evil.test/pixel.png) [link](https://evil.test)"
        run.track(foldline.Html('<img src="https://evil.test/pixel.png">'), name="page", step=0)
    with up(store) as server:
        server.wait_until_live()
        for door in doors():
            if door.path.endswith("/events"):
                continue
            with socket.create_connection(("127.0.0.1", server.port), 20) as asking:
                body = door.body or b""
                head = [f"{door.method} {door.path} HTTP/1.1", "Host: localhost",
                        "Connection: close", f"Content-Length: {len(body)}"]  # fmt: skip
                head += [f"{name}: {value}" for name, value in door.headers.items()]
                asking.sendall("\r\n".join(head).encode() + b"\r\n\r\n" + body)
                assert asking.recv(12).startswith(b"HTTP/1.1 "), door
        server.stop()
    assert told.read_text() == ""


def test_a_training_opens_no_connection(tmp_path: Path, told: Path) -> None:
    """A run that captures everything, in its training and its companion, connects to nobody."""
    store = tmp_path / "store"
    script = """
        import foldline.integrations
        run = foldline.Run(params={"site": "https://evil.test"})
        run.track(0.5, name="loss", step=0)
        run.track(foldline.Html("<img src=https://evil.test>"), name="page", step=0)
        run.log_artifact(os.path.abspath(os.__file__), name="module", block=True)
        run.finish()
    """
    assert start(store, script, capture="all").end().code == 0
    companions(store)
    assert told.read_text() == ""


def test_an_artifact_elsewhere_is_never_fetched(tmp_path: Path) -> None:
    """A place that is an address is refused: no name of an artifact makes anybody connect."""
    with foldline.Run(store=tmp_path / "store", capture=False) as run:
        for place in (
            "https://evil.test/a",
            "s3://bucket/a",
            "file://evil.test/a",
            "ftp://evil.test",
        ):
            with pytest.raises(ValueRejected):
                foldline.artifact.place_of(place)
        assert run.id


@pytest.mark.anyio
@pytest.mark.parametrize("address", INSIDE)
async def test_alerts_do_not_go_where_only_machines_speak(tmp_path: Path, address: str) -> None:
    """An address of this kind is refused when it is connected to, however it was named."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with pytest.raises(OSError, match="no address for alerts"):
        delivery._socket((family, socket.SOCK_STREAM, 0, "", (address, 80)))
    layout = Layout(tmp_path / "store")
    layout.create()
    with foldline.Run(id="one", store=layout.root, capture=False) as run:
        run.track(1.0, name="loss", step=0)
    url = f"http://{f'[{address}]' if ':' in address else address}:80/latest/meta-data"
    rules.add(layout, Rule("nan", Nonfinite(), webhook=url))
    await anyio.to_thread.run_sync(put, layout, url)
    sender = delivery.Delivery(layout)
    await sender.look()
    assert len(list(waiting(layout))) == 1  # it waits, and was not sent


@pytest.mark.anyio
async def test_a_name_is_looked_at_when_it_is_connected_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that means another address from one look to the next leads nowhere inside."""
    layout = Layout(tmp_path / "store")
    layout.create()
    with foldline.Run(id="one", store=layout.root, capture=False) as run:
        run.track(1.0, name="loss", step=0)
    with hooked() as hook:
        port = urlsplit(hook.url).port
        url = f"http://rebound.test:{port}/"
        rules.add(layout, Rule("nan", Nonfinite(), webhook=url))
        await anyio.to_thread.run_sync(put, layout, url)
        means = iter(["127.0.0.1", "169.254.169.254"])

        async def resolve(_: object, host: str, port: int = 0, family: int = 0) -> list[object]:
            address = next(means)
            return [{"hostname": host, "host": address, "port": port, "family": socket.AF_INET,
                     "proto": 0, "flags": 0}]  # fmt: skip

        monkeypatch.setattr("aiohttp.resolver.ThreadedResolver.resolve", resolve)
        hook.status = 500
        monkeypatch.setattr(delivery, "RETRY_S_MIN", 0.0)
        sender = delivery.Delivery(layout)
        for _ in range(2):
            await sender.look()
        assert hook.asked == 1
