// See requote.h.
#include "http/requote.h"

#include "http/uri.h"

namespace siding {

namespace {

std::string requote(std::string_view text, const CharSet& keep) {
  bool escaped = true;
  for (size_t i = text.find('%'); i != std::string_view::npos; i = text.find('%', i + 1)) {
    escaped = escaped && is_escape(text, i);
  }
  constexpr CharSet kNone("");
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (!is_escape(text, i)) {
      percent_encode(text.substr(i, 1), keep, out);
      continue;
    }
    // Unbelieved escapes get upper-case digits all the same.
    char c = escaped_byte(text, i);
    size_t begin = out.size();
    percent_encode({&c, 1}, escaped ? kUnreserved : kNone, out);
    if (!escaped) out.insert(begin + 1, "25");
    i += 2;
  }
  return out;
}

}  // namespace

std::string requote_path(std::string_view path) {
  constexpr CharSet kPathChars = kSegmentChars.with("/");
  return requote(path, kPathChars);
}

std::string requote_query(std::string_view query) {
  constexpr CharSet kQueryChars = kSegmentChars.with("/?");
  return requote(query, kQueryChars);
}

}  // namespace siding
