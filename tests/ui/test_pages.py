"""How the built front-end is served."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from tests.ui.fakes import Fake, serving

pytestmark = pytest.mark.anyio
SCRIPT = b"console.log('Foldline')\n" * 100


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """A front-end as the build leaves it."""
    folder = tmp_path / "static"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text("<!doctype html><div id=app></div>")
    (folder / "favicon.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    (folder / "assets" / "index-abc.js").write_bytes(SCRIPT)
    (folder / "assets" / "index-abc.js.gz").write_bytes(gzip.compress(SCRIPT))
    (folder / ".stamp").write_text("secret of the build")
    return folder


@pytest.mark.parametrize("path", ["/", "/runs", "/runs/0k1", "/metrics?q=run.name", "/nowhere/yet"])
async def test_a_page_of_the_front_end_is_its_index(
    tmp_path: Path, bundle: Path, path: str
) -> None:
    """A deep link opens the app, which finds its own way; the index is asked for each time."""
    async with serving(Fake(tmp_path), bundle=bundle) as client:
        answer = await client.get(path)
        assert answer.status == 200
        assert answer.content_type == "text/html"
        assert answer.headers["Cache-Control"] == "no-cache"
        assert "id=app" in await answer.text()
        again = await client.get(path, headers={"If-None-Match": answer.headers["ETag"]})
        assert again.status == 304


async def test_assets_are_kept_for_ever(tmp_path: Path, bundle: Path) -> None:
    """A file whose name carries its hash is never asked for again; it travels packed."""
    async with serving(Fake(tmp_path), bundle=bundle) as client:
        answer = await client.get("/assets/index-abc.js")
        assert answer.headers["Content-Encoding"] == "gzip"
        assert answer.headers["Vary"] == "Accept-Encoding"
        assert int(answer.headers["Content-Length"]) < len(SCRIPT)
        assert await answer.read() == SCRIPT
        assert "immutable" in answer.headers["Cache-Control"]
        assert answer.content_type == "text/javascript"
        plain = await client.get("/assets/index-abc.js", headers={"Accept-Encoding": "identity"})
        assert "Content-Encoding" not in plain.headers
        assert await plain.read() == SCRIPT


async def test_files_beside_the_index_are_asked_for_each_time(tmp_path: Path, bundle: Path) -> None:
    """A file without a hash in its name may change with the next build."""
    async with serving(Fake(tmp_path), bundle=bundle) as client:
        answer = await client.get("/favicon.svg")
    assert answer.content_type == "image/svg+xml"
    assert answer.headers["Cache-Control"] == "no-cache"


async def test_behind_a_proxy_all_is_below_the_prefix(tmp_path: Path, bundle: Path) -> None:
    """Pages, assets and the API answer with the prefix and without; the index says where it is."""
    index = '<!doctype html><base href="/" /><div id=app></div>'
    (bundle / "index.html").write_text(index)
    (bundle / "index.html.gz").write_bytes(gzip.compress(index.encode()))
    fake = Fake(tmp_path)
    async with serving(fake, app=fake.app(bundle=bundle, prefix="/lab/fold")) as client:
        for path in ("/lab/fold/", "/lab/fold/runs/0k1", "/", "/runs"):
            for encoding in ("gzip", "identity"):
                answer = await client.get(path, headers={"Accept-Encoding": encoding})
                assert '<base href="/lab/fold/" />' in await answer.text()
        for path in ("/lab/fold/assets/index-abc.js", "/assets/index-abc.js"):
            assert await (await client.get(path)).read() == SCRIPT
        for path in ("/lab/fold/api/v1/health", "/api/v1/health"):
            assert (await client.get(path)).content_type == "application/json"
        entered = await client.get("/lab/fold", allow_redirects=False)
        assert (entered.status, entered.headers["Location"]) == (307, "/lab/fold/")
        for path in ("/lab/fold/api/v1/nope", "/lab/fold/api/nope", "/lab/fold/nope.js"):
            assert (await client.get(path)).status == 404
        async with client.get("/lab/fold/api/v1/events") as events:
            assert events.content_type == "text/event-stream"


@pytest.mark.parametrize(
    "path",
    [
        "/.stamp",
        "/assets/index-abc.js.gz",
        "/../pyproject.toml",
        "/%2e%2e/%2e%2e/etc/passwd.txt",
        "/assets/..%2findex.html",
        "/%2fetc/hosts.txt",
        "/assets/missing.js",
    ],
)
async def test_only_files_of_the_bundle_are_served(tmp_path: Path, bundle: Path, path: str) -> None:
    """No path leads out of the table that was read at the start."""
    async with serving(Fake(tmp_path), bundle=bundle) as client:
        answer = await client.get(path)
    assert answer.status == 404


async def test_without_a_bundle_a_page_says_what_to_do(tmp_path: Path) -> None:
    """Who installed without the pages is told so by the page, and the API works."""
    async with serving(Fake(tmp_path)) as client:
        answer = await client.get("/runs")
        assert answer.status == 503
        text = await answer.text()
        assert "FOLDLINE_UI" in text
        assert "make web" in text
        assert (await client.get("/api/v1/health")).status == 200
