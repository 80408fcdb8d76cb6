"""Sign in with an account of an OpenID Connect provider, and connect one with a person."""

from datetime import datetime, timedelta
from typing import Any, Final

from authlib.integrations.flask_client import OAuth, OAuthError
from authlib.oidc.core import CodeIDToken
from flask import (
    Blueprint,
    Flask,
    current_app,
    g,
    redirect,
    request,
    session,
    url_for,
)
from werkzeug.wrappers import Response as AnyResponse

from connectors.transport import sign_in_provider
from connectors.transport.sign_in_provider import FAILURES, ProviderClient
from holding.access import enrolment, identities, sessions, sign_in_log
from holding.access.identities import Subject
from holding.company import access_links, own_account
from holding.db.refusal import Refusal
from holding.platform.settings import SIGN_IN_LOG, Oidc, conceal, logger
from portal.access import signin, two_factor
from portal.web import request_guard, store
from portal.web.permissions import needs, public, signed_in

pages = Blueprint("oidc", __name__)

log = logger(SIGN_IN_LOG)

PROVIDER: Final = "clearpost_oidc"

ALGORITHMS: Final = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384",
                     "ES512")  # fmt: skip
"""Signatures of public keys only: `none` and shared secrets are refused even where offered."""

SCOPE: Final = ("openid", "email", "profile")

LEEWAY: Final = 60  # seconds that the clocks of provider and server may differ

CONNECT: Final = "oidc_connect"  # in Flask's signed cookie: who proved their password, and when

CONNECT_LASTS: Final = timedelta(minutes=10)


class _Claims(CodeIDToken):  # type: ignore[misc]  # Authlib has no types
    """The claims of an ID token, compared with the product's clock."""

    def validate(self, now: int | None = None, leeway: int = 0) -> None:
        """Raise an error for the first claim that is wrong."""
        super().validate(now=now or int(g.now.timestamp()), leeway=leeway)


def init_oidc(app: Flask) -> None:
    """Register the OpenID Connect provider with Authlib, and set the label of its button.

    Without a configured provider the label is blank, and the button is not shown.
    """
    wanted: Oidc | None = app.config["PORTAL"].settings.oidc
    app.jinja_env.globals.update(oidc_label=wanted.label if wanted else "", oidc_account=account_of)
    if wanted is None:
        return
    conceal(wanted.client_secret)
    app.extensions[PROVIDER] = OAuth(app).register(
        PROVIDER,
        client_cls=ProviderClient,
        client_id=wanted.client_id,
        client_secret=wanted.client_secret,
        server_metadata_url=f"{wanted.issuer.rstrip('/')}/.well-known/openid-configuration",
        client_kwargs={"scope": " ".join(SCOPE), "code_challenge_method": "S256"},
    )


def _settings() -> Oidc | None:
    return request_guard.config().settings.oidc


def account_of(person_id: int) -> identities.Account | None:
    """Return the account of the provider that a person signs in with, or None."""
    wanted = _settings()
    if wanted is None:
        return None
    return identities.account_of(store.reading(), person_id, wanted.issuer)


def _off() -> Refusal:
    words = "This installation has no sign-in provider."
    return Refusal("oidc.off", words, "Sign in with your password.", 404)


def _client(wanted: Oidc) -> Any:
    """Return Authlib's client, with the provider's algorithms limited to public keys."""
    client = current_app.extensions[PROVIDER]
    metadata = client.load_server_metadata()
    if metadata.get("issuer") != wanted.issuer:
        raise OAuthError("issuer", "the metadata name another issuer")
    offered = metadata.get("id_token_signing_alg_values_supported") or ("RS256",)
    allowed = [name for name in offered if name in ALGORITHMS]
    metadata["id_token_signing_alg_values_supported"] = allowed
    return client


@pages.get("/signin/provider", endpoint="start")
@public
@request_guard.limiter.limit("30 per minute")
def start() -> AnyResponse:
    """Send the browser to the provider, to sign in or to connect an account."""
    wanted = _settings()
    if wanted is None:
        return _refused(_off())
    connecting = _connecting() if request.args.get("connect") == "1" else None
    if request.args.get("connect") == "1" and connecting is None:
        return _refused(_lost())
    back = request_guard.outside(url_for("oidc.back"))
    try:
        client = _client(wanted)
        request_data = client.create_authorization_url(back)
    except FAILURES as error:
        return _refused(_failure(error), connecting)
    url = request_data.pop("url")
    onward = request_guard.safe_next(request.args.get("next"))
    client.save_authorize_data(redirect_uri=back, next=onward, connect=connecting, **request_data)
    return redirect(url, 303)


def _connecting() -> int | None:
    """Return the signed-in person who proved their password to connect an account, once."""
    person_id, at = session.pop(CONNECT, None) or (None, "")
    if not request_guard.whoever() or g.person.person_id != person_id:
        return None
    return person_id if g.now - datetime.fromisoformat(at) <= CONNECT_LASTS else None


def _lost() -> Refusal:
    words = "This sign-in was not started in this browser, or it has ended."
    return Refusal("oidc.state", words, "Start it again.", 403)


def _failure(error: Exception) -> Refusal:
    """Return the refusal for what Authlib raised, and log its cause."""
    refusal = _words_of(error)
    log.warning("Sign-in by the provider failed.", code=refusal.code, why=_cause(error))
    return refusal


def _cause(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:300]


