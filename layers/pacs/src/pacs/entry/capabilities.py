"""What can be asked of DICOMweb here, in a form that machines read: resources, methods, media types, parameters.

The resources are a table, which a test compares with the catalogue; media types and keys are those that the code
decides by. Used by functions/dicomweb. Source: PS3.18 §8.9, Annex H
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from xml.sax.saxutils import quoteattr

import orjson
from fastapi import Request, Response

from pacs.archive.frames import EXPLICIT_LITTLE_ENDIAN
from pacs.dicom.attributes import Level, at_level
from pacs.dicomweb.media import DICOM_JSON, Offer, choose
from pacs.dicomweb.query import CONTROLS, LEVELS
from pacs.entry.answers import carried
from pacs.entry.http import READ
from pacs.entry.levels import INSTANCE, SERIES, STUDY
from pacs.entry.native import OFFERS
from pacs.entry.stow import STORED_TYPES
from pacs.entry.wado import DICOM, IMAGES, MEDIA_TYPES, OCTETS, WRITTEN, accepted
from pacs.ports import Services
from pacs.viewing.origins import preflight_headers
from pacs.worklist.keys import KEYS
from pacs.worklist.search import CONTROLS as WORKLIST_CONTROLS

BASE = "/dicomweb"
WORKITEM, NON_PATIENT = BASE + "/workitems/{workitem}", BASE + "/{category}"
WADL = "application/vnd.sun.wadl+xml"
NAMESPACE = "http://wadl.dev.java.net/2009/02"

Json = dict[str, Any]


@dataclass(frozen=True)
class Transaction:
    """One method of a resource: its name, what it answers, what it takes, and by which parameters."""

    id: str
    answers: tuple[str, ...] = ()
    takes: tuple[str, ...] = ()
    query: tuple[str, ...] = ()


def several(media_type: str, syntax: str = "") -> str:
    return str(Offer(media_type, multipart=True, transfer_syntax=syntax))


def search_keys(level: Level) -> tuple[str, ...]:
    above = LEVELS[: LEVELS.index(level) + 1]
    keys = [each.path if each.sequence else each.keyword for one in above for each in at_level(one)]
    return (*dict.fromkeys(keys), *sorted(CONTROLS))


DATASETS = tuple(map(str, OFFERS))
INSTANCES = tuple(several(DICOM, syntax) for syntax in ("*", *WRITTEN))
PIXELS = (
    *(several(OCTETS, syntax) for syntax in ("*", *WRITTEN)),
    *(several(kind, syntax) for syntax, kind in MEDIA_TYPES.items()),
)
EVERY = tuple(several(OCTETS, syntax) for syntax in ("*", EXPLICIT_LITTLE_ENDIAN))
PICTURES = (*IMAGES, "application/pdf", "video/*")
LOOK = ("accept", "annotation", "iccprofile", "quality", "viewport", "window")
STORED = (*STORED_TYPES, *map(several, STORED_TYPES))

Methods = Mapping[str, Transaction]


def reading(id: str, answers: tuple[str, ...], query: tuple[str, ...] = ("accept",)) -> Methods:
    return dict.fromkeys(READ, Transaction(id, answers, query=query))


def searching(id: str, level: Level) -> Methods:
    return reading(id, DATASETS, search_keys(level))


def at_level_of(path: str, name: str, single: tuple[str, ...] = ()) -> dict[str, Methods]:
    """What there is of studies, of series and of instances."""
    return {
        path: {
            **reading(f"Retrieve{name}", (*single, *INSTANCES)),
            "DELETE": Transaction(f"Delete{name}"),
            **({"POST": Transaction("StoreStudyInstances", DATASETS, STORED)} if path == STUDY else {}),
        },
        path + "/metadata": reading(f"Retrieve{name}Metadata", DATASETS),
        path + "/rendered": reading(f"RetrieveRendered{name}", PICTURES, LOOK),
        path + "/thumbnail": reading(f"Retrieve{name}Thumbnail", ("image/jpeg",), ("viewport",)),
        path + "/bulkdata": reading(f"Retrieve{name}Bulkdata", EVERY),
        path + "/pixeldata": reading(f"Retrieve{name}PixelData", EVERY),
        path + "/undelete": {"POST": Transaction(f"Undelete{name}", ("application/json",))},
    }


FRAMES, SUBSCRIBER = INSTANCE + "/frames/{frames}", WORKITEM + "/subscribers/{ae}"
WORKLIST = tuple(each.path for each in KEYS) + WORKLIST_CONTROLS
ONE_DATASET = (DICOM_JSON,)
RESOURCES: Mapping[str, Methods] = {
    BASE + "/studies": {
        **searching("SearchForStudies", "study"),
        "POST": Transaction("StoreInstances", DATASETS, STORED),
    },
    BASE + "/series": searching("SearchForSeries", "series"),
    BASE + "/instances": searching("SearchForInstances", "instance"),
    STUDY + "/series": searching("SearchForStudySeries", "series"),
    STUDY + "/instances": searching("SearchForStudyInstances", "instance"),
    SERIES + "/instances": searching("SearchForStudySeriesInstances", "instance"),
    **at_level_of(STUDY, "Study"),
    **at_level_of(SERIES, "Series"),
    **at_level_of(INSTANCE, "Instance", (DICOM,)),
    INSTANCE + "/bulkdata/{path+}": reading("RetrieveBulkdata", (OCTETS, several(OCTETS))),
    FRAMES: reading("RetrieveFrames", PIXELS),
    FRAMES + "/rendered": reading("RetrieveRenderedFrames", PICTURES, LOOK),
    FRAMES + "/thumbnail": reading("RetrieveFrameThumbnail", ("image/jpeg",), ("viewport",)),
    BASE + "/workitems": {
        **reading("SearchForWorkitems", ONE_DATASET, WORKLIST),
        "POST": Transaction("CreateWorkitem", (), ONE_DATASET, ("workitem",)),
    },
    WORKITEM: {
        **reading("RetrieveWorkitem", ONE_DATASET),
        "POST": Transaction("UpdateWorkitem", (), ONE_DATASET, ("transaction-uid",)),
    },
    WORKITEM + "/state": {"PUT": Transaction("ChangeWorkitemState", (), ONE_DATASET)},
    WORKITEM + "/cancelrequest": {"POST": Transaction("RequestCancellation", (), ONE_DATASET)},
    SUBSCRIBER: {
        "POST": Transaction("Subscribe", query=("deletionlock",)),
        "DELETE": Transaction("Unsubscribe"),
    },
    SUBSCRIBER + "/suspend": {"POST": Transaction("SuspendGlobalSubscription")},
    BASE + "/subscribers/{ae}/events": reading("RetrieveEvents", ("application/json",), ()),
    NON_PATIENT: {
        **reading("SearchForNonPatientInstances", DATASETS, tuple(sorted(CONTROLS))),
        "POST": Transaction("StoreNonPatientInstances", DATASETS, STORED),
    },
    NON_PATIENT + "/{instance}": {
        **reading("RetrieveNonPatientInstance", (*DATASETS, DICOM, several(DICOM))),
        "POST": Transaction("StoreNonPatientInstance", DATASETS, STORED),
    },
    NON_PATIENT + "/{instance}/bulkdata/{path+}": reading("RetrieveNonPatientBulkdata", (OCTETS, several(OCTETS))),
}


def options_answer(services: Services, request: Request, path: str) -> Response:
    """The capabilities of a resource and what is below it; for a browser that asks before it calls, whether it may."""
    methods = ", ".join(sorted({*RESOURCES.get(path, {"GET": None, "HEAD": None}), "OPTIONS"}))
    if "access-control-request-method" in request.headers:
        return Response(status_code=204, headers=preflight_headers(methods))
    offer = choose(accepted(request), [Offer("application/json"), Offer(DICOM_JSON), Offer(WADL)])
    described = {"application": description(f"{services.settings.origin}{BASE}", path)}
    body = wadl(described) if offer.media_type == WADL else orjson.dumps(described)
    answer = carried(services, request, body, WADL if offer.media_type == WADL else "application/json")
    answer.headers["Allow"] = methods
    return answer


def description(base: str, path: str) -> Json:
    """What WADL says of a resource and of all below it. Source: PS3.18 Annex H"""
    root: Json = {}
    for each, methods in RESOURCES.items():
        if path in (BASE, each) or each.startswith(path + "/"):
            node = root
            for part in parts_below(path, each):
                node = node.setdefault("resource", {}).setdefault(part, {})
            node["method"] = [method(name, one) for name, one in methods.items()]
    return {"resources": [{"base": base, "resource": listed(root)}]}


def parts_below(path: str, each: str) -> list[str]:
    """The steps to a resource: first all of the one that was asked for, then part by part."""
    first = path.removeprefix(BASE).strip("/")
    rest = each.removeprefix(path).strip("/").replace("+}", "}")
    return [*([first.replace("+}", "}")] if first else []), *filter(None, rest.split("/"))]


def listed(node: Json) -> list[Json]:
    found = []
    for part, child in node.get("resource", {}).items():
        below = listed(child)
        found.append({"path": part, "method": child.get("method", []), **({"resource": below} if below else {})})
    return found


def method(name: str, transaction: Transaction) -> Json:
    accept = {"name": "Accept", "style": "header", "option": [{"value": each} for each in transaction.answers]}
    asked: Json = {
        "param": [
            *([accept] if transaction.answers else []),
            *({"name": each, "style": "query"} for each in transaction.query),
        ],
        "representation": [{"mediaType": each} for each in transaction.takes],
    }
    answered = [{"mediaType": each} for each in transaction.answers]
    return {"name": name, "id": transaction.id, "request": [asked], "response": [{"representation": answered}]}


def wadl(described: Json) -> bytes:
    """The same as XML: texts are attributes, lists are elements."""
    return f'<?xml version="1.0" encoding="UTF-8"?>{element("application", described["application"])}'.encode()


def element(name: str, value: Json) -> str:
    texts = {"xmlns": NAMESPACE} if name == "application" else {}
    texts |= {key: each for key, each in value.items() if isinstance(each, str)}
    attributes = "".join(f" {key}={quoteattr(each)}" for key, each in texts.items())
    children = [element(key, one) for key, each in value.items() if isinstance(each, list) for one in each]
    return f"<{name}{attributes}>{''.join(children)}</{name}>"
