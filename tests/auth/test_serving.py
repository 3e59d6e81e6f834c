"""Servers that others can reach, with tokens and certificates."""

from __future__ import annotations

import json
import os
import ssl
import urllib.request
from contextlib import suppress
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import pytest

import foldline
from foldline.layout import Layout
from foldline.shipper.dispatch import dispatch
from foldline.shipper.hold import remote_of
from foldline_ingest.verify import verify
from foldline_ui.audit import events
from foldline_ui.certificate import context_of
from foldline_ui.errors import CertificateRejected
from tests.patience import wait_for
from tests.remote.servers import certify
from tests.ui.processes import foldline_command, up

ANYWHERE = "0.0.0.0"  # noqa: S104 -- the test shows that it takes a token


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FOLDLINE_TOKEN", "FOLDLINE_TOKEN_OVER_HTTP", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Return a self-made certificate of this machine, and its key."""
    return certify(tmp_path_factory.mktemp("certificate"))


def token(store: Path, *words: str) -> Any:
    done = foldline_command("token", "create", "--store", str(store), "--json", *words)
    assert done.status == 0, done.errors
    return json.loads(done.output)


def test_other_hosts_are_served_with_a_token_alone(tmp_path: Path) -> None:
    """Without one the server does not start, and says what to type; then that works."""
    store = str(tmp_path / "store")
    for words in (("--host", ANYWHERE), ("--host", "::"), ("--trusted-proxy", "127.0.0.1")):
        done = foldline_command("up", "--store", store, "--port", "0", *words)
        assert done.status == 2
        assert "foldline token create --scope admin" in done.errors
    expired = token(tmp_path / "store", "--scope", "admin", "--expires", "0h")
    assert foldline_command("up", "--store", store, "--host", ANYWHERE).status == 2
    assert expired["token"].startswith("fld_")


def test_a_server_asks_who_one_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A token is made, used, seen to be used, and revoked while the server runs; one signs in."""
    store = tmp_path / "store"
    made = token(store, "--scope", "write", "--experiment", "mnist", "--name", "ana")
    with up(store, "--auth") as server:
        with pytest.raises(HTTPError) as caught:
            server.ask("health")
        assert caught.value.code == 401
        login = foldline_command("token", "login", "--store", str(store), "--json")
        browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))
        with suppress(HTTPError):  # of the pages, which may not be built
            browser.open(json.loads(login.output)["url"], timeout=10).close()
        with browser.open(f"{server.url}api/v1/session", timeout=10) as answer:
            assert json.loads(answer.read())["name"] == "owner"
        monkeypatch.setenv("FOLDLINE_TOKEN", made["token"])
        hold = _logged(tmp_path, "mnist")
        assert dispatch(hold, remote_of(server.url), patience_s=5).trouble == ""
        wait_for(lambda: _runs(server.url) == 1, "the run to be read there")
        other = token(store, "--scope", "read", "--experiment", "other")
        monkeypatch.setenv("FOLDLINE_TOKEN", other["token"])
        assert _runs(server.url) == 0
        monkeypatch.setenv("FOLDLINE_TOKEN", made["token"])
        revoked = foldline_command("token", "revoke", "--store", str(store), made["id"])
        assert revoked.status == 0
        refused = dispatch(_logged(tmp_path, "mnist"), remote_of(server.url), patience_s=5)
        assert "revoked" in refused.trouble
        server.stop()
    whats = [event.what for event in sorted(events(Layout(store)), key=lambda one: one.time)]
    assert whats == ["token_made", "signed_in", "token_made", "token_revoked", "refused"]
    listed = foldline_command("audit", "--store", str(store)).output
    assert "token_revoked" in listed and made["token"] not in listed


def _runs(url: str) -> int:
    with foldline.open(url) as there:
        return len(there.runs())


def _logged(folder: Path, experiment: str) -> Layout:
    """Return a store with one run more."""
    with foldline.Run(store=folder / "hold", experiment=experiment, capture="none") as run:
        for step in range(100):
            run.track(step / 2, name="loss", step=step)
    return Layout(folder / "hold")


def test_a_run_is_shipped_over_https(
    tmp_path: Path, certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It arrives whole; a certificate that nobody vouches for is not shown the token."""
    store = tmp_path / "store"
    monkeypatch.setenv("FOLDLINE_TOKEN", token(store, "--scope", "ingest")["token"])
    cert, key = map(str, certificate)
    with up(store, "--auth", "--cert", cert, "--key", key) as server:
        assert server.url.startswith("https://127.0.0.1:")
        hold, remote = _logged(tmp_path, "mnist"), remote_of(server.url)
        refused = dispatch(hold, remote, patience_s=0)
        assert refused.runs == 0 and "certificate" in refused.trouble.lower()
        monkeypatch.setenv("SSL_CERT_FILE", cert)
        elsewhere = remote_of(server.url.replace("127.0.0.1", "127.0.0.2"))
        assert dispatch(hold, elsewhere, patience_s=0).runs == 0  # it is of another name
        told = dispatch(hold, remote, patience_s=10)
        assert (told.runs, told.trouble, told.refused) == (1, "", [])
        shown = json.dumps({"token": os.environ["FOLDLINE_TOKEN"]}).encode()
        asked = urllib.request.Request(
            f"{server.url}api/v1/session", shown, {"Content-Type": "application/json"}
        )
        trusting = ssl.create_default_context(cafile=cert)
        with urllib.request.urlopen(asked, context=trusting, timeout=10) as answer:
            assert "Secure" in answer.headers["Set-Cookie"]
        assert server.stop() == 0
    assert context_of(*certificate).minimum_version == ssl.TLSVersion.TLSv1_2
    report = verify(Layout(store))
    assert not report.damage and report.segments


