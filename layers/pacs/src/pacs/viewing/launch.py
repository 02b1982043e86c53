"""Who may see which studies by a signed link, and where such a link leads. Called by functions/launch and the CLI."""

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from urllib.parse import quote, urlencode

from pacs.dicom.uids import is_uid
from pacs.errors import BadRequest
from pacs.people.scope import Scope
from pacs.people.tokens import LONGEST_S, Tokens, scope_of_claims
from pacs.settings import Settings

# A token travels in a request line and in headers, of which API Gateway takes 10,240 bytes altogether.
MAX_STUDIES = 16
MAX_TTL_S = LONGEST_S
MAX_RETURN_URL = 2048
VIEWER = "/ohif-viewer/viewer"
RETURN_ROOT = "/viewer/"
# Cookies that the authorizer takes for launch tokens start with this.
COOKIE_PREFIX = "pacs_launch_"

# RFC 3986 §2: what a URI is written with; `%` only before two hexadecimal digits.
_URI = re.compile(r"(?:[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=]|%[0-9A-Fa-f]{2})+")
# Escapes that another reader of the path may see as something else: controls, `%`, `.`, `/`, `\`.
_HIDDEN = re.compile(r"%(?:[01][0-9A-F]|7F|25|2E|2F|5C)", re.IGNORECASE)


@dataclass(frozen=True)
class Launch:
    """A verified link: what its bearer may see, until when, and the path on our origin to go back to, or nothing."""

    scope: Scope
    expires_at: datetime
    return_url: str = ""

    @property
    def studies(self) -> tuple[str, ...]:
        return self.scope.studies or ()


@dataclass(frozen=True)
class Cookie:
    name: str
    value: str
    path: str
    max_age_s: int


def launch_url(
    settings: Settings,
    tokens: Tokens,
    scope: Scope,
    studies: Sequence[str],
    *,
    ttl_s: int,
    return_url: str = "",
    privacy: bool = False,
) -> str:
    """A link that opens these studies until `ttl_s` seconds from now, for whoever holds it.

    That the studies exist is the caller's to check. A scope that asks for privacy hands it on. The link ends with the
    session that made it, unless it is to live longer than links do by default.
    Raises BadRequest, naming the field.
    """
    check_studies(studies)
    if not 0 < ttl_s <= MAX_TTL_S:
        raise BadRequest(f"ttl_s must lie between 1 and {MAX_TTL_S} seconds", field="ttl_s")
    query = {}
    if return_url:
        query["returnUrl"] = check_return_url(return_url, settings.origin)
    bearer = Scope(
        organization_id=scope.organization_id,
        role="launch",
        studies=tuple(dict.fromkeys(studies)),
        privacy=privacy or scope.privacy,
        member_id=scope.member_id,
        session_id=scope.session_id if ttl_s <= settings.launch_ttl_s else "",
    )
    query = {"token": tokens.sign(bearer, "launch", ttl_s=ttl_s), **query}
    return f"{settings.origin}/ohif?{urlencode(query)}"


def check_studies(studies: Sequence[str]) -> None:
    """Raises BadRequest unless these are UIDs, at least one and at most MAX_STUDIES."""
    if not 0 < len(studies) <= MAX_STUDIES:
        raise BadRequest(f"a launch opens between 1 and {MAX_STUDIES} studies", field="studies")
    if not all(is_uid(study) for study in studies):
        raise BadRequest("studies must be Study Instance UIDs", field="studies")


def open_launch(tokens: Tokens, token: str, *, return_url: str, origin: str) -> Launch:
    """What a link's token and return address say. Raises TokenExpired, Unauthenticated, BadRequest (returnUrl)."""
    claims = tokens.claims(token, "launch")
    return Launch(
        scope=scope_of_claims(claims),
        expires_at=datetime.fromtimestamp(claims["exp"], UTC),
        return_url=check_return_url(return_url, origin) if return_url else "",
    )


def check_return_url(text: str, origin: str) -> str:
    """The path, query and fragment of an address on our own origin under `/viewer/`.

    Takes a path or a whole URL that starts with `origin`. Whatever two readers could read in two ways is refused:
    dot segments, empty segments, backslashes, control characters, escaped slashes, escaped escapes.
    Raises BadRequest for the field returnUrl.
    """
    local = text.removeprefix(origin)
    path = re.split(r"[?#]", local, maxsplit=1)[0]
    segments = path.split("/")
    if (
        len(text) > MAX_RETURN_URL
        or not _URI.fullmatch(local)
        or not path.startswith(RETURN_ROOT)
        or _HIDDEN.search(path)
        or any(segment in (".", "..") for segment in segments)
        or "" in segments[1:-1]
    ):
        raise BadRequest(f"returnUrl must be an address of ours under {RETURN_ROOT}", field="returnUrl")
    return local


def viewer_url(settings: Settings, launch: Launch, token: str) -> str:
    """Where the launch page sends the browser: our own OHIF, or the public one that the settings name.

    The public one reads its data source from an address and the token from its own. From 3.13 on it does so only
    when its configuration lists our origin in `dangerouslyAllowedOriginsForAuthenticatedEnvironments`; its own origin
    must stand in PACS_CORS_ORIGINS.
    """
    if settings.public_ohif_url:
        config = f"{settings.origin}/ohif/config?{urlencode({'token': token})}"
        query = urlencode({"studyInstanceUIDs": ";".join(launch.studies), "url": config, "token": token})
        return f"{settings.public_ohif_url.rstrip('/')}/viewer/dicomwebproxy?{query}"
    return f"{VIEWER}?StudyInstanceUIDs={quote(','.join(launch.studies), safe=',')}"


def launch_cookies(tokens: Tokens, launch: Launch, now: datetime) -> Iterator[Cookie]:
    """A cookie a study, for `<video>`, which sends no header. Each opens its study alone and is sent with it alone:
    a day of launches would otherwise outgrow the headers of a request.
    """
    scope = launch.scope
    remaining_s = int((launch.expires_at - now).total_seconds())
    if remaining_s <= 0:
        return
    # The same study launched twice in the same way needs one cookie; with and without privacy, two.
    way = f"{scope.organization_id} {scope.member_id} {scope.privacy} {scope.session_id}"
    same = hashlib.sha256(way.encode()).hexdigest()[:8]
    for study in launch.studies:
        narrowed = replace(scope, studies=(study,))
        value = tokens.sign(narrowed, "launch", ttl_s=remaining_s)
        yield Cookie(f"{COOKIE_PREFIX}{same}", value, f"/dicomweb/studies/{study}", remaining_s)
