"""Errors as the caller (spec lambda.md §1.9), the log (§4.3) and X-Ray see them."""

import os
import sys
import traceback

from . import log
from .fault import Fault
from .marshal import to_json

_OWN_FOLDER = os.path.dirname(os.path.abspath(__file__)) + os.sep
# What stands in AWS's traces for the frames of its client.
_CLIENT_FILE = "/var/runtime/bootstrap.py"


def _error(message, error_type, stack_trace, request_id=""):
    return {"errorMessage": message or "", "errorType": error_type or "", "requestId": request_id, "stackTrace": stack_trace or []}


def _frames(trace):
    """The traceback without the leading frames of this client, unless there are no others."""
    frames = [(frame.filename, frame.lineno, frame.name, frame.line) for frame in traceback.extract_tb(trace)]
    for i, frame in enumerate(frames):
        if not frame[0].startswith(_OWN_FOLDER):
            return frames[i:]
    return [(_CLIENT_FILE, *frame[1:]) for frame in frames]


def _xray_cause(error_type, message, frames):
    return to_json({
        "working_directory": os.getcwd(),
        "exceptions": [{"message": message, "type": error_type, "stack": [{"label": f[2], "path": f[0], "line": f[1]} for f in frames]}],
        "paths": list({f[0] for f in frames}),
    })


def describe(request_id=""):
    """The exception that is being handled: its body for an error route, and its X-Ray cause."""
    error_type, value, trace = sys.exc_info()
    if isinstance(value, Fault):
        return _error(value.msg, value.exception_type, value.trace, request_id), _xray_cause("LambdaValidationError", value.msg, [])
    frames = _frames(trace)
    name = error_type.__name__
    return _error(str(value), name, traceback.format_list(frames), request_id), _xray_cause(name, str(value), frames)


def write(error):
    """Write an error to the function's log."""
    if log.is_json():
        sys.stdout.write(to_json({"timestamp": log.timestamp(), "level": "ERROR", **error}) + "\n")
        return
    head = " ".join(filter(None, ["[ERROR]", ": ".join(filter(None, [error["errorType"], error["errorMessage"]]))]))
    lines = [head, "Traceback (most recent call last):"]
    for element in error["stackTrace"]:
        lines += [_indent(line) for line in element.splitlines()]
    # One line for those who read by lines, an indented block for those who look at it.
    sys.stdout.write("\r".join(lines) + "\n")


def _indent(line):
    text = line.lstrip(" ")
    return "\u00a0" * (len(line) - len(text)) + text
