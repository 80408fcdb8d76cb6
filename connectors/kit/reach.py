"""Whether a system can be reached at all: one step of every connection test.

Here: what an answer, or none, says of the way there, with a code and the next step of each. Not
here: what the system says of the key (each target's probe.py), our own outgoing address
(holding/connections/channel.py).
"""

from urllib.parse import urlsplit

from connectors.contract import Settings, Step
from connectors.transport.http import Cause, HttpAnswer, HttpFailure, reached

NAME = "Reach"
CODES: dict[Cause, str] = {
    "name": "reach.name",
    "refused": "reach.refused",
    "tls": "reach.tls",
    "timeout": "reach.timeout",
    "blocked": "reach.blocked",
    "cut": "reach.cut",
}
REDIRECT, UNAVAILABLE = "reach.redirect", "reach.unavailable"
_MOVED = range(300, 400)


def says(system: str, status: int, message: str = "") -> str:
    """What a system answered, in its own words, which are quoted.

    >>> says("AiAccount", 401, "Unknown key."), says("AutoCount", 500)
    ('AiAccount says: “Unknown key.” (answer 401).', 'AutoCount gave no reason (answer 500).')
    """
    told = message.strip()
    if told:
        return f"{system} says: “{told}” (answer {status})."
    return f"{system} gave no reason (answer {status})."


def reach(settings: Settings, answer: HttpAnswer | HttpFailure) -> Step:
    """The step, from the first answer of the system under its `base_url`."""
    return _judged(settings, answer).took(answer.seconds)


def _judged(settings: Settings, answer: HttpAnswer | HttpFailure) -> Step:
    parts = urlsplit(str(settings.get("base_url", "")))
    host = parts.hostname or "the address"
    if isinstance(answer, HttpFailure):
        words, hint = _failure(answer, host, _port(parts.geturl()))
        return Step.failed(NAME, words, hint, CODES[answer.cause])
    if answer.status in _MOVED:
        to = urlsplit(answer.headers.get("location", "")).hostname or "another page"
        hint = "Enter the address of the interface, not of the web page."
        return Step.failed(NAME, f"The address sends us on to {to}.", hint, REDIRECT)
    if not reached(answer):
        words = f"{host} answered {answer.status}: it is not available now."
        hint = "Test again in a few minutes. If it stays so, ask who runs that system."
        return Step.failed(NAME, words, hint, UNAVAILABLE)
    return Step(NAME, ok=True, words=f"{host} answers.")


def _failure(answer: HttpFailure, host: str, port: int) -> tuple[str, str]:
    network = "ask who runs your network"
    match answer.cause:
        case "name":
            words = f"The name {host} was not found."
            return words, f"Compare the address. If it is right, {network}."
        case "refused":
            words = f"{host} refused the connection on port {port}."
            hint = f"Ask who runs {host} to allow our outgoing address, or open the firewall."
            return words, hint
        case "tls":
            words = f"The certificate of {host} cannot be trusted, so nothing was sent."
            hint = f"Compare the address. If it is right, ask who runs {host} to renew it."
            return words, hint
        case "timeout":
            words = f"{host} did not answer in time."
            hint = "A firewall may drop our calls: ask for our outgoing address to be allowed."
            return words, hint
        case "blocked":
            return answer.words, "Enter the address of the system in the internet, with https://."
        case "cut":
            words = f"The connection to {host} broke before the answer was complete."
            return words, f"Test again. If it stays so, {network}."


def _port(address: str) -> int:
    parts = urlsplit(address)
    try:
        return parts.port or (80 if parts.scheme == "http" else 443)
    except ValueError:
        return 443
