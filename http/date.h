// Dates as text: IMF-fixdate (RFC 9110 5.6.7) for fields and RFC 3339 for logs; always UTC and
// English, whatever the locale.
// Invariant: WallTime reaches from 1677 to 2262, so that every year has four digits.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace siding {

/// "Sun, 06 Nov 1994 08:49:37 GMT".
std::string imf_fixdate(WallTime t);
/// "1994-11-06T08:49:37.123Z", milliseconds rounded down.
std::string rfc3339(WallTime t);

/// imf_fixdate() that formats once a second. Belongs to one thread.
class DateCache {
 public:
  /// Valid until the next call.
  std::string_view at(WallTime t);

 private:
  int64_t second_ = INT64_MIN;
  std::string text_;
};

}  // namespace siding
