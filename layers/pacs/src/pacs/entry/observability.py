"""One logger, one set of metrics, one tracer for every function. No patient data goes into any of them."""

import os
from functools import cache

from aws_lambda_powertools import Logger


@cache
def logger() -> Logger:
    """The structured (JSON) logger of this process, named after its function."""
    return Logger(service=os.environ.get("POWERTOOLS_SERVICE_NAME", "pacs"))
