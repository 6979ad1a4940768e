"""How Comet says no."""

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

SIGN_IN_PAGE = "<!doctype html><html><title>Sign in</title><body>Sign in to continue</body></html>"

MESSAGES = {
    400: "bad request",
    401: "Api key is not valid",
    402: "Your plan does not include this",
    403: "User is not permitted to perform this operation",
    404: "not found",
    413: "Request Entity Too Large",
    429: "Too many requests",
    500: "internal server error",
    503: "service unavailable",
}


class CometRefusal(Exception):
    """An answer that is an error.

    Args:
        status: the HTTP status.
        message: for people.
    """

    def __init__(self, status: int, message: str | None = None) -> None:
        self.status = status
        self.message = message or MESSAGES.get(status, f"status {status}")
        super().__init__(self.message)


def comet_trouble(status: int, retry_after: float | None = None) -> Response:
    """A failure by its status: JSON as Comet words it, but HTML from the gateway for 502 and 504.

    Args:
        status: the HTTP status.
        retry_after: seconds, sent with a 429 or 503; None leaves the header out.
    """
    if status in (502, 504):
        return HTMLResponse(f"<html><body><h1>{status}</h1>nginx</body></html>", status)
    headers = {}
    if status in (429, 503) and retry_after is not None:
        headers["retry-after"] = f"{retry_after:g}"
    return refusal_response(CometRefusal(status), headers)


def comet_refuse(_request: Request, error: Exception) -> Response:
    """The response of a refusal."""
    assert isinstance(error, CometRefusal)
    return refusal_response(error)


def refusal_response(error: CometRefusal, headers: dict[str, str] | None = None) -> Response:
    """An error in Comet's envelope."""
    body = {"msg": error.message, "code": error.status, "data": None, "sdk_error_code": 0}
    return JSONResponse(body, error.status, headers=headers)
