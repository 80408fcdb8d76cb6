"""Authlib's client of an OpenID Connect provider, calling through the guarded HTTP session.

Small, because it only joins Authlib to `Http`; the pages of the sign-in are in
`portal/access/oidc.py`.
"""

import io
from typing import Any, Final

import requests
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.base_client.errors import MismatchingStateError, OAuthError
from authlib.integrations.flask_client import FlaskOAuth2App
from authlib.integrations.requests_client import OAuth2Session
from joserfc.errors import JoseError
from requests.adapters import BaseAdapter

from connectors.transport.http import Http, HttpFailure
from connectors.transport.strict_json import Blocked, resolve_url

CALL_SECONDS: Final = 10.0

FAILURES: Final = (AuthlibBaseError, JoseError, requests.RequestException, RuntimeError,
                   ValueError, KeyError, TypeError)  # fmt: skip
"""What Authlib raises for an answer of the provider that cannot be used."""

_CONNECTION_HEADERS: Final = frozenset({"Accept-Encoding", "Connection", "Content-Length"})


class _Adapter(BaseAdapter):
    """Makes each call through the product's own HTTP, which refuses private addresses."""

    def send(
        self, request: requests.PreparedRequest, *_args: Any, **_options: Any
    ) -> requests.Response:
        """Return the answer; raise a connection error if there is none."""
        headers = {
            name: value
            for name, value in request.headers.items()
            if name not in _CONNECTION_HEADERS
        }
        body = request.body.encode() if isinstance(request.body, str) else request.body
        http = Http(connect_seconds=CALL_SECONDS / 2, read_seconds=CALL_SECONDS)
        answer = http.request(
            request.method or "GET", request.url or "", headers=headers, body=body or None
        )
        if isinstance(answer, HttpFailure):
            raise requests.ConnectionError(answer.words, request=request)
        response = requests.Response()
        response.status_code, response.url = answer.status, request.url or ""
        response.headers.update(answer.headers)
        response.raw, response.request = io.BytesIO(answer.body), request
        return response

    def close(self) -> None:
        """Keep the session's interface: no connection stays open after a call."""


class _Session(OAuth2Session):  # type: ignore[misc]  # Authlib has no types
    """Authlib's session. It ignores proxies of the environment and follows no redirect."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.trust_env, self.max_redirects = False, 0
        for scheme in ("https://", "http://"):
            self.mount(scheme, _Adapter())


class ProviderClient(FlaskOAuth2App):  # type: ignore[misc]  # Authlib has no types
    """Authlib's Flask client, which calls and leads to public addresses only."""

    client_cls = _Session

    def create_authorization_url(self, redirect_uri: str | None = None, **options: Any) -> Any:
        """Return the address to lead the browser to, with state, nonce and code verifier."""
        authorization = super().create_authorization_url(redirect_uri, **options)
        destination = resolve_url(authorization["url"])
        if isinstance(destination, Blocked):
            raise requests.ConnectionError(destination.words)
        return authorization


def is_unreachable(error: Exception) -> bool:
    """Check whether the provider gave no answer, or none but an error of the server."""
    return isinstance(error, requests.RequestException) and not isinstance(error, ValueError)


def is_other_state(error: Exception) -> bool:
    """Check whether the answer belongs to no sign-in of this browser."""
    return isinstance(error, MismatchingStateError)


def is_denied(error: Exception) -> bool:
    """Check whether the provider refused the person."""
    return isinstance(error, OAuthError) and error.error == "access_denied"
