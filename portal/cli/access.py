"""Commands for access: tokens for programs, and delegates."""

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import click

from portal.cli.setup import user
from portal.terminal.command_frame import (
    Listing,
    company_option,
    granted,
    open_installation,
    print_json,
    print_next,
    print_note,
    refuse,
    require_actor,
    require_company,
    require_person_id,
)

if TYPE_CHECKING:
    from holding.access.deputies import Standing
    from holding.access.operations import TokenRow
    from portal.terminal.command_frame import Installation


DAY = click.DateTime(["%Y-%m-%d"])
as_option = click.option(
    "--as", "as_email", required=True, help="Your email address (recorded as the actor)."
)


@user.command("roles")
@click.option("--json", "as_json", is_flag=True, help="One JSON object, with every route.")
def user_roles(*, as_json: bool) -> None:
    """Show what each role may do, and which pages and actions that opens."""
    from holding.access.actors import ACT_LABELS, ACTS, ROLE_LABELS, ROLES, role_list

    with open_installation() as place:
        routes = _routes(place)
    acts = [
        {"act": act, "label": label, "roles": [role for role in ROLES if role in ACTS[act]]}
        for act, label in ACT_LABELS.items()
    ]
    if as_json:
        print_json(
            {
                "roles": dict(ROLE_LABELS),
                "acts": acts,
                "routes": [asdict(route) for route in routes],
            }
        )
        return
    for act, label in ACT_LABELS.items():
        print_note(f"{label}: {role_list(ACTS[act])}")
        for route in routes:
            if route.act == act:
                print_note(f"    {route.method} {route.address}")
    print_next("user add EMAIL --company CODE --role ROLE")


@dataclass(frozen=True, slots=True)
class Route:
    """Describe one address and method of the portal: its act, and whether each role may do it."""

    route: str
    method: str
    address: str
    act: str
    may: dict[str, bool]


def _routes(place: "Installation") -> list[Route]:
    """Return every address and method of the portal, with its act and the roles that may do it."""
    from holding.access.actors import ACTS, ROLES
    from portal.app import create_app
    from portal.web.permissions import PUBLIC, SIGNED_IN, permission_of

    app = create_app(place.database, place.clock, place.settings)
    routes: list[Route] = []
    for rule in sorted(app.url_map.iter_rules(), key=lambda rule: (rule.rule, rule.endpoint)):
        act = permission_of(app, rule.endpoint)
        may = {role: act in (PUBLIC, SIGNED_IN) or role in ACTS.get(act, ()) for role in ROLES}
        routes += [
            Route(rule.endpoint, method, rule.rule, act, may)
            for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})
        ]
    return routes


@click.group(cls=Listing)
def token() -> None:
    """Manage the tokens with which programs act as a person."""


@token.command("add")
@click.argument("email")
@company_option
@click.option("--name", required=True, help="Which program uses it.")
@click.option("--scope", "scopes", required=True, multiple=True, help="What it may be used for.")
@click.option("--days", default=90, show_default=True, help="How long it lasts, 366 at most.")
def token_add(email: str, company: str, name: str, scopes: tuple[str, ...], days: int) -> None:
    """Create a token for EMAIL. It is printed once and stored nowhere."""
    from holding.access import actors, operations

    with open_installation() as place, place.database.write() as session:
        company_row = require_company(session, company)
        new_token = granted(
            operations.make_token(
                session,
                actors.OPERATOR,
                company_id=company_row.id,
                person_id=require_person_id(session, email),
                name=name,
                scopes=scopes,
                lasts=timedelta(days=min(days, 9_999)),  # larger values overflow a date
                now=place.now,
            )
        )
    expires_at = new_token.expires_at.astimezone(ZoneInfo(company_row.zone))
    click.echo(f"Token {new_token.id} acts as {email} in {company} until {expires_at:%Y-%m-%d}.")
    click.echo(f"Token, shown only now: {new_token.key}")
    print_next(f"token list --company {company}")


