// Purging by the [admin] door: what it answers, whom it refuses, and that it lets others have their turn.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "proxy/admin/admin.h"
#include "tests/harness/loop_bed.h"
#include "tests/proxy/admin/door.h"

namespace siding {
namespace {

/// Tells nobody.
struct Unheard final : PurgeTeller {
  Task<Result<>> tell(const Purge& purge) override {
    asked = purge.to_text();
    co_return Error(Failure::closed, Side::upstream, true, "no connection");
  }
  std::string asked;
};

class PurgeByDoor : public ::testing::Test {
 protected:
  static Config config() {
    Config c;
    c.routes.emplace_back().cache.enabled = true;
    return c;
  }
  void put(const std::string& uri, const std::string& tag = "") {
    auto entry = std::make_shared<Entry>();
    entry->variant.owner = 1;
    if (!tag.empty()) entry->tags.push_back(tag);
    caches.store.put(uri, entry);
  }
  std::unique_ptr<FakeStream> purge(const std::string& query) {
    return ask(door, "POST", "/cache/purge?" + query);
  }
  int status(const std::string& query) { return purge(query)->response.status; }
  uint64_t stored() { return caches.store.snapshot().entries; }
  /// What a browser sends along, for a page of somebody's.
  int from_page(std::string_view name, std::string_view value) {
    FakeStream stream("POST", "/cache/purge?all=1", "localhost:8082");
    stream.head.fields.add(name, value);
    ask(door, stream);
    return stream.response.status;
  }

  Ring ring{4};
  Caches caches{std::make_shared<const CacheOwners>(config()), 64 << 20};
  AdminDoor door{ring, caches};
};

TEST_F(PurgeByDoor, EachKind) {
  for (const char* uri : {"http://a/1", "https://a/1", "http://a/2", "http://a/30", "http://b/1"}) {
    put(uri, uri == std::string("http://a/2") ? "two" : "");
  }
  auto got = purge("url=http%3A%2F%2FA%3A80%2F1");
  EXPECT_EQ(got->response.status, 200);
  EXPECT_EQ(got->field("content-type"), "text/plain; charset=utf-8");
  EXPECT_EQ(got->response_body, "2 entries dropped\n") << "of both schemes";
  EXPECT_EQ(purge("tag=two")->response_body, "1 entry dropped\n");
  EXPECT_EQ(purge("prefix=http://a/3")->response_body, "1 entry dropped\n");
  EXPECT_EQ(purge("prefix=http://a/3")->response_body, "0 entries dropped\n");
  EXPECT_EQ(stored(), 1u);
  EXPECT_EQ(purge("all=1")->response_body, "1 entry dropped\n");
}

TEST_F(PurgeByDoor, JsonByAccept) {
  put("http://a/1");
  FakeStream stream("POST", "/cache/purge?prefix=https://a");
  stream.head.fields.add("Accept", "application/json");
  ask(door, stream);
  EXPECT_EQ(stream.field("content-type"), "application/json");
  EXPECT_EQ(nlohmann::json::parse(stream.response_body),
            (nlohmann::json{{"kind", "prefix"}, {"what", "https://a/"}, {"dropped", 1}}));
}

TEST_F(PurgeByDoor, SaysWhatIsWrong) {
  put("http://a/1");
  auto says = [&](const std::string& query, std::string_view what) {
    auto got = purge(query);
    EXPECT_EQ(got->response.status, 400);
    EXPECT_NE(got->response_body.find(what), std::string::npos) << got->response_body;
    EXPECT_TRUE(got->response_body.ends_with('\n'));
  };
  const std::string example =
      "curl -X POST -G --data-urlencode 'url=http://example.org/catalogue/7'";
  says("", example);
  says("uri=http://a/1", "`uri` is no kind of purge");
  says("uri=http://a/1", example);
  says("url=http://a/1?b=1&c=2", "there are 2 parameters, and an & within a URL has to be %26");
  says("tag=a&tag=b", example);
  says("url=/1", "`/1` is no whole URL");
  says("url=http://a/b+c", "a `+` is read as a space");
  says("tag=a,b", "more than one tag");
  says("all=0", "write all=1");
  says("all", "write all=1");
  EXPECT_EQ(stored(), 1u);
}

TEST_F(PurgeByDoor, OnlyByPost) {
  for (const char* method : {"GET", "HEAD", "PURGE", "OPTIONS"}) {
    auto got = ask(door, method, "/cache/purge?all=1");
    EXPECT_EQ(got->response.status, 405) << method;
    EXPECT_EQ(got->field("allow"), "POST");
    EXPECT_EQ(got->field("access-control-allow-origin"), "");
  }
  EXPECT_EQ(ask(door, "POST", "/cache/purge/")->response.status, 404);
  EXPECT_EQ(ask(door, "POST", "/cache")->response.status, 404);
}

TEST_F(PurgeByDoor, NoPageOfAnotherSiteMay) {
  put("http://a/1");
  for (const char* origin : {"https://evil.example", "http://localhost", "http://localhost:3000",
                             "https://localhost:8082", "null", ""}) {
    EXPECT_EQ(from_page("Origin", origin), 403) << origin;
  }
  for (const char* site : {"cross-site", "same-site", "anything"}) {
    EXPECT_EQ(from_page("Sec-Fetch-Site", site), 403) << site;
  }
  EXPECT_EQ(ask(door, "POST", "/cache/purge?all=1", "evil.example")->response.status, 403);
  EXPECT_EQ(stored(), 1u);
  EXPECT_EQ(from_page("Origin", "http://LocalHost:8082"), 200);
  EXPECT_EQ(from_page("Sec-Fetch-Site", "same-origin"), 200);
  EXPECT_EQ(from_page("Sec-Fetch-Site", "none"), 200);
}

TEST_F(PurgeByDoor, WhereOthersWereNotToldItSaysSo) {
  Unheard others;
  AdminDoor told{ring, caches, &others};
  put("http://a/1", "two");
  auto got = ask(told, "POST", "/cache/purge?tag=two");
  EXPECT_EQ(got->response.status, 503);
  EXPECT_EQ(got->response_body,
            "1 entry dropped; only this process has purged, the others were not told: "
            "no connection\n");
  EXPECT_EQ(others.asked, "tag two");
  FakeStream json("POST", "/cache/purge?all=1");
  json.head.fields.add("Accept", "application/json");
  ask(told, json);
  EXPECT_EQ(json.response.status, 503);
  EXPECT_EQ(nlohmann::json::parse(json.response_body)["dropped"], 0);
}

TEST_F(PurgeByDoor, OthersHaveTheirTurnMeanwhile) {
  test::LoopBed bed;
  for (int i = 0; i < 20'000; ++i) put("http://a/" + std::to_string(i));
  FakeStream stream("POST", "/cache/purge?all=1");
  Task<> task = door.handle(stream);
  task.start();
  EXPECT_FALSE(task.done());
  bed.turns(1);
  EXPECT_FALSE(task.done());
  EXPECT_GT(stored(), 10'000u) << "a little a turn";
  EXPECT_TRUE(bed.settle());
  EXPECT_EQ(stream.response_body, "20000 entries dropped\n");
  EXPECT_EQ(stored(), 0u);
}

}  // namespace
}  // namespace siding
