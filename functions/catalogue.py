"""Every function once, as plain data: what calls it, what it may touch, how big it is.

Read by infra/stacks (the cloud), infra/local (one machine), the authorizer, the tests and the docs. Imports nothing of
ours but what an entry is, and those functions that nobody asks over HTTP: functions/unasked.py.
Path strings are API Gateway's and FastAPI's alike; `{path+}` (greedy) is `{path:path}` to FastAPI.
"""

from dataclasses import replace

from functions.entries import (
    Function,
    Grant,
    Route,
    Source,
    Topic,
    asked,
    delete_routes,
    pages,
    read_routes,
    retrieve_routes,
)
from functions.unasked import UNASKED

STORES = ("originals", "derived", "exchange")

# Objects created in these stores raise an event into this queue.
STORE_EVENTS = {"originals": "index"}

TOPICS = (Topic("instance-indexed", subscribers=("derive", "log")),)

STUDY = "/dicomweb/studies/{study}"
SERIES = STUDY + "/series/{series}"
INSTANCE = SERIES + "/instances/{instance}"
NON_PATIENT = "/dicomweb/{category}"  # hanging-protocols, color-palettes, …
WORKITEM = "/dicomweb/workitems/{workitem}"
WORK = "/studies/{code}"
REPORT = "/api/reports/{report}"
DICTATION = "/api/dictations/{dictation}"
AT_DESK = "/viewer/{study}/ai"
EXTERNAL = "/api/external/v1"
PATIENT = "/api/studies/{code}/patient"

READ_ARCHIVE = (
    Grant("database", ("use",)),
    Grant("store:originals", ("read",)),
    # Delete: a frame made while its instance was being replaced is taken back.
    Grant("store:derived", ("read", "write", "delete")),
    Grant("store:exchange", ("read", "write")),
)


def described(*functions: Function) -> tuple[Function, ...]:
    """With OPTIONS of every resource of DICOMweb, which `dicomweb` answers, whoever serves the resource."""
    paths = dict.fromkeys(each.path for one in functions for each in one.routes if each.path.startswith("/dicomweb"))
    options = tuple(Route("OPTIONS", path, public=True) for path in paths)
    return tuple(replace(each, routes=each.routes + options) if each.name == "dicomweb" else each for each in functions)


