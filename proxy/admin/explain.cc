// See explain.h.
#include "proxy/admin/explain.h"

#include <algorithm>
#include <optional>
#include <string>

#include "base/text.h"
#include "proxy/admin/explain_text.h"
#include "proxy/admin/reply.h"

namespace siding {

namespace {

constexpr std::string_view kPrefix = "/explain/";
constexpr std::string_view kUsage =
    "there is /explain/last?n=1, /explain/slow?n=10, /explain/failed?n=10 and "
    "/explain/REQUEST-ID\n";

// The number that ?n= asks for; nullopt if it is none.
std::optional<size_t> wanted_count(std::string_view query, size_t otherwise) {
  while (!query.empty()) {
    std::string_view pair = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(query.size(), pair.size() + 1));
    if (!pair.starts_with("n=")) continue;
    std::optional<uint64_t> n = parse_u64(pair.substr(2));
    if (!n.has_value() || *n == 0) return std::nullopt;
    return static_cast<size_t>(*n);
  }
  return otherwise;
}

// Only a JSON type by its name: "*/*", which everybody sends, gets text.
bool wants_json(const Fields& fields) {
  bool json = false;
  for_each_item(fields.joined("Accept"), [&](std::string_view item) {
    std::string_view type = trim_ows(item.substr(0, item.find(';')));
    if (equals_ignore_case(type, "application/json")) json = true;
  });
  return json;
}

}  // namespace

bool is_loopback_authority(std::string_view authority) {
  std::string_view host = authority;
  std::string_view port;
  if (authority.starts_with('[')) {
    size_t end = authority.find(']');
    if (end == std::string_view::npos) return false;
    host = authority.substr(1, end - 1);
    port = authority.substr(end + 1);
    if (host.find(':') == std::string_view::npos) return false;
  } else {
    size_t colon = authority.find(':');
    host = authority.substr(0, colon);
    if (colon != std::string_view::npos) port = authority.substr(colon);
  }
  if (!port.empty() && (port.front() != ':' || !parse_u64(port.substr(1)).has_value())) {
    return false;
  }
  if (equals_ignore_case(host, "localhost")) return true;
  std::optional<SocketAddress> address = SocketAddress::parse(host, 0);
  return address.has_value() && is_loopback(*address);
}

Task<> ExplainDoor::handle(Stream& stream) {
  answer(stream);
  co_return;
}

void ExplainDoor::answer(Stream& stream) const {
  const RequestHead& head = stream.head;
  if (!stream.peer().is_unix() && !is_loopback_authority(head.authority)) {
    send_reply(stream, 403, "the Host of this door is localhost or a loopback address\n");
    return;
  }
  std::string_view what = head.path();
  if (!what.starts_with(kPrefix) || what.size() == kPrefix.size()) {
    send_reply(stream, 404, kUsage);
    return;
  }
  if (head.method != "GET") {
    send_reply(stream, 405, "only GET\n", kPlainText, "GET");
    return;
  }
  what.remove_prefix(kPrefix.size());
  std::optional<size_t> n = wanted_count(head.query(), what == "last" ? 1 : 10);
  if (!n.has_value()) {
    send_reply(stream, 400, "n is a number from 1\n");
    return;
  }
  std::vector<Ring::Ref> found;
  bool by_id = false;
  if (what == "last") {
    found = ring_.last(*n);
  } else if (what == "slow") {
    found = ring_.slowest(*n);
  } else if (what == "failed") {
    found = ring_.failed(*n);
  } else {
    by_id = true;
    if (Ring::Ref one = ring_.find(what)) found.push_back(std::move(one));
  }
  int status = by_id && found.empty() ? 404 : 200;
  if (wants_json(head.fields)) {
    send_reply(stream, status, explain_json(found), "application/json");
  } else if (!found.empty()) {
    send_reply(stream, status, explain_text(found));
  } else if (by_id) {
    send_reply(stream, status,
               "no such request: the last " + std::to_string(ring_.size()) +
                   " are remembered, and some of the slowest and the failed\n");
  } else {
    send_reply(stream, status, "none yet\n");
  }
}

}  // namespace siding
