// From TOML text to Nodes: the one place that includes the TOML library and catches what it throws.
// The library stops at the first fault of syntax; here the faulty statement is blanked and reading
// goes on, so that one run shows all faults.
// Invariant: blanking keeps every line where it was, so later places stay right.
#include <toml++/toml.h>

#include <algorithm>

#include "base/text.h"
#include "config/node.h"

namespace siding {
namespace {

constexpr int kMaxSyntaxFaults = 20;
constexpr ptrdiff_t kMaxDots = 1000;  // each may nest a table in a table, and so does the stack

using Lines = std::vector<std::string>;

Lines split_lines(std::string_view text) {
  Lines lines(1);
  for (char c : text) {
    if (c == '\n') {
      lines.emplace_back();
    } else {
      lines.back() += c;
    }
  }
  return lines;
}

std::string join_lines(const Lines& lines, size_t end) {
  std::string text;
  for (size_t i = 0; i < end; ++i) text += lines[i] + "\n";
  return text;
}

Place place_of(const toml::source_position& position, size_t file) {
  return {file, static_cast<uint32_t>(position.line), static_cast<uint32_t>(position.column)};
}

// --- the tree -----------------------------------------------------------------------------------

// Whether the string stands in its line as it is: then offsets in it are columns.
bool stands_verbatim(const Node& node, const Lines& lines) {
  if (node.place.line == 0 || node.place.line > lines.size()) return false;
  const std::string& line = lines[node.place.line - 1];
  size_t at = 0;
  for (uint32_t column = 1; at < line.size(); ++at) {  // to the byte after the opening quote
    if ((line[at] & 0xC0) != 0x80 && column++ > node.place.column) break;
  }
  return line.compare(at, node.text.size(), node.text) == 0 &&
         line.compare(at + node.text.size(), 1, line, at - 1, 1) == 0;
}

Node convert(const toml::node& value, size_t file, const Lines& lines) {
  Node node;
  node.place = place_of(value.source().begin, file);
  if (const toml::table* table = value.as_table()) {
    for (auto&& [key, member] : *table) {
      node.children.push_back(convert(member, file, lines));
      node.children.back().key = std::string(key.str());
      node.children.back().key_place = place_of(key.source().begin, file);
    }
    // The library sorts by key; people mean the order in which they write.
    std::stable_sort(node.children.begin(), node.children.end(), [](const Node& a, const Node& b) {
      return std::pair(a.key_place.line, a.key_place.column) <
             std::pair(b.key_place.line, b.key_place.column);
    });
  } else if (const toml::array* array = value.as_array()) {
    node.kind = Node::Kind::list;
    for (const toml::node& item : *array) node.children.push_back(convert(item, file, lines));
  } else if (const auto* text = value.as_string()) {
    node.kind = Node::Kind::string;
    node.text = text->get();
    node.verbatim = stands_verbatim(node, lines);
  } else if (const auto* number = value.as_integer()) {
    node.kind = Node::Kind::integer;
    node.number = number->get();
  } else if (const auto* flag = value.as_boolean()) {
    node.kind = Node::Kind::boolean;
    node.number = flag->get() ? 1 : 0;
  } else {
    node.kind = Node::Kind::other;
    node.text = value.is_floating_point() ? "a number with a fraction" : "a date or time";
    if (const auto* real = value.as_floating_point()) node.fraction = real->get();
  }
  return node;
}

// --- faults of syntax ---------------------------------------------------------------------------

bool parses(const Lines& lines, size_t end) {
  try {
    static_cast<void>(toml::parse(join_lines(lines, end)));
    return true;
  } catch (const toml::parse_error&) {
    return false;
  }
}

bool is_header(std::string_view line) { return trim_ows(line).substr(0, 1) == "["; }

// The key that a line sets, or "".
std::string_view key_of(std::string_view line) {
  line = trim_ows(line.substr(0, line.find('=')));
  const size_t end = line.find_first_of(" \t\r.\"'#[]{},");
  return end == std::string_view::npos ? line : line.substr(0, end);
}

bool sets_key(std::string_view line) {
  return line.find('=') != std::string_view::npos && !key_of(line).empty();
}

// Whether more closes in later lines than in this one, so that those may be rests of it.
bool leaves_open(std::string_view line) {
  auto count = [&](std::string_view any) {
    return std::count_if(line.begin(), line.end(),
                         [&](char c) { return any.find(c) != std::string_view::npos; });
  };
  return count("[{") > count("]}");
}

void blank(Lines& lines, size_t i, Faults& faults) {
  if (is_header(lines[i])) {
    faults.lost_table();
  } else {
    faults.lost_key(key_of(lines[i]));
  }
  lines[i].clear();
}

// Blanks the statement that holds the fault in line `at`; returns its first line. A head goes with
// its whole section: else its keys would be taken for those of the section before.
size_t blank_statement(Lines& lines, size_t at, Faults& faults) {
  size_t first = at;
  while (first > 0 && !parses(lines, first)) --first;
  const bool next_statement = is_header(lines[at]) || sets_key(lines[at]);
  const size_t end = first < at && next_statement ? at : at + 1;
  const bool section = is_header(lines[first]);
  for (size_t i = first; i < end; ++i) blank(lines, i, faults);
  for (size_t i = end; section && i < lines.size() && !is_header(lines[i]); ++i) {
    blank(lines, i, faults);
  }
  return first;
}

// What to do about it, told from the line.
std::string remedy(std::string_view line, std::string_view reason) {
  auto says = [&](std::string_view words) { return reason.find(words) != std::string_view::npos; };
  if (says("redefine existing array") && says("as table") && is_header(line)) {
    const std::string_view name = trim_ows(line).substr(1);
    return "; it is a list: write [[" + std::string(name.substr(0, name.find(']'))) + "]]";
  }
  if (says("not representable") || says("too long")) return "; no key takes so large a number";
  if (says("utf-8")) return "; save the file as UTF-8";
  if (says("redefine")) return "; it is given twice: keep one";
  if (says("control characters")) {
    return "; a string ends in the line where it begins: is its closing quote missing?";
  }
  if (says("unknown escape")) return "; write '...' instead of \"...\" to take \\ as it is";
  if (is_header(line)) return "; a table begins with [name], an entry of a list with [[name]]";
  const size_t equals = line.find('=');
  if (equals == std::string_view::npos) return "; a line is written `key = value`";
  std::string_view value = trim_ows(line.substr(equals + 1));
  value = trim_ows(value.substr(0, value.find_first_of("#\r")));
  if (value.find_first_of("\"'[]{}") == std::string_view::npos && !value.empty()) {
    // The value is not repeated: it may be a secret.
    return "; text stands in quotes: " + std::string(key_of(line)) + " = \"...\"";
  }
  return "";
}

std::string without_prefix(std::string_view description) {
  constexpr std::string_view kPrefix = "Error while parsing ";
  return std::string(description.starts_with(kPrefix) ? description.substr(kPrefix.size())
                                                      : description);
}

}  // namespace

Node read_toml(const ConfigSource& source, size_t file, Faults& faults) {
  Lines lines = split_lines(source.text);
  const Lines original = lines;
  for (size_t i = 0; i < lines.size(); ++i) {
    if (std::count(lines[i].begin(), lines[i].end(), '.') <= kMaxDots) continue;
    faults.error({file, static_cast<uint32_t>(i + 1), 1}, "no configuration has such a line");
    blank(lines, i, faults);
  }
  size_t rest_line = 0;  // may be the rest of a blanked statement: not worth a second message
  for (int n = 0; n < kMaxSyntaxFaults; ++n) {
    try {
      return convert(toml::parse(join_lines(lines, lines.size())), file, original);
    } catch (const toml::parse_error& error) {
      Place place = place_of(error.source().begin, file);
      size_t at = std::clamp<size_t>(place.line, 1, lines.size()) - 1;
      // What is wrong with a line may be seen behind its end.
      if (at > 0 && original[at].empty() && is_header(original[at - 1])) {
        --at;
        place = {file, static_cast<uint32_t>(at + 1), 1};
      }
      const bool rest = at > 0 && at == rest_line && !sets_key(lines[at]) && !is_header(lines[at]);
      const Lines before = lines;
      const size_t first = blank_statement(lines, at, faults);
      rest_line = rest || leaves_open(original[at]) ? at + 1 : 0;
      if (rest) continue;
      std::string message = "not TOML: " + without_prefix(error.description());
      if (first < at) message += " (in what begins in line " + std::to_string(first + 1) + ")";
      faults.error(place, message + remedy(original[at], message));
      if (lines == before) break;  // nothing left to take away
    }
  }
  faults.lost_table();
  Node nothing;
  nothing.place = {file, 1, 1};
  return nothing;
}

}  // namespace siding
