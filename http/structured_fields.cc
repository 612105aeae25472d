// See structured_fields.h. A reader of one line, by recursive descent: the grammar nests two deep.
#include "http/structured_fields.h"

#include <algorithm>
#include <numeric>

#include "base/text.h"
#include "http/uri.h"

namespace siding {

namespace {

constexpr CharSet kTokenChars(
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!#$%&'*+-.^_`|~:/");
constexpr CharSet kKeyChars("abcdefghijklmnopqrstuvwxyz0123456789_-.*");
constexpr CharSet kBase64Chars("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=");

bool is_token_start(char c) { return is_alpha(c) || c == '*'; }
bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
bool is_lower_hex(char c) { return is_digit(c) || (c >= 'a' && c <= 'f'); }

class SfReader {
 public:
  explicit SfReader(std::string_view text) : rest_(text) {}

  bool at_end() const { return rest_.empty(); }

  void skip_spaces() {
    while (peek(' ')) rest_.remove_prefix(1);
  }
  void skip_ows() {
    while (peek(' ') || peek('\t')) rest_.remove_prefix(1);
  }
  bool take(char c) {
    if (!peek(c)) return false;
    rest_.remove_prefix(1);
    return true;
  }

  bool key(std::string_view& out) {
    if (rest_.empty() || !(is_lower(rest_[0]) || rest_[0] == '*')) return false;
    out = take_while([](char c) { return kKeyChars.has(c); });
    return true;
  }

  bool item_or_list(SfMember& out) {
    if (peek('(')) return inner_list(out) && parameters();
    return bare_item(out) && parameters();
  }

  bool parameters() {
    while (take(';')) {
      skip_spaces();
      SfMember ignored;
      if (!key(ignored.key)) return false;
      if (take('=') && !bare_item(ignored)) return false;
    }
    return true;
  }

 private:
  bool peek(char c) const { return !rest_.empty() && rest_[0] == c; }

  template <class P>
  std::string_view take_while(P pred) {
    size_t n = 0;
    while (n < rest_.size() && pred(rest_[n])) ++n;
    std::string_view taken = rest_.substr(0, n);
    rest_.remove_prefix(n);
    return taken;
  }

  bool inner_list(SfMember& out) {
    take('(');
    while (true) {
      skip_spaces();
      if (take(')')) {
        out.type = SfMember::Type::list;
        return true;
      }
      SfMember ignored;
      if (!bare_item(ignored) || !parameters()) return false;
      if (!peek(' ') && !peek(')')) return false;
    }
  }

  bool bare_item(SfMember& out) {
    if (rest_.empty()) return false;
    char c = rest_[0];
    if (c == '-' || is_digit(c)) return number(out);
    if (c == '"') return string(out);
    if (c == '?') return boolean(out);
    if (c == ':') return bytes(out);
    if (c == '@') return date(out);
    if (c == '%') return display_string(out);
    if (!is_token_start(c)) return false;
    out.type = SfMember::Type::token;
    out.text = take_while([](char t) { return kTokenChars.has(t); });
    return true;
  }

  bool number(SfMember& out) {
    bool negative = take('-');
    std::string_view digits = take_while(is_digit);
    if (digits.empty() || digits.size() > 15) return false;
    out.integer = static_cast<int64_t>(*parse_u64(digits)) * (negative ? -1 : 1);
    out.type = SfMember::Type::integer;
    if (!take('.')) return true;
    out.type = SfMember::Type::decimal;
    std::string_view fraction = take_while(is_digit);
    return digits.size() <= 12 && !fraction.empty() && fraction.size() <= 3;
  }

  bool string(SfMember& out) {
    out.type = SfMember::Type::string;
    for (size_t i = 1; i < rest_.size(); ++i) {
      char c = rest_[i];
      if (c == '"') {
        out.text = rest_.substr(1, i - 1);
        rest_.remove_prefix(i + 1);
        return true;
      }
      if (c < ' ' || c > '~') return false;  // also from 0x80 on, where char is negative
      if (c != '\\') continue;
      ++i;
      if (i == rest_.size() || (rest_[i] != '"' && rest_[i] != '\\')) return false;
    }
    return false;
  }

  bool boolean(SfMember& out) {
    take('?');
    if (!peek('0') && !peek('1')) return false;
    out.type = SfMember::Type::boolean;
    out.boolean = rest_[0] == '1';
    rest_.remove_prefix(1);
    return true;
  }

  bool bytes(SfMember& out) {
    take(':');
    take_while([](char c) { return kBase64Chars.has(c); });
    out.type = SfMember::Type::bytes;
    return take(':');
  }

  bool date(SfMember& out) {
    take('@');
    if (!number(out) || out.type != SfMember::Type::integer) return false;
    out.type = SfMember::Type::date;
    return true;
  }

  bool display_string(SfMember& out) {
    take('%');
    out.type = SfMember::Type::display;
    if (!take('"')) return false;
    while (!rest_.empty()) {
      char c = rest_[0];
      rest_.remove_prefix(1);
      if (c == '"') return true;
      if (c < ' ' || c > '~') return false;
      if (c != '%') continue;
      if (rest_.size() < 2 || !is_lower_hex(rest_[0]) || !is_lower_hex(rest_[1])) return false;
      rest_.remove_prefix(2);
    }
    return false;
  }

  std::string_view rest_;
};

/// One line: a dictionary in lines is one line with commas between them, and no member spans two.
bool read_sf_line(std::string_view line, std::vector<SfMember>& members) {
  SfReader in(line);
  in.skip_ows();
  while (!in.at_end()) {
    SfMember member;
    if (!in.key(member.key)) return false;
    bool ok = in.take('=') ? in.item_or_list(member) : in.parameters();
    if (!ok) return false;
    members.push_back(member);
    in.skip_ows();
    if (in.at_end()) return true;
    if (!in.take(',')) return false;
    in.skip_ows();
    if (in.at_end()) return false;  // a comma at the end
  }
  return true;
}

/// Of the members with one key only the last counts. Sorted, as to look for each among all others would
/// take the square of their number.
void keep_last(std::vector<SfMember>& members) {
  std::vector<size_t> by_key(members.size());
  std::iota(by_key.begin(), by_key.end(), size_t{0});
  std::sort(by_key.begin(), by_key.end(), [&](size_t a, size_t b) {
    return members[a].key != members[b].key ? members[a].key < members[b].key : a < b;
  });
  std::vector<bool> replaced(members.size());
  for (size_t i = 0; i + 1 < by_key.size(); ++i) {
    replaced[by_key[i]] = members[by_key[i]].key == members[by_key[i + 1]].key;
  }
  size_t kept = 0;
  for (size_t i = 0; i < members.size(); ++i) {
    if (!replaced[i]) members[kept++] = members[i];
  }
  members.resize(kept);
}

}  // namespace

std::optional<std::vector<SfMember>> parse_sf_dictionary(const Fields& fields,
                                                         std::string_view name) {
  std::vector<SfMember> members;
  for (const Field& f : fields) {
    if (!equals_ignore_case(f.name, name)) continue;
    if (!read_sf_line(f.value, members)) return std::nullopt;
  }
  keep_last(members);
  return members;
}

void append_sf_text(std::string_view text, std::string& out) {
  bool token = !text.empty() && is_token_start(text[0]) &&
               std::all_of(text.begin(), text.end(), [](char c) { return kTokenChars.has(c); });
  if (token) {
    out += text;
    return;
  }
  out += '"';
  for (char c : text) {
    bool printable = c >= ' ' && c <= '~';
    if (c == '"' || c == '\\') out += '\\';
    out += printable ? c : '?';
  }
  out += '"';
}

}  // namespace siding
