"""Secrets vanish from text and from every log line, whoever writes it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lib.redaction import MASK, redact, remember_secret, remember_server_secret, remember_url

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    "text",
    [
        "key sk-admin-{}.",
        "key sk-proj-{}, and more",
        "SK-ADMIN-{}",
        "Authorization: Bearer {}",
        "{{'authorization': 'bearer {}'}}",
        'headers={{"Authorization": "Bearer {}"}}',
        "https://api.example/?key=sk-{}",
        "Incorrect API key provided: sk-admin-{}. You can find your API key at",
    ],
)
def test_keys_and_bearer_tokens_are_masked_wherever_they_stand(text: str) -> None:
    canary = "Zq81kd02mfPw"
    clean = redact(text.format(canary))
    assert canary not in clean
    assert MASK in clean


@pytest.mark.parametrize(
    "text", ["task-force-one-two", "risk-assessment", "sk-1", "5 sk-ips", "openai:completions"]
)
def test_what_is_no_secret_stays_as_it_is(text: str) -> None:
    assert redact(text) == text


def test_an_exact_value_is_masked_once_it_is_known() -> None:
    value = "opaque gateway pass 9173"
    assert redact(f"x{value}y") == f"x{value}y"
    remember_secret(value)
    assert redact(f"x{value}y") == f"x{MASK}y"


def test_a_value_that_starts_with_another_one_is_masked_whole() -> None:
    remember_secret("prefix-44719")
    remember_secret("prefix-44719-and-the-rest")
    assert redact("is prefix-44719-and-the-rest") == f"is {MASK}"


def test_values_too_short_to_be_secret_do_not_riddle_the_text() -> None:
    for short in ("", "a", "openai", "completions"):
        remember_secret(short)
    for short in ("", "a", "ces"):
        remember_server_secret(short)
    text = "a plain sentence of openai:completions"
    assert redact(text) == text


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("redis://default:pa5w@cache.example:6379/0", "pa5w"),
        ("postgresql://reader:p%40ss%2Fw1@db.example/control", "p@ss/w1"),
        ("postgresql://reader:p%40ss%2Fw2@db.example/control", "p%40ss%2Fw2"),
    ],
)
def test_a_password_of_the_servers_own_settings_is_masked_even_when_it_is_short(
    url: str, said: str
) -> None:
    remember_url(url)
    assert redact(f"no access with {said}.") == f"no access with {MASK}."
    assert redact(f"cannot reach {url}") == f"cannot reach {MASK}"


def test_no_number_of_typed_keys_pushes_a_secret_of_the_server_out() -> None:
    remember_server_secret("server-opaque-5518")
    for number in range(3_000):
        remember_secret(f"typed-by-a-visitor-{number}")
    assert redact("is server-opaque-5518") == f"is {MASK}"
    assert redact("is typed-by-a-visitor-2999") == f"is {MASK}"
    assert redact("typed-by-a-visitor-17") != MASK, "what visitors add is bounded"


LOGGING = """
import logging, sys
from loguru import logger
logging.getLogger("uvicorn.access").setLevel("INFO")  # exists before the sink does, as it is set
from lib.logs import configure_logs
from lib.redaction import remember_secret
configure_logs("DEBUG")
configure_logs("DEBUG")
exact = "opaque-CANARY-exact"
remember_secret(exact)
key = "sk-admin-CANARY12345"

hidden = "LOCAL-" + "VALUE"  # a value that only a debugger would print

def fail(secret, _hidden):
    held = {"Authorization": f"Bearer {secret}"}
    raise ValueError(f"refused {secret} with {held}")

logger.info("loguru says {}", key)
logger.info("loguru says " + exact + " {braces}")
logging.getLogger("some.library").warning("stdlib says %s and %s", key, exact)
logging.getLogger("uvicorn.access").error("server says %s", key)
logging.getLogger("uvicorn.access").info('"GET /?oai_projects=%s HTTP/1.1" 200', "proj-asked")
logging.getLogger("uvicorn.error").info("a connection opened")
logging.getLogger("streamlit.runtime").error("screen says %s", exact)
logging.getLogger("httpx").info("routine chatter")
logging.getLogger("some.library").warning("badly formatted %d %s", key)
logging.getLogger("some.library").log(35, "odd level %s", key)
for secret in (key, exact):
    try:
        fail(secret, hidden)
    except ValueError as error:
        logger.exception("loguru traceback")
        logging.getLogger("some.library").exception("stdlib traceback")
        try:
            raise RuntimeError("chained") from error
        except RuntimeError:
            logger.opt(exception=True).error("chain")
print("reached the end")
"""


def test_no_log_line_of_any_library_shows_a_secret(tmp_path: Path) -> None:
    script = tmp_path / "logging_everything.py"  # a file, so that tracebacks can quote its lines
    script.write_text(LOGGING, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, str(script)],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "reached the end\n", done.stderr
    assert "CANARY" not in done.stderr
    assert "LOCAL-VALUE" not in done.stderr
    for said in (
        f"loguru says {MASK}",
        f"loguru says {MASK} {{braces}}",
        f"stdlib says {MASK} and {MASK}",
        f"server says {MASK}",
        f"screen says {MASK}",
        f"odd level {MASK}",
        "badly formatted",
        "loguru traceback",
        "stdlib traceback",
        "RuntimeError: chained",
        f"ValueError: refused {MASK} with",
    ):
        assert said in done.stderr
    assert done.stderr.count("loguru says") == 2, "each line once, however often it is set up"
    assert "routine chatter" not in done.stderr


def test_the_level_silences_what_lies_below_it() -> None:
    script = (
        "from loguru import logger; from lib.logs import configure_logs; configure_logs('ERROR');"
        "logger.warning('quiet'); logger.error('loud')"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert "loud" in done.stderr
    assert "quiet" not in done.stderr


def test_what_a_reader_filters_by_is_in_no_access_line(tmp_path: Path) -> None:
    script = tmp_path / "logging_everything.py"
    script.write_text(LOGGING, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, str(script)],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "proj-asked" not in done.stderr
    assert "a connection opened" not in done.stderr
    assert "server says" in done.stderr, "warnings and errors are still heard"
