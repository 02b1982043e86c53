"""`pacs org`, `pacs branch`, `pacs member`, `pacs demo`: who uses the archive. Used by infra/cli.py alone."""

import sys
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer
from rich.console import Console

from infra import cli_views as views
from infra.cli_options import Json, parse_ttl, show
from pacs.errors import NotFound
from pacs.people.scope import MEMBER_ROLES, MemberRole, Scope

if TYPE_CHECKING:
    from infra.local.running import Home
    from pacs.people.organizations import NewMember

# How options are called on the command line whose fault a room has found.
OPTIONS = {name: f"--{name}" for name in ("organization", "code", "role", "branch", "importer", "password")} | {
    "name": "NAME",
    "email": "EMAIL",
    "organization": "--org",
}

out = Console(soft_wrap=True, highlight=False)
org = typer.Typer(help="Organizations: the tenants of this archive.", no_args_is_help=True)
branch = typer.Typer(help="Branches: the centres of an organization.", no_args_is_help=True)
member = typer.Typer(help="Members: the people of an organization.", no_args_is_help=True)
GROUPS = {"org": org, "branch": branch, "member": member}

Org = Annotated[
    str | None,
    typer.Option("--org", metavar="ORG", help="Name or identifier of the organization; by default the first one."),
]
Email = Annotated[str, typer.Argument(metavar="EMAIL", help="The e-mail address that the member signs in with.")]


def opened(organization: str | None = None) -> "tuple[Home, Scope]":
    """The archive that runs, and the view of one of its organizations: without a name the first one.

    Raises NotConfigured, NotFound.
    """
    from infra.local.running import open_home
    from pacs.people.organizations import find_organization

    home = open_home()
    home.require_running()
    if organization is None:
        return home, home.system_scope()
    return home, Scope(find_organization(home.services.database, organization), "system")


@org.command("add")
def add_org(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What the organization is called.")],
    as_json: Json = False,
) -> None:
    """Make an organization, which has neither branches nor members yet."""
    from pacs.people.organizations import add_organization

    home, _ = opened()
    document = {"id": add_organization(home.services.database, name), "name": name.strip()}
    show(document) if as_json else out.print(f"{document['name']}: {document['id']}", markup=False)


@org.command("list")
def list_orgs(as_json: Json = False) -> None:
    """List the organizations, with how many members each has."""
    from pacs.people.organizations import list_organizations

    home, _ = opened()
    found = list_organizations(home.services.database)
    if as_json:
        show(found)
    else:
        out.print(views.table(("name", "identifier", ">members"), [tuple(each.values()) for each in found]))


@branch.command("add")
def add_branch_to(
    organization: Annotated[str, typer.Argument(metavar="ORG", help="Name or identifier of its organization.")],
    name: Annotated[str, typer.Argument(metavar="NAME", help="What the branch is called.")],
    code: Annotated[
        str,
        typer.Option(metavar="CODE", help="1 to 8 capital letters or digits; modalities name it, so it never changes."),
    ],
    as_json: Json = False,
) -> None:
    """Make a branch. Modalities that call `RAIPACS_CODE` send to it.

    When another organization has a branch of this code, that name stays the other one's: tell the modalities apart by
    their AE titles or addresses.
    """
    from pacs.archive.peers import open_branch
    from pacs.people.organizations import add_branch

    home, scope = opened(organization)
    made = add_branch(home.services.database, scope, name, code)
    title = open_branch(home.services, scope, made)
    if as_json:
        show({**made.__dict__, "called_ae_title": title})
    else:
        sends = f"modalities call {title}" if title else "another organization's modalities call its code already"
        out.print(f"{made.code} {made.name}: {made.id}; {sends}", markup=False)


RoleName = Annotated[str, typer.Option("--role", metavar="ROLE", help=f"One of {', '.join(MEMBER_ROLES)}.")]
Branches = Annotated[
    list[str] | None,
    typer.Option(
        "--branch",
        metavar="CODE",
        help="A branch that the member sees, given once for each; uploads go to the first. ORG/CODE is another"
        " organization's. By default every branch that the organization has now.",
    ),
]
Name = Annotated[
    str, typer.Option("--name", metavar="NAME", help="What people call the member; by default the address.")
]
Manager = Annotated[bool, typer.Option("--manager", metavar="", help="May handle API keys.")]
Importer = Annotated[
    str,
    typer.Option(
        "--importer", metavar="TIME", help="May only upload, and only so long from now: 30m, 8h, 2d; at most 7d."
    ),
]
PasswordStdin = Annotated[
    bool,
    typer.Option("--password-stdin", metavar="", help="Read the password from standard input; else one is made."),
]


