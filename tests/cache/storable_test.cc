// What may be stored, and which of its fields (RFC 9111 section 3).
#include "cache/storable.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "tests/cache/heads.h"

namespace siding::cache_test {
namespace {

std::string decide(const RequestHead& q, const ResponseHead& r,
                   const CachePolicy& policy = enabled()) {
  StoreDecision d = may_store(q, r, policy, kTimes);
  EXPECT_EQ(d.store(), d.reason == StoreReason::stored);
  return std::string(to_string(d.reason));
}
std::string decide_get(std::string_view cache_control, Lines more = {}) {
  ResponseHead r = response(200, more);
  r.fields.add("Cache-Control", cache_control);
  return decide(request(), r);
}

TEST(CacheStore, EveryReasonHasItsOwnWord) {
  std::set<std::string_view> words;
  for (size_t i = 0; i < static_cast<size_t>(StoreReason::count_); ++i) {
    words.insert(to_string(static_cast<StoreReason>(i)));
  }
  EXPECT_EQ(words.size(), static_cast<size_t>(StoreReason::count_));
  EXPECT_FALSE(words.contains(""));
}

TEST(CacheStore, Rfc9111_3_TheMethodMustBeUnderstood) {
  ResponseHead ok = response(200, {{"Cache-Control", "max-age=60"}});
  EXPECT_EQ(decide(request({}, "GET"), ok), "stored");
  EXPECT_EQ(decide(request({}, "QUERY"), ok), "stored");
  for (std::string_view method : {"HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE",
                                  "get", "M-SEARCH", "CONNECT", "X"}) {
    EXPECT_EQ(decide(request({}, method), ok), "method") << method;
  }
}

TEST(CacheStore, Rfc9110_9_3_3_APostOnlyIfItSaysWhatGetWouldAnswer) {
  auto post = [](int status, Lines lines) {
    return decide(request({}, "POST", "/a/b?q=1"), response(status, lines));
  };
  EXPECT_EQ(post(200, {{"Cache-Control", "max-age=9"}, {"Content-Location", "/a/b?q=1"}}),
            "stored");
  EXPECT_EQ(post(200, {{"Cache-Control", "max-age=9"}, {"Content-Location", "b?q=1"}}), "stored");
  EXPECT_EQ(post(200, {{"Cache-Control", "max-age=9"},
                       {"Content-Location", "http://example.org/a/b?q=1"}}),
            "stored");
  EXPECT_EQ(post(200, {{"Cache-Control", "max-age=9"}}), "method");
  EXPECT_EQ(post(200, {{"Content-Location", "/a/b?q=1"}}), "method");
  EXPECT_EQ(post(201, {{"Cache-Control", "max-age=9"}, {"Content-Location", "/a/b?q=1"}}),
            "method");
  EXPECT_EQ(post(200, {{"Cache-Control", "max-age=9"}, {"Content-Location", "/a/b"}}), "method");
  EXPECT_EQ(post(200, {{"Cache-Control", "max-age=9"},
                       {"Content-Location", "http://example.com/a/b?q=1"}}),
            "method");
}

TEST(CacheStore, AGetWithAContentIsNot) {
  ResponseHead ok = response(200, {{"Cache-Control", "max-age=60"}});
  EXPECT_EQ(decide(request({{"Content-Length", "5"}}), ok), "request_content");
  EXPECT_EQ(decide(request({{"Transfer-Encoding", "chunked"}}), ok), "request_content");
  EXPECT_EQ(decide(request({{"Content-Length", "0"}}), ok), "stored");
  EXPECT_EQ(decide(request({{"Content-Length", "5"}}, "QUERY"), ok), "stored");
}

TEST(CacheStore, Rfc9111_3_TheStatusMustBeFinalAndNotPartial) {
  auto status = [](int code) {
    return decide(request(), response(code, {{"Cache-Control", "max-age=60"}}));
  };
  for (int code : {200, 203, 204, 299, 301, 302, 303, 307, 308, 400, 404,
                   410, 499, 500, 502, 503, 504, 599, 201, 418, 999}) {
    EXPECT_EQ(status(code), "stored") << code;
  }
  for (int code : {100, 101, 102, 103, 199, 206, 304}) EXPECT_EQ(status(code), "status") << code;
  // These answer request fields that are in no key.
  for (int code : {412, 416, 417}) EXPECT_EQ(status(code), "status") << code;
}

TEST(CacheStore, Rfc9111_3_NoStoreIsNotStored) {
  EXPECT_EQ(decide_get("no-store"), "no_store");
  EXPECT_EQ(decide_get("max-age=60, no-store"), "no_store");
  EXPECT_EQ(decide_get("No-StOrE, public, s-maxage=60"), "no_store");
}

TEST(CacheStore, Rfc9111_5_2_1_5_NorIsWhatTheClientWantsNoTraceOf) {
  ResponseHead ok = response(200, {{"Cache-Control", "max-age=60"}});
  EXPECT_EQ(decide(request({{"Cache-Control", "no-store"}}), ok), "request_no_store");
  EXPECT_EQ(decide(request({{"Cache-Control", "no-cache"}}), ok), "stored");
}

TEST(CacheStore, Rfc9111_5_2_2_3_MustUnderstand) {
  auto marked = [](int code, std::string_view text) {
    return decide(request(), response(code, {{"Cache-Control", text}}));
  };
  for (int code : {200, 203, 204, 300, 301, 302, 303, 307, 308, 404, 405, 410, 414, 501}) {
    EXPECT_EQ(marked(code, "max-age=60, no-store, must-understand"), "stored") << code;
  }
  for (int code : {299, 499, 599, 418}) {
    EXPECT_EQ(marked(code, "max-age=60, no-store, must-understand"), "must_understand") << code;
    EXPECT_EQ(marked(code, "max-age=60, must-understand"), "must_understand") << code;
  }
  EXPECT_EQ(marked(200, "max-age=60, no-store, must-understand=1"), "no_store");
}

TEST(CacheStore, Rfc9111_3_PrivateIsNotForASharedCache) {
  EXPECT_EQ(decide_get("private, max-age=60"), "private");
  EXPECT_EQ(decide_get("private, public, s-maxage=60"), "private");
  EXPECT_EQ(decide_get("private=\"x\", max-age=60"), "stored");
  EXPECT_EQ(decide_get("private=\"x y\", max-age=60"), "private");
}

TEST(CacheStore, Rfc9111_3_5_AnswersToCredentialsNeedLeave) {
  RequestHead q = request({{"Authorization", "Basic eA=="}});
  auto with = [&](std::string_view text) {
    return decide(q, response(200, {{"Cache-Control", text}}));
  };
  EXPECT_EQ(with("max-age=60"), "authorization");
  EXPECT_EQ(with("max-age=60, proxy-revalidate"), "authorization");
  EXPECT_EQ(with("max-age=60, public"), "stored");
  EXPECT_EQ(with("max-age=60, must-revalidate"), "stored");
  EXPECT_EQ(with("s-maxage=60"), "stored");
  std::string later = date(60);
  EXPECT_EQ(decide(q, response(200, {{"Expires", later}})), "authorization");
}

TEST(CacheStore, Rfc9440_AClientsCertificateIsACredential) {
  const std::string fresh = "max-age=60";
  for (const char* name : {"Client-Cert", "X-Client-Subject"}) {
    RequestHead q = request({{name, "x"}});
    auto with = [&](std::string_view cache_control, std::string_view vary) {
      return decide(q, response(200, {{"Cache-Control", cache_control}, {"Vary", vary}}));
    };
    EXPECT_EQ(with(fresh, "Accept"), "authorization");
    EXPECT_EQ(with(fresh, "Client-Cert"), "stored") << "its Vary says whom it is for";
    EXPECT_EQ(with(fresh, "Accept, X-Client-Subject"), "stored");
    EXPECT_EQ(with(fresh + ", public", "Accept"), "stored");
  }
}

TEST(CacheStore, Rfc9111_3_5_WhatIsBadlyWrittenAllowsNothing) {
  RequestHead q = request({{"Authorization", "Basic eA=="}});
  for (std::string_view bad : {"public=1", "must-revalidate=1", "must-revalidate x", "s-maxage",
                               "s-maxage=x", "s-maxage=-1", "s-maxage=60 x"}) {
    std::string text = "max-age=60, " + std::string(bad);
    EXPECT_EQ(decide(q, response(200, {{"Cache-Control", text}})), "authorization") << text;
  }
  for (std::string_view good : {"public, public=1", "must-revalidate=1, must-revalidate",
                                "s-maxage=x, s-maxage=60", "s-maxage=\"60\""}) {
    std::string text = "max-age=60, " + std::string(good);
    std::string kept = decide(q, response(200, {{"Cache-Control", text}, {"ETag", "\"a\""}}));
    EXPECT_EQ(kept, "stored") << text;
  }
}

TEST(CacheStore, Rfc9111_3_SomethingMustSayThatItCanBeStored) {
  std::string later = date(60);
  auto of = [](int code, Lines lines) { return decide(request(), response(code, lines)); };
  for (int code : {201, 202, 302, 403, 500, 503, 599}) {
    EXPECT_EQ(of(code, {{"ETag", "\"a\""}}), "not_cacheable") << code;
    EXPECT_EQ(of(code, {{"Expires", later}}), "stored") << code;
    EXPECT_EQ(of(code, {{"Cache-Control", "max-age=1"}}), "stored") << code;
    EXPECT_EQ(of(code, {{"Cache-Control", "s-maxage=1"}}), "stored") << code;
  }
  EXPECT_EQ(of(201, {{"ETag", "\"a\""}, {"Cache-Control", "public"}}), "stored");
  EXPECT_EQ(of(200, {{"ETag", "\"a\""}}), "stored");
  CachePolicy policy = enabled();
  policy.ttl = {{403, Seconds(5)}};
  EXPECT_EQ(decide(request(), response(403), policy), "stored");
}

TEST(CacheStore, WhatNobodyWouldEverGetIsNot) {
  std::string past = date(-60);
  std::string now = date(0);
  EXPECT_EQ(decide(request(), response(200)), "useless");
  EXPECT_EQ(decide(request(), response(404)), "useless");
  EXPECT_EQ(decide(request(), response(404, {{"ETag", "\"a\""}})), "useless");  // only successes
  EXPECT_EQ(decide(request(), response(200, {{"ETag", "a"}})), "useless");      // that is no tag
  EXPECT_EQ(decide(request(), response(200, {{"Last-Modified", "foo"}})), "useless");
  EXPECT_EQ(decide(request(), response(200, {{"Last-Modified", past}})), "stored");
  EXPECT_EQ(decide(request(), response(200, {{"Expires", past}, {"Date", now}})), "useless");
  EXPECT_EQ(decide_get("max-age=0"), "useless");
  EXPECT_EQ(decide_get("no-cache, max-age=60"), "useless");
  EXPECT_EQ(decide_get("no-cache", {{"ETag", "\"a\""}}), "stored");
  EXPECT_EQ(decide_get("max-age=0", {{"ETag", "\"a\""}}), "stored");
  EXPECT_EQ(decide_get("max-age=0, stale-while-revalidate=5"), "stored");
  CachePolicy policy = enabled();
  policy.stale_while_revalidate = Seconds(5);
  EXPECT_EQ(decide(request(), response(200, {{"Cache-Control", "max-age=0"}}), policy), "stored");
  // A window in which it may not be sent after all.
  for (std::string_view text : {"max-age=0, must-revalidate", "max-age=0, proxy-revalidate",
                                "s-maxage=0", "no-cache, max-age=0"}) {
    ResponseHead r = response(200, {{"Cache-Control", text}});
    EXPECT_EQ(decide(request(), r, policy), "useless") << text;
  }
  EXPECT_EQ(decide_get("s-maxage=0, stale-while-revalidate=5"), "stored");
  EXPECT_EQ(decide_get("max-age=0, must-revalidate, stale-while-revalidate=5"), "useless");
}

TEST(CacheStore, Rfc9111_4_1_VaryStarIsNot) {
  for (std::string_view vary : {"*", "*, *", ", *", "Foo, *", "*, Foo"}) {
    EXPECT_EQ(decide_get("max-age=60", {{"Vary", vary}}), "vary_star") << vary;
  }
  EXPECT_EQ(decide_get("max-age=60", {{"Vary", ""}, {"Vary", "*"}}), "vary_star");
  EXPECT_EQ(decide_get("max-age=60", {{"Vary", "Foo"}}), "stored");
}

TEST(CacheStore, ACookieIsForOneClient) {
  EXPECT_EQ(decide_get("public, max-age=60", {{"Set-Cookie", "a=b"}}), "set_cookie");
  EXPECT_EQ(decide_get("max-age=60, private=\"set-cookie\"", {{"Set-Cookie", "a=b"}}), "stored");
  EXPECT_EQ(decide_get("max-age=60, no-cache=\"Set-Cookie\"", {{"Set-Cookie", "a=b"}}), "stored");
  CachePolicy policy = enabled();
  policy.store_set_cookie = true;
  ResponseHead r = response(200, {{"Set-Cookie", "a=b"}, {"Cache-Control", "max-age=60"}});
  EXPECT_EQ(decide(request(), r, policy), "stored");
  EXPECT_EQ(decide(request({{"Cookie", "a=b"}}), response(200, {{"Cache-Control", "max-age=60"}})),
            "stored");
}

TEST(CacheStore, Rfc9213_2_2_TheTargetedFieldDecides) {
  EXPECT_EQ(decide_get("no-store", {{"CDN-Cache-Control", "max-age=60"}}), "stored");
  EXPECT_EQ(decide_get("max-age=60", {{"CDN-Cache-Control", "no-store"}}), "no_store");
  EXPECT_EQ(decide_get("max-age=60", {{"CDN-Cache-Control", "private"}}), "private");
  EXPECT_EQ(decide_get("no-store", {{"CDN-Cache-Control", "max-age=60, &&&"}}), "no_store");
  EXPECT_EQ(decide_get("no-store", {{"CDN-Cache-Control", "max-age=\"60\""}}), "no_store");
}

TEST(CacheStore, TheRouteDecidesFirst) {
  ResponseHead ok = response(200, {{"Cache-Control", "max-age=60"}, {"Content-Length", "1000"}});
  EXPECT_EQ(decide(request(), ok, CachePolicy()), "disabled");
  CachePolicy policy = enabled();
  policy.max_object = 999;
  EXPECT_EQ(decide(request(), ok, policy), "too_large");
  policy.max_object = 1000;
  EXPECT_EQ(decide(request(), ok, policy), "stored");
}

// --- Fields --------------------------------------------------------------------------------------

std::string names(const Fields& f) {
  std::string out;
  for (const Field& one : f) out.append(out.empty() ? "" : " ").append(one.name);
  return out;
}

TEST(CacheStoredFields, Rfc9111_3_1_AllButTheExceptions) {
  std::string now = date(0);
  Fields stored = fields_to_store(fields({{"Date", now},
                                          {"Connection", "a, b, Content-Type"},
                                          {"a", "1"},
                                          {"B", "2"},
                                          {"c", "3"},
                                          {"Keep-Alive", "x"},
                                          {"Proxy-Authenticate", "x"},
                                          {"Proxy-Authentication-Info", "x"},
                                          {"Proxy-Authorization", "x"},
                                          {"Proxy-Connection", "x"},
                                          {"TE", "x"},
                                          {"Trailer", "x"},
                                          {"Transfer-Encoding", "chunked"},
                                          {"Upgrade", "x"},
                                          {"Content-Type", "text/plain"},
                                          {"Content-Range", "bytes 0-1/2"},
                                          {"Content-Foo", "x"},
                                          {"Set-Cookie", "x"},
                                          {"Age", "5"},
                                          {"X-Unknown", "1"},
                                          {"X-Unknown", "2"}}),
                                  kNow);
  EXPECT_EQ(names(stored),
            "Date c Content-Type Content-Range Content-Foo Set-Cookie Age X-Unknown X-Unknown");
}

TEST(CacheStoredFields, Rfc9111_5_2_2_4_And_7_NamedFieldsAreLeftOut) {
  std::string now = date(0);
  Fields stored = fields_to_store(
      fields({{"Date", now},
              {"Cache-Control", "no-cache=\"a, connection\", private=\"B\", max-age=9"},
              {"A", "1"},
              {"a", "2"},
              {"b", "3"},
              {"c", "4"},
              {"Connection", "d"},
              {"d", "5"}}),
      kNow);
  EXPECT_EQ(names(stored), "Date Cache-Control c");
}

TEST(CacheStoredFields, Rfc9110_6_6_1_ADateIsAddedWhereThereIsNone) {
  EXPECT_EQ(fields_to_store(fields({}), kNow).joined("date"), date(0));
  EXPECT_EQ(fields_to_store(fields({{"Date", "foo"}}), kNow).joined("date"), date(0));
  std::string old = date(-100);
  EXPECT_EQ(fields_to_store(fields({{"Date", old}}), kNow).joined("date"), old);
}

}  // namespace
}  // namespace siding::cache_test
