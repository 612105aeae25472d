// Reads one table of the configuration into a struct: each option is asked for by name, and what
// nobody asked for is an unknown key. The visitor that options() in sections.h is written for.
// Invariant: a faulty or absent option leaves its field at the default.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/node.h"
#include "config/values.h"

namespace siding {

class Reader {
 public:
  /// `title` is what messages call the table: "[backend.shop]", or "" for the top level.
  Reader(const Node& table, std::string title, Faults& faults)
      : table_(table), title_(std::move(title)), faults_(faults) {}

  template <class T, class Kind>
  void option(std::string_view key, T& field, const Kind& kind) {
    if (const Node* node = take(key)) kind.read(*node, field, faults_);
  }

  /// An option without a default; `why` says what to write.
  template <class T, class Kind>
  void required(std::string_view key, T& field, const Kind& kind, std::string_view why) {
    option(key, field, kind);
    if (table_.find(key) == nullptr) report_missing(key, why);
  }

  /// A default that follows from options read before.
  template <class T>
  void fallback(T& field, T value) {
    field = value;
  }

  /// `used`: whether it is worth printing.
  template <class S>
  void table(std::string_view key, S& section, bool used = true) {
    static_cast<void>(used);
    const Node* node = take_table(key);
    if (node != nullptr) read(*node, child_title(key), section);
  }

  template <class S>
  void table(std::string_view key, std::optional<S>& section) {
    if (take(key) != nullptr) table(key, section.emplace());
  }

  template <class S>
  void inline_table(std::string_view key, S& section) {
    table(key, section);
  }
  template <class S>
  void inline_table(std::string_view key, std::optional<S>& section) {
    table(key, section);
  }

  /// [key.NAME], for any names.
  template <class S>
  void named_tables(std::string_view key, std::vector<S>& sections, std::string S::*name) {
    const Node* tables = take_table(key);
    if (tables == nullptr) return;
    for (const Node& node : tables->children) {
      S& section = sections.emplace_back();
      section.*name = node.key;
      if (check_named(key, node)) read(node, child_title(key, node.key), section);
    }
  }

  /// [[key]]
  template <class S>
  void table_list(std::string_view key, std::vector<S>& sections) {
    const Node* list = take_table_list(key);
    if (list == nullptr) return;
    for (const Node& node : list->children) {
      S& section = sections.emplace_back();
      if (check_table(key, node)) read(node, "[" + child_title(key) + "]", section);
    }
  }

  /// Where the table stands.
  void place(std::string& out) const { out = faults_.text(table_.place); }

  /// Reports what nobody asked for.
  void finish();

 private:
  template <class S>
  void read(const Node& node, std::string title, S& section) {
    Reader reader(node, std::move(title), faults_);
    options(reader, section);
    reader.finish();
  }

  /// The member, or nullptr if it is absent or already known to be faulty.
  const Node* take(std::string_view key);
  const Node* take_table(std::string_view key);
  const Node* take_table_list(std::string_view key);
  bool check_table(std::string_view key, const Node& node);
  bool check_named(std::string_view key, const Node& node);
  void report_missing(std::string_view key, std::string_view why);
  std::string child_title(std::string_view key, std::string_view name = {}) const;

  const Node& table_;
  std::string title_;
  Faults& faults_;
  std::vector<std::string> known_;
};

/// "expected <what>, got the integer 10<remedy>"
void report_type(const Node& node, Faults& faults, std::string_view what,
                 const std::string& remedy = "");

}  // namespace siding
