"""OHIF's configuration for one launch, and the headers of its files."""

import ast
import json
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pacs.people.scope import Scope
from pacs.settings import Settings
from pacs.viewing import headers
from pacs.viewing.headers import VIEWER_HEADERS, cache_control
from pacs.viewing.launch import Launch
from pacs.viewing.ohif import ohif_config

LAUNCH = Launch(Scope("3f0c", "launch", studies=("1.2.3",)), datetime(2026, 1, 5, 9, tzinfo=UTC), "/viewer/back")
SETTINGS = Settings(public_url="https://pacs.example")


def test_the_configuration_is_json_and_says_what_the_launch_is() -> None:
    config = json.loads(json.dumps(ohif_config(SETTINGS, LAUNCH)))
    assert config["studies"] == ["1.2.3"]
    assert config["returnUrl"] == "/viewer/back"
    assert config["expiresAt"] == "2026-01-05T09:00:00+00:00"
    assert config["viewer"]["showStudyList"] is False
    assert config["viewer"]["routerBasename"] == "/ohif-viewer"


def test_no_return_address_is_null() -> None:
    assert ohif_config(SETTINGS, replace(LAUNCH, return_url=""))["returnUrl"] is None


def test_the_data_source_asks_for_what_the_archive_answers() -> None:
    source = ohif_config(SETTINGS, LAUNCH)["servers"]["dicomWeb"][0]
    assert source["namespace"] == "@ohif/extension-default.dataSourcesModule.dicomweb"
    configuration = source["configuration"]
    assert {configuration[name] for name in ("qidoRoot", "wadoRoot", "wadoUriRoot")} == {"/dicomweb"}
    assert configuration["imageRendering"] == configuration["thumbnailRendering"] == "wadors"
    assert configuration["omitQuotationForMultipartRequest"] is True
    assert configuration["singlepart"] == "bulkdata,video,pdf"


def test_a_public_viewer_gets_whole_addresses() -> None:
    settings = replace(SETTINGS, public_ohif_url="https://viewer.example")
    configuration = ohif_config(settings, LAUNCH)["servers"]["dicomWeb"][0]["configuration"]
    assert configuration["wadoRoot"] == "https://pacs.example/dicomweb"


@pytest.mark.parametrize(("privacy", "shown"), [(True, "disabled"), (False, "visible")])
def test_privacy_hides_the_patient(privacy: bool, shown: str) -> None:
    launch = replace(LAUNCH, scope=replace(LAUNCH.scope, privacy=privacy))
    config = ohif_config(SETTINGS, launch)
    assert config["privacy"] is privacy
    assert config["viewer"]["showPatientInfo"] == shown


def test_no_script_may_stand_in_a_page_of_the_viewer() -> None:
    policy = dict(part.split(" ", 1) for part in VIEWER_HEADERS["Content-Security-Policy"].split("; "))
    assert policy["script-src"] == "'self' 'wasm-unsafe-eval'"
    assert policy["frame-ancestors"] == "'self'"
    assert policy["default-src"] == "'self'"


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/ohif-viewer/", "no-cache"),
        ("/ohif-viewer/viewer", "no-cache"),
        ("/ohif-viewer/index.html", "no-cache"),
        ("/ohif-viewer/app-config.js", "no-cache"),
        ("/ohif-viewer/12.bundle.b4688cdbdd856b75.js", "public, max-age=86400"),
    ],
)
def test_pages_are_asked_for_each_time_and_bundles_are_kept(path: str, expected: str) -> None:
    assert cache_control(path) == expected


def test_the_headers_need_the_standard_library_alone() -> None:
    tree = ast.parse(Path(headers.__file__).read_text())
    imported = [node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    imported += [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    assert {str(name).split(".")[0] for name in imported} <= sys.stdlib_module_names
