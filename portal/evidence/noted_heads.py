"""Heads of a company's chain that were noted outside its database, where this machine has any."""

from flask import g

from holding.platform.events import Anchors, Head
from holding.platform.settings import logger
from portal.web import security

log = logger("clearpost.portal")


def noted_heads() -> tuple[Head, ...]:
    """Those that the worker noted; none where the file is not here. A damaged file is told by
    `clearpost verify`.
    """
    try:
        return Anchors(security.config().settings.anchor_file).of(g.company.code)
    except (OSError, ValueError) as problem:
        log.warning("The noted heads cannot be read.", why=str(problem))
        return ()
