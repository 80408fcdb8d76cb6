"""The page of a record with its tabs, and its evidence packet."""

from portal.records import packet_pages, records

BLUEPRINTS = (
    records.pages,
    packet_pages.pages,
)
