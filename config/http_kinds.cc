// Reading of the kinds that have to do with HTTP: secrets, header fields, paths, calls (see kinds.h).
#include "base/text.h"
#include "config/kinds.h"
#include "config/secret_file.h"

namespace siding {
namespace {

// Fields whose values people want to see and that are never credentials.
bool is_harmless(std::string_view name) {
  for (std::string_view known :
       {"accept", "accept-encoding", "accept-language", "content-type", "user-agent"}) {
    if (equals_ignore_case(known, name)) return true;
  }
  return false;
}

// "{ a = 1, b = 2 }" out of what `print(entry)` makes of each value.
template <class List, class F>
std::string print_table(const List& list, F print) {
  std::string out;
  for (const auto& entry : list) {
    out += (out.empty() ? " " : ", ") + toml_key(entry.first) + " = " + print(entry);
  }
  return "{" + out + (out.empty() ? "}" : " }");
}

// Calls `read(member, value)` for each member of a table of header fields and collects the values.
template <class List, class F>
void read_headers(const Node& node, List& out, Faults& faults,
                  std::string (*name_fault_of)(std::string_view), F read) {
  if (!node.is(Node::Kind::table)) {
    report_type(node, faults, "a table of header fields, such as { X-Api-Key = \"...\" }");
    return;
  }
  for (const Node& member : node.children) {
    const std::string fault = name_fault_of(member.key);
    if (!fault.empty()) faults.error(member.key_place, "`" + member.key + "`: " + fault);
    for (const auto& [name, value] : out) {
      if (equals_ignore_case(name, member.key)) {
        faults.error(member.key_place, "`" + member.key + "` is the same field as `" + name +
                                           "`; keep one of the two");
      }
    }
    if (member.broken) continue;
    out.emplace_back().first = member.key;
    read(member, out.back().second);
  }
}

bool check_header_value(const Node& node, std::string_view value, Faults& faults) {
  const std::string fault = header_value_fault(value);
  if (!fault.empty()) faults.error(node.place, fault);
  return fault.empty();
}

}  // namespace

void Secret::read(const Node& node, HeaderValue& out, Faults& faults) const {
  if (!node.is(Node::Kind::table)) {
    if (node.is(Node::Kind::string)) {
      if (check_header_value(node, node.text, faults)) out.value = node.text;
    } else {  // what it is instead is not shown
      faults.error(node.place, "expected a string or { file = \"/path\" }; text stands in quotes");
    }
    return;
  }
  const Text<std::string> kPath{parse_absolute_path, nullptr};
  Reader reader(node, "this table", faults);
  reader.required("file", out.file, kPath, "the path of the file that holds the value");
  reader.finish();
  if (out.file.empty()) return;
  SecretFile file = read_secret_file(out.file);
  if (!file.fault.empty()) faults.error(node.at("file").place, file.fault);
  out.value = std::move(file.value);
}

std::string Secret::print(const HeaderValue& value) const {
  if (!value.file.empty()) return "{ file = " + toml_string(value.file) + " }";
  return toml_string(value.value.empty() ? "" : kHidden);
}

void AddedHeaders::read(const Node& node, HeaderList& out, Faults& faults) const {
  read_headers(node, out, faults, added_header_fault, [&](const Node& member, HeaderValue& value) {
    Secret{}.read(member, value, faults);
  });
}

std::string AddedHeaders::print(const HeaderList& list) const {
  return print_table(list, [](const auto& entry) {
    const auto& [name, value] = entry;
    return is_harmless(name) && value.file.empty() ? toml_string(value.value)
                                                   : Secret{}.print(value);
  });
}

void MatchedHeaders::read(const Node& node, List& out, Faults& faults) const {
  read_headers(node, out, faults, header_name_fault, [&](const Node& member, std::string& value) {
    const auto text = read_string(member, faults);
    if (text && check_header_value(member, *text, faults)) value = *text;
  });
}

std::string MatchedHeaders::print(const List& list) const {
  return print_table(list, [](const auto& entry) { return toml_string(entry.second); });
}

void TemplateHeaders::read(const Node& node, List& out, Faults& faults) const {
  read_headers(node, out, faults, added_header_fault, [&](const Node& member, Template& value) {
    const auto text = read_string(member, faults);
    if (!text || !check_header_value(member, *text, faults)) return;
    Template::Parsed parsed = Template::parse(*text, TemplatePlace::header_value);
    if (parsed.value) {
      value = std::move(*parsed.value);
    } else {
      faults.error(member.place_of(parsed.error->offset), parsed.error->message);
    }
  });
}

std::string TemplateHeaders::print(const List& list) const {
  return print_table(list, [](const auto& entry) {
    const auto& [name, value] = entry;
    return toml_string(value.constant() && !is_harmless(name) ? kHidden : value.text());
  });
}

void StatusTtls::read(const Node& node, List& out, Faults& faults) const {
  constexpr Time kTtl{0s, 24h * 3650};
  if (!node.is(Node::Kind::table)) {
    report_type(node, faults, "a table of statuses, such as { 200 = \"1m\", 404 = \"10s\" }");
    return;
  }
  for (const Node& member : node.children) {
    const std::optional<uint64_t> status = parse_u64(member.key);
    if (!status || *status < 200 || *status > 599) {
      faults.error(member.key_place, "`" + member.key + "` is no final status, such as 200 or 404");
      continue;
    }
    Duration ttl{};
    kTtl.read(member, ttl, faults);
    out.emplace_back(static_cast<int>(*status), ttl);
  }
}

std::string StatusTtls::print(const List& value) const {
  std::string out;
  for (const auto& [status, ttl] : value) {
    out += (out.empty() ? " " : ", ") + std::to_string(status) + " = " +
           toml_string(format_duration(ttl));
  }
  return "{" + out + (out.empty() ? "}" : " }");
}

void RoutePath::read(const Node& node, PathPattern& out, Faults& faults) const {
  const auto text = read_string(node, faults);
  if (!text || *text == "*") return;
  PathPattern::Parsed parsed = PathPattern::parse(*text);
  if (parsed.value) {
    out = std::move(*parsed.value);
  } else {
    faults.error(node.place, parsed.error);
  }
}

std::string RoutePath::print(const PathPattern& value) const {
  return toml_string(value.text().empty() ? "*" : value.text());
}

void CallText::read(const Node& node, CallConfig& out, Faults& faults) const {
  constexpr std::string_view kHow =
      "a call is \"UPSTREAM:/path?query\", where [upstream.UPSTREAM] "
      "says where it goes";
  const auto text = read_string(node, faults);
  if (!text) return;
  const size_t colon = text->find(':');
  const std::string_view target = colon == std::string_view::npos ? "" : text->substr(colon + 1);
  if (target.starts_with("//") || !target.starts_with("/")) {
    faults.error(node.place, "`" + std::string(*text) + "` is not a call: " + std::string(kHow));
    return;
  }
  out.text = *text;
  out.upstream = text->substr(0, colon);
  Template::Parsed parsed = Template::parse(target, TemplatePlace::target);
  if (parsed.value) {
    out.target = std::move(*parsed.value);
  } else {
    faults.error(node.place_of(colon + 1 + parsed.error->offset), parsed.error->message);
  }
}

}  // namespace siding
