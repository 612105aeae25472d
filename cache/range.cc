// See range.h.
#include "cache/range.h"

#include <algorithm>
#include <limits>
#include <optional>

#include "base/text.h"
#include "cache/freshness.h"
#include "cache/validate.h"

namespace siding {

namespace {

/// Digits alone; what is beyond 64 bits is behind any end.
std::optional<uint64_t> position(std::string_view text) {
  if (text.empty() || !std::all_of(text.begin(), text.end(), is_digit)) return std::nullopt;
  return parse_u64(text).value_or(std::numeric_limits<uint64_t>::max());
}

/// Strong comparison: the stored tag itself, or exactly the date of Last-Modified if that is a strong
/// validator, a second or more older than Date (RFC 9110 8.8.2.2).
bool if_range_holds(std::string_view condition, const ResponseHead& stored) {
  if (std::optional<EntityTag> tag = parse_entity_tag(condition)) {
    std::optional<std::string_view> own = stored.fields.get("etag");
    std::optional<EntityTag> own_tag = own ? parse_entity_tag(*own) : std::nullopt;
    return own_tag && tag->same_strongly(*own_tag);
  }
  std::optional<WallTime> modified = date_field(stored.fields, "last-modified", WallTime());
  std::optional<WallTime> date = date_field(stored.fields, "date", WallTime());
  return modified && date && *stored.fields.get("last-modified") == condition &&
         *date - Seconds(1) >= *modified;
}

}  // namespace

RangeDecision range_of(const RequestHead& request, const ResponseHead& stored, uint64_t length) {
  constexpr RangeDecision kWhole;
  if (request.method != "GET" || stored.status != 200) return kWhole;
  if (request.fields.count("range") != 1 || request.fields.count("if-range") > 1) return kWhole;
  std::optional<std::string_view> condition = request.fields.get("if-range");
  if (condition && !if_range_holds(*condition, stored)) return kWhole;

  std::string_view text = *request.fields.get("range");
  size_t equals = text.find('=');
  if (equals == std::string_view::npos || !equals_ignore_case(text.substr(0, equals), "bytes")) {
    return kWhole;
  }
  text = trim_ows(text.substr(equals + 1));
  size_t dash = text.find('-');
  if (dash == std::string_view::npos) return kWhole;
  std::string_view before = text.substr(0, dash);
  std::string_view after = text.substr(dash + 1);
  std::optional<uint64_t> last = position(after);
  if (!after.empty() && !last) return kWhole;  // also every second range: its comma is no digit

  if (before.empty()) {  // a suffix: the last so many bytes
    if (!last) return kWhole;
    if (*last == 0) return {RangeDecision::Kind::unsatisfiable};
    if (length == 0) return kWhole;
    return {RangeDecision::Kind::part, length - std::min(*last, length), length - 1};
  }
  std::optional<uint64_t> first = position(before);
  if (!first || (last && *last < *first)) return kWhole;
  if (*first >= length) return {RangeDecision::Kind::unsatisfiable};
  return {RangeDecision::Kind::part, *first, std::min(last.value_or(length - 1), length - 1)};
}

std::string content_range(const RangeDecision& range, uint64_t length) {
  std::string out = "bytes ";
  if (range.kind == RangeDecision::Kind::unsatisfiable) {
    out += '*';
  } else {
    out.append(std::to_string(range.first)).append("-").append(std::to_string(range.last));
  }
  return out.append("/").append(std::to_string(length));
}

void apply_range(ResponseHead& head, const RangeDecision& range, uint64_t length) {
  if (range.kind == RangeDecision::Kind::whole) return;
  bool part = range.kind == RangeDecision::Kind::part;
  head.status = part ? 206 : 416;
  head.reason = part ? "Partial Content" : "Range Not Satisfiable";
  head.fields.set("Content-Range", content_range(range, length));
  head.fields.set("Content-Length", std::to_string(part ? range.size() : 0));
  if (part) return;
  for (std::string_view name : {"content-type", "content-encoding", "etag", "last-modified"}) {
    head.fields.remove(name);
  }
}

}  // namespace siding
