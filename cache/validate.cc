// See validate.h.
#include "cache/validate.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "base/text.h"
#include "cache/directives.h"
#include "cache/freshness.h"
#include "cache/storable.h"
#include "http/date.h"

namespace siding {

namespace {

/// Bytes that may stand between the quotes: all but controls, spaces and quotes (RFC 9110 8.8.3).
bool is_etag_char(char c) {
  auto byte = static_cast<unsigned char>(c);
  return byte == 0x21 || (byte >= 0x23 && byte != 0x7f);
}

/// Takes an entity tag off the front.
std::optional<EntityTag> take_entity_tag(std::string_view& text) {
  EntityTag tag;
  size_t at = 0;
  if (text.starts_with("W/")) {
    tag.weak = true;
    at = 2;
  }
  if (at >= text.size() || text[at] != '"') return std::nullopt;
  size_t end = at + 1;
  while (end < text.size() && is_etag_char(text[end])) ++end;
  if (end == text.size() || text[end] != '"') return std::nullopt;
  tag.opaque = text.substr(at + 1, end - at - 1);
  text.remove_prefix(end + 1);
  return tag;
}

std::optional<EntityTag> etag_of(const Fields& fields) {
  std::optional<std::string_view> text = fields.get("etag");
  return text ? parse_entity_tag(*text) : std::nullopt;
}

/// Last-Modified if it is a date. The century of an RFC 850 year does not matter here.
std::optional<WallTime> modified_at(const Fields& fields) {
  return date_field(fields, "last-modified", WallTime());
}

/// One line of If-None-Match. A line that goes wrong is not read further.
bool line_matches(std::string_view line, const std::optional<EntityTag>& own) {
  if (trim_ows(line) == "*") return true;
  while (true) {
    while (!line.empty() && (line[0] == ',' || line[0] == ' ' || line[0] == '\t')) {
      line.remove_prefix(1);
    }
    std::optional<EntityTag> tag = take_entity_tag(line);
    if (!tag) return false;
    line = trim_ows(line);
    if (!line.empty() && line[0] != ',') return false;
    if (own && tag->same_weakly(*own)) return true;
  }
}

bool is_one_of(std::string_view name, std::initializer_list<std::string_view> names) {
  return std::any_of(names.begin(), names.end(),
                     [name](std::string_view n) { return equals_ignore_case(name, n); });
}

bool describes_bytes(std::string_view name) {
  return is_one_of(name, {"content-length", "content-encoding", "content-type", "content-range"});
}

bool same_field(const Fields& a, const Fields& b, std::string_view name) {
  return a.get(name) == b.get(name);
}

}  // namespace

std::optional<EntityTag> parse_entity_tag(std::string_view text) {
  std::optional<EntityTag> tag = take_entity_tag(text);
  return tag && text.empty() ? tag : std::nullopt;
}

bool has_validator(const ResponseHead& response) {
  bool success = response.status >= 200 && response.status < 300;
  return success && (etag_of(response.fields) || modified_at(response.fields));
}

bool make_conditional(Fields& request, const ResponseHead& stored) {
  if (!has_validator(stored)) return false;
  for (std::string_view name : {"if-none-match", "if-modified-since", "if-range", "range"}) {
    request.remove(name);
  }
  if (etag_of(stored.fields)) request.add("If-None-Match", *stored.fields.get("etag"));
  if (modified_at(stored.fields)) {
    request.add("If-Modified-Since", *stored.fields.get("last-modified"));
  }
  return true;
}

bool speaks_of(const ResponseHead& not_modified, const Fields& stored) {
  std::optional<EntityTag> theirs = etag_of(not_modified.fields);
  std::optional<EntityTag> own = etag_of(stored);
  if (theirs && !theirs->weak) return own && theirs->same_strongly(*own);
  if (theirs) return own && theirs->same_weakly(*own);
  std::optional<WallTime> modified = modified_at(not_modified.fields);
  return !modified || modified == modified_at(stored);
}

HeadEffect head_effect(const ResponseHead& answer, const ResponseHead& stored) {
  if (answer.status != 200) return HeadEffect::none;
  const Fields& fields = answer.fields;
  for (std::string_view name : {"etag", "last-modified", "content-length"}) {
    if (fields.has(name) && !same_field(fields, stored.fields, name)) return HeadEffect::invalidate;
  }
  return HeadEffect::update;
}

void update_stored(Fields& stored, const Fields& newer, const CachePolicy& policy,
                   WallTime response_time) {
  Fields update = fields_to_store(newer, response_time);
  update.remove_if([&](const Field& f) {
    return describes_bytes(f.name) ||
           (!policy.store_set_cookie && equals_ignore_case(f.name, "set-cookie"));
  });
  stored.remove_if(
      [&](const Field& f) { return equals_ignore_case(f.name, "age") || update.has(f.name); });
  for (const Field& f : update) stored.add(f.name, f.value);
  // What the newer directives keep out of the cache must not stay there either.
  ResponseDirectives directives = response_directives(stored);
  stored.remove_if([&](const Field& f) {
    return names_field(directives.private_fields, f.name) ||
           names_field(directives.no_cache_fields, f.name);
  });
}

bool is_not_modified(const RequestHead& request, const ResponseHead& stored,
                     WallTime response_time) {
  bool safe = request.method == "GET" || request.method == "HEAD" || request.method == "QUERY";
  if (!safe || stored.status != 200) return false;
  if (request.fields.has("if-none-match")) {
    std::optional<EntityTag> own = etag_of(stored.fields);
    return std::any_of(request.fields.begin(), request.fields.end(), [&](const Field& f) {
      return equals_ignore_case(f.name, "if-none-match") && line_matches(f.value, own);
    });
  }
  if (request.method == "QUERY") return false;  // RFC 9110 13.1.3: for GET and HEAD alone
  if (request.fields.count("if-modified-since") != 1) return false;
  std::optional<WallTime> since = date_field(request.fields, "if-modified-since", response_time);
  if (!since) return false;
  std::optional<WallTime> modified = date_field(stored.fields, "last-modified", response_time);
  if (modified) return *modified <= *since;
  return std::chrono::floor<Seconds>(date_of(stored.fields, response_time)) <= *since;
}

Fields not_modified_fields(const Fields& stored) {
  Fields out = stored;
  bool tagged = stored.has("etag");
  out.remove_if([&](const Field& f) {
    return describes_bytes(f.name) || is_one_of(f.name, {"content-language", "content-md5"}) ||
           (tagged && equals_ignore_case(f.name, "last-modified"));
  });
  return out;
}

}  // namespace siding
