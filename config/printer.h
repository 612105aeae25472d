// Writes structs as TOML with every option: the other visitor that options() in sections.h is
// written for.
// Invariant: what it writes loads to the same configuration (but for secrets, which it never writes).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/values.h"

namespace siding {

class Printer {
 public:
  enum class Style { lines, braces };

  explicit Printer(std::string path = "", Style style = Style::lines)
      : path_(std::move(path)), style_(style) {}

  template <class T, class Kind>
  void option(std::string_view key, const T& field, const Kind& kind) {
    write(key, kind.print(field));
  }
  template <class T, class Kind>
  void required(std::string_view key, const T& field, const Kind& kind, std::string_view) {
    option(key, field, kind);
  }
  template <class T>
  void fallback(T&, T) {}
  void place(std::string&) {}

  template <class S>
  void table(std::string_view key, S& section, bool used = true) {
    if (used) add("[" + path_to(key) + "]", path_to(key), section);
  }
  template <class S>
  void table(std::string_view key, std::optional<S>& section) {
    if (section) table(key, *section);
  }
  template <class S>
  void inline_table(std::string_view key, S& section) {
    Printer printer("", Style::braces);
    options(printer, section);
    write(key, "{ " + printer.options_ + " }");
  }
  template <class S>
  void inline_table(std::string_view key, std::optional<S>& section) {
    if (section) inline_table(key, *section);
  }
  template <class S>
  void named_tables(std::string_view key, std::vector<S>& sections, std::string S::*name) {
    for (S& section : sections) table(std::string(key) + "." + section.*name, section);
  }
  template <class S>
  void table_list(std::string_view key, std::vector<S>& sections) {
    for (S& section : sections) add("[[" + path_to(key) + "]]", path_to(key), section);
  }

  std::string text() const { return options_ + tables_; }

 private:
  template <class S>
  void add(const std::string& header, const std::string& path, S& section) {
    Printer printer(path);
    options(printer, section);
    // A table that only holds others needs no head of its own.
    tables_ += (printer.options_.empty() ? "" : "\n" + header + "\n") + printer.text();
  }

  void write(std::string_view key, const std::string& value) {
    if (style_ == Style::braces && !options_.empty()) options_ += ", ";
    options_ += std::string(key) + " = " + value;
    if (style_ == Style::lines) options_ += "\n";
  }

  std::string path_to(std::string_view key) const {
    return path_.empty() ? std::string(key) : path_ + "." + std::string(key);
  }

  std::string path_;
  Style style_;
  std::string options_;  // in TOML they come before the tables
  std::string tables_;
};

}  // namespace siding
