// Routes that siding answers itself out of several upstreams.
#include <gtest/gtest.h>

#include "tests/scenarios/fan_bed.h"

namespace siding::test {
namespace {

const std::string kThree =
    "song = { call = \"song:/s?q={query.q:x}\" }\nvideo = { call = \"video:/v\" }\nnews = { call = "
    "\"news:/n\" }\n";

TEST(FanOut, IsOneObjectInTheOrderOfItsLegs) {
  FanBed bed(kThree);
  Message answer = bed.ask("?q=a%26b");
  EXPECT_EQ(200, answer.status()) << answer;
  EXPECT_EQ(
      "{\"song\":{\"id\":\"s-1\",\"items\":[1, \"two\",{\"n\": 3}]},\"video\": "
      "{\"id\":7,\"items\":[\"v\"]}\n"
      ",\"news\":{\"items\":[]}}",
      answer.body);
  EXPECT_EQ("?1", answer.field("siding-complete"));
  EXPECT_EQ("application/json", answer.field("content-type"));
  EXPECT_EQ("/s?q=a%26b", bed.song.request(1).target());
  EXPECT_EQ(bed.song.host(), bed.song.request(1).field("host"));
  EXPECT_EQ(0, bed.backend.opened());
  EXPECT_FALSE(answer.has("server-timing"));
}

TEST(FanOut, CallsAllAtOnce) {
  FanBed bed(kThree);
  for (Origin* o : {&bed.song, &bed.video, &bed.news}) o->hold();
  Client client(bed.proxy.front());
  client.get("/all");
  for (Origin* o : {&bed.song, &bed.video, &bed.news}) EXPECT_TRUE(o->wait_for(1));
  for (Origin* o : {&bed.news, &bed.video, &bed.song}) o->release();
  EXPECT_EQ(200, client.answer().status());
}

TEST(FanOut, ADeadLegChangesItsOwnMemberOnly) {
  FanBed bed(kThree);
  bed.video.stop();
  Message answer = bed.ask();
  EXPECT_EQ(200, answer.status());
  EXPECT_EQ(
      "{\"song\":{\"id\":\"s-1\",\"items\":[1, \"two\",{\"n\": "
      "3}]},\"video\":null,\"news\":{\"items\":[]}}",
      answer.body);
  EXPECT_EQ("?0;video=failed", answer.field("siding-complete"));
}

TEST(FanOut, EachWayToFailHasItsWord) {
  FanBed bed(
      "song = { call = \"song:/s\" }\nvideo = { call = \"video:/v\", max_body = \"10B\" }\n"
      "news = { call = \"news:/n?q={query.absent}\" }\n");
  FanBed::says(bed.song, "{\"half\":");
  Message answer = bed.ask();
  EXPECT_EQ("{\"song\":null,\"video\":null,\"news\":null}", answer.body);
  EXPECT_EQ("?0;song=invalid;video=too_large;news=value_absent", answer.field("siding-complete"));
  EXPECT_EQ(0, bed.news.requests());
  FanBed::says(bed.song, "no", "", 404);
  EXPECT_EQ("?0;song=status-404;video=too_large;news=value_absent",
            bed.ask().field("siding-complete"));
  std::string deep = std::string(100, '[') + std::string(100, ']');
  FanBed::says(bed.song, deep);
  EXPECT_EQ("?0;song=invalid;video=too_large;news=value_absent",
            bed.ask().field("siding-complete"));
}

TEST(FanOut, NamesOfLegsBecomeKeys) {
  FanBed bed("2nd-Song = { call = \"song:/{query.absent}\" }\n");
  EXPECT_EQ("?0;*2nd-song=value_absent", bed.ask().field("siding-complete"));
}

TEST(FanOut, WithoutARequiredLegThereIsNoAnswer) {
  FanBed bed("song = { call = \"song:/s\", required = true }\nvideo = { call = \"video:/v\" }\n");
  bed.video.hold();
  FanBed::says(bed.song, "broken", "", 500);
  Message answer = bed.ask();
  EXPECT_EQ(502, answer.status()) << "and it does not wait for the others: " << answer;
  EXPECT_TRUE(answer.says("leg_failed: song: status")) << answer;
  bed.video.release();
}

TEST(FanOut, WhoFailedIsToldNotWhoWasWaitedFor) {
  FanBed bed(
      "song = { call = \"song:/s\", required = true }\n"
      "video = { call = \"video:/v\", required = true }\n");
  bed.song.hold();
  FanBed::says(bed.video, "broken", "", 500);
  Message answer = bed.ask();
  EXPECT_EQ(502, answer.status()) << answer;
  EXPECT_TRUE(answer.says("leg_failed: video")) << answer;
  bed.song.release();
}

TEST(FanOut, APackedAnswerIsNoPartOfTheWhole) {
  FanBed bed("song = { call = \"song:/s\" }\n");
  FanBed::says(bed.song, "\x1f\x8b", "Content-Encoding: gzip\r\n");
  Message answer = bed.ask();
  EXPECT_EQ("?0;song=invalid", answer.field("siding-complete")) << answer;
  EXPECT_EQ("identity", bed.song.request(1).field("accept-encoding"));
}

TEST(FanOut, AtTheDeadlineWhatHasComeIsSent) {
  ManualClock clock;
  FanBed bed(kThree, "deadline = \"300ms\"\n", "", &clock);
  bed.video.hold();
  Client client(bed.proxy.front());
  client.get("/all");
  EXPECT_TRUE(bed.video.wait_for(1));
  EXPECT_TRUE(bed.song.wait_for(1));
  EXPECT_TRUE(bed.news.wait_for(1));
  EXPECT_TRUE(bed.proxy.metric_becomes(0, "siding_endpoint_calls", {"upstream=song"}));
  EXPECT_TRUE(bed.proxy.metric_becomes(0, "siding_endpoint_calls", {"upstream=news"}));
  bed.proxy.advance(std::chrono::milliseconds(300));
  Message answer = client.answer();
  EXPECT_EQ(200, answer.status()) << answer;
  EXPECT_EQ("?0;video=timeout", answer.field("siding-complete"));
  EXPECT_TRUE(answer.says("\"video\":null")) << answer;
  EXPECT_TRUE(answer.says("s-1")) << answer;
  bed.video.release();
}

TEST(FanOut, ARequiredLegThatIsSlowIsA504) {
  ManualClock clock;
  FanBed bed("song = { call = \"song:/s\", required = true, timeout = \"200ms\" }\n", "", "",
             &clock);
  bed.song.hold();
  Client client(bed.proxy.front());
  client.get("/all");
  EXPECT_TRUE(bed.song.wait_for(1));
  bed.proxy.advance(std::chrono::milliseconds(200));
  Message answer = client.answer();
  EXPECT_EQ(504, answer.status()) << answer;
  EXPECT_TRUE(answer.says("leg_timeout: song: timeout")) << answer;
  bed.song.release();
}

TEST(FanOut, ALegUsesWhatAnotherOneSaid) {
  FanBed bed(
      "video = { call = \"video:/v?song={song./id}&n={song./items/2/n}\" }\n"
      "song = { call = \"song:/s\" }\nnews = { call = \"news:/{song./id}\", "
      "headers = { X-Video = \"{video./id}\" } }\n");
  Message answer = bed.ask();
  EXPECT_EQ("?1", answer.field("siding-complete")) << answer;
  EXPECT_EQ("/v?song=s-1&n=3", bed.video.request(1).target());
  EXPECT_EQ("/s-1", bed.news.request(1).target());
  EXPECT_EQ("7", bed.news.request(1).field("x-video"));
  EXPECT_EQ(0u, answer.body.find("{\"video\":")) << "the order is that of the file";
  // What a leg says is no more trusted than what a client says.
  FanBed::says(bed.song, "{\"id\":\"../admin?x#y\\r\\nA: b\",\"items\":[0,0,{\"n\":\"1&2\"}]}");
  answer = bed.ask();
  EXPECT_EQ("/v?song=..%2Fadmin%3Fx%23y%0D%0AA%3A%20b&n=1%262", bed.video.request(2).target());
  EXPECT_EQ("?0;news=value_absent", answer.field("siding-complete"));
}

TEST(FanOut, WhatNeedsALegThatFailedIsNotCalled) {
  FanBed bed("song = { call = \"song:/s\" }\nvideo = { call = \"video:/v?song={song./id}\" }\n");
  bed.song.stop();
  Message answer = bed.ask();
  EXPECT_EQ("?0;song=failed;video=value_absent", answer.field("siding-complete"));
  EXPECT_EQ(0, bed.video.requests());
}

TEST(FanOut, WhatIsNoJsonBecomesAString) {
  FanBed bed(kThree);
  FanBed::says(bed.song, "la \"la\"\n", "Content-Type: text/plain\r\n");
  FanBed::says(bed.video, std::string("\xff\xd8\x00", 3), "Content-Type: image/jpeg\r\n");
  FanBed::says(bed.news, "", "", 204);
  Message answer = bed.ask();
  EXPECT_EQ(
      "{\"song\":\"la "
      "\\\"la\\\"\\n\",\"video\":{\"type\":\"image/jpeg\",\"base64\":\"/9gA\"},\"news\":null}",
      answer.body);
  EXPECT_EQ("?1", answer.field("siding-complete"));
}

TEST(FanOut, ListsAreJoined) {
  const std::string at = "merge = { kind = \"concat\", at = \"/items\", ";
  FanBed plain(kThree, at + "limit = 3 }\n");
  EXPECT_EQ("{\"items\":[1,\"two\",{\"n\": 3}]}", plain.ask().body);
  FanBed mixed(kThree, at + "interleave = true }\n");
  EXPECT_EQ("{\"items\":[1,\"v\",\"two\",{\"n\": 3}]}", mixed.ask().body);
  mixed.song.stop();
  Message answer = mixed.ask();
  EXPECT_EQ("{\"items\":[\"v\"]}", answer.body);
  EXPECT_EQ("?0;song=failed", answer.field("siding-complete"));
  FanBed bare("song = { call = \"song:/s\" }\n", "merge = { kind = \"concat\" }\n");
  FanBed::says(bare.song, "[ 1 , [2] ]");
  EXPECT_EQ("[1,[2]]", bare.ask().body);
}

TEST(FanOut, TheFirstGoodAnswerWinsARace) {
  FanBed bed("song = { call = \"song:/s\" }\nvideo = { call = \"video:/v\" }\n",
             "race = true\nserver_timing = true\n");
  bed.song.hold();
  FanBed::says(bed.video, "quick", "Content-Type: text/plain\r\nSet-Cookie: a=b\r\n");
  Message answer = bed.ask();
  EXPECT_EQ("quick", answer.body) << answer;
  EXPECT_EQ("text/plain", answer.field("content-type"));
  EXPECT_FALSE(answer.has("set-cookie"));
  EXPECT_EQ("?1", answer.field("siding-complete"));
  EXPECT_NE(answer.field("server-timing").find("video;dur="), std::string::npos) << answer;
  EXPECT_NE(answer.field("server-timing").find("desc=lost"), std::string::npos) << answer;
  EXPECT_TRUE(bed.proxy.metric_becomes(0, "siding_endpoint_calls", {"upstream=song"}))
      << "the other one is cancelled";
  bed.song.release();
  FanBed::says(bed.song, "no", "", 500);
  FanBed::says(bed.video, "no", "", 404);
  EXPECT_EQ(502, bed.ask().status());
}

TEST(FanOut, CookiesArePassedOnForWhomTheFileSaysSo) {
  FanBed bed("song = { call = \"song:/s\", set_cookie = true }\nvideo = { call = \"video:/v\" }\n");
  FanBed::says(bed.song, "1", "Set-Cookie: s=1\r\nSet-Cookie: t=2\r\n");
  FanBed::says(bed.video, "2", "Set-Cookie: v=1\r\n");
  Message answer = bed.ask();
  EXPECT_EQ(2u, answer.count("set-cookie"));
  EXPECT_EQ("s=1, t=2", answer.field("set-cookie"));
}

TEST(FanOut, HeadAndOtherMethods) {
  FanBed bed(kThree);
  Message head = Client(bed.proxy.front()).head("/all").answer();
  EXPECT_EQ(200, head.status());
  EXPECT_NE("0", head.field("content-length"));
  EXPECT_EQ("", head.body);
  Message posted = post(bed.proxy.front(), "/all", "x");
  EXPECT_EQ(405, posted.status()) << posted;
  FanBed form("song = { call = \"song:/s?q={form.q}\" }\n");
  Message with_body = post(form.proxy.front(), "/all", "q=a+b",
                           "Content-Type: application/x-www-form-urlencoded\r\n");
  EXPECT_EQ(200, with_body.status()) << with_body;
  EXPECT_EQ("/s?q=a%20b", form.song.request(1).target());
}

TEST(FanOut, AClientThatLeavesEndsTheCalls) {
  FanBed bed(kThree);
  bed.song.hold();
  Client client(bed.proxy.front());
  client.get("/all");
  EXPECT_TRUE(bed.song.wait_for(1));
  EXPECT_EQ(1, bed.proxy.metric("siding_endpoint_calls", {"upstream=song"}));
  client.reset();
  EXPECT_TRUE(bed.proxy.metric_becomes(0, "siding_endpoint_calls", {"upstream=song"}));
  bed.song.release();
}

// ---- how a leg's call is made

TEST(FanOut, WhatItsClientHasNotTakenCountsInTheBudget) {
  constexpr size_t kLarge = 24 << 20;
  FanBed bed(
      "song = { call = \"song:/s\", max_body = \"32MiB\" }\nvideo = { call = \"video:/v\" }\n",
      "race = true\n");
  bed.video.hold();
  FanBed::says(bed.song, "\"" + std::string(kLarge, 'x') + "\"");
  Client slow(bed.proxy.front());
  slow.get("/all");
  ASSERT_TRUE(bed.song.wait_for(1));
  // The head has come, and nobody reads on.
  EXPECT_EQ("HTTP/1.1 200 OK\r\n", slow.wire().read_bytes(17));
  EXPECT_GT(bed.proxy.metric("siding_body_memory_bytes"), kLarge);
  EXPECT_EQ(0, bed.proxy.metric("siding_endpoint_calls", {"upstream=video"}))
      << "who lost the race does not run on meanwhile";
  slow.close();
  EXPECT_TRUE(bed.proxy.metric_becomes(0, "siding_body_memory_bytes"));
  EXPECT_EQ(1, bed.proxy.ended("client_gone"));
  bed.video.release();
}

}  // namespace
}  // namespace siding::test
