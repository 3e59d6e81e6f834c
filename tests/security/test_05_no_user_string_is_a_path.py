"""Rule 5: what somebody sends never becomes a path."""

from __future__ import annotations

import hashlib
from pathlib import Path
from urllib.parse import quote

import pytest
from yarl import URL

from foldline import blobs
from foldline.artifact import Artifact, digest_of
from foldline.errors import BlobMissing, ValueRejected
from foldline.events import StoredFile
from foldline.layout import Layout
from tests.security.doors import GOOD, PARAMETER, doors, filled
from tests.security.opened import outside, touched
from tests.ui.fakes import Fake, serving

SECRET = "the secret beside the store"

# Ways out of a folder, as they have got others: plain, encoded once and twice, for Windows, cut by
# zeros, hidden behind what an address ends at, and in forms that a decoder may fold into dots.
WAYS = (
    "..", "../secret", "../../secret", "....//secret", "..;/secret", "./../secret", "/secret",
    "//secret", "..\\secret", "..\\..\\secret", "C:/secret", "C:\\secret", "\\\\host\\secret",
    "file:///secret", "../secret\0", "a\0/../../secret", "../secret#", "#/../secret", "?/../secret",
    "%2e%2e/secret", "%2e%2e%2fsecret", "%252e%252e%252fsecret", "..%2fsecret", "..%5csecret",
    "..%c0%afsecret", "..%ef%bc%8fsecret", "\uff0e\uff0e/secret", "~/secret", "~root", "-rf", "CON",
    "nul", ".", "", " ", "a" * 5000, "$HOME/secret", "`id`", "$(id)", "a;id", "a|id", "a\nb",
    "a\r\nX: y",
)  # fmt: skip


@pytest.mark.anyio
async def test_no_parameter_of_a_path_leads_anywhere(tmp_path: Path) -> None:
    """Each way out, in the place of each parameter of each route, opens nothing outside."""
    fake = Fake(tmp_path)
    (tmp_path / "secret").write_text(SECRET)
    async with serving(fake) as client:
        base = str(client.make_url("")).rstrip("/")
        with touched() as paths:
            for door in doors():
                for name in PARAMETER.findall(door.route.path):
                    for way in WAYS:
                        for coded in {quote(way, safe=""), quote(way, safe="/%#?;:\\")}:
                            address = URL(base + filled(door.route.path, **{name: coded}),
                                          encoded=True)  # fmt: skip
                            async with client.session.request(
                                door.method, address, data=door.body, headers=door.headers,
                                allow_redirects=False,
                            ) as answer:  # fmt: skip
                                said = await answer.text()
                            assert answer.status < 500, (door, way, said)
                            assert SECRET not in said
    assert outside(paths, fake.layout.root) == []
    assert (tmp_path / "secret").read_text() == SECRET
    assert _names(tmp_path) == ["secret", "store"]


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.anyio
async def test_no_page_is_a_file_by_its_path(tmp_path: Path) -> None:
    """The bundle is a table in memory: an address outside it is a page of the app, or nothing."""
    fake = Fake(tmp_path)
    bundle = tmp_path / "bundle"
    bundle.mkdir()
    (bundle / "index.html").write_text("<p>the app")
    (tmp_path / "secret").write_text(SECRET)
    async with serving(fake, bundle=bundle) as client:
        base = str(client.make_url("")).rstrip("/")
        with touched() as paths:
            for way in WAYS:
                for coded in {quote(way, safe=""), quote(way, safe="/%?;:\\")}:
                    address = URL(f"{base}/{coded.lstrip('#')}", encoded=True)
                    answer = await client.session.get(address, allow_redirects=False)
                    assert answer.status in {200, 400, 404}, way
                    assert SECRET not in await answer.text()
    assert outside(paths, fake.layout.root) == []


@pytest.mark.parametrize("way", WAYS)
def test_a_download_stays_in_its_folder(tmp_path: Path, way: str) -> None:
    """Names of files in an artifact, and its own, may come from anybody: none leads out."""
    layout = Layout(tmp_path / "store")
    layout.create()
    (tmp_path / "secret").write_text(SECRET)
    digest = blobs.put(layout, b"from a stranger")
    file = StoredFile(way, digest, 15)
    artifact = Artifact(way)._kept_as(layout, "0k1", digest_of([file]), [file])
    folder = tmp_path / "here/deep/download"
    try:
        artifact.download(folder)
    except (ValueRejected, BlobMissing, OSError, ValueError):
        pass
    written = {path for path in tmp_path.rglob("*") if path.is_file() and "store" not in path.parts}
    assert all(path.is_relative_to(folder) for path in written - {tmp_path / "secret"})
    assert (tmp_path / "secret").read_text() == SECRET


@pytest.mark.parametrize("digest", [*WAYS, "a" * 63, "A" * 64, "a" * 64 + "\n"])
def test_only_a_digest_names_a_blob(tmp_path: Path, digest: str) -> None:
    """What an event says that its blob is called is looked at before it is part of a path."""
    layout = Layout(tmp_path / "store")
    layout.create()
    (tmp_path / "secret").write_text(SECRET)
    with touched() as paths:
        with pytest.raises(BlobMissing):
            blobs.opened(layout, digest)
        with pytest.raises(BlobMissing):
            blobs.read(layout, digest)
        file = StoredFile("model.bin", digest, 1)
        with pytest.raises(BlobMissing):
            Artifact("model")._kept_as(layout, "0k1", "d", [file]).download(tmp_path / "here")
    assert not [path for path in outside(paths, layout.root) if "secret" in path]
    assert list((tmp_path / "here").iterdir()) == []


def test_a_link_in_the_way_of_a_download_is_not_followed(tmp_path: Path) -> None:
    """A link that lies where a file goes is replaced, and one that leads out is an error."""
    layout = Layout(tmp_path / "store")
    layout.create()
    (tmp_path / "secret").write_text(SECRET)
    (tmp_path / "elsewhere").mkdir()
    folder = tmp_path / "here"
    folder.mkdir()
    (folder / "model.bin").symlink_to(tmp_path / "secret")
    (folder / "sub").symlink_to(tmp_path / "elsewhere")
    digest = blobs.put(layout, b"new")
    assert digest == hashlib.sha256(b"new").hexdigest()
    file = StoredFile("model.bin", digest, 3)
    Artifact("model")._kept_as(layout, "0k1", "d", [file]).download(folder)
    assert (folder / "model.bin").read_bytes() == b"new"
    file = StoredFile("sub/made/model.bin", digest, 3)
    with pytest.raises(ValueRejected):
        Artifact("model")._kept_as(layout, "0k1", "d", [file]).download(folder)
    assert list((tmp_path / "elsewhere").iterdir()) == []
    assert (tmp_path / "secret").read_text() == SECRET


def test_every_parameter_has_a_good_value_to_test_with() -> None:
    """A parameter of a new route is tried too: its name is known here."""
    names = {name for door in doors() for name in PARAMETER.findall(door.route.path)}
    assert names <= set(GOOD)
