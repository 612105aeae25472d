// Junk in the fields that the cache reads: nothing crashes, the rules of tests/cache/junk_check.h hold,
// and no value takes more than its length's share of time.
#include <gtest/gtest.h>
#include <time.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <functional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "tests/cache/junk_check.h"

namespace siding::cache_junk {
namespace {

using namespace std::string_view_literals;

constexpr std::array kGood{
    "no-store"sv,
    "max-age=60"sv,
    "private, max-age=0"sv,
    "public, s-maxage=\"60\""sv,
    "no-cache=\"Set-Cookie, x-a\", max-age=5"sv,
    "private=\"x-a\", no-store, max-age=1"sv,
    "x=\"a, no-store, \\\"b\", must-revalidate"sv,
    "max-age=1, stale-while-revalidate=60, stale-if-error=5, immutable"sv,
    "must-understand, no-store, proxy-revalidate"sv,
    "no-cache, only-if-cached, max-stale, min-fresh=5, max-stale=9"sv,
    "max-age=60;a=1;b=\"x\", foo=(a \"b\" 1.5;c), t=@1659578233, u=?1, v=:YQ==:, w=%\"a%c3%a9\""sv,
    "*, Accept-Encoding"sv,
    "gzip;q=0.500, br ; q=1.0, *;q=0"sv,
    "de-CH, de;q=0.8, en"sv,
    "W/\"abc\""sv,
    "\"abc\""sv,
    "bytes=0-499"sv,
    "bytes=-5"sv,
    "bytes=9-, 0-1"sv,
    "Sun, 06 Nov 1994 08:49:37 GMT"sv,
    "Sunday, 06-Nov-94 08:49:37 GMT"sv,
    "Sun Nov  6 08:49:37 1994"sv,
    "60, 61"sv};
constexpr std::array kPieces{
    "no-store"sv, "private"sv,  "no-cache"sv, "max-age"sv, "s-maxage"sv, "must-revalidate"sv,
    "public"sv,   "=5"sv,       "="sv,        "\""sv,      "\\"sv,       "\\\""sv,
    ","sv,        ", "sv,       ";"sv,        " "sv,       "\t"sv,       "x"sv,
    "\"a, "sv,    "=\"x-a\""sv, "(a b)"sv,    "?1"sv,      "*"sv,        ";q=0.5"sv,
    "-"sv,        "0-1"sv,      "\0"sv,       "\xff"sv,    "\r\n"sv};

std::string shown(std::string_view bytes) {
  std::string out;
  for (char c : bytes.substr(0, 400)) {
    constexpr std::string_view kHex = "0123456789abcdef";
    const auto byte = static_cast<unsigned char>(c);
    if (c >= ' ' && c <= '~') {
      out += c;
    } else {
      out.append("\\x").append(1, kHex[byte >> 4]).append(1, kHex[byte & 15]);
    }
  }
  return out;
}
/// Prints the least of it that still breaks the rule.
void expect_rules(std::string bytes) {
  const char* broken = broken_rule(bytes);
  if (broken == nullptr) return;
  for (size_t i = 0; i < bytes.size();) {
    std::string less = bytes;
    less.erase(i, 1);
    if (broken_rule(less) == broken) {
      bytes = less;
      i = 0;
    } else {
      ++i;
    }
  }
  ADD_FAILURE() << broken << ": " << shown(bytes);
}

void damage(std::string& bytes, std::mt19937& random) {
  for (auto n = random() % 4; n > 0 && !bytes.empty(); --n) {
    const size_t at = random() % bytes.size();
    switch (random() % 6) {
      case 0: bytes[at] = static_cast<char>(bytes[at] ^ (1 << random() % 8)); break;
      case 1: bytes.erase(at, 1 + random() % 3); break;
      case 2: bytes.resize(at); break;
      case 3: bytes.insert(at, bytes.substr(random() % bytes.size(), random() % 12)); break;
      default: bytes.insert(at, kPieces[random() % kPieces.size()]); break;
    }
  }
}

TEST(CacheJunk, BytesOfAllKinds) {
  std::mt19937 random(20);
  for (int i = 0; i < 3000; ++i) {
    std::string bytes;
    for (auto n = random() % 40; n > 0; --n) bytes += static_cast<char>(random());
    expect_rules(bytes);
  }
}

TEST(CacheJunk, PiecesOfTheGrammarInAnyOrder) {
  std::mt19937 random(21);
  for (int i = 0; i < 8000; ++i) {
    std::string bytes;
    for (auto n = random() % 14; n > 0; --n) bytes += kPieces[random() % kPieces.size()];
    expect_rules(bytes);
  }
}

TEST(CacheJunk, DamagedLines) {
  std::mt19937 random(22);
  for (std::string_view good : kGood) {
    ASSERT_EQ(broken_rule(good), nullptr) << good;
    for (size_t cut = 0; cut < good.size(); ++cut) expect_rules(std::string(good.substr(0, cut)));
  }
  for (int i = 0; i < 8000; ++i) {
    std::string bytes(kGood[random() % kGood.size()]);
    if (random() % 2 == 0) bytes.append(", ").append(kGood[random() % kGood.size()]);
    damage(bytes, random);
    expect_rules(bytes);
  }
}

/// `piece` again and again, or by its number, up to `size` bytes.
struct Shape {
  const char* begin;
  std::function<std::string(size_t)> piece;
  const char* end = "";
};
const std::vector<Shape>& shapes() {
  auto same = [](const char* text) { return [text](size_t) { return std::string(text); }; };
  auto numbered = [](const char* before, const char* after) {
    return [=](size_t i) { return before + std::to_string(i) + after; };
  };
  static const std::vector<Shape> all{
      {"", same(",")},
      {"", same(", ")},
      {"", same("no-store,")},
      {"", same("\"")},
      {"x", same("\\\"")},
      {"x=\"", same("\\\"")},
      {"x=\"", same("\\\\")},
      {"\"\"\"", same("\\\" , \"")},
      {"", same("a=\"b\", ")},
      {"", same("a=\"b, ")},
      {"no-cache=\"", same("a,")},
      {"private=\"", numbered("a", ",")},
      {"", numbered("no-cache=a", ",")},
      {"max-age=", same("1")},
      {"max-age=60", same(" ")},
      {"a", same(" "), "b"},
      {"", same("a "), "b"},
      {"a;", same(" "), ";q=1"},
      {"a", same(" ;"), "b"},
      {"max-age=60, ", same("\t")},
      {"", same("max-age=60, ")},
      {"", numbered("k", ",")},
      {"", numbered("k", "=\"a\",")},
      {"a", same(";b")},
      {"a", numbered(";b", "=1")},
      {"a=(", same("1 ")},
      {"a=(", same("(")},
      {"a=:", same("A")},
      {"a=%\"", same("%c3%a9")},
      {"", same("=")},
      {"", same(";q=")},
      {"en;q=0.", same("0")},
      {"", same("en;q=0.500,")},
      {"", same("*,")},
      {"W/\"", same("a")},
      {"bytes=0-1", same(",2-3")},
      {"bytes=", same("9")},
      {"bytes=", same("-")},
      {"Sun, 06 Nov 1994 08:49:37 GMT", same(" ")},
      {"", same("\xff")},
  };
  return all;
}
std::string made(const Shape& shape, size_t size) {
  std::string out = shape.begin;
  for (size_t i = 0; out.size() < size; ++i) out += shape.piece(i);
  out.resize(size);
  return out + shape.end;
}

struct Reader {
  const char* name;
  void (*read)(std::string_view bytes);
};
constexpr Reader kReaders[] = {
    {"response",
     [](std::string_view b) {
       response_directives(fields({{"Cache-Control", b}}));
     }},
    {"request",
     [](std::string_view b) {
       request_directives(fields({{"Cache-Control", b}}));
     }},
    {"pragma",
     [](std::string_view b) {
       request_directives(fields({{"Pragma", b}}));
     }},
    {"targeted",
     [](std::string_view b) {
       response_directives(fields({{"CDN-Cache-Control", b}}));
     }},
    {"vary",
     [](std::string_view b) {
       read_vary(fields({{"Vary", b}}));
     }},
    {"vary key",
     [](std::string_view b) {
       Vary by;
       by.names = {"accept-encoding", "accept-language", "x-a"};
       by.language = "de";
       const Fields request = fields({{"Accept-Encoding", b}, {"Accept-Language", b}, {"X-A", b}});
       vary_matches(by, vary_key(by, request, CachePolicy()), request, CachePolicy());
     }},
    {"range",
     [](std::string_view b) {
       range_of(cache_test::request({{"Range", b}, {"If-Range", b}}), cache_test::response(200), 9);
     }},
    {"entity tag", [](std::string_view b) { parse_entity_tag(b); }},
    {"none match",
     [](std::string_view b) {
       is_not_modified(cache_test::request({{"If-None-Match", b}}),
                       cache_test::response(200, {{"ETag", "\"a\""}}), kNow);
     }},
    {"date",
     [](std::string_view b) {
       date_field(fields({{"Date", b}}), "date", kNow);
     }},
    {"age",
     [](std::string_view b) {
       age_field(fields({{"Age", b}}));
     }},
};

/// Processor time of this thread alone, the least of `tries`, or the first that is at most `enough`:
/// others on the machine disturb some of them, but not all.
int64_t cost(const Reader& reader, std::string_view bytes, int tries, int64_t enough) {
  auto now = [] {
    timespec t{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return int64_t{t.tv_sec} * 1'000'000'000 + t.tv_nsec;
  };
  int64_t least = INT64_MAX;
  for (; tries > 0 && least > enough; --tries) {
    const int64_t begin = now();
    reader.read(bytes);
    least = std::min(least, now() - begin);
  }
  return least;
}

TEST(CacheJunk, LongValuesTakeNoMoreThanTheirShare) {
  // Sixteen times as long: 16 times the time if it is linear, 256 times if it is quadratic. Where the
  // short one is a matter of nothing, a floor stands in for it.
  constexpr size_t kShort = 4 * 1024;
  constexpr int64_t kFloor = 100'000;
  for (const Shape& shape : shapes()) {
    const std::string little = made(shape, kShort);
    const std::string much = made(shape, 16 * kShort);
    for (const Reader& reader : kReaders) {
      const int64_t most = 80 * std::max(cost(reader, little, 3, kFloor), kFloor);
      EXPECT_LE(cost(reader, much, 20, most), most) << reader.name << ": " << little.substr(0, 40);
    }
    EXPECT_EQ(broken_rule(little), nullptr) << little.substr(0, 40);
  }
}

TEST(CacheJunk, NoStoreCountsBehindSixtyFourKibibytes) {
  for (const Shape& shape : shapes()) {
    std::string text = made(shape, 64 * 1024);
    text += ", no-store";
    const ListReading list(text);
    const Fields f = fields({{"Cache-Control", text}});
    EXPECT_EQ(response_directives(f).no_store, list.has("no-store")) << text.substr(0, 40);
    EXPECT_EQ(request_directives(f).no_store, list.has("no-store")) << text.substr(0, 40);
  }
}

}  // namespace
}  // namespace siding::cache_junk
