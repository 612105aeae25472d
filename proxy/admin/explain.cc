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

}  // namespace

bool ExplainDoor::serves(std::string_view path) {
  return path.starts_with(kPrefix) && path.size() > kPrefix.size();
}

void ExplainDoor::answer(Stream& stream) const {
  const RequestHead& head = stream.head;
  std::string_view what = head.path();
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
