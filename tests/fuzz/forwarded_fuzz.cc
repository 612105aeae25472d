// Who the client is, by what proxies in front wrote down.
// Properties: from a peer that is not trusted nothing is believed or passed on; a client's address is one,
// in one spelling; what stands left of the first address that is not trusted changes nothing.
// Input: one byte for the peer, then fields as lines.
// libFuzzer: -max_len=256 -dict=tests/fuzz/forwarded.dict
#include <string>

#include "base/text.h"
#include "http/forwarded.h"
#include "proxy/net/address.h"
#include "tests/fuzz/fuzz.h"
// To hold addresses against, as source: its library would bring all that talk to the network.
#include "proxy/net/address.cc"

namespace siding::fuzz {
namespace {

constexpr std::string_view kPeers[] = {"10.0.0.1", "192.0.2.7", "fd00::1", "2001:db8::9", ""};

/// 10.0.0.0/8, fd00::/8 and what has no address.
bool trusted(std::string_view ip) {
  const std::optional<SocketAddress> a = SocketAddress::parse(ip, 0);
  if (!a) return true;
  const in6_addr bytes = a->bytes();
  return IN6_IS_ADDR_V4MAPPED(&bytes) ? bytes.s6_addr[12] == 10 : bytes.s6_addr[0] == 0xfd;
}

/// The same fields, with one more entry at the left of what is read first.
Fields with_more_at_the_left(const Fields& fields) {
  Fields out;
  bool done = false;
  const bool xff = fields.has("x-forwarded-for");
  for (const Field& f : fields) {
    const bool here = equals_ignore_case(f.name, xff ? "x-forwarded-for" : "forwarded");
    const std::string_view more = xff ? "203.0.113.5, " : "for=203.0.113.5, ";
    out.add(f.name,
            here && !done ? std::string(more) + std::string(f.value) : std::string(f.value));
    done = done || here;
  }
  return out;
}

void check_client(const Fields& fields, std::string_view peer) {
  const std::string client = client_address(fields, peer, trusted);
  if (!trusted(peer)) assert(client == peer);
  const std::optional<SocketAddress> address = SocketAddress::parse(client, 0);
  assert(client == peer || (address && address->ip() == client));
  const bool xff = fields.has("x-forwarded-for");
  // A list of X-Forwarded-For that holds nothing leaves the word to Forwarded.
  bool counts = !xff;
  for (const Field& f : fields) {
    if (!equals_ignore_case(f.name, "x-forwarded-for")) continue;
    for_each_item(f.value, [&counts](std::string_view) { counts = true; });
  }
  if (counts && !trusted(client)) {
    assert(client_address(with_more_at_the_left(fields), peer, trusted) == client);
  }
}

void check_set(const Fields& before, const ForwardedHop& hop) {
  Fields fields = before;
  const bool replaced = set_forwarded(fields, hop);
  assert(!replaced || !hop.trusted);
  assert(fields.count("forwarded") == 1);
  if (!hop.peer_ip.empty()) {
    assert(fields.count("x-forwarded-for") == 1);
    assert(fields.get("x-forwarded-for")->ends_with(hop.peer_ip));
  }
  if (!hop.trusted) {
    assert(!fields.has("x-real-ip") && fields.get("x-forwarded-proto") == hop.scheme);
    assert(fields.get("x-forwarded-host") == hop.host);
    if (!hop.peer_ip.empty()) assert(fields.get("x-forwarded-for") == hop.peer_ip);
    for (const Field& f : fields) {
      // X-Forwarded-Prefix and whatever else frameworks believe.
      assert(!lower(f.name).starts_with("x-forwarded-") || f.value == hop.peer_ip ||
             f.value == hop.scheme || f.value == hop.host);
    }
  }
  const AskedOrigin origin = asked_origin(before, hop);
  assert(origin.scheme == "http" || origin.scheme == "https");
  assert(hop.trusted || (origin.scheme == hop.scheme && origin.forwarded_host.empty()));
  // What was set by this hop is what the next one believes of it.
  if (!hop.trusted && !hop.peer_ip.empty()) {
    assert(client_address(fields, "10.9.9.9", trusted) == hop.peer_ip);
    fields.remove("x-forwarded-for");
    assert(client_address(fields, "10.9.9.9", trusted) == hop.peer_ip);
  }
}

void run(Input in) {
  const std::string_view peer = kPeers[in.below(std::size(kPeers))];
  const Fields fields = read_fields(in);
  for (const Field& f : fields) {
    if (has_control(f.name) || has_control(f.value)) return;  // no head has these
  }
  check_client(fields, peer);
  check_set(fields, {peer, !peer.empty() && trusted(peer), "http", "a.example:8080"});
  if (const auto id = request_id(fields)) assert(!id->empty() && !has_control(*id));
}

}  // namespace
}  // namespace siding::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  siding::fuzz::run({data, size});
  return 0;
}
