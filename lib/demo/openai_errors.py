"""How OpenAI says no: the statuses, texts and codes of its error bodies."""

from collections.abc import Iterable

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

SIGN_IN_PAGE = "<!doctype html><html><title>Sign in</title><body>Sign in to continue</body></html>"
BAD_GATEWAY = "<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"

TROUBLE: dict[int, tuple[str, str, str | None]] = {
    400: ("This request is not supported.", "invalid_request_error", "invalid_request_error"),
    401: ("Incorrect API key provided.", "invalid_request_error", "invalid_api_key"),
    403: ("You have insufficient permissions for this operation.", "invalid_request_error", None),
    404: ("Not found.", "invalid_request_error", None),
    408: ("Request timed out.", "server_error", None),
    429: ("Rate limit reached for requests.", "requests", "rate_limit_exceeded"),
    500: ("The server had an error while processing your request.", "server_error", None),
    503: ("The engine is currently overloaded, please try again later.", "server_error", None),
}
"""Message, type and code of a failure by its status."""


class OpenAIRefusal(Exception):
    """An answer that is an error.

    Args:
        status: the HTTP status.
        message: for people.
        kind: the body's ``type``.
        param: the parameter at fault.
        code: for programs.
    """

    def __init__(
        self,
        status: int,
        message: str,
        kind: str = "invalid_request_error",
        *,
        param: str | None = None,
        code: str | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.body = {
            "error": {"message": message, "type": kind, "param": param, "code": code},
        }


def bad_value(param: str, message: str) -> OpenAIRefusal:
    """400: a parameter has a value that cannot be."""
    return OpenAIRefusal(400, message, param=param, code="invalid_value")


def not_a_choice(param: str, value: str, choices: Iterable[str]) -> OpenAIRefusal:
    """400: a parameter takes one of few words, and this is none of them."""
    words = ", ".join(f"'{choice}'" for choice in choices)
    return bad_value(param, f"Invalid value: '{value}'. Supported values are: {words}")


def bad_cursor() -> OpenAIRefusal:
    """400: the cursor belongs to another query, or to none."""
    return OpenAIRefusal(
        400,
        "The page token is invalid, have you modified the query parameters?",
        code="invalid_request_error",
    )


def unknown_route(request: Request) -> OpenAIRefusal:
    """404: no such path."""
    return OpenAIRefusal(404, f"Invalid URL ({request.method} {request.url.path})")


def missing_scope(scope: str) -> OpenAIRefusal:
    """403: the key exists, but may not do this."""
    return OpenAIRefusal(
        403,
        "You have insufficient permissions for this operation. "
        f"Missing scopes: {scope}. Check that you have the correct role in your organization, "
        "and if you're using a restricted API key, that it has the necessary scopes.",
    )


def refuse(_request: Request, error: Exception) -> Response:
    """The response of a refusal."""
    assert isinstance(error, OpenAIRefusal)
    return JSONResponse(error.body, error.status)


def trouble(status: int, retry_after: float | None = None) -> Response:
    """A failure by its status: JSON as OpenAI words it, but HTML from the gateway for 502.

    Args:
        status: a key of ``TROUBLE``, or any other.
        retry_after: seconds, sent with a 429; None leaves the header out.
    """
    if status == 502:
        return HTMLResponse(BAD_GATEWAY, 502)
    message, kind, code = TROUBLE.get(status, (f"Status {status}.", "server_error", None))
    headers = {}
    if status == 429 and retry_after is not None:
        headers["retry-after"] = f"{retry_after:g}"
    error = {"message": message, "type": kind, "param": None, "code": code}
    return JSONResponse({"error": error}, status, headers=headers)
