"""Failures of the control database, each as one of our errors with its remedy."""

from collections.abc import Iterable
from dataclasses import dataclass

from lib.errors import SourceDenied, SourceError, SourceReplyError, SourceUnavailable
from lib.sources.tenants.failures import placed

SOURCE = "control-database"
VARIABLE = "CONTROL_DATABASE_URL"


@dataclass(frozen=True)
class Trouble:
    """What one failure is called.

    Args:
        signs: SQLSTATEs, or parts of the message that a failed connection leaves.
    """

    signs: tuple[str, ...]
    kind: type[SourceError]
    detail: str
    remedy: str

    def error(self, place: str = "") -> SourceError:
        return self.kind(SOURCE, placed(self.detail, place), self.remedy)


# One row after the other, each in three lines.
# fmt: off
NO_TABLE = Trouble(("42P01", "no such table"), SourceReplyError,
    "there is no table `tenants` that this role can see.",
    f"Check which database {VARIABLE} names, and GRANT USAGE on the schema that holds the table.")
NO_COLUMN = Trouble(("42703", "no such column"), SourceReplyError,
    "the table `tenants` has no column `id`, or lost a column meanwhile.",
    f"Check which database {VARIABLE} names.")
_SLOW = Trouble(("57014", "55P03", "database is locked", "database table is locked"), SourceUnavailable,
    "the list of tenants did not arrive in time.",
    "Try again; if it stays so, look for a lock on the table `tenants`.")
UNKNOWN = Trouble((), SourceReplyError,
    "the query failed.",
    "Look into the database server's log.")
QUERY_TROUBLES = (
    NO_TABLE,
    NO_COLUMN,
    _SLOW,
    Trouble(("25006", "readonly database"), SourceReplyError,
        "reading `tenants` would write, which a read-only transaction refuses.",
        "Let `tenants` be a table, or a view that only reads."),
    Trouble(("42804", "42883", "22P02"), SourceReplyError,
        "a column of `tenants` has another type than expected.",
        "Expected are state as text, deleted_at as a time and is_dormant as a boolean."),
    Trouble(("57P01", "57P02", "57P03", "53300", "53200"), SourceUnavailable,
        "the server is shutting down or overloaded.",
        "Try again in a minute."),
    Trouble(("unable to open",), SourceUnavailable,
        "the sqlite file cannot be opened.",
        f"Check that the file {VARIABLE} names exists and may be read."),
    Trouble(("not a database", "malformed"), SourceReplyError,
        "the file is not a sqlite database, or is damaged.",
        f"Check which file {VARIABLE} names."),
)
LOST = Trouble((), SourceUnavailable,
    "the connection was lost before the list arrived.",
    f"Try again in a minute; if it stays so, check the server that {VARIABLE} names.")

# A failed connection has no SQLSTATE: libpq keeps it to itself. Its words hold host and user, so
# they are read and not repeated. The first row that fits is taken.
CONNECT_TROUBLES = (
    Trouble(("password authentication failed", "no password supplied", "authentication failed"), SourceDenied,
        "the user or password is wrong.",
        f"Correct {VARIABLE}."),
    Trouble(("no pg_hba.conf entry", "pg_hba.conf rejects"), SourceDenied,
        "the server does not let this user in from this machine.",
        "Add a line for it to the server's pg_hba.conf."),
    Trouble(("not permitted to log in", "permission denied for database"), SourceDenied,
        "the role may not connect to this database.",
        "Grant it LOGIN, and CONNECT on the database."),
    Trouble(("certificate verify failed", "does not match host name", "root certificate file"), SourceUnavailable,
        "the server's certificate is not trusted.",
        f"Let sslrootcert in {VARIABLE} name the file of the authority that signed it, and use the host name it was made for."),
    Trouble(("support SSL", "SSL error", "certificate", "SSL negotiation", "SSL connection"), SourceUnavailable,
        "no encrypted connection came about.",
        "Turn TLS on in the server and check its certificate; where plain text is safe, add " f"sslmode=disable to {VARIABLE}."),
    Trouble(("failed to resolve", "could not translate host name"), SourceUnavailable,
        "the host's name is unknown.",
        f"Correct the host in {VARIABLE}, or check the name service."),
    Trouble(("Connection refused", "No such file or directory"), SourceUnavailable,
        "nothing listens at this host and port.",
        f"Start the server, or correct host and port in {VARIABLE}."),
    Trouble(("timeout expired", "timed out"), SourceUnavailable,
        "the server did not answer in time.",
        f"Check the address in {VARIABLE}, and firewalls on the way."),
    Trouble(("too many", "remaining connection slots", "starting up", "shutting down"), SourceUnavailable,
        "the server takes no connections at the moment.",
        "Try again in a minute."),
    Trouble(('database "',), SourceReplyError,
        "the server has no database of that name.",
        f"Correct the database's name in {VARIABLE}."),
    Trouble(('role "',), SourceDenied,
        "the server has no role of that name.",
        f"Correct the user in {VARIABLE}."),
)
NO_CONNECTION = Trouble((), SourceUnavailable,
    "no connection came about.",
    f"Check host, port, user, database and sslmode in {VARIABLE}.")
# fmt: on


def first_trouble(troubles: Iterable[Trouble], text: str, otherwise: Trouble) -> Trouble:
    """The first trouble one of whose signs is in the text."""
    return next(
        (trouble for trouble in troubles if any(sign in text for sign in trouble.signs)), otherwise
    )
