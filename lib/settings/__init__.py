"""The one place that reads the environment and the secrets files."""

import os
import re
import ssl
import tomllib
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Literal

from dotenv import dotenv_values
from pydantic import (
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from lib.errors import SettingsError
from lib.redaction import remember_server_secret, remember_url
from lib.settings.keys import clean_base_url, clean_comet_key, clean_comet_url, clean_openai_key
from lib.settings.ledger import LedgerSettings
from lib.settings.sign_in import SignInSettings

ROOT = Path(__file__).parents[2]
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")
_ORGANISATION = re.compile(r"[0-9A-Za-z_-]{1,100}")
_OUR_HEADERS = ("authorization", "host", "content-length", "transfer-encoding", "connection")


class Settings(SignInSettings, LedgerSettings):
    """What the environment says. Field names are the variables' names in lower case.

    ``devenv.sh.example`` lists every variable with its meaning.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    openai_admin_key: SecretStr | None = None
    openai_base_url: str = "https://api.openai.com/v1"
    openai_org_id: str | None = None
    redis_primary_endpoint: SecretStr | None = None
    control_database_url: SecretStr | None = None
    comet_api_key: SecretStr | None = None
    comet_url_override: str | None = None
    comet_include_custom_ca_bundle: str | None = None
    comet_allow_header_name: str | None = None
    comet_allow_header_value: SecretStr | None = Field(default=None, validate_default=True)
    loguru_level: Literal["TRACE", "DEBUG", "INFO", "SUCCESS", "WARNING", "ERROR", "CRITICAL"] = (
        "INFO"
    )
    dashboard_demo: Literal["auto", "on", "off"] = "auto"

    @field_validator("openai_admin_key", mode="after")
    @classmethod
    def _usable_key(cls, value: SecretStr | None) -> SecretStr | None:
        if value is None:
            return None
        remember_server_secret(value.get_secret_value().strip())
        return SecretStr(clean_openai_key(value.get_secret_value()))

    @field_validator("openai_base_url", mode="after")
    @classmethod
    def _usable_url(cls, value: str) -> str:
        return clean_base_url(value)

    @field_validator("openai_org_id", mode="after")
    @classmethod
    def _usable_organisation(cls, value: str | None) -> str | None:
        if value is not None and not _ORGANISATION.fullmatch(value.strip()):
            raise ValueError("is not the id of an organisation; it looks like org-abc123")
        return value and value.strip()

    @field_validator("redis_primary_endpoint", "control_database_url", mode="after")
    @classmethod
    def _remember(cls, value: SecretStr | None) -> SecretStr | None:
        # Either may hold a password, alone or within a URL.
        if value is not None:
            remember_url(value.get_secret_value())
        return value

    @field_validator("comet_api_key", mode="after")
    @classmethod
    def _usable_comet_key(cls, value: SecretStr | None) -> SecretStr | None:
        if value is None:
            return None
        text = value.get_secret_value().strip()
        for secret in (text, text.partition("*")[0]):  # servers take the first part alone, too
            remember_server_secret(secret)
        return SecretStr(clean_comet_key(text))

    @field_validator("comet_url_override", mode="after")
    @classmethod
    def _usable_comet_url(cls, value: str | None) -> str | None:
        return value and clean_comet_url(value)

    @field_validator("comet_include_custom_ca_bundle", mode="after")
    @classmethod
    def _usable_authorities(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=value)
            except (OSError, ValueError):
                raise ValueError("is not the path of a file of certificates (PEM)") from None
        return value

    @field_validator("comet_allow_header_name", mode="after")
    @classmethod
    def _usable_header_name(cls, value: str | None) -> str | None:
        if value is None:
            return None
        name = value.strip()
        if not _HEADER_NAME.fullmatch(name):
            raise ValueError("is not the name of a header; it looks like X-Gateway-Token")
        if name.lower() in _OUR_HEADERS:
            raise ValueError("names a header that the dashboard sets itself")
        return name

    @field_validator("comet_allow_header_value", mode="after")
    @classmethod
    def _usable_header_value(
        cls, value: SecretStr | None, info: ValidationInfo
    ) -> SecretStr | None:
        name = info.data.get("comet_allow_header_name")
        if value is None:
            if name is not None:
                raise ValueError("is not set, although COMET_ALLOW_HEADER_NAME is")
            return None
        text = value.get_secret_value().strip()
        remember_server_secret(text)
        if "comet_allow_header_name" in info.data and name is None:
            raise ValueError("is set without COMET_ALLOW_HEADER_NAME")
        if not text.isascii() or not text.isprintable():
            raise ValueError("holds characters that no header can carry")
        return SecretStr(text)

    @field_validator("loguru_level", mode="before")
    @classmethod
    def _upper(cls, value: object) -> object:
        return value.upper() if isinstance(value, str) else value

    @field_validator("dashboard_demo", mode="before")
    @classmethod
    def _lower(cls, value: object) -> object:
        return value.lower() if isinstance(value, str) else value

    @property
    def debug(self) -> bool:
        """Whether tracebacks and cache statistics may be shown on the page."""
        return self.loguru_level in ("TRACE", "DEBUG")

    @property
    def demo(self) -> bool:
        """Whether sources without configuration show demo data."""
        sources = (
            self.openai_admin_key,
            self.redis_primary_endpoint,
            self.control_database_url,
            self.comet_api_key,
            self.comet_url_override,
        )
        nothing_configured = not any(sources)
        return self.dashboard_demo == "on" or (self.dashboard_demo == "auto" and nothing_configured)


def load_settings(environ: Mapping[str, str] | None = None, folder: Path | None = None) -> Settings:
    """Settings from, first wins: environment, ``devenv.sh``, ``.env``, Streamlit's secrets files.

    An empty variable counts as not set, and hides the files' value.

    Args:
        environ: the environment; the process's own when None.
        folder: where the files lie; the project's top folder when None.

    Raises:
        SettingsError: names the variable and what is wrong with it, never its value.
    """
    folder = folder or ROOT
    merged: dict[str, object] = {}
    for values in (
        _secrets(Path.home() / ".streamlit" / "secrets.toml"),
        _secrets(folder / ".streamlit" / "secrets.toml"),
        _shell_lines(folder / ".env"),
        _shell_lines(folder / "devenv.sh"),
        os.environ if environ is None else environ,
    ):
        merged |= {
            name: values[name] for name in map(str.upper, Settings.model_fields) if name in values
        }
    chosen = {
        name.lower(): value
        for name, value in merged.items()
        if value is not None and str(value).strip()
    }
    try:
        return Settings.model_validate(chosen)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        variable = str(first["loc"][0]).upper()
        problem = first["msg"].removeprefix("Value error, ")
        if first["type"] == "literal_error":
            problem = f"is none of {first['ctx']['expected']}".replace(" or ", ", ")
        raise SettingsError(
            variable, f"{problem}.", "Set it in devenv.sh or the environment."
        ) from None


def load_sign_in(folder: Path | None = None) -> Mapping[str, object]:
    """The section ``[auth]`` of Streamlit's secrets files; empty without one.

    Raises:
        SettingsError: a file is there, but cannot be read.
    """
    places = (folder or ROOT) / ".streamlit", Path.home() / ".streamlit"
    for place in places:  # Streamlit takes a whole section from the project's file, if it is there
        section = _secrets(place / "secrets.toml").get("auth")
        if section is not None:
            return section if isinstance(section, dict) else {"auth": section}
    return {}


def _shell_lines(path: Path) -> dict[str, str | None]:
    """Variables of a file of shell assignments; none when there is no such file."""
    try:
        return dotenv_values(path)
    except (UnicodeDecodeError, OSError):
        raise SettingsError(path.name, "cannot be read as text.", "Correct the file.") from None


def _secrets(path: Path) -> dict[str, object]:
    """Top-level entries of one of Streamlit's secrets files; none when there is no such file."""
    try:
        file = path.stat()
        return _parsed(path, file.st_mtime_ns, file.st_size, file.st_ino)
    except FileNotFoundError:
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError):
        # The library's message quotes the line, which may hold a secret.
        raise SettingsError(path.name, "cannot be read as TOML.", "Correct the file.") from None


@lru_cache(maxsize=4)
def _parsed(path: Path, *_version: int) -> dict[str, object]:
    """A TOML file, read anew when it is another one: every run of a page asks for it."""
    return tomllib.loads(path.read_text(encoding="utf-8"))
