// See hop.h.
#include "http/hop.h"

#include <algorithm>
#include <string>
#include <vector>

#include "base/text.h"

namespace siding {

namespace {

/// More options than any honest message has. Comparing them with all fields costs their product, so
/// that beyond it every field counts as named that is not protected.
constexpr size_t kMaxNominated = 64;

bool is_any(std::string_view name, std::initializer_list<std::string_view> names) {
  return std::any_of(names.begin(), names.end(),
                     [name](std::string_view n) { return equals_ignore_case(name, n); });
}

bool starts_with_ignore_case(std::string_view text, std::string_view prefix) {
  return equals_ignore_case(text.substr(0, prefix.size()), prefix);
}

/// Meant for one connection only, in both directions (RFC 9110 7.6.1, RFC 9112 C.2.2).
bool is_hop_by_hop(std::string_view name) {
  switch (name.size()) {
    case 2: return equals_ignore_case(name, "te");
    case 7: return equals_ignore_case(name, "upgrade");
    case 10: return is_any(name, {"connection", "keep-alive"});
    case 14: return equals_ignore_case(name, "http2-settings");
    case 16: return equals_ignore_case(name, "proxy-connection");
    case 17: return equals_ignore_case(name, "transfer-encoding");
    case 18: return equals_ignore_case(name, "proxy-authenticate");
    case 19: return equals_ignore_case(name, "proxy-authorization");
    default: return false;
  }
}

/// What Connection cannot remove. "A sender MUST NOT send a connection option corresponding to a field
/// that is intended for all recipients" (RFC 9110 7.6.1): who does it attacks.
bool is_protected(std::string_view name) {
  return starts_with_ignore_case(name, "x-forwarded-") ||
         is_any(name, {"host",          "content-length",
                       "content-type",  "content-encoding",
                       "content-range", "cache-control",
                       "vary",          "etag",
                       "date",          "location",
                       "authorization", "www-authenticate",
                       "cookie",        "set-cookie",
                       "forwarded",     "x-real-ip",
                       "x-request-id",  "via",
                       "cdn-loop",      "max-forwards"});
}

/// The field names that Connection lists.
class Nominated {
 public:
  explicit Nominated(const Fields& fields) {
    for (const Field& f : fields) {
      if (f.name.size() != 10 || !equals_ignore_case(f.name, "connection")) continue;
      for_each_item(f.value, [this](std::string_view option) {
        if (names_.size() <= kMaxNominated && !is_any(option, {"close", "keep-alive", "upgrade"})) {
          names_.push_back(option);
        }
      });
    }
  }

  bool has(std::string_view name) const {
    if (names_.empty() || is_protected(name)) return false;
    return names_.size() > kMaxNominated ||
           std::any_of(names_.begin(), names_.end(),
                       [name](std::string_view n) { return equals_ignore_case(n, name); });
  }

 private:
  std::vector<std::string_view> names_;
};

}  // namespace

bool keeps_alive(int minor_version, const Fields& fields) {
  bool close = false;
  bool keep = false;
  for (const Field& f : fields) {
    if (f.name.size() != 10 || !equals_ignore_case(f.name, "connection")) continue;
    for_each_item(f.value, [&](std::string_view option) {
      close = close || equals_ignore_case(option, "close");
      keep = keep || equals_ignore_case(option, "keep-alive");
    });
  }
  return !close && (minor_version >= 1 || keep);
}

bool upgrades_to(const Fields& fields, std::string_view protocol) {
  return fields.has_token("connection", "upgrade") && fields.has_token("upgrade", protocol);
}

void strip_request_fields(Fields& fields, Direction direction) {
  Nominated nominated(fields);
  fields.remove_if([&](const Field& f) {
    if (is_hop_by_hop(f.name) || nominated.has(f.name)) return true;
    switch (f.name.size()) {
      case 5:
        if (equals_ignore_case(f.name, "proxy")) return true;
        break;
      case 6:
        if (equals_ignore_case(f.name, "expect")) return true;
        break;
      case 7:
        if (equals_ignore_case(f.name, "trailer")) return true;
        break;
      default:
        if (f.name.size() > 7 && starts_with_ignore_case(f.name, "siding-")) return true;
    }
    return direction == Direction::ingress && f.name.find('_') != std::string_view::npos;
  });
}

void strip_response_fields(Fields& fields, bool keep_trailer) {
  Nominated nominated(fields);
  fields.remove_if([&](const Field& f) {
    if (f.name.size() == 7 && equals_ignore_case(f.name, "trailer")) return !keep_trailer;
    return is_hop_by_hop(f.name) || nominated.has(f.name);
  });
}

void add_via(RequestHead& head) {
  head.fields.add_view("Via", head.http2                ? "2 siding"
                              : head.minor_version >= 1 ? "1.1 siding"
                                                        : "1.0 siding");
}

void add_via(ResponseHead& head) {
  head.fields.add_view("Via", head.http2                ? "2 siding"
                              : head.minor_version >= 1 ? "1.1 siding"
                                                        : "1.0 siding");
}

MaxForwards count_forward(RequestHead& head) {
  if (head.method != "TRACE" && head.method != "OPTIONS") return MaxForwards::pass;
  size_t lines = head.fields.count("max-forwards");
  if (lines == 0) return MaxForwards::pass;
  std::optional<uint64_t> left = parse_u64(*head.fields.get("max-forwards"));
  if (lines > 1 || !left) return MaxForwards::malformed;
  if (*left == 0) return MaxForwards::answer_here;
  head.fields.set("Max-Forwards", std::to_string(*left - 1));
  return MaxForwards::pass;
}

Expectation expectation(const RequestHead& head) {
  Expectation result = Expectation::none;
  for (const Field& f : head.fields) {
    if (f.name.size() != 6 || !equals_ignore_case(f.name, "expect")) continue;
    if (!equals_ignore_case(f.value, "100-continue")) return Expectation::unsupported;
    if (head.minor_version >= 1) result = Expectation::send_continue;
  }
  return result;
}

}  // namespace siding
