"""The runtime client for Python.

    runtime.py     the loop: event, handler, answer
    connection.py  HTTP to the Runtime API over one socket
    handler.py     the handler's name to its function
    context.py     the handler's second argument
    marshal.py     events from JSON, results to JSON
    errors.py      errors as the caller and the log see them (imported when there is one)
    log.py         print and logging as lines of the function's log

Python starts in some 12 ms; every module of the standard library that is imported before the first poll is felt. So logging is set up when
the function imports it, and traceback is imported when there is something to trace.
"""
