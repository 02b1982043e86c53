"""A small archive for the browser: the built site, the launch function, and one or two CT studies over DICOMweb.

It stands in for the gateway and the DICOMweb functions, so that a fault seen here is one of the site or the launch.
"""

import asyncio
import json
import mimetypes
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
from pydicom import Dataset, dcmread
from pydicom.data import get_testdata_file
from pydicom.uid import ExplicitVRLittleEndian

from functions.launch.handler import handler as launch_handler
from pacs.viewing.headers import VIEWER_HEADERS, cache_control

SITE = Path(__file__).resolve().parents[2] / "ohif-site" / "build"
STUDIES = ("1.2.826.0.1.3680043.8.498.1", "1.2.826.0.1.3680043.8.498.2")
SLICES = 5
ROOT = "/dicomweb/studies"


def slices(study: str) -> list[Dataset]:
    """A CT series whose slices differ in brightness, so that turning the wheel changes the picture."""
    made: list[Dataset] = []
    for number in range(1, SLICES + 1):
        dataset = dcmread(str(get_testdata_file("CT_small.dcm")))
        dataset.StudyInstanceUID, dataset.SeriesInstanceUID = study, study + ".1"
        dataset.SOPInstanceUID, dataset.InstanceNumber = f"{study}.1.{number}", number
        dataset.ImagePositionPatient = [0, 0, number]
        dataset.PixelData = np.roll(dataset.pixel_array, number * 16, axis=0).astype("<i2").tobytes()
        made.append(dataset)
    return made


class Archive:
    """What was asked of it is kept in `requests`: the path, and the token that came with it."""

    def __init__(self) -> None:
        self.instances = {study: slices(study) for study in STUDIES}
        self.requests: list[tuple[str, str]] = []
        self.expired = False

    def answer(self, path: str, query: dict[str, list[str]]) -> tuple[str, bytes]:
        """The content type and body of a DICOMweb call. Raises KeyError for what it does not know."""
        parts = path.removeprefix(ROOT).strip("/").split("/")
        study = parts[0]
        if not study:
            asked = query.get("StudyInstanceUID", STUDIES if "00100020" in query else [])
            return dicom_json([study_document(self.instances[uid]) for uid in asked])
        match parts[1:]:
            case ["series"]:
                return dicom_json([series_document(self.instances[study])])
            case ["series", _, "metadata"]:
                return dicom_json([metadata(each) for each in self.instances[study]])
            case ["series", _, "instances", instance, "frames", "1"]:
                dataset = next(each for each in self.instances[study] if each.SOPInstanceUID == instance)
                return f"application/octet-stream; transfer-syntax={ExplicitVRLittleEndian}", dataset.PixelData
        raise KeyError(path)


def dicom_json(documents: list[dict[str, Any]]) -> tuple[str, bytes]:
    return "application/dicom+json", json.dumps(documents).encode()


def metadata(dataset: Dataset) -> dict[str, Any]:
    kept = Dataset()
    for element in dataset:
        if element.keyword != "PixelData" and not element.tag.is_private:
            kept.add(element)
    return dict(kept.to_json_dict())


def only(dataset: Dataset, *keywords: str) -> Dataset:
    kept = Dataset()
    for keyword in keywords:
        kept.add(dataset[keyword])
    return kept


def study_document(instances: list[Dataset]) -> dict[str, Any]:
    document = only(instances[0], "StudyInstanceUID", "StudyDate", "StudyTime", "PatientName", "PatientID")
    document.ModalitiesInStudy = ["CT"]
    document.NumberOfStudyRelatedInstances = len(instances)
    return dict(document.to_json_dict())


def series_document(instances: list[Dataset]) -> dict[str, Any]:
    document = only(instances[0], "StudyInstanceUID", "SeriesInstanceUID", "Modality", "SeriesNumber", "SeriesDate")
    document.NumberOfSeriesRelatedInstances = len(instances)
    return dict(document.to_json_dict())


def event_of(request: BaseHTTPRequestHandler) -> dict[str, Any]:
    """The API Gateway proxy event of a request for the launch function."""
    parts = urlsplit(request.path)
    query = parse_qs(parts.query)
    return {
        "resource": parts.path,
        "path": parts.path,
        "httpMethod": request.command,
        "headers": dict(request.headers),
        "multiValueHeaders": {name: [value] for name, value in request.headers.items()},
        "queryStringParameters": {name: values[0] for name, values in query.items()},
        "multiValueQueryStringParameters": query,
        "pathParameters": None,
        "requestContext": {"requestId": "request-1", "identity": {"sourceIp": "127.0.0.1"}, "stage": ""},
        "body": None,
        "isBase64Encoded": False,
    }


class ArchiveServer(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, archive: Archive) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.archive = archive


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: ArchiveServer

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        if parts.path.startswith("/ohif-viewer/"):
            self.send_site(parts.path)
        elif parts.path in ("/ohif", "/ohif/config"):
            self.send_launch()
        elif parts.path.startswith(ROOT):
            self.send_dicomweb(parts.path, parse_qs(parts.query))
        elif parts.path.startswith("/viewer/"):
            self.send(200, {"Content-Type": "text/html"}, b"<h1>worklist</h1>")
        else:
            self.send(404, {}, b"")

    def do_POST(self) -> None:
        self.send_launch()

    def send_site(self, path: str) -> None:
        file = SITE / path.removeprefix("/ohif-viewer/")
        file = file if file.is_file() else SITE / "index.html"
        kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
        headers = {**VIEWER_HEADERS, "Content-Type": kind, "Cache-Control": cache_control(path)}
        zipped = file.with_name(file.name + ".gz")
        if zipped.is_file():
            self.send(200, {**headers, "Content-Encoding": "gzip"}, zipped.read_bytes())
        else:
            self.send(200, headers, file.read_bytes())

    def send_launch(self) -> None:
        # Mangum wants an event loop of its thread.
        with asyncio.Runner() as runner:
            asyncio.set_event_loop(runner.get_loop())
            answer = launch_handler(event_of(self), None)
        headers = {name: values for name, values in (answer["headers"] | answer["multiValueHeaders"]).items()}
        self.send(answer["statusCode"], headers, answer["body"].encode())

    def send_dicomweb(self, path: str, query: dict[str, list[str]]) -> None:
        archive, bearer = self.server.archive, self.headers.get("Authorization", "")
        archive.requests.append((path, bearer.removeprefix("Bearer ")))
        if archive.expired or not bearer:
            self.send(401, {}, b"")
            return
        try:
            kind, body = archive.answer(path, query)
        except KeyError:
            self.send(404, {}, b"")
            return
        self.send(200, {"Content-Type": kind}, body)

    def send(self, status: int, headers: dict[str, Any], body: bytes) -> None:
        self.send_response(status)
        for name, values in headers.items():
            for value in values if isinstance(values, list) else [values]:
                if name.lower() != "content-length":
                    self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: Any) -> None:
        """Tests print nothing."""


@contextmanager
def serving(archive: Archive) -> Iterator[int]:
    """The port of the archive on this machine, while the context lasts."""
    server = ArchiveServer(archive)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
