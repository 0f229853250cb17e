"""Events from JSON and results to JSON. AWS's client uses simplejson, whose results differ from json's in a few places; they are kept here."""

import json
import os

from .fault import Fault

_PREFIX = "AWS_Lambda_python3."
# From python3.12 on AWS writes characters, before it \\u escapes.
_FIRST_UNESCAPED = 12

_PLAIN_DEPTH = 100


def _escapes():
    runtime = os.environ.get("AWS_EXECUTION_ENV", "")
    minor = runtime[len(_PREFIX) :] if runtime.startswith(_PREFIX) else ""
    return not minor.isdigit() or int(minor) < _FIRST_UNESCAPED


def unmarshal(body, content_type):
    """The event: any other content type than JSON is handed over as bytes."""
    if content_type != "application/json":
        return body
    try:
        return json.loads(body)
    except Exception as error:
        raise Fault("Runtime.UnmarshalError", f"Unable to unmarshal input: {error}")


def marshal(result):
    """A result as bytes, and their content type."""
    if isinstance(result, bytes):
        return result, "application/unknown"
    try:
        return to_json(result).encode(), "application/json"
    except Exception as error:
        raise Fault("Runtime.MarshalError", f"Unable to marshal response: {error}")


def to_json(value):
    if _is_plain(value, _PLAIN_DEPTH):
        return json.dumps(value, ensure_ascii=_escapes())
    from .encoder import encode

    return encode(value, ensure_ascii=_escapes())


def _is_plain(value, depth):
    """Whether the value holds only what json and simplejson write alike."""
    kind = type(value)
    if kind in (str, int, float, bool, type(None)):
        return True
    if depth == 0:
        return False
    if kind is dict:
        return all(type(key) is str and _is_plain(member, depth - 1) for key, member in value.items())
    return kind is list and all(_is_plain(member, depth - 1) for member in value)
