"""Who comes in: sign-in, people and their roles, invitations, one's own account, deputies.

Here: the list of the blueprints. Not here: the pages about records (portal/pages).
"""

from portal.access import (
    deputies,
    joining,
    own_page,
    people,
    request_pages,
    second_step,
    signin,
    staying,
    two_factor,
)

BLUEPRINTS = (
    request_pages.pages,
    signin.signin_pages,
    second_step.step_pages,
    joining.join_pages,
    own_page.own_pages,
    two_factor.own_pages,
    two_factor.duty_pages,
    deputies.deputy_pages,
    people.people_pages,
    staying.pages,
)
