// Pieces of request targets: percent encoding, normalised paths, parameters, "host:port", the keys that
// answers and calls are found by, and what a purge means.
// Properties: what is decoded from what was encoded is the same; normalising and making keys are done once
// and for all; a host is never also an address; different targets of one request never share a purge that
// the text of one does not say.
// Input: a line with an authority, then a target or a text.
// libFuzzer: -max_len=256 -dict=tests/fuzz/uri.dict
#include <arpa/inet.h>

#include <string>

#include "cache/cache_key.h"
#include "cache/key.h"
#include "cache/purge.h"
#include "cache/reference.h"
#include "http/h1_target.h"
#include "http/requote.h"
#include "http/uri.h"
#include "tests/fuzz/fuzz.h"

namespace siding::fuzz {
namespace {

void check_encoding(std::string_view text) {
  std::string encoded;
  percent_encode(text, kUnreserved, encoded);
  assert(percent_decode(encoded) == text);
  assert(form_decode(form_encode(text)) == text);
  const std::string path = requote_path(text);
  const std::string query = requote_query(text);
  assert(requote_path(path) == path && requote_query(query) == query);
  for (char c : path + query) assert(c > ' ' && c < 0x7f && c != '#' && c != '\\' && c != '"');
  for (char c : {'/', '?', '&', ';'}) {
    assert(std::count(path.begin(), path.end(), c) <= std::count(text.begin(), text.end(), c));
    assert(std::count(query.begin(), query.end(), c) <= std::count(text.begin(), text.end(), c));
  }
}

void check_path(std::string_view raw) {
  const NormalPath normal = normalise_path(raw);
  bool found = false;
  if (normal.decoded.starts_with('/')) {
    assert(remove_dot_segments(normal.decoded, found) == normal.decoded && !found);
  }
  if (normal.bad) return;
  assert(normal.decoded.find('\0') == std::string::npos);
  assert(!normal.decoded.starts_with('/') || !has_dot_segment(normal.decoded));
  if (!normal.ambiguous) assert(percent_decode(raw) == normal.decoded);
}

void check_host(std::string_view text) {
  const std::optional<HostPort> host = parse_host_port(text);
  if (!host) return;
  assert(!host->host.empty() && (!host->port || *host->port != 0));
  // It stands in a Host field that our own parser takes too; but for the brackets of IPv6 as it is.
  const bool v6 = host->kind == HostPort::Kind::ipv6;
  std::string again = v6 ? "[" + host->host + "]" : host->host;
  assert(valid_authority(again));
  if (host->port) again += ":" + std::to_string(*host->port);
  const std::optional<HostPort> second = parse_host_port(again);
  assert(second && second->host == host->host && second->port == host->port);
  assert(second->kind == host->kind);
  in_addr v4;
  // The C library takes 127.1 and 0x7f000001 for addresses: no name may be one of these.
  if (host->kind == HostPort::Kind::name) assert(inet_aton(host->host.c_str(), &v4) == 0);
}

void check_keys(std::string_view authority, std::string_view target) {
  const std::string key = call_key("u", "GET", target);
  bool broken = false;  // of "%4%31" comes "%41", which is another call
  for (size_t i = 0; i < target.size(); ++i) broken |= target[i] == '%' && !is_escape(target, i);
  assert(broken || call_key("u", "GET", std::string_view(key).substr(6)) == key);
  assert(first_difference(key, key).empty());
  assert(key == "u GET " + std::string(target) || !first_difference(key, target).empty());

  CachePolicy some;
  some.ignore_parameters = {"utm_source", "a b"};
  for (const CachePolicy& policy : {CachePolicy(), some}) {
    const std::optional<std::string> uri = uri_key("http", authority, target, policy);
    if (!uri) continue;
    assert(uri->starts_with("http://") && uri->find(' ') == std::string::npos);
    const std::string_view rest = std::string_view(*uri).substr(7);
    const size_t slash = rest.find('/');
    assert(slash != std::string_view::npos);
    assert(uri_key("http", rest.substr(0, slash), rest.substr(slash), policy) == uri);
  }
}

void check_purge(std::string_view text) {
  for (Purge::Kind kind : {Purge::Kind::url, Purge::Kind::prefix, Purge::Kind::tag}) {
    const ParsedPurge parsed = parse_purge(kind, text);
    assert(parsed.purge.has_value() == parsed.fault.empty());
    if (!parsed.purge) continue;
    assert(Purge::from_text(parsed.purge->to_text()) == *parsed.purge);
    if (kind != Purge::Kind::tag) assert(may_match(*parsed.purge, parsed.purge->text));
  }
  if (const auto purge = Purge::from_text(text))
    assert(Purge::from_text(purge->to_text()) == purge);
}

void run(Input in) {
  const std::string_view authority = in.line();
  const std::string_view text = in.rest();
  check_host(authority);
  check_encoding(text);
  const std::string_view path = text.substr(0, text.find('?'));
  check_path(path);
  check_keys(authority, text);
  check_purge(authority);
  check_purge(text);
  last_parameter(text, authority);
}

}  // namespace
}  // namespace siding::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  siding::fuzz::run({data, size});
  return 0;
}
