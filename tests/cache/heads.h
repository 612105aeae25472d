// Heads for the tests of the cache's decisions: made in one line, at a fixed time.
#pragma once

#include <initializer_list>
#include <string>
#include <utility>

#include "cache/freshness.h"
#include "cache/policy.h"
#include "http/date.h"
#include "http/message.h"

namespace siding::cache_test {

using Lines = std::initializer_list<std::pair<std::string_view, std::string_view>>;

inline constexpr WallTime kNow{Seconds(1'700'000'000)};  // Tue, 14 Nov 2023 22:13:20 GMT
inline constexpr ResponseTimes kTimes{kNow, kNow};

inline Fields fields(Lines lines) {
  Fields out;
  for (const auto& [name, value] : lines) out.add(name, value);
  return out;
}

inline RequestHead request(Lines lines = {}, std::string_view method = "GET",
                           std::string_view target = "/a") {
  RequestHead head;
  head.method = method;
  head.target = target;
  head.authority = "example.org";
  head.fields = fields(lines);
  return head;
}

inline ResponseHead response(int status, Lines lines = {}) {
  ResponseHead head;
  head.status = status;
  head.fields = fields(lines);
  return head;
}

inline std::string date(int64_t seconds_from_now) {
  return imf_fixdate(kNow + Seconds(seconds_from_now));
}

inline CachePolicy enabled() {
  CachePolicy policy;
  policy.enabled = true;
  return policy;
}

}  // namespace siding::cache_test
