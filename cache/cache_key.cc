// See cache_key.h.
#include "cache/cache_key.h"

#include <algorithm>

#include "base/text.h"
#include "cache/reference.h"
#include "cache/reuse.h"
#include "http/uri.h"

namespace siding {

namespace {

bool completes_escape(std::string_view key, char c) {
  if (hex_value(c) < 0) return false;
  const std::string_view last = key.substr(key.size() - std::min<size_t>(key.size(), 2));
  return last.ends_with('%') || (last.starts_with('%') && hex_value(last.back()) >= 0);
}

void append_path(std::string_view path, std::string& key) {
  constexpr CharSet kNone("");
  for (size_t i = 0; i < path.size(); ++i) {
    if (!is_escape(path, i)) {
      key += path[i];
      continue;
    }
    char c = escaped_byte(path, i);
    // Behind a `%` that begins no escape, a digit that is decoded would make one of it: a key is to be
    // the key of itself too, as purges are told to others by it.
    percent_encode({&c, 1}, completes_escape(key, c) ? kNone : kUnreserved, key);
    i += 2;
  }
}

bool is_keyed(std::string_view raw_name, const CachePolicy& policy) {
  auto has = [name = form_decode(raw_name)](const std::vector<std::string>& list) {
    return std::find(list.begin(), list.end(), name) != list.end();
  };
  if (!policy.only_parameters.empty()) return has(policy.only_parameters);
  return !has(policy.ignore_parameters);
}

void append_query(std::string_view query, const CachePolicy& policy, std::string& key) {
  if (policy.only_parameters.empty() && policy.ignore_parameters.empty()) {
    key.append("?").append(query);
    return;
  }
  char separator = '?';
  while (true) {
    size_t end = query.find('&');
    std::string_view one = query.substr(0, end);
    if (!one.empty() && is_keyed(one.substr(0, one.find('=')), policy)) {
      key += separator;
      key += one;
      separator = '&';
    }
    if (end == std::string_view::npos) return;
    query.remove_prefix(end + 1);
  }
}

/// A field as a piece that cannot be taken for two: its length comes first.
void append_piece(const Fields& fields, std::string_view name, std::string& out) {
  std::string value = fields.joined(name);
  out.append(" ").append(std::to_string(value.size())).append(":").append(value);
}

}  // namespace

std::optional<std::string> uri_key(std::string_view scheme, std::string_view authority,
                                   std::string_view target, const CachePolicy& policy) {
  if (!target.starts_with('/')) return std::nullopt;
  for (char c : target) {
    auto byte = static_cast<unsigned char>(c);
    if (byte <= 0x20 || byte == 0x7f || byte == '#') return std::nullopt;
  }
  std::optional<std::string> key = origin_of(scheme, authority);
  if (!key) return std::nullopt;
  size_t mark = target.find('?');
  append_path(target.substr(0, mark), *key);
  if (mark != std::string_view::npos) append_query(target.substr(mark + 1), policy, *key);
  return key;
}

std::optional<CacheKey> cache_key(const RequestHead& request, const CachePolicy& policy,
                                  std::string_view content_digest) {
  return cache_key(request, {request.scheme, request.authority}, policy, content_digest);
}

std::optional<CacheKey> cache_key(const RequestHead& request, const AskedOrigin& origin,
                                  const CachePolicy& policy, std::string_view content_digest) {
  bool is_query = request.method == "QUERY";
  if (!may_look_up(request) || (is_query && content_digest.empty())) return std::nullopt;
  std::optional<std::string> uri = uri_key(origin.scheme, origin.host, request.target, policy);
  if (!uri) return std::nullopt;
  CacheKey key{std::move(*uri), {}};
  if (is_query) {
    key.content = content_digest;
    append_piece(request.fields, "content-type", key.content);
    append_piece(request.fields, "content-encoding", key.content);
    append_piece(request.fields, "content-language", key.content);
  }
  if (!origin.forwarded_host.empty()) {
    key.content += " for ";
    key.content += origin.forwarded_host;
  }
  return key;
}

}  // namespace siding
