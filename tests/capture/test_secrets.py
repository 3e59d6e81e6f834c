"""What is masked, and what is left."""

from __future__ import annotations

import string
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import foldline
from foldline import origin, secrets
from foldline.events import AlertRaised, MessageLogged, ParamsSet, WriterClosed
from foldline.params import plain
from foldline.secrets import MASK
from tests.segment_walk import segments, walk

# Made up here, and in two halves: nobody's scanner is to take them for real.
TOKENS = [
    "AKI" + "AIOSFODNN7EXAMPLE",
    "gh" + "p_16C7e42F292c6912E7710c838347Ae178B4a",
    "github" + "_pat_11ABCDEFG0aBcDeFgHiJkL_mNoPqRsTuVwXyZ",
    "glp" + "at-aBcDeFgHiJkLmNoPqRsT",
    "hf" + "_aBcDeFgHiJkLmNoPqRsTuVwXyZaBcDeFgH",
    "sk" + "-proj-aB3dE5fG7hI9jK1lM3nO5pQ7",
    "sk" + "-aB3dE5fG7hI9jK1lM3nO5pQ7rS9tU1vW3xY5zA7b",
    "sk" + "_live_aB3dE5fG7hI9jK1l",
    "xo" + "xb-123456789012-abcdefABCDEF",
    "AI" + "zaSyA1bC2dE3fG4hI5jK6lM7nO8pQ9rS0tU1vW",
    "ey" + "JhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.SflKxwRJSMeKKF2QT4",
]
KEY = "-----BEGIN RSA PRIVATE " + "KEY-----\n{}\n-----END RSA PRIVATE KEY-----"
LINES = "MIIEowIBAAKCAQEAvSuPkLw0aB1cD2eF3gH4\n" * 3

INNOCENT_TEXTS = [
    "epoch 3: 100%|##########| 20/20 [00:01<00:00, 19.33it/s, loss=0.31]",
    "task-and-desk-and-disk-and-risk-are-words-with-sk-in-the-middle",
    "see https://example.com:8080/path?page=3&size=20#top, and mail me@example.com",
    "git@github.com:team/project.git at 93ce73b0d1f6a2b7c8e9f00112233445566778899",
    "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "hf_model_name and ghp_short and AKIA and eyJust.a.sentence and sk-learn-1.5",
    "the bearer of good news, basic authorization of the author",
    "tokenizer.pad_token = '<pad>'; key = 'validation_loss'; max_tokens=4096",
    "-----BEGIN CERTIFICATE-----\nMIIDdzCCAl+gAwIBAgIEAgAAuTANBgkqhkiG9w0BAQUF\n",
]


@pytest.mark.parametrize("token", TOKENS)
@pytest.mark.parametrize("around", ["{}", "token is {}.", 'key="{}"', "a\n{}\nb", "({})", "x={}&y"])
def test_a_token_of_a_known_shape_is_masked_wherever_it_stands(token: str, around: str) -> None:
    """What an issuer made recognisable is masked, and the text around it stays."""
    assert secrets.mask_text(around.format(token)) == around.format(MASK)


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("https://user:pa55@host/x", "https://user:***@host/x"),
        ("postgres://u:p@h:5432/db", "postgres://u:***@h:5432/db"),
        ("redis://:secret@h", "redis://:***@h"),
        ("https://" + TOKENS[1] + ":x-oauth-basic@hub/a/b", "https://***:***@hub/a/b"),
        ("https://" + TOKENS[1] + "@github.com/a/b", "https://***@github.com/a/b"),
        ("https://s3/x?X-Amz-Signature=0f9e&size=3", "https://s3/x?X-Amz-Signature=***&size=3"),
        ("https://blob/x?sv=1&sig=abc%2Fdef", "https://blob/x?sv=1&sig=***"),
        ("Authorization: Basic dXNlcjpwYXNzd29yZDEyMw==", "Authorization: Basic ***"),
        ("curl -H 'Bearer abcdefghij0123456789'", "curl -H 'Bearer ***'"),
        (f"a {KEY.format(LINES)} b", "a ***\n\n\n\n\n b"),
        (repr(KEY.format(LINES)), "'***'"),
        (f"a {KEY.format(LINES)[:100]}", "a ***\n\n"),
    ],
)  # fmt: skip
def test_passwords_in_addresses_headers_and_keys_are_masked(text: str, masked: str) -> None:
    """An address keeps its user, a header its kind, a private key nothing."""
    assert secrets.mask_text(text) == masked


@pytest.mark.parametrize("text", INNOCENT_TEXTS)
def test_innocent_text_is_left_byte_for_byte(text: str) -> None:
    """Words, hashes, addresses and progress bars are no secrets, in any of the three ways."""
    assert secrets.mask_text(text) is text
    assert secrets.mask_code(text) == text
    assert secrets.mask_command([text]) == [text]


