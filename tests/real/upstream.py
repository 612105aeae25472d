"""A slow service: answers /s?word=X after some milliseconds and remembers what it was asked.

    python3 upstream.py PORT [MILLISECONDS [ADDRESS]]

/s?word=X          {"word": X, "serial": N, "user": the X-User-Id it was sent}, after the delay
/hang              never answers; while `hang=1` is set, /s does not either
/large?bytes=N     so many bytes
/__set?ms=N&hang=0|1   changes the delay, or releases what hangs
/__stats           what was counted since the start or /__reset
/__calls           one [target, {field: value}] for each call, in order of arrival
/__reset           sets the counters to zero

One process, one thread, thousands of connections; every control answer comes at once.
"""
import asyncio
import json
import sys
from urllib.parse import parse_qs, unquote_plus

# Fields that tell one caller from another; the rest would only fill the memory.
KEPT = ("x-user-id", "authorization", "cookie", "user-agent", "accept", "accept-encoding", "host", "via",
        "x-api-key")


class State:
    def __init__(self, delay):
        self.delay, self.hanging, self.stuck = delay, False, []
        self.connections = 0
        self.reset()

    def reset(self):
        self.calls = self.answered = self.left = self.most = 0
        self.inside, self.serial = set(), 0
        self.words, self.log = {}, []

    def stats(self):
        return {"calls": self.calls, "answered": self.answered, "left": self.left,
                "inside": len(self.inside), "most": self.most, "connections": self.connections,
                "distinct": len(self.words),
                "repeated": {w: n for w, n in self.words.items() if n > 1}}


class Connection(asyncio.Protocol):
    """One caller: HTTP/1.1 with keep-alive, one request at a time, bodies by Content-Length."""

    def __init__(self, state):
        self.state, self.data, self.call, self.timer, self.size = state, b"", None, None, 0

    def connection_made(self, transport):
        self.transport = transport
        self.state.connections += 1

    def connection_lost(self, error):
        self.state.connections -= 1
        if self.timer:
            self.timer.cancel()
        if self.call in self.state.inside:
            self.state.inside.discard(self.call)
            self.state.left += 1
        self.call = None

    def data_received(self, data):
        self.data += data
        self.next_request()

    def next_request(self):
        end = self.data.find(b"\r\n\r\n")
        if self.call is not None or end < 0:
            return
        lines = self.data[:end].decode("latin-1").split("\r\n")
        fields = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            fields[name.strip().lower()] = value.strip()
        length = int(fields.get("content-length", 0))
        if len(self.data) < end + 4 + length:
            return
        self.data = self.data[end + 4 + length:]
        self.close = (fields.get("connection", "").lower() == "close"
                      or lines[0].endswith("HTTP/1.0"))
        self.request(lines[0].split(" ")[1], fields)

    def request(self, target, fields):
        path, _, query = target.partition("?")
        self.size = 0
        if path.startswith("/__"):
            self.control(path, parse_qs(query))
            return
        state = self.state
        word = next((unquote_plus(p[5:]) for p in query.split("&") if p.startswith("word=")), "")
        state.serial += 1
        state.calls += 1
        state.words[word] = state.words.get(word, 0) + 1
        state.log.append((target, {n: fields[n] for n in KEPT if n in fields}))
        self.call = state.serial
        state.inside.add(self.call)
        state.most = max(state.most, len(state.inside))
        self.size = next((int(p[6:]) for p in query.split("&") if p.startswith("bytes=")), 0)
        self.body = {"word": word, "serial": self.call, "user": fields.get("x-user-id", "")}
        if path == "/hang":
            return
        if state.hanging:
            state.stuck.append(self)
        elif state.delay:
            self.timer = asyncio.get_running_loop().call_later(state.delay, self.answer)
        else:
            self.answer()

    def answer(self):
        if self.call is None:
            return
        if self.call in self.state.inside:
            self.state.inside.discard(self.call)
            self.state.answered += 1
        self.reply(self.body)

    def reply(self, value):
        body = json.dumps(value).encode()
        if self.size:
            body = b"x" * self.size
        self.transport.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                             b"Content-Length: %d\r\n%s\r\n"
                             % (len(body), b"Connection: close\r\n" if self.close else b"") + body)
        self.call = self.timer = None
        if self.close:
            self.transport.close()
        else:
            self.next_request()

    def control(self, path, query):
        state = self.state
        if path == "/__stats":
            self.reply(state.stats())
        elif path == "/__calls":
            self.reply(state.log)
        elif path == "/__reset":
            state.reset()
            self.reply({})
        elif path == "/__set":
            if "ms" in query:
                state.delay = float(query["ms"][0]) / 1000
            if "hang" in query:
                state.hanging = query["hang"][0] == "1"
            if not state.hanging:
                stuck, state.stuck = state.stuck, []
                for connection in stuck:
                    connection.answer()
            self.reply({"ms": state.delay * 1000, "hang": state.hanging})
        else:
            self.reply({"error": "no such control"})


async def serve(port, delay, address):
    state = State(delay)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(state), address, port, backlog=4096)
    await server.serve_forever()


if __name__ == "__main__":
    port, ms, address = (sys.argv[1:] + ["500", "127.0.0.1"][len(sys.argv) - 2:])[:3]
    asyncio.run(serve(int(port), float(ms) / 1000, address))
