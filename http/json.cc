// See json.h. The only file that includes simdjson.
#define SIMDJSON_EXCEPTIONS 0
#include "http/json.h"

#include <simdjson.h>

#include <algorithm>

#include "base/text.h"
#include "http/json_string.h"

namespace siding {

namespace {

std::optional<simdjson::dom::element> child(simdjson::dom::element parent,
                                            const std::string& token) {
  std::optional<simdjson::dom::element> found;
  simdjson::dom::object object;
  if (parent.get(object) == simdjson::SUCCESS) {
    for (auto [name, value] : object) {
      if (name == token) found = value;
    }
    return found;
  }
  simdjson::dom::array array;
  std::optional<uint64_t> index = parse_u64(token);
  bool canonical = index && (token.size() == 1 || token.front() != '0');
  simdjson::dom::element item;
  if (canonical && parent.get(array) == simdjson::SUCCESS &&
      array.at(*index).get(item) == simdjson::SUCCESS) {
    found = item;
  }
  return found;
}

std::optional<std::string> text_of(simdjson::dom::element value) {
  switch (value.type()) {
    case simdjson::dom::element_type::STRING: {
      std::string_view text;
      if (value.get(text) != simdjson::SUCCESS) return std::nullopt;
      return std::string(text);
    }
    case simdjson::dom::element_type::INT64:
    case simdjson::dom::element_type::UINT64:
    case simdjson::dom::element_type::DOUBLE:
    case simdjson::dom::element_type::BOOL: return simdjson::minify(value);
    default: return std::nullopt;
  }
}

// False if it is ambiguous. At most kMaxDepth deep, as the parser saw to.
bool append_canonical(simdjson::dom::element value, std::string& out) {
  std::string_view text;
  if (value.get(text) == simdjson::SUCCESS) {
    append_json(out, text);
    return true;
  }
  char separator = 0;
  simdjson::dom::array array;
  if (value.get(array) == simdjson::SUCCESS) {
    out += '[';
    for (simdjson::dom::element item : array) {
      if (std::exchange(separator, ',') != 0) out += ',';
      if (!append_canonical(item, out)) return false;
    }
    out += ']';
    return true;
  }
  simdjson::dom::object object;
  if (value.get(object) != simdjson::SUCCESS) {
    out += simdjson::minify(value);
    return true;
  }
  std::vector<std::pair<std::string_view, simdjson::dom::element>> members;
  for (auto [name, member] : object) members.emplace_back(name, member);
  std::sort(members.begin(), members.end(),
            [](const auto& a, const auto& b) { return a.first < b.first; });
  out += '{';
  for (size_t i = 0; i < members.size(); ++i) {
    if (i > 0 && members[i].first == members[i - 1].first) return false;
    if (i > 0) out += ',';
    append_json(out, members[i].first);
    out += ':';
    if (!append_canonical(members[i].second, out)) return false;
  }
  out += '}';
  return true;
}

// Whether a valid text has a number that a double cannot tell from all others. It can with up to 15
// digits, unless it is near to 0.
bool has_too_exact(std::string_view json) {
  for (size_t i = 0; i < json.size(); ++i) {
    if (json[i] == '"') {
      while (json[++i] != '"') i += json[i] == '\\' ? 1 : 0;
      continue;
    }
    if (!is_digit(json[i])) continue;
    const std::string_view rest = json.substr(i);
    const std::string_view number = rest.substr(0, rest.find_first_not_of("0123456789.eE+-"));
    const std::string_view digits = number.substr(0, number.find_first_of("eE"));
    i += number.size() - 1;
    if (number.find_first_of(".eE") == std::string_view::npos) continue;  // whole: as it is
    std::string_view exact = digits.substr(std::min(digits.find_first_not_of("0."), digits.size()));
    // Zeros at the end of a fraction say nothing more.
    if (digits.find('.') != digits.npos) exact = exact.substr(0, exact.find_last_not_of('0') + 1);
    const auto point = static_cast<size_t>(std::count(exact.begin(), exact.end(), '.'));
    const std::string_view exponent = number.substr(digits.size());
    const size_t plus = exponent.substr(0, 2).ends_with('+') ? 1 : 0;
    if (exact.size() - point > 15 || digits.size() > 40 || exponent.size() > 4 + plus) return true;
  }
  return false;
}

// As child(), in the text itself; of equal names the first.
std::optional<simdjson::ondemand::value> child(simdjson::ondemand::value parent,
                                               const std::string& token) {
  simdjson::ondemand::object object;
  if (parent.get_object().get(object) == simdjson::SUCCESS) {
    for (auto field : object) {
      std::string_view name;
      simdjson::ondemand::value value;
      if (field.unescaped_key().get(name) != simdjson::SUCCESS) return std::nullopt;
      if (name == token && field.value().get(value) == simdjson::SUCCESS) return value;
    }
    return std::nullopt;
  }
  std::optional<uint64_t> index = parse_u64(token);
  simdjson::ondemand::array array;
  simdjson::ondemand::value item;
  const bool found = index && parent.get_array().get(array) == simdjson::SUCCESS &&
                     array.at(*index).get(item) == simdjson::SUCCESS;
  return found ? std::optional(item) : std::nullopt;
}

std::string_view without_space(std::string_view raw) {
  constexpr std::string_view kSpace = " \t\r\n";
  size_t begin = std::min(raw.find_first_not_of(kSpace), raw.size());
  raw.remove_prefix(begin);
  return raw.substr(0, raw.find_last_not_of(kSpace) + 1);
}

}  // namespace

std::vector<std::string> pointer_tokens(std::string_view pointer) {
  std::vector<std::string> tokens;
  for (size_t i = 0; i < pointer.size(); ++i) {
    const bool escape = pointer[i] == '~' && i + 1 < pointer.size();
    if (pointer[i] == '/') {
      tokens.emplace_back();
    } else {
      tokens.back() += !escape ? pointer[i] : pointer[++i] == '0' ? '~' : '/';
    }
  }
  return tokens;
}

struct JsonText::Parsed {
  simdjson::dom::parser parser;
  simdjson::dom::element root;

