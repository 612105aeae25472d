// /etc/hosts as people and container runtimes write it.
#include "proxy/net/hosts_file.h"

#include <gtest/gtest.h>

#include "tests/proxy/net/resolver_bed.h"

namespace siding {
namespace {

std::string found_in(std::string_view text, std::string_view name) {
  std::string out;
  for (const SocketAddress& a : find_in_hosts(text, name)) out += (out.empty() ? "" : " ") + a.ip();
  return out;
}

constexpr std::string_view kHosts =
    "# comment\n"
    "127.0.0.1\tlocalhost\n"
    "::1  localhost ip6-localhost\r\n"
    "\n"
    "   10.0.0.1 Music.example music # the api\n"
    "10.0.0.2 music.example\n"
    "10.0.0.3#music.example\n"
    "127.1 odd.example\n"
    "nonsense music.example\n"
    "10.0.0.9 last";

TEST(HostsFile, FindsNames) {
  EXPECT_EQ(found_in(kHosts, "localhost"), "127.0.0.1 ::1");
  EXPECT_EQ(found_in(kHosts, "ip6-localhost"), "::1");
  EXPECT_EQ(found_in(kHosts, "music"), "10.0.0.1");
  EXPECT_EQ(found_in(kHosts, "music.example"), "10.0.0.1 10.0.0.2");
  EXPECT_EQ(found_in(kHosts, "last"), "10.0.0.9");
  EXPECT_EQ(found_in(kHosts, "example"), "");
  EXPECT_EQ(found_in(kHosts, "10.0.0.1"), "") << "the address itself is no name";
  EXPECT_EQ(found_in(kHosts, "odd.example"), "") << "127.1 is no address";
}

TEST(HostsFile, ReadsAFile) {
  test::ScratchFile file("10.1.1.1 a\n");
  EXPECT_EQ(find_in_hosts_file(file.path(), "a").size(), 1u);
  EXPECT_TRUE(find_in_hosts_file("/nonexistent/hosts", "a").empty());
  EXPECT_TRUE(find_in_hosts_file("/tmp", "a").empty());
}

}  // namespace
}  // namespace siding
