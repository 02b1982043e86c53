"""Who may do what: the one table of roles and actions. Asked by the authorizer for every route that is not public.

The catalogue names the action of each route. What a role may do it may do to what its scope covers, and to nothing
else. A member's role can be "importer", who uploads inside a window, or "enrolling", who owes us a second factor.
"""

from typing import Literal, get_args

from pacs.people.scope import LINKED, Role, Scope

Action = Literal[
    "account.read",
    "account.manage",
    "account.enrol",
    "archive.search",
    "archive.retrieve",
    "archive.download",
    "archive.store",
    "archive.delete",
    "worklist.read",
    "worklist.change",
    "studies.read",
    "studies.upload",
    "studies.assign",
    "studies.claim",
    "studies.release",
    "studies.arrange",
    "patients.correct",
    "launch.create",
    "share.create",
    "reports.read",
    "reports.drafts",
    "reports.write",
    "reports.sign",
    "reports.send",
    "reports.dictate",
    "dictations.write",
    "ai.read",
    "ai.ask",
    "ai.manage",
    "templates.read",
    "templates.change",
    "letterheads.change",
    "organization.read",
    "organization.manage",
    "audit.read",
    "api_keys.manage",
    "credits.read",
    "credits.change",
]
Holder = Role | Literal["manager"]

ACTIONS: tuple[Action, ...] = get_args(Action)
CLINICAL: tuple[Holder, ...] = ("admin", "centre", "technician", "radiologist", "individual")
ALLOWED: dict[Action, tuple[Holder, ...]] = {
    "account.read": (*CLINICAL, "accounting", "importer", "enrolling", "launch", "system"),
    "account.manage": (*CLINICAL, "accounting", "importer"),
    "account.enrol": (*CLINICAL, "accounting", "importer", "enrolling"),
    "archive.search": (*CLINICAL, *LINKED, "system"),
    "archive.retrieve": (*CLINICAL, *LINKED, "system"),
    # Whole instances as files; a viewer does with frames and metadata.
    "archive.download": (*CLINICAL, "launch", "share-download", "system"),
    "archive.store": (*CLINICAL, "importer", "launch", "system"),
    "archive.delete": ("admin", "centre"),
    "worklist.read": (*CLINICAL, "launch", "system"),
    "worklist.change": (*CLINICAL, "system"),
    "studies.read": (*CLINICAL, "system"),
    "studies.upload": (*CLINICAL, "importer", "system"),
    "studies.assign": ("admin", "centre", "technician", "individual", "system"),
    "studies.claim": ("radiologist", "individual"),
    # One's own; anybody's is for those who assign.
    "studies.release": (*CLINICAL, "system"),
    "studies.arrange": ("admin", "centre", "individual"),
    "patients.correct": ("admin", "centre", "individual"),
    "launch.create": (*CLINICAL, "system"),
    "share.create": (*CLINICAL, "system"),
    "reports.read": (*CLINICAL, "system"),
    "reports.drafts": ("admin", "radiologist", "individual", "system"),
    "reports.write": ("radiologist", "individual"),
    "reports.sign": ("radiologist", "individual"),
    "reports.send": ("admin", "radiologist", "individual"),
    # Report jobs, which cost credits: by a manager's key.
    "reports.dictate": ("manager",),
    # One's own, in the portal; they cost credits, too.
    "dictations.write": ("radiologist", "individual"),
    # What models say of images is for those who can tell whether it is so.
    "ai.read": ("admin", "radiologist", "individual"),
    "ai.ask": ("radiologist", "individual"),
    "ai.manage": ("admin", "individual"),
    "templates.read": ("admin", "radiologist", "individual"),
    "templates.change": ("admin", "radiologist", "individual"),
    "letterheads.change": ("admin", "centre", "individual"),
    "organization.read": ("admin", "manager"),
    "organization.manage": ("admin",),
    "audit.read": ("admin",),
    "api_keys.manage": ("manager",),
    "credits.read": ("admin", "accounting", "individual", "manager"),
    "credits.change": ("admin", "accounting"),
}


def may(scope: Scope, action: str) -> bool:
    """Whether a scope's role, or its right of a manager, allows an action. What nobody knows nobody may do.

    An API key may do at most what it has been given.
    """
    if scope.actions is not None and action not in scope.actions:
        return False
    holders = ALLOWED.get(action, ())  # type: ignore[call-overload]
    return scope.role in holders or (scope.manager and "manager" in holders)
