// See purge.h.
#include "proxy/admin/purge.h"

#include <string>

#include "http/json_string.h"
#include "http/uri.h"
#include "proxy/admin/guard.h"
#include "proxy/admin/reply.h"

namespace siding {

namespace {

constexpr std::string_view kHow =
    "say what in the query: url=URL, prefix=URL, tag=TAG or all=1, one of them, once. For example: "
    "curl -X POST -G --data-urlencode 'url=http://example.org/catalogue/7' "
    "http://127.0.0.1:8082/cache/purge";

ParsedPurge wrong(std::string fault) { return {std::nullopt, std::move(fault)}; }

ParsedPurge wanted_purge(std::string_view query) {
  int count = 0;
  std::string name;
  std::string value;
  for_each_parameter(query, [&](std::string_view n, std::string_view v) {
    ++count;
    name = form_decode(n);
    value = form_decode(v);
  });
  if (count == 0) return wrong("nothing is named; " + std::string(kHow));
  if (count > 1) {
    return wrong("there are " + std::to_string(count) +
                 " parameters, and an & within a URL has to be %26; " + std::string(kHow));
  }
  const std::optional<Purge::Kind> kind = purge_kind(name);
  if (!kind) return wrong("`" + name + "` is no kind of purge; " + std::string(kHow));
  if (*kind != Purge::Kind::all) return parse_purge(*kind, value);
  if (value != "1") return wrong("to purge everything write all=1");
  return parse_purge(*kind, {});
}

std::string in_json(const Purge& purge, size_t dropped, std::string_view fault) {
  std::string out = "{\"kind\":";
  append_json(out, to_string(purge.kind));
  if (!purge.text.empty()) {
    out += ",\"what\":";
    append_json(out, purge.text);
  }
  out += ",\"dropped\":" + std::to_string(dropped);
  if (!fault.empty()) {
    out += ",\"error\":";
    append_json(out, fault);
  }
  return out + "}\n";
}

std::string entries(size_t n) {
  return std::to_string(n) + (n == 1 ? " entry dropped" : " entries dropped");
}

}  // namespace

Task<> PurgeDoor::answer(Stream& stream) {
  if (stream.head.method != "POST") {
    send_reply(stream, 405, "only POST\n", kPlainText, "POST");
    co_return;
  }
  if (refuse_other_sites(stream)) co_return;
  ParsedPurge wanted = wanted_purge(stream.head.query());
  if (!wanted.purge) {
    send_reply(stream, 400, wanted.fault + "\n");
    co_return;
  }
  const Purge purge = std::move(*wanted.purge);
  Result<> told;
  if (others_ != nullptr) told = co_await others_->tell(purge);
  const size_t dropped = co_await purge_by_turns(caches_, purge);
  std::string fault;
  if (!told) {
    fault = "only this process has purged, the others were not told: " + told.error().detail;
  }
  const int status = told ? 200 : 503;
  if (wants_json(stream.head.fields)) {
    send_reply(stream, status, in_json(purge, dropped, fault), "application/json");
  } else {
    send_reply(stream, status, entries(dropped) + (told ? "\n" : "; " + fault + "\n"));
  }
}

}  // namespace siding
