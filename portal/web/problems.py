"""A refusal in JSON.

Here: the form of RFC 9457 with our own words beside it. Not here: when one is given.
"""

from flask import Response, g, jsonify

from holding.db.refusal import Refusal


def problem(refusal: Refusal, **more: object) -> Response:
    """The answer to a machine."""
    answer = jsonify(
        type="about:blank",
        title=refusal.message,
        status=refusal.status,
        code=refusal.code,
        what=refusal.message,
        why=refusal.code.replace(".", " ").replace("_", " "),
        todo=refusal.hint,
        request_id=g.get("request_id"),
        **more,
    )
    answer.status_code = refusal.status
    answer.content_type = "application/problem+json"
    return answer
