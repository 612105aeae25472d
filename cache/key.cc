// See key.h.
#include "cache/key.h"

#include <xxhash.h>

#include <algorithm>
#include <optional>

#include "http/json.h"
#include "http/media_type.h"
#include "http/uri.h"

namespace siding {

namespace {

/// A few bytes around `at`: "..." where something is left out, "\xC3" for raw bytes that are not
/// printable ASCII, so that they cannot be taken for an escape of the key.
std::string excerpt(std::string_view text, size_t at) {
  constexpr size_t kBefore = 12;
  constexpr size_t kAfter = 24;
  constexpr CharSet kNone("");
  size_t from = at > kBefore ? at - kBefore : 0;
  size_t to = std::min(text.size(), at + kAfter);
  std::string out = from > 0 ? "\"..." : "\"";
  for (char c : text.substr(from, to - from)) {
    bool printable = c >= ' ' && c <= '~';
    if (printable) {
      out += c;
    } else {
      size_t begin = out.size();
      percent_encode({&c, 1}, kNone, out);
      out.replace(begin, 1, "\\x");
    }
  }
  out += to < text.size() ? "...\"" : "\"";
  return out;
}

/// Nothing if an escape is broken: readers differ in what it means.
std::optional<std::string> canonical_form(std::string_view form) {
  for (size_t i = 0; i < form.size(); ++i) {
    if (form[i] == '%' && !is_escape(form, i)) return std::nullopt;
  }
  std::string out;
  while (!form.empty()) {
    const std::string_view one = form.substr(0, form.find('&'));
    form.remove_prefix(std::min(one.size() + 1, form.size()));
    if (one.empty()) continue;
    const size_t equals = one.find('=');
    if (!out.empty()) out += '&';
    out += form_encode(form_decode(one.substr(0, equals)));
    if (equals != std::string_view::npos)
      out += '=' + form_encode(form_decode(one.substr(equals + 1)));
  }
  return out;
}

}  // namespace

std::string call_key(std::string_view upstream, std::string_view method, std::string_view target,
                     std::string_view body) {
  std::string key;
  key.reserve(upstream.size() + method.size() + target.size() + body.size() + 3);
  key.append(upstream).append(" ").append(method).append(" ");
  for (size_t i = 0; i < target.size(); ++i) {
    if (!is_escape(target, i)) {
      key += target[i];
      continue;
    }
    char c = escaped_byte(target, i);
    percent_encode({&c, 1}, kUnreserved, key);
    i += 2;
  }
  if (!body.empty()) key.append(" ").append(body);
  return key;
}

std::string canonical_body(std::string_view content_type, std::string_view body) {
  std::optional<std::string> canonical;
  if (says_json(content_type)) {
    canonical = JsonText(body).canonical();
  } else if (says_form(content_type)) {
    canonical = canonical_form(body);
  }
  return canonical ? std::move(*canonical) : std::string(body);
}

uint64_t key_hash(std::string_view key) { return XXH3_64bits(key.data(), key.size()); }

std::string first_difference(std::string_view expected, std::string_view actual) {
  if (expected == actual) return {};
  auto [e, a] = std::mismatch(expected.begin(), expected.end(), actual.begin(), actual.end());
  auto at = static_cast<size_t>(e - expected.begin());
  return "at byte " + std::to_string(at) + ": expected " + excerpt(expected, at) + ", actual " +
         excerpt(actual, at);
}

}  // namespace siding
