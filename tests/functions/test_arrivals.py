"""The log of arrivals: what the index tells of is recorded by a consumer of its own, and told in one line."""

import json
from collections.abc import Callable
from io import StringIO
from typing import Any

import pytest
from sqlalchemy import text

from functions.arrivals.handler import handler
from functions.catalogue import function, source
from infra.local.invocation import context_of
from infra.local.workers import sqs_event
from pacs.entry.observability import logger


def test_a_batch_becomes_rows_and_one_line_without_patients(
    clinic: Any, sample: Callable[[str], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = clinic.add(sample("CT_small.dcm"))
    again = clinic.services.queue.receive("log", limit=10, visibility_s=60, wait_s=0, max_receives=5)
    event = dict(sqs_event("log", again))
    for expected in (1, 0):  # the second time it is delivered anew
        out = StringIO()
        monkeypatch.setattr(logger().registered_handler, "stream", out)
        assert handler(event, context_of(function("arrivals"))) == {"batchItemFailures": []}
        (line,) = out.getvalue().splitlines()
        told = json.loads(line)
        assert (told["message"], told["messages"], told["Instances"]) == ("arrived", 1, expected)
        (directive,) = told["_aws"]["CloudWatchMetrics"]
        assert {each["Name"] for each in directive["Metrics"]} <= told.keys()
        assert not any(word in line for word in ("CompressedSamples", "1CT1", stored.study))
    assert told["Bytes"] == 0
    (row,) = clinic.services.database.fetch(text("select study_instance_uid, size_bytes from arrivals"))
    assert row["study_instance_uid"] == stored.study and row["size_bytes"] > 0


def test_the_log_has_a_queue_of_its_own_and_no_process() -> None:
    assert source("log").workers == 0
