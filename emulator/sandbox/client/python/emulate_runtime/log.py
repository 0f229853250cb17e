"""print and the logging module as lines of the function's log: text or JSON by AWS_LAMBDA_LOG_FORMAT (spec lambda.md §4.3, §4.4)."""

import os
import sys
import time

_TIME = "%Y-%m-%dT%H:%M:%S"


class Current:
    """The request that is being handled, for the records of the logging module."""

    request_id = ""
    tenant_id = None


def is_json():
    return os.environ.get("AWS_LAMBDA_LOG_FORMAT", "").upper() == "JSON"


def timestamp():
    return time.strftime(_TIME + "Z", time.gmtime())


class Unbuffered:
    """A text stream that keeps nothing back, so that what a handler and its child processes write stays in order."""

    def __init__(self, stream):
        self._stream = stream

    def __getattr__(self, name):
        return getattr(self._stream, name)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def write(self, text):
        self._stream.write(text)
        self._stream.flush()

    def writelines(self, lines):
        self._stream.writelines(lines)
        self._stream.flush()


def set_up():
    """Make the standard streams unbuffered, and have the logging module set up when it is imported."""
    sys.stdout = Unbuffered(sys.stdout)
    sys.stderr = Unbuffered(sys.stderr)
    if "logging" in sys.modules:
        _add_handler()
    else:
        sys.meta_path.insert(0, _LoggingFinder())


class _LoggingFinder:
    """Finds the standard library's logging, and adds the handler when it has been loaded. (With AWS it is loaded from the start: a file of the
    function with that name is never seen.)"""

    def find_spec(self, name, path=None, target=None):
        if name != "logging":
            return None
        from importlib.machinery import PathFinder

        spec = PathFinder.find_spec(name, [os.path.dirname(os.__file__)])
        load = spec.loader.exec_module

        def exec_module(module):
            sys.meta_path.remove(self)
            load(module)
            _add_handler()

        spec.loader.exec_module = exec_module
        return spec


def _add_handler():
    from .log_handler import add_handler

    add_handler()
