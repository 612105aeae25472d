// Asking the origin about a stored response, and answering clients that ask (RFC 9111 4.3).
#include "cache/validate.h"

#include <gtest/gtest.h>

#include "tests/cache/heads.h"

namespace siding::cache_test {
namespace {

const std::string kOld = date(-5000);
const std::string kOlder = date(-10000);

TEST(CacheEntityTag, Rfc9110_8_8_3_WhatIsOne) {
  EXPECT_EQ(parse_entity_tag("\"abc\"")->opaque, "abc");
  EXPECT_FALSE(parse_entity_tag("\"abc\"")->weak);
  EXPECT_TRUE(parse_entity_tag("W/\"abc\"")->weak);
  EXPECT_EQ(parse_entity_tag("\"\"")->opaque, "");
  EXPECT_EQ(parse_entity_tag("\"a\\\xC3\xBC,!\"")->opaque, "a\\\xC3\xBC,!");
  for (std::string_view text : {"", "abc", "w/\"abc\"", "W\"abc\"", "W\\\"abc\"", "\"abc", "\"a\"b",
                                "\"a b\"", "\"a\" ", "*", "W/", "\"a\x7f\""}) {
    EXPECT_FALSE(parse_entity_tag(text)) << text;
  }
}

TEST(CacheEntityTag, Rfc9110_8_8_3_2_Comparison) {
  EntityTag weak{"1", true};
  EntityTag strong{"1", false};
  EntityTag other{"2", false};
  EXPECT_FALSE(weak.same_strongly(weak));
  EXPECT_TRUE(weak.same_weakly(weak));
  EXPECT_FALSE(weak.same_strongly(strong));
  EXPECT_FALSE(strong.same_strongly(weak));
  EXPECT_TRUE(weak.same_weakly(strong));
  EXPECT_FALSE(strong.same_weakly(other));
  EXPECT_TRUE(strong.same_strongly(strong));
}

// --- Towards the origin --------------------------------------------------------------------------

TEST(CacheValidate, Rfc9111_4_3_1_SendsTheStoredValidators) {
  Fields q = fields({{"Abc", "123"},
                     {"If-None-Match", "\"client\""},
                     {"If-Modified-Since", kOlder},
                     {"Range", "bytes=0-1"},
                     {"If-Range", "\"client\""}});
  ASSERT_TRUE(make_conditional(q, response(200, {{"ETag", "W/\"a\""}, {"Last-Modified", kOld}})));
  EXPECT_EQ(q.joined("if-none-match"), "W/\"a\"");
  EXPECT_EQ(q.joined("if-modified-since"), kOld);
  EXPECT_EQ(q.joined("abc"), "123");
  EXPECT_EQ(q.size(), 3u);

  Fields tag_only = fields({});
  ASSERT_TRUE(make_conditional(tag_only, response(200, {{"ETag", "\"a\""}})));
  EXPECT_EQ(tag_only.size(), 1u);
  Fields date_only = fields({{"If-None-Match", "\"client\""}});
  ASSERT_TRUE(make_conditional(date_only, response(200, {{"ETag", "a"}, {"Last-Modified", kOld}})));
  EXPECT_EQ(date_only.size(), 1u);
  EXPECT_EQ(date_only.joined("if-modified-since"), kOld);
}

TEST(CacheValidate, Rfc9111_4_3_1_WithoutAValidatorTheClientsConditionsPass) {
  for (const ResponseHead& stored :
       {response(200), response(200, {{"ETag", "a"}}), response(200, {{"Last-Modified", "foo"}}),
        response(404, {{"ETag", "\"a\""}}), response(301, {{"Last-Modified", kOld}})}) {
    Fields q = fields({{"If-None-Match", "\"client\""}, {"Range", "bytes=0-1"}});
    EXPECT_FALSE(make_conditional(q, stored));
    EXPECT_EQ(q.joined("if-none-match"), "\"client\"");
    EXPECT_EQ(q.size(), 2u);
  }
}

TEST(CacheValidate, Rfc9111_4_3_4_WhichResponseA304SpeaksOf) {
  struct Case {
    std::string_view new_tag, new_date, own_tag, own_date;
    bool speaks;
  };
  // clang-format off
  const Case cases[] = {
      {"\"a\"", "", "\"a\"", "", true},
      {"\"b\"", "", "\"a\"", "", false},       // a strong validator that is not ours: never
      {"\"a\"", "", "W/\"a\"", "", false},
      {"\"a\"", "", "", kOld, false},
      {"\"b\"", kOld, "\"a\"", kOld, false},   // the date is the weaker one
      {"W/\"a\"", "", "W/\"a\"", "", true},
      {"W/\"a\"", "", "\"a\"", "", true},
      {"W/\"b\"", "", "W/\"a\"", "", false},
      {"W/\"b\"", kOld, "W/\"a\"", kOld, false},
      {"", kOld, "", kOld, true},
      {"", kOld, "\"a\"", kOld, true},
      {"", kOlder, "", kOld, false},
      {"", kOlder, "\"a\"", "", false},
      {"", "", "\"a\"", kOld, true},           // none: it can only mean what was asked for
      {"", "", "", "", true},
  };
  // clang-format on
  for (const Case& c : cases) {
    ResponseHead answer = response(304);
    Fields stored;
    if (!c.new_tag.empty()) answer.fields.add("ETag", c.new_tag);
    if (!c.new_date.empty()) answer.fields.add("Last-Modified", c.new_date);
    if (!c.own_tag.empty()) stored.add("ETag", c.own_tag);
    if (!c.own_date.empty()) stored.add("Last-Modified", c.own_date);
    EXPECT_EQ(speaks_of(answer, stored), c.speaks)
        << c.new_tag << c.new_date << " / " << c.own_tag << c.own_date;
  }
}

TEST(CacheValidate, Rfc9111_3_2_FieldsAreReplacedButForTheExceptions) {
  std::string now = date(0);
  Fields stored = fields({{"Date", kOld},
                          {"Age", "7"},
                          {"Cache-Control", "max-age=1"},
                          {"ETag", "\"a\""},
                          {"Content-Length", "36"},
                          {"Content-Type", "text/plain"},
                          {"Content-Encoding", "gzip"},
                          {"Content-Foo", "1"},
                          {"Content-Location", "/foo"},
                          {"X-Kept", "1"},
                          {"X-Two", "1"},
                          {"X-Two", "2"}});
  update_stored(stored,
                fields({{"Date", now},
                        {"Cache-Control", "max-age=3600"},
                        {"Content-Length", "10"},
                        {"Content-Type", "text/html"},
                        {"Content-Encoding", "br"},
                        {"Content-Range", "bytes 0-1/2"},
                        {"content-foo", "2"},
                        {"Content-Location", "/bar"},
                        {"X-Two", "3"},
                        {"X-New", "4"},
                        {"X-New", "5"},
                        {"Set-Cookie", "a=b"},
                        {"Connection", "x-hop"},
                        {"X-Hop", "6"},
                        {"Keep-Alive", "7"},
                        {"Proxy-Authenticate", "8"}}),
                enabled(), kNow);
  EXPECT_EQ(stored.joined("date"), now);
  EXPECT_EQ(stored.joined("cache-control"), "max-age=3600");
  EXPECT_EQ(stored.joined("content-length"), "36");
  EXPECT_EQ(stored.joined("content-type"), "text/plain");
  EXPECT_EQ(stored.joined("content-encoding"), "gzip");
  EXPECT_EQ(stored.joined("content-foo"), "2");
  EXPECT_EQ(stored.joined("content-location"), "/bar");
  EXPECT_EQ(stored.joined("etag"), "\"a\"");
  EXPECT_EQ(stored.joined("x-kept"), "1");
  EXPECT_EQ(stored.joined("x-two"), "3");
  EXPECT_EQ(stored.joined("x-new"), "4, 5");
  for (std::string_view gone : {"age", "content-range", "set-cookie", "connection", "x-hop",
                                "keep-alive", "proxy-authenticate"}) {
    EXPECT_FALSE(stored.has(gone)) << gone;
  }
}

TEST(CacheValidate, Rfc9111_3_2_WhatNewerDirectivesKeepOutGoes) {
  Fields stored = fields({{"Date", kOld}, {"A", "1"}, {"B", "2"}, {"C", "3"}});
  update_stored(stored,
                fields({{"Cache-Control", "no-cache=\"a\", private=\"b\", max-age=9"}, {"A", "4"}}),
                enabled(), kNow);
  EXPECT_FALSE(stored.has("a"));
  EXPECT_FALSE(stored.has("b"));
  EXPECT_EQ(stored.joined("c"), "3");
  EXPECT_EQ(stored.joined("date"), date(0));  // a 304 without Date was made when it came
}

TEST(CacheValidate, CookiesOfA304OnlyIfTheRouteStoresThem) {
  CachePolicy policy = enabled();
  policy.store_set_cookie = true;
  Fields stored = fields({{"Set-Cookie", "a=1"}});
  update_stored(stored, fields({{"Set-Cookie", "a=2"}}), policy, kNow);
  EXPECT_EQ(stored.joined("set-cookie"), "a=2");
  update_stored(stored, fields({{"Set-Cookie", "a=3"}}), enabled(), kNow);
  EXPECT_EQ(stored.joined("set-cookie"), "a=2");
}

TEST(CacheValidate, Rfc9111_4_3_5_HeadUpdatesOrInvalidates) {
  ResponseHead stored =
      response(200, {{"ETag", "\"a\""}, {"Last-Modified", kOld}, {"Content-Length", "36"}});
  EXPECT_EQ(head_effect(response(200), stored), HeadEffect::update);
  EXPECT_EQ(head_effect(response(200, {{"ETag", "\"a\""}}), stored), HeadEffect::update);
  EXPECT_EQ(head_effect(response(200, {{"Last-Modified", kOld}, {"Content-Length", "36"}}), stored),
            HeadEffect::update);
  EXPECT_EQ(head_effect(response(200, {{"ETag", "\"b\""}}), stored), HeadEffect::invalidate);
  EXPECT_EQ(head_effect(response(200, {{"Last-Modified", kOlder}}), stored),
            HeadEffect::invalidate);
  EXPECT_EQ(head_effect(response(200, {{"ETag", "\"a\""}, {"Content-Length", "35"}}), stored),
            HeadEffect::invalidate);
  EXPECT_EQ(head_effect(response(200, {{"ETag", "\"a\""}}), response(200)), HeadEffect::invalidate);
  for (int status : {204, 304, 404, 410, 500}) {
    EXPECT_EQ(head_effect(response(status, {{"ETag", "\"b\""}}), stored), HeadEffect::none)
        << status;
  }
}

// --- Towards the client --------------------------------------------------------------------------

bool not_modified(Lines q, Lines stored, std::string_view method = "GET", int status = 200) {
  return is_not_modified(request(q, method), response(status, stored), kNow);
}

TEST(CacheConditions, Rfc9110_13_1_2_IfNoneMatchComparesWeakly) {
  EXPECT_TRUE(not_modified({{"If-None-Match", "\"a\""}}, {{"ETag", "\"a\""}}));
  EXPECT_TRUE(not_modified({{"If-None-Match", "W/\"a\""}}, {{"ETag", "W/\"a\""}}));
  EXPECT_TRUE(not_modified({{"If-None-Match", "W/\"a\""}}, {{"ETag", "\"a\""}}));
  EXPECT_TRUE(not_modified({{"If-None-Match", "\"a\""}}, {{"ETag", "W/\"a\""}}));
  EXPECT_FALSE(not_modified({{"If-None-Match", "\"b\""}}, {{"ETag", "\"a\""}}));
  EXPECT_FALSE(not_modified({{"If-None-Match", "\"a\""}}, {}));
}

TEST(CacheConditions, Rfc9110_13_1_2_ListsAndTheStar) {
  for (std::string_view list : {"\"a\", \"1\", \"5\"", "\"1\", \"a\", \"5\"", "\"1\",\"5\",W/\"a\"",
                                ",, \"a\"", "\"x,y\" , \"a\"", "*"}) {
    EXPECT_TRUE(not_modified({{"If-None-Match", list}}, {{"ETag", "\"a\""}})) << list;
  }
  EXPECT_TRUE(
      not_modified({{"If-None-Match", "\"1\""}, {"If-None-Match", "\"a\""}}, {{"ETag", "\"a\""}}));
  EXPECT_TRUE(not_modified({{"If-None-Match", "*"}}, {}));
  for (std::string_view list :
       {"a", "\"a", "w/\"a\"", "\"1\" \"a\"", "x, \"a\"", "\"1, a\"", "", ",", "\"*\""}) {
    EXPECT_FALSE(not_modified({{"If-None-Match", list}}, {{"ETag", "\"a\""}})) << list;
  }
}

TEST(CacheConditions, Rfc9110_13_2_2_IfNoneMatchComesFirst) {
  EXPECT_TRUE(not_modified({{"If-None-Match", "\"a\""}, {"If-Modified-Since", kOlder}},
                           {{"ETag", "\"a\""}, {"Last-Modified", kOld}}));
  EXPECT_FALSE(not_modified({{"If-None-Match", "\"b\""}, {"If-Modified-Since", kOld}},
                            {{"ETag", "\"a\""}, {"Last-Modified", kOld}}));
  EXPECT_FALSE(not_modified({{"If-None-Match", "junk"}, {"If-Modified-Since", kOld}},
                            {{"Last-Modified", kOld}}));
}

TEST(CacheConditions, Rfc9111_4_3_2_IfModifiedSince) {
  std::string later = date(-4000);
  EXPECT_TRUE(not_modified({{"If-Modified-Since", kOld}}, {{"Last-Modified", kOld}}));
  EXPECT_TRUE(not_modified({{"If-Modified-Since", later}}, {{"Last-Modified", kOld}}));
  EXPECT_FALSE(not_modified({{"If-Modified-Since", kOlder}}, {{"Last-Modified", kOld}}));
  // Without Last-Modified: Date, or else when it came.
  EXPECT_TRUE(not_modified({{"If-Modified-Since", kOld}}, {{"Date", kOld}}));
  EXPECT_FALSE(not_modified({{"If-Modified-Since", kOlder}}, {{"Date", kOld}}));
  std::string now = date(0);
  EXPECT_TRUE(not_modified({{"If-Modified-Since", now}}, {}));
  EXPECT_FALSE(not_modified({{"If-Modified-Since", kOld}}, {}));
  EXPECT_TRUE(not_modified({{"If-Modified-Since", "Tuesday, 14-Nov-23 22:13:20 GMT"}},
                           {{"Last-Modified", kOld}}));
  for (std::string_view junk : {"", "0", "foo", "Tue, 14 Nov 2023 22:13:20 UTC"}) {
    EXPECT_FALSE(not_modified({{"If-Modified-Since", junk}}, {{"Last-Modified", kOld}})) << junk;
  }
  EXPECT_FALSE(not_modified({{"If-Modified-Since", kOld}, {"If-Modified-Since", kOld}},
                            {{"Last-Modified", kOld}}));
  EXPECT_FALSE(not_modified({}, {{"Last-Modified", kOld}}));
}

TEST(CacheConditions, OnlyForSafeMethodsAndAStored200) {
  EXPECT_TRUE(not_modified({{"If-None-Match", "*"}}, {}, "HEAD"));
  EXPECT_TRUE(not_modified({{"If-None-Match", "*"}}, {}, "QUERY"));
  EXPECT_FALSE(not_modified({{"If-Modified-Since", kOld}}, {{"Last-Modified", kOld}}, "QUERY"));
  EXPECT_TRUE(not_modified({{"If-Modified-Since", kOld}}, {{"Last-Modified", kOld}}, "HEAD"));
  EXPECT_FALSE(not_modified({{"If-None-Match", "*"}}, {}, "PUT"));
  for (int status : {203, 204, 301, 404, 500}) {
    EXPECT_FALSE(not_modified({{"If-None-Match", "*"}}, {}, "GET", status)) << status;
  }
}

TEST(CacheConditions, Rfc9110_15_4_5_TheFieldsOfA304) {
  Fields out = not_modified_fields(fields({{"Date", "d"},
                                           {"ETag", "\"a\""},
                                           {"Last-Modified", kOld},
                                           {"Vary", "v"},
                                           {"Cache-Control", "c"},
                                           {"Expires", "e"},
                                           {"Content-Location", "l"},
                                           {"Content-Type", "t"},
                                           {"Content-Encoding", "x"},
                                           {"Content-Language", "x"},
                                           {"Content-Length", "5"},
                                           {"Content-MD5", "m"},
                                           {"Access-Control-Allow-Origin", "*"}}));
  for (std::string_view kept : {"date", "etag", "vary", "cache-control", "expires",
                                "content-location", "access-control-allow-origin"}) {
    EXPECT_TRUE(out.has(kept)) << kept;
  }
  EXPECT_EQ(out.size(), 7u);
  EXPECT_TRUE(not_modified_fields(fields({{"Last-Modified", kOld}})).has("last-modified"));
}

}  // namespace
}  // namespace siding::cache_test
