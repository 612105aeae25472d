"""A WebSocket server that others wrote (python3-websockets), with a page for browsers: echoes every message, and
tells of each connection with which Via it came.

GET /page?to=URL runs JavaScript that opens sockets to that URL, says things, and reports what came back by GET /report?WORD.
GET /seen gives {"via": [...], "reports": [...], "open": N}.
"""
import asyncio
import http
import json
import sys
import urllib.parse

import websockets

PAGE = """<!doctype html><title>echo</title><script>
const to = %s;
const sockets = 8, messages = 25;
function talk(n) {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(to, "chat");
    socket.binaryType = "arraybuffer";
    let said = 0;
    const next = () => {
      if (said == messages) { socket.close(1000, "enough"); return; }
      if (said %% 2) { socket.send(new Uint8Array(said * 1000).fill(n)); } else { socket.send(`${n}:${said}`.repeat(said + 1)); }
    };
    socket.onopen = () => { if (socket.protocol == "chat") next(); else reject("protocol " + socket.protocol); };
    socket.onmessage = (e) => {
      const right = said %% 2
        ? new Uint8Array(e.data).length == said * 1000 && new Uint8Array(e.data).every((b) => b == n)
        : e.data == `${n}:${said}`.repeat(said + 1);
      if (!right) reject("echo " + n + ":" + said);
      ++said;
      next();
    };
    socket.onerror = () => reject("error " + n);
    socket.onclose = (e) => e.code == 1000 && said == messages ? resolve() : reject("close " + e.code);
  });
}
Promise.all([...Array(sockets).keys()].map(talk))
  .then(() => "well", (why) => "not:" + why)
  .then((word) => fetch("/report?" + encodeURIComponent(word)));
</script>"""

seen = {"via": [], "reports": [], "open": 0}


async def talk(socket):
    seen["via"].append(socket.request_headers.get("Via"))
    seen["open"] += 1
    try:
        async for message in socket:
            await socket.send(message)
    finally:
        seen["open"] -= 1


async def answer(path, headers):
    if "Upgrade" in headers:
        return None
    url = urllib.parse.urlsplit(path)
    if url.path == "/page":
        page = PAGE % json.dumps(urllib.parse.parse_qs(url.query)["to"][0])
        return http.HTTPStatus.OK, [("Content-Type", "text/html")], page.encode()
    if url.path == "/report":
        seen["reports"].append(urllib.parse.unquote(url.query))
    return http.HTTPStatus.OK, [("Content-Type", "application/json")], json.dumps(seen).encode()


async def main(port):
    async with websockets.serve(talk, "127.0.0.1", port, process_request=answer, subprotocols=["chat"],
                                backlog=1024, ping_interval=None, compression=None):
        await asyncio.Future()

asyncio.run(main(int(sys.argv[1])))
