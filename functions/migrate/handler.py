"""Brings the database to this version and, the first time, makes the first organization and its administrator."""

from typing import Any

from pacs.bootstrap import services
from pacs.database.migrate import upgrade
from pacs.people.accounts import first_administrator


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Returns the revision reached and, once only, the first administrator's e-mail and password.

    Only an event with `email` makes them (`organization` names the first): a deployment calls with neither and logs
    what it is answered, so it must never be answered a password.
    """
    database = services().database
    revision = upgrade(database)
    made = None
    if "email" in event:
        made = first_administrator(
            database, email=event["email"], organization_name=event.get("organization", "Merkez")
        )
    return {"revision": revision, "administrator": made.__dict__ if made else None}
