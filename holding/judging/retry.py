"""Whether what a target refused may be sent again.

Here: one question with one answer a class. Not here: retries by time (holding/pushing).
"""

from holding.judging.batch import Batch, HoldRow

CONTENT_CHANGED = "PSH01"
NOT_APPROVED = "PSH02"
WHOLE_WORLD = frozenset({"period_locked"})
RULES = frozenset({"business_rule", "duplicate"})


def may_retry(batch: Batch, hold: HoldRow, *, same_content: bool) -> bool:
    """Only when something changed since that could change the answer."""
    if not same_content or hold.changed_revision > hold.revision:
        return True
    if hold.code in {CONTENT_CHANGED, NOT_APPROVED}:
        return True  # this judging has just written the content anew, and approvals are asked again
    if hold.error_class in WHOLE_WORLD:
        return batch.revision > hold.revision
    return hold.error_class in RULES and batch.rules_revision > hold.revision
