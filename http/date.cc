// See date.h. Written by hand: strftime() follows the locale, and std::format is not in g++ 12.
#include "http/date.h"

#include <chrono>

namespace siding {

namespace {

using std::chrono::days;
using std::chrono::seconds;

constexpr std::string_view kDays = "SunMonTueWedThuFriSat";
constexpr std::string_view kMonths = "JanFebMarAprMayJunJulAugSepOctNovDec";

struct Civil {
  unsigned year, month, day, weekday, hour, minute, second;
};

Civil civil(WallTime t) {
  // In seconds first: the first day that WallTime reaches into has a midnight that it cannot say.
  auto second = std::chrono::floor<seconds>(t);
  auto day = std::chrono::floor<days>(second);
  std::chrono::year_month_day date(day);
  auto of_day = static_cast<unsigned>((second - day).count());
  return {static_cast<unsigned>(static_cast<int>(date.year())),
          static_cast<unsigned>(date.month()),
          static_cast<unsigned>(date.day()),
          std::chrono::weekday(day).c_encoding(),
          of_day / 3600,
          of_day / 60 % 60,
          of_day % 60};
}

void put(std::string& out, unsigned n, int digits) {
  for (unsigned power = digits == 4 ? 1000 : digits == 3 ? 100 : 10; power > 0; power /= 10) {
    out += static_cast<char>('0' + n / power % 10);
  }
}

void put_time(std::string& out, const Civil& c) {
  put(out, c.hour, 2);
  out += ':';
  put(out, c.minute, 2);
  out += ':';
  put(out, c.second, 2);
}

}  // namespace

std::string imf_fixdate(WallTime t) {
  Civil c = civil(t);
  std::string out;
  out.reserve(29);
  out += kDays.substr(c.weekday * 3, 3);
  out += ", ";
  put(out, c.day, 2);
  out += ' ';
  out += kMonths.substr((c.month - 1) * 3, 3);
  out += ' ';
  put(out, c.year, 4);
  out += ' ';
  put_time(out, c);
  out += " GMT";
  return out;
}

std::string rfc3339(WallTime t) {
  Civil c = civil(t);
  auto ms = std::chrono::floor<std::chrono::milliseconds>(t) - std::chrono::floor<seconds>(t);
  std::string out;
  out.reserve(24);
  put(out, c.year, 4);
  out += '-';
  put(out, c.month, 2);
  out += '-';
  put(out, c.day, 2);
  out += 'T';
  put_time(out, c);
  out += '.';
  put(out, static_cast<unsigned>(ms.count()), 3);
  out += 'Z';
  return out;
}

std::string_view DateCache::at(WallTime t) {
  int64_t second = std::chrono::floor<seconds>(t).time_since_epoch().count();
  if (second != second_) {
    second_ = second;
    text_ = imf_fixdate(t);
  }
  return text_;
}

}  // namespace siding
