"""The loop: event, handler, answer."""

import importlib.machinery
import os
import sys
import time

from . import handler, log
from .connection import Connection
from .context import LambdaContext
from .fault import Fault
from .marshal import marshal, unmarshal

# Python recognises a stale .pyc by the source's size and its time in whole seconds.
_BYTECODE_AGE = 2.0

_WARNING = (
    "LAMBDA_WARNING: Unhandled exception. "
    "The most likely cause is an issue in the function code. "
    "However, in rare cases, a Lambda runtime update can cause unexpected function behavior. "
    "For functions using managed runtimes, runtime updates can be triggered by a function change, or can be applied automatically. "
    "To determine if the runtime has been updated, check the runtime version in the INIT_START log entry. "
    "If this error correlates with a change in the runtime version, you may be able to mitigate this error by temporarily rolling back to the "
    "previous runtime version. "
    "For more information, see https://docs.aws.amazon.com/lambda/latest/dg/runtimes-update.html\r"
)


def run(name):
    """Serve the handler of that name until the Runtime API goes away or the handler ends the process."""
    log.set_up()
    _spare_fresh_sources()
    connection = Connection(os.environ["AWS_LAMBDA_RUNTIME_API"])
    try:
        request_handler = handler.load(name)
    except Exception:
        _init_failed(connection)
    while True:
        try:
            event = connection.next()
        except OSError:
            sys.exit(1)
        log.Current.request_id = event.headers.get("lambda-runtime-aws-request-id", "")
        log.Current.tenant_id = event.headers.get("lambda-runtime-aws-tenant-id")
        _set_trace(event.headers.get("lambda-runtime-trace-id"))
        handle_event_request(connection, request_handler, event)


def handle_event_request(connection, request_handler, event):
    """Call the handler with the event, and keep its answer for the next poll. SystemExit ends the process, as with AWS."""
    request_id = event.headers["lambda-runtime-aws-request-id"]
    try:
        lambda_context = _context(event.headers)
        event = unmarshal(event.body, event.headers.get("content-type"))
        response = request_handler(event, lambda_context)
        body, content_type = marshal(response)
    except Exception:
        from . import errors
        from .marshal import to_json

        error, xray_cause = errors.describe(request_id)
        errors.write(error)
        connection.respond_error(request_id, to_json(error), xray_cause)
        return
    connection.respond(request_id, body, content_type)


def _init_failed(connection):
    import logging

    from . import errors
    from .marshal import to_json

    error, _ = errors.describe()
    logging.warning(_WARNING)
    errors.write(error)
    connection.init_error(to_json(error), error["errorType"])
    sys.exit(1)


def _context(headers):
    return LambdaContext(
        headers,
        _json_header(headers, "lambda-runtime-client-context", "Client Context"),
        _json_header(headers, "lambda-runtime-cognito-identity", "Cognito Identity"),
    )


def _json_header(headers, name, title):
    text = headers.get(name)
    if not text:
        return None
    import json

    try:
        return json.loads(text)
    except Exception as error:
        raise Fault("Runtime.LambdaContextUnmarshalError", f"Unable to parse {title} JSON: {error}")


def _set_trace(trace_id):
    if trace_id:
        os.environ["_X_AMZN_TRACE_ID"] = trace_id
    else:
        os.environ.pop("_X_AMZN_TRACE_ID", None)


def _spare_fresh_sources():
    """Write no bytecode of a source that has just been saved: an edit of the same size within the same second would then never be seen."""
    loader = importlib.machinery.SourceFileLoader
    write = loader._cache_bytecode

    def write_of_settled(self, source_path, bytecode_path, data):
        if time.time() - os.stat(source_path).st_mtime > _BYTECODE_AGE:
            write(self, source_path, bytecode_path, data)

    loader._cache_bytecode = write_of_settled
