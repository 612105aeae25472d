// Answers of DNS servers.
// Properties: any bytes end in an answer of the kind that its content says; never more than was asked to be
// kept, nothing twice, services by priority, names in lower case without the dot at the end.
// Input: one byte for the type that was asked for, one for how many are kept, then the message.
// libFuzzer: -max_len=512
#include "proxy/net/dns_message.h"
#include "tests/fuzz/fuzz.h"
// What is fuzzed, as source: its library would bring all the others that talk to the network.
#include "proxy/net/address.cc"
#include "proxy/net/dns_message.cc"

namespace siding::fuzz {
namespace {

void check(const DnsReply& reply, DnsType type, size_t most) {
  const size_t found = reply.addresses.size() + reply.services.size();
  assert(found <= most && reply.ttl <= INT32_MAX);
  assert((reply.kind == DnsReply::Kind::found) == (found > 0));
  assert(reply.kind == DnsReply::Kind::found || !reply.detail.empty());
  assert(reply.addresses.empty() || type != DnsType::srv);
  assert(reply.services.empty() || type == DnsType::srv);
  for (size_t i = 0; i < reply.addresses.size(); ++i) {
    const SocketAddress& a = reply.addresses[i];
    assert(a.family() == (type == DnsType::a ? AF_INET : AF_INET6) && a.port() == 0);
    assert(SocketAddress::parse(a.ip(), 0));
    for (size_t j = 0; j < i; ++j) assert(!(a == reply.addresses[j]));
  }
  for (size_t i = 0; i < reply.services.size(); ++i) {
    const DnsService& s = reply.services[i];
    assert(s.port != 0 && !s.target.empty() && s.target.size() < 255);
    for (char c : s.target) assert(c != '.' || !s.target.ends_with(".."));
    for (char c : s.target) assert(c < 'A' || c > 'Z');
    assert(i == 0 || reply.services[i - 1].priority <= s.priority);
  }
}

void run(Input in) {
  const DnsType types[] = {DnsType::a, DnsType::aaaa, DnsType::srv};
  const DnsType type = types[in.below(3)];
  const size_t most = 1 + in.below(4);
  const Exact message(in.rest());
  const auto* data = reinterpret_cast<const uint8_t*>(message.view().data());
  check(read_dns_answer({data, message.view().size()}, type, most), type, most);
}

}  // namespace
}  // namespace siding::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  siding::fuzz::run({data, size});
  return 0;
}
