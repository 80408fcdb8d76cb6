"""Who comes in: sign-in, people and their roles, invitations, one's own account, deputies.

Here: the list of the blueprints. Not here: the pages about records (portal/pages).
"""

from portal.access import deputies, people, signin, two_factor
from portal.access import deputies as request_pages
from portal.access import deputies as staying
from portal.access import signin as joining
from portal.access import signin as second_step
from portal.access import two_factor as own_page

BLUEPRINTS = (
    request_pages.request_pages,
    signin.signin_pages,
    second_step.step_pages,
    joining.join_pages,
    own_page.own_pages,
    two_factor.factor_pages,
    two_factor.duty_pages,
    deputies.deputy_pages,
    people.people_pages,
    staying.session_pages,
)
