"""What a start does besides starting processes: the first start's furniture, the sample studies, the last words.

Each task runs in a child of its own and returns a JSON document to the supervisor.
"""

import http.client
import json
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from functions.catalogue import function
from infra.local.invocation import context_of, load
from pacs.bootstrap import local_queue, local_secrets, local_workflow, services
from pacs.errors import NotConfigured, ObjectNotFound
from pacs.people.scope import Scope
from pacs.settings import Settings

PATIENCE_S = 60.0
POLL_S = 0.05
# Bundled in pydicom (MIT): an echocardiogram of 30 frames in colour, an abdomen, a small CT, a small MR.
SAMPLE_FILES = ("examples_ybr_color.dcm", "examples_overlay.dcm", "CT_small.dcm", "MR_small.dcm")
# Holds the first administrator until the start has shown it; a start that ends before shows it the next time.
UNSHOWN = "first-administrator.json"
SAMPLE = "sample.json"
VERIFICATION = "1.2.840.10008.1.1"
IMPLICIT_LITTLE_ENDIAN = "1.2.840.10008.1.2"


def write_atomically(path: Path, document: Any) -> None:
    """Readers find the whole document or the one before; only this user may read it."""
    unfinished = path.with_name(path.name + ".new")
    unfinished.touch(mode=0o600)
    unfinished.write_text(json.dumps(document))
    unfinished.replace(path)


def migrate() -> dict[str, Any]:
    """Bring the database to this version; the first time make an administrator and the table of modalities."""
    local_secrets(services().settings).create()
    local_queue(services().settings).create_tables()
    local_workflow(services().settings).create_tables()
    migrate_function = function("migrate")
    result: dict[str, Any] = load(migrate_function)({"email": "admin@localhost"}, context_of(migrate_function))
    made = result.get("administrator")
    if made:
        write_atomically(services().settings.home / UNSHOWN, made)
    write_modalities()
    return {"revision": result.get("revision")}


def write_modalities() -> None:
    """Let every modality in, to the first branch, unless somebody has written a table already."""
    from pacs.dicom import modalities
    from pacs.people.accounts import DEFAULT_BRANCH, default_organization

    exchange = services().exchange
    try:
        exchange.head(modalities.KEY)
    except ObjectNotFound:
        found = default_organization(services().database)
        if found is None:
            raise NotConfigured("the database has no organization: remove PACS_HOME, or restore a backup") from None
        place = {"organization_id": found[0], "branch_id": found[1]}
        table = {"mode": "open", "default": place, "branches": [{"code": DEFAULT_BRANCH, **place}], "modalities": []}
        exchange.put(modalities.KEY, json.dumps(table).encode(), content_type="application/json")


def welcome() -> dict[str, Any]:
    """Wait until every door answers, load the sample the first time; a link to it if it is there."""
    settings = services().settings
    wait_until(lambda: answers_http(settings), "the HTTP gateway does not answer: see logs/web-1.log in PACS_HOME")
    wait_until(lambda: answers_dicom(settings), "the DICOM node does not answer: see logs/scp-1.log in PACS_HOME")
    studies = sample_studies(settings)
    return {"sample": link(settings, studies) if studies else None}


def sample_studies(settings: Settings) -> list[str]:
    """The sample's studies that are in the archive; they are loaded when this is the first start."""
    known = settings.home / SAMPLE
    if settings.sample and (settings.home / UNSHOWN).exists() and not known.exists():
        studies = send_sample(settings)
        wait_until(
            lambda: set(visible(settings, studies)) == set(studies),
            "the sample studies do not appear: see logs/indexer.log in PACS_HOME",
        )
        write_atomically(known, studies)
    studies = json.loads(known.read_text()) if known.exists() else []
    there = visible(settings, studies) if studies else []
    return [study for study in studies if study in there]


def send_sample(settings: Settings) -> list[str]:
    """Send the sample through the DICOM door; its Study Instance UIDs in the order of the files."""
    import pydicom.data
    from pydicom import dcmread

    # The installed package alone is asked, never pydicom's download.
    folder = Path(pydicom.data.__file__).parent / "test_files"
    files = [folder / name for name in SAMPLE_FILES]
    headers = [dcmread(path, stop_before_pixels=True) for path in files]
    contexts = [(header.SOPClassUID, header.file_meta.TransferSyntaxUID) for header in headers]
    association = associate(settings, "PACSSAMPLE", contexts)
    if not association.is_established:
        raise NotConfigured("the DICOM node refuses the sample studies; PACS_SAMPLE=0 leaves them out")
    try:
        for path in files:
            status = association.send_c_store(path).get("Status")
            if status != 0:
                raise NotConfigured(
                    f"the DICOM node refuses {path.name} with status {status!r}; PACS_SAMPLE=0 leaves it out"
                )
    finally:
        association.release()
    return list(dict.fromkeys(str(header.StudyInstanceUID) for header in headers))


