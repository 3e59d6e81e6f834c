"""Secrets, known by name or by shape, and masked.

By name: what is called `api_key` or `DB_PASSWORD` is masked whatever it is. Words that settings
use for other things too, as `key` and `token` are, count only where the value looks random.
By shape: keys and tokens that their issuers made recognisable, passwords in addresses, private
keys. Nothing here can find a secret that looks like a word under an innocent name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from fnmatch import fnmatchcase
from functools import cache, lru_cache
from itertools import pairwise
from typing import Any

__all__ = [
    "MASK",
    "is_secret_file",
    "mask_code",
    "mask_command",
    "mask_param",
    "mask_text",
    "mask_tree",
    "mask_value",
]

MASK = "***"
NAMES_KNOWN_MAX = 4_096  # names whose verdict is remembered; settings repeat theirs
NAME_CHARS_MAX = 200  # of a name that is looked at: longer ones are texts
SHORTEST_CHARS = 20  # of a token or a key; only a password in an address may be shorter
RANDOM_CHARS = 16  # letters and digits in a row, for a value to look random
RANDOM_TURNS = 3  # between letters and digits in that row: words and versions have fewer

# Secret wherever they stand in a name, unless the name goes on to speak *about* the secret.
_ALWAYS = frozenset(
    {
        "apikey", "authorization", "cookie", "cookies", "credential", "credentials", "creds", "dsn",
        "jwt", "passphrase", "passwd", "password", "passwords", "secret", "secrets",
    }
)  # fmt: skip
_ABOUT = frozenset(
    {
        "count", "dim", "dir", "enabled", "env", "field", "file", "folder", "hint", "len", "length",
        "name", "path", "policy", "prompt", "required", "size", "type", "var",
    }
)  # fmt: skip
# Secret at the end of a name, written in one word or several.
_ENDINGS = (
    "accesskey", "accesstoken", "accountkey", "apikey", "apitoken", "authkey", "authtoken",
    "bearertoken", "bottoken", "clientkey", "deploykey", "encryptionkey", "githubtoken",
    "gitlabtoken", "hftoken", "hubtoken", "idtoken", "licensekey", "mastersecret", "passphrase",
    "passwd", "password", "privatekey", "refreshtoken", "secretkey", "sessiontoken", "signingkey",
    "sshkey", "storagekey", "subscriptionkey",
)  # fmt: skip
# Perhaps secret at the end of a name: `sort_key` and `eos_token` are not.
_PERHAPS = frozenset({"auth", "key", "pass", "private", "pwd", "session", "signature", "token"})
_SECRET_FILES = (
    ".env", ".env.*", "*.env", "*.pem", "*.key", "*.p12", "*.pfx", "*.jks", "*.keystore", "*.kdbx",
    ".netrc", "_netrc", ".pypirc", ".npmrc", ".htpasswd", ".pgpass", ".git-credentials", "id_rsa*",
    "id_dsa*", "id_ecdsa*", "id_ed25519*", "credentials", "credentials.json", "*.kubeconfig",
)  # fmt: skip


def mask_value(name: str, value: str) -> str:
    """Return `value`, masked as far as its name or its shape says that it is secret."""
    if value and _is_secret(name, value):
        return MASK
    return mask_text(value)


def mask_text(text: str) -> str:
    """Return `text` with everything masked that has the shape of a secret.

    It has as many lines as before. A text without secrets is returned as it is, after a few
    searches for fixed strings.
    """
    if "://" in text:
        if "@" in text:
            text = _compiled(_ADDRESS).sub(_masked_address, text)
        if "?" in text:
            text = _compiled(_QUERY).sub(_masked_rest, text)
    if len(text) < SHORTEST_CHARS:
        return text
    if "PRIVATE KEY-----" in text:
        text = _compiled(_PRIVATE_KEY).sub(_masked_lines, text)
    if "earer" in text or "uthorization" in text:
        text = _compiled(_HEADER).sub(_masked_rest, text)
    return _compiled(_ISSUED).sub(MASK, text) if _may_hold_issued(text) else text


def mask_code(text: str) -> str:
    """Return source code, a diff or an argument, masked by shape and where a name gets a value.

    `password = "..."`, `"api_key": "..."` and `DB_PASSWORD=...` are such places. Words in angle
    brackets and references such as `${NAME}` are no secrets.
    """
    text = mask_text(text)
    if "=" not in text and ":" not in text:
        return text
    return _compiled(_ASSIGNMENT).sub(_masked_assignment, text)


def mask_command(arguments: Iterable[str]) -> list[str]:
    """Return a command line, masked: `--api-key=x`, `--token x`, `model.hf_token=x`, a URL."""
    masked: list[str] = []
    option = ""  # that may be secret, and whose value comes next
    for argument in arguments:
        name, equals, value = argument.partition("=")
        if option and not argument.startswith("-"):
            masked.append(mask_value(option, argument))
        elif equals and value and _is_secret(name, value):
            masked.append(f"{name}={MASK}")
        else:
            masked.append(mask_code(argument))
        option = name if argument.startswith("-") and not equals and _verdict(name) else ""
    return masked


def mask_tree(tree: Any, name: str = "") -> Any:
    """Return a plain tree of settings at `name`, with its texts masked by name and by shape.

    What needs no mask is not copied: the tree itself is returned if nothing does.
    """
    kind = type(tree)
    if kind is str:
        return mask_value(name, tree)
    changed: dict[Any, Any] = {}
    if kind is dict:
        # What lies below a secret name has names of its own, and is secret all the same.
        above = name if name and _verdict(name) == _SECRET else ""
        for key, value in tree.items():
            below = type(value)
            if below is float or below is int or below is bool:
                continue
            masked = mask_tree(value, above or key)
            if masked is not value:
                changed[key] = masked
        return {**tree, **changed} if changed else tree
    if kind is list:
        for number, value in enumerate(tree):
            masked = mask_tree(value, name)
            if masked is not value:
                changed[number] = masked
        return [changed.get(i, item) for i, item in enumerate(tree)] if changed else tree
    return tree


def mask_param(path: list[str], tree: Any) -> Any:
    """Return a tree of settings that stands at `path`, masked like one that holds the path."""
    secret = (part for part in path if _verdict(part) == _SECRET)
    return mask_tree(tree, next(secret, path[-1] if path else ""))


def is_secret_file(path: str) -> bool:
    """Say whether a file is, by its name, one that keeps secrets: `.env`, `*.pem` and the like."""
    name = path.replace("\\", "/").rpartition("/")[2].lower()
    return any(fnmatchcase(name, pattern) for pattern in _SECRET_FILES)


# ----------------------------------------------------------------------------------- names

_INNOCENT, _DOUBTFUL, _SECRET = range(3)
_WORD = r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+"


def _is_secret(name: str, value: str) -> bool:
    verdict = _verdict(name)
    return verdict == _SECRET or (verdict == _DOUBTFUL and _looks_random(value))


@lru_cache(NAMES_KNOWN_MAX)
def _verdict(name: str) -> int:
    if len(name) > NAME_CHARS_MAX:
        return _INNOCENT
    words = [word.lower() for word in _compiled(_WORD).findall(name)]
    if not words or words[-1] in _ABOUT:
        return _INNOCENT
    last = name.replace("/", ".").rpartition(".")[2].strip("-+_").lower()
    if last == "token" or not _ALWAYS.isdisjoint(words) or "".join(words).endswith(_ENDINGS):
        return _SECRET
    return _DOUBTFUL if words[-1] in _PERHAPS else _INNOCENT


def _looks_random(value: str) -> bool:
    """Say whether letters and digits alternate in a long run, as in keys and not in words."""
    for run in _compiled(rf"[A-Za-z0-9+/]{{{RANDOM_CHARS},}}").findall(value):
        turns = sum(a.isdigit() != b.isdigit() for a, b in pairwise(run))
        if turns >= RANDOM_TURNS:
            return True
    return False


# ---------------------------------------------------------------------------------- shapes

_compiled = cache(re.compile)  # at first use: `import foldline` waits for none of them

_ISSUED = (
    r"(?<![A-Za-z0-9_-])(?:"
    r"A[KS]IA[A-Z0-9]{16,}"  # AWS
    r"|gh[opsu]_[A-Za-z0-9]{30,}|ghr_[A-Za-z0-9]{30,}|github_pat_\w{22,}|glpat-[\w-]{20,}"
    r"|hf_[A-Za-z0-9]{30,}"  # Hugging Face
    r"|fld_[A-Za-z0-9]{49}"  # our own
    r"|sk-(?:proj|ant|svcacct|admin|or)-[\w-]{16,}|sk-[A-Za-z0-9]{32,}"
    r"|[rs]k_(?:live|test)_[A-Za-z0-9]{16,}"  # Stripe
    r"|xox[abeoprs]-[A-Za-z0-9-]{10,}"  # Slack
    r"|AIza[\w-]{35,}|ya29\.[\w-]{20,}"  # Google
    r"|eyJ[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]*)?"  # a JSON web token
    r")[\w-]*"  # the whole word, so that what is left has no new beginning
)
# To its end; where that is cut off, as far as the lines look like one.
_PRIVATE_KEY = (
    r"-----BEGIN [A-Z ]{0,24}PRIVATE KEY-----(?:"
    r"[\w+/=\s\\,:\"'-]{0,16384}?-----END [A-Z ]{0,24}PRIVATE KEY-----"
    r"|(?>(?:\\n|[\s+\"'-])*[A-Za-z0-9/=][A-Za-z0-9+/=]{15,})*)"
)
_HEADER = (
    r"(?i:(?P<kept>\bauthorization['\"]?\s*[:=]\s*['\"]?(?:basic|token|bearer)\s+"
    r"|\bbearer\s+))(?=[\w.~+/=-]*\d)[\w.~+/=-]{16,}"
)
_ADDRESS = r"://([^\s/:@?#\"'<>]*):[^\s/?#\"'<>]+@"
# Addresses that were signed, and tokens that are handed over in a query.
_QUERY = (
    r"(?i)(?P<kept>[?&](?:x-amz-signature|x-amz-security-token|x-goog-signature|sig|signature"
    r"|access_token|api_?key|auth|token|password|secret)=)[^\s&#\"'<>]{3,}"
)
_ASSIGNMENT = (
    r"(?<![\w.-])(?P<name>[A-Za-z_][\w.-]*+)"
    r"(?P<between>[\"']?\]?\s?(?::\s?[\w.]+\s?(?==))?[:=]\s?)"
    r"(?P<quote>[\"']?)(?P<value>[^\s\"'<>(),;]{6,})(?P=quote)"
)


def _may_hold_issued(text: str) -> bool:
    """Say whether the fixed part of a token is there; as one expression, the fastest way."""
    return (
        "sk-" in text
        or "hf_" in text
        or "fld_" in text
        or "eyJ" in text
        or "ghp_" in text
        or "gho_" in text
        or "ghs_" in text
        or "ghu_" in text
        or "ghr_" in text
        or "github_pat_" in text
        or "glpat-" in text
        or "AKIA" in text
        or "ASIA" in text
        or "AIza" in text
        or "xox" in text
        or "ya29." in text
        or "k_live_" in text
        or "k_test_" in text
    )


def _masked_lines(found: re.Match[str]) -> str:
    return MASK + "\n" * found[0].count("\n")


def _masked_address(found: re.Match[str]) -> str:
    # What stands before the colon may be a token itself.
    return f"://{_compiled(_ISSUED).sub(MASK, found[1])}:{MASK}@"


def _masked_rest(found: re.Match[str]) -> str:
    return f"{found['kept']}{MASK}"


def _masked_assignment(found: re.Match[str]) -> str:
    name, value, quote = found["name"], found["value"], found["quote"]
    if value.startswith(("$", "{", MASK)) or _verdict(name) == _INNOCENT:
        return found[0]
    # Without quotes a value may be a name in a program; in an environment file it is not.
    plain = quote or (name.isupper() and "=" in found["between"])
    if not (plain and _verdict(name) == _SECRET) and not _looks_random(value):
        return found[0]
    return f"{name}{found['between']}{quote}{MASK}{quote}"
