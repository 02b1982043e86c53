"""Which member is it for whom an OpenID provider vouches? And its session. Called by functions/pages.

It is known by the provider's name for it; the first time by its verified e-mail; or it becomes a member where the
settings say so. Who became one in this way has the role and the branches of its groups anew at each sign-in.
"""

import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy import text

from pacs.errors import NotConfigured, NotFound, ProviderRefused, SecondFactorNeeded
from pacs.people.accounts import default_organization
from pacs.people.audit import Deed, record
from pacs.people.membership import Member, find_by_email, find_by_id, find_by_subject
from pacs.people.oidc import Vouched
from pacs.people.organizations import NewMember, add_member, find_branches, find_organization, grant_branches
from pacs.people.passwords import generated
from pacs.people.scope import Scope
from pacs.people.signing_in import Caller, Credentials, SignedIn, begun, record_refusal, welcome
from pacs.people.standing import change_role
from pacs.ports import Services, Statements
from pacs.settings import Settings

LINK = text(
    "update organization_members set provider_subject = :subject, provided = :provided"
    " where id = cast(:id as uuid) and provider_subject is null returning id"
)


def sign_in_vouched(services: Services, who: Vouched, door: str, caller: Caller) -> SignedIn:
    """Begin a session of somebody whom the provider vouches for, at a door that lets its role in.

    Raises ProviderRefused; SecondFactorNeeded for who has one here and used none there.
    """
    credentials = Credentials(who.email or who.subject, "", door)
    try:
        # Nobody is linked or made who is not let in.
        with services.database.transaction() as statements:
            member = member_for(services, statements, who, caller)
            scope = welcome(services, member, credentials) if member else None
            if member is None or scope is None:
                raise ProviderRefused("nobody whom this door lets in")
            if member.totp_since and not who.strong:
                raise SecondFactorNeeded("a code of your second factor is needed", field="code")
    except ProviderRefused:
        record_refusal(services, find_by_subject(services.database, who.subject), credentials, caller)
        raise
    return begun(services, member, scope, caller, f"{door} by provider")


def member_for(services: Services, statements: Statements, who: Vouched, caller: Caller) -> Member | None:
    """The member, linked or made when it is met first; None when there is none and none is to be made."""
    settings = services.settings
    member = find_by_subject(statements, who.subject)
    if member is None and who.email:
        member = find_by_email(statements, who.email)
        if member and member.provider_subject:
            return None  # somebody else at the provider
        if member:
            link(statements, member, who, caller)
        elif settings.oidc_create and (role := role_of(settings, who)):
            member = made(services, statements, who, role, caller)
    if member and member.provided and member.disabled_at is None:
        return find_by_id(statements, member.id) if follow(services, statements, member, who) else None
    return member


def link(statements: Statements, member: Member, who: Vouched, caller: Caller) -> None:
    statements.fetch(LINK, {"id": member.id, "subject": who.subject, "provided": False})
    scope = Scope(member.organization_id, member.role, member_id=member.id)
    record(statements, scope, Deed("change-account", subject="linked to the provider"), source_ip=caller.address)


def made(services: Services, statements: Statements, who: Vouched, role: Any, caller: Caller) -> Member | None:
    """A new member, whose password nobody knows."""
    organization = organization_of(services.settings, services)
    scope = Scope(organization, "system")
    member_id = add_member(statements, scope, NewMember(who.email, generated(), role, who.name))
    statements.fetch(LINK, {"id": member_id, "subject": who.subject, "provided": True})
    record(statements, scope, Deed("change-rights", subject=f"{member_id}: by provider"), source_ip=caller.address)
    return find_by_id(statements, member_id)


def follow(services: Services, statements: Statements, member: Member, who: Vouched) -> bool:
    """Give a member what its groups have by now; False when none of them has a role any more."""
    settings, now = services.settings, services.clock.now()
    role = role_of(settings, who)
    if role is None:
        return False
    scope = Scope(member.organization_id, "system")
    if role != member.role:
        change_role(statements, scope, member.id, role, manager=member.manager, now=now)
    try:
        branches = [each.id for each in find_branches(statements, scope, codes_of(settings, who))]
        if set(branches) != set(member.branches_in(member.organization_id)):
            grant_branches(statements, scope, member.id, branches, now)
    except NotFound as error:
        raise NotConfigured("PACS_OIDC_BRANCHES names a branch that is none", field="PACS_OIDC_BRANCHES") from error
    return True


def role_of(settings: Settings, who: Vouched) -> str | None:
    """The role of the first group that has one."""
    table = mapping(settings.oidc_roles, "PACS_OIDC_ROLES")
    return next((str(role) for group, role in table.items() if group in who.groups), None)


def codes_of(settings: Settings, who: Vouched) -> list[str]:
    """The codes of the branches of all groups, each once."""
    table = mapping(settings.oidc_branches, "PACS_OIDC_BRANCHES")
    return list(dict.fromkeys(str(code) for group, codes in table.items() if group in who.groups for code in codes))


def mapping(told: str, name: str) -> Mapping[str, Any]:
    """A setting that is a table. Raises NotConfigured."""
    try:
        table = json.loads(told or "{}")
    except ValueError as error:
        raise NotConfigured(f"{name} must be a JSON object", field=name) from error
    if not isinstance(table, dict):
        raise NotConfigured(f"{name} must be a JSON object", field=name)
    return table


def organization_of(settings: Settings, services: Services) -> str:
    if settings.oidc_organization:
        return find_organization(services.database, settings.oidc_organization)
    first = default_organization(services.database)
    if first is None:
        raise NotConfigured("there is no organization yet", field="PACS_OIDC_ORGANIZATION")
    return first[0]
