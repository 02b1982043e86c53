"""One logger, one set of metrics, one tracer for every function. No patient data goes into any of them."""

import os
import time
from collections import Counter
from collections.abc import Mapping
from functools import cache
from typing import Any

from aws_lambda_powertools import Logger

from pacs.errors import PacsError, answer_for


@cache
def logger() -> Logger:
    """The structured (JSON) logger of this process, named after its function."""
    return Logger(service=os.environ.get("POWERTOOLS_SERVICE_NAME", "pacs"))


def codes(failed: Mapping[str, PacsError]) -> dict[str, int]:
    """How often each error occurred among what failed, by its public code; keys and reasons stay out of the log."""
    return dict(Counter(answer_for(error).code for error in failed.values()))


def metrics(namespace: str, counts: Mapping[str, int], units: Mapping[str, str]) -> dict[str, Any]:
    """The members that make a log line a metric, with the function as its one dimension.

    Source: CloudWatch User Guide, "Specification: Embedded metric format".
    """
    told = [{"Name": name, "Unit": unit} for name, unit in units.items()]
    directive = {"Namespace": namespace, "Dimensions": [["service"]], "Metrics": told}
    return {"_aws": {"Timestamp": int(time.time() * 1000), "CloudWatchMetrics": [directive]}, **counts}
