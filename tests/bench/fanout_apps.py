"""The fan-out of fanout.py written by hand, as an aiohttp and as a Tornado handler: three calls at once,
one JSON object out of theirs.

    python3 fanout_apps.py aiohttp|tornado PORT UPSTREAM_URL
"""
import asyncio
import json
import sys

LEGS = ("a", "b", "c")


def aiohttp_app(port, upstream):
    import aiohttp
    from aiohttp import web

    async def call(session, leg, word):
        async with session.get("%s/%s?word=%s" % (upstream, leg, word)) as answer:
            return await answer.json(content_type=None)

    async def suggest(request):
        session, word = request.app["session"], request.query.get("q", "")
        parts = await asyncio.gather(*(call(session, leg, word) for leg in LEGS))
        return web.json_response(dict(zip(LEGS, parts)))

    async def open_session(app):
        app["session"] = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
        yield
        await app["session"].close()

    app = web.Application()
    app.cleanup_ctx.append(open_session)
    app.router.add_get("/suggest", suggest)
    web.run_app(app, host="127.0.0.1", port=port, access_log=None, backlog=4096, print=None)


def tornado_app(port, upstream):
    from tornado import httpclient, ioloop, web
    httpclient.AsyncHTTPClient.configure("tornado.curl_httpclient.CurlAsyncHTTPClient", max_clients=4000)

    class Suggest(web.RequestHandler):
        async def get(self):
            word, client = self.get_argument("q", ""), httpclient.AsyncHTTPClient()
            answers = await asyncio.gather(*(client.fetch("%s/%s?word=%s" % (upstream, leg, word)) for leg in LEGS))
            self.write({leg: json.loads(answer.body) for leg, answer in zip(LEGS, answers)})

    web.Application([("/suggest", Suggest)]).listen(port, "127.0.0.1", backlog=4096)
    ioloop.IOLoop.current().start()


if __name__ == "__main__":
    {"aiohttp": aiohttp_app, "tornado": tornado_app}[sys.argv[1]](int(sys.argv[2]), sys.argv[3])
