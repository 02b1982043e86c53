"""What the routers' signatures do not say of a request and its answers: parameters, bodies, media types.

Read by infra/openapi.py alone. DICOMweb's query strings are free (any attribute may be a key), so its routes parse them
themselves, and FastAPI knows nothing of them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pacs.dicom.attributes import ATTRIBUTES, Level
from pacs.dicom.colouring import PROFILES
from pacs.dicom.non_patient import CATEGORIES
from pacs.dictation.requests import FORMATS, LANGUAGES, MOST_EXAMS
from pacs.worklist.keys import KEYS

Json = dict[str, Any]

UID: Json = {"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)*$", "maxLength": 64}
FRAME = "[1-9][0-9]{0,8}"
PATH_PARAMETERS: Mapping[str, Json] = {
    "study": UID,
    "series": UID,
    "instance": UID,
    "workitem": UID,
    "category": {"enum": list(CATEGORIES)},
    "organization": {"type": "string", "format": "uuid"},
    "session": {"type": "string", "format": "uuid"},
    "share": {"type": "string", "format": "uuid"},
    "token": {"type": "string", "minLength": 1, "maxLength": 128, "pattern": "^[A-Za-z0-9_-]+$"},
    "code": {"type": "string", "pattern": "^[2-9A-HJKMNP-TV-Z]{8}$"},
    "report": {"type": "string", "format": "uuid"},
    "jobId": {"type": "string", "format": "uuid"},
    "template": {"type": "string", "format": "uuid"},
    "branch": {"type": "string", "pattern": "^[A-Z0-9]{1,8}$"},
    "frames": {"type": "string", "pattern": f"^{FRAME}(,{FRAME}){{0,15}}$"},
    "frame": {"type": "string", "pattern": f"^{FRAME}$"},
    **{
        name: {"type": "string", "format": "uuid"}
        for name in ("dictation", "draft", "filter", "job", "member", "pool", "upload")
    },
    "format": {"enum": ["pdf", "docx", "rtf", "html", "txt"]},
    **{name: {"type": "integer", "minimum": 1} for name in ("number", "part")},
    "path": {"type": "string", "pattern": "^[0-9A-F]{8}(/[0-9]{1,4}/[0-9A-F]{8}){0,3}$"},
    "ae": {"type": "string", "minLength": 1, "maxLength": 16, "pattern": r"^[!-\[\]-~]+$"},
}
TEXT: Json = {"type": "string"}
WHOLE: Json = {"type": "integer", "minimum": 0}
SWITCH: Json = {"type": "boolean"}
FIELDS: Json = {"type": "array", "items": TEXT}
NUMBER = r"-?[0-9]{1,5}(\.[0-9]{1,3})?"
VIEWPORT: Json = {
    "type": "string",
    "pattern": f"^[1-9][0-9]{{0,3}},[1-9][0-9]{{0,3}}(,{NUMBER},{NUMBER},{NUMBER},{NUMBER})?$",
    "examples": ["256,256", "64,64,0,0,16,16"],
}
ANNOTATION: Json = {"type": "string", "pattern": "^(patient|technique)(,(patient|technique))*$"}
SIZE: Json = {"type": "string", "pattern": "^[1-9][0-9]{0,3},[1-9][0-9]{0,3}$"}
WINDOW: Json = {
    "type": "string",
    "pattern": f"^{NUMBER},[1-9][0-9]{{0,4}},(linear|linear-exact|sigmoid)$",
    "examples": ["40,400,linear"],
}
# Values of keys by how they are matched; what is not named here is text with wildcards.
DATE, TIME = "[0-9]{4}(0[1-9]|1[0-2])(0[1-9]|1[0-9]|2[0-8])", "([01][0-9]|2[0-3])[0-5][0-9]([0-5][0-9])?"
MOMENT = f"{DATE}({TIME})?"
VALUES: Mapping[str, Json] = {
    "uid": {"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)*([,\\][0-9]+(\.[0-9]+)*){0,3}$"},
    "date": {"type": "string", "pattern": f"^({DATE}|{DATE}-|-{DATE}|{DATE}-{DATE})$"},
    "time": {"type": "string", "pattern": f"^({TIME}|{TIME}-|-{TIME}|{TIME}-{TIME})$"},
    "moment": {"type": "string", "pattern": f"^({MOMENT}|{MOMENT}-|-{MOMENT}|{MOMENT}-{MOMENT})$"},
    "integer": {"type": "integer"},
}
SCHEMAS: Json = {
    "Error": {
        "type": "object",
        "required": ["code", "message", "requestId"],
        "additionalProperties": False,
        "properties": {
            **dict.fromkeys(("code", "message", "requestId", "field"), TEXT),
            # Of the report API alone.
            **dict.fromkeys(("creditsUsed", "remainingCredits"), WHOLE),
        },
    },
    "Dataset": {
        "description": "A dataset in DICOM JSON (PS3.18 Annex F): elements by their tags",
        "type": "object",
        "propertyNames": {"pattern": "^[0-9A-F]{8}$"},
        "additionalProperties": {"$ref": "#/components/schemas/Element"},
    },
    "Element": {
        "type": "object",
        "required": ["vr"],
        "additionalProperties": False,
        "properties": {
            "vr": {"type": "string", "pattern": "^[A-Z]{2}$"},
            "Value": {"type": "array", "items": {"$ref": "#/components/schemas/Value"}},
            "InlineBinary": TEXT,
            "BulkDataURI": TEXT,
        },
    },
    "Value": {"type": ["string", "number", "object", "null"]},
    "Datasets": {"type": "array", "items": {"$ref": "#/components/schemas/Dataset"}},
}
BYTES: Json = {}
DATASET: Json = {"$ref": "#/components/schemas/Dataset"}
DATASETS: Json = {"$ref": "#/components/schemas/Datasets"}
OBJECT: Json = {"type": "object"}
JSON, DICOM_JSON, DICOM_XML = "application/json", "application/dicom+json", "application/dicom+xml"
DICOM, MULTIPART, OCTETS, HTML = "application/dicom", "multipart/related", "application/octet-stream", "text/html"

SAID = {
    200: "OK",
    201: "Made",
    202: "Accepted; of a store request: not all, or with warnings",
    204: "Done, and nothing to say",
    206: "The ranges asked for",
    303: "The viewer is elsewhere",
    304: "What the client has is still right",
    307: "The answer is large, and lies here for a while",
    400: "What was asked cannot be meant",
    401: "The link is not, or no longer, good",
    409: "Nothing was stored: why, for each instance",
}
LARGE: Mapping[int, Mapping[str, Json]] = {304: {}, 307: {}}


@dataclass(frozen=True)
class Words:
    """Of one route: query parameters with their schemas, headers, body and answers by media type."""

    query: Mapping[str, Json]
    answers: Mapping[int, Mapping[str, Json]]
    body: Mapping[str, Json] | None = None
    headers: Sequence[str] = ()
    required: Sequence[str] = ()


def search_keys(level: Level) -> Json:
    levels = ("study", "series", "instance")
    found = [each for each in ATTRIBUTES if levels.index(each.level) <= levels.index(level)]
    return {each.path if each.sequence else each.keyword: VALUES.get(each.matching, TEXT) for each in found}


def search(keys: Json) -> Words:
    controls = {
        **dict.fromkeys(("limit", "offset"), WHOLE),
        **dict.fromkeys(("fuzzymatching", "emptyvaluematching", "multiplevaluematching"), SWITCH),
        **{"includefield": FIELDS, "orderby": TEXT, "accept": TEXT},
    }
    return Words({**keys, **controls}, {200: {DICOM_JSON: DATASETS, MULTIPART: BYTES}, 204: {}})


LOOK: Json = {
    "viewport": VIEWPORT,
    "window": WINDOW,
    "quality": {"type": "integer", "minimum": 1, "maximum": 100},
    "accept": {"enum": ["image/jpeg", "image/png", "image/gif"]},
    "annotation": ANNOTATION,
    "iccprofile": {"enum": list(PROFILES)},
}
WADO: Json = {
    "requestType": {"const": "WADO"},
    **dict.fromkeys(("studyUID", "seriesUID", "objectUID"), UID),
    **{"contentType": TEXT, "transferSyntax": UID, "charset": TEXT},
    **{"frameNumber": WHOLE, "rows": WHOLE, "columns": WHOLE, "imageQuality": WHOLE},
    **{"windowCenter": {"type": "number"}, "windowWidth": {"type": "number"}},
    **{"region": {"type": "string", "examples": ["0,0,0.5,0.5"]}, "anonymize": TEXT, "presentationUID": UID},
    "annotation": ANNOTATION,
}
PICTURES = dict.fromkeys(("image/jpeg", "image/png", "image/gif", "application/pdf", "video/mp4", "*/*"), BYTES)
CONDITIONS = ("Range", "If-Range", "If-None-Match", "If-Modified-Since")


def retrieve(*types: str, query: Json | None = None, required: Sequence[str] = ()) -> Words:
    whole = {each: DATASETS if each == DICOM_JSON else BYTES for each in types}
    asked = {"accept": TEXT} if query is None else query
    return Words(asked, {200: whole, 206: dict.fromkeys(types, BYTES), **LARGE}, None, CONDITIONS, required)


STORE = Words(
    {},
    {200: {DICOM_JSON: DATASET, DICOM_XML: BYTES}, 202: {DICOM_JSON: DATASET, DICOM_XML: BYTES}}
    | {409: {DICOM_JSON: DATASET, DICOM_XML: BYTES, JSON: {"$ref": "#/components/schemas/Error"}}},
    {DICOM_JSON: DATASETS, MULTIPART: BYTES, DICOM: BYTES},
)
WORKLIST_QUERY: Json = {
    **{each.path: VALUES.get(each.matching, TEXT) for each in KEYS},
    **{"limit": WHOLE, "offset": WHOLE, "includefield": FIELDS, "fuzzymatching": SWITCH},
}
WORKITEM = {DICOM_JSON: DATASET, DICOM_XML: BYTES}
FOUND: Mapping[int, Mapping[str, Json]] = {200: {DICOM_JSON: DATASETS, MULTIPART: BYTES}, 204: {}, **LARGE}
STUDIES, SERIES = "/dicomweb/studies", "/dicomweb/studies/{study}/series"
INSTANCES = SERIES + "/{series}/instances"
FRAMES = INSTANCES + "/{instance}/frames/{frames}"
FORM = "multipart/form-data"
TYPED = ("patient_name", "modality", "patient_id", "patient_birth_date", "patient_sex", "patient_age")
STUDY_TYPED = ("accession_number", "study_description", "study_date", "branch", "urgent")
BROUGHT: Json = {
    "type": "object",
    "required": ["files"],
    "properties": {
        **dict.fromkeys((*TYPED, *STUDY_TYPED), TEXT),
        "files": {"type": "array", "items": {"type": "string", "format": "binary"}},
    },
}
NON_PATIENT = "/dicomweb/{category}"
NON_PATIENT_KEYS: Json = {  # of the keys there are, those that the information models demand
    **{"SOPInstanceUID": VALUES["uid"], "SOPClassUID": VALUES["uid"], "NumberOfPriorsReferenced": WHOLE},
    **dict.fromkeys(("HangingProtocolName", "HangingProtocolLevel", "ContentLabel", "Manufacturer"), TEXT),
    **dict.fromkeys(("HangingProtocolDefinitionSequence.Modality", "ImplantName", "ImplantPartNumber"), TEXT),
}
WORKITEMS = "/dicomweb/workitems"
ONE_WORKITEM = WORKITEMS + "/{workitem}"

EXTERNAL = "/api/external/v1"
FILE: Json = {"type": "string", "format": "binary"}
# What both kinds of report jobs have.
RECORDING: Json = {"audio": FILE, "uploadKey": {"type": "string", "format": "uuid"}}
LANGUAGE: Json = {"enum": list(LANGUAGES), "default": "tr"}
GENERAL: Json = {
    "patientName": {**TEXT, "examples": ["Ali Veli"]},
    "callbackUrl": {"type": "string", "format": "uri", "examples": ["https://hbys.example.com/callback"]},
    **dict.fromkeys(("inputLang", "outputLang"), LANGUAGE),
}
EXAM: Json = {
    "sutCode": {"type": "string", "pattern": r"^[0-9]{5,7}$", "examples": ["803910"]},
    "teleCode": {**TEXT, "examples": ["R100000"]},
    "templateContent": {**TEXT, "examples": ["BULGULAR:\n{{BULGULAR}}\n\nSONUÇ:\n{{SONUC}}"]},
    "templateFormat": {"enum": list(FORMATS)},
}
PATIENT: Json = {**TEXT, "examples": ["1.2.3.4.5.6.7890"]}
ACCESSION: Json = {**TEXT, "examples": ["ACC-001"]}
SINGLE: Json = {
    "type": "object",
    "required": ["sutCode"],
    "properties": {**RECORDING, **EXAM, **GENERAL, "patientId": PATIENT, "accessionNo": ACCESSION},
}
EXAMS: Json = {"type": "array", "minItems": 1, "maxItems": MOST_EXAMS}
METADATA: Json = {
    "type": "object",
    "required": ["exams"],
    "properties": {
        **GENERAL,
        "patientUid": PATIENT,
        "exams": {**EXAMS, "items": {**SINGLE, "properties": {**EXAM, "accessionNumber": ACCESSION}}},
    },
}
MULTI: Json = {"type": "object", "required": ["metadata"], "properties": {**RECORDING, "metadata": METADATA}}
CREDITS: Json = dict.fromkeys(("creditsUsed", "remainingCredits"), WHOLE)
SUBMITTED: Json = {
    "type": "object",
    "properties": {
        **{"jobId": {"type": "string", "format": "uuid"}, "status": {"const": "pending"}},
        **dict.fromkeys(("examCount", "estimatedSeconds"), WHOLE),
        **dict.fromkeys(("pollUrl", "hmacSecret"), TEXT),
        **CREDITS,
    },
}
MAYBE: Json = {"type": ["string", "null"]}
REPORT: Json = {
    "type": "object",
    "properties": {
        **dict.fromkeys(("accessionNumber", "teleCode", "filledTemplate", "templateName"), MAYBE),
        **dict.fromkeys(("reportText", "reportHtml"), MAYBE),
        **dict.fromkeys(("sutCode", "modality", "examName", "transcript", "reason"), TEXT),
        **{"status": {"enum": ["completed", "failed"]}, "templateUsed": {"enum": ["custom", "matched", None]}},
        "warnings": {"type": "array", "items": OBJECT},
        "unknownPlaceholders": {"type": "array", "items": TEXT},
    },
}
JOB: Json = {
    "type": "object",
    "properties": {
        "jobId": {"type": "string", "format": "uuid"},
        "status": {"enum": ["pending", "processing", "completed", "failed"]},
        **{"examCount": WHOLE, "estimatedSeconds": WHOLE, "reason": TEXT, "patientUid": MAYBE, "unassigned": TEXT},
        "reports": {"type": "array", "items": REPORT},
        **CREDITS,
    },
}

WORDS: Mapping[tuple[str, str], Words] = {
    ("POST", EXTERNAL + "/report"): Words({}, {202: {JSON: SUBMITTED}}, {FORM: SINGLE}),
    ("POST", EXTERNAL + "/pacs/report"): Words({}, {202: {JSON: SUBMITTED}}, {FORM: MULTI}),
    ("GET", EXTERNAL + "/report/{jobId}"): Words({}, {200: {JSON: JOB}}),
    ("GET", EXTERNAL + "/pacs/report/{jobId}"): Words({}, {200: {JSON: JOB}}),
    ("GET", STUDIES): search(search_keys("study")),
    ("GET", "/dicomweb/series"): search(search_keys("series")),
    ("GET", SERIES): search(search_keys("series")),
    **dict.fromkeys(
        (("GET", "/dicomweb/instances"), ("GET", STUDIES + "/{study}/instances"), ("GET", INSTANCES)),
        search(search_keys("instance")),
    ),
    ("POST", STUDIES): STORE,
    ("POST", STUDIES + "/{study}"): STORE,
    ("GET", "/wado"): retrieve(DICOM, *PICTURES, query=WADO, required=list(WADO)[:4]),
    ("GET", FRAMES): retrieve(MULTIPART, OCTETS, "*/*"),
    ("GET", "/frames/{organization}/{study}/{series}/{instance}/{frame}"): retrieve(MULTIPART, OCTETS, "*/*"),
    ("GET", INSTANCES + "/{instance}/bulkdata/{path}"): retrieve(OCTETS, query={}),
    ("GET", NON_PATIENT): search(NON_PATIENT_KEYS),
    ("POST", NON_PATIENT): STORE,
    ("POST", NON_PATIENT + "/{instance}"): STORE,
    ("GET", NON_PATIENT + "/{instance}"): retrieve(DICOM_JSON, DICOM, MULTIPART),
    ("GET", NON_PATIENT + "/{instance}/bulkdata/{path}"): retrieve(OCTETS, query={}),
    ("POST", WORKITEMS): Words({"workitem": UID}, {201: {}}, WORKITEM),
    ("GET", WORKITEMS): Words(WORKLIST_QUERY, FOUND),
    ("GET", ONE_WORKITEM): Words({}, {**FOUND, 200: {**FOUND[200], DICOM_XML: BYTES}}),
    ("POST", ONE_WORKITEM): Words({"transaction-uid": UID}, {200: {}}, WORKITEM),
    ("PUT", ONE_WORKITEM + "/state"): Words({}, {200: {}}, WORKITEM),
    ("POST", ONE_WORKITEM + "/cancelrequest"): Words({}, {202: {}}, WORKITEM),
    ("POST", "/studies"): Words({}, {201: {JSON: OBJECT}}, {FORM: BROUGHT}),
    ("PUT", "/uploads/{upload}/{part}"): Words({}, {204: {}}, {OCTETS: BYTES}),
    ("GET", "/ohif"): Words({}, {200: {HTML: BYTES}, 303: {}, 400: {HTML: BYTES}, 401: {HTML: BYTES}}),
}
ENDINGS: Mapping[str, Words] = {
    "/metadata": retrieve(DICOM_JSON, MULTIPART),
    "/bulkdata": retrieve(MULTIPART),
    "/pixeldata": retrieve(MULTIPART),
    "/rendered": retrieve(*PICTURES, query=LOOK),
    "/thumbnail": retrieve("image/jpeg", query={"viewport": SIZE}),
    "/subscribers/{ae}": Words({}, {201: {}, 200: {}}),
    "/suspend": Words({}, {200: {}}),
    "/events": Words({}, {200: {JSON: OBJECT}}),
    "/undelete": Words({}, {202: {JSON: OBJECT}}),
}
RETRIEVE = retrieve(MULTIPART, DICOM)
DELETE = Words({}, {204: {}})


def words_of(method: str, path: str) -> Words | None:
    """What is to be added to what the router says of a route; None when it says all."""
    asked = ("GET" if method == "HEAD" else method, path)
    if asked in WORDS:
        return WORDS[asked]
    for ending, words in ENDINGS.items():
        if path.endswith(ending):
            return words
    if path.startswith(STUDIES):
        return DELETE if method == "DELETE" else RETRIEVE
    return None