  std::optional<simdjson::dom::element> at(std::string_view pointer) const {
    simdjson::dom::element here = root;
    for (const std::string& token : pointer_tokens(pointer)) {
      std::optional<simdjson::dom::element> next = child(here, token);
      if (!next) return std::nullopt;
      here = *next;
    }
    return here;
  }
};

JsonText::JsonText(std::string_view text) : parsed_(std::make_unique<Parsed>()), text_(text) {
  simdjson::dom::parser& parser = parsed_->parser;
  if (parser.allocate(text.size() + 1, kMaxDepth) != simdjson::SUCCESS) return;
  valid_ = parser.parse(text.data(), text.size()).get(parsed_->root) == simdjson::SUCCESS;
}

JsonText::~JsonText() = default;
JsonText::JsonText(JsonText&&) noexcept = default;
JsonText& JsonText::operator=(JsonText&&) noexcept = default;

std::optional<std::string> JsonText::scalar(std::string_view pointer) const {
  if (!valid_) return std::nullopt;
  std::optional<simdjson::dom::element> found = parsed_->at(pointer);
  return found ? text_of(*found) : std::nullopt;
}

std::optional<std::string> JsonText::canonical() const {
  std::string out;
  if (!valid_ || has_too_exact(text_) || !append_canonical(parsed_->root, out)) return std::nullopt;
  return out;
}

std::optional<std::vector<std::string_view>> JsonText::items(std::string_view pointer) const {
  simdjson::dom::array unused;
  std::optional<simdjson::dom::element> found;
  if (valid_) found = parsed_->at(pointer);
  if (!found || found->get(unused) != simdjson::SUCCESS) return std::nullopt;
  // The tree keeps no places in the text. It is valid and the array is there, so this cannot fail but
  // for equal names, of which this parser takes the first.
  simdjson::padded_string padded(text_);
  simdjson::ondemand::parser parser;
  simdjson::ondemand::document document;
  simdjson::ondemand::array array;
  if (parser.iterate(padded).get(document) != simdjson::SUCCESS) return std::nullopt;
  simdjson::ondemand::value root;
  if (document.get_value().get(root) != simdjson::SUCCESS) return std::nullopt;
  std::optional<simdjson::ondemand::value> here = root;
  for (const std::string& token : pointer_tokens(pointer)) {
    here = child(*here, token);
    if (!here) return std::nullopt;
  }
  if (here->get_array().get(array) != simdjson::SUCCESS) return std::nullopt;
  std::vector<std::string_view> items;
  for (auto item : array) {
    simdjson::ondemand::value value;
    std::string_view raw;
    if (std::move(item).get(value) != simdjson::SUCCESS ||
        simdjson::to_json_string(value).get(raw) != simdjson::SUCCESS) {
      return std::nullopt;
    }
    raw = without_space(raw);
    items.push_back(text_.substr(static_cast<size_t>(raw.data() - padded.data()), raw.size()));
  }
  return items;
}

}  // namespace siding
