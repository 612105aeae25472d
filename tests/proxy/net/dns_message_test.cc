// Answers as bytes: chains, limits, and everything that a server must not be able to do.
#include "proxy/net/dns_message.h"

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <random>

#include "tests/harness/dns_server.h"

namespace siding {
namespace {

using test::address_record;
using test::cname_record;
using test::DnsRecord;
using test::srv_record;

std::string be16(size_t v) { return {static_cast<char>(v >> 8), static_cast<char>(v)}; }
std::string be32(uint32_t v) { return be16(v >> 16) + be16(v & 0xffff); }
std::string name_on_wire(const std::string& name) {
  std::string data = cname_record("", name, 0).data;
  return data;
}

// An answer to a question for a.test.
std::string dns_answer(const std::vector<DnsRecord>& records) {
  std::string out = "\x12\x34\x81\x80" + be16(1) + be16(records.size()) + be32(0);
  out += name_on_wire("a.test") + be16(1) + be16(1);
  for (const DnsRecord& r : records) {
    out += r.owner.empty() ? std::string("\xc0\x0c") : name_on_wire(r.owner);
    out += be16(r.type) + be16(1) + be32(r.ttl) + be16(r.data.size()) + r.data;
  }
  return out;
}

DnsReply read_bytes(std::string_view bytes, DnsType type = DnsType::a) {
  return read_dns_answer({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()}, type, 32);
}

std::string reply_text(const DnsReply& reply) {
  if (reply.kind != DnsReply::Kind::found) return reply.detail;
  std::string out;
  for (const SocketAddress& a : reply.addresses) out += a.ip() + " ";
  for (const DnsService& s : reply.services) out += s.target + ":" + std::to_string(s.port) + " ";
  return out + std::to_string(reply.ttl);
}

TEST(DnsMessage, ReadsAddresses) {
  std::string v4 = dns_answer({address_record("10.0.0.1", 7), address_record("10.0.0.2", 5)});
  EXPECT_EQ(reply_text(read_bytes(v4)), "10.0.0.1 10.0.0.2 5");
  EXPECT_EQ(reply_text(read_bytes(v4, DnsType::aaaa)), "the name has no address");
  std::string v6 = dns_answer({address_record("fd00::1", 9)});
  EXPECT_EQ(reply_text(read_bytes(v6, DnsType::aaaa)), "fd00::1 9");
  EXPECT_EQ(reply_text(read_bytes(dns_answer({}))), "the name has no address");
}

TEST(DnsMessage, FollowsAliasesInAnyOrder) {
  std::vector<DnsRecord> records = {
      cname_record("", "b.test", 30), cname_record("b.test", "c.Test", 4),
      address_record("10.0.0.1", 60, "C.test"), address_record("10.9.9.9", 1, "other.test")};
  EXPECT_EQ(reply_text(read_bytes(dns_answer(records))), "10.0.0.1 4");
  std::reverse(records.begin(), records.end());
  EXPECT_EQ(reply_text(read_bytes(dns_answer(records))), "10.0.0.1 4");
  EXPECT_EQ(reply_text(read_bytes(dns_answer({cname_record("", "b.test", 30)}))),
            "the name has no address");
}

TEST(DnsMessage, RefusesLoopsOfAliases) {
  EXPECT_EQ(reply_text(read_bytes(dns_answer({cname_record("", "a.test", 1)}))),
            "malformed answer: its aliases go round");
  EXPECT_EQ(reply_text(read_bytes(
                dns_answer({cname_record("", "b.test", 1), cname_record("b.test", "a.test", 1)}))),
            "malformed answer: its aliases go round");
  std::vector<DnsRecord> chain;
  for (int i = 0; i < 17; ++i) {
    chain.push_back(cname_record("n" + std::to_string(i), "n" + std::to_string(i + 1), 1));
  }
  EXPECT_EQ(reply_text(read_bytes(dns_answer(chain))), "malformed answer: too many aliases");
}

TEST(DnsMessage, CapsAddressesAndTakesTimeToLiveOfAll) {
  std::vector<DnsRecord> many;
  for (int i = 0; i < 1000; ++i) {
    std::string ip = "10.0." + std::to_string(i / 250) + "." + std::to_string(i % 250);
    many.push_back(address_record(ip, i == 999 ? 3 : 60));
    many.push_back(address_record(ip, 60));  // twice
  }
  DnsReply reply = read_bytes(dns_answer(many));
  EXPECT_EQ(reply.addresses.size(), 32u);
  EXPECT_EQ(reply.addresses[31].ip(), "10.0.0.31");
  EXPECT_EQ(reply.ttl, 3u);
}

TEST(DnsMessage, TakesANegativeTimeToLiveForZero) {
  EXPECT_EQ(reply_text(read_bytes(dns_answer({address_record("10.0.0.1", 0x80000000)}))),
            "10.0.0.1 0");
  EXPECT_EQ(reply_text(read_bytes(dns_answer({address_record("10.0.0.1", 0x7fffffff)}))),
            "10.0.0.1 2147483647");
}

TEST(DnsMessage, IgnoresOtherRecords) {
  DnsRecord short_address{"", test::kA, 60, "abc"};
  DnsRecord text{"", 16, 60, "\x03xyz"};
  EXPECT_EQ(reply_text(read_bytes(dns_answer({short_address, text}))), "the name has no address");
  std::string other_class = dns_answer({address_record("10.0.0.1", 60)});
  other_class[other_class.size() - 11] = 3;  // CHAOS
  EXPECT_EQ(reply_text(read_bytes(other_class)), "the name has no address");
}

std::string services_text(const std::vector<DnsRecord>& records) {
  return reply_text(read_bytes(dns_answer(records), DnsType::srv));
}

TEST(DnsMessage, ReadsServicesByPriority) {
  EXPECT_EQ(services_text({srv_record("late.test", 83, 60, 9), srv_record("B.Test", 81, 7, 1),
                           srv_record("c.test", 82, 9, 1), address_record("10.0.0.1", 1, "b.test"),
                           srv_record("other.test", 84, 1, 0, "elsewhere.test")}),
            "b.test:81 c.test:82 late.test:83 7");
  EXPECT_EQ(services_text({srv_record("c.test", 80, 60), srv_record("c.test", 80, 60),
                           srv_record("c.test", 81, 60)}),
            "c.test:80 c.test:81 60")
      << "none twice";
  EXPECT_EQ(
      services_text({cname_record("", "b.test", 4), srv_record("c.test", 80, 60, 0, "b.test")}),
      "c.test:80 4");
  const std::string none = "the name has no SRV record that leads anywhere";
  EXPECT_EQ(services_text({}), none);
  EXPECT_EQ(services_text({srv_record("", 80, 60)}), none) << "a target of \".\"";
  EXPECT_EQ(services_text({srv_record("a.test", 0, 60)}), none);
  EXPECT_EQ(reply_text(read_bytes(dns_answer({srv_record("c.test", 80, 60)}))),
            "the name has no address");
}

TEST(DnsMessage, KeepsTheServicesOfTheLowestPriorities) {
  std::vector<DnsRecord> many;
  for (uint16_t i = 0; i < 1000; ++i) {
    many.push_back(srv_record("n" + std::to_string(i) + ".test", 80, 60, uint16_t(999 - i)));
  }
  DnsReply reply = read_bytes(dns_answer(many), DnsType::srv);
  ASSERT_EQ(reply.services.size(), 32u);
  EXPECT_EQ(reply.services[0].target, "n999.test");
  EXPECT_EQ(reply.services[31].target, "n968.test");
}

TEST(DnsMessage, RefusesSpoiltServices) {
  const std::string spoilt = "malformed answer: a service is spoilt";
  const DnsRecord good = srv_record("c.test", 80, 60);
  for (size_t n = 0; n < good.data.size(); ++n) {
    EXPECT_EQ(services_text({good, {"", test::kSrv, 60, good.data.substr(0, n)}}), spoilt) << n;
  }
  EXPECT_EQ(services_text({{"", test::kSrv, 60, good.data + "x"}}), spoilt);
  const std::string head = good.data.substr(0, 6);
  // To itself: it stands behind the head, the question, and the record's own fields.
  const size_t at = 12 + 8 + 4 + 12 + 6;
  std::string self = {'\xc0', static_cast<char>(at)};
  EXPECT_EQ(services_text({{"", test::kSrv, 60, head + self}}), spoilt);
  EXPECT_EQ(services_text({{"", test::kSrv, 60, head + "\xff\xff"}}), spoilt);
  EXPECT_EQ(services_text({{"", test::kSrv, 60, head + "\x40" + std::string(64, 'x') + '\0'}}),
            spoilt);
  std::string label = "\x3f" + std::string(63, 'x');
  EXPECT_EQ(services_text({{"", test::kSrv, 60, head + label + label + label + label + '\0'}}),
            spoilt);
  // A pointer to the question, which servers should not write but do.
  EXPECT_EQ(services_text({{"", test::kSrv, 60, head + "\xc0\x0c"}}), "a.test:80 60");
}

TEST(DnsMessage, SurvivesPointers) {
  std::string loop = dns_answer({});
  loop[7] = 1;
  std::string self = loop + "\xc0" + static_cast<char>(loop.size());
  EXPECT_EQ(reply_text(read_bytes(self + std::string(20, '\0'))),
            "malformed answer: a record is cut off");
  // Names that grow by following each other.
  std::string grow = loop + "\x3f" + std::string(63, 'x') + "\xc0" + static_cast<char>(loop.size());
  EXPECT_EQ(reply_text(read_bytes(grow + std::string(20, '\0'))),
            "malformed answer: a record is cut off");
}

// Every cut and thousands of changed bytes: nothing to expect but an end (and sanitizers content).
TEST(DnsMessage, SurvivesAnyBytes) {
  std::string good = dns_answer(
      {cname_record("", "b.test", 30), address_record("10.0.0.1", 7, "b.test"),
       address_record("fd00::1", 7, "b.test"), srv_record("c.test", 80, 7, 0, "b.test")});
  for (size_t n = 0; n <= good.size(); ++n) {
    std::vector<char> exact(good.begin(), good.begin() + static_cast<ptrdiff_t>(n));
    EXPECT_LE(read_bytes({exact.data(), exact.size()}).addresses.size(), 1u);
  }
  std::minstd_rand random(1);
  for (int i = 0; i < 20'000; ++i) {
    std::vector<char> bad(good.begin(), good.end());
    for (unsigned n = random() % 4 + 1; n > 0; --n) {
      bad[random() % bad.size()] = static_cast<char>(random() % 3 == 0 ? 0xc0 : random());
    }
    const DnsType type = std::array{DnsType::a, DnsType::aaaa, DnsType::srv}[random() % 3];
    DnsReply reply = read_bytes({bad.data(), bad.size()}, type);
    EXPECT_LE(reply.addresses.size() + reply.services.size(), 32u);
  }
}

}  // namespace
}  // namespace siding
