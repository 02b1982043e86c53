"""What the documents promise is there."""

import re
import subprocess
import sys
from pathlib import Path

import orjson
import pytest

from infra.openapi import document

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
LINK = re.compile(r"\]\((?!https?:|#|mailto:)([^)#\s]+)")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_somewhere(document: Path) -> None:
    missing = [link for link in LINK.findall(document.read_text()) if not (document.parent / link).exists()]
    assert missing == []


def test_generated_tables_are_those_of_the_code() -> None:
    cog = Path(sys.executable).parent / "cog"
    generated = [str(path) for path in DOCUMENTS if "[[[cog" in path.read_text()]
    assert len(generated) >= 3
    done = subprocess.run([cog, "--check", "--diff", *generated], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_the_description_of_the_api_is_that_of_the_code() -> None:
    assert orjson.loads((ROOT / "docs/openapi.json").read_bytes()) == document()


def test_ci_runs_what_the_readme_says() -> None:
    assert re.findall(r"^make .*$", (ROOT / ".ci/run").read_text(), re.MULTILINE) == ["make check", "make test"]