@pytest.mark.parametrize(
    "name",
    [
        "api_key", "apiKey", "API-KEY", "wandb.api_key", "OPENAI_API_KEY", "apikey", "password",
        "db/password", "PGPASSWORD", "passwd", "secret", "client_secret", "AWS_SECRET_ACCESS_KEY",
        "token", "--token", "model.token", "HF_TOKEN", "hub_token", "access_token", "github_token",
        "private_key", "sshKey", "credentials", "dsn", "SENTRY_DSN", "cookie", "Authorization",
        "SLURM_JWT", "passphrase",
    ],
)  # fmt: skip
def test_names_of_secrets_are_known(name: str) -> None:
    """What is called a secret is masked whatever its value looks like; nothing stays nothing."""
    assert secrets.mask_value(name, "x") == MASK
    assert secrets.mask_value(name, "") == ""


@pytest.mark.parametrize(
    "name",
    [
        "tokenizer", "max_tokens", "key_dim", "monkey", "num_key_value_heads", "author", "keys",
        "keyboard", "secretary", "password_file", "token_type", "special_tokens_map", "bypass",
        "compass", "donkey", "lr", "", "x" * 5_000, "dokumentenschlüssel",
    ],
)  # fmt: skip
def test_names_that_only_sound_like_secrets_are_innocent(name: str) -> None:
    """A part of a word, or a word about a secret, masks nothing."""
    value = "a1b2c3d4e5f6a7b8c9d0"
    assert secrets.mask_value(name, value) == value


@pytest.mark.parametrize(
    ("name", "value", "kept"),
    [
        ("eos_token", "<|endoftext|>", True), ("pad_token", "[PAD]", True),
        ("sort_key", "validation_loss_2024", True), ("key", "observation.images.cam1", True),
        ("auth", "none", True), ("PWD", "/data/project/run1", True), ("private", "yes", True),
        ("monitor_key", "val/loss", True), ("key", "a1b2c3d4e5f6a7b8c9d0", False),
        ("auth", "aB3dE5fG7hI9jK1lM3nO", False), ("stripe_key", "9f86d081884c7d659a2f", False),
    ],
)  # fmt: skip
def test_a_doubtful_name_counts_where_the_value_looks_random(
    name: str, value: str, kept: bool
) -> None:
    """`key`, `token` and `auth` name settings too: then the value decides."""
    assert secrets.mask_value(name, value) == (value if kept else MASK)


def test_secrets_stay_out_of_the_command() -> None:
    """Values of options and overrides that are secret are masked, in any spelling."""
    found = origin.command(
        ["train.py", "--api-key=abc", "--token", "abc", "--lr", "0.1", "--password", "--verbose",
         "model.hf_token=abc", "--tokenizer", "gpt2", "--url=redis://:pw@h", TOKENS[0],
         '{"api_key": "abcdefgh"}', "--max-tokens=5", "--key", "val_loss"]
    )  # fmt: skip
    assert found == [
        "train.py", "--api-key=***", "--token", "***", "--lr", "0.1", "--password", "--verbose",
        "model.hf_token=***", "--tokenizer", "gpt2", "--url=redis://:***@h", "***",
        '{"api_key": "***"}', "--max-tokens=5", "--key", "val_loss",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("code", "masked"),
    [
        ('password = "hunter22"', 'password = "***"'),
        ('+password: str = "hunter22"', '+password: str = "***"'),
        ("'api_key': 'abcdefgh'", "'api_key': '***'"),
        ('os.environ["API_KEY"] = "abcdefgh"', 'os.environ["API_KEY"] = "***"'),
        ("+DB_PASSWORD=hunter22\n+X=1", "+DB_PASSWORD=***\n+X=1"),
        ("key: 9f86d081884c7d659a2f", "key: ***"),
        ("login(token='abcdefgh', x=1)", "login(token='***', x=1)"),
    ],
)
def test_values_that_code_gives_to_secret_names_are_masked(code: str, masked: str) -> None:
    """A diff and an argument are also masked where a name gets its value."""
    assert secrets.mask_code(code) == masked


@pytest.mark.parametrize(
    "code",
    [
        "password = read_password()", "token = tokenizer.eos_token", 'token = "<pad_id>"',
        'api_key = "${API_KEY}"', "if password == 'hunter22':", "secret: str | None = None",
        "def f(token: str, key: bytes) -> None:", 'sort_key = "validation"',
        'password = "choose a long one"', "password=PASSWORD_DEFAULT",
    ],
)  # fmt: skip
def test_code_that_names_no_value_is_left(code: str) -> None:
    """Calls, references, placeholders and annotations are no secrets."""
    assert secrets.mask_code(code) == code


def test_settings_are_masked_in_the_log_and_read_back_whole() -> None:
    """A secret among the settings never reaches the log; the script still has it."""
    with foldline.Run(params={"hf": {"token": "abc", "lr": 0.1}, "n": [TOKENS[0]]}) as run:
        run["hparams", "api_key"] = "abc"
        run["secrets", "a"] = {"b": ["c", 1], "d": None}
        run["eos_token"] = "<eos>"
        assert run["hf", "token"] == "abc" and run["secrets", "a", "b"] == ["c", 1]
    (path,) = segments(run._writer.layout.root)
    told = walk(path).of_type(ParamsSet.TYPE)
    assert [fields["value"] for fields in told] == [
        {"hf": {"token": "***", "lr": 0.1}, "n": ["***"]},
        "***",
        {"b": ["***", 1], "d": None},
        "<eos>",
    ]
    assert b"abc" not in path.read_bytes()


