"""The main job: an unchanged blocking Django worker answers 100 clients whose upstream calls all
ran at the same time. Counts are asserted, never seconds."""
import json
import unittest
from urllib.parse import quote

import backends
import harness

PREFETCH = "music:/s?word={query.q|requote}"


class SeedTest(harness.Case):
    def start(self, processes, path="/search/", prefetch=PREFETCH, ms=500, **options):
        self.music = self.upstream(ms)
        backends.migrate(self.folder)
        self.keep(backends.uwsgi_router(self.folder, self.ports.backend, processes=processes,
                                        proxy=self.ports.proxy, music=self.music.url))
        self.proxy = self.siding(
            backend={"shop": {"url": "http://127.0.0.1:%d" % self.ports.backend, "concurrency": processes}},
            upstream={"music": {"url": self.music.url}},
            route=[{"path": path, "backend": "shop", "prefetch": [prefetch]}, {"backend": "shop"}], **options)

    def warm_up(self, target):
        """One request is the dry match that turns the template on; then everything counts from zero."""
        self.check([self.get(target)])
        self.music.reset()
        self.before = self.proxy.metrics()

    def counted(self, result):
        return self.proxy.metrics().prefetch(result) - self.before.prefetch(result)

    def burst_of_100(self, path="/search/", **options):
        self.warm_up(path + "?q=warm")
        self.burst(100, lambda i: path + "?q=word-%d" % i,
                   lambda i, body: body["q"] == body["result"]["word"] == "word-%d" % i, **options)
        stats = self.music.stats()
        self.assertEqual((stats["calls"], stats["distinct"], stats["repeated"]), (100, 100, {}))
        self.assertGreaterEqual(stats["most"], 95)
        self.assertEqual((self.counted("used"), self.counted("missed"), self.counted("unused")), (100, 0, 0))

    def test_one_worker(self):
        self.start(processes=1)
        self.burst_of_100()

    def test_two_workers_two_threads(self):
        self.start(processes=2, threads=2)
        self.burst_of_100()

    def test_view_that_reads_a_row_first(self):
        self.start(processes=1, path="/row-search/")
        self.burst_of_100("/row-search/")

    def test_same_word_is_one_call_for_each_request(self):
        """Without `share` nothing is coalesced: a hundred clients, a hundred serial numbers."""
        self.start(processes=1)
        self.warm_up("/search/?q=warm")
        results = self.load([harness.load.get("/search/?q=same")] * 100).results()
        self.check(results)
        serials = {json.loads(r.body)["result"]["serial"] for r in results}
        self.assertEqual((len(serials), self.music.stats()["calls"]), (100, 100))

    def test_identical_call_twice_gets_two_answers(self):
        """A pin is used once; the second identical call of a view goes out by itself."""
        self.start(processes=1, path="/twice/", ms=50)
        self.warm_up("/twice/?q=warm")
        results = self.load([harness.load.get("/twice/?q=w%d" % i) for i in range(20)]).results()
        self.check(results, lambda i, body: body["first"]["word"] == body["second"]["word"] == "w%d" % i
                   and body["first"]["serial"] != body["second"]["serial"])
        self.assertEqual(self.music.stats()["calls"], 40)
        self.assertEqual(self.counted("used"), 20)

    def test_odd_words_arrive_and_match(self):
        """Concatenation leaves the quoting to requests; the template's `requote` must do the same."""
        words = ["é", "你好", "%", "50%", "[x]", "a b", "a+b", "a%26b", "a%26b%", "~'(!)*", "a/b?c",
                 "a,b;c:@$", '"<>\\^`{|}']
        self.start(processes=1, ms=10)
        self.warm_up("/search/?q=warm")
        results = self.load([harness.load.get("/search/?q=" + quote(w, safe="")) for w in words]).results()
        self.check(results, lambda i, body: body["q"] == words[i])
        self.assertEqual(self.music.stats()["calls"], len(words), self.music.calls())
        self.assertEqual(self.counted("missed"), 0, self.proxy.metrics().missed_reasons())

    def test_word_that_the_view_pastes_in_as_syntax(self):
        """`&` and `#` change the view's own URL; prefetched or not, it gets what it asked for."""
        words = ["a&b", "a#b", "a&word=c", "a&b=é"]
        self.start(processes=1, ms=10)
        self.warm_up("/search/?q=warm")
        results = self.load([harness.load.get("/search/?q=" + quote(w, safe="")) for w in words]).results()
        self.check(results, lambda i, body: body["q"] == words[i] and body["result"]["word"] == "a")
        self.assertLessEqual(self.music.stats()["calls"], 2 * len(words), self.music.calls())

    def test_left_while_queued_means_no_call_by_the_worker(self):
        """A client that goes while its request waits: its prefetch ends, its view never runs."""
        self.start(processes=1, ms=60_000)
        self.check([self.get("/plain/")])
        self.music.set(ms=0)
        self.warm_up("/search/?q=warm")
        self.music.set(ms=60_000)
        leaver = self.load([harness.load.get("/search/?q=gone")])
        harness.until(lambda: self.music.stats()["inside"] == 1, what="the prefetch is under way")
        leaver.stop()
        harness.until(lambda: self.music.stats()["left"] == 1, what="the prefetch is cancelled")
        self.check([self.get("/plain/")])
        self.assertEqual(self.music.stats()["calls"], 1)


if __name__ == "__main__":
    unittest.main()
