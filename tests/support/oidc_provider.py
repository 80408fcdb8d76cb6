"""A provider of OpenID Connect on a port of its own, whose answers a test can spoil."""

import base64
import hashlib
import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from flask import Flask, Response, jsonify, redirect, request
from joserfc import jwt
from joserfc.jwk import RSAKey
from werkzeug.serving import make_server

CLIENT = "clearpost-test"
SECRET = "secret-of-the-client-8f2a"


@dataclass
class Provider:
    """Where it listens, and who signs in next. `change` may spoil the claims of the next token."""

    now: Callable[[], datetime]
    url: str = ""
    claims: dict[str, Any] = field(default_factory=dict)
    change: Callable[[dict[str, Any]], None] = lambda claims: None
    header: dict[str, Any] = field(default_factory=dict)
    error: str = ""
    broken: str = ""
    key: RSAKey = field(default_factory=lambda: _key("first"))
    signing: RSAKey | None = None
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    asked: list[dict[str, str]] = field(default_factory=list)

    def app(self) -> Flask:
        """The four addresses that a client uses."""
        app = Flask("provider")
        app.get("/.well-known/openid-configuration")(self.discover)
        app.get("/keys")(self.keys)
        app.get("/authorize")(self.authorize)
        app.post("/token")(self.token)
        return app

    def discover(self) -> Response | tuple[str, int]:
        """Its metadata."""
        if self.broken == "metadata":
            return "<html>", 200
        named = "https://elsewhere.example" if self.broken == "issuer" else self.url
        return jsonify(
            issuer=named,
            authorization_endpoint=f"{self.url}/authorize",
            token_endpoint=f"{self.url}/token",
            jwks_uri=f"{self.url}/keys",
            response_types_supported=["code"],
            subject_types_supported=["public"],
            code_challenge_methods_supported=["S256"],
            id_token_signing_alg_values_supported=["RS256", "HS256", "none"],
        )

    def keys(self) -> Response:
        """Its public keys."""
        return jsonify(keys=[self.key.as_dict(private=False)])

    def authorize(self) -> Response:
        """The person agrees at once, or `error` is given back."""
        given = request.args.to_dict()
        self.asked.append(given)
        back = {"state": given.get("state", "")}
        if given.get("client_id") != CLIENT or given.get("response_type") != "code":
            return Response("wrong client", 400)
        if given.get("code_challenge_method") != "S256" or not given.get("code_challenge"):
            back["error"] = "invalid_request"
        elif self.error:
            back["error"] = self.error
        else:
            back["code"] = secrets.token_urlsafe(16)
            self.codes[back["code"]] = given
        return redirect(f"{given['redirect_uri']}?{urlencode(back)}")  # type: ignore[return-value]

    def token(self) -> Response | tuple[Response, int] | tuple[str, int]:
        """Exchange a code once, for the client that proves the verifier of its challenge."""
        if self.broken == "token":
            return "out of order", 502
        auth, form = request.authorization, request.form
        known = auth is not None and (auth.username, auth.password) == (CLIENT, SECRET)
        asked = self.codes.pop(form.get("code", ""), None)
        if not known or asked is None or asked["redirect_uri"] != form.get("redirect_uri"):
            return jsonify(error="invalid_grant"), 400
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if challenge != asked["code_challenge"]:
            return jsonify(error="invalid_grant"), 400
        return jsonify(
            access_token=secrets.token_urlsafe(16),
            token_type="Bearer",
            expires_in=300,
            id_token=self.id_token(asked),
        )

    def id_token(self, asked: dict[str, str]) -> str:
        """The signed token of this person."""
        at = int(self.now().timestamp())
        claims = {"iss": self.url, "aud": CLIENT, "iat": at, "exp": at + 300}
        claims |= {"nonce": asked["nonce"], **self.claims}
        self.change(claims)
        header = {"alg": "RS256", "kid": self.key.kid, **self.header}
        return jwt.encode(header, claims, self.signing or self.key)


def _key(name: str) -> RSAKey:
    return RSAKey.generate_key(2048, parameters={"kid": name, "use": "sig"})


def other_key(name: str = "first") -> RSAKey:
    """A key that the provider does not publish, perhaps under the name of one that it does."""
    return _key(name)


@contextmanager
def provider(now: Callable[[], datetime]) -> Iterator[Provider]:
    """Run a provider in a thread."""
    made = Provider(now)
    server = make_server("127.0.0.1", 0, made.app(), threaded=True)
    made.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        thread.join()
