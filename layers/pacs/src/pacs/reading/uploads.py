"""Files in parts, so that a browser whose connection broke goes on where it was. Called by functions/studies.

One upload is one file; a zip holds several. Parts of one length lie in the exchange store until all are there; then
they are put together and taken as any file. Finishing takes as long as a function may run and is asked for again until
it is done; what was stored before is not stored again.
"""

import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic
from typing import Any

from sqlalchemy import text

from pacs.dicom.wrapping import kind_of
from pacs.errors import BadRequest, Conflict, InvalidInstance, NotFound
from pacs.people.scope import Scope
from pacs.ports import Rows, Services
from pacs.reading.arriving import (
    Arrival,
    ReceivedFile,
    Taken,
    branch_for,
    codes_of,
    head_of,
    index,
    mark_urgent,
    members,
    take_file,
)
from pacs.reading.naming import require_name, require_uuid
from pacs.reading.typed import read_details

PART_BYTES = 8 << 20
FORM_LIFE_S = 3600
SIGNED_AT_ONCE = 100
MOST_BYTES = 16 << 30
FINISH_S = 20.0
AT_ONCE = 100  # instances that are indexed together

OWN = "id = cast(:id as uuid) and organization_id = cast(:organization_id as uuid) and member_id = :member_id"
ADD = text(
    "insert into uploads (id, organization_id, member_id, branch_id, name, size_bytes, details, created_at)"
    " values (cast(:id as uuid), cast(:organization_id as uuid), :member_id, cast(:branch_id as uuid), :name,"
    " :size_bytes, cast(:details as jsonb), :now)"
)
FIND = text(
    "select cast(id as text) as id, cast(branch_id as text) as branch_id,"  # noqa: S608 - our own words
    " name, size_bytes, details, state, stored,"
    f" refused, studies, problems from uploads where {OWN}"
)
PROGRESS = text(
    "update uploads set state = :state, stored = :stored, refused = :refused,"  # noqa: S608 - our own words
    " studies = cast(:studies as jsonb),"
    f" problems = cast(:problems as jsonb) where {OWN} and stored + refused <= cast(:stored as bigint)"
    " + cast(:refused as bigint)"
)


def begin_upload(
    services: Services,
    scope: Scope,
    *,
    name: str,
    size_bytes: int,
    typed: Mapping[str, str],
    batch: str = "",
    position: int = 0,
) -> dict[str, Any]:
    """Announce a file; returns what `read_upload` does.

    `typed`: what POST /studies takes, for what is no DICOM. `batch` (a UUID): wrapped files of one batch make one
    study, in which they have positions from 0. Raises BadRequest, Forbidden, NotFound (branch).
    """
    if not 0 < size_bytes <= MOST_BYTES:
        raise BadRequest(f"size_bytes is 1 to {MOST_BYTES}", field="size_bytes")
    if typed.get("patient_name"):
        read_details(typed)
    made = {
        **owner(scope, str(uuid.uuid4())),
        "branch_id": branch_for(services, scope, typed.get("branch", "")) or None,
        "name": require_name(Path(name.replace("\\", "/")).name[-100:]),
        "size_bytes": size_bytes,
        "details": {"typed": dict(typed), "batch": require_uuid(batch or str(uuid.uuid4()), "batch"), "at": position},
        "now": services.clock.now(),
    }
    services.database.fetch(ADD, made)
    return read_upload(services, scope, str(made["id"]))


def owner(scope: Scope, upload_id: str) -> dict[str, Any]:
    return {"id": upload_id, "organization_id": scope.organization_id, "member_id": scope.member_id}


def find_upload(services: Services, scope: Scope, upload_id: str) -> dict[str, Any]:
    """One's own upload. Raises NotFound."""
    rows: Rows = services.database.fetch(FIND, owner(scope, require_uuid(upload_id, "upload")))
    if not rows:
        raise NotFound("there is no such upload", field="upload")
    return dict(rows[0])


def read_upload(services: Services, scope: Scope, upload_id: str) -> dict[str, Any]:
    """How far an upload is: the numbers of the parts that are here, and when it is finished its studies."""
    upload = find_upload(services, scope, upload_id)
    told = {name: upload[name] for name in ("id", "name", "size_bytes", "state", "stored", "refused", "problems")}
    return {
        **told,
        "part_bytes": PART_BYTES,
        "parts": number_of_parts(upload),
        "received": sorted(received(services, scope, upload["id"])),
        "studies": codes_of(services, scope, upload["studies"]),
    }