def visible(settings: Settings, studies: Sequence[str]) -> list[str]:
    """Those of the studies that a search over HTTP finds."""
    found = get(settings, f"/dicomweb/studies?StudyInstanceUID={quote(','.join(studies))}", token(settings))
    return [each["0020000D"]["Value"][0] for each in found or []]


def link(settings: Settings, studies: Sequence[str]) -> str:
    from pacs.viewing.launch import launch_url

    scope = everything()
    return launch_url(settings, services().tokens, scope, studies, ttl_s=settings.launch_ttl_s)


def token(settings: Settings) -> str:
    return services().tokens.sign(everything(), "session", ttl_s=int(PATIENCE_S))


def everything() -> Scope:
    from pacs.people.accounts import default_organization

    found = default_organization(services().database)
    if found is None:
        raise NotConfigured("the database has no organization: remove PACS_HOME, or restore a backup")
    return Scope(organization_id=found[0], role="admin")


def answers_http(settings: Settings) -> bool:
    """Whether a search gets its answer: gateway, authorizer, function and database in one question."""
    return get(settings, "/dicomweb/studies?limit=1", token(settings)) is not None


def get(settings: Settings, path: str, bearer: str) -> list[Any] | None:
    """The JSON array that a path answers (empty for 204), or None for anything else."""
    connection = http.client.HTTPConnection(address_of(settings), settings.http_port, timeout=10)
    try:
        headers = {"Authorization": f"Bearer {bearer}", "Accept": "application/dicom+json"}
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        content = answer.read()
    except OSError:
        return None
    finally:
        connection.close()
    if answer.status == 200:
        found: list[Any] = json.loads(content)
        return found
    return [] if answer.status == 204 else None


def answers_dicom(settings: Settings) -> bool:
    association = associate(settings, "PACSHEALTH", [(VERIFICATION, IMPLICIT_LITTLE_ENDIAN)])
    if not association.is_established:
        return False
    status = association.send_c_echo().get("Status")
    association.release()
    return bool(status == 0)


def associate(settings: Settings, ae_title: str, contexts: Sequence[tuple[str, str]]) -> Any:
    """An association with our own node; over TLS with the node's own certificate, when it has one."""
    from pynetdicom.ae import ApplicationEntity

    from gateway_scp.settings import GatewaySettings

    entity = ApplicationEntity(ae_title)
    for sop_class_uid, transfer_syntax_uid in contexts:
        entity.add_requested_context(sop_class_uid, transfer_syntax_uid)
    tls = None
    gateway = GatewaySettings.from_environment()
    if gateway.dicom_tls_certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        # We call ourselves, by an address that no certificate names.
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.load_cert_chain(gateway.dicom_tls_certificate, gateway.dicom_tls_key)
        tls = (context, "")
    return entity.associate(address_of(settings), settings.dicom_port, ae_title=settings.ae_title, tls_args=tls)


def address_of(settings: Settings) -> str:
    """Where this machine reaches itself."""
    everywhere = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104 - asked about, not bound
    return everywhere.get(settings.bind, settings.bind)


def wait_until(condition: Callable[[], bool], complaint: str) -> None:
    """Raises NotConfigured with the complaint when the condition does not come within a minute."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > deadline:
            raise NotConfigured(complaint)
        time.sleep(POLL_S)


def block_of_text(document: Mapping[str, Any]) -> str:
    """The last words of a start, for people."""
    dicom = document["dicom"]
    lines = [
        "",
        "Bulut PACS is ready",
        "",
        f"  Viewer and API   {document['origin']}",
        f"  DICOM node       {dicom['ae_title']} at {dicom['host']} port {dicom['port']}",
        f"  Data and logs    {document['home']}",
    ]
    if administrator := document.get("administrator"):
        lines += [
            "",
            f"  Administrator    {administrator['email']}",
            f"  Password         {administrator['password']}   (shown this once)",
        ]
    if document.get("sample"):
        lines += ["", f"  Sample studies   {document['sample']}"]
    return "\n".join([*lines, "", "Ctrl-C stops it.", ""])
