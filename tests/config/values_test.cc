// Durations, sizes, addresses, networks and urls: what is accepted, what it means, what is refused.
#include "config/values.h"

#include <gtest/gtest.h>

namespace siding {
namespace {

TEST(ConfigValues, Durations) {
  EXPECT_EQ(parse_duration("500ms"), 500ms);
  EXPECT_EQ(parse_duration("30s"), 30s);
  EXPECT_EQ(parse_duration("5m"), 5min);
  EXPECT_EQ(parse_duration("2h"), 2h);
  EXPECT_EQ(parse_duration("1d"), 24h);
  EXPECT_EQ(parse_duration("0s"), 0s);
  EXPECT_EQ(parse_duration("7us"), 7us);
  EXPECT_EQ(parse_duration("106751d"), 24h * 106751);  // the last day that fits
  for (const char* text : {"", "5", "s", "-1s", "+1s", "1.5s", "1 s", " 1s", "1s ", "1S", "1sec",
                           "1m30s", "106752d", "99999999999999999999s", "0x1s"}) {
    EXPECT_EQ(parse_duration(text), std::nullopt) << text;
  }
}

TEST(ConfigValues, Sizes) {
  EXPECT_EQ(parse_size("0B"), 0u);
  EXPECT_EQ(parse_size("64KiB"), 65536u);
  EXPECT_EQ(parse_size("10MB"), 10'000'000u);
  EXPECT_EQ(parse_size("1GiB"), 1u << 30);
  EXPECT_EQ(parse_size("8388607TiB"), 8388607ull << 40);
  for (const char* text : {"", "64", "KiB", "64kib", "64K", "1.5MiB", "-1B", "8388608TiB", "1 B"}) {
    EXPECT_EQ(parse_size(text), std::nullopt) << text;
  }
}

TEST(ConfigValues, DurationsAndSizesArePrintedExactly) {
  EXPECT_EQ(format_duration(0s), "0s");
  EXPECT_EQ(format_duration(1500ms), "1500ms");
  EXPECT_EQ(format_duration(60s), "1m");
  EXPECT_EQ(format_duration(61s), "61s");
  EXPECT_EQ(format_duration(48h), "2d");
  EXPECT_EQ(format_size(0), "0B");
  EXPECT_EQ(format_size(96 * 1024), "96KiB");
  EXPECT_EQ(format_size(10'000'000), "10MB");
  EXPECT_EQ(format_size(1025), "1025B");
  for (int64_t n : {1, 999, 1000, 1024, 86'400, 123'456'789}) {
    EXPECT_EQ(parse_duration(format_duration(Duration(n))), Duration(n));
    EXPECT_EQ(parse_size(format_size(static_cast<uint64_t>(n))), static_cast<uint64_t>(n));
  }
}

TEST(ConfigValues, ListenAddresses) {
  for (const char* text : {"0.0.0.0:8080", "127.0.0.1:0", "[::]:8080", "[::1]:1", "unix:/run/s"}) {
    const Parsed<ListenAddress> parsed = parse_listen_address(text);
    ASSERT_TRUE(parsed.value) << text << ": " << parsed.error;
    EXPECT_EQ(parsed.value->text(), text);
  }
  EXPECT_TRUE(parse_listen_address("unix:/run/s").value->local());
  EXPECT_TRUE(parse_listen_address("127.9.9.9:1").value->local());
  EXPECT_TRUE(parse_listen_address("[::1]:1").value->local());
  EXPECT_FALSE(parse_listen_address("[::]:1").value->local());
  EXPECT_FALSE(parse_listen_address("10.0.0.1:1").value->local());
}

TEST(ConfigValues, ListenAddressesThatAreNone) {
  auto fault = [](std::string_view text) { return parse_listen_address(text).error; };
  EXPECT_NE(fault("8080").find("0.0.0.0:8080"), std::string::npos);
  EXPECT_NE(fault(":8080").find("0.0.0.0:8080"), std::string::npos);
  EXPECT_NE(fault("*:8080").find("0.0.0.0:8080"), std::string::npos);
  EXPECT_NE(fault("127.0.0.1").find("port is missing"), std::string::npos);
  EXPECT_NE(fault("::1").find("port is missing"), std::string::npos);
  EXPECT_NE(fault("localhost:80").find("not an IP address"), std::string::npos);
  EXPECT_NE(fault("127.0.0.1:65536").find("not a port"), std::string::npos);
  EXPECT_NE(fault("127.0.0.1:").find("not a port"), std::string::npos);
  EXPECT_NE(fault("[::1]x:80").find("not a port"), std::string::npos);
  EXPECT_NE(fault("[127.0.0.1]:80").find("not an IP address"), std::string::npos);
  EXPECT_NE(fault("::1:80x").find("not an IP address"), std::string::npos);
  EXPECT_NE(fault("unix:run/s").find("absolute"), std::string::npos);
  EXPECT_NE(fault("unix:/" + std::string(200, 'x')).find("107"), std::string::npos);
  EXPECT_NE(fault(""), "");
}

// TOML can write one, and system calls read up to it.
TEST(ConfigValues, NothingStandsBehindANul) {
  auto with_nul = [](std::string text) { return text.replace(text.find('!'), 1, 1, '\0'); };
  for (const char* text : {"127.0.0.1!x:80", "[::1!]:80", "unix:/run/a!b"}) {
    EXPECT_FALSE(parse_listen_address(with_nul(text)).value) << text;
  }
  EXPECT_FALSE(parse_network(with_nul("10.0.0.0!/8")).value);
  EXPECT_FALSE(parse_network(with_nul("::1!")).value);
  EXPECT_FALSE(parse_resolver(with_nul("10.0.0.2!")).value);
  EXPECT_FALSE(parse_backend_url(with_nul("http://[::1!]:80")).value);
  EXPECT_FALSE(parse_backend_url(with_nul("unix:/run/a!b")).value);
  EXPECT_FALSE(parse_server_name(with_nul("::1!.example")).value);
  EXPECT_FALSE(parse_absolute_path(with_nul("/etc/secret!.txt")).value);
}

TEST(ConfigValues, Networks) {
  for (const char* text : {"10.0.0.0/8", "0.0.0.0/0", "192.168.1.1/32", "::/0", "fc00::/7"}) {
    const Parsed<Cidr> parsed = parse_network(text);
    ASSERT_TRUE(parsed.value) << text << ": " << parsed.error;
    EXPECT_EQ(print_network(*parsed.value), text);
  }
  EXPECT_EQ(print_network(*parse_network("10.1.2.3").value), "10.1.2.3/32");
  EXPECT_EQ(parse_network("10.0.0.0/8").value->prefix, 104);
  EXPECT_NE(parse_network("10.1.2.3/8").error.find("10.0.0.0/8"), std::string::npos);
  for (const char* text : {"10.0.0.0/33", "::/129", "10.0.0.0/", "10.0.0.0/-1", "10/8", "x", ""}) {
    EXPECT_FALSE(parse_network(text).value) << text;
  }
}

TEST(ConfigValues, BackendUrls) {
  const OriginUrl url = *parse_backend_url("http://Shop.Example:8000/").value;
  EXPECT_EQ(url.host, "shop.example");
  EXPECT_EQ(url.port, 8000);
  EXPECT_EQ(url.authority(), "shop.example:8000");
  EXPECT_EQ(parse_backend_url("http://[::1]").value->authority(), "[::1]");
  EXPECT_EQ(parse_backend_url("unix:/run/app.sock").value->unix_path, "/run/app.sock");
  auto fault = [](std::string_view text) { return parse_backend_url(text).error; };
  EXPECT_NE(fault("127.0.0.1:8000").find("\"http://127.0.0.1:8000\""), std::string::npos);
  EXPECT_NE(fault("uwsgi://127.0.0.1:8000").find("\"http://host:port\" or \"unix:/path\""),
            std::string::npos);
  EXPECT_NE(fault("https://127.0.0.1").find("`https://`"), std::string::npos);
  EXPECT_NE(fault("http://h/path").find("no path"), std::string::npos);
  EXPECT_NE(fault("http://h:0").find("not a port"), std::string::npos);
  EXPECT_NE(fault("http://").find("not a host"), std::string::npos);
  EXPECT_NE(fault("http://a b").find("not a host"), std::string::npos);
  // A slip in an address is no name: nobody would ever find it.
  for (const char* text : {"http://10.0.0.300", "http://127.1", "http://0x7f.0.0.1", "http://1"}) {
    EXPECT_NE(fault(text).find("not a host"), std::string::npos) << text;
  }
  EXPECT_NE(fault("http://[::1"), "");
  EXPECT_NE(fault("unix:x").find("absolute"), std::string::npos);
}

TEST(ConfigValues, UpstreamUrls) {
  const OriginUrl url = *parse_upstream_url("http://api.example/v1/").value;
  EXPECT_EQ(url.base_path, "/v1");
  EXPECT_EQ(url.authority(), "api.example");
  auto fault = [](std::string_view text) { return parse_upstream_url(text).error; };
  EXPECT_EQ(parse_upstream_url("https://api.example").value->port, 443);
  EXPECT_EQ(parse_upstream_url("HTTPS://api.example:8443").value->scheme, "https");
  EXPECT_EQ(parse_server_name("API.example").value, "api.example");
  EXPECT_EQ(parse_server_name("10.0.0.1").value, "10.0.0.1");
  EXPECT_FALSE(parse_server_name("https://api.example").value);
  EXPECT_NE(fault("http://u:p@h").find("headers"), std::string::npos);
  EXPECT_NE(fault("http://h/?q=1").find("no query"), std::string::npos);
  EXPECT_NE(fault("http://h/a{b}").find("percent-encoded"), std::string::npos);
  EXPECT_NE(fault("ftp://h"), "");
  EXPECT_NE(fault("unix:/x"), "");
}

TEST(ConfigValues, NamesOfServices) {
  const OriginUrl url = *parse_upstream_url("https://_HTTP._tcp.Search.example./v1").value;
  EXPECT_EQ(url.host, "_http._tcp.search.example.");
  EXPECT_TRUE(url.is_service());
  EXPECT_EQ(url.authority(), "search.example.");
  EXPECT_EQ(url.name(), "search.example");
  EXPECT_EQ(url.base_path, "/v1");
  EXPECT_EQ(url.port, 443);
  EXPECT_FALSE(parse_upstream_url("http://a._tcp.search.example").value->is_service());
  auto fault = [](std::string_view text) { return parse_upstream_url(text).error; };
  EXPECT_EQ(fault("http://_http._tcp.search.example:8983"),
            "`_http._tcp.search.example` is a name for SRV records, and these tell the port: leave "
            "out `:8983`, or name a host without `_` labels, such as \"search.example:8983\"");
  for (const char* text : {"http://_http", "http://_http._tcp", "http://_http._tcp.",
                           "http://_http.tcp.search", "http://_._tcp.search", "http://_a.b:80"}) {
    EXPECT_NE(fault(text).find("such as \"_http._tcp.search.example\""), std::string::npos) << text;
  }
  for (const char* text : {"http://_http._tcp.10.0.0.1", "http://_http._tcp..a"}) {
    EXPECT_NE(fault(text).find("not a host"), std::string::npos) << text;
  }
  EXPECT_NE(fault("http://_http._tcp.localhost").find("name host and port"), std::string::npos);
  EXPECT_NE(fault("http://_http._tcp.a.localhost.").find("name host and port"), std::string::npos);
  for (const char* text : {"http://_http._tcp.app.example", "http://_app:8000"}) {
    EXPECT_NE(
        parse_backend_url(text).error.find("a backend is one service: name its host and port"),
        std::string::npos)
        << text;
  }
}

TEST(ConfigValues, RatesAndHedges) {
  for (const char* text : {"100/s", "600/m", "5000/h", "none"}) {
    EXPECT_EQ(print_rate(*parse_rate(text).value), text);
  }
  for (const char* text : {"100", "0/s", "1/d", "-1/s", "/s", "many"}) {
    EXPECT_NE(parse_rate(text).error.find("is not a rate"), std::string::npos) << text;
  }
  for (const char* text : {"off", "p95", "150ms"}) {
    EXPECT_EQ(print_hedge(*parse_hedge(text).value), text);
  }
  for (const char* text : {"p99", "150", "0ms", ""}) {
    EXPECT_NE(parse_hedge(text).error.find("second try"), std::string::npos) << text;
  }
}

TEST(ConfigValues, NamesAndWords) {
  EXPECT_EQ(parse_resolver("10.0.0.2").value, "10.0.0.2:53");
  EXPECT_EQ(parse_resolver("::1").value, "[::1]:53");
  EXPECT_EQ(parse_resolver("FD00::B").value, "[fd00::b]:53") << "as it is read again";
  EXPECT_EQ(parse_resolver("[::1]:5353").value, "[::1]:5353");
  EXPECT_FALSE(parse_resolver("dns.example").value);
  EXPECT_EQ(parse_host_pattern("*").value, "");
  EXPECT_EQ(parse_host_pattern("*.Example").value, "*.example");
  EXPECT_FALSE(parse_host_pattern("a.*").value);
  EXPECT_FALSE(parse_host_pattern("a:80").value);
  // As requests are compared: without brackets and the last dot.
  EXPECT_EQ(parse_host_pattern("[::1]").value, "::1");
  EXPECT_EQ(print_host_pattern("::1"), "[::1]");
  EXPECT_EQ(parse_host_pattern("Shop.Example.").value, "shop.example");
  EXPECT_EQ(parse_host_pattern("*.example.").value, "*.example");
  for (const char* text : {"*.10.0.0.1", "*.[::1]", "*.", "127.1", "[::1]:80", "", "a..b"}) {
    EXPECT_FALSE(parse_host_pattern(text).value) << text;
  }
  EXPECT_TRUE(parse_condition("cookie.sessionid").value);
  EXPECT_FALSE(parse_condition("cookie.").value);
  EXPECT_FALSE(parse_condition("cookie").value);
  EXPECT_NE(parse_condition("cokie.sid").error.find("`cookie`"), std::string::npos);
  EXPECT_EQ(header_value_fault("plain"), "");
  EXPECT_NE(header_value_fault("a\nb"), "");
  EXPECT_NE(added_header_fault("Content-Length"), "");
  EXPECT_EQ(toml_string("a\"b\\c$d\n"), "\"a\\\"b\\\\c$$d\\u000A\"");
}

}  // namespace
}  // namespace siding
