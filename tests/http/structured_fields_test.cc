// What is a Dictionary and what is not (RFC 9651 section 4.2), and how text is written.
#include "http/structured_fields.h"

#include <gtest/gtest.h>

namespace siding::sf_test {
namespace {

/// "a=1|b|c=?0", or "error".
std::string dictionary(std::initializer_list<std::string_view> lines) {
  Fields fields;
  for (std::string_view line : lines) fields.add("X", line);
  auto members = parse_sf_dictionary(fields, "x");
  if (!members) return "error";
  std::string out;
  for (const SfMember& m : *members) {
    if (!out.empty()) out += '|';
    out += m.key;
    using Type = SfMember::Type;
    switch (m.type) {
      case Type::boolean: out += m.boolean ? "" : "=?0"; break;
      case Type::integer: out += "=" + std::to_string(m.integer); break;
      case Type::decimal: out += "=decimal"; break;
      case Type::string: out.append("=\"").append(m.text).append("\""); break;
      case Type::token: out.append("=").append(m.text); break;
      case Type::bytes: out += "=bytes"; break;
      case Type::date: out += "=date"; break;
      case Type::display: out += "=display"; break;
      case Type::list: out += "=list"; break;
    }
  }
  return out;
}

TEST(StructuredFields, ReadsDictionaries) {
  EXPECT_EQ(dictionary({}), "");
  EXPECT_EQ(dictionary({""}), "");
  EXPECT_EQ(dictionary({"max-age=60"}), "max-age=60");
  EXPECT_EQ(dictionary({"a, b=?0,c=?1 ,\td=-5"}), "a|b=?0|c|d=-5");
  EXPECT_EQ(dictionary({"a=1", "b=2"}), "a=1|b=2");
  EXPECT_EQ(dictionary({"a=1, b, a=2"}), "b|a=2");  // the last one counts
  EXPECT_EQ(dictionary({"a=\"x, \\\"y\\\"\""}), "a=\"x, \\\"y\\\"\"");
  EXPECT_EQ(dictionary({"a=tok/en:*, *b=1.5"}), "a=tok/en:*|*b=decimal");
  EXPECT_EQ(dictionary({"a=:aGk=:, b=@1659578233, c=%\"f%c3%bc\""}), "a=bytes|b=date|c=display");
  EXPECT_EQ(dictionary({"a=(1 \"b\";q=1  c);x=2, d=()"}), "a=list|d=list");
  EXPECT_EQ(dictionary({"a;x;y=1; z=\"s\", b=2;q=0.5"}), "a|b=2");
  EXPECT_EQ(dictionary({"a=999999999999999"}), "a=999999999999999");
}

TEST(StructuredFields, AnyErrorSpoilsAll) {
  // clang-format off
  for (std::string_view line : {
      "A=1", "a=1,", "a=1 b=2", "a=", "a =1", "a= 1", ",a", "a,,b", "&&&", "a=1, &&&&&", "1a=2",
      "a=1000000000000000", "a=-", "a=1.", "a=1.2345", "a=1234567890123.0", "a=01x", "a=?2", "a=?",
      "a=\"open", "a=\"\\x\"", "a=\"\xC3\xBC\"", "a='1'", "a=(1", "a=(1,2)", "a=(1\"b\")", "a=:x", "a=@1.5",
      "a=%\"%C3\"", "a=%\"%c\"", "a=%x", "a;=1", "a;B", "a; x=", "a=1;;b"}) {
    EXPECT_EQ(dictionary({line}), "error") << line;
  }
  // clang-format on
  EXPECT_EQ(dictionary({"a=1", "B"}), "error");
}

TEST(StructuredFields, TextIsATokenWhereItCan) {
  auto text = [](std::string_view s) {
    std::string out;
    append_sf_text(s, out);
    return out;
  };
  EXPECT_EQ(text("no_store"), "no_store");
  EXPECT_EQ(text("*a/b:c"), "*a/b:c");
  EXPECT_EQ(text(""), "\"\"");
  EXPECT_EQ(text("1a"), "\"1a\"");
  EXPECT_EQ(text("a \"b\\c"), "\"a \\\"b\\\\c\"");
  EXPECT_EQ(text("\xC3\xBC\n"), "\"???\"");
}

}  // namespace
}  // namespace siding::sf_test
