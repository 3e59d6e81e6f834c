"""Rules 8, 9: nothing that a run says runs.

Every text that a run, its console or a person can put into a store holds the same attack; a browser
walks through all pages and looks for its trace. The page is every test's last argument: the tab is
closed before its server ends.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from urllib.parse import quote
from urllib.request import Request, urlopen

import pytest

from foldline import blobs
from foldline.layout import Layout
from tests.browser.chromium import Chromium
from tests.browser.page import Page
from tests.capture.trainings import companions, start
from tests.end_to_end.conftest import Serve, processes, serve
from tests.end_to_end.test_run_page import folded

__all__ = ["processes", "serve"]

RUN = "xss0000001"
# Out of an attribute, a text, a script, a style, a comment, a template; each sets the same mark.
XSS = (
    """"'><img src=x onerror="top.__pwned=1"><svg onload=top.__pwned=1></script></style></title>"""
    """<script>top.__pwned=1</script>--><a href="javascript:top.__pwned=1">go</a>"""
    """{{top.__pwned=1}}"""
)
SHORT = '"><img src=x onerror=top.__pwned=1>'  # where there is room for a word only

DOTLESS = '"><img src=x onerror=__pwned=1>'  # in a path, where a dot would make it a file's

# As Markdown it is links, pictures, HTML and code; as a terminal's it is a link and a title.
MARKDOWN = f"""{XSS}

[go](javascript:top.__pwned=1) [go](JaVaScRiPt:top.__pwned=1) [go](&#106;avascript:top.__pwned=1)
[go](data:text/html,<script>top.__pwned=1</script>) ![x](x" onerror="top.__pwned=1)
<javascript:top.__pwned=1> [r] <details open ontoggle=top.__pwned=1>

[r]: vbscript:top.__pwned=1

```html
{XSS}
```

| {XSS} |
|--|
| {XSS} |
"""
LINK = "\x1b]8;;javascript:top.__pwned=1\x07go\x1b]8;;\x07"
TERMINAL = f"{LINK} \x1b]0;{XSS}\x07 \x1b[31m{XSS}\x1b[0m"

# What a framed page tries. It fails in silence where it should, or its errors would fail the test.
FRAMED = """
<p id=shown>framed</p>
<script>
for (const attempt of [
  () => { parent.__pwned = 1; }, () => { top.__pwned = 1; },
  () => { parent.document.title = "__pwned"; }, () => { localStorage.setItem("__pwned", 1); },
  () => { document.cookie = "__pwned=1"; },
]) { try { attempt(); } catch { /* as it should be */ } }
</script>
"""

SCRIPT = """
import json, logging
import numpy as np
words = json.loads(sys.argv[1])
xss, short, markdown, terminal, framed = words
run = foldline.Run(
    id="xss0000001", name=xss, experiment=xss, description=xss, tags=[short],
    params={"text": xss, xss: xss, "deep": {short: [xss, {short: xss}]}},
)
run.notes = markdown
run["late"] = {short: xss}
for step in range(3):
    run.track(1 / (1 + step), name=xss, step=step, context={short: xss, "subset": xss})
    run.track(0.5, name="loss", step=step, context={"subset": short})
    image = foldline.Image(np.zeros((8, 8, 3), np.uint8), caption=xss)
    run.track(image, name=short, step=step, context={short: xss})
    run.track(foldline.Text(markdown, format="markdown"), name="told", step=step)
    run.track(foldline.Text(xss), name=xss, step=step)
    run.track(foldline.Html(framed), name="page", step=step)
    run.track(foldline.Table(columns=[short, "b"], rows=[[xss, markdown]]), name="rows", step=step)
open("evil.txt", "w").write(xss)
run.log_artifact("evil.txt", name=xss, block=True)
print(terminal, flush=True)
print(xss, file=sys.stderr, flush=True)
run.log_warning(xss, by=xss)
run.alert(xss, markdown, level="error")
raise RuntimeError(xss)
"""

TRACES = r"""(() => {
  const bad = [];
  const see = (one, what) => bad.push(what + ": " + one.outerHTML.slice(0, 160));
  if (window.__pwned !== undefined) bad.push("a script ran");
  if (document.title === "__pwned") bad.push("the title");
  if (document.cookie.includes("__pwned") || localStorage.getItem("__pwned")) bad.push("kept");
  for (const one of document.querySelectorAll("script:not([src]), base:not(head > base), object, "
      + "embed, iframe[srcdoc], meta[http-equiv=refresh]")) see(one, "element");
  const addresses = ["href", "src", "action", "formaction", "xlink:href"];
  for (const one of document.querySelectorAll("*"))
    for (const { name, value } of one.attributes) {
      if (name.startsWith("on")) see(one, name);
      if (addresses.includes(name) && /^[\s\0]*(javascript|vbscript|data:text)/i.test(value))
        see(one, name);
    }
  for (const one of document.querySelectorAll("iframe"))
    if (!one.sandbox.length || one.sandbox.contains("allow-same-origin")) see(one, "frame");
  return bad;
})()"""
SHOWN = """(document.body.innerText + [...document.querySelectorAll('input, textarea')]
  .map(one => one.value).join()).includes('onerror')"""

