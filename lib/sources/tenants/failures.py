"""Failures of Redis and its client library, each as one of our errors with its remedy."""

import ssl
from collections.abc import Iterator

from redis import exceptions as redis

from lib.errors import SourceDenied, SourceError, SourceReplyError, SourceUnavailable

NAME = "redis"

ACL_LINE = (
    "ACL SETUSER dash on >PASSWORD resetkeys %R~usage:* resetchannels -@all "
    "+get +mget +scan +ping +type +ttl"
)
"""The least a user needs; before Redis 7 write ``~usage:*``. A cluster wants ``CLUSTER_RIGHTS`` too."""

CLUSTER_RIGHTS = "+cluster|slots +cluster|shards +command +readonly"

_ADDRESS = "Check REDIS_PRIMARY_ENDPOINT, and that Redis runs and listens there."
_PASSWORD = "Check user name and password in REDIS_PRIMARY_ENDPOINT."  # noqa: S105 - a remedy
_RIGHTS = f"Give the user what reading needs: {ACL_LINE}"
_ON_CLUSTER = f"On a cluster the user also needs {CLUSTER_RIGHTS}."

_Row = tuple[type[Exception], str, type[SourceError], str, str]

# Class, words in the message (any when empty), our class, what happened, remedy. The first row that
# fits counts: AuthenticationError is a ConnectionError, and MasterDownError a ClusterDownError.
_TABLE: tuple[_Row, ...] = (
    (redis.AuthenticationError, "without any password", SourceDenied, "Redis has no password, but one was sent.", _PASSWORD),
    (redis.AuthenticationError, "already authenticated", SourceDenied, "Redis wants a password, and none was sent.", "Write it into REDIS_PRIMARY_ENDPOINT: redis://user:password@host:port."),
    (redis.AuthenticationError, "required", SourceDenied, "Redis wants a password, and none was sent.", "Write it into REDIS_PRIMARY_ENDPOINT: redis://user:password@host:port."),
    (redis.AuthenticationError, "", SourceDenied, "Redis refuses the user name or the password.", _PASSWORD),
    (redis.AuthenticationWrongNumberOfArgsError, "", SourceDenied, "Redis is too old for user names.", "Leave the user name out: redis://:password@host:port."),
    (redis.AuthorizationError, "", SourceDenied, "Redis refuses the user.", _RIGHTS),
    (redis.NoPermissionError, "key", SourceDenied, "the Redis user may not read every key that is needed.", _RIGHTS),
    (redis.NoPermissionError, "", SourceDenied, "the Redis user may not use a command that is needed.", f"{_RIGHTS}. {_ON_CLUSTER}"),
    (redis.BusyLoadingError, "", SourceUnavailable, "Redis is still loading its data.", "Try again when it has started."),
    (redis.MaxConnectionsError, "", SourceUnavailable, "all connections to Redis are in use.", ""),
    (redis.ReadOnlyError, "", SourceReplyError, "the Redis replica declined a command as a write.", "Name the primary in REDIS_PRIMARY_ENDPOINT."),
    (redis.MasterDownError, "", SourceUnavailable, "the Redis replica has lost its primary and answers nothing.", "Name the primary in REDIS_PRIMARY_ENDPOINT, or wait until they are joined again."),
    (redis.ClusterDownError, "", SourceUnavailable, "the Redis cluster is down: not every slot has a node.", "Ask its operator; try again when it is whole."),
    (redis.RedisClusterException, "not enabled on this node", SourceDenied, "the Redis user may not see how the cluster is divided.", _ON_CLUSTER),
    (redis.RedisClusterException, "All slots are not covered", SourceUnavailable, "the Redis cluster is down: not every slot has a node.", "Ask its operator; try again when it is whole."),
    (redis.RedisClusterException, "cannot be connected", SourceUnavailable, "no node of the Redis cluster could be reached.", _ADDRESS),
    (redis.MovedError, "", SourceReplyError, "Redis moved keys to another node while they were read.", "Try again in a minute."),
    (redis.ClusterCrossSlotError, "", SourceReplyError, "Redis is a cluster behind an address that hides it.", "Name a node of the cluster in REDIS_PRIMARY_ENDPOINT."),
    (redis.TimeoutError, "connecting", SourceUnavailable, "no connection to Redis in time.", f"{_ADDRESS} If the address begins with rediss://, does the port speak TLS? If not, write redis://."),
    (redis.TimeoutError, "", SourceUnavailable, "Redis did not answer in time.", "Try again; if it stays, check REDIS_PRIMARY_ENDPOINT, slow commands on the server, and firewalls in between."),
    (redis.ConnectionError, "max number of clients", SourceUnavailable, "Redis has too many clients.", "Try again in a minute, or raise its maxclients."),
    (redis.ConnectionError, "No master found", SourceUnavailable, "the sentinels know no primary by that name, or none answers.", "Check hosts and name in REDIS_PRIMARY_ENDPOINT: redis+sentinel://host:port/NAME."),
    (redis.ConnectionError, "CERTIFICATE_VERIFY_FAILED", SourceUnavailable, "the certificate of Redis is not trusted.", "Add ?ssl_ca_certs=/path/to/ca.pem to REDIS_PRIMARY_ENDPOINT, and use the host name the certificate was made for."),
    (redis.ConnectionError, "WRONG_VERSION_NUMBER", SourceUnavailable, "the port of Redis does not speak TLS.", "Write redis:// instead of rediss:// in REDIS_PRIMARY_ENDPOINT."),
    (redis.ConnectionError, "refused", SourceUnavailable, "nothing listens at the address of Redis.", _ADDRESS),
    (redis.ConnectionError, "Connect call failed", SourceUnavailable, "nothing listens at the address of Redis.", _ADDRESS),
    (redis.ConnectionError, "Name or service", SourceUnavailable, "the host name of Redis is unknown.", _ADDRESS),
    (redis.ConnectionError, "No such file", SourceUnavailable, "the socket or certificate file of Redis does not exist.", "Check the paths in REDIS_PRIMARY_ENDPOINT."),
    (redis.ConnectionError, "losed", SourceUnavailable, "Redis closed the connection.", "Try again; if it stays, the port may want TLS: write rediss:// instead of redis:// in REDIS_PRIMARY_ENDPOINT."),
    (redis.ConnectionError, "reset by peer", SourceUnavailable, "Redis closed the connection.", "Try again; if it stays, the port may want TLS: write rediss:// instead of redis:// in REDIS_PRIMARY_ENDPOINT."),
    (redis.ConnectionError, "DB index", SourceReplyError, "Redis has no database of that number.", "Correct the number after the last / of REDIS_PRIMARY_ENDPOINT."),
    (redis.ConnectionError, "", SourceUnavailable, "no connection to Redis.", _ADDRESS),
    (redis.InvalidResponse, "", SourceReplyError, "what answers is not Redis.", _ADDRESS),
    (redis.ResponseError, "DB index", SourceReplyError, "Redis has no database of that number.", "Correct the number after the last / of REDIS_PRIMARY_ENDPOINT."),
    (redis.ResponseError, "unknown command", SourceReplyError, "the server does not know a command that is needed.", "Redis 6 or newer is needed; for an older one add ?protocol=2 to the address."),
    (redis.ResponseError, "", SourceReplyError, "Redis answered with an error.", "Look into the log of Redis."),
    (redis.RedisError, "", SourceReplyError, "Redis answered in an unexpected way.", "Check that REDIS_PRIMARY_ENDPOINT names a Redis."),
    (redis.RedisClusterException, "", SourceReplyError, "the Redis cluster cannot be used.", "Name a node as redis://host:port, database 0."),
    (OSError, "", SourceUnavailable, "no connection to Redis.", _ADDRESS),
)  # fmt: skip

