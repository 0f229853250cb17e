"""The handler of the root logger, as AWS's client adds it."""

import json
import logging
import os
import sys
import time
import traceback

from .log import _TIME, Current, is_json

# What a JSON line shows under a name of its own, or not at all; any other attribute of a record was given by `extra`.
_KNOWN = {
    "name", "msg", "args", "levelname", "levelno", "pathname", "filename", "module", "exc_info", "exc_text", "stack_info", "lineno", "funcName",
    "created", "msecs", "relativeCreated", "thread", "threadName", "processName", "process", "aws_request_id", "tenant_id", "_frame_type",
}


class LambdaLoggerFilter(logging.Filter):
    """Gives every record the request's id, which users' own formats may name."""

    def filter(self, record):
        record.aws_request_id = Current.request_id
        record.tenant_id = Current.tenant_id
        return True


class LambdaLoggerHandler(logging.Handler):
    """Writes to what sys.stdout is at the time."""

    def emit(self, record):
        sys.stdout.write(self.format(record))


class JsonFormatter(logging.Formatter):
    """One JSON object a line (spec lambda.md §4.4)."""

    def __init__(self):
        super().__init__(datefmt=_TIME + "Z")

    def format(self, record):
        record.levelno = min(50, max(0, record.levelno)) // 10 * 10
        record.levelname = logging.getLevelName(record.levelno)
        kind, value, trace = record.exc_info or (None, None, None)
        line = {
            "timestamp": self.formatTime(record, self.datefmt),
            "level": record.levelname,
            "message": record.msg if isinstance(record.msg, dict) and not record.args else record.getMessage(),
            "logger": record.name,
            "stackTrace": traceback.format_tb(trace) if record.exc_info else None,
            "errorType": kind.__name__ if record.exc_info else None,
            "errorMessage": str(value) if record.exc_info else None,
            "requestId": getattr(record, "aws_request_id", None),
            "location": f"{record.pathname}:{record.funcName}:{record.lineno}" if record.exc_info else None,
        }
        if getattr(record, "tenant_id", None) is not None:
            line["tenantId"] = record.tenant_id
        for name, extra in record.__dict__.items():
            if name not in _KNOWN:
                line.setdefault(name, extra)
        return json.dumps({k: v for k, v in line.items() if v is not None}, ensure_ascii=False, default=str) + "\n"


def add_handler():
    logging.Formatter.converter = time.gmtime
    handler = LambdaLoggerHandler()
    if is_json():
        handler.setFormatter(JsonFormatter())
    else:
        handler.setFormatter(logging.Formatter("[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s\n", _TIME))
    level = os.environ.get("AWS_LAMBDA_LOG_LEVEL", "").upper()
    level = "DEBUG" if level == "TRACE" else level
    if isinstance(logging.getLevelName(level), int):
        logging.getLogger().setLevel(level)
    handler.addFilter(LambdaLoggerFilter())
    logging.getLogger().addHandler(handler)
