// Paths of routes, matched against decoded paths.
// Properties: a path that a pattern matches is the pattern with its captures filled in; if a pattern covers
// another, it matches all that the other does.
// Input: two lines with patterns, then a raw path.
// libFuzzer: -max_len=128 -dict=tests/fuzz/uri.dict
#include <string>

#include "http/path_pattern.h"
#include "http/uri.h"
#include "tests/fuzz/fuzz.h"

namespace siding::fuzz {
namespace {

/// The pattern's text with the captures in their places; what "*" takes is not captured.
std::string filled(const PathPattern& pattern, const PathCaptures& captures) {
  std::string out = pattern.text();
  size_t from = 0;
  for (const auto& [name, value] : captures) {
    const size_t begin = out.find('{', from);
    const size_t end = out.find('}', begin);
    assert(begin != std::string::npos && end != std::string::npos);
    assert(out.compare(begin + 1, name.size(), name) == 0);
    out.replace(begin, end + 1 - begin, value);
    from = begin + value.size();
  }
  return out;
}

void check_match(const PathPattern& pattern, const std::string& path) {
  PathCaptures captures{{"kept", ""}};
  const bool matches = pattern.match(path, &captures);
  assert(pattern.match(path, nullptr) == matches);
  assert(matches || captures.size() == 1);
  if (!matches) return;
  assert(captures.size() == pattern.capture_names().size());
  const std::string again = filled(pattern, captures);
  if (again.ends_with("/*") && again != path) {
    assert(path.starts_with(again.substr(0, again.size() - 1)));
  } else {
    assert(again == path);
  }
}

void run(Input in) {
  const PathPattern::Parsed first = PathPattern::parse(in.line());
  const PathPattern::Parsed second = PathPattern::parse(in.line());
  assert(first.value.has_value() == first.error.empty());
  const std::string path = normalise_path(in.rest()).decoded;
  assert(PathPattern::everything().match(path, nullptr));
  if (first.value) check_match(*first.value, path);
  if (second.value) check_match(*second.value, path);
  if (!first.value || !second.value) return;
  assert(first.value->covers(*first.value) && PathPattern::everything().covers(*first.value));
  assert(!first.value->covers(PathPattern::everything()));
  if (first.value->covers(*second.value) && second.value->match(path, nullptr)) {
    assert(first.value->match(path, nullptr));
  }
}

}  // namespace
}  // namespace siding::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  siding::fuzz::run({data, size});
  return 0;
}
