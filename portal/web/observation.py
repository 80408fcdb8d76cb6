"""Request counts and durations for `/metrics`, and one access log line per request."""

from time import perf_counter
from typing import Final

from flask import Flask, Response, current_app, g, request
from prometheus_client import CollectorRegistry, Counter, Histogram

from holding.platform.settings import ACCESS_LOG, logger

BUCKETS: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
"""Upper bounds of the duration histogram, in seconds."""

NO_ROUTE: Final = "no route"
"""The route of a request whose address matches none."""

log = logger(ACCESS_LOG)


class RequestFigures:
    """The request counts and durations of one application, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._count = Counter(
            "clearpost_http_requests",
            "Requests that the portal answered since it started.",
            ("method", "route", "status"),
            registry=self.registry,
        )
        self._seconds = Histogram(
            "clearpost_http_request_seconds",
            "How long the portal needed for an answer.",
            ("route",),
            buckets=BUCKETS,
            registry=self.registry,
        )

    def add(self, route: str, status: int, seconds: float) -> None:
        """Count an answer. Routes are templates of addresses, so that their number is bounded."""
        self._count.labels(request.method, route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)


def init_observation(app: Flask) -> None:
    """Measure and log each request of the application."""
    app.extensions["request_figures"] = RequestFigures()
    app.before_request(_start)
    app.after_request(_finish)


def request_figures() -> RequestFigures:
    """Return the request figures of the current application."""
    figures: RequestFigures = current_app.extensions["request_figures"]
    return figures


def logged_path() -> str:
    """Return the request's path for a log. The token of a link is a key and is left out."""
    prefix = next((way for way in ("/join/", "/setup/") if request.path.startswith(way)), "")
    return f"{prefix}…" if prefix else request.path


def _start() -> None:
    g.started = perf_counter()


def _finish(answer: Response) -> Response:
    seconds = perf_counter() - g.started if "started" in g else 0.0
    route = request.url_rule.rule if request.url_rule else NO_ROUTE
    request_figures().add(route, answer.status_code, seconds)
    person, company = g.get("person"), g.get("company")
    log.info(
        "Request.",
        request=g.get("request_id"),
        method=request.method,
        route=route,
        path=logged_path(),
        status=answer.status_code,
        milliseconds=round(seconds * 1000, 1),
        address=request.remote_addr,
        company=company.code if company else None,
        person=person.person_id if person else None,
    )
    return answer