@token.command("list")
@company_option
def token_list(company: str) -> None:
    """List all tokens of a company, and when each was last used."""
    from holding.access import operations

    with open_installation() as place, place.database.read() as session:
        company_row = require_company(session, company)
        zone = ZoneInfo(company_row.zone)
        for row in operations.list_tokens(session, company_row.id):
            last_used_at = row.seen_at.astimezone(zone) if row.seen_at else None
            last_used_text = f"{last_used_at:%Y-%m-%d %H:%M}" if last_used_at else "never used"
            state = _token_state(row, place.now, zone)
            scopes = ",".join(row.scopes)
            click.echo(f"{row.id}  {row.name}  {row.email}  {scopes}  {state}  {last_used_text}")
    print_next(f"token revoke NUMBER --company {company}")


@token.command("revoke")
@click.argument("number", type=int)
@company_option
def token_revoke(number: int, company: str) -> None:
    """End token NUMBER for good."""
    from holding.access import actors, operations

    with open_installation() as place, place.database.write() as session:
        company_row = require_company(session, company)
        refusal = operations.revoke(session, actors.OPERATOR, company_row.id, number, place.now)
        if refusal:
            refuse(refusal)
    click.echo(f"Token {number} revoked.")
    print_next(f"token list --company {company}")


@click.group(cls=Listing)
def deputy() -> None:
    """Manage approval delegates and their periods."""


@deputy.command("add")
@click.argument("email")
@click.option("--for", "person", required=True, help="The approver whom EMAIL represents.")
@company_option
@as_option
@click.option("--from", "first", type=DAY, help="The first day. Default: at once.")
@click.option("--until", "last", type=DAY, required=True, help="The last day.")
@click.option("--reason", required=True, help="Recorded in the audit log.")
def deputy_add(
    email: str,
    person: str,
    company: str,
    as_email: str,
    first: datetime | None,
    last: datetime,
    reason: str,
) -> None:
    """Permit EMAIL to approve on behalf of another person for a period."""
    from holding.access import deputies

    with open_installation() as place, place.database.write() as session:
        company_row = require_company(session, company)
        zone = ZoneInfo(company_row.zone)
        granted(
            deputies.appoint(
                session,
                require_actor(session, as_email, company_row.id),
                person_id=require_person_id(session, person),
                deputy_id=require_person_id(session, email),
                from_at=deputies.begins(first.date(), zone) if first else place.now,
                until_at=deputies.ends(last.date(), zone),
                reason=reason,
                now=place.now,
            )
        )
    click.echo(f"{email} is the delegate of {person} through {last:%Y-%m-%d}.")
    print_next(f"deputy list --company {company}")


@deputy.command("list")
@company_option
def deputy_list(company: str) -> None:
    """List all delegates, present and past."""
    from holding.access import deputies

    with open_installation() as place, place.database.read() as session:
        company_row = require_company(session, company)
        for row in deputies.list_deputies(session, company_row.id):
            click.echo(_deputy_line(row, ZoneInfo(company_row.zone)))
    print_next(f"deputy end NUMBER --company {company} --as EMAIL")


@deputy.command("end")
@click.argument("number", type=int)
@company_option
@as_option
def deputy_end(number: int, company: str, as_email: str) -> None:
    """End the delegation NUMBER of the list early."""
    from holding.access import deputies

    with open_installation() as place, place.database.write() as session:
        company_row = require_company(session, company)
        actor = require_actor(session, as_email, company_row.id)
        granted(deputies.end(session, actor, number, place.now))
    click.echo(f"Delegation {number} ended.")
    print_next(f"deputy list --company {company}")


def _token_state(row: "TokenRow", now: datetime, zone: ZoneInfo) -> str:
    if row.revoked_at is not None:
        return "revoked"
    return "over" if row.expires_at <= now else f"until {row.expires_at.astimezone(zone):%Y-%m-%d}"


def _deputy_line(row: "Standing", zone: ZoneInfo) -> str:
    end = row.ended_at or row.until_at
    times = " to ".join(f"{at.astimezone(zone):%Y-%m-%d %H:%M}" for at in (row.from_at, end))
    ended = " (ended early)" if row.ended_at else ""
    return f"{row.id}  {row.deputy} for {row.person}  {times}{ended}  {row.reason}"


COMMANDS = (token, deputy)
