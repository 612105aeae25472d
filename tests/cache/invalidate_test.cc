// What an answer to an unsafe request invalidates (RFC 9111 4.4), and how references resolve.
#include "cache/invalidate.h"

#include <gtest/gtest.h>

#include "cache/reference.h"
#include "tests/cache/heads.h"

namespace siding::cache_test {
namespace {

std::string invalidated(std::string_view method, int status, Lines lines = {},
                        std::string_view target = "/a/b?q=1") {
  std::string out;
  for (const std::string& t :
       invalidated_targets(request({}, method, target), response(status, lines))) {
    out.append(out.empty() ? "" : " ").append(t);
  }
  return out;
}

TEST(CacheInvalidate, Rfc9111_4_4_TheTargetAfterANonErrorToAnUnsafeMethod) {
  for (std::string_view method : {"POST", "PUT", "DELETE", "PATCH", "M-SEARCH", "X", "get"}) {
    for (int status : {200, 201, 204, 299, 301, 303, 399}) {
      EXPECT_EQ(invalidated(method, status), "/a/b?q=1") << method << status;
    }
    for (int status : {100, 400, 404, 412, 500, 503, 599}) {
      EXPECT_EQ(invalidated(method, status), "") << method << status;
    }
  }
  for (std::string_view method : {"GET", "HEAD", "OPTIONS", "TRACE", "QUERY"}) {
    EXPECT_EQ(invalidated(method, 200, {{"Location", "/x"}}), "") << method;
  }
}

TEST(CacheInvalidate, Rfc9111_4_4_LocationsOfTheSameOriginAlone) {
  EXPECT_EQ(invalidated("POST", 201, {{"Location", "/x"}, {"Content-Location", "y?z"}}),
            "/a/b?q=1 /x /a/y?z");
  EXPECT_EQ(invalidated("POST", 201, {{"Location", "http://EXAMPLE.org:80/x#f"}}), "/a/b?q=1 /x");
  EXPECT_EQ(invalidated("POST", 201, {{"Location", "/x"}, {"Content-Location", "/x"}}),
            "/a/b?q=1 /x");
  EXPECT_EQ(invalidated("POST", 201, {{"Location", ""}}), "/a/b?q=1");
  for (std::string_view other :
       {"http://example.com/x", "https://example.org/x", "//evil/x", "http://example.org:81/x",
        "http://user@example.org/x", "mailto:a@b", "http:/x", "/x\\y", "/x y",
        "http://example.org.evil/x"}) {
    EXPECT_EQ(invalidated("POST", 201, {{"Location", other}}), "/a/b?q=1") << other;
    EXPECT_EQ(invalidated("POST", 201, {{"Content-Location", other}}), "/a/b?q=1") << other;
  }
}

TEST(CacheReference, Rfc3986_5_2_Resolves) {
  struct Case {
    std::string_view reference, target;
  };
  // clang-format off
  for (const Case& c : {Case{"", "/b/c/d;p?q"}, {"g", "/b/c/g"}, {"./g", "/b/c/g"}, {"g/", "/b/c/g/"},
                        {"/g", "/g"}, {"?y", "/b/c/d;p?y"}, {"g?y", "/b/c/g?y"}, {"#s", "/b/c/d;p?q"},
                        {"g#s", "/b/c/g"}, {";x", "/b/c/;x"}, {".", "/b/c/"}, {"..", "/b/"}, {"../g", "/b/g"},
                        {"../../../g", "/g"}, {"/./g", "/g"}, {"/../g", "/g"}, {"g.", "/b/c/g."},
                        {"./g/../h", "/b/c/h"}, {"//example.org", "/"}, {"//example.org?x", "/?x"},
                        {"http://example.org", "/"}, {"HTTP://example.ORG./g", "/g"},
                        {"g?y/../z", "/b/c/g?y/../z"},
                        {"//example.org:80/g", "/g"}}) {
    // clang-format on
    EXPECT_EQ(resolve_same_origin(request({}, "POST", "/b/c/d;p?q"), c.reference), c.target)
        << c.reference;
  }
}

TEST(CacheReference, WithoutAnOriginThereIsNone) {
  RequestHead q = request();
  q.authority = "";
  EXPECT_EQ(resolve_same_origin(q, "/x"), std::nullopt);
  EXPECT_EQ(resolve_same_origin(request({}, "OPTIONS", "*"), "/x"), std::nullopt);
}

}  // namespace
}  // namespace siding::cache_test
