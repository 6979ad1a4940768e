"""What the settings say of the ledger: where its tables and its files are."""

import re
from pathlib import Path

from pydantic import BaseModel, SecretStr, field_validator

from lib.redaction import remember_server_secret, remember_url

ROOT = Path(__file__).parents[2]
DEFAULT_FOLDER = ROOT / "data" / "ledger"

SQLITE, POSTGRES, S3 = "sqlite:///", "postgresql://", "s3://"

_PORT = re.compile(
    rf"{POSTGRES}(?:[^:/]*(?::[^@]*)?@)?(?:\[[^/?]+\]|[^/:?]+)?(?::(?P<port>[^/?]*))?"
)
"""Where SQLAlchemy, which is not imported to check settings, finds the port."""


class LedgerSettings(BaseModel):
    """The part of the settings that says where the ledger is."""

    ledger_url: SecretStr = SecretStr(f"{SQLITE}{DEFAULT_FOLDER / 'catalog.db'}")
    ledger_warehouse: str = str(DEFAULT_FOLDER / "warehouse")
    aws_endpoint_url: str = ""
    aws_region: str = ""
    aws_access_key_id: SecretStr = SecretStr("")
    aws_secret_access_key: SecretStr = SecretStr("")
    aws_session_token: SecretStr = SecretStr("")

    @field_validator("ledger_url", mode="after")
    @classmethod
    def _usable_ledger_url(cls, value: SecretStr) -> SecretStr:
        url = value.get_secret_value().strip()
        remember_url(url)
        url = url.replace("postgres://", POSTGRES, 1) if url.startswith("postgres://") else url
        if url.startswith(SQLITE):
            path = url.removeprefix(SQLITE)
            if path in ("", ":memory:") or "?" in path:
                raise ValueError("names no sqlite file; it looks like sqlite:///path/catalog.db")
            return SecretStr(f"{SQLITE}{_absolute(path)}")
        if not url.startswith(POSTGRES) or not url.isprintable():
            raise ValueError(
                "is not the URL of a database; it looks like postgresql://host/ledger or "
                "sqlite:///path/catalog.db"
            )
        if not _may_be_port(_PORT.match(url)):
            raise ValueError("has a port that is no number; it looks like postgresql://host:5432/x")
        return SecretStr(url)

    @field_validator("ledger_warehouse", mode="after")
    @classmethod
    def _usable_warehouse(cls, value: str) -> str:
        place = value.strip().rstrip("/")
        if place.startswith(S3):
            if not place.removeprefix(S3) or "@" in place or "?" in place:
                raise ValueError("names no bucket; it looks like s3://bucket/path, without keys")
            return place
        if "://" in place:
            raise ValueError("is neither a folder nor s3://bucket/path")
        return str(_absolute(place))

    @field_validator(
        "aws_access_key_id", "aws_secret_access_key", "aws_session_token", mode="after"
    )
    @classmethod
    def _remember_keys(cls, value: SecretStr) -> SecretStr:
        if value.get_secret_value():
            remember_server_secret(value.get_secret_value())
        return value

    @property
    def s3(self) -> dict[str, str]:
        """What the usual variables say of S3; what they leave out, its client finds by itself."""
        said = {
            "endpoint": self.aws_endpoint_url,
            "region": self.aws_region,
            "access-key-id": self.aws_access_key_id.get_secret_value(),
            "secret-access-key": self.aws_secret_access_key.get_secret_value(),
            "session-token": self.aws_session_token.get_secret_value(),
        }
        return {key: value for key, value in said.items() if value}

    @property
    def ledger_file(self) -> Path | None:
        """The file of the database; None where it is PostgreSQL."""
        url = self.ledger_url.get_secret_value()
        return Path(url.removeprefix(SQLITE)) if url.startswith(SQLITE) else None


def is_there(file: Path) -> bool:
    """Whether there is such a file; also where it cannot be told, which whoever opens it learns."""
    try:
        return file.exists()
    except OSError:
        return True


def _may_be_port(found: re.Match[str] | None) -> bool:
    """Whether the port of an address can be one; an address without a port has the usual one."""
    port = found["port"] if found else None
    return port is None or (re.fullmatch("[0-9]{1,5}", port) is not None and int(port) < 65_536)


def _absolute(path: str) -> Path:
    """A relative path lies in the project's folder, wherever the command is run."""
    return (ROOT / Path(path).expanduser()).resolve()
