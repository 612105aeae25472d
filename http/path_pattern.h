// Route paths: "/search/" is exact, "/static/*" a prefix, "/u/{id}" has a segment, "/f/{rest...}" the
// rest. Matching is on the decoded path without dot segments (see uri.h), so a pattern is written
// decoded too: "/café", not "/caf%C3%A9".
// Invariant: a pattern made by parse() starts with "/".
//
//   pattern        matches                        and not
//   /search/       /search/                       /search, /search/x
//   /static/*      /static/, /static/a/b          /static, /staticx
//   /u/{id}        /u/7                           /u/, /u/7/, /u/7/x
//   /f/{rest...}   /f/, /f/a/b (rest: "a/b")      /f
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace siding {

/// Names and decoded values captured by a pattern, in its order.
using PathCaptures = std::vector<std::pair<std::string, std::string>>;

class PathPattern {
 public:
  struct Parsed;
  /// Exactly one of the result's members is set; the error says what is wrong and how to write it.
  static Parsed parse(std::string_view text);
  /// Matches every path, "*" too; its text is empty.
  static PathPattern everything();

  /// Fills `captures`, unless null, on a match; else leaves it as it is.
  bool match(std::string_view decoded_path, PathCaptures* captures) const;

  const std::string& text() const { return text_; }
  std::vector<std::string> capture_names() const;
  /// Whether every path that `other` matches is matched by this one too (conservative: may say no).
  bool covers(const PathPattern& other) const;

 private:
  enum class Kind { literal, segment, rest };
  struct Piece {  // what stands between two slashes, or after the last
    Kind kind;
    std::string text;  // literal text, or the capture's name; empty for "*"
  };
  static std::string read_piece(std::string_view text, bool last, Piece& piece);

  std::string text_;
  std::vector<Piece> pieces_;
  bool everything_ = false;
};

struct PathPattern::Parsed {
  std::optional<PathPattern> value;
  std::string error;
};

}  // namespace siding
