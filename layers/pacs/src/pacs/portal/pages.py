"""Pages as HTML: a template, what it shows, and the headers that keep a browser from doing anything else with it.

Called by functions/pages. No script stands in a page, and none comes from elsewhere.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from pacs.people.permissions import Action, may
from pacs.people.scope import Scope
from pacs.people.signing_in import Door
from pacs.portal.language import NAMES, Speech, marked

ASSETS = "/assets"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self';"
    " frame-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Vary": "Accept-Language, Cookie",
}
THEMES = ("light", "dark")


def connecting_to(origin: str) -> str:
    """The policy of a page whose scripts speak to one more origin."""
    return POLICY.replace("connect-src 'self'", f"connect-src 'self' {origin}")


def recording(headers: Mapping[str, str], origin: str) -> dict[str, str]:
    """The headers of a page that records, sends what it has recorded to an origin, and plays it."""
    policy = f"{connecting_to(origin) if origin else POLICY}; media-src blob:"
    allowed = headers["Permissions-Policy"].replace("microphone=()", "microphone=(self)")
    return {"Content-Security-Policy": policy, "Permissions-Policy": allowed}


@dataclass(frozen=True)
class DoorSign:
    """What stands at a door: its two addresses, and whom it is for."""

    door: Door
    turkish: str
    english: str
    title: str


DOOR_SIGNS = (
    DoorSign("individual", "/giris", "/login", marked("Individual sign-in")),
    DoorSign("corporate", "/kurumsal/giris", "/corporate/login", marked("Corporate sign-in")),
    DoorSign("admin", "/yonetim/giris", "/admin/login", marked("Administrator sign-in")),
    DoorSign("accounting", "/muhasebe/giris", "/accounting/login", marked("Accounting sign-in")),
)


@dataclass(frozen=True)
class Place:
    """A page that the navigation leads to, for those who may do its action."""

    path: str
    label: str
    action: Action


PLACES = (
    Place("/dashboard", marked("Dashboard"), "account.manage"),
    Place("/worklist", marked("Studies"), "studies.read"),
    Place("/dictate", marked("Dictate"), "dictations.write"),
    Place("/templates", marked("Templates"), "templates.read"),
    Place("/upload", marked("Upload"), "studies.upload"),
    Place("/reports", marked("Reports"), "reports.read"),
    Place("/shares", marked("Links"), "share.create"),
    Place("/admin/members", marked("Users"), "organization.manage"),
    Place("/admin/branches", marked("Branches"), "organization.manage"),
    Place("/admin/modalities", marked("Modalities"), "organization.manage"),
    Place("/admin/masks", marked("Masks"), "organization.manage"),
    Place("/admin/gateway", marked("Gateway"), "organization.manage"),
    Place("/admin/audit", marked("Audit"), "audit.read"),
    Place("/organization", marked("Organization"), "organization.read"),
    Place("/keys", marked("API keys"), "api_keys.manage"),
    Place("/credits", marked("Credits"), "credits.read"),
    Place("/admin/ai", marked("AI"), "ai.manage"),
    Place("/admin/his", marked("HIS"), "organization.manage"),
    Place("/admin/settings", marked("Settings"), "organization.manage"),
)
# What roles are called.
ROLE_NAMES = {
    "admin": marked("Administrator"),
    "centre": marked("Centre"),
    "technician": marked("Technician"),
    "radiologist": marked("Radiologist"),
    "accounting": marked("Accounting"),
    "individual": marked("Individual"),
    "importer": marked("Importer"),
    "enrolling": marked("Administrator"),
}
CLOCK_NAMES = {"ok": marked("In time"), "soon": marked("Soon late"), "late": marked("Late"), "done": marked("Done")}
STATE_NAMES = {
    "received": marked("Received"),
    "assigned": marked("Assigned"),
    "claimed": marked("Being read"),
    "draft": marked("Draft"),
    "preliminary": marked("Preliminary"),
    "final": marked("Final"),
    "addendum": marked("Addendum"),
}
SECTION_NAMES = {
    "clinical": marked("Clinical information"),
    "technique": marked("Technique"),
    "comparison": marked("Comparison"),
    "findings": marked("Findings"),
    "impression": marked("Impression"),
}
# What people are told of an error, by its public code; the message for programs is English.
ERROR_TEXTS = {
    "BAD_REQUEST": marked("Something in the form is not right."),
    "UNAUTHENTICATED": marked("The e-mail or the password is wrong."),
    "SECOND_FACTOR_NEEDED": marked("Enter the code of your second factor."),
    "PROVIDER_REFUSED": marked("Signing in that way did not work, or nobody knows you here. Ask your administrator."),
    "FORBIDDEN": marked("Your account may not do this."),
    "CONSENT_NEEDED": marked("Nobody has agreed yet that models may be sent studies. Ask your administrator."),
    "NOT_FOUND": marked("There is nothing at this address, or it is not yours to see."),
    "CONFLICT": marked("Somebody was faster, or there is one like this already."),
    "INSUFFICIENT_CREDITS": marked("There are fewer credits than that."),
    "INVALID_AUDIO": marked("The recording cannot be used: it is empty, silent, broken off or no sound at all."),
    "DUPLICATE_SUBMISSION": marked("This recording was sent within the last day already."),
    "NOT_CONFIGURED": marked("The service that is needed for this is not set up yet. Ask your administrator."),
    "TOO_MANY_REQUESTS": marked("Too many attempts. Wait a little and try again."),
    "UNAVAILABLE": marked("A part of the archive does not answer. Try again in a moment."),
}
UNFORESEEN = marked("Something went wrong on our side.")


@dataclass(frozen=True)
class Visit:
    """Who looks at a page and how: what every template knows. Without a scope it is somebody who has not signed in."""

    speech: Speech
    path: str
    theme: str = ""
    request_id: str = ""
    scope: Scope | None = None
    csrf: str = ""

    @property
    def places(self) -> list[Place]:
        return [each for each in PLACES if self.scope and may(self.scope, each.action)]

    def may(self, action: str) -> bool:
        return self.scope is not None and may(self.scope, action)


def door_path(door: str, language: str) -> str:
    """The address of a door, in Turkish for those who read it."""
    sign = next((each for each in DOOR_SIGNS if each.door == door), DOOR_SIGNS[0])
    return sign.turkish if language == "tr" else sign.english


def error_text(code: str) -> str:
    kind = "UNAVAILABLE" if code.endswith("UNAVAILABLE") else code
    return ERROR_TEXTS.get(kind, UNFORESEEN)


def render(template: str, visit: Visit, **values: Any) -> str:
    """A page as HTML."""
    known = {"_": visit.speech, "speech": visit.speech, "visit": visit}
    return environment().get_template(template).render(**known, **values)


@cache
def environment() -> Environment:
    made = Environment(
        loader=PackageLoader("pacs.portal"),
        autoescape=select_autoescape(),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals |= {
        "assets": ASSETS,
        "languages": NAMES,
        "themes": THEMES,
        "doors": DOOR_SIGNS,
        "role_names": ROLE_NAMES,
        "state_names": STATE_NAMES,
        "clock_names": CLOCK_NAMES,
        "section_names": SECTION_NAMES,
        "error_text": error_text,
        "error_texts": {**ERROR_TEXTS, "": UNFORESEEN},
    }
    return made
