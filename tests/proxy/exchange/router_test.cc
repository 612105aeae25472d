// Routes: what each key of a [[route]] takes, and that `check` is right when it says that one never
// matches.
#include "proxy/exchange/router.h"

#include <gtest/gtest.h>

#include <random>

#include "config/load.h"

namespace siding {
namespace {

/// A head of one request, with fields in pairs.
struct AskedFor {
  std::string method = "GET";
  std::string target = "/";
  std::string host = "shop.example";
  std::vector<std::pair<std::string, std::string>> fields{};
};

RequestHead head_of(const AskedFor& asked) {
  RequestHead head;
  head.method = asked.method;
  head.target = asked.target;
  head.authority = asked.host;
  for (const auto& [name, value] : asked.fields) head.fields.add(name, value);
  return head;
}

LoadedConfig with_routes(const std::vector<std::string>& routes) {
  std::string text =
      "listen = \"127.0.0.1:1\"\n[backend.a]\nurl = \"http://127.0.0.1:2\"\nconcurrency = 1\n";
  for (const std::string& route : routes) text += "[[route]]\nbackend = \"a\"\n" + route;
  LoadedConfig loaded = load_config({{"t.toml", text}}, [](auto) { return std::nullopt; });
  EXPECT_TRUE(loaded.ok()) << text;
  return loaded;
}

/// Which of the routes takes it; -1: none.
int route_of(const Config& config, const AskedFor& asked) {
  const RequestHead head = head_of(asked);
  const RouteConfig* route = Router(config).match(head).route;
  return route == nullptr ? -1 : static_cast<int>(route - config.routes.data());
}

bool takes(const std::string& route, const AskedFor& asked) {
  return route_of(*with_routes({route}).config, asked) == 0;
}

TEST(Router, Hosts) {
  auto host = [](const std::string& pattern, const std::string& asked) {
    return takes("host = \"" + pattern + "\"\n", {.host = asked});
  };
  EXPECT_TRUE(host("Shop.Example", "shop.example"));
  EXPECT_TRUE(host("shop.example", "SHOP.example:8080"));
  EXPECT_TRUE(host("shop.example.", "shop.example"));
  EXPECT_TRUE(host("shop.example", "shop.example."));
  EXPECT_FALSE(host("shop.example", "www.shop.example"));
  EXPECT_TRUE(host("*.example", "a.b.example"));
  EXPECT_FALSE(host("*.example", "example"));
  EXPECT_TRUE(host("10.0.0.1", "10.0.0.1:80"));
  EXPECT_TRUE(host("[::1]", "[::1]"));
  EXPECT_TRUE(host("[FD00::1]", "[fd00::1]:8080"));
  EXPECT_TRUE(host("*", ""));
  EXPECT_FALSE(host("shop.example", ""));
}

TEST(Router, MethodsAndFields) {
  EXPECT_TRUE(takes("method = \"GET\"\n", {.method = "HEAD"}));
  EXPECT_FALSE(takes("method = \"HEAD\"\n", {.method = "GET"}));
  EXPECT_FALSE(takes("method = [\"GET\", \"PUT\"]\n", {.method = "POST"}));
  EXPECT_TRUE(takes("header = { X-Beta = \"1\" }\n", {.fields = {{"x-beta", "1"}}}));
  EXPECT_FALSE(takes("header = { X-Beta = \"1\" }\n", {.fields = {{"x-beta", "2"}}}));
  EXPECT_TRUE(takes("header = { X-Beta = \"*\" }\n", {.fields = {{"x-beta", ""}}}));
  EXPECT_FALSE(takes("header = { X-Beta = \"*\" }\n", {}));
}

TEST(Router, TheFirstThatMatches) {
  const LoadedConfig loaded =
      with_routes({"path = \"/a/b\"\n", "path = \"/a/*\"\n", "path = \"/c\"\n"});
  auto of = [&](const std::string& target) { return route_of(*loaded.config, {.target = target}); };
  EXPECT_EQ(of("/a/b?x"), 0);
  EXPECT_EQ(of("/a/%62"), -1) << "raw the second, decoded the first: none";
  EXPECT_EQ(of("/a/%c"), -1) << "unreadable";
  EXPECT_EQ(of("/a/%63"), 1) << "both ways the same";
  EXPECT_EQ(of("/a/c"), 1);
  EXPECT_EQ(of("/c"), 2);
  EXPECT_EQ(of("/d"), -1);
}

// Routes and requests of a small world, so that many collide.
TEST(Router, WhatCheckSaysNeverMatchesNeverDoes) {
  std::mt19937 random(20240302);  // always the same story
  auto any = [&](const std::vector<std::string>& of) { return of[random() % of.size()]; };
  const std::vector<std::string> paths{
      "/",      "/a",      "/a/",       "/a/b",   "/*",          "/a/*",        "/{x}", "/{x}/b",
      "/a/{x}", "/{x...}", "/a/{x...}", "/{x}/*", "/{x}/{y...}", "/a/b/{x...}", "*"};
  const std::vector<std::string> hosts{"*", "x.example", "*.example", "*.x.example", "[::1]"};
  const std::vector<std::string> methods{"[]", "[\"GET\"]", "[\"HEAD\"]", "[\"GET\", \"POST\"]"};
  const std::vector<std::string> headers{"{}", "{ A = \"1\" }", "{ a = \"*\" }",
                                         "{ A = \"1\", B = \"*\" }"};
  std::vector<AskedFor> world;
  for (const char* target :
       {"/", "/a", "/a/", "/a/b", "/a/b/", "/a/b/c", "/c", "/c/b", "/c/", "//"}) {
    for (const char* host : {"x.example", "y.x.example", "example", "[::1]:80"}) {
      for (const char* method : {"GET", "HEAD", "POST", "PUT"}) {
        world.push_back({method, target, host, {}});
        world.push_back({method, target, host, {{"a", "1"}}});
        world.push_back({method, target, host, {{"A", "2"}, {"b", ""}}});
        world.push_back({method, target, host, {{"B", "x"}, {"A", "1"}}});
      }
    }
  }
  int warned = 0;
  for (int round = 0; round < 1500; ++round) {
    std::vector<std::string> routes;
    for (int i = 0; i < 2; ++i) {
      routes.push_back("path = \"" + any(paths) + "\"\nhost = \"" + any(hosts) +
                       "\"\nmethod = " + any(methods) + "\nheader = " + any(headers) + "\n");
    }
    const LoadedConfig loaded = with_routes(routes);
    if (loaded.diagnostics.empty()) continue;
    ++warned;
    for (const AskedFor& asked : world) {
      ASSERT_NE(route_of(*loaded.config, asked), 1)
          << routes[0] << routes[1] << asked.method << " " << asked.host << asked.target;
    }
  }
  EXPECT_GT(warned, 50);
}

}  // namespace
}  // namespace siding
