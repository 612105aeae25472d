// Dates as text: IMF-fixdate (RFC 9110 5.6.7) for fields and RFC 3339 for logs; always UTC and
// English, whatever the locale. Fields' dates are read as well (http/date_parse.cc).
// Invariant: WallTime reaches from 1677 to 2262, so that every year has four digits.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace siding {

/// "Sun, 06 Nov 1994 08:49:37 GMT".
std::string imf_fixdate(WallTime t);
/// "1994-11-06T08:49:37.123Z", milliseconds rounded down.
std::string rfc3339(WallTime t);

/// An HTTP-date in any of its three forms (RFC 9110 5.6.7): IMF-fixdate, that of RFC 850, asctime().
/// Strict but for the case of letters (RFC 9111 4.2): no other zone than GMT, no other spacing. The
/// name of the day must be one, but need not be the right one. `now` tells the century of an RFC 850
/// year: a date more than 50 years ahead is one of the past. A date outside of what WallTime can
/// say is its nearest end.
std::optional<WallTime> parse_http_date(std::string_view text, WallTime now);

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
