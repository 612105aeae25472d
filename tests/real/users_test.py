"""Two users whose upstream calls differ only in a field that siding was never told of: nobody may
see the other's answer, and nobody's credential may travel for anybody else."""
import unittest

import backends
import harness
import load

USERS = ("ann", "bob")
REQUESTS = 1000


class UsersTest(harness.Case):
    def start(self, mode, concurrency=2, backend=backends.gunicorn_gthread, options=(2,), prefetch=None):
        self.music = self.upstream(2)
        self.keep(backend(self.folder, self.ports.backend, *options, proxy=self.ports.proxy, music=self.music.url))
        self.proxy = self.siding(
            threads=2,
            backend={"shop": {"url": "http://127.0.0.1:%d" % self.ports.backend, "concurrency": concurrency}},
            upstream={"music": {"url": self.music.url}},
            route=[{"path": "/user-search/", "backend": "shop", "prefetch": prefetch or {
                "mode": mode, "calls": {"song": "music:/s?word={query.q|requote}"}}},
                {"backend": "shop"}])

    def interleaved(self, n=REQUESTS, word=lambda i: "w%d" % (i // 2)):
        """Both users ask for the same words at the same time; each must be answered as himself."""
        requests = [(load.get("/user-search/?q=" + word(i), fields=[("X-User-Id", USERS[i % 2])]),
                     "127.0.0.%d" % (2 + i % 7)) for i in range(n)]
        results = self.load(requests, 16, timeout=20).results()
        self.check(results, lambda i, body: body["q"] == body["result"]["word"] == word(i)
                   and body["user"] == body["result"]["user"] == USERS[i % 2])
        return results

    def sent(self, user):
        """The words that reached the upstream in a user's name."""
        return [target.partition("word=")[2] for target, fields in self.music.calls()
                if fields.get("x-user-id") == user]

    def no_credential_but_the_callers_own(self, n=REQUESTS):
        """One call with each user's id for each request of that user, made by the worker, and no other."""
        for user in USERS:
            self.assertEqual(sorted(self.sent(user)), sorted("w%d" % i for i in range(n // 2)), user)

    def test_prefetch_forced_on(self):
        """The prefetches carry no id, so none of them may be handed over."""
        self.start("on")
        self.interleaved()
        self.no_credential_but_the_callers_own()
        metrics = self.proxy.metrics()
        self.assertEqual(metrics.prefetch("used"), 0)
        missed = metrics.missed_reasons()
        self.assertEqual(list(missed), ["field:x-user-id"])
        self.assertGreaterEqual(missed["field:x-user-id"], 10)

    def test_auto_never_turns_on(self):
        """No dry match is whole while the field is unknown: no call is made twice."""
        self.start("auto")
        self.interleaved()
        self.no_credential_but_the_callers_own()
        self.assertEqual(self.music.stats()["calls"], REQUESTS)

    def one_user_then_the_other(self, addresses):
        """Ann's value, however often it was seen, is not sent in the name of Bob, who comes after her."""
        self.start("auto", concurrency=1, backend=backends.uwsgi_router, options=())

        def visits(user, first):
            return [(load.get("/user-search/?q=%s%d" % (user, i), fields=[("X-User-Id", user)]),
                     "127.0.0.%d" % (first + i % addresses)) for i in range(20)]
        for user, first in (("ann", 2), ("bob", 50)):
            self.check(self.send(visits(user, first), 2),
                       lambda i, body: body["result"]["user"] == user and body["result"]["word"] == user + str(i))
        self.assertEqual([word for word in self.sent("ann") if word.startswith("bob")], [])
        self.assertEqual([word for word in self.sent("bob") if word.startswith("ann")], [])

    def test_one_user_from_one_address_then_the_other(self):
        self.one_user_then_the_other(addresses=1)

    def test_one_user_from_many_addresses_then_the_other(self):
        """Three addresses with one value are not yet three users."""
        self.one_user_then_the_other(addresses=20)

    def test_two_processes(self):
        self.start("on", backend=backends.uwsgi_router, options=("--processes", "2"))
        self.interleaved(300)
        self.no_credential_but_the_callers_own(300)


if __name__ == "__main__":
    unittest.main()
