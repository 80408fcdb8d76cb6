"""Whether what a target refused may be sent again.

Here: one question with one answer a class. Not here: retries by time (holding/pushing).
"""

from holding.judging.batch import Batch, HoldRow
from holding.pushing.trouble import CONFLICT, CONTENT_CHANGED, NOT_APPROVED

RULES = frozenset({"business_rule", "duplicate"})


def may_retry(batch: Batch, hold: HoldRow, *, same_content: bool, posted: bool) -> bool:
    """Only when something changed since that could change the answer.

    Where another content stands under the number of what is not posted, a person has to say what it
    is: it may be ours. A change of what is posted is looked at before it goes, whatever it is.
    """
    if hold.code == CONFLICT and not posted:
        return False
    if not same_content or hold.changed_revision > hold.revision:
        return True
    if hold.code in {CONTENT_CHANGED, NOT_APPROVED}:
        return True  # this judging has just written the content anew, and approvals are asked again
    return hold.error_class in RULES and batch.rules_revision > hold.revision
