"""One JSON line per event on standard output. Never patient data, and never the words of a foreign exception.

Used by every module of the gateway; pynetdicom's own errors come out in the same form.
"""

import json
import logging
import sys
import traceback
from datetime import UTC, datetime
from typing import Any

LOGGER = logging.getLogger("gateway_scp")


class JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "timestamp": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "service": "gateway-scp",
            "message": record.getMessage() if record.name == LOGGER.name else where(record),
            **getattr(record, "fields", {}),
        }
        if record.exc_info and record.exc_info[1]:
            line["exception"] = fault(record.exc_info[1])
        return json.dumps(line, separators=(",", ":"))


def where(record: logging.LogRecord) -> str:
    """Of a library's line only the place: its words may quote values of a dataset."""
    return f"{record.name}:{record.lineno}"


def fault(error: BaseException) -> str:
    """Class and place of an exception, without its message, which may quote values."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" at {frames[-1].filename.rsplit('/', 1)[-1]}:{frames[-1].lineno}" if frames else ""
    return type(error).__name__ + place


def start() -> None:
    """Send this process's log lines to standard output."""
    output = logging.StreamHandler(sys.stdout)
    output.setFormatter(JsonLines())
    logging.basicConfig(level=logging.ERROR, handlers=[output], force=True)
    LOGGER.setLevel(logging.INFO)


def info(message: str, **fields: Any) -> None:
    LOGGER.info(message, extra={"fields": fields})


def warning(message: str, **fields: Any) -> None:
    LOGGER.warning(message, extra={"fields": fields})


def error(message: str, cause: BaseException | None = None, **fields: Any) -> None:
    LOGGER.error(message, exc_info=cause, extra={"fields": fields})


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
