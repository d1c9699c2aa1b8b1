"""Access to a served page: host names that are answered, and the token of the server.

Any user of a machine can reach what listens on 127.0.0.1, and so can any page in a browser there whose host name
is made to point to it. Three mechanisms of Bokeh and Tornado keep them out: `AuthProvider` refuses a request whose
`Host` is not one of the allowed origins, or that has neither the token nor the signed cookie that answered it before;
Bokeh refuses a WebSocket of another `Origin`; and it refuses one whose session was not signed by this server, which
only a page that was let in has. A frame therefore needs no cookie, which browsers may keep from frames.
"""

import hmac
import secrets
from collections.abc import Awaitable, Callable, Sequence
from typing import Any
from urllib.parse import urlsplit

from bokeh.server.auth_provider import AuthProvider
from bokeh.server.util import check_allowlist
from bokeh.util.token import generate_secret_key
from tornado.web import HTTPError
from tornado.websocket import WebSocketHandler

__all__ = ["TokenAuth", "host_of", "new_token", "server_options"]

USER = "user"
WRONG_HOST = (
    "this server does not answer to that host name. Start it with --allow-origin and the address that the "
    "browser shows."
)
NO_TOKEN = "this page needs a token. Open the address that diffuse-ui printed when it started."  # noqa: S105


def new_token() -> str:
    """A random token for an address, 48 hexadecimal digits."""
    return secrets.token_hex(24)


def host_of(origin: str) -> str:
    """Host, and port where it is not the usual one, of an address such as https://hub.example.org.

    Raises:
        ValueError: no such address; one with a path or with wildcards is none.
    """
    parts = urlsplit(origin if "//" in origin else f"//{origin}")
    usual = {"http": ":80", "https": ":443"}.get(parts.scheme, "")
    host = parts.netloc.lower()
    if not host or parts.path not in ("", "/") or any(sign in origin for sign in "*@? "):
        raise ValueError(
            f"--allow-origin must be an address such as https://hub.example.org; got {origin!r}."
        )
    return host.removesuffix(usual) if usual else host


class TokenAuth(AuthProvider):
    """Bokeh's provider of users: whoever has the token, at one of the allowed hosts.

    Args:
        token: opens the page at any time; empty for none, and then the hosts alone are checked.
        once: opens it the first time only.
        cookie: name of the cookie that stands for the token after that.
    """

    def __init__(self, token: str, *, once: str = "", cookie: str = "diffuse-ui") -> None:
        self._token, self._once, self._cookie = token, once, cookie
        super().__init__()

    @property
    def get_user_async(self) -> Callable[[Any], Awaitable[Any]]:
        return self._user

    @property
    def get_login_url(self) -> Callable[[Any], str]:
        return lambda handler: "/"  # Bokeh wants one; nobody is sent there

    async def _user(self, handler: Any) -> str:
        """The user of a request; HTTPError 403 if there is none."""
        if not check_allowlist(handler.request.host.lower(), handler.application.websocket_origins):
            raise HTTPError(403, reason=WRONG_HOST)
        if not self._token or isinstance(handler, WebSocketHandler):  # Bokeh asks for the signature
            return USER
        if self._is_token(handler.get_query_argument("token", "")):
            # without a path: that of the address, which a proxy may share among several users
            handler.set_signed_cookie(self._cookie, USER, path=None, httponly=True, samesite="Lax")
        elif handler.get_signed_cookie(self._cookie) is None:
            raise HTTPError(403, reason=NO_TOKEN)
        return USER

    def _is_token(self, given: str) -> bool:
        if self._once and hmac.compare_digest(given.encode(), self._once.encode()):
            self._once = ""
            return True
        return hmac.compare_digest(given.encode(), self._token.encode())


def server_options(
    token: str, *, once: str = "", port: int, allow_origin: Sequence[str] = ()
) -> dict[str, Any]:
    """Options of Bokeh's server that let in those with the token.

    Args:
        token: see `TokenAuth`; empty for none.
        once: see `TokenAuth`.
        port: of 127.0.0.1.
        allow_origin: further addresses at which the page is shown, such as that of a hub.

    Raises:
        ValueError: an address that is none.
    """
    options: dict[str, Any] = {
        "websocket_origin": [f"127.0.0.1:{port}", f"localhost:{port}", *map(host_of, allow_origin)],
        "auth_provider": TokenAuth(token, once=once, cookie=f"diffuse-ui-{port}"),
    }
    if token:
        options |= {"sign_sessions": True, "secret_key": generate_secret_key().encode()}
        options |= {"cookie_secret": generate_secret_key()}
    return options
