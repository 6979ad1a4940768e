"""What the settings say of the ledger: where its tables and its files are."""

from pathlib import Path

from pydantic import BaseModel, SecretStr, field_validator

from lib.redaction import remember_url

ROOT = Path(__file__).parents[2]
DEFAULT_FOLDER = ROOT / "data" / "ledger"

SQLITE, POSTGRES, S3 = "sqlite:///", "postgresql://", "s3://"


class LedgerSettings(BaseModel):
    """The part of the settings that says where the ledger is."""

    ledger_url: SecretStr = SecretStr(f"{SQLITE}{DEFAULT_FOLDER / 'catalog.db'}")
    ledger_warehouse: str = str(DEFAULT_FOLDER / "warehouse")

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


def _absolute(path: str) -> Path:
    """A relative path lies in the project's folder, wherever the command is run."""
    return (ROOT / Path(path).expanduser()).resolve()
