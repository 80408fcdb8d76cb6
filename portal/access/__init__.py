"""Sign-in, people and their roles, invitations, the own account, delegates and access requests."""

from portal.access import deputies, oidc, people, signin, two_factor

BLUEPRINTS = (
    deputies.request_pages,
    signin.signin_pages,
    signin.step_pages,
    oidc.pages,
    signin.join_pages,
    two_factor.own_pages,
    two_factor.factor_pages,
    two_factor.duty_pages,
    deputies.deputy_pages,
    people.people_pages,
    deputies.session_pages,
)
