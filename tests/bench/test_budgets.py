"""What starting a function, carrying it, and storing an instance may cost. A budget that is exceeded fails.

Times are ratios of processor time to importing FastAPI in the same run, so that other machines and loads agree.
"""

import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from functions.catalogue import FUNCTIONS
from infra import layers
from tests.bench.costs import INSTANCES, costs_of_a_series

ROOT = Path(__file__).parents[2]
REFERENCE = "fastapi"
ATTEMPTS = 4  # the first compiles what nobody has imported yet, and the load of the others comes and goes
# Modules are counted exactly: what creeps in shows there. Times depend on the machine's caches and on the load of its
# other processors (3.3 here was 3.9 there for the same imports), so they have room and stop what is slow by itself.
# Measured: 102, 414, 700, 952, 916, 699, 683, 474, 591, 597 modules.
IMPORT_MODULES = {
    "ai": 900,
    "ai_jobs": 840,
    "authorizer": 115,
    "crons": 430,
    "deriver": 740,
    "dicomweb": 1030,
    "external": 665,
    "frames": 965,
    "indexer": 735,
    "launch": 720,
    "migrate": 500,
    "pages": 900,
    "portal": 620,
    "shares": 745,
    "reports": 710,
    "studies": 660,
    "workitems": 630,
}
OTHERS_MODULES = 600  # a function that has no budget of its own
# Measured: 0.1, 0.9, 2.4, 3.3, 3.1, 2.4, 2.0, 1.4, 1.8, 1.8 times the reference.
IMPORT_RATIOS = {
    "ai": 4.4,
    "ai_jobs": 3.8,
    "authorizer": 0.4,
    "crons": 1.6,
    "deriver": 3.6,
    "dicomweb": 5.0,
    "frames": 4.8,
    "indexer": 3.6,
    "launch": 3.4,
    "migrate": 2.5,
    "pages": 4.4,
    "portal": 3.2,
    "reports": 3.4,
    "studies": 3.4,
    "workitems": 3.2,
}
OTHERS_RATIO = 2.8  # a function that has no budget of its own
NEVER = {
    "ai": {"pydicom", "numpy"},
    "ai_jobs": {"fastapi", "mangum"},
    "arrivals": {"fastapi", "mangum", "pydicom", "numpy"},
    "authorizer": {"fastapi", "mangum", "pydicom", "sqlalchemy", "boto3"},
    "crons": {"fastapi", "mangum", "pydicom"},
    "deriver": {"fastapi", "mangum"},
    "indexer": {"fastapi", "mangum"},
    "launch": {"pydicom", "numpy"},
    "pages": {"pydicom", "numpy"},
    "portal": {"pydicom", "numpy"},
    "reports": {"pydicom", "numpy", "fpdf"},
    "studies": {"pydicom", "numpy"},
}
# boto3 is for the cloud, and imported when it is used first; pynetdicom is for the door. (numpy and the codecs are
# imported by pydicom itself.)
NEVER_AT_START = {"boto3", "pynetdicom"}
# A command imports the rest when it runs. Measured: 227 modules.
CLI_MODULES = 250
CLI_NEVER = {"sqlalchemy", "pydicom", "numpy", "psycopg", "fastapi", "boto3", "aws_lambda_powertools"}
# A habit, no limit of Lambda: one function answers every page (71 kB), the others take a third of that.
FUNCTION_MAX_BYTES = 80 << 10
LAYER_MAX_BYTES = {"pacs": 72 << 20, "codecs": 130 << 20, "documents": 48 << 20}


def imported(module: str) -> tuple[float, set[str]]:
    """Seconds of processor time that an import takes in a fresh interpreter, and the modules that are there then."""
    code = (
        f"import sys, time; before = time.process_time(); import {module};"
        " print(time.process_time() - before, *sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    took_s, *names = done.stdout.split()
    return float(took_s), set(names)


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda each: each.name)
def test_a_function_starts_within_its_budget(function: Any) -> None:
    name = f"functions.{function.name}.handler"
    for _ in range(ATTEMPTS):
        took_s, modules = imported(name)
        ratio = took_s / imported(REFERENCE)[0]
        if ratio <= IMPORT_RATIOS.get(function.name, OTHERS_RATIO):
            break
    assert len(modules) <= IMPORT_MODULES.get(function.name, OTHERS_MODULES)
    packages = {each.partition(".")[0] for each in modules}
    assert not packages & (NEVER_AT_START | NEVER.get(function.name, set()))
    assert ratio <= IMPORT_RATIOS.get(function.name, OTHERS_RATIO)


def test_the_command_line_imports_what_its_help_needs() -> None:
    _, modules = imported("infra.cli")
    assert len(modules) <= CLI_MODULES
    assert not {each.partition(".")[0] for each in modules} & CLI_NEVER


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda each: each.name)
def test_a_function_is_small(function: Any) -> None:
    sources = (ROOT / "functions" / function.name).rglob("*.py")
    assert 0 < sum(path.stat().st_size for path in sources) <= FUNCTION_MAX_BYTES


def installed_bytes(requirements: list[str]) -> int:
    """What these packages take on this machine, without what a layer leaves out."""
    names = {line.partition("==")[0] for line in requirements}
    paths = [Path(str(each.locate())) for name in names for each in metadata.files(name) or ()]
    kept = [each for each in paths if each.is_file() and layers.is_needed(each)]
    return sum(each.stat().st_size for each in kept)


def test_the_layers_are_small() -> None:
    for name, listed in layers.contents().items():
        assert installed_bytes(listed) <= LAYER_MAX_BYTES[name], name


def test_storing_an_instance_takes_few_requests_and_statements(database: Any) -> None:
    costs = costs_of_a_series(database)
    assert costs.storing == ["PUT"] * INSTANCES
    # Each small original is read once, its frame written, and one part of metadata.
    assert sorted(costs.indexing) == ["GET"] * INSTANCES + ["PUT"] * (INSTANCES + 1)
    assert costs.requests_an_instance <= 3 + 10 / INSTANCES  # and ten a series
    assert costs.published == INSTANCES
    # One to index a batch, one that sees what was deleted while frames were made, one for its series.
    assert costs.statements_an_instance <= 0.03
