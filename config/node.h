// The configuration as a tree that knows the place of every key and value, independent of the TOML
// library.
// Invariant: members of a table stand in the order of the source and have distinct keys.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/faults.h"
#include "config/load.h"

namespace siding {

struct Node {
  enum class Kind { string, integer, boolean, other, list, table };

  Kind kind = Kind::table;
  Place place;
  std::string key;  ///< as a member of a table
  Place key_place;
  std::string text;                ///< of a string, expanded; of `other`: what it is ("a date")
  int64_t number = 0;              ///< of an integer; a boolean is 0 or 1
  std::optional<double> fraction;  ///< of a number with one
  bool expanded = false;           ///< a string that holds an environment variable's value
  bool verbatim = false;           ///< a string that stands in the source exactly as in `text`
  bool broken = false;             ///< its fault is already reported: nobody should judge its value
  std::vector<Node> children;      ///< of a list or a table

  bool is(Kind k) const { return kind == k; }
  const Node* find(std::string_view name) const;
  Node* find(std::string_view name);
  /// The member of that name, or this node: for pointing at the best place.
  const Node& at(std::string_view name) const;
  /// Where the character at byte `offset` of a string stands.
  Place place_of(size_t offset) const;
  /// "the integer 10", "a list": for messages.
  std::string description() const;
};

/// Adds what another file says: tables are merged, lists of tables appended, all else must be new.
void merge(Node& into, Node&& from, Faults& faults);

/// Parses TOML; faults of syntax are reported, and what can be read around them is returned.
/// The only use of the TOML library.
Node read_toml(const ConfigSource& source, size_t file, Faults& faults);

/// Expands ${NAME}, ${NAME:-default} and $$ in all strings.
void expand_environment(Node& node, const Environment& env, Faults& faults);

/// Rewrites every short form to the long one that it stands for, so that readers know only that:
/// prefetch = ["a:/x"] is [route.prefetch.calls] a = { call = "a:/x" }.
void expand_short_forms(Node& root);

}  // namespace siding