def _words_of(error: Exception) -> Refusal:
    hint = "Sign in with your password, or try again in a few minutes."
    if sign_in_provider.is_unreachable(error):
        words = "The sign-in provider did not answer."
        return Refusal("oidc.unreachable", words, hint, 503)
    if sign_in_provider.is_other_state(error):
        return _lost()
    if sign_in_provider.is_denied(error):
        return Refusal("oidc.denied", "The sign-in provider refused the sign-in.", hint, 403)
    words = "The answer of the sign-in provider could not be used."
    return Refusal("oidc.invalid", words, hint, 403)


def _refused(refusal: Refusal, connecting: int | None = None) -> AnyResponse:
    if connecting is not None:
        return store.refuse(refusal, back=url_for("me.show"))
    return signin.signin_form(refusal=refusal)


@pages.get("/signin/provider/back", endpoint="back")
@public  # authenticated by the provider's answer
@request_guard.limiter.limit("30 per minute")
def come_back() -> AnyResponse:
    """Sign in the person of the account, or connect it with the person who started."""
    wanted = _settings()
    if wanted is None:
        return _refused(_off())
    client = current_app.extensions[PROVIDER]
    started = client.framework.get_state_data(session, request.args.get("state")) or {}
    connecting = started.get("connect")
    account = _account(wanted)
    if isinstance(account, Refusal):
        return _refused(account, connecting)
    if connecting is not None:
        return _connect(connecting, account)
    device = signin.request_device()
    with store.writing() as database:
        person_id = identities.sign_in(database, account, g.now)
        if isinstance(person_id, Refusal):
            email = account.email if account.email_verified else ""
            sign_in_log.log_failed_sign_in(database, email, device, person_id, g.now)
        else:
            entered = enrolment.enter(database, person_id, g.now, device)
    if isinstance(person_id, Refusal):
        return _refused(person_id)
    return signin.finish_signin(entered, request_guard.safe_next(started.get("next")))


def _account(wanted: Oidc) -> Subject | Refusal:
    """Exchange the authorization code for an ID token, and return the account it names.

    Return a refusal if the provider fails or a claim of the token is wrong.
    """
    must = {
        "iss": {"essential": True, "value": wanted.issuer},
        "aud": {"essential": True, "value": wanted.client_id},
        "sub": {"essential": True},
    }
    try:
        token = _client(wanted).authorize_access_token(
            claims_options=must, claims_cls=_Claims, leeway=LEEWAY
        )
        claims = token["userinfo"]
        subject = str(claims["sub"])
    except FAILURES as error:
        return _failure(error)
    email = str(claims.get("email") or "")
    return Subject(wanted.issuer, subject, email, claims.get("email_verified") is True)


def _connect(person_id: int, account: Subject) -> AnyResponse:
    if not request_guard.whoever() or g.person.person_id != person_id:
        return _refused(_lost())
    with store.writing() as database:
        refusal = identities.connect(database, person_id, account, g.now)
    if refusal:
        return _refused(refusal, person_id)
    return store.flash_redirect(url_for("me.show"), "Your account is connected.")


@pages.post("/me/account/connect", endpoint="connect")
@signed_in
@request_guard.limiter.limit("10 per minute")
def begin_to_connect() -> AnyResponse:
    """Check the password; the page after it leads to the provider."""
    if _settings() is None:
        return store.refuse(_off(), back=url_for("me.show"))
    if wrong := _wrong_password():
        return wrong
    session[CONNECT] = [g.person.person_id, g.now.isoformat()]
    # A link, because the content security policy lets no form lead to another site.
    request_guard.inside_company(request.args.get("c", ""))
    return store.respond("people/connect_account.html", back=request.args.get("c", ""))


def _wrong_password() -> AnyResponse | None:
    present = request.form.get("present", "")
    compared = sessions.compare(store.reading(), g.person.email, present, g.now)
    with store.writing() as database:
        refusal = own_account.wrong_password(database, g.person.person_id, present, g.now, compared)
    if refusal is None:
        return None
    return two_factor.own_page({"accountpresent": refusal.words}, status=refusal.status)


@pages.post("/me/account/disconnect", endpoint="disconnect")
@signed_in
@request_guard.limiter.limit("10 per minute")
def disconnect() -> AnyResponse:
    """End the own account; the password stays."""
    wanted = _settings()
    if wanted is None:
        return store.refuse(_off(), back=url_for("me.show"))
    if wrong := _wrong_password():
        return wrong
    with store.writing() as database:
        refusal = identities.disconnect(database, g.person.person_id, wanted.issuer, g.now)
    if refusal:
        return store.refuse(refusal, back=url_for("me.show"))
    url = url_for("me.show", c=request.args.get("c") or None)
    return store.redirect_with_message(url, "Your account is disconnected.")


@pages.post("/c/<co>/people/<int:person_id>/account/end", endpoint="end")
@needs("people.admin")
def end(person_id: int) -> AnyResponse:
    """Disconnect a person's account at the provider. All their sessions end."""
    back, wanted = url_for("people.listing", co=g.company.code), _settings()
    with store.writing() as database:
        person = access_links.administered(database, g.actor, g.company.id, person_id)
        refusal = person if isinstance(person, Refusal) else None
        if refusal is None:
            issuer = wanted.issuer if wanted else ""
            refusal = identities.disconnect(database, person_id, issuer, g.now, by=g.actor)
    if refusal:
        return store.refuse(refusal, back=back)
    return store.redirect_with_message(back, "The account is disconnected.")