FUNCTIONS = described(
    Function(
        "authorizer",
        "Turns the token of a request into a scope, or refuses it.",
        # The database knows API keys; it may have to wake up.
        grants=(Grant("secret:signing", ("read",)), Grant("database", ("use",))),
        memory_mib=256,
        timeout_s=20,
    ),
    Function(
        "dicomweb",
        "QIDO-RS, WADO-RS and STOW-RS; whose a study is, what belongs to no patient, manifests for other viewers.",
        routes=(
            *read_routes("/dicomweb/studies", "archive.search"),
            Route("POST", "/dicomweb/studies", "archive.store", streamed=True),
            Route("POST", STUDY, "archive.store", streamed=True),
            *read_routes(STUDY, "archive.download"),
            *retrieve_routes(STUDY + "/metadata"),
            *retrieve_routes(STUDY + "/rendered"),
            *retrieve_routes(STUDY + "/thumbnail"),
            *read_routes(STUDY + "/series", "archive.search"),
            *read_routes(STUDY + "/instances", "archive.search"),
            *read_routes(SERIES, "archive.download"),
            *retrieve_routes(SERIES + "/metadata"),
            *retrieve_routes(SERIES + "/rendered"),
            *retrieve_routes(SERIES + "/thumbnail"),
            *read_routes(SERIES + "/instances", "archive.search"),
            *read_routes(INSTANCE, "archive.download"),
            *retrieve_routes(INSTANCE + "/metadata"),
            *retrieve_routes(INSTANCE + "/rendered"),
            *retrieve_routes(INSTANCE + "/thumbnail"),
            *(each for path in (STUDY, SERIES, INSTANCE) for each in retrieve_routes(path + "/bulkdata")),
            *(each for path in (STUDY, SERIES, INSTANCE) for each in retrieve_routes(path + "/pixeldata")),
            *retrieve_routes(INSTANCE + "/bulkdata/{path+}"),
            *read_routes("/wado", "archive.download"),
            Route("GET", "/viewer-data/studies/{study}", "archive.retrieve"),
            Route("GET", "/viewer-data/ohif-session", "archive.retrieve"),
            *read_routes("/viewer-data/instances/{instance}", "archive.download"),
            *read_routes("/dicomweb/series", "archive.search"),
            *read_routes("/dicomweb/instances", "archive.search"),
            *delete_routes(STUDY),
            *delete_routes(SERIES),
            *delete_routes(INSTANCE),
            Route("GET", PATIENT, "studies.read"),
            *(Route(each, PATIENT, "patients.correct") for each in ("PUT", "POST", "DELETE")),
            *read_routes(NON_PATIENT, "archive.search"),
            Route("POST", NON_PATIENT, "archive.store", streamed=True),
            Route("POST", NON_PATIENT + "/{instance}", "archive.store", streamed=True),
            *retrieve_routes(NON_PATIENT + "/{instance}"),
            *retrieve_routes(NON_PATIENT + "/{instance}/bulkdata/{path+}"),
            Route("GET", "/dicomweb", public=True),
            Route("HEAD", "/dicomweb", public=True),
        ),
        # Bringing back a deleted instance ends with its being indexed.
        grants=(*READ_ARCHIVE, Grant("store:originals", ("write", "delete")), Grant("queue:index", ("send",))),
        layers=("pacs", "codecs"),
        memory_mib=1769,
    ),
    Function(
        "frames",
        "Frames that no derived object answers yet: makes them, stores them, answers.",
        routes=(
            *retrieve_routes(INSTANCE + "/frames/{frames}"),
            *retrieve_routes(INSTANCE + "/frames/{frames}/rendered"),
            *retrieve_routes(INSTANCE + "/frames/{frames}/thumbnail"),
            # Where CloudFront asks when the derived store has no such frame: the key of the object as a path.
            *retrieve_routes("/frames/{organization}/{study}/{series}/{instance}/{frame}"),
        ),
        grants=READ_ARCHIVE,
        layers=("pacs", "codecs"),
        memory_mib=1769,
    ),
    Function(
        "workitems",
        "UPS-RS: the worklist, its workitems, and who is told of them.",
        routes=(
            Route("POST", "/dicomweb/workitems", "worklist.change"),
            *read_routes("/dicomweb/workitems", "worklist.read"),
            *read_routes(WORKITEM, "worklist.read"),
            Route("POST", WORKITEM, "worklist.change"),
            Route("PUT", WORKITEM + "/state", "worklist.change"),
            Route("POST", WORKITEM + "/cancelrequest", "worklist.change"),
            Route("POST", WORKITEM + "/subscribers/{ae}", "worklist.change"),
            Route("DELETE", WORKITEM + "/subscribers/{ae}", "worklist.change"),
            Route("POST", WORKITEM + "/subscribers/{ae}/suspend", "worklist.change"),
            *read_routes("/dicomweb/subscribers/{ae}/events", "worklist.read"),
        ),
        grants=(Grant("database", ("use",)),),
    ),
    Function(
        "studies",
        "Studies as work: lists of them, who reads which, and what people bring.",
        routes=(
            *asked("studies.read", "GET /studies", f"GET {WORK}", f"GET {WORK}/history", f"GET {WORK}/priors"),
            *asked("studies.read", "GET /worklist/readers", "GET /worklist/pools", "GET /worklist/turnaround"),
            *asked("studies.read", "GET /worklist/filters", "POST /worklist/filters"),
            *asked("studies.read", "DELETE /worklist/filters/{filter}"),
            *asked("studies.assign", "POST /studies/assign", f"POST {WORK}/assign", f"PUT {WORK}/urgent"),
            *asked("studies.claim", "POST /studies/claim-next", f"POST {WORK}/claim", f"POST {WORK}/heartbeat"),
            *asked("studies.release", f"POST {WORK}/release"),
            *asked("studies.arrange", "POST /worklist/pools", "PUT /worklist/pools/{pool}"),
            *asked("studies.arrange", "DELETE /worklist/pools/{pool}", "PUT /worklist/readers/{member}"),
            *asked("studies.arrange", "PUT /worklist/turnaround"),
            Route("POST", "/studies", "studies.upload", streamed=True),
            *asked("studies.upload", "POST /uploads", "GET /uploads/{upload}", "POST /uploads/{upload}/parts"),
            *asked("studies.upload", "POST /uploads/{upload}/finish"),
        ),
        # What is brought is indexed at once, as the indexer does it.
        grants=(
            *READ_ARCHIVE,
            Grant("store:originals", ("write",)),
            Grant("store:exchange", ("delete",)),
            Grant("topic:instance-indexed", ("send",)),
            Grant("queue:derive", ("send",)),
        ),
        layers=("pacs", "codecs"),
        memory_mib=1769,
    ),
    Function(
        "launch",
        "Signed launch of the viewer.",
        routes=(
            Route("GET", "/ohif", public=True),
            Route("HEAD", "/ohif", public=True),
            Route("GET", "/ohif/config", public=True),
            Route("POST", "/ohif/session", public=True),
            Route("POST", "/api/launch", "launch.create"),
        ),
        grants=(
            Grant("secret:signing", ("read",)),
            Grant("database", ("use",)),
        ),
    ),
    Function(
        "reports",
        "Reports: drafts, signatures, addenda, history, documents; their templates and letterheads.",
        routes=(
            Route("GET", "/api/studies/{code}/reports", "reports.read"),
            Route("POST", "/api/studies/{code}/reports", "reports.write"),
            Route("GET", REPORT, "reports.read"),
            Route("PUT", REPORT, "reports.write"),
            Route("POST", REPORT + "/preliminary", "reports.write"),
            Route("POST", REPORT + "/sign", "reports.sign"),
            Route("POST", REPORT + "/addendum", "reports.sign"),
            Route("POST", REPORT + "/documents", "reports.sign"),
            Route("POST", REPORT + "/send", "reports.send"),
            Route("GET", REPORT + "/history", "reports.read"),
            Route("GET", REPORT + "/pdf", "reports.read"),
            Route("GET", "/api/report-templates", "templates.read"),
            Route("POST", "/api/report-templates", "templates.change"),
            Route("GET", "/api/report-templates/{template}", "templates.read"),
            Route("PUT", "/api/report-templates/{template}", "templates.change"),
            Route("DELETE", "/api/report-templates/{template}", "templates.change"),
            Route("GET", "/api/letterheads/{branch}", "reports.read"),
            Route("PUT", "/api/letterheads/{branch}", "letterheads.change"),
            *asked("dictations.write", "POST /api/dictation-uploads", "POST /api/dictations", f"GET {DICTATION}"),
            *asked("dictations.write", f"PUT {DICTATION}", f"GET {DICTATION}/audio", f"GET {DICTATION}/{{format}}"),
        ),
        grants=(
            Grant("database", ("use",)),
            Grant("store:originals", ("read", "write")),
            # Dictations: recordings, what became of them, and the workflow that does it.
            Grant("store:exchange", ("read", "write", "delete")),
            Grant("workflow:report-job", ("start",)),
            Grant("secret:signing", ("read",)),
            Grant("mail", ("send",)),
        ),
        layers=("pacs", "codecs", "documents"),
        memory_mib=1024,
    ),
    Function(
        "ai",
        "Pre-reports by models: asked for, watched, looked at, taken over into reports; what administrators arrange.",
        routes=(
            *asked("ai.ask", "POST /ai/process-study/{code}", "DELETE /ai/jobs/{job}"),
            *asked("ai.read", "GET /ai/providers", "GET /ai/report/{code}", "GET /ai/jobs/{job}"),
            *asked("ai.read", "GET /ai/jobs/{job}/sent", "GET /ai/jobs/{job}/images/{number}"),
            *asked("reports.write", "POST /ai/drafts/{draft}/take"),
            *pages("GET", "ai.read", AT_DESK, f"{AT_DESK}/jobs/{{job}}", f"{AT_DESK}/jobs/{{job}}/sent"),
            *pages("POST", "ai.ask", AT_DESK, f"{AT_DESK}/cancel"),
            *pages("POST", "reports.write", f"{AT_DESK}/take"),
            # Knows its cron tokens itself.
            *(Route(each, "/api/jobs/ai-provider-health", public=True) for each in ("GET", "POST")),
            *pages("GET", "ai.manage", "/admin/ai", "/admin/ai/usage", "/admin/ai/usage.csv", "/admin/ai/prices"),
            *pages("GET", "ai.manage", "/admin/ai/health"),
            *pages("POST", "ai.manage", "/admin/ai", "/admin/ai/consent", "/admin/ai/test", "/admin/ai/health"),
            *pages("POST", "ai.manage", "/admin/ai/prices", "/admin/ai/prices/remove"),
        ),
        grants=(
            Grant("database", ("use",)),
            Grant("queue:ai", ("send",)),
            Grant("store:exchange", ("read",)),  # what was sent, and said
            Grant("vault", ("read", "write")),
            Grant("secret:signing", ("read",)),
            # Whether a provider answers is found out at once; that its budget is used up is told by e-mail.
            Grant("models", ("use",)),
            Grant("mail", ("send",)),
        ),
        layers=("pacs", "codecs"),
        memory_mib=1024,
    ),
    Function(
        "external",
        "The report API for integrators' programs: recordings become reports. Knows their keys itself.",
        routes=(
            *pages("GET", "reports.dictate", *(EXTERNAL + each for each in ("/templates", "/report/{jobId}"))),
            *pages("GET", "reports.dictate", EXTERNAL + "/pacs/report/{jobId}"),
            *pages("POST", "reports.dictate", EXTERNAL + "/uploads"),
            Route("POST", EXTERNAL + "/report", "reports.dictate", public=True, streamed=True, most_mib=60),
            Route("POST", EXTERNAL + "/pacs/report", "reports.dictate", public=True, streamed=True, most_mib=60),
        ),
        grants=(
            Grant("database", ("use",)),
            Grant("secret:signing", ("read",)),
            Grant("store:exchange", ("read", "write", "delete")),
            Grant("workflow:report-job", ("start",)),
        ),
        memory_mib=1769,  # recordings are looked at as a whole
    ),
    Function(
        "shares",
        "Links for people from outside: made, kept, opened.",
        routes=(
            Route("POST", "/api/share", "share.create"),
            Route("GET", "/api/shares", "share.create"),
            *(Route(each, "/api/shares/{share}", "share.create") for each in ("PATCH", "DELETE")),
            Route("GET", "/api/share/{token}", public=True),
            Route("GET", "/share", public=True),
            Route("POST", "/share", public=True),
            Route("GET", "/share/report", public=True),
            Route("GET", "/share/report.pdf", public=True),
        ),
        grants=(*READ_ARCHIVE, Grant("secret:signing", ("read",))),
        layers=("pacs", "codecs", "documents"),
        memory_mib=1024,
    ),
    Function(
        "portal",
        "Sign-in, for programs and for scripts of pages; who am I.",
        routes=(
            Route("POST", "/auth/token", public=True),
            Route("POST", "/auth/session", public=True),
            Route("POST", "/auth/session/refresh", public=True),
            Route("POST", "/auth/logout", public=True),
            Route("GET", "/auth/me", "account.read"),
            Route("GET", "/auth/sessions", "account.manage"),
            Route("DELETE", "/auth/sessions", "account.manage"),
            Route("DELETE", "/auth/sessions/{session}", "account.manage"),
            Route("POST", "/auth/password", "account.manage"),
            Route("POST", "/auth/password/forgotten", public=True),
            Route("POST", "/auth/password/reset", public=True),
            Route("POST", "/auth/totp", "account.enrol"),
            Route("POST", "/auth/totp/confirm", "account.enrol"),
            Route("POST", "/auth/totp/remove", "account.manage"),
        ),
        grants=(
            Grant("secret:signing", ("read",)),
            Grant("database", ("use",)),
            Grant("mail", ("send",)),
        ),
    ),
    Function(
        "pages",
        "The pages for people: doors, accounts, dashboards, studies, administration.",
        routes=(
            *pages("GET", "", "/", "/giris", "/login", "/kurumsal/giris", "/corporate/login", "/yonetim/giris"),
            *pages("GET", "", "/admin/login", "/muhasebe/giris", "/accounting/login", "/auth/renew"),
            *pages("GET", "", "/auth/oidc", "/auth/oidc/callback"),
            *pages("GET", "", "/forgotten", "/reset"),
            *pages("POST", "", "/auth/door", "/auth/leave", "/auth/forgotten", "/auth/reset", "/preferences"),
            *pages("GET", "account.enrol", "/account"),
            *pages("POST", "account.enrol", "/account/totp", "/account/totp/confirm"),
            *pages("POST", "account.manage", "/account/password", "/account/totp/remove", "/account/sessions/end"),
            *pages("GET", "account.manage", "/dashboard"),
            *pages("GET", "studies.read", "/worklist"),
            *pages("POST", "studies.read", "/worklist/keep", "/worklist/forget"),
            *pages("POST", "studies.assign", "/worklist/assign", "/worklist/urgent"),
            *pages("POST", "studies.claim", "/worklist/claim", "/worklist/next"),
            *pages("POST", "studies.release", "/worklist/release"),
            *pages("POST", "launch.create", "/worklist/open"),
            *pages("GET", "launch.create", "/viewer/{study}"),
            *pages("POST", "reports.write", "/viewer/{study}/report"),
            *pages("GET", "studies.upload", "/upload"),
            *pages("GET", "patients.correct", "/patients/{study}"),
            *pages("POST", "patients.correct", "/patients/{study}/correct", "/patients/{study}/accession"),
            *pages("POST", "patients.correct", "/patients/{study}/merge", "/patients/{study}/undo"),
            *pages("GET", "dictations.write", "/dictate", "/dictate/{dictation}"),
            *pages("GET", "templates.read", "/templates"),
            *pages("GET", "templates.change", "/templates/new", "/templates/{template}"),
            *pages("GET", "reports.read", "/reports", "/reports/{report}", "/reports/{report}/history"),
            *pages("GET", "organization.manage", "/admin/members", "/admin/branches", "/admin/gateway"),
            *pages("GET", "organization.manage", "/admin/settings"),
            *pages("POST", "organization.manage", "/admin/members", "/admin/members/branches"),
            *pages("POST", "organization.manage", "/admin/members/disable", "/admin/branches", "/admin/gateway/retry"),
            *pages("GET", "organization.manage", "/admin/gateway/storage"),
            *pages("POST", "organization.manage", "/admin/gateway/redrive"),
            *pages("POST", "organization.manage", "/admin/members/enable", "/admin/members/role"),
            *pages("POST", "organization.manage", "/admin/members/importer"),
            *pages("GET", "organization.manage", "/admin/modalities"),
            *pages("POST", "organization.manage", "/admin/modalities", "/admin/modalities/remove"),
            *pages("POST", "organization.manage", "/admin/modalities/strangers"),
            *pages("POST", "organization.manage", "/admin/peers", "/admin/peers/remove", "/admin/peers/echo"),
            *pages("GET", "organization.manage", "/admin/masks", "/admin/his"),
            *pages("POST", "organization.manage", "/admin/masks", "/admin/masks/remove"),
            *pages("GET", "audit.read", "/admin/audit", "/admin/audit.csv"),
            *pages("GET", "", "/dev", "/dev/guides/{guide}", "/dev/api", "/dev/api/{operation}", "/dev/openapi.json"),
            *pages("GET", "", "/dev/report-api.postman.json", "/dev/raportai.py"),
            *pages("GET", "share.create", "/shares"),
            *pages("POST", "share.create", "/shares/extend", "/shares/revoke"),
            *pages("GET", "api_keys.manage", "/keys"),
            *pages("POST", "api_keys.manage", "/keys", "/keys/rotate", "/keys/revoke"),
            *pages("GET", "organization.read", "/organization", "/organization/callbacks"),
            *pages("GET", "api_keys.manage", "/organization/try"),
            *pages("POST", "api_keys.manage", "/organization/callbacks/again"),
            *pages("GET", "credits.read", "/credits", "/credits.csv"),
            *pages("POST", "credits.change", "/credits"),
        ),
        grants=(
            Grant("secret:signing", ("read",)),
            Grant("database", ("use",)),
            Grant("mail", ("send",)),
            *(Grant(f"queue:{name}", ("watch", "redrive")) for name in ("index", "derive", "log", "ai")),
            Grant("queue:index", ("send",)),
            Grant("workflow:report-job", ("start",)),  # callbacks that are sent again
            Grant("store:originals", ("read",)),
            # The table of modalities; what the DICOM door says of peers and of itself.
            Grant("store:exchange", ("read", "write")),
        ),
        layers=("pacs", "codecs"),  # what an original says of its patient; imported by that page alone
    ),
    *UNASKED,
)


def function(name: str) -> Function:
    return next(each for each in FUNCTIONS if each.name == name)


def source(queue: str) -> Source:
    return next(each for one in FUNCTIONS for each in one.sources if each.queue == queue)
