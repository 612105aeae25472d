"""Strangers whom the view sends to the login page must not cost the upstream a call each, and must
not switch off the prefetch of those who are logged in."""
import json
import unittest

import backends
import harness
import load

MEMBERS = 100


class LoginTest(harness.Case):
    def start(self):
        self.music = self.upstream(20)
        self.keep(backends.uwsgi_router(self.folder, self.ports.backend, proxy=self.ports.proxy,
                                        music=self.music.url))
        self.proxy = self.siding(
            backend={"shop": {"url": "http://127.0.0.1:%d" % self.ports.backend, "concurrency": 1}},
            upstream={"music": {"url": self.music.url}},
            route=[{"path": "/login-search/", "backend": "shop",
                    "prefetch": ["music:/s?word={query.q|requote}"]}, {"backend": "shop"}])
        # A round of members first: one dry match, then hits, so that each of them is known to use his.
        self.check(self.send([self.member("warm")], timeout=20))
        self.check(self.send([self.member(-i) for i in range(MEMBERS)], 10, timeout=20))
        self.music.reset()
        self.before = self.proxy.metrics()

    def member(self, i):
        address = "127.0.1.%d" % (1 + abs(i) % 50) if i != "warm" else "127.0.1.99"
        return load.get("/login-search/?q=member%s" % i, fields=[("Cookie", "sessionid=s%s" % i)]), address

    def strangers(self, count, addresses):
        """Strangers and members mixed; asserts the answers, and counts what reached the upstream."""
        requests, members = [], set()
        for i in range(count):
            requests.append((load.get("/login-search/?q=stranger%d" % i), "127.0.2.%d" % (1 + i % addresses)))
            if i % (count // MEMBERS) == 5:
                members.add(len(requests))
                requests.append(self.member(len(members)))
        results = self.load(requests, 100, timeout=20).results()

        bad = [(i, r.status, r.error) for i, r in enumerate(results)
               if r.error or r.status != (200 if i in members else 302)]
        self.assertFalse(bad, "%d answers are wrong: %r" % (len(bad), bad[:5]))
        for i in members:
            body = json.loads(results[i].body)
            self.assertEqual(body["q"], body["result"]["word"])
        words = [target.partition("word=")[2] for target, _ in self.music.calls()]
        self.assertLess(sum(w.startswith("stranger") for w in words), 30)
        self.assertEqual(sum(w.startswith("member") for w in words), MEMBERS)
        used = self.proxy.metrics().prefetch("used") - self.before.prefetch("used")
        self.assertEqual(used, MEMBERS, "the members' prefetch was switched off")

    def test_ten_thousand_from_a_few_addresses(self):
        self.start()
        self.strangers(10_000, addresses=4)

    def test_from_many_addresses(self):
        """No address is seen three times before the route's own budget must hold."""
        self.start()
        self.strangers(2_000, addresses=250)


if __name__ == "__main__":
    unittest.main()
