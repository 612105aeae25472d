// Which HTTP/2 requests are let through, and as what.
#include "http/h2_head.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace siding {
namespace {

using Pairs = std::vector<std::pair<std::string, std::string>>;

Pairs request(Pairs more = {}) {
  Pairs all{
      {":method", "GET"}, {":scheme", "https"}, {":authority", "shop.test"}, {":path", "/a?b=c"}};
  all.insert(all.end(), more.begin(), more.end());
  return all;
}
Pairs with(std::string name, std::string value) {
  Pairs all = request();
  for (auto& [n, v] : all) {
    if (n == name) {
      v = std::move(value);
      return all;
    }
  }
  all.emplace_back(std::move(name), std::move(value));
  return all;
}

struct Reading {
  explicit Reading(const Pairs& fields, HeadLimits l = {}) : limits(l), reader(limits) {
    reader.begin();
    for (const auto& [name, value] : fields) reader.add(name, value);
    head = reader.take();
  }
  std::string fault() const {
    if (reader.fault().reason.empty()) return "none";
    return std::to_string(status_of(reader.fault().outcome)) + " " +
           std::string(reader.fault().reason);
  }
  HeadLimits limits;
  H2RequestReader reader;
  RequestHead head;
};

TEST(H2Head, ARequestIsWhatHttp1WouldHaveSaid) {
  const Reading r(request({{"x-a", "1"}, {"cookie", "a=1"}, {"accept", "*/*"}, {"cookie", "b=2"}}));
  ASSERT_EQ("none", r.fault());
  EXPECT_EQ("GET", r.head.method);
  EXPECT_EQ("/a?b=c", r.head.target);
  EXPECT_EQ("shop.test", r.head.authority);
  EXPECT_EQ(TargetForm::origin, r.head.form);
  EXPECT_EQ(1, r.head.minor_version);
  EXPECT_TRUE(r.head.http2);
  EXPECT_EQ("shop.test", r.head.fields.get("host"));
  EXPECT_EQ("1", r.head.fields.get("x-a"));
  EXPECT_EQ(1u, r.head.fields.count("cookie"));
  EXPECT_EQ("a=1; b=2", r.head.fields.get("cookie")) << "RFC 9113 8.2.3";
}

TEST(H2Head, HostStandsInForTheAuthority) {
  Pairs fields{{":method", "GET"}, {":scheme", "http"}, {":path", "/"}, {"host", "shop.test:8080"}};
  const Reading r(fields);
  EXPECT_EQ("none", r.fault());
  EXPECT_EQ("shop.test:8080", r.head.authority);
  EXPECT_EQ(1u, r.head.fields.count("host"));
}

TEST(H2Head, OptionsOfTheWholeServerAndConnect) {
  Pairs options = with(":path", "*");
  options[0].second = "OPTIONS";
  EXPECT_EQ(TargetForm::asterisk, Reading(options).head.form);
  const Reading connect(Pairs{{":method", "CONNECT"}, {":authority", "shop.test:443"}});
  EXPECT_EQ("none", connect.fault());
  EXPECT_EQ(TargetForm::authority, connect.head.form);
  EXPECT_EQ("shop.test:443", connect.head.target);
}

TEST(H2Head, AnExtendedConnectHasAPathAndAProtocol) {
  Pairs asked = with(":method", "CONNECT");
  asked.emplace_back(":protocol", "websocket");
  const Reading r(asked);
  EXPECT_EQ("none", r.fault());
  EXPECT_EQ("websocket", r.head.protocol);
  EXPECT_EQ(TargetForm::origin, r.head.form);
  EXPECT_EQ("", Reading(request()).head.protocol);
}

TEST(H2Head, WhatCouldMeanSomethingElseInHttp1IsRefused) {
  const std::pair<Pairs, std::string> cases[] = {
      {with("x", "a\r\nb: c"), "400 control byte in field value"},
      {with("x", std::string("a\0b", 3)), "400 control byte in field value"},
      {with("x\n", "a"), "400 bad field name"},
      {with("x y", "a"), "400 bad field name"},
      {with("", "a"), "400 bad field name"},
      {with("connection", "close"), "400 a field of one connection"},
      {with("transfer-encoding", "chunked"), "400 a field of one connection"},
      {with("upgrade", "h2c"), "400 a field of one connection"},
      {with("te", "gzip"), "400 TE other than trailers"},
      {with("te", "trailers"), "none"},
      {with("host", "evil.test"), "400 :authority and host differ"},
      {with("host", "SHOP.test"), "none"},
      {request({{"host", "shop.test"}, {"host", "shop.test"}}), "400 two host fields"},
      {with(":authority", "user@shop.test"), "400 bad :authority"},
      {with(":authority", "a, b"), "400 bad :authority"},
      {with(":method", "GET /x HTTP/1.1"), "400 bad method"},
      {with(":method", std::string(65, 'A')), "501 method too long"},
      {with(":path", ""), "400 empty target"},
      {with(":path", "a"), "400 bad target form"},
      {with(":path", "http://other.test/"), "400 bad target form"},
      {with(":path", "/a b"), "400 bad byte in target"},
      {with(":path", "/a#b"), "400 bad byte in target"},
      {with(":path", "*"), "400 target * without OPTIONS"},
      {with("content-length", "+1"), "400 bad Content-Length"},
      {request({{"content-length", "1"}, {"content-length", "2"}}),
       "400 two Content-Length fields"},
      {Pairs{{":method", "CONNECT"}, {":authority", "shop.test"}},
       "400 target of CONNECT is not host:port"},
  };
  for (const auto& [fields, expected] : cases) {
    EXPECT_EQ(expected, Reading(fields).fault())
        << fields.back().first << ": " << fields.back().second;
  }
}

TEST(H2Head, LimitsAreThoseOfHttp1AndCountEachCrumb) {
  HeadLimits limits{.max_head = 1000, .max_fields = 5, .max_target = 20};
  EXPECT_EQ("none", Reading(request(), limits).fault());
  Pairs crumbs;
  for (int i = 0; i < 6; ++i) crumbs.emplace_back("cookie", "a");
  EXPECT_EQ("431 too many fields", Reading(request(crumbs), limits).fault());
  EXPECT_EQ("431 head too large", Reading(with("x", std::string(1000, 'x')), limits).fault());
  EXPECT_EQ("414 target too long",
            Reading(with(":path", "/" + std::string(20, 'x')), limits).fault());
}

TEST(H2Head, AReaderForgetsTheLastRequest) {
  HeadLimits limits;
  H2RequestReader reader(limits);
  reader.begin();
  reader.add("bad name", "");
  EXPECT_FALSE(reader.fault().reason.empty());
  reader.begin();
  for (const auto& [name, value] : request()) reader.add(name, value);
  EXPECT_EQ("/a?b=c", reader.take().target);
  EXPECT_TRUE(reader.fault().reason.empty());
}

TEST(H2Head, TrailersAreThoseThatMayBePassedOn) {
  Fields trailers;
  EXPECT_TRUE(add_h2_trailer(trailers, "grpc-status", " 0 "));
  EXPECT_FALSE(add_h2_trailer(trailers, "content-length", "1"));
  EXPECT_FALSE(add_h2_trailer(trailers, ":path", "/"));
  EXPECT_FALSE(add_h2_trailer(trailers, "x", "a\nb"));
  ASSERT_EQ(1u, trailers.size());
  EXPECT_EQ("0", trailers[0].value);
  for (int i = 0; i < 1000; ++i)
    add_h2_trailer(trailers, "x-" + std::to_string(i), std::string(500, 'x'));
  EXPECT_LE(trailers.size(), 64u);
  EXPECT_LE(trailers.footprint(), 32u * 1024);
}

}  // namespace
}  // namespace siding
