// See path_pattern.h.
#include "http/path_pattern.h"

#include <algorithm>

#include "http/uri.h"

namespace siding {

namespace {

bool is_capture_name(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return kUnreserved.has(c) && c != '.' && c != '~';
  });
}

std::string in_quotes(std::string_view text) { return '`' + std::string(text) + '`'; }

/// Takes what stands before the next slash off the front of `rest`; `more` is whether there was one.
std::string_view take_segment(std::string_view& rest, bool& more) {
  size_t slash = rest.find('/');
  std::string_view segment = rest.substr(0, slash);
  more = slash != std::string_view::npos;
  rest.remove_prefix(more ? slash + 1 : rest.size());
  return segment;
}

/// What is wrong with literal text, or "".
std::string literal_fault(std::string_view text) {
  if (text == "." || text == "..") {
    return "paths are matched without " + in_quotes(text) + "; write the path that is left";
  }
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '*') return "`*` stands only at the end and after a slash: `/static/*`";
    if (text[i] == '?' || text[i] == '#') {
      return "a path has no " + in_quotes(text.substr(i, 1)) + "; leave the query out";
    }
    if (is_escape(text, i)) {
      return "paths are matched decoded; write the character that " + in_quotes(text.substr(i, 3)) +
             " stands for";
    }
  }
  return {};
}

}  // namespace

PathPattern PathPattern::everything() {
  PathPattern pattern;
  pattern.everything_ = true;
  return pattern;
}

PathPattern::Parsed PathPattern::parse(std::string_view text) {
  if (!text.starts_with('/')) {
    return {std::nullopt, "a path begins with `/`: " + in_quotes("/" + std::string(text))};
  }
  PathPattern pattern;
  pattern.text_ = text;
  std::string_view rest = text.substr(1);
  for (bool more = true; more;) {
    std::string_view segment = take_segment(rest, more);
    Piece piece{Kind::literal, std::string(segment)};
    std::string fault = read_piece(segment, !more, piece);
    if (!fault.empty()) return {std::nullopt, fault};
    std::vector<std::string> names = pattern.capture_names();
    if (piece.kind != Kind::literal && !piece.text.empty() &&
        std::find(names.begin(), names.end(), piece.text) != names.end()) {
      return {std::nullopt, in_quotes("{" + piece.text + "}") + " stands twice; rename one"};
    }
    pattern.pieces_.push_back(std::move(piece));
  }
  return {std::move(pattern), {}};
}

/// Fills `piece` from one segment of a pattern; returns what is wrong with it, or "".
std::string PathPattern::read_piece(std::string_view text, bool last, Piece& piece) {
  if (text == "*" && last) {
    piece = {Kind::rest, ""};
    return {};
  }
  if (text.find_first_of("{}") == std::string_view::npos) return literal_fault(text);

  std::string_view name = text;
  if (!name.starts_with('{') || !name.ends_with('}')) {
    return "a capture is a whole segment: `/{name}/`, not " + in_quotes(text);
  }
  name = name.substr(1, name.size() - 2);
  bool rest = name.ends_with("...");
  if (rest) name.remove_suffix(3);
  if (!is_capture_name(name)) {
    return "a capture's name has letters, digits, `-` and `_`: `{id}`, not " + in_quotes(text);
  }
  if (rest && !last) return in_quotes(text) + " takes the rest of a path: it stands at the end";
  piece = {rest ? Kind::rest : Kind::segment, std::string(name)};
  return {};
}

bool PathPattern::match(std::string_view decoded_path, PathCaptures* captures) const {
  PathCaptures found;
  bool more = decoded_path.starts_with('/');
  std::string_view rest = decoded_path.substr(more ? 1 : 0);
  for (const Piece& piece : pieces_) {
    if (!more) return false;
    std::string_view text = rest;
    more = false;
    if (piece.kind != Kind::rest) text = take_segment(rest, more);
    if (piece.kind == Kind::literal && text != piece.text) return false;
    if (piece.kind == Kind::segment && text.empty()) return false;
    if (captures != nullptr && piece.kind != Kind::literal && !piece.text.empty()) {
      found.emplace_back(piece.text, text);
    }
  }
  if (more && !everything_) return false;
  if (captures != nullptr) *captures = std::move(found);
  return true;
}

std::vector<std::string> PathPattern::capture_names() const {
  std::vector<std::string> names;
  for (const Piece& piece : pieces_) {
    if (piece.kind != Kind::literal && !piece.text.empty()) names.push_back(piece.text);
  }
  return names;
}

bool PathPattern::covers(const PathPattern& other) const {
  if (everything_ || other.everything_) return everything_;
  for (size_t i = 0; i < pieces_.size(); ++i) {
    if (i == other.pieces_.size()) return false;
    const Piece& mine = pieces_[i];
    const Piece& theirs = other.pieces_[i];
    if (mine.kind == Kind::rest) return true;
    if (theirs.kind == Kind::rest) return false;
    if (mine.kind == Kind::literal && (theirs.kind != Kind::literal || theirs.text != mine.text)) {
      return false;
    }
    // A segment is never empty, but a literal may be: "/u/".
    if (theirs.kind == Kind::literal && mine.kind == Kind::segment && theirs.text.empty()) {
      return false;
    }
  }
  return pieces_.size() == other.pieces_.size();
}

}  // namespace siding
