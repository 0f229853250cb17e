"""Errors that the runtime itself finds, by AWS's types and texts (spec lambda.md §1.8)."""


class Fault(Exception):
    def __init__(self, exception_type, msg, trace=None):
        super().__init__(msg)
        self.exception_type = exception_type
        self.msg = msg
        self.trace = trace
