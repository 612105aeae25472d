// What the tests of the configuration share: loading a text and looking at what was said about it.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <string_view>

#include "config/load.h"

namespace siding::config_test {

using Variables = std::map<std::string, std::string>;

inline Environment environment(const Variables& variables) {
  return [variables](std::string_view name) -> std::optional<std::string> {
    auto it = variables.find(std::string(name));
    return it == variables.end() ? std::nullopt : std::optional<std::string>(it->second);
  };
}

inline LoadedConfig load(std::string text, const Variables& variables = {}) {
  return load_config({{"t.toml", std::move(text)}}, environment(variables));
}

/// All that was said, a line for each.
inline std::string said(const LoadedConfig& loaded) {
  std::string out;
  for (const Diagnostic& d : loaded.diagnostics) out += d.text() + "\n";
  return out;
}
inline std::string said(std::string text) { return said(load(std::move(text))); }

/// The configuration of a text that has no fault.
inline Config good(std::string text, const Variables& variables = {}) {
  LoadedConfig loaded = load(std::move(text), variables);
  EXPECT_TRUE(loaded.ok()) << said(loaded);
  return loaded.ok() ? *loaded.config : Config{};
}

/// Exactly one fault, which begins like this.
inline ::testing::AssertionResult one_fault(std::string text, std::string_view begin) {
  const LoadedConfig loaded = load(std::move(text));
  if (loaded.ok()) return ::testing::AssertionFailure() << "no fault; said: " << said(loaded);
  if (loaded.diagnostics.size() != 1 || !said(loaded).starts_with(begin)) {
    return ::testing::AssertionFailure() << "said: " << said(loaded);
  }
  return ::testing::AssertionSuccess();
}

/// Exactly one warning and no fault.
inline ::testing::AssertionResult one_warning(std::string text, std::string_view begin) {
  const LoadedConfig loaded = load(std::move(text));
  if (!loaded.ok() || loaded.diagnostics.size() != 1 || !said(loaded).starts_with(begin)) {
    return ::testing::AssertionFailure() << "said: " << said(loaded);
  }
  return ::testing::AssertionSuccess();
}

// A small good configuration in parts, each of whole lines, so that tests add what they are about.
inline const std::string kListen = "listen = \"0.0.0.0:8080\"\n";              // 1
inline const std::string kEgress = "[egress]\nlisten = \"127.0.0.1:8081\"\n";  // 2
inline const std::string kShop =
    "[backend.shop]\nurl = \"http://127.0.0.1:8000\"\nconcurrency = 1\n";                // 3
inline const std::string kMusic = "[upstream.music]\nurl = \"http://music.example\"\n";  // 2
inline const std::string kRoute = "[[route]]\nbackend = \"shop\"\n";                     // 2
inline const std::string kSmall = kListen + kShop + kRoute;                              // 6
inline const std::string kFull = kListen + kEgress + kShop + kMusic + kRoute;            // 10

}  // namespace siding::config_test
