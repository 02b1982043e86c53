"""`pacs key`: the API keys of an organization's managers. Used by infra/cli.py alone."""

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from infra import cli_views as views
from infra.cli_options import DAY_S, Json, parse_ttl, show
from infra.cli_people import opened
from pacs.errors import BadRequest, NotFound
from pacs.people.scope import Scope

if TYPE_CHECKING:
    from infra.local.running import Home
    from pacs.people.membership import Member

OPTIONS = {"scopes": "--scope", "expires_at": "--expires", "overlap": "--overlap", "member": "--member"}
LONGEST_S = 3650 * DAY_S

out = Console(soft_wrap=True, highlight=False)
key = typer.Typer(help="API keys: by which programs knock in a manager's name.", no_args_is_help=True)

MemberEmail = Annotated[str, typer.Option("--member", metavar="EMAIL", help="The manager in whose name the key is.")]
Which = Annotated[
    str, typer.Argument(metavar="KEY", help="Identifier, beginning (`rapi_…`) or name of a key of the member.")
]


def found(email: str) -> "tuple[Home, Scope, Member]":
    """The archive that runs, a member of any of its organizations, and the view of that organization."""
    from pacs.people.membership import find_by_email

    home, _ = opened()
    member = find_by_email(home.services.database, email)
    if member is None:
        raise NotFound("there is no such member", field="member")
    return home, Scope(member.organization_id, "system"), member


def living(home: "Home", scope: Scope, member: "Member", wanted: str) -> list[dict[str, Any]]:
    """The keys of a member that are good now; with `wanted` those alone that are called so."""
    from pacs.people.keys import list_keys

    rows = list_keys(home.services.database, scope, home.services.clock.now(), member_id=member.id)
    called = [row for row in rows if not wanted or wanted in (row["id"], row["prefix"], row["name"])]
    good = [row for row in called if row["state"] == "active"]
    if not good:
        raise NotFound("the member has no such key that is good now", field="KEY")
    return good


@key.command("create")
def create(
    member: MemberEmail,
    name: Annotated[str, typer.Option("--name", metavar="NAME", help="What people call the key.")] = "pacs",
    scopes: Annotated[
        list[str] | None,
        typer.Option(
            "--scope",
            metavar="ACTION",
            help="What it may do (docs/permissions.md), given once for each; by default all that keys and the member"
            " may.",
        ),
    ] = None,
    expires: Annotated[
        str, typer.Option("--expires", metavar="TIME", help="Good for so long: 90d; by default until it is revoked.")
    ] = "",
    as_json: Json = False,
) -> None:
    """Make a key in a manager's name. It is shown this once and kept as a hash."""
    from pacs.people.keys import GRANTABLE, NewKey, create_key, standing_of
    from pacs.people.permissions import may

    life = timedelta(seconds=parse_ttl(expires, longest_s=LONGEST_S)) if expires else None
    home, scope, person = found(member)
    standing, now = standing_of(person), home.services.clock.now()
    wanted = scopes or [each for each in GRANTABLE if standing and may(standing, each)]
    with home.services.database.transaction() as statements:
        made = create_key(statements, scope, person, NewKey(name, wanted, now + life if life else None), now)
    document = {**vars(made), "member": person.email, "scopes": wanted, "expires_at": now + life if life else None}
    show(document) if as_json else out.print(f"{made.key}   (shown this once)", markup=False)


@key.command("rotate")
def rotate(
    member: MemberEmail,
    which: Which = "",
    overlap: Annotated[
        str, typer.Option("--overlap", metavar="TIME", help="So long the old key is good, too; at most 30d.")
    ] = "1d",
    as_json: Json = False,
) -> None:
    """Make a key that takes another one's place. Without KEY the member has a single one."""
    from pacs.people.keys import LONGEST_OVERLAP, rotate_key

    overlap_s = parse_ttl(overlap, longest_s=int(LONGEST_OVERLAP.total_seconds()))
    home, scope, person = found(member)
    rows = [row for row in living(home, scope, person, which) if row["replaced_by"] is None]
    if len(rows) != 1:
        raise BadRequest("say which key: one that is good and has not been rotated", field="KEY")
    with home.services.database.transaction() as statements:
        made = rotate_key(statements, scope, rows[0]["id"], timedelta(seconds=overlap_s), home.services.clock.now())
    document = {**vars(made), "member": person.email, "replaces": rows[0]["id"], "overlap_s": overlap_s}
    show(document) if as_json else out.print(f"{made.key}   (shown this once)", markup=False)


@key.command("revoke")
def revoke(member: MemberEmail, which: Which = "", as_json: Json = False) -> None:
    """Let a key in no more, from the next call on. Without KEY: every key of the member."""
    from pacs.people.keys import revoke_key

    home, scope, person = found(member)
    rows = living(home, scope, person, which)
    with home.services.database.transaction() as statements:
        for row in rows:
            revoke_key(statements, scope, row["id"], home.services.clock.now())
    if as_json:
        show({"member": person.email, "revoked": [row["id"] for row in rows]})
    else:
        out.print("\n".join(f"{row['prefix']}… {row['name']}: revoked" for row in rows), markup=False)


@key.command("list")
def list_all(member: MemberEmail, as_json: Json = False) -> None:
    """List the keys of a member, with how often they were used in the last thirty days."""
    from pacs.people.keys import list_keys

    home, scope, person = found(member)
    rows = list_keys(home.services.database, scope, home.services.clock.now(), member_id=person.id)
    if as_json:
        show({"member": person.email, "keys": rows})
        return
    heads = ("key", "name", "state", "calls", "scopes")
    lines = [
        (f"{row['prefix']}…", row["name"], row["state"], str(row["calls"]), " ".join(row["scopes"])) for row in rows
    ]
    out.print(views.table(heads, lines))
