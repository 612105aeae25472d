// See template_values.h.
#include "http/template_values.h"

#include "base/text.h"
#include "http/media_type.h"
#include "http/uri.h"

namespace siding {

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
  if (!body_ || !says_form(head_.fields.get("content-type").value_or(""))) return std::nullopt;
  return last_parameter(*body_, name);
}

std::optional<std::string> RequestValues::json(std::string_view pointer) const {
  if (!body_ || body_->size() > kMaxJson) return std::nullopt;
  if (!json_) json_ = std::make_unique<JsonText>(*body_);
  return json_->scalar(pointer);
}

std::optional<std::string> RequestValues::client_ip() const {
  if (client_ip_.empty()) return std::nullopt;
  return std::string(client_ip_);
}

}  // namespace siding
