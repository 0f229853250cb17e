"""HTTP/1.1 to the Runtime API over one socket that stays open (spec lambda.md §1.2 to §1.6)."""

# Not socket: that brings selectors and, on connecting to a name, an IDNA codec, for 3 ms of a start.
import _socket

_INVOCATION = "/2018-06-01/runtime/invocation/"
_INIT_ERROR = "/2018-06-01/runtime/init/error"
_ERROR_TYPE = "Lambda-Runtime-Function-Error-Type"
_XRAY_CAUSE = "Lambda-Runtime-Function-XRay-Error-Cause"
_INVOCATION_ID = "Lambda-Runtime-Invocation-Id"
_MAX_XRAY_CAUSE = 1 << 20
_READ = 1 << 16


class Event:
    """One answer to GET next: headers by name in lower case, body as bytes."""

    __slots__ = ("headers", "body")

    def __init__(self, headers, body):
        self.headers = headers
        self.body = body


class Connection:
    """The requests of one runtime, one after the other. An answer to an event is sent together with the next poll."""

    def __init__(self, address):
        self._address = address
        self._socket = None
        self._received = b""
        self._outgoing = []
        self._invocation_id = None

    def next(self):
        """Send the answer that waits, if any, and wait for the next event."""
        answers = len(self._outgoing)
        poll = self._request("GET", _INVOCATION + "next")
        try:
            self._send(b"".join(self._outgoing) + poll if answers else poll)
            for _ in range(answers):
                self._receive()
            status, event = self._receive()
        except OSError:
            # The server may close behind an answer that it refused (an oversize one), before it saw the poll.
            if not answers:
                raise
            self._close()
            self._send(poll)
            status, event = self._receive()
        self._outgoing.clear()
        if status != 200:
            raise RuntimeError("Failed to get next")
        self._invocation_id = event.headers.get("lambda-runtime-invocation-id")
        return event

    def respond(self, request_id, body, content_type):
        """Keep a result (bytes) to be sent with the next poll."""
        self._answer(request_id, "/response", body, content_type)

    def respond_error(self, request_id, body, xray_cause):
        """Keep an error to be sent with the next poll."""
        cause = xray_cause if len(xray_cause.encode()) < _MAX_XRAY_CAUSE else ""
        self._answer(request_id, "/error", body.encode(), "application/json", (_XRAY_CAUSE, cause))

    def init_error(self, body, error_type):
        """Post to init/error, and wait for the answer."""
        self._send(self._request("POST", _INIT_ERROR, body.encode(), None, (_ERROR_TYPE, error_type)))
        self._receive()

    def _answer(self, request_id, route, body, content_type, *headers):
        if self._invocation_id:
            headers += ((_INVOCATION_ID, self._invocation_id),)
        self._outgoing.append(self._request("POST", _INVOCATION + request_id + route, body, content_type, *headers))

    def _request(self, method, path, body=None, content_type=None, *headers):
        head = f"{method} {path} HTTP/1.1\r\nHost: {self._address}\r\n"
        if body is not None:
            head += f"Content-Length: {len(body)}\r\n"
        if content_type is not None:
            head += f"Content-Type: {content_type}\r\n"
        for name, value in headers:
            head += f"{name}: {value}\r\n"
        return head.encode() + b"\r\n" + (body or b"")

    def _send(self, data):
        if self._socket is None:
            host, _, port = self._address.rpartition(":")
            self._socket = _socket.socket(_socket.AF_INET6 if ":" in host else _socket.AF_INET, _socket.SOCK_STREAM)
            self._socket.setsockopt(_socket.IPPROTO_TCP, _socket.TCP_NODELAY, 1)
            self._socket.connect((host.strip("[]"), int(port)))
        self._socket.sendall(data)

    def _close(self):
        self._socket.close()
        self._socket, self._received = None, b""

    def _receive(self):
        """Read one answer: its status and an Event."""
        data = self._received
        end = data.find(b"\r\n\r\n")
        while end < 0:
            data += self._read()
            end = data.find(b"\r\n\r\n")
        status, headers = _parse_head(data[:end].decode())
        start, size = end + 4, int(headers.get("content-length", 0))
        if len(data) < start + size:
            data = self._read_rest(data, start + size)
        self._received = data[start + size :]
        return status, Event(headers, data[start : start + size])

    def _read(self):
        data = self._socket.recv(_READ)
        if not data:
            raise ConnectionResetError("the Runtime API closed the connection")
        return data

    def _read_rest(self, data, size):
        parts, have = [data], len(data)
        while have < size:
            parts.append(self._read())
            have += len(parts[-1])
        return b"".join(parts)


def _parse_head(head):
    lines = head.split("\r\n")
    headers = {}
    for line in lines[1:]:
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    return int(lines[0].split(" ", 2)[1]), headers
