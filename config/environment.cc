// ${NAME}, ${NAME:-default} and $$ in the strings of a configuration.
// Invariant: a value is never expanded twice, so a variable's own "$" stays as it is.
#include <cstdlib>

#include "base/text.h"
#include "config/node.h"

namespace siding {
namespace {

bool is_variable_name(std::string_view name) {
  if (name.empty() || is_digit(name.front())) return false;
  for (char c : name) {
    if (!is_alpha(c) && !is_digit(c) && c != '_') return false;
  }
  return true;
}

void expand(Node& node, const Environment& env, Faults& faults) {
  const std::string_view text = node.text;
  std::string out;
  auto fault = [&](size_t offset, std::string_view message) {
    faults.error(node.place_of(offset), message);
    node.broken = true;
  };
  size_t at = 0;
  while (at < text.size()) {
    const size_t dollar = text.find('$', at);
    out += text.substr(at, dollar - at);
    if (dollar == std::string_view::npos) break;
    at = dollar + 2;
    const std::string_view next = text.substr(dollar + 1, 1);
    if (next == "$") {
      out += '$';
    } else if (next != "{") {
      out += '$';  // a dollar before anything else means itself
      at = dollar + 1;
    } else if (const size_t end = text.find('}', at); end == std::string_view::npos) {
      fault(dollar, "`${` without `}`; write `$$` for a literal dollar");
      break;
    } else {
      const std::string_view inside = text.substr(at, end - at);
      const size_t colon = inside.find(":-");
      const std::string name(inside.substr(0, colon));
      at = end + 1;
      if (!is_variable_name(name)) {
        fault(dollar, "`" + name +
                          "` is not the name of an environment variable; write `${NAME}`, "
                          "`${NAME:-default}`, or `$$` for a literal dollar");
        continue;
      }
      std::optional<std::string> value = env(name);
      // As in a shell, ":-" also replaces an empty value.
      if (colon != std::string_view::npos && value.value_or("").empty()) {
        value = inside.substr(colon + 2);
      }
      if (!value) {
        fault(dollar, "the environment variable `" + name +
                          "` is not set; set it or give a "
                          "default: `${" +
                          name + ":-default}`");
        continue;
      }
      out += *value;
      node.expanded = true;
    }
  }
  if (node.broken) return;
  node.verbatim = node.verbatim && out == text;
  node.text = std::move(out);
}

}  // namespace

Environment process_environment() {
  return [](std::string_view name) -> std::optional<std::string> {
    const char* value = std::getenv(std::string(name).c_str());
    return value == nullptr ? std::nullopt : std::optional<std::string>(value);
  };
}

void expand_environment(Node& node, const Environment& env, Faults& faults) {
  if (node.is(Node::Kind::string)) expand(node, env, faults);
  for (Node& child : node.children) expand_environment(child, env, faults);
}

}  // namespace siding
