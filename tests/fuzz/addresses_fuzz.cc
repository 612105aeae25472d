// Addresses, networks, names and numbers with units, as configurations, DNS and /etc/hosts write them.
// Properties: what is printed is read as the same value; no text that was let through holds a byte that
// another reader would stop at; a name is never also an address; an address lies in each network that its
// own bits make; whether we may connect does not depend on how an IPv4 address is written.
// Input: one byte for a prefix length, then the text.
// libFuzzer: -max_len=128 -dict=tests/fuzz/addresses.dict
#include <arpa/inet.h>

#include <string>

#include "config/values.h"
#include "proxy/net/address.h"
#include "proxy/net/host_name.h"
#include "proxy/net/hosts_file.h"
#include "tests/fuzz/fuzz.h"
// What is fuzzed, as source: its library would bring all the others that talk to the network.
#include "proxy/net/address.cc"
#include "proxy/net/host_name.cc"
#include "proxy/net/hosts_file.cc"

namespace siding::fuzz {
namespace {

/// Visible ASCII, so that nobody reads less of it, or something else, than we did.
bool plain(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7f; });
}

void check_address(std::string_view text, int prefix) {
  const std::optional<SocketAddress> address = SocketAddress::parse(text, 80);
  if (!address) return;
  assert(plain(text) && address->port() == 80);
  const in6_addr bytes = address->bytes();
  const std::optional<SocketAddress> again = SocketAddress::parse(address->ip(), 80);
  assert(again);
  const in6_addr same = again->bytes();
  assert(std::memcmp(&same, &bytes, sizeof(bytes)) == 0);
  assert(connect_allowed(*address) == connect_allowed(*again));
  assert(is_loopback(*address) == is_loopback(*again));
  for (Reach reach : {Reach::everything, Reach::no_loopback, Reach::public_only}) {
    assert(within(reach, *address) == within(reach, *again));
  }
  assert(!within(Reach::public_only, *address) || !is_loopback(*address));
  assert(in_network(*address, bytes.s6_addr, prefix));
  if (prefix > 0) {
    in6_addr other = bytes;
    const int bit = prefix - 1;
    other.s6_addr[bit / 8] = static_cast<uint8_t>(other.s6_addr[bit / 8] ^ (0x80 >> bit % 8));
    assert(!in_network(*address, other.s6_addr, prefix));
  }
}

void check_name(std::string_view text) {
  const std::optional<HostName> name = HostName::parse(text);
  if (!name) return;
  assert(plain(name->name) && !name->name.empty() && name->name.size() <= 253);
  in_addr v4;
  assert(inet_aton(name->name.c_str(), &v4) == 0 && !SocketAddress::parse(name->name, 0));
  const std::optional<HostName> again = HostName::parse(name->key());
  assert(again && again->name == name->name && again->absolute == name->absolute);
  for (const std::string& one : name->candidates({"svc.test", ""}, 2)) {
    assert(HostName::parse(one)->name == one);
  }
}

void check_hosts(std::string_view text) {
  for (const SocketAddress& a : find_in_hosts(text, "a")) assert(a.port() == 0);
}

template <class T>
void check_said(const Parsed<T>& parsed) {
  assert(parsed.value.has_value() == parsed.error.empty());
}

void check_origin(const Parsed<OriginUrl>& parsed, Parsed<OriginUrl> (*parse)(std::string_view)) {
  check_said(parsed);
  if (!parsed.value || parsed.value->text.empty()) return;
  const OriginUrl& url = *parsed.value;
  assert(plain(url.host) && plain(url.base_path) && url.host.empty() != url.unix_path.empty());
  assert(url.unix_path.find('\0') == std::string::npos);
  const Parsed<OriginUrl> again = parse(url.text);
  assert(again.value && again.value->host == url.host && again.value->port == url.port);
  assert(again.value->base_path == url.base_path && again.value->unix_path == url.unix_path);
  assert(!url.unix_path.empty() || plain(url.authority()));
}

void check_values(std::string_view text) {
  if (const auto network = parse_network(text).value) {
    const auto again = parse_network(print_network(*network)).value;
    assert(again && again->bytes == network->bytes && again->prefix == network->prefix);
    assert(plain(text) && network->prefix >= 0 && network->prefix <= 128);
  }
  if (const auto listen = parse_listen_address(text).value) {
    const auto again = parse_listen_address(listen->text()).value;
    assert(again && again->host == listen->host && again->port == listen->port);
    assert(again->unix_path == listen->unix_path && plain(listen->host));
    assert(listen->unix_path.find('\0') == std::string::npos);
    assert(!listen->unix_path.empty() || SocketAddress::parse(listen->host, listen->port));
  }
  if (const auto resolver = parse_resolver(text).value) {
    assert(plain(*resolver) && parse_resolver(*resolver).value == resolver);
  }
  check_origin(parse_backend_url(text), parse_backend_url);
  check_origin(parse_upstream_url(text), parse_upstream_url);
  check_origin(parse_redis_url(text), parse_redis_url);
  if (const auto host = parse_host_pattern(text).value) {
    assert(parse_host_pattern(print_host_pattern(*host)).value == host && plain(*host));
  }
  if (const auto domain = parse_domain(text).value) assert(parse_domain(*domain).value == domain);
  if (const auto name = parse_server_name(text).value) assert(plain(*name) && !name->empty());
  if (const auto rate = parse_rate(text).value) {
    const auto again = parse_rate(print_rate(*rate)).value;
    assert(again && again->calls == rate->calls && again->per == rate->per);
  }
  if (const auto hedge = parse_hedge(text).value) {
    const auto again = parse_hedge(print_hedge(*hedge)).value;
    assert(again && again->kind == hedge->kind && again->after == hedge->after);
  }
  if (const auto time = parse_duration(text))
    assert(parse_duration(format_duration(*time)) == time);
  if (const auto size = parse_size(text)) assert(parse_size(format_size(*size)) == size);
}

void run(Input in) {
  const int prefix = in.byte() % 129;
  check_address(in.rest(), prefix);
  check_name(in.rest());
  check_hosts(in.rest());
  check_values(in.rest());
}

}  // namespace
}  // namespace siding::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  siding::fuzz::run({data, size});
  return 0;
}
