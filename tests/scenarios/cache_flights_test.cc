// One fetch for all who ask at once: who waits for whom, who is never held up, and what becomes of a
// fetch when its clients leave.
#include <gtest/gtest.h>

#include <future>
#include <vector>

#include "tests/harness/cached.h"

namespace siding::test {
namespace {

using namespace std::chrono_literals;

const std::string kShared = "Cache-Control: max-age=60\r\n";
const std::string kPrivate = "Cache-Control: private\r\n";
const test::Setup kWide = {.backend = "concurrency = 100\n"};

std::vector<Client> clients(Proxy& proxy, int n, std::string_view fields = "") {
  std::vector<Client> all;
  for (int i = 0; i < n; ++i) all.emplace_back(proxy.front()).get("/s", fields);
  return all;
}
int answered(std::vector<Client>& all, std::string_view body) {
  int ok = 0;
  for (Client& c : all) ok += c.answer().body == body ? 1 : 0;
  return ok;
}

/// Byte by byte, so that nothing waits for more than there is.
std::string read_up_to(std::string_view end, Client& client) {
  std::string seen;
  while (!seen.ends_with(end)) {
    std::string next = client.wire().read_bytes(1);
    if (next.empty()) return seen + " and no more";
    seen += next;
  }
  return seen;
}

void one_fetch(int threads) {
  Origin backend;
  backend.on_request([](Origin::Call& call) { call.respond("song", kShared); });
  backend.hold();
  Proxy proxy(backend,
              {.backend = "concurrency = 100\n", .route = "cache = true\n", .threads = threads});
  std::vector<Client> all = clients(proxy, 60);
  ASSERT_TRUE(proxy.metric_becomes(60, "siding_cache_readers"));
  EXPECT_EQ(1, proxy.metric("siding_cache_fetches"));
  backend.release();
  EXPECT_EQ(60, answered(all, "song"));
  EXPECT_EQ(1, backend.requests());
  EXPECT_TRUE(proxy.metric_becomes(59, "siding_cache_requests_total", {"result=joined"}));
}
TEST(CacheFlights, ManyWhoAskAtOnceAreOneRequest) { one_fetch(1); }
TEST(CacheFlightsThreads, ManyWhoAskAtOnceAreOneRequest) { one_fetch(4); }

TEST(CacheFlights, WhatIsForOneClientSerialisesNobody) {
  CachedShop shop("true", kWide);
  shop.says("mine", kPrivate);
  shop.backend.hold();
  std::vector<Client> all = clients(shop.proxy, 20);
  ASSERT_TRUE(shop.read(20));
  ASSERT_TRUE(shop.backend.wait_for(1));
  EXPECT_EQ(1, shop.backend.requests());
  shop.backend.release(1);
  EXPECT_TRUE(shop.backend.wait_for(20)) << "all others at once, as soon as it is known";
  shop.backend.release();
  EXPECT_EQ(20, answered(all, "mine"));
  shop.backend.hold();
  std::vector<Client> next = clients(shop.proxy, 20);
  EXPECT_TRUE(shop.backend.wait_for(40)) << "it is remembered: nobody waits";
  shop.backend.release();
  EXPECT_EQ(20, answered(next, "mine"));
  shop.proxy.advance(11s);
  shop.says("ours", kShared);
  shop.ask("/s");
  EXPECT_EQ("siding; hit; ttl=60", shop.ask("/s").field("cache-status")) << "but not for ever";
}

TEST(CacheFlights, ARouteMayDoWithout) {
  CachedShop shop("{ coalesce = false }", kWide);
  shop.says("song", kShared);
  shop.backend.hold();
  std::vector<Client> all = clients(shop.proxy, 5);
  EXPECT_TRUE(shop.backend.wait_for(5));
  shop.backend.release();
  EXPECT_EQ(5, answered(all, "song"));
  EXPECT_EQ("siding; hit; ttl=60", shop.ask("/s").field("cache-status"));
}

TEST(CacheFlights, WhoJoinsReadsWhatHasCome) {
  CachedShop shop("true", kWide);
  shop.backend.on_request([](Origin::Call& call) {
    call.send("HTTP/1.1 200 OK\r\nContent-Length: 8\r\n" + kShared + "\r\nfour");
    Message never = call.wire.read_request_head();  // until the other end says so
  });
  Client first(shop.proxy.front());
  first.get("/s");
  EXPECT_EQ(std::string::npos, read_up_to("four", first).find("collapsed"));
  Client second(shop.proxy.front());
  second.get("/s");
  EXPECT_NE(std::string::npos, read_up_to("\r\n\r\nfour", second).find("collapsed"));
  EXPECT_EQ(1, shop.backend.requests());
  shop.backend.stop();
  EXPECT_NE("timeout", second.end()) << "torn, like what it read";
  EXPECT_EQ(0, shop.proxy.metric("siding_cache_entries"));
}

TEST(CacheFlights, TheFetchBelongsToNobody) {
  CachedShop shop("true", kWide);
  shop.says("song", kShared);
  shop.backend.hold();
  std::vector<Client> all = clients(shop.proxy, 3);
  ASSERT_TRUE(shop.read(3));
  all.front().reset();
  ASSERT_TRUE(shop.read(2));
  shop.backend.release();
  EXPECT_EQ("song", all[1].answer().body);
  EXPECT_EQ("song", all[2].answer().body);
  EXPECT_EQ(1, shop.backend.requests());
}

TEST(CacheFlights, AWorkersAnswerIsStoredThoughAllHaveLeft) {
  CachedShop shop("true", kWide);
  shop.says("song", kShared);
  shop.backend.hold();
  {
    std::vector<Client> all = clients(shop.proxy, 2);
    ASSERT_TRUE(shop.read(2));
    ASSERT_TRUE(shop.backend.wait_for(1));
    for (Client& c : all) c.reset();
    ASSERT_TRUE(shop.read(0));
  }
  shop.backend.release();
  EXPECT_TRUE(shop.proxy.metric_becomes(1, "siding_cache_entries"));
  EXPECT_EQ("siding; hit; ttl=60", shop.ask("/s").field("cache-status"));
}

TEST(CacheFlights, WhatNobodyWaitsForLeavesTheQueue) {
  CachedShop shop("true", {.backend = "concurrency = 1\nbacklog = 0\n"});
  shop.says("song", kShared);
  shop.backend.hold();
  Client busy(shop.proxy.front());
  busy.get("/busy");
  ASSERT_TRUE(shop.backend.wait_for(1));
  {
    std::vector<Client> all = clients(shop.proxy, 2);
    ASSERT_TRUE(shop.proxy.waits(1));
    for (Client& c : all) c.close();
    EXPECT_TRUE(shop.proxy.waits(0));
  }
  EXPECT_TRUE(shop.proxy.metric_becomes(1, "siding_cache_fetches"));
  shop.backend.release();
  EXPECT_EQ("song", busy.answer().body);
  EXPECT_EQ(1, shop.backend.requests());
}

TEST(CacheFlights, OneOfThoseWhoWaitedTriesAgain) {
  CachedShop shop("true", kWide);
  shop.backend.on_request([](Origin::Call& call) {
    if (call.number == 1) return call.respond("busy", "", 503);
    call.respond("song", kShared);
  });
  shop.backend.hold();
  std::vector<Client> all = clients(shop.proxy, 10);
  ASSERT_TRUE(shop.read(10));
  shop.backend.release(1);
  ASSERT_TRUE(shop.backend.wait_for(2));
  EXPECT_TRUE(shop.read(9));
  EXPECT_EQ(2, shop.backend.requests()) << "not all of them";
  shop.backend.release();
  int songs = 0;
  int busy = 0;
  for (Client& c : all) {
    Message m = c.answer();
    songs += m.body == "song" ? 1 : 0;
    busy += m.status() == 503 ? 1 : 0;
  }
  EXPECT_EQ(9, songs);
  EXPECT_EQ(1, busy);
  EXPECT_EQ(2, shop.backend.requests());
}

TEST(CacheFlights, AFetchThatTheQueueRefusesIsTriedByOneMore) {
  CachedShop shop("true",
                  {.backend = "concurrency = 1\nbacklog = 0\nqueue = { timeout = \"5s\" }\n"});
  shop.says("song", kShared);
  shop.backend.hold();
  Client busy(shop.proxy.front());
  busy.get("/busy");
  ASSERT_TRUE(shop.backend.wait_for(1));
  std::vector<Client> all = clients(shop.proxy, 3);
  ASSERT_TRUE(shop.read(4));
  shop.proxy.advance(6s);
  ASSERT_TRUE(shop.read(3)) << "whom it was fetched for is told";
  shop.backend.release();
  int refused = 0;
  int songs = 0;
  for (Client& c : all) {
    Message m = c.answer();
    refused += m.status() == 503 ? 1 : 0;
    songs += m.body == "song" ? 1 : 0;
  }
  EXPECT_EQ(1, refused);
  EXPECT_EQ(2, songs);
  EXPECT_EQ(2, shop.backend.requests());
}

TEST(CacheFlights, OtherVariantsAreFetchedOnTheirOwn) {
  CachedShop shop("true", kWide);
  shop.backend.on_request([](Origin::Call& call) {
    call.respond("in " + call.request.field("accept-language"),
                 kShared + "Vary: Accept-Language\r\n");
  });
  shop.backend.hold();
  std::vector<Client> german = clients(shop.proxy, 3, "Accept-Language: de\r\n");
  ASSERT_TRUE(shop.read(3));
  std::vector<Client> english = clients(shop.proxy, 3, "Accept-Language: en\r\n");
  ASSERT_TRUE(shop.read(6));
  shop.backend.release();
  EXPECT_EQ(3, answered(german, "in de"));
  EXPECT_EQ(3, answered(english, "in en"));
  EXPECT_EQ(2, shop.backend.requests()) << "one for each variant";
}

TEST(CacheFlights, ASlowReaderHoldsNobodyUp) {
  const std::string song(6 << 20, 'x');
  CachedShop shop("true", kWide);
  shop.says(song, kShared);
  shop.backend.hold();
  Client slow(shop.proxy.front());
  slow.get("/s");
  std::vector<Client> others = clients(shop.proxy, 2);
  ASSERT_TRUE(shop.read(3));
  shop.backend.release();
  EXPECT_EQ(2, answered(others, song));
  EXPECT_EQ(song, shop.ask("/s").body) << "it is stored meanwhile";
  EXPECT_EQ(1, shop.backend.requests());
  EXPECT_EQ(song, slow.answer().body);
}

TEST(CacheFlights, WhatOutgrowsTheStoreGoesToAFileForThoseWhoShareIt) {
  const std::string song(3 << 20, 'x');
  CachedShop shop("{ max_object = \"1MiB\" }", kWide);
  shop.backend.on_request([&](Origin::Call& call) {
    // Its length is not known beforehand.
    call.send("HTTP/1.1 200 OK\r\nConnection: close\r\n" + kShared + "\r\n" + song);
    call.close();
  });
  shop.backend.hold();
  std::vector<Client> all = clients(shop.proxy, 4);
  ASSERT_TRUE(shop.read(4));
  shop.backend.release();
  EXPECT_EQ(4, answered(all, song));
  EXPECT_EQ(1, shop.backend.requests());
  EXPECT_TRUE(shop.proxy.metric_becomes(0, "siding_cache_fetches"));
  EXPECT_TRUE(shop.proxy.metric_becomes(0, "siding_body_spill_bytes"));
  EXPECT_EQ(0, shop.proxy.metric("siding_cache_entries"));
  EXPECT_EQ(song, shop.ask("/s").body) << "now alone, at its own pace";
  EXPECT_EQ(2, shop.backend.requests());
}

/// A GET is answered after a POST to its URI was, which it began before.
void made_invalid_meanwhile(const std::string& cache) {
  CachedShop shop(cache, kWide);
  std::promise<void> posted;
  std::shared_future<void> after_post = posted.get_future().share();
  shop.backend.on_request([=](Origin::Call& call) {
    if (call.request.method() == "POST") return call.respond("done");
    if (call.number == 1) after_post.wait();
    call.respond("song " + std::to_string(call.number), kShared);
  });
  Client reader(shop.proxy.front());
  reader.get("/s");
  ASSERT_TRUE(shop.backend.wait_for(1));
  EXPECT_EQ("done", post(shop.proxy.front(), "/s", "x").body);
  posted.set_value();
  EXPECT_EQ("song 1", reader.answer().body) << "it may be of the time before";
  EXPECT_EQ("song 3", shop.ask("/s").body);
  EXPECT_EQ("siding; hit; ttl=60", shop.ask("/s").field("cache-status"));
}
TEST(CacheFlights, WhatIsMadeInvalidMeanwhileIsNotStored) { made_invalid_meanwhile("true"); }
TEST(CacheFlights, NorIsItWithoutAFlight) { made_invalid_meanwhile("{ coalesce = false }"); }

TEST(CacheFlights, APartOfWhatOutgrewTheStoreIsTheWhole) {
  const std::string song(3 << 20, 'x');
  CachedShop shop("{ max_object = \"1MiB\" }", kWide);
  shop.says("old", "Cache-Control: max-age=10\r\nETag: \"a\"\r\n");
  shop.ask("/s");
  shop.proxy.advance(10s);
  shop.backend.on_request([&](Origin::Call& call) {
    call.send("HTTP/1.1 200 OK\r\nConnection: close\r\n" + kShared + "\r\n" + song);
    call.close();
  });
  shop.backend.hold();
  std::vector<Client> all = clients(shop.proxy, 2);
  Client part(shop.proxy.front());
  part.get("/s", "Range: bytes=0-99\r\n");
  ASSERT_TRUE(shop.read(3));
  shop.backend.release();
  Message got = part.answer();
  EXPECT_EQ(200, got.status());
  EXPECT_EQ(song, got.body);
  EXPECT_EQ(2, answered(all, song));
}

TEST(CacheFlights, AWorkerThatAsksForWhatItIsMakingWaitsForNobody) {
  CachedShop shop("true", {.backend = "concurrency = 2\n"});
  shop.backend.on_request([&](Origin::Call& call) {
    if (call.request.has("cdn-loop")) return call.respond("inner", kPrivate);
    const std::string self = "http://127.0.0.1:" + std::to_string(shop.proxy.front());
    call.respond("outer of " + call_out(shop.proxy.egress(), self + "/s").body, kShared);
  });
  EXPECT_EQ("outer of inner", shop.ask("/s").body);
}

TEST(CacheFlights, AnErrorOfTheRefreshChangesNothing) {
  CachedShop shop("true", kWide);
  shop.says("old", "Cache-Control: max-age=10, stale-while-revalidate=100\r\n");
  shop.ask("/s");
  shop.proxy.advance(11s);
  shop.says("no", "", 500);
  EXPECT_EQ("old", shop.ask("/s").body);
  ASSERT_TRUE(shop.backend.wait_for(2));
  ASSERT_TRUE(shop.proxy.metric_becomes(0, "siding_cache_fetches"));
  EXPECT_EQ("old", shop.ask("/s").body);
}

}  // namespace
}  // namespace siding::test
