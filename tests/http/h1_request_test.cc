// Request heads: the strictness table, and the RL, HO, HS, CL and TE cases of the raw-bytes suite,
// each fed in all ways.
#include <gtest/gtest.h>

#include <string>

#include "tests/http/h1_feed.h"

namespace siding::h1_request_test {
namespace {

using test::feed_all_ways;
using test::line;
using test::with;
using namespace std::string_literals;

struct Case {
  const char* what;
  std::string bytes;
  std::string expected;
};

std::string parse(const std::string& bytes) { return feed_all_ways<RequestHead>(bytes); }

void check(const std::vector<Case>& cases) {
  for (const Case& c : cases) {
    SCOPED_TRACE(c.what);
    // What follows a head (a body, the next request) changes nothing; but what was incomplete is not.
    EXPECT_EQ(parse(c.bytes), c.expected);
    if (c.expected == "incomplete") continue;
    EXPECT_EQ(parse(c.bytes + "GET \0\n"s), c.expected);
  }
}

TEST(H1Request, AcceptedRequestLines) {
  check({
      {"plain", line("GET /x HTTP/1.1"), "GET /x http://h origin 1.1 | Host=h @28"},
      {"query", line("GET /x?a=b&c=d HTTP/1.1"), "GET /x?a=b&c=d http://h origin 1.1 | Host=h @36"},
      {"unknown method", line("FOOBAR /x HTTP/1.1"), "FOOBAR /x http://h origin 1.1 | Host=h @31"},
      {"all token characters", line("!#$%&'*+-.^_`|~09azAZ / HTTP/1.1"),
       "!#$%&'*+-.^_`|~09azAZ / http://h origin 1.1 | Host=h @45"},
      {"1.0", line("GET /x HTTP/1.0"), "GET /x http://h origin 1.0 | Host=h @28"},
      {"1.0 without Host", "GET /x HTTP/1.0\r\n\r\n", "GET /x http:// origin 1.0 @19"},
      {"1.0 without any field but one", "GET /x HTTP/1.0\r\nA: b\r\n\r\n",
       "GET /x http:// origin 1.0 | A=b @25"},
      {"a path that looks like an authority", line("GET //evil.example/x HTTP/1.1"),
       "GET //evil.example/x http://h origin 1.1 | Host=h @42"},
      {"a path that looks like a URI", line("GET /http://evil.example/ HTTP/1.1"),
       "GET /http://evil.example/ http://h origin 1.1 | Host=h @47"},
      {"what browsers send raw", line("GET /a|b?{\"x\"}=[1]^`\\ HTTP/1.1"),
       "GET /a|b?{\"x\"}=[1]^`\\ http://h origin 1.1 | Host=h @43"},
      {"one CRLF before", "\r\n" + line("GET /x HTTP/1.1"),
       "GET /x http://h origin 1.1 | Host=h @30"},
      {"asterisk", line("OPTIONS * HTTP/1.1"), "OPTIONS * http://h asterisk 1.1 | Host=h @31"},
      {"authority", line("CONNECT a.example:443 HTTP/1.1"),
       "CONNECT a.example:443 http://a.example:443 authority 1.1 | Host=a.example:443 @43"},
      {"authority, IPv6", line("CONNECT [::1]:443 HTTP/1.1"),
       "CONNECT [::1]:443 http://[::1]:443 authority 1.1 | Host=[::1]:443 @39"},
  });
}

TEST(H1Request, AbsoluteForm) {
  check({
      {"the target wins over Host", line("GET http://a.example/x?y HTTP/1.1"),
       "GET /x?y http://a.example absolute 1.1 | Host=a.example @46"},
      {"same as Host", line("GET http://h/x HTTP/1.1"),
       "GET /x http://h absolute 1.1 | Host=h @36"},
      {"https, any case", line("GET HTTPS://a:8443/ HTTP/1.1"),
       "GET / https://a:8443 absolute 1.1 | Host=a:8443 @41"},
      {"no path", line("GET http://a HTTP/1.1"), "GET / http://a absolute 1.1 | Host=a @34"},
      {"no path but a query", line("GET http://a?q=1 HTTP/1.1"),
       "GET /?q=1 http://a absolute 1.1 | Host=a @38"},
      {"the whole server", line("OPTIONS http://a HTTP/1.1"),
       "OPTIONS * http://a absolute 1.1 | Host=a @38"},
      {"1.0 without Host gets one", "GET http://a/ HTTP/1.0\r\n\r\n",
       "GET / http://a absolute 1.0 | Host=a @26"},
      {"IPv6", line("GET http://[2001:db8::1]:80/ HTTP/1.1"),
       "GET / http://[2001:db8::1]:80 absolute 1.1 | Host=[2001:db8::1]:80 @50"},
      {"userinfo", line("GET http://u:p@h/x HTTP/1.1"), "400 bad authority in target"},
      {"user only", line("GET http://u@h/x HTTP/1.1"), "400 bad authority in target"},
      {"no authority", line("GET http:///x HTTP/1.1"), "400 bad authority in target"},
      {"backslash", line("GET http://h\\@evil/ HTTP/1.1"), "400 bad authority in target"},
      {"other scheme", line("GET ftp://h/x HTTP/1.1"), "400 scheme of target is not http"},
      {"one slash", line("GET http:/h/x HTTP/1.1"), "400 bad target form"},
      {"1.1 still needs Host", "GET http://a/ HTTP/1.1\r\n\r\n", "400 no Host field"},
      {"and a good one", "GET http://a/ HTTP/1.1\r\nHost: u@h\r\n\r\n", "400 bad Host"},
  });
}

TEST(H1Request, RefusedRequestLines) {
  check({
      {"HTAB between words", "GET\t/x\tHTTP/1.1\r\nHost: h\r\n\r\n", "400 bad method"},
      {"HTAB in target", line("GET /x\ty HTTP/1.1"), "400 bad byte in target"},
      {"two spaces", line("GET  /x HTTP/1.1"), "400 space in target"},
      {"two spaces before the version", line("GET /x  HTTP/1.1"), "400 space in target"},
      {"space in target", line("GET /x y HTTP/1.1"), "400 space in target"},
      {"trailing space", line("GET /x HTTP/1.1 "), "400 space in target"},
      {"leading space", line(" GET /x HTTP/1.1"), "400 bad method"},
      {"0.9", "GET /x\r\n\r\n", "400 no HTTP version"},
      {"0.9 with version", line("GET /x HTTP/0.9"), "505 HTTP version"},
      {"no target", line("GET HTTP/1.1"), "400 no HTTP version"},
      {"empty target", line("GET  HTTP/1.1"), "400 empty target"},
      {"no method", line("/x HTTP/1.1"), "400 bad method"},
      {"one word", line("GET"), "400 bad method"},
      {"method is no token", line("G(T /x HTTP/1.1"), "400 bad method"},
      {"1.10", line("GET /x HTTP/1.10"), "400 bad HTTP version"},
      {"lower case", line("GET /x http/1.1"), "400 bad HTTP version"},
      {"no minor version", line("GET /x HTTP/1"), "400 bad HTTP version"},
      {"1,1", line("GET /x HTTP/1,1"), "400 bad HTTP version"},
      {"letters", line("GET /x HTTP/a.b"), "400 bad HTTP version"},
      {"a letter for the major", line("GET /x HTTP/x.1"), "400 bad HTTP version"},
      {"a letter for the minor", line("GET /x HTTP/1.x"), "400 bad HTTP version"},
      {"0.0", line("GET /x HTTP/0.0"), "505 HTTP version"},
      {"1.2", line("GET /x HTTP/1.2"), "505 HTTP version"},
      {"2.0", line("GET /x HTTP/2.0"), "505 HTTP version"},
      {"3.1", line("GET /x HTTP/3.1"), "505 HTTP version"},
      {"the HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "505 not HTTP"},
      {"NUL in target", line("GET /x\0y HTTP/1.1"s), "400 control byte"},
      {"0x01 in target", line("GET /x\x01 HTTP/1.1"), "400 control byte"},
      {"DEL in target", line("GET /x\x7f HTTP/1.1"), "400 control byte"},
      {"0xff in target", line("GET /x\xff HTTP/1.1"), "400 bad byte in target"},
      {"0x80 in target", line("GET /x\x80 HTTP/1.1"), "400 bad byte in target"},
      {"0xff far into the target", line("GET /0123456789abcdef0123456789\xff HTTP/1.1"),
       "400 bad byte in target"},
      {"fragment", line("GET /x#f HTTP/1.1"), "400 bad byte in target"},
      {"fragment far into the target", line("GET /0123456789abcde#f0123456789abcdef HTTP/1.1"),
       "400 bad byte in target"},
      {"no slash", line("GET @127.0.0.1:80/ HTTP/1.1"), "400 bad target form"},
      {"no slash, a word", line("GET x HTTP/1.1"), "400 bad target form"},
      {"authority-form for GET", line("GET h:80 HTTP/1.1"), "400 bad target form"},
      {"asterisk for GET", line("GET * HTTP/1.1"), "400 target * without OPTIONS"},
      {"CONNECT to a path", line("CONNECT /x HTTP/1.1"), "400 target of CONNECT is not host:port"},
      {"CONNECT without port", line("CONNECT a1 HTTP/1.1"),
       "400 target of CONNECT is not host:port"},
      {"CONNECT with an empty port", line("CONNECT a: HTTP/1.1"),
       "400 target of CONNECT is not host:port"},
      {"CONNECT to an address without port", line("CONNECT [::1] HTTP/1.1"),
       "400 target of CONNECT is not host:port"},
      {"CONNECT to a URI", line("CONNECT http://a:1 HTTP/1.1"),
       "400 target of CONNECT is not host:port"},
      {"bare CR", line("GET /x\rX HTTP/1.1"), "400 bare CR"},
      {"CR CR LF", "GET /x HTTP/1.1\r\r\nHost: h\r\n\r\n", "400 bare CR"},
      {"bare LF", "GET /x HTTP/1.1\nHost: h\n\n", "400 bare LF"},
      {"bare LF first", "\nGET /x HTTP/1.1\r\nHost: h\r\n\r\n", "400 bare LF"},
      {"two CRLF before", "\r\n\r\n" + line("GET /x HTTP/1.1"), "400 empty start line"},
      {"a TLS ClientHello", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\xab\xab\xab"s,
       "400 control byte"},
      {"a method of 65 bytes", line(std::string(65, 'M') + " / HTTP/1.1"), "501 method too long"},
  });
}

TEST(H1Request, Incomplete) {
  check({
      {"nothing", "", "incomplete"},
      {"part of the request line", "GET /x HT", "incomplete"},
      {"no end of head", "GET /x HTTP/1.1\r\nHost: h\r\n", "incomplete"},
      {"half an end of line", "GET /x HTTP/1.1\r\nHost: h\r\n\r", "incomplete"},
      {"only the leading CRLF", "\r\n", "incomplete"},
  });
}

TEST(H1Request, Fields) {
  check({
      {"white space round a value", with("A: \t b c \t "),
       "GET /x http://h origin 1.1 | Host=h | A=b c @41"},
      {"no white space", with("A:b"), "GET /x http://h origin 1.1 | Host=h | A=b @33"},
      {"empty value", with("A:"), "GET /x http://h origin 1.1 | Host=h | A= @32"},
      {"only white space", with("A: \t "), "GET /x http://h origin 1.1 | Host=h | A= @35"},
      {"HTAB, obs-text and colon inside", with("A: a\tb:\xe4\xff"),
       "GET /x http://h origin 1.1 | Host=h | A=a\tb:\xe4\xff @39"},
      {"order of a repeated field", with("A: 1\r\nB: z\r\nA: 2"),
       "GET /x http://h origin 1.1 | Host=h | A=1 | B=z | A=2 @46"},
      {"space before colon", with("A : b"), "400 space before colon"},
      {"HTAB before colon", with("A\t: b"), "400 space before colon"},
      {"space in name", with("A B: c"), "400 space in field name"},
      {"space instead of a colon", with("A "), "400 space in field name"},
      {"folded", with("A: b\r\n c"), "400 folded field line"},
      {"folded by HTAB", with("A: b\r\n\tc"), "400 folded field line"},
      {"folded before chunked", with("Transfer-Encoding:\r\n chunked"), "400 folded field line"},
      {"space before the first name", "GET /x HTTP/1.1\r\n Host: h\r\nX: y\r\n\r\n",
       "400 folded field line"},
      {"a line of white space", with("A: b\r\n \r\nC: d"), "400 folded field line"},
      {"no colon", with("garbage"), "400 no colon in field line"},
      {"empty name", with(": b"), "400 empty field name"},
      {"X(", with("X(: b"), "400 bad byte in field name"},
      {"0x80 in name", with("X\x80: b"), "400 bad byte in field name"},
      {"0x85 in name", with("X\x85: b"), "400 bad byte in field name"},
      {"quote in name", with("\"X\": b"), "400 bad byte in field name"},
      {"NUL in name", with("X\0A: v"s), "400 control byte"},
      {"bare CR in value", with("A: b\rX-Inj: 1"), "400 bare CR"},
      {"CR at the end of a value", with("A: b\r"), "400 bare CR"},
      {"bare LF in the fields", with("A: b\nX-Inj: 1"), "400 bare LF"},
      {"bare LF as the end", "GET /x HTTP/1.1\r\nHost: h\r\n\n", "400 bare LF"},
  });
  for (int c : {0x00, 0x01, 0x08, 0x0b, 0x0c, 0x1f, 0x7f}) {
    SCOPED_TRACE(c);
    EXPECT_EQ(parse(with("A: b"s + static_cast<char>(c) + "c")), "400 control byte");
    EXPECT_EQ(parse(with("A: 0123456789abcdefghij"s + static_cast<char>(c))), "400 control byte");
    EXPECT_EQ(parse(with(static_cast<char>(c) + "A: b"s)), "400 control byte");
  }
}

TEST(H1Request, Host) {
  auto host = [](const std::string& value) {
    return "GET /x HTTP/1.1\r\nhOST: " + value + "\r\n\r\n";
  };
  for (const char* good : {"h", "h.example", "h.example:80", "h:", "a-b_c~d.", "127.0.0.1:8080",
                           "[::1]", "[::1]:80", "[2001:db8::7]:", "[::ffff:1.2.3.4]",
                           "[0000:0000:0000:0000:0000:ffff:255.255.255.255]", "h:65535"}) {
    std::string expected = "GET /x http://"s + good + " origin 1.1 | hOST=" + good + " @";
    EXPECT_EQ(parse(host(good)), expected + std::to_string(host(good).size()));
    EXPECT_EQ(parse(host("  "s + good + "\t")), expected + std::to_string(host(good).size() + 3));
  }
  EXPECT_EQ(parse(host("")), "GET /x http:// origin 1.1 | hOST= @27");  // probes send it
  for (const char* bad : {"h:80x",
                          "h:-1",
                          "h:65536",
                          "h:1:2",
                          ":80",
                          "u@h",
                          "h/x",
                          "h?x",
                          "h,evil",
                          "h evil",
                          "h\\x",
                          "h%00",
                          "h%41",
                          "h\xc3\xbc",
                          "[::1",
                          "::1",
                          "[h.example]",
                          "[::1%25eth0]",
                          "[v1.x]",
                          "[]",
                          "[::1]x",
                          "[::1]:x",
                          "[1:2:3:4:5:6:7:8:9]",
                          "[0000:0000:0000:0000:0000:ffff:255.255.255.2555]",
                          "h;x",
                          "h=x",
                          "\"h\"",
                          "h#x",
                          "[1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb]"}) {
    EXPECT_EQ(parse(host(bad)), "400 bad Host") << bad;
    EXPECT_EQ(parse("GET /x HTTP/1.0\r\nHost: "s + bad + "\r\n\r\n"), "400 bad Host") << bad;
  }
  EXPECT_EQ(parse(host("h\0.evil"s)), "400 control byte");
  EXPECT_EQ(parse("GET /x HTTP/1.1\r\n\r\n"), "400 no Host field");
  EXPECT_EQ(parse("GET /x HTTP/1.1\r\nHosts: h\r\n\r\n"), "400 no Host field");
  EXPECT_EQ(parse("OPTIONS * HTTP/1.1\r\n\r\n"), "400 no Host field");
  EXPECT_EQ(parse(with("Host: other")), "400 two Host fields");
  EXPECT_EQ(parse(with("HOST: h")), "400 two Host fields");
  EXPECT_EQ(parse("GET / HTTP/1.0\r\nHost: h\r\nHost: h\r\n\r\n"), "400 two Host fields");
}

TEST(H1Request, FramingFaultsAreFaultsOfTheHead) {
  check({
      {"two equal lengths", with("Content-Length: 5\r\nContent-Length: 5"),
       "400 two Content-Length fields"},
      {"length and chunked", with("Content-Length: 5\r\nTransfer-Encoding: chunked"),
       "400 Transfer-Encoding and Content-Length"},
      {"unknown coding", with("Transfer-Encoding: gzip, chunked"), "501 unknown transfer coding"},
      {"1.0", "POST /x HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
       "400 Transfer-Encoding in HTTP/1.0"},
  });
}

}  // namespace
}  // namespace siding::h1_request_test
