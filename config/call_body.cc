// Reading the body of a call (see kinds.h, http/body_template.h): a TOML table becomes JSON or a form in
// which every text is a template.
// Invariant: what is read can be printed as TOML that reads back to the same, but for texts that hold an
// environment variable's value: that may be a key of somebody's.
#include <charconv>
#include <cmath>

#include "config/kinds.h"
#include "http/json_string.h"
#include "http/uri.h"

namespace siding {
namespace {

std::string json_number(double value) {
  char digits[32];
  auto end = std::to_chars(digits, digits + sizeof(digits), value).ptr;
  std::string out(digits, end);
  // "1.0" keeps its fraction: some readers tell 1 from 1.0.
  return out.find_first_of(".e") == std::string::npos ? out + ".0" : out;
}

class BodyReader {
 public:
  BodyReader(BodyTemplate& body, Faults& faults) : body_(body), faults_(faults) {}

  void json(const Node& node) {
    switch (node.kind) {
      case Node::Kind::string: return text(node);
      case Node::Kind::integer: return scalar(std::to_string(node.number));
      case Node::Kind::boolean: return scalar(node.number != 0 ? "true" : "false");
      case Node::Kind::list: return list(node);
      case Node::Kind::table: return table(node);
      case Node::Kind::other: break;
    }
    if (node.fraction && std::isfinite(*node.fraction)) return scalar(json_number(*node.fraction));
    faults_.error(node.place, "JSON has no such value: write it as a string");
  }

  void form(const Node& node) {
    if (!node.is(Node::Kind::table)) {
      return report_type(node, faults_,
                         "a table of names and values, such as { q = \"{query.q}\" }");
    }
    written_ += "{";
    const char* separator = "";
    for (const Node& member : node.children) {
      written_ += (written_.back() == '{' ? " " : ", ") + toml_key(member.key) + " = ";
      body_.add_literal(separator + form_encode(member.key) + "=");
      separator = "&";
      form_value(member);
    }
    written_ += " }";
  }

  std::string take_written() { return std::move(written_); }

 private:
  void scalar(const std::string& literal) {
    written_ += literal;
    body_.add_literal(literal);
  }

  void text(const Node& node) {
    written_ += toml_string(node.expanded ? kHidden : node.text);
    Template::Parsed parsed = Template::parse(node.text, TemplatePlace::body_value);
    if (!parsed.value) {
      faults_.error(node.place_of(parsed.error->offset), parsed.error->message);
    } else {
      body_.add_value(std::move(*parsed.value));
    }
  }

  void list(const Node& node) {
    written_ += "[";
    body_.add_literal("[");
    for (const Node& item : node.children) {
      if (&item != &node.children.front()) separate();
      json(item);
    }
    written_ += "]";
    body_.add_literal("]");
  }

  void table(const Node& node) {
    written_ += "{ ";
    body_.add_literal("{");
    for (const Node& member : node.children) {
      if (&member != &node.children.front()) separate();
      std::string name;
      append_json(name, member.key);
      written_ += toml_key(member.key) + " = ";
      body_.add_literal(name + ":");
      json(member);
    }
    written_ += " }";
    body_.add_literal("}");
  }

  void separate() {
    written_ += ", ";
    body_.add_literal(",");
  }

  void form_value(const Node& node) {
    switch (node.kind) {
      case Node::Kind::string: return text(node);
      case Node::Kind::integer: return scalar(std::to_string(node.number));
      default: faults_.error(node.place, "a form has texts and whole numbers only");
    }
  }

  BodyTemplate& body_;
  Faults& faults_;
  std::string written_;
};

}  // namespace

void CallBody::read(const Node& node, CallConfig& out, Faults& faults) const {
  constexpr std::string_view kHow =
      "{ json = { q = \"{query.q}\" } } or { form = { q = \"{query.q}\" } }";
  const bool table = node.is(Node::Kind::table);
  if (!table) return report_type(node, faults, "a body is " + std::string(kHow));
  if (node.children.empty()) return;
  const Node& content = node.children.front();
  const bool json = content.key == "json";
  if (node.children.size() != 1 || (!json && content.key != "form")) {
    faults.error(content.key_place, "a body is either " + std::string(kHow));
    return;
  }
  BodyTemplate body(json ? BodyTemplate::Kind::json : BodyTemplate::Kind::form);
  BodyReader reader(body, faults);
  if (json) {
    reader.json(content);
  } else {
    reader.form(content);
  }
  out.body = std::move(body);
  out.body_text = "{ " + content.key + " = " + reader.take_written() + " }";
}

}  // namespace siding
