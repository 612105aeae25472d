// ASCII helpers and base64: what they accept, and what they must not.
#include "base/text.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "base/base64.h"
#include "base/clock.h"

namespace siding {
namespace {

TEST(Text, KnowsAsciiOnly) {
  EXPECT_EQ(ascii_lower('A'), 'a');
  EXPECT_EQ(ascii_lower('['), '[');
  EXPECT_EQ(ascii_lower('\xc4'), '\xc4');
  EXPECT_TRUE(is_alpha('z'));
  EXPECT_FALSE(is_alpha('\xe4'));
  EXPECT_FALSE(is_alpha('@'));
  EXPECT_EQ(lower("MiXed-9"), "mixed-9");
  EXPECT_TRUE(equals_ignore_case("Content-Length", "content-lENGTH"));
  EXPECT_FALSE(equals_ignore_case("a", "ab"));
  EXPECT_FALSE(equals_ignore_case("[", "{"));
}

// It compares words where it can: the same as byte by byte, for every length and every pair of bytes.
TEST(Text, EqualsIgnoreCaseInWordsAsInBytes) {
  auto naive = [](std::string_view a, std::string_view b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                      [](char x, char y) { return ascii_lower(x) == ascii_lower(y); });
  };
  for (int x = 0; x < 256; ++x) {
    for (int y = 0; y < 256; ++y) {
      std::string a(9, static_cast<char>(x));
      std::string b(9, static_cast<char>(y));
      ASSERT_EQ(equals_ignore_case(a, b), naive(a, b)) << x << " " << y;
    }
  }
  for (size_t size = 0; size < 40; ++size) {
    std::string a(size, 'q');
    for (size_t at = 0; at < size; ++at) {
      std::string b(size, 'Q');
      EXPECT_TRUE(equals_ignore_case(a, b));
      b[at] = 'r';
      EXPECT_FALSE(equals_ignore_case(a, b)) << size << " " << at;
    }
  }
}

TEST(Text, HexValues) {
  for (int i = 0; i < 256; ++i) {
    char c = static_cast<char>(i);
    size_t at = std::string_view("0123456789abcdef").find(ascii_lower(c));
    EXPECT_EQ(hex_value(c), at == std::string_view::npos ? -1 : static_cast<int>(at)) << i;
  }
}

TEST(Text, TrimsOptionalWhiteSpaceOnly) {
  EXPECT_EQ(trim_ows(" \t a b \t"), "a b");
  EXPECT_EQ(trim_ows(" \t "), "");
  EXPECT_EQ(trim_ows(""), "");
  EXPECT_EQ(trim_ows("\na\r"), "\na\r");
}

std::vector<std::string> items_of(std::string_view list) {
  std::vector<std::string> out;
  for_each_item(list, [&](std::string_view item) { out.emplace_back(item); });
  return out;
}

TEST(Text, ListsLeaveEmptyItemsOut) {
  EXPECT_EQ(items_of("a, b ,,\tc"), (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_EQ(items_of(""), std::vector<std::string>{});
  EXPECT_EQ(items_of(" , ,"), std::vector<std::string>{});
  EXPECT_EQ(items_of("one"), std::vector<std::string>{"one"});
  EXPECT_EQ(items_of("one,"), std::vector<std::string>{"one"});
}

TEST(Text, NumbersAreDigitsOnly) {
  EXPECT_EQ(parse_u64("0"), 0u);
  EXPECT_EQ(parse_u64("18446744073709551615"), UINT64_MAX);
  EXPECT_EQ(parse_u64("007"), 7u);
  for (const char* bad :
       {"", "-1", "+1", " 1", "1 ", "0x1", "1e3", "18446744073709551616", "1,2"}) {
    EXPECT_EQ(parse_u64(bad), std::nullopt) << bad;
  }
}

TEST(Base64, DecodesCanonicalText) {
  EXPECT_EQ(base64_decode(""), "");
  EXPECT_EQ(base64_decode("Zg=="), "f");
  EXPECT_EQ(base64_decode("Zm8="), "fo");
  EXPECT_EQ(base64_decode("Zm9v"), "foo");
  EXPECT_EQ(base64_decode("Zm9vYmFy"), "foobar");
  EXPECT_EQ(base64_decode("+/+/"), "\xfb\xff\xbf");
}

// Several spellings of one secret would let filters in front of us be passed by.
TEST(Base64, RefusesWhatIsNotCanonical) {
  for (const char* bad : {"Z", "Zg", "Zg=", "Zm9v=", "Zm9v====", "Z===", "Zm=v", "Zg==Zg==", "Zm9 ",
                          "Zm9\n", "Zm-_", "====", "Zh==", "Zm9="}) {
    EXPECT_EQ(base64_decode(bad), std::nullopt) << bad;
  }
}

std::string base64_of(std::string_view bytes) {
  static constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (size_t i = 0; i < bytes.size(); i += 3) {
    uint32_t group = 0;
    size_t have = std::min<size_t>(3, bytes.size() - i);
    for (size_t j = 0; j < 3; ++j) {
      group = (group << 8) | (j < have ? static_cast<unsigned char>(bytes[i + j]) : 0u);
    }
    for (size_t j = 0; j < 4; ++j) {
      out += j <= have ? kDigits[(group >> (18 - 6 * j)) & 63] : '=';
    }
  }
  return out;
}

TEST(Base64, RoundTrips) {
  std::mt19937 random(1);
  for (int i = 0; i < 500; ++i) {
    std::string bytes(random() % 50, '\0');
    for (char& c : bytes) c = static_cast<char>(random());
    EXPECT_EQ(base64_decode(base64_of(bytes)), bytes);
  }
}

TEST(ConstantTimeEqual, ComparesWholeTexts) {
  EXPECT_TRUE(constant_time_equal("", ""));
  EXPECT_TRUE(constant_time_equal("secret", "secret"));
  EXPECT_FALSE(constant_time_equal("secret", "secreT"));
  EXPECT_FALSE(constant_time_equal("secret", ""));
  EXPECT_FALSE(constant_time_equal("", "secret"));
  EXPECT_FALSE(constant_time_equal("secretsecret", "secret")) << "not taken modulo its length";
  EXPECT_FALSE(constant_time_equal("sec", "secret"));
  EXPECT_FALSE(constant_time_equal(std::string_view("\0", 1), ""));
}

TEST(Clock, NeverStaysNever) {
  TimePoint now{std::chrono::seconds(5)};
  EXPECT_EQ(after(now, std::chrono::seconds(1)), TimePoint{std::chrono::seconds(6)});
  EXPECT_EQ(after(now, Duration::max()), kNever);
  EXPECT_EQ(after(kNever, std::chrono::seconds(1)), kNever);
  EXPECT_EQ(after(now, std::chrono::seconds(-1)), now);
}

}  // namespace
}  // namespace siding
