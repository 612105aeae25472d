// See vary.h.
#include "cache/vary.h"

#include <algorithm>
#include <optional>

#include "base/text.h"

namespace siding {

namespace {

/// Calls `f(item)`, trimmed, for each comma-separated item; commas in quoted strings do not separate.
/// Empty items are items: who knows what an unknown field means by them.
template <class F>
void for_each_list_item(std::string_view value, F f) {
  size_t begin = 0;
  bool quoted = false;
  for (size_t i = 0; i < value.size(); ++i) {
    if (quoted && value[i] == '\\') {
      ++i;
    } else if (value[i] == '"') {
      quoted = !quoted;
    } else if (value[i] == ',' && !quoted) {
      f(trim_ows(value.substr(begin, i - begin)));
      begin = i + 1;
    }
  }
  f(trim_ows(value.substr(begin)));
}

/// A weight in thousandths: 500 for "0.5" (RFC 9110 12.4.2); nullopt for what is none.
std::optional<int> thousandths(std::string_view q) {
  if (q.empty() || q.size() > 5 || (q[0] != '0' && q[0] != '1')) return std::nullopt;
  if (q.size() > 1 && q[1] != '.') return std::nullopt;
  int value = q[0] == '1' ? 1000 : 0;
  int unit = 100;
  for (char c : q.substr(std::min<size_t>(2, q.size()))) {
    if (!is_digit(c)) return std::nullopt;
    value += (c - '0') * unit;
    unit /= 10;
  }
  return value <= 1000 ? std::optional<int>(value) : std::nullopt;
}

/// "EN ; Q=0.500" becomes "en;q=0.5"; a weight of 1 goes. What is no weight stays as it is, and so does
/// white space where none belongs: an origin that reads "d e" otherwise than "de" is right.
std::string weighted(std::string_view item) {
  std::string out;
  while (!item.empty()) {
    const std::string_view spaces = item.substr(0, item.find_first_not_of(" \t"));
    const std::string_view rest = item.substr(spaces.size());
    const std::string_view word = rest.substr(0, rest.find_first_of(" \t"));
    if (!out.ends_with(';') && !word.starts_with(';')) out += spaces;
    out += lower(word);
    item = rest.substr(word.size());
  }
  const size_t weight = out.rfind(";q=");
  if (weight == std::string::npos) return out;
  const std::optional<int> value = thousandths(std::string_view(out).substr(weight + 3));
  if (!value) return out;
  if (out.find('.', weight) != std::string::npos) {
    while (out.back() == '0') out.pop_back();
    if (out.back() == '.') out.pop_back();
  }
  if (*value == 1000) out.resize(weight);
  return out;
}

std::string normal_list(std::string_view value) {
  std::string out;
  bool first = true;
  for_each_list_item(value, [&](std::string_view item) {
    if (!first) out += ',';
    out += item;
    first = false;
  });
  return out;
}

std::string normal_preferences(std::string_view value, bool keep_order) {
  std::vector<std::string> items;
  for_each_item(value, [&](std::string_view item) { items.push_back(weighted(item)); });
  if (!keep_order) std::sort(items.begin(), items.end());
  std::string out;
  for (const std::string& item : items) {
    if (!out.empty()) out += ',';
    out += item;
  }
  return out;
}

std::string normal_value(std::string_view name, std::string_view value, const CachePolicy& policy) {
  if (name == "accept-encoding") return normal_preferences(value, false);
  if (name == "accept-language") return normal_preferences(value, policy.language_order);
  // Not lists: a comma in them is a part of the value.
  bool one = name == "cookie" || name == "authorization" || name == "user-agent" ||
             name == "referer" || name == "host";
  return one ? std::string(value) : normal_list(value);
}

/// "name=5:value\n", or "name\n" if it is absent. The length keeps values apart from what follows.
void append_piece(const std::string& name, const Fields& request, const CachePolicy& policy,
                  std::string& key) {
  key += name;
  if (request.has(name)) {
    std::string value = normal_value(name, request.joined(name), policy);
    key.append("=").append(std::to_string(value.size())).append(":").append(value);
  }
  key += '\n';
}

/// Bytes of the first piece of a key, which is that of `name`; 0 if it is not.
size_t piece_size(std::string_view name, std::string_view key) {
  if (!key.starts_with(name)) return 0;
  std::string_view rest = key.substr(name.size());
  if (rest.starts_with('\n')) return name.size() + 1;
  size_t colon = rest.find(':');
  if (!rest.starts_with('=') || colon == std::string_view::npos) return 0;
  std::optional<uint64_t> length = parse_u64(rest.substr(1, colon - 1));
  if (!length || *length >= rest.size() - colon - 1) return 0;
  return name.size() + colon + 1 + *length + 1;
}

/// Whether one language stands above all others in an Accept-Language, and is `language`.
bool prefers(std::string_view accept, std::string_view language) {
  std::string best;
  int best_weight = 0;
  bool tie = false;
  for_each_item(accept, [&](std::string_view item) {
    std::string text = weighted(item);
    int weight = 1000;
    size_t at = text.find(";q=");
    if (at != std::string::npos) {
      weight = thousandths(std::string_view(text).substr(at + 3)).value_or(0);
      text.resize(at);
    }
    tie = weight == best_weight || (tie && weight < best_weight);
    if (weight <= best_weight) return;
    best_weight = weight;
    best = std::move(text);
  });
  return !tie && best == language;
}

}  // namespace

Vary read_vary(const Fields& response) {
  Vary vary;
  for (const Field& f : response) {
    if (!equals_ignore_case(f.name, "vary")) continue;
    for_each_item(f.value, [&](std::string_view name) {
      vary.star = vary.star || name == "*";
      vary.names.push_back(lower(name));
    });
  }
  std::string language = lower(response.joined("content-language"));
  if (language.find(',') == std::string::npos) vary.language = std::move(language);
  std::sort(vary.names.begin(), vary.names.end());
  vary.names.erase(std::unique(vary.names.begin(), vary.names.end()), vary.names.end());
  return vary;
}

std::string vary_key(const Vary& vary, const Fields& request, const CachePolicy& policy) {
  std::string key;
  for (const std::string& name : vary.names) append_piece(name, request, policy, key);
  return key;
}

bool vary_matches(const Vary& vary, std::string_view stored_key, const Fields& request,
                  const CachePolicy& policy) {
  if (vary.star) return false;
  std::string piece;
  for (const std::string& name : vary.names) {
    piece.clear();
    append_piece(name, request, policy, piece);
    const size_t stored = piece_size(name, stored_key);
    const bool same = stored_key.substr(0, stored) == piece;
    const bool suits = name == "accept-language" && !vary.language.empty() &&
                       prefers(request.joined(name), vary.language);
    if (!same && !suits) return false;
    stored_key.remove_prefix(stored);
  }
  return stored_key.empty();
}

}  // namespace siding