def number_of_parts(upload: Mapping[str, Any]) -> int:
    return -(-int(upload["size_bytes"]) // PART_BYTES)


def prefix(scope: Scope, upload_id: str) -> str:
    return f"uploads/{scope.organization_id}/{upload_id}/"


def part_key(scope: Scope, upload_id: str, number: int) -> str:
    return f"{prefix(scope, upload_id)}{number:05}"


def received(services: Services, scope: Scope, upload_id: str) -> set[int]:
    return {int(info.key.rpartition("/")[2]) for info in services.exchange.scan(prefix(scope, upload_id))}


def sign_parts(services: Services, scope: Scope, upload_id: str, numbers: Sequence[int]) -> list[dict[str, Any]]:
    """Where these parts, the first of which has number 1, are sent: each as the `file` of a form with these fields.

    An address of this archive itself comes without its origin, for it may have several names. A part may be sent again.
    Raises NotFound, BadRequest, Conflict.
    """
    upload = find_upload(services, scope, upload_id)
    if upload["state"] != "receiving":
        raise Conflict("the upload has its parts already", field="upload")
    last = number_of_parts(upload)
    if not 1 <= len(numbers) <= SIGNED_AT_ONCE or not all(1 <= number <= last for number in numbers):
        raise BadRequest(f"1 to {SIGNED_AT_ONCE} of the parts 1 to {last} are asked for", field="numbers")
    return [signed_part(services, scope, upload, number) for number in numbers]


def signed_part(services: Services, scope: Scope, upload: Mapping[str, Any], number: int) -> dict[str, Any]:
    length = min(PART_BYTES, upload["size_bytes"] - (number - 1) * PART_BYTES)
    key = part_key(scope, upload["id"], number)
    form = services.exchange.presign_post(key, expires_s=FORM_LIFE_S, least_bytes=length, most_bytes=length)
    return {"number": number, "url": form.url.removeprefix(services.settings.origin), "fields": dict(form.fields)}


def parts_origin(services: Services) -> str:
    """Where browsers send parts and recordings to, when that is not where the archive is itself."""
    url = services.exchange.presign_post("uploads/x", expires_s=1, least_bytes=1, most_bytes=1).url
    scheme, _, rest = url.partition("://")
    origin = f"{scheme}://{rest.partition('/')[0]}"
    return "" if origin == services.settings.origin else origin


def finish_upload(
    services: Services, scope: Scope, upload_id: str, *, source_ip: str = "", for_s: float = FINISH_S
) -> dict[str, Any]:
    """Take the file of an upload, as far as time allows; the answer's `state` tells whether to ask again.

    Safe to repeat. Raises NotFound; Conflict while parts are missing.
    """
    upload = find_upload(services, scope, upload_id)
    if upload["state"] in ("receiving", "storing"):
        if len(received(services, scope, upload["id"])) < number_of_parts(upload):
            raise Conflict("parts of the upload are missing", field="parts")
        with TemporaryDirectory(prefix="upload-") as folder:
            taken, done = take_upload(services, scope, upload, Path(folder), source_ip, monotonic() + for_s)
        keep_progress(services, scope, upload, taken, done)
    return read_upload(services, scope, upload["id"])


def take_upload(
    services: Services, scope: Scope, upload: dict[str, Any], folder: Path, source_ip: str, until: float
) -> tuple[Taken, bool]:
    """Store what is left of an upload's files until a moment comes; whether all of them are done."""
    whole = folder / "whole"
    with whole.open("wb") as target:
        for number in range(1, number_of_parts(upload) + 1):
            target.write(services.exchange.get(part_key(scope, upload["id"], number))[1])
    details = upload["details"]
    branch_id = upload["branch_id"] or ""
    arrival = Arrival(details["batch"], upload["id"], details["at"], details["typed"], branch_id, source_ip)
    taken = Taken(upload["studies"], upload["stored"], upload["problems"], upload["refused"])
    begun = taken.stored + taken.refused
    file = ReceivedFile(upload["name"], whole)
    is_zip = kind_of(head_of(whole)) == "zip"
    keys: list[str] = []
    done = True
    try:
        # Of files alone the name of the upload tells one from another.
        for number, each in enumerate(members(file, begun) if is_zip else [file], begun):
            if keys and monotonic() > until:
                done = False
                break
            keys += take_file(services, scope, each, number, arrival, taken)
            if len(keys) >= AT_ONCE:
                index(services, keys, taken)
                keys = []
    except InvalidInstance as error:
        taken.refuse(upload["name"], error)
    index(services, keys, taken)
    return taken, done


def keep_progress(services: Services, scope: Scope, upload: dict[str, Any], taken: Taken, done: bool) -> None:
    """What was reached; when all is done the parts are not needed any more."""
    state = ("stored" if taken.stored else "failed") if done else "storing"
    reached = {"stored": taken.stored, "refused": taken.refused, "studies": taken.studies, "problems": taken.problems}
    services.database.fetch(PROGRESS, {**owner(scope, upload["id"]), **reached, "state": state})
    if done:
        services.exchange.delete_prefix(prefix(scope, upload["id"]))
        mark_urgent(services, scope, upload["details"]["typed"], taken)
