"""`pacs ai eval` as a buyer types it: figures on the terminal, as JSON and as CSV, and nothing left behind."""

import csv
import re
import shutil
from pathlib import Path

import pytest

from tests.ai.evaluation_studies import SET
from tests.cli.conftest import Command


def test_providers_are_compared_and_the_studies_are_gone_afterwards(pacs: Command, tmp_path: Path) -> None:
    file = tmp_path / "figures.csv"
    before = pacs("status", "--json").document["counts"]
    done = pacs("ai", "eval", SET, "--provider", "rai-mock", "--provider", "openai", "--limit", "3", "--out", file)
    assert done.code == 1, "openai has made no draft"
    first, *_ = lines = done.out.splitlines()
    assert first == "chest-clear  rai-mock  sections 4/4; 0.0 s, $0.0000"
    assert "chest-clear  openai  no draft: not-configured" in lines
    assert ["drafts", "3 of 3", "0 of 3"] in [re.split(" {2,}", line.strip()) for line in lines]
    with file.open(encoding="utf-8", newline="") as written:
        rows = list(csv.DictReader(written))
    assert [(row["study"], row["provider"]) for row in rows][:3] == [
        ("chest-clear", "rai-mock"),
        ("chest-clear", "openai"),
        ("chest-opacity", "rai-mock"),
    ]
    assert rows[4]["preset"] == "brain-ct" and (rows[4]["recall_right"], rows[4]["recall_of"]) == ("0", "1")
    assert pacs("status", "--json").document["counts"] == before
    assert not list(pacs.home.glob("scratch-*/*"))


def test_the_same_as_json_with_the_drafts(pacs: Command, tmp_path: Path) -> None:
    shutil.copytree(SET / "chest-clear", tmp_path / "first")
    (tmp_path / "second").mkdir()
    shutil.copy(SET / "chest-clear" / "report.txt", tmp_path / "second")
    done = pacs("ai", "eval", tmp_path, "--provider", "rai-mock", "--language", "en", "--json")
    [result], [total] = done.document["results"], done.document["totals"]
    assert done.document["left_out"] == {"second": "second: its files are of 0 studies, not of one"} and done.code == 1
    assert (
        result["study"] == "first" and result["language"] == "en" and result["document"]["findings"].startswith("MOCK")
    )
    assert total["drafted"] == total["studies"] == 1 and total["scores"]["sections"] == {
        "right": 4,
        "of": 4,
        "part": 1.0,
    }


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("/nothing", "--provider", "rai-mock"), "pacs: SET: /nothing is no folder"),
        ((SET, "--provider", "nobody"), "pacs: PROVIDER: providers are openai"),
        ((SET, "--provider", "rai-mock", "--preset", "knee"), "pacs: --preset: presets are general"),
        ((SET, "--provider", "rai-mock", "--language", "xx"), "pacs: --language: languages are tr"),
        (
            (SET, "--provider", "rai-mock", "--out", "/nothing/figures.csv"),
            "pacs: --out: /nothing/figures.csv: No such",
        ),
    ],
)
def test_what_cannot_be_done_is_told_in_one_line(pacs: Command, arguments: tuple[str | Path, ...], told: str) -> None:
    done = pacs("ai", "eval", *arguments)
    assert (done.code, done.out) == (1, "") and done.err.startswith(told)
