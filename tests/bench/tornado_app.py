"""The example's views rewritten for Tornado, as a baseline of seed.py."""
import json
import os
import sqlite3
from urllib.parse import quote

from tornado import httpclient, ioloop, web

MUSIC_URL = os.environ["MUSIC_URL"]


class Search(web.RequestHandler):
    async def get(self):
        q = self.get_argument("q", "")
        client = httpclient.AsyncHTTPClient()
        answer = await client.fetch(MUSIC_URL + "/s?word=" + quote(q), request_timeout=120)
        self.write({"q": q, "result": json.loads(answer.body)})


class RowSearch(Search):
    async def get(self):
        self.application.database.execute("SELECT count(*) FROM app_word").fetchone()
        await super().get()


class Plain(web.RequestHandler):
    def get(self):
        self.write({"plain": self.get_argument("n", "")})


def serve(port, clients):
    httpclient.AsyncHTTPClient.configure("tornado.curl_httpclient.CurlAsyncHTTPClient", max_clients=clients)
    application = web.Application([("/search/", Search), ("/row-search/", RowSearch), ("/plain/", Plain)])
    application.database = sqlite3.connect(os.environ["DATABASE"])
    application.listen(port, "127.0.0.1", backlog=4096)
    ioloop.IOLoop.current().start()
