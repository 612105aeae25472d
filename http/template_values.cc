// See template_values.h. The only file that includes simdjson.
#define SIMDJSON_EXCEPTIONS 0
#include "http/template_values.h"

#include <simdjson.h>

#include "base/text.h"
#include "http/uri.h"

namespace siding {

namespace {

/// The text of one RFC 6901 reference token.
std::string unescape_token(std::string_view token) {
  std::string out;
  for (size_t i = 0; i < token.size(); ++i) {
    bool escape = token[i] == '~' && i + 1 < token.size();
    out += !escape ? token[i] : token[++i] == '0' ? '~' : '/';
  }
  return out;
}

std::string_view media_type(std::string_view content_type) {
  return trim_ows(content_type.substr(0, content_type.find(';')));
}

}  // namespace

class RequestValues::Json {
 public:
  explicit Json(std::string_view body) {
    if (body.size() > kMaxJson) return;
    if (parser_.allocate(body.size() + 1, kMaxJsonDepth) != simdjson::SUCCESS) return;
    valid_ = parser_.parse(body.data(), body.size()).get(root_) == simdjson::SUCCESS;
  }

  std::optional<std::string> at(std::string_view pointer) const {
    if (!valid_) return std::nullopt;
    simdjson::dom::element here = root_;
    while (!pointer.empty()) {
      pointer.remove_prefix(1);  // the slash
      size_t end = std::min(pointer.find('/'), pointer.size());
      std::optional<simdjson::dom::element> next =
          child(here, unescape_token(pointer.substr(0, end)));
      if (!next) return std::nullopt;
      here = *next;
      pointer.remove_prefix(end);
    }
    return scalar(here);
  }

 private:
  static std::optional<simdjson::dom::element> child(simdjson::dom::element parent,
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

  static std::optional<std::string> scalar(simdjson::dom::element value) {
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

  simdjson::dom::parser parser_;
  simdjson::dom::element root_;
  bool valid_ = false;
};

RequestValues::RequestValues(const RequestHead& head, const PathCaptures& captures,
                             std::string_view client_ip, std::optional<std::string_view> body)
    : head_(head), captures_(captures), client_ip_(client_ip), body_(body) {}

RequestValues::~RequestValues() = default;

std::optional<std::string> RequestValues::query(std::string_view name) const {
  return last_parameter(head_.query(), name);
}

std::optional<std::string> RequestValues::path(std::string_view name) const {
  for (const auto& [capture, value] : captures_) {
    if (capture == name) return value;
  }
  return std::nullopt;
}

std::optional<std::string> RequestValues::header(std::string_view name) const {
  if (!head_.fields.has(name)) return std::nullopt;
  return head_.fields.joined(name);
}

std::optional<std::string> RequestValues::cookie(std::string_view name) const {
  std::optional<std::string> last;
  std::string cookies = head_.fields.joined("cookie");
  for (std::string_view rest = cookies; !rest.empty();) {
    size_t end = std::min(rest.find(';'), rest.size());
    std::string_view pair = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    size_t equals = pair.find('=');
    if (equals == std::string_view::npos || trim_ows(pair.substr(0, equals)) != name) continue;

    std::string_view value = trim_ows(pair.substr(equals + 1));
    bool quoted = value.size() >= 2 && value.front() == '"' && value.back() == '"';
    if (quoted) value = value.substr(1, value.size() - 2);
    last.reset();
    // Only some readers decode "\054"; a call with the wrong text would be of no use.
    if (!quoted || value.find('\\') == std::string_view::npos) last = std::string(value);
  }
  return last;
}

std::optional<std::string> RequestValues::form(std::string_view name) const {
  std::string_view type = media_type(head_.fields.get("content-type").value_or(""));
  if (!body_ || !equals_ignore_case(type, "application/x-www-form-urlencoded")) return std::nullopt;
  return last_parameter(*body_, name);
}

std::optional<std::string> RequestValues::json(std::string_view pointer) const {
  if (!body_) return std::nullopt;
  if (!json_) json_ = std::make_unique<Json>(*body_);
  return json_->at(pointer);
}

std::optional<std::string> RequestValues::client_ip() const {
  if (client_ip_.empty()) return std::nullopt;
  return std::string(client_ip_);
}

}  // namespace siding
