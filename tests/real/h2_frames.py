"""HTTP/2 by hand (RFC 9113), for clients that do not keep to it: frames, a small HPACK encoder without
Huffman and without a table of its own, and a connection that notes what comes back.

Nothing here waits for more than it is told to, and nothing looks at what it sends.
"""
import select
import socket
import struct
import time

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
PRIORITY_UPDATE = 16
END_STREAM, ACK, END_HEADERS, PADDED = 1, 1, 4, 8
# Codes of errors.
NO_ERROR, PROTOCOL_ERROR, STREAM_CLOSED, REFUSED_STREAM, CANCEL, ENHANCE_YOUR_CALM = 0, 1, 5, 7, 8, 11
INITIAL_WINDOW_SIZE = 4

MAGIC = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


def frame(kind, flags=0, stream=0, payload=b""):
    return struct.pack(">IBI", len(payload) << 8 | kind, flags, stream) + payload


def settings(**values):
    """settings(window=0): the names of what tests set."""
    ids = {"table": 1, "window": INITIAL_WINDOW_SIZE, "no_priorities": 9}
    return frame(SETTINGS, 0, 0, b"".join(struct.pack(">HI", ids[n], v) for n, v in values.items()))


def window_update(stream, increment):
    return frame(WINDOW_UPDATE, 0, stream, struct.pack(">I", increment))


def reset(stream, code=CANCEL):
    return frame(RST_STREAM, 0, stream, struct.pack(">I", code))


def ping(n=0):
    return frame(PING, 0, 0, struct.pack(">Q", n))


# ---- HPACK (RFC 7541)

def integer(value, bits, first):
    most = (1 << bits) - 1
    if value < most:
        return bytes([first | value])
    out, value = [first | most], value - most
    while value >= 128:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes(out + [value])


def text(value):
    value = value.encode("latin-1") if isinstance(value, str) else value
    return integer(len(value), 7, 0) + value


def field(name, value):
    """A literal that enters no table."""
    return b"\0" + text(name) + text(value)


def remembered(name, value):
    """A literal that becomes the first entry of the dynamic table: `LAST` names it from then on."""
    return b"\x40" + text(name) + text(value)


LAST = integer(62, 7, 0x80)
METHOD_GET, METHOD_POST, SCHEME_HTTP = b"\x82", b"\x83", b"\x86"


def block(path="/", fields=b"", method=METHOD_GET):
    return method + SCHEME_HTTP + field(":path", path) + field(":authority", "siding.test") + fields


def request(stream, path="/", fields=b"", flags=END_STREAM | END_HEADERS, method=METHOD_GET):
    return frame(HEADERS, flags, stream, block(path, fields, method))


def large_block(stream, whole, flags=END_STREAM):
    """A block of fields of any size: HEADERS, then as many CONTINUATION as it takes."""
    pieces = [whole[at:at + 16384] for at in range(0, len(whole), 16384)]
    out = b""
    for n, piece in enumerate(pieces):
        kind, first = (CONTINUATION, 0) if n else (HEADERS, flags)
        out += frame(kind, first | (END_HEADERS if n == len(pieces) - 1 else 0), stream, piece)
    return out


# ---- a connection

class Connection:
    """A client that sends what it is given, and notes what comes: `heads` {stream: first byte of its block},
    `ended` {streams}, `resets` {stream: code}, `body` {stream: bytes}, `goaway` (the code), `last` (its stream), `closed`, `acks`."""

    def __init__(self, address, opening=None, receive_buffer=None):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        if receive_buffer is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.connect(address)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # what is sent is there at once
        self.socket.setblocking(False)
        self.data, self.goaway, self.last, self.closed, self.acks = b"", None, None, False, 0
        self.heads, self.body, self.resets, self.ended = {}, {}, {}, set()
        self.next_stream = 1
        self.send(MAGIC + (settings() if opening is None else opening))

    def close(self):
        self.socket.close()

    def stream(self):
        self.next_stream += 2
        return self.next_stream - 2

    def send(self, data, seconds=5, reading=False):
        """False: the connection has ended, or for so long nothing was taken."""
        end, view = time.monotonic() + seconds, memoryview(data)
        while view and not self.closed:
            try:
                view = view[self.socket.send(view):]
            except BlockingIOError:
                if reading:
                    self.read(0)
                left = end - time.monotonic()
                if left < 0:
                    return False
                select.select([self.socket] if reading else [], [self.socket], [], left)
            except OSError:
                self.closed = True
        return not self.closed

    def read(self, seconds=0):
        """Takes what is there, or comes within so long; whether there was anything."""
        if self.closed or not select.select([self.socket], [], [], seconds)[0]:
            return False
        try:
            data = self.socket.recv(1 << 18)
        except BlockingIOError:
            return False
        except OSError:
            data = b""
        self.closed = not data
        self.data += data
        self.parse()
        return True

    def parse(self):
        at = 0
        while len(self.data) >= at + 9:
            size, flags, stream = struct.unpack_from(">IBI", self.data, at)
            kind, size = size & 255, size >> 8
            if len(self.data) < at + 9 + size:
                break
            self.take(kind, flags, stream, self.data[at + 9:at + 9 + size])
            at += 9 + size
        self.data = self.data[at:]

    def take(self, kind, flags, stream, payload):
        if kind == HEADERS:
            self.heads.setdefault(stream, payload[:1])
        elif kind == DATA:
            self.body[stream] = self.body.get(stream, 0) + len(payload)
        elif kind == RST_STREAM:
            self.resets[stream] = struct.unpack(">I", payload)[0]
        elif kind == GOAWAY:
            self.last, self.goaway = struct.unpack(">II", payload[:8])
        elif kind in (PING, SETTINGS) and flags & ACK:
            self.acks += 1
        elif kind == PING:
            self.send(frame(PING, ACK, 0, payload))
        if kind in (HEADERS, DATA) and flags & END_STREAM:
            self.ended.add(stream)

    def over(self):
        return self.closed or self.goaway not in (None, NO_ERROR)

    def wait(self, condition, seconds=5):
        """Reads until the condition holds, the connection has ended, or the time is up; the condition's value."""
        end = time.monotonic() + seconds
        while not condition() and not self.closed and time.monotonic() < end:
            self.read(max(0, min(0.1, end - time.monotonic())))
        return condition()

    def get(self, path="/", seconds=5):
        """One request; whether it was answered whole, with 200."""
        stream = self.stream()
        self.send(request(stream, path))
        self.wait(lambda: stream in self.ended or stream in self.resets, seconds)
        size = self.body.pop(stream, 0)
        self.send(window_update(0, size) if size else b"")
        return stream in self.ended and self.heads.get(stream) == b"\x88"  # :status 200 of the static table
