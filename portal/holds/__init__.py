"""The holding area: records on hold by cause, actions on a hold, approvals and saved views."""

from portal.holds import exceptions, hold_filter, worklist

BLUEPRINTS = (
    worklist.pages,
    exceptions.pages,
    exceptions.period_pages,
    hold_filter.view_pages,
    hold_filter.pages,
)