@pytest.mark.parametrize("text", ["", "no certificate"])
def test_what_is_no_certificate_is_told(tmp_path: Path, text: str) -> None:
    """The server does not start without the encryption that was asked for."""
    file = tmp_path / "cert.pem"
    file.write_text(text)
    with pytest.raises(CertificateRejected, match=r"cert\.pem"):
        context_of(file)
    with pytest.raises(CertificateRejected, match="No such file"):
        context_of(tmp_path / "none.pem")
    words = ("--store", str(tmp_path / "store"), "--port", "0", "--cert", str(file))
    assert foldline_command("up", *words).status == 2


def test_a_proxy_is_the_way_in(tmp_path: Path) -> None:
    """The address that is printed is the proxy's; what it says of a request is believed."""
    store = tmp_path / "store"
    token(store, "--scope", "admin")
    words = ("--trusted-proxy", "127.0.0.0/8", "--name", "lab.example", "--prefix", "/lab")
    with up(store, *words) as server:
        assert server.url.startswith("http://127.0.0.1:")
        login = foldline_command("token", "login", "--store", str(store), "--json")
        front = json.loads(login.output)["url"]
        assert front.startswith("https://lab.example/lab/api/v1/login?code=")
        path = front.removeprefix("https://lab.example/lab/")
        asked = urllib.request.Request(
            server.url + path,
            headers={"X-Forwarded-Host": "lab.example", "X-Forwarded-Proto": "https"},
        )
        opener = urllib.request.build_opener(_Stay)
        with opener.open(asked, timeout=10) as answer:
            assert answer.headers["Location"] == "/lab/"
            assert "Secure" in answer.headers["Set-Cookie"]
            assert "Path=/lab/" in answer.headers["Set-Cookie"]


class _Stay(urllib.request.HTTPRedirectHandler):
    """Follows no redirect: what sends elsewhere is the answer."""

    def http_error_303(self, request: Any, answer: Any, *_: Any) -> Any:
        return answer


def test_tokens_are_listed(tmp_path: Path) -> None:
    """By id, with scope, experiments and end; of an unknown one the command says no."""
    store = tmp_path / "store"
    made = token(store, "--scope", "read", "--experiment", "a", "--experiment", "b")
    words = ("--store", str(store))
    listed = foldline_command("token", "ls", *words).output
    assert made["id"] in listed and "a, b" in listed and "never used" in listed
    assert made["token"] not in listed
    assert foldline_command("token", "revoke", "none", *words).status == 1
    assert foldline_command("token", "login", *words).status == 4  # nobody serves it
    shown = foldline_command("token", "create", "--scope", "admin", *words)
    assert shown.output.startswith("fld_") and "told this once" in shown.output
