"""What a user's page may do in ours.

What a script kept may be anything, and come from anybody. It is only ever shown in a sandbox that
has no origin, so that it reads nothing of ours, and that may connect to nothing.
"""

from __future__ import annotations

__all__ = ["FRAME", "PAGE_SANDBOX", "SANDBOX"]

# Whoever may frame our pages, a notebook on this machine, frames what is in them.
ANCESTORS = "frame-ancestors 'self' http://127.0.0.1:* http://localhost:*"
SANDBOX = f"default-src 'none'; style-src 'unsafe-inline'; {ANCESTORS}; sandbox"
# A page may run its own scripts, as figures do: without an origin, and without a way to anywhere.
PAGE_SANDBOX = (
    "default-src 'unsafe-inline' 'unsafe-eval' data: blob:; connect-src 'none'; "
    f"form-action 'none'; base-uri 'none'; {ANCESTORS}; sandbox allow-scripts"
)

# A page that becomes what its parent tells it to be: a page made in the browser would inherit the
# policy of whoever made it, which allows no scripts but ours.
FRAME = """<!doctype html>
<meta charset="utf-8">
<title>A value of a run</title>
<script>
addEventListener("message", ({ data, source }) => {
  if (source !== parent || typeof data?.html !== "string") return;
  document.open();
  document.write(data.html);
  document.close();
});
</script>
"""