# Each page, and what shows that the attack is there to be seen.
WALK = (
    ("", True),
    ("runs", True),
    (f"runs?q={quote(XSS)}", False),
    ("metrics", True),
    (f"metrics?q={quote(f'run.id == {json.dumps(RUN)}')}", True),
    (f"runs/{RUN}", True),
    (f"runs/{RUN}/params", True),
    (f"runs/{RUN}/metrics", True),
    (f"runs/{RUN}/system", False),
    (f"runs/{RUN}/logs", True),
    (f"runs/{RUN}/media", True),
    (f"runs/{RUN}/code", False),
    (f"runs/{RUN}/settings", True),
    (f"runs/{quote(DOTLESS, safe='')}", False),
    ("search?q=onerror", True),
    (f"search?q={quote(XSS)}", False),
    ("bookmarks", True),
    ("tags", True),
    ("settings", False),
    (f"no/such/{quote(DOTLESS, safe='')}", False),
)


@pytest.fixture
def poisoned(serve: Serve, tmp_path: Path) -> str:
    """Serve a store whose every text is an attack; return its address."""
    code = tmp_path / "code"
    code.mkdir()
    for asked in (["init", "-q", "-b", "a<b"], ["commit", "-q", "--allow-empty", "-m", XSS]):
        person = ["-c", "user.name=<img src=x>", "-c", "user.email=a@b"]
        subprocess.run(["git", *person, *asked], cwd=code, check=True)
    words = json.dumps([XSS, SHORT, MARKDOWN, TERMINAL, FRAMED])
    training = start(tmp_path / "store", SCRIPT, words, capture="all", cwd=code)
    assert b"RuntimeError" in training.end().err
    companions(tmp_path / "store")
    served = folded(serve(tmp_path / "store"), RUN)
    for route, body in (
        ("bookmarks", {"name": XSS, "page": "Runs", "url": f"runs?q={quote(XSS)}", "note": XSS,
                       "pinned": True}),
        ("tags/describe", {"tag": SHORT, "description": XSS}),
        ("alerts", {"id": "rule", "when": {"type": "nonfinite"}, "query": f"run.name == {XSS!r}"}),
    ):  # fmt: skip
        request = Request(
            f"{served.url}api/v1/{route}",
            data=json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        urlopen(request, timeout=20).close()
    return served.url


def test_nothing_of_a_run_runs_in_the_pages(poisoned: str, page: Page) -> None:
    """On every page the attack is shown as the text that it is, and leaves no trace."""
    found: dict[str, list[str]] = {}
    for path, seen in WALK:
        page.goto(f"{poisoned}{path}")
        page.wait_until("document.querySelector('main') !== null")
        if seen:
            page.wait_until(SHOWN)
        if traces := page.evaluate(TRACES):
            found[path] = traces
        # No such run, and no such query.
        page.errors[:] = [one for one in page.errors if "status of 40" not in one]
    assert found == {}
    # What looks for traces finds one, if there is any.
    page.evaluate(
        "document.body.append(Object.assign(document.createElement('a'), {href: 'javascript:1'}))"
    )
    assert page.evaluate(TRACES)
    # A run's own page runs its scripts, in a frame without an origin: ours is out of its reach.
    page.goto(f"{poisoned}runs/{RUN}/media?name=page")
    page.wait_for("iframe")
    page.wait_until(
        "[...document.querySelectorAll('iframe')].every(one => one.contentDocument === null)"
    )
    assert page.evaluate(TRACES) == []


# What a page tries that is opened by itself; what it finds it says in its root element.
ALONE = """
const say = word => document.documentElement.setAttribute("data-" + word, "1");
try { localStorage.length; say("storage"); } catch {}
try { document.cookie = "a=1"; if (document.cookie) say("cookie"); } catch {}
fetch("/api/v1/health").then(() => say("fetched")).catch(() => say("refused"));
say(origin === "null" ? "nowhere" : "somewhere");
"""


@pytest.mark.parametrize("kind", ["text/html", "image/svg+xml"])
def test_a_page_of_a_run_opened_by_itself_reaches_nothing(
    serve: Serve, tmp_path: Path, kind: str, chromium: Chromium
) -> None:
    """Opened at its own address it is in the same sandbox: no origin, no connections, no forms."""
    layout = Layout(tmp_path / "store")
    layout.create()
    page = f"<!doctype html><p>page<script>{ALONE}</script>"
    if kind == "image/svg+xml":
        script = ALONE.replace("=>", "=&gt;")
        page = f"<svg xmlns='http://www.w3.org/2000/svg'><script>{script}</script></svg>"
    digest = blobs.put(layout, page.encode())
    url = serve(tmp_path / "store").url
    tab = Page(chromium)
    try:
        tab.goto(f"{url}api/v1/blobs/{digest}?type={quote(kind, safe='')}")
        if kind == "text/html":
            tab.wait_until("document.documentElement.dataset.refused === '1'")
            assert tab.evaluate("document.documentElement.dataset.nowhere") == "1"
        said = tab.evaluate("Object.keys(document.documentElement.dataset)")
        assert {"storage", "cookie", "fetched", "somewhere"}.isdisjoint(said or [])
        if kind == "image/svg+xml":
            assert not said  # no script runs in it at all
    finally:
        tab.close()