LIBRARY_ERRORS = (redis.RedisError, redis.RedisClusterException, OSError)
"""What redis-py raises; ``RedisClusterException`` is no ``RedisError``."""


def translate(error: BaseException, place: str = "") -> SourceError:
    """The error a person can act on.

    Its text is wholly ours: a server may repeat what it was sent, and that may be a password.

    Args:
        place: where Redis is, for display, such as ``host:port``.
    """
    chain = list(_chain(error))
    # A cluster wraps the reason no node could be asked in an error of its own, which says less.
    first = chain[0]
    if isinstance(first, redis.RedisClusterException):
        first = next((cause for cause in chain[1:] if isinstance(cause, LIBRARY_ERRORS)), first)
    said = " ".join(f"{cause} {_reason(cause)}" for cause in chain)
    for kind, words, ours, detail, remedy in _TABLE:
        if isinstance(first, kind) and words in said:
            return ours(NAME, placed(detail, place), remedy)
    return SourceReplyError(NAME, placed(f"reading failed ({type(error).__name__}).", place))


def placed(detail: str, place: str) -> str:
    """The sentence with the place it is about; without one, as it is."""
    return f"{detail.removesuffix('.')} ({place})." if place else detail


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    following: BaseException | None = error
    while following is not None and id(following) not in seen:
        seen.add(id(following))
        yield following
        following = following.__cause__ or following.__context__


def _reason(error: BaseException) -> str:
    return error.reason or "" if isinstance(error, ssl.SSLError) else ""
