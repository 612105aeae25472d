// Reads HTTP-dates; see date.h. By hand: strptime() follows the locale and takes far more than the
// grammar, and a date that two caches read differently is worse than none.
#include <array>
#include <chrono>

#include "base/text.h"
#include "http/date.h"

namespace siding {

namespace {

using std::chrono::seconds;

constexpr std::array<std::string_view, 7> kDayNames{"Sunday",   "Monday", "Tuesday", "Wednesday",
                                                    "Thursday", "Friday", "Saturday"};
constexpr std::array<std::string_view, 12> kMonthNames{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

struct DateParts {
  int year = 0;
  unsigned month = 0, day = 0;
  int64_t of_day = 0;  // seconds
};

/// Each method takes its piece off the front, or marks the whole as bad.
class DateReader {
 public:
  explicit DateReader(std::string_view text) : rest_(text) {}

  bool good() const { return good_ && rest_.empty(); }
  bool starts_with(std::string_view text) const {
    return equals_ignore_case(rest_.substr(0, text.size()), text);
  }

  void literal(std::string_view text) {
    good_ = good_ && starts_with(text);
    if (good_) rest_.remove_prefix(text.size());
  }
  unsigned number(size_t digits) {
    if (rest_.size() < digits) good_ = false;
    std::optional<uint64_t> n = good_ ? parse_u64(rest_.substr(0, digits)) : std::nullopt;
    good_ = n.has_value();
    if (!good_) return 0;
    rest_.remove_prefix(digits);
    return static_cast<unsigned>(*n);
  }
  unsigned month() {
    for (unsigned i = 0; i < kMonthNames.size(); ++i) {
      if (!starts_with(kMonthNames[i])) continue;
      literal(kMonthNames[i]);
      return i + 1;
    }
    good_ = false;
    return 0;
  }
  /// 00:00:00 to 23:59:60, the leap second.
  int64_t time() {
    unsigned hour = number(2);
    literal(":");
    unsigned minute = number(2);
    literal(":");
    unsigned second = number(2);
    good_ = good_ && hour < 24 && minute < 60 && second <= 60;
    return int64_t{hour} * 3600 + minute * 60 + second;
  }

 private:
  std::string_view rest_;
  bool good_ = true;
};

/// Clamped to what WallTime can say; nullopt for the 31st of April and the like.
std::optional<WallTime> to_wall_time(const DateParts& parts) {
  using namespace std::chrono;
  year_month_day date{year(parts.year), month(parts.month), day(parts.day)};
  if (!date.ok()) return std::nullopt;
  int64_t second = int64_t{sys_days(date).time_since_epoch().count()} * 86400 + parts.of_day;
  constexpr int64_t kLast = WallTime::max().time_since_epoch() / nanoseconds(1'000'000'000) - 1;
  if (second > kLast) return WallTime(seconds(kLast));
  if (second < -kLast) return WallTime(seconds(-kLast));
  return WallTime(seconds(second));
}

/// After "Sun, ": "06 Nov 1994 08:49:37 GMT".
std::optional<WallTime> imf_rest(DateReader in) {
  DateParts parts;
  parts.day = in.number(2);
  in.literal(" ");
  parts.month = in.month();
  in.literal(" ");
  parts.year = static_cast<int>(in.number(4));
  in.literal(" ");
  parts.of_day = in.time();
  in.literal(" GMT");
  return in.good() ? to_wall_time(parts) : std::nullopt;
}

/// After "Sunday, ": "06-Nov-94 08:49:37 GMT".
std::optional<WallTime> rfc850_rest(DateReader in, WallTime now) {
  DateParts parts;
  parts.day = in.number(2);
  in.literal("-");
  parts.month = in.month();
  in.literal("-");
  unsigned two_digits = in.number(2);
  in.literal(" ");
  parts.of_day = in.time();
  in.literal(" GMT");
  if (!in.good()) return std::nullopt;

  // The latest reading that is no more than 50 years ahead.
  std::chrono::sys_days midnight = std::chrono::floor<std::chrono::days>(now);
  std::chrono::year_month_day limit(midnight);
  int this_year = static_cast<int>(limit.year());
  limit += std::chrono::years(50);
  int64_t now_of_day = std::chrono::floor<seconds>(now - midnight).count();
  parts.year = this_year - this_year % 100 + 100 + static_cast<int>(two_digits);
  auto too_far = [&] {
    std::chrono::year_month_day date{std::chrono::year(parts.year), std::chrono::month(parts.month),
                                     std::chrono::day(parts.day)};
    return date > limit || (date == limit && parts.of_day > now_of_day);
  };
  while (too_far()) parts.year -= 100;
  return to_wall_time(parts);
}

/// After "Sun ": "Nov  6 08:49:37 1994".
std::optional<WallTime> asctime_rest(DateReader in) {
  DateParts parts;
  parts.month = in.month();
  in.literal(" ");
  bool one_digit = in.starts_with(" ");
  if (one_digit) in.literal(" ");
  parts.day = in.number(one_digit ? 1 : 2);
  in.literal(" ");
  parts.of_day = in.time();
  in.literal(" ");
  parts.year = static_cast<int>(in.number(4));
  return in.good() ? to_wall_time(parts) : std::nullopt;
}

}  // namespace

std::optional<WallTime> parse_http_date(std::string_view text, WallTime now) {
  for (std::string_view name : kDayNames) {
    if (!equals_ignore_case(text.substr(0, 3), name.substr(0, 3))) continue;
    DateReader in(text);
    if (in.starts_with(name)) {
      in.literal(name);
      in.literal(", ");
      return rfc850_rest(in, now);
    }
    in.literal(name.substr(0, 3));
    if (!in.starts_with(",")) {
      in.literal(" ");
      return asctime_rest(in);
    }
    in.literal(", ");
    return imf_rest(in);
  }
  return std::nullopt;
}

}  // namespace siding
