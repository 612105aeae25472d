// See host_name.h.
#include "proxy/net/host_name.h"

#include <algorithm>

#include "base/text.h"

namespace siding {

namespace {
constexpr size_t kMaxLabel = 63;
constexpr size_t kMaxName = 253;

bool good_label(std::string_view label) {
  if (label.empty() || label.size() > kMaxLabel) return false;
  return std::all_of(label.begin(), label.end(),
                     [](char c) { return is_alpha(c) || is_digit(c) || c == '-' || c == '_'; });
}

// inet_aton() and the URL standard take a name for an IPv4 address when its last label is a number.
bool is_number(std::string_view label) {
  if (label.size() >= 2 && label[0] == '0' && ascii_lower(label[1]) == 'x') {
    label.remove_prefix(2);
    return std::all_of(label.begin(), label.end(), [](char c) { return hex_value(c) >= 0; });
  }
  return std::all_of(label.begin(), label.end(), is_digit);
}
}  // namespace

std::optional<HostName> HostName::parse(std::string_view text) {
  HostName host;
  if (text.ends_with('.')) {
    host.absolute = true;
    text.remove_suffix(1);
  }
  // A leading hyphen is what glibc refuses too; elsewhere in a label real names have it.
  if (text.empty() || text.size() > kMaxName || text.front() == '-') return std::nullopt;
  std::string_view rest = text;
  std::string_view label;
  for (size_t dot = 0; dot != std::string_view::npos; rest.remove_prefix(dot + 1)) {
    dot = rest.find('.');
    label = rest.substr(0, dot);
    if (!good_label(label)) return std::nullopt;
    if (dot == std::string_view::npos) break;
  }
  if (is_number(label)) return std::nullopt;
  host.name = lower(text);
  return host;
}

std::vector<std::string> HostName::candidates(const std::vector<std::string>& search,
                                              int ndots) const {
  std::vector<std::string> out;
  bool first = absolute || std::count(name.begin(), name.end(), '.') >= ndots;
  if (first) out.push_back(name);
  if (absolute) return out;
  for (const std::string& domain : search) {
    std::optional<HostName> whole = parse(name + "." + domain);
    if (whole && !domain.empty()) out.push_back(whole->name);
  }
  if (!first) out.push_back(name);
  return out;
}

}  // namespace siding