@member.command("add")
def add_member_to(
    email: Email,
    role: RoleName,
    organization: Org = None,
    branches: Branches = None,
    name: Name = "",
    manager: Manager = False,
    importer: Importer = "",
    password_stdin: PasswordStdin = False,
    as_json: Json = False,
) -> None:
    """Make a member of an organization. A password that was made is shown this once."""
    from pacs.people.organizations import NewMember, find_branches, list_branches
    from pacs.people.passwords import generated

    life = timedelta(seconds=parse_ttl(importer)) if importer else None
    password = sys.stdin.readline().rstrip("\r\n") if password_stdin else generated()
    home, scope = opened(organization)
    database = home.services.database
    granted = find_branches(database, scope, branches) if branches else list_branches(database, scope)
    until = home.services.clock.now() + life if life else None
    ids = [each.id for each in granted]
    new = NewMember(email, password, cast(MemberRole, role), name, ids, manager, life is not None, importer_until=until)
    document = {**added(home, scope, new), "branches": [each.code for each in granted]}
    if not password_stdin:
        document["password"] = password
    show(document) if as_json else print_member(document)


def added(home: "Home", scope: Scope, new: "NewMember") -> dict[str, Any]:
    """Add a member; what was made of it."""
    from pacs.people.organizations import add_member

    with home.services.database.transaction() as statements:
        made = add_member(statements, scope, new)
    return {
        "id": made,
        "email": new.email.lower(),
        "organization_id": scope.organization_id,
        "role": new.role,
        "manager": new.manager,
        "importer_until": new.importer_until,
    }


def print_member(document: dict[str, Any]) -> None:
    out.print(
        f"{document['email']}: {document['role']}, {', '.join(document['branches']) or 'no branch'}", markup=False
    )
    if "password" in document:
        out.print(f"Password: {document['password']}   (shown this once)", markup=False)


@member.command("list")
def list_members_of(organization: Org = None, as_json: Json = False) -> None:
    """List the members of an organization, with what they may see."""
    from pacs.people.organizations import list_members

    home, scope = opened(organization)
    members = list_members(home.services.database, scope)
    if as_json:
        show({"organization_id": scope.organization_id, "members": members})
        return
    rows = [(each["email"], each["role"], ",".join(each["branches"]), marks(each)) for each in members]
    out.print(views.table(("e-mail", "role", "branches", ""), rows))


def marks(row: Any) -> str:
    """What is out of the ordinary about a member."""
    until = f"importer until {row['importer_until']:%F %H:%M}" if row["importer"] else ""
    told = ("manager" if row["manager"] else "", until, "disabled" if row["disabled_at"] else "")
    return ", ".join(each for each in told if each)


@member.command("disable")
def disable(email: Email, organization: Org = None, as_json: Json = False) -> None:
    """Let a member in no more, and end its sessions."""
    from pacs.people.organizations import disable_member

    home, scope = opened(organization)
    with home.services.database.transaction() as statements:
        made = disable_member(statements, scope, email, home.services.clock.now())
    show({"id": made, "email": email.lower()}) if as_json else out.print(f"{email}: disabled", markup=False)


@member.command("enable")
def enable(email: Email, organization: Org = None, as_json: Json = False) -> None:
    """Let a member that was disabled in again."""
    from pacs.people.membership import find_by_email
    from pacs.people.standing import enable_member

    home, scope = opened(organization)
    found = find_by_email(home.services.database, email)
    if found is None or found.organization_id != scope.organization_id:
        raise NotFound("the organization has no such member", field="email")
    with home.services.database.transaction() as statements:
        enable_member(statements, scope, found.id)
    show({"id": found.id, "email": email.lower()}) if as_json else out.print(f"{email}: enabled", markup=False)


def demo(as_json: Json = False) -> None:
    """Make a demonstration organization: three centres, and one person of each role.

    Their passwords are made, and shown this once. A lone radiologist is an organization of one.
    """
    from pacs.archive.peers import open_branch
    from pacs.people.demonstration import make_demonstration

    home, _ = opened()
    made = make_demonstration(home.services.database)
    titles = {
        each.code: open_branch(home.services, Scope(each.organization_id, "system"), each) for each in made.branches
    }
    if as_json:
        branches = [{**each.__dict__, "called_ae_title": titles[each.code]} for each in made.branches]
        show({"organization_id": made.organization_id, "branches": branches, "members": made.members})
        return
    heads = ("e-mail", "role", "branches", "password (shown this once)")
    rows = [(each["email"], each["role"], ",".join(each["branches"]), each["password"]) for each in made.members]
    out.print(views.table(heads, rows))
