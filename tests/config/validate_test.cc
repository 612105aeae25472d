// Options that are each fine but not together.
#include "tests/config/loading.h"

namespace siding::config_test {
namespace {

const std::string kPrefetch = "prefetch = [\"music:/s?word={query.q}\"]\n";

TEST(ConfigValidate, TheSmallestFileHasItsDefaults) {
  const Config config = good(kSmall);
  ASSERT_EQ(config.backends.size(), 1u);
  EXPECT_EQ(config.backends[0].name, "shop");
  EXPECT_EQ(config.backends[0].queue.timeout, 30s);
  EXPECT_EQ(config.routes[0].place, "t.toml:5:1");
  EXPECT_EQ(config.routes[0].text(), "path *");
  EXPECT_FALSE(config.egress);
  EXPECT_EQ(config.threads, 0u);
  EXPECT_EQ(config.backend("shop"), &config.backends[0]);
  EXPECT_EQ(config.backend("none"), nullptr);
}

TEST(ConfigValidate, AllOfARoute) {
  const Config config =
      good(kFull +
           "path = \"/u/{id}\"\nhost = \"*.Example\"\nmethod = [\"GET\", \"POST\"]\n"
           "header = { X-Beta = \"1\" }\ndeadline = \"800ms\"\npriority = -1\nstream = true\n"
           "max_body = \"1MiB\"\n[route.prefetch]\nmode = \"on\"\nwait = \"2s\"\n"
           "when = [\"cookie.sessionid\"]\nshare = true\nunsafe_methods = true\n"
           "[route.prefetch.calls]\nz = \"music:/u/{path.id}\"\n"
           "a = { call = \"music:/b\", method = \"HEAD\", headers = { X-Id = \"{path.id}\" } }\n");
  const RouteConfig& route = config.routes[0];
  EXPECT_EQ(route.host, "*.example");
  EXPECT_EQ(route.deadline, 800ms);
  EXPECT_EQ(route.priority, -1);
  EXPECT_EQ(route.max_body, 1u << 20);
  EXPECT_EQ(route.prefetch.mode, PrefetchMode::on);
  EXPECT_EQ(route.prefetch.wait, 2s);
  ASSERT_EQ(route.prefetch.calls.size(), 2u);
  EXPECT_EQ(route.prefetch.calls[0].leg, "z");  // in the order of the file
  EXPECT_EQ(route.prefetch.calls[0].target.text(), "/u/{path.id}");
  EXPECT_EQ(route.prefetch.calls[1].method, "HEAD");
  EXPECT_EQ(route.prefetch.calls[1].headers[0].second.text(), "{path.id}");
}

TEST(ConfigValidate, ShortPrefetchNamesItsCalls) {
  const Config config = good(kFull + "prefetch = [\"music:/a\", \"music:/b\", \"music:/c\"]\n");
  const auto& calls = config.routes[0].prefetch.calls;
  ASSERT_EQ(calls.size(), 3u);
  EXPECT_EQ(calls[0].leg, "music");
  EXPECT_EQ(calls[2].leg, "music-3");
  EXPECT_EQ(calls[2].upstream, "music");
  EXPECT_EQ(calls[2].text, "music:/c");
}

TEST(ConfigValidate, WhatIsMissing) {
  EXPECT_TRUE(one_fault(kShop + kRoute, "t.toml:1:1: missing `listen`: where clients come in"));
  EXPECT_TRUE(one_fault("listen = []\n" + kShop + kRoute, "t.toml:1:10: `listen` is empty"));
  EXPECT_TRUE(one_fault(kListen, "t.toml:1:1: there is no backend"));
  EXPECT_TRUE(one_fault(kListen + kShop,
                        "t.toml:1:1: there is no route, so nothing reaches a backend; add:\n"
                        "  [[route]]\n  backend = \"shop\""));
  EXPECT_TRUE(one_fault(kListen + kShop + "[[route]]\npath = \"/a\"\n",
                        "t.toml:5:1: missing `backend` in [[route]]"));
  EXPECT_TRUE(one_fault(kListen + "[backend.a]\nurl = \"http://a\"\n[[route]]\nbackend = \"a\"\n",
                        "t.toml:2:1: missing `concurrency` in [backend.a]: the requests that the "
                        "service can serve at once = processes x threads"));
  EXPECT_TRUE(one_fault(kSmall + "[egress]\n", "t.toml:7:1: missing `listen` in [egress]"));
}

TEST(ConfigValidate, NamesThatPointNowhere) {
  EXPECT_TRUE(one_fault(kListen + kShop + "[[route]]\nbackend = \"music\"\n",
                        "t.toml:6:11: there is no [backend.music]; the backends are `shop`"));
  EXPECT_TRUE(one_fault(kFull + "prefetch = [\"misuc:/s\"]\n",
                        "t.toml:11:14: there is no [upstream.misuc]; did you mean `music`?"));
  EXPECT_TRUE(one_fault(kListen + kEgress + kShop + kRoute + "prefetch = [\"music:/s\"]\n",
                        "t.toml:9:14: there is no [upstream.music]; add it with its url"));
  EXPECT_TRUE(one_fault(kListen + "[backend.\"a b\"]\nurl = \"http://a\"\nconcurrency = 1\n"
                                  "[[route]]\nbackend = \"a b\"\n",
                        "t.toml:2:10: `a b`: a name holds"));
}

TEST(ConfigValidate, Listeners) {
  EXPECT_TRUE(one_fault("listen = [\"0.0.0.0:1\", \"0.0.0.0:1\"]\n" + kShop + kRoute,
                        "t.toml:1:24: `0.0.0.0:1` is already taken by listen at t.toml:1:11"));
  EXPECT_TRUE(one_fault(kSmall + "[health]\nlisten = \"127.0.0.1:8080\"\n",
                        "t.toml:8:10: `127.0.0.1:8080` is already taken by listen at t.toml:1:10"));
  EXPECT_TRUE(one_fault(kSmall + "[admin]\nlisten = \"0.0.0.0:1\"\n",
                        "t.toml:8:10: `0.0.0.0:1` can be reached from outside; [admin]"));
  EXPECT_TRUE(one_fault(kSmall + "[egress]\nlisten = \"0.0.0.0:1\"\n",
                        "t.toml:8:10: `0.0.0.0:1` can be reached from outside: without a secret"));
  EXPECT_TRUE(one_fault(kSmall + "[egress]\nlisten = \"0.0.0.0:1\"\nsecret = \"\"\n", "t.toml:8:"));
  good("listen = [\"127.0.0.1:0\", \"127.0.0.1:0\", \"[::]:8080\", \"0.0.0.0:8080\"]\n" + kShop +
       kRoute +
       "[admin]\nlisten = [\"unix:/run/a\", \"[::1]:1\"]\n[health]\nlisten = \"0.0.0.0:2\"");
}

TEST(ConfigValidate, EgressIsOpenOnLoopbackOnly) {
  using Unlisted = EgressConfig::Unlisted;
  auto egress = [](const std::string& lines) {
    return good(kSmall + "[egress]\n" + lines).egress.value_or(EgressConfig{}).unlisted;
  };
  EXPECT_EQ(egress("listen = \"127.0.0.1:1\"\n"), Unlisted::pass);
  EXPECT_EQ(egress("listen = \"unix:/run/e\"\n"), Unlisted::pass);
  EXPECT_EQ(egress("listen = \"127.0.0.1:1\"\nunlisted = \"deny\"\n"), Unlisted::deny);
  EXPECT_EQ(egress("listen = \"0.0.0.0:1\"\nsecret = \"s\"\n"), Unlisted::deny);
  EXPECT_EQ(egress("listen = \"0.0.0.0:1\"\nsecret = \"s\"\nunlisted = \"pass\"\n"),
            Unlisted::pass);
}

TEST(ConfigValidate, ABackendIsNotSidingItself) {
  for (const char* url :
       {"http://127.0.0.1:8080", "http://localhost:8080", "http://0.0.0.0:8080"}) {
    EXPECT_TRUE(
        one_fault(kListen + "[backend.shop]\nurl = \"" + url + "\"\nconcurrency = 1\n" + kRoute,
                  "t.toml:3:7: `" + std::string(url) + "` is siding's own listen"));
  }
  good(kListen + "[backend.shop]\nurl = \"http://shop:8080\"\nconcurrency = 1\n" + kRoute);
}

TEST(ConfigValidate, WhatAnUpstreamsAddressesNeverGet) {
  auto music = [](const std::string& keys) {
    return kListen + kEgress + kShop + kMusic + keys + kRoute;
  };
  EXPECT_TRUE(one_fault(music("probe = { interval = \"1s\" }\n"),
                        "t.toml:9:11: `interval` is of a probe, and without `path` none is made"));
  EXPECT_TRUE(load(music("probe = { path = \"none\", interval = \"1s\" }\n")).ok());
  const std::string never = "endpoint_concurrency = 8\nconcurrency = 8\n";
  EXPECT_TRUE(
      one_warning(music(never), "t.toml:9:24: warning: `endpoint_concurrency` never holds"));
  EXPECT_EQ("", said(music(never + "guard_worker = true\n")));
  EXPECT_EQ("", said(music("endpoint_concurrency = 7\nconcurrency = 8\n")));
  EXPECT_TRUE(
      one_fault(music("warm = 5\nconcurrency = 4\n"),
                "t.toml:9:8: so many connections are not kept: the bound is `concurrency` (4)"));
}

TEST(ConfigValidate, UpstreamsMustBeToldApart) {
  EXPECT_TRUE(one_fault(kFull + "[upstream.b]\nurl = \"http://MUSIC.example:80/\"\n",
                        "t.toml:12:7: [upstream.music] has the same url"));
  EXPECT_TRUE(one_fault(kFull + "[upstream.b]\nurl = \"http://music.example.\"\n",
                        "t.toml:12:7: [upstream.music] has the same url"));
  good(kFull + "[upstream.b]\nurl = \"http://music.example/v2\"\n");
  const std::string services = kFull + "[upstream.b]\nurl = \"http://_http._tcp.a.example\"\n";
  EXPECT_TRUE(one_fault(services + "[upstream.c]\nurl = \"http://_web._tcp.a.example\"\n",
                        "t.toml:14:7: [upstream.b] has the same url, since calls name only "
                        "`a.example`: egress could not tell"));
  EXPECT_TRUE(one_fault(services + "[upstream.c]\nurl = \"http://_web._tcp.b.example:80\"\n",
                        "t.toml:14:7: `_web._tcp.b.example` is a name for SRV records"));
  good(services + "[upstream.c]\nurl = \"http://a.example:8080\"\n");
}

TEST(ConfigValidate, PrefetchNeedsEgress) {
  EXPECT_TRUE(one_fault(kListen + kShop + kMusic + kRoute + kPrefetch,
                        "t.toml:9:1: a prefetch needs [egress]"));
  EXPECT_TRUE(one_fault(kFull + "[route.prefetch]\nmode = \"on\"\n",
                        "t.toml:11:1: a prefetch without calls"));
  EXPECT_TRUE(
      one_warning(kFull + kPrefetch + "queue = false\n", "t.toml:11:1: warning: a prefetch"));
  good(kFull + "prefetch = []\n");
}

TEST(ConfigValidate, BodiesOfCalls) {
  auto call = [](const std::string& keys) {
    return kFull + "[route.prefetch.calls]\na = { call = \"music:/s\", " + keys + " }\n";
  };
  const CallConfig made =
      good(call("safe = true, body = { json = { q = \"{query.q}\", n = [1, 2.5, true] } }"))
          .routes[0]
          .prefetch.calls[0];
  EXPECT_EQ(made.method, "POST");
  EXPECT_EQ(made.body_text, "{ json = { q = \"{query.q}\", n = [1, 2.5, true] } }");
  EXPECT_TRUE(made.repeatable());
  EXPECT_TRUE(
      one_fault(call("body = { form = { q = \"a\" } }"),
                "t.toml:12:33: a prefetch is made before the worker asks: a POST that changes "
                "nothing says `safe = true`"));
  EXPECT_TRUE(one_fault(call("method = \"PUT\""),
                        "t.toml:12:35: a prefetch is made before the "
                        "worker asks: PUT changes something"));
  EXPECT_TRUE(
      one_fault(call("method = \"GET\", body = { json = 1 }"), "t.toml:12:35: a GET has no body"));
  EXPECT_TRUE(one_fault(call("safe = true"), "t.toml:12:33: `safe` is for a POST"));
  const std::string start = "safe = true, body = ";
  for (auto [body, fault] : std::initializer_list<std::pair<std::string, std::string>>{
           {"1", "t.toml:12:46: expected a body is"},
           {"{ json = 1, form = {} }", "t.toml:12:48: a body is either { json"},
           {"{ text = 1 }", "t.toml:12:48: a body is either { json"},
           {"{ form = 1 }", "t.toml:12:55: expected a table of names and values"},
           {"{ form = { a = true } }", "t.toml:12:61: a form has texts and whole numbers only"},
           {"{ json = 1979-05-27 }", "t.toml:12:55: JSON has no such value"},
           {"{ json = { a = nan } }", "t.toml:12:61: JSON has no such value"},
           {"{ json = \"{query.q\" }", "t.toml:12:56: this `{` is not closed"},
           {"{ json = \"{query.q|number}!\" }", "t.toml:12:56: a `number` stands alone"},
           {"{ json = \"{query.q|form}\" }", "t.toml:12:65: `form` is an encoding of the query"},
           {"{ json = \"{path.q}\" }", "t.toml:12:46: `{path.q}` in the call of `a`"},
           {"{ json = \"{query.n|number:x}\" }", "t.toml:12:72: the default `x` cannot stand"}}) {
    EXPECT_TRUE(one_fault(call(start + body), fault)) << body;
  }
  EXPECT_TRUE(one_fault(kFull + "[route.prefetch.calls]\na = \"music:/s?n={query.n|number}\"\n",
                        "t.toml:12:26: `number` is for values of a JSON body"));
}

TEST(ConfigValidate, PrefetchWait) {
  auto route = [](const std::string& lines) {
    return kFull + lines + "[route.prefetch]\ncalls.a = \"music:/s\"\nwait = \"5s\"\n";
  };
  good(route(""));
  EXPECT_TRUE(
      one_warning(route("deadline = \"1s\"\n"), "t.toml:14:8: warning: `wait` never passes"));
  EXPECT_TRUE(one_fault(kListen + kEgress + kMusic + kShop + "queue.timeout = \"5s\"\n" + kRoute +
                            "[route.prefetch]\ncalls.a = \"music:/s\"\nwait = \"5s\"\n",
                        "t.toml:14:8: `wait` is not below queue.timeout of [backend.shop] (5s)"));
  EXPECT_TRUE(
      one_fault(kFull + "[route.prefetch]\ncalls.a = \"music:/s\"\nwhen = [\"sessionid\"]\n",
                "t.toml:13:9: a condition is a value that must be there"));
}

TEST(ConfigValidate, CapturesStandInThePath) {
  EXPECT_TRUE(
      one_fault(kFull + "path = \"/u/{user}\"\nprefetch = [\"music:/s/{path.usr}\"]\n",
                "t.toml:12:23: `{path.usr}` in the call of `music`: the route's path has no "
                "{usr}; did you mean `user`?"));
  EXPECT_TRUE(one_fault(kFull + "path = \"/u\"\nprefetch = [\"music:/s/{path.id}\"]\n",
                        "t.toml:12:23: `{path.id}` in the call of `music`: the route's path has no "
                        "{id}; write it into `path`, as in \"/u/{id}\""));
  EXPECT_TRUE(one_fault(kFull + "[route.prefetch.calls.a]\ncall = \"music:/s\"\n"
                                "headers = { X-Id = \"{path.id}\" }\n",
                        "t.toml:13:21: `{path.id}` in the call of `a`"));
  // A path with a fault of its own is the only thing to say.
  EXPECT_TRUE(one_fault(kFull + "path = \"u/{id}\"\nprefetch = [\"music:/s/{path.id}\"]\n",
                        "t.toml:11:8: "));
}

TEST(ConfigValidate, HiddenRoutesAreWarnedOf) {
  auto routes = [](const std::string& first, const std::string& second) {
    return kListen + kShop + kRoute + first + kRoute + second;
  };
  EXPECT_TRUE(one_warning(routes("", "path = \"/a\"\n"),
                          "t.toml:7:1: warning: this route (path /a) never matches: path * at "
                          "t.toml:5:1 comes first"));
  EXPECT_TRUE(one_warning(routes("path = \"/a/*\"\n", "path = \"/a/b\"\n"), "t.toml:8:1: warning"));
  EXPECT_TRUE(one_warning(routes("method = \"GET\"\n", "method = \"HEAD\"\n"), "t.toml:8:1: w"));
  EXPECT_TRUE(one_warning(routes("host = \"*.a\"\n", "host = \"b.a\"\n"), "t.toml:8:1: warning"));
  EXPECT_TRUE(one_warning(routes("header = { A = \"*\" }\n", "header = { a = \"1\" }\n"),
                          "t.toml:8:1: warning"));
  for (const auto& [first, second] : std::map<std::string, std::string>{
           {"path = \"/a\"\n", ""},
           {"method = \"GET\"\n", ""},
           {"host = \"*.a\"\n", "host = \"a\"\n"},
           {"header = { A = \"1\" }\n", "header = { A = \"*\" }\n"}}) {
    EXPECT_EQ(said(routes(first, second)), "");
  }
}

TEST(ConfigValidate, LimitsAgreeWithEachOther) {
  EXPECT_TRUE(
      one_fault(kSmall + "[limits]\nmax_target = \"128KiB\"\n", "t.toml:8:14: `max_target`"));
  EXPECT_TRUE(
      one_fault(kSmall + "[limits]\nmemory = \"16MiB\"\nspill = \"0B\"\nmax_body = \"1GiB\"",
                "t.toml:10:12: a body of this size fits neither"));
  EXPECT_TRUE(one_fault(kSmall + "[pins]\nmax_pin = \"1GiB\"\n", "t.toml:8:11: `max_pin`"));
  EXPECT_TRUE(one_fault(kSmall + "[dns]\nmin_ttl = \"1h\"\n", "t.toml:8:11: `min_ttl`"));
  EXPECT_TRUE(one_warning(kSmall + "[dns]\nsearch = \"a.b\"\n", "t.toml:8:10: warning: `search`"));
  EXPECT_TRUE(one_warning(kListen + kShop + "backlog = 100\n" + kRoute,
                          "t.toml:5:11: warning: a backlog of 100 for 1"));
}

TEST(ConfigValidate, TrustedProxies) {
  auto networks = [](const std::string& list) {
    return good("trusted_proxies = " + list + "\n" + kSmall).trusted_proxies.size();
  };
  EXPECT_EQ(networks("[\"private\"]"), 4u);
  EXPECT_EQ(networks("[\"private\", \"loopback\", \"192.0.2.0/24\"]"), 7u);
  EXPECT_EQ(networks("\"any\""), 1u);
  EXPECT_TRUE(one_fault("trusted_proxies = [\"privat\"]\n" + kSmall,
                        "t.toml:1:20: `privat` is not a network"));
}

TEST(ConfigValidate, DescriptorsCoverEveryConnection) {
  const Config config = good(kFull + "[limits]\nmax_connections = 100\n");
  // clients + egress and its calls + workers + upstream + listeners of 4 threads + spare
  EXPECT_EQ(descriptors_needed(config), 100u + 2 * 1024 + 2 + 256 + 2 * 4 + 256);
}

TEST(ConfigValidate, ADrainWaitsForTheLongestDeadline) {
  const std::string slow = "deadline = \"2m\"\n";
  EXPECT_EQ(good(kSmall).drain_time(), 30s);
  EXPECT_EQ(good(kSmall + slow).drain_time(), 120s);
  EXPECT_EQ(good("drain_timeout = \"5s\"\n" + kSmall + slow).drain_time(), 5s);
}

TEST(ConfigValidate, WhichHttpIsSpoken) {
  auto upstream = [](const std::string& url, const std::string& line) {
    return kListen + kShop + "[upstream.x]\nurl = \"" + url + "\"\n" + line + "\n" + kRoute;
  };
  EXPECT_TRUE(good(upstream("https://a.test", "")).upstreams[0].http2);
  EXPECT_FALSE(good(upstream("https://a.test", "http2 = false")).upstreams[0].http2);
  EXPECT_TRUE(good(upstream("http://a.test", "h2c = true")).upstreams[0].h2c);
  EXPECT_TRUE(one_fault(upstream("https://a.test", "h2c = true"),
                        "t.toml:7:7: `h2c` is HTTP/2 in clear, and the url is `https://a.test`"));
  EXPECT_TRUE(good(kListen + kShop + "h2c = true\n" + kRoute).backends[0].h2c);
}

TEST(ConfigValidate, FanOuts) {
  const std::string start = kListen + kMusic + "[[route]]\n";
  const Config config =
      good(start +
           "path = \"/all\"\nmerge = { kind = \"concat\", at = \"/items\", limit = 20 }\n"
           "[route.fanout]\nz = { call = \"music:/a?id={y./id}\", timeout = \"1s\" }\n"
           "y = { call = \"music:/b\", required = true, headers = { X-Id = \"{query.id}\" } }\n");
  const RouteConfig& route = config.routes[0];
  EXPECT_EQ(route.backend, "");
  ASSERT_EQ(route.fanout.size(), 2u);
  EXPECT_EQ(route.fanout[0].leg, "z");
  EXPECT_EQ(route.fanout[0].timeout, 1s);
  EXPECT_TRUE(route.fanout[1].required);
  EXPECT_EQ(route.merge.limit, 20u);

  auto legs = [&](const std::string& text) { return start + "[route.fanout]\n" + text; };
  EXPECT_TRUE(one_fault(legs("a = { call = \"nobody:/\" }\n"),
                        "t.toml:6:15: there is no [upstream.nobody]"));
  EXPECT_TRUE(one_fault(legs("song = { call = \"music:/{sing./id}\" }\n"),
                        "t.toml:6:18: `song` uses a value of `sing`, and there is no such leg; did "
                        "you mean `song`?"));
  EXPECT_TRUE(one_fault(legs("a = { call = \"music:/{a./id}\" }\n"),
                        "t.toml:6:15: these legs wait for each other for ever: a needs a"));
  EXPECT_TRUE(one_fault(
      legs("a = { call = \"music:/{b./i}\" }\nb = { call = \"music:/{c./i}\" }\n"
           "c = { call = \"music:/{a./i}\" }\nd = { call = \"music:/{a./i}\" }\n"),
      "t.toml:6:15: these legs wait for each other for ever: a needs b, b needs c, c needs a"));
  EXPECT_TRUE(
      one_fault(kSmall + "race = true\n", "t.toml:7:8: `race` is for a route with [route.fanout]"));
  EXPECT_TRUE(one_fault(kFull + "[route.fanout]\na = { call = \"music:/\" }\n",
                        "t.toml:10:11: a route has a backend or a fan-out, not both"));
  for (const char* key : {"queue = false", "stream = true", "priority = 1"}) {
    EXPECT_TRUE(one_fault(start + key + "\n[route.fanout]\na = { call = \"music:/\" }\n",
                          "t.toml:5:1: `" + std::string(key).substr(0, std::string(key).find(' ')) +
                              "` is about the way to a worker"));
  }
  EXPECT_TRUE(one_fault(
      start + "race = true\n[route.fanout]\na = { call = \"music:/\", required = true }\n",
      "t.toml:7:36: in a race the first good answer is the answer"));
  EXPECT_TRUE(
      one_fault(start + "merge = { limit = 2 }\n[route.fanout]\na = { call = \"music:/\" }\n",
                "t.toml:5:9: `at`, `limit` and `interleave` are for merge.kind = \"concat\""));
  EXPECT_TRUE(one_fault(start + "merge = { kind = \"concat\", at = \"items\" }\n[route.fanout]\n"
                                "a = { call = \"music:/\" }\n",
                        "t.toml:5:33: `items` is not a JSON pointer; write \"/items\""));
  EXPECT_TRUE(one_fault(kFull + "prefetch = [\"music:/s?id={song./id}\"]\n",
                        "t.toml:11:14: `song./...` is a value of a leg of a fan-out"));
  EXPECT_TRUE(one_fault(kListen + kShop + "[[route]]\npath = \"/x\"\n",
                        "t.toml:5:1: missing `backend` in [[route]]"));
}

}  // namespace
}  // namespace siding::config_test