def test_messages_are_masked() -> None:
    """What a script says to people, and with what params, is masked like its settings."""
    with foldline.Run() as run:
        run.log_info(f"logged in with {TOKENS[1]}", api_key="abc", lr=0.1)
        run.alert("careful", f"{TOKENS[4]} is out")
    (path,) = segments(run._writer.layout.root)
    (message,) = walk(path).of_type(MessageLogged.TYPE)
    (alert,) = walk(path).of_type(AlertRaised.TYPE)
    assert (message["text"], message["params"]) == (
        "logged in with ***",
        {"api_key": "***", "lr": 0.1},
    )
    assert alert["text"] == "*** is out"


def test_the_error_that_ends_a_run_is_masked() -> None:
    """Neither its message nor the line of code that its traceback quotes gives a token away."""
    with pytest.raises(RuntimeError), foldline.Run() as run:
        raise RuntimeError(f"https://u:pa55@h refused {TOKENS[2]}")
    (path,) = segments(run._writer.layout.root)
    (closed,) = walk(path).of_type(WriterClosed.TYPE)
    assert closed["error_message"] == "https://u:***@h refused ***"
    assert "refused ***" in closed["traceback"] and TOKENS[2] not in closed["traceback"]


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        (".env", True), ("a/.env.local", True), ("server.pem", True), ("id_rsa", True),
        ("C:\\x\\ID_ED25519.pub", True), ("prod.kubeconfig", True), ("secrets.py", False),
        ("environment.yml", False), ("keyboard.py", False), (".envrc.py", False),
    ],
)  # fmt: skip
def test_files_that_keep_secrets_are_known_by_name(name: str, secret: bool) -> None:
    """Key files and environment files are; a module that is about secrets is not."""
    assert secrets.is_secret_file(name) is secret


# ------------------------------------------------------------------------------ properties

PIECES = st.one_of(
    st.sampled_from([
        *TOKENS, KEY.format(LINES), KEY.format(LINES)[:60], "https://", "://", "u:p@", "@", ":",
        "?sig=", "&token=", "Bearer ", "Authorization: Basic ", "password", "='", '="', "'", '"',
        "api_key", ": ", "abcdefgh", "a1b2c3d4e5f6a7b8", MASK, "\n", " ", "-", "_", "sk-", "hf_",
    ]),
    st.text(max_size=12),
)  # fmt: skip
TEXTS = st.lists(PIECES, max_size=12).map("".join)
WORDS = st.lists(
    st.text(string.ascii_letters, min_size=1, max_size=14), min_size=1, max_size=30
).map(" ".join)
TREES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXTS,
    lambda below: (
        st.lists(below, max_size=4)
        | st.dictionaries(st.sampled_from(["lr", "token", "api_key", "key", "model"]), below)
    ),
    max_leaves=20,
)


@settings(deadline=None)
@given(TEXTS)
def test_masking_twice_is_masking_once(text: str) -> None:
    """What is masked has nothing left to mask, as many lines, and grows by short passwords only."""
    for mask in (secrets.mask_text, secrets.mask_code):
        once = mask(text)
        assert mask(once) == once
        assert once.count("\n") == text.count("\n")
        assert len(once) <= len(text) + len(MASK) * text.count("://")


@settings(deadline=None)
@given(WORDS)
def test_words_are_never_masked(text: str) -> None:
    """Text of letters and spaces comes back as it was."""
    assert secrets.mask_text(text) is text
    assert secrets.mask_code(text) is text


@settings(deadline=None)
@given(TREES)
def test_a_tree_keeps_its_form(tree: object) -> None:
    """Masking changes texts alone, and a tree without secrets is not even copied."""

    def form(part: object) -> object:
        if isinstance(part, dict):
            return {key: form(below) for key, below in part.items()}
        if isinstance(part, list):
            return [form(below) for below in part]
        return type(part)

    masked = secrets.mask_tree(tree)
    assert form(masked) == form(tree)
    assert secrets.mask_tree(masked) is masked or secrets.mask_tree(masked) == masked
    if masked == tree:
        assert masked is tree


def test_masking_costs_a_large_tree_no_more_than_reading_it() -> None:
    """On a thousand settings the search for secrets takes no longer than their translation."""
    values = ["adamw_torch", 0.1, 3, True, "a/path/to/something", None, "silu", "x", "fast", 1]
    tree = {f"m{i}": {f"p{j}": values[j] for j in range(10)} for i in range(100)}

    def cost_s(work: object) -> float:
        assert callable(work)
        best = 1.0
        for _ in range(20):
            start = time.perf_counter()
            work()
            best = min(best, time.perf_counter() - start)
        return best

    clean = plain(tree)
    assert cost_s(lambda: secrets.mask_tree(clean)) < 1.5 * cost_s(lambda: plain(tree))
