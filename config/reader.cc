// Finding options in a table and reporting what is missing, unknown or of the wrong type (see
// reader.h).
#include "config/reader.h"

#include <algorithm>

namespace siding {

void report_type(const Node& node, Faults& faults, std::string_view what,
                 const std::string& remedy) {
  faults.error(node.place,
               "expected " + std::string(what) + ", got " + node.description() + remedy);
}

void Reader::finish() {
  const std::string where = title_.empty() ? "" : " in " + title_;
  for (const Node& member : table_.children) {
    if (std::find(known_.begin(), known_.end(), member.key) != known_.end()) continue;
    faults_.error(member.key_place, "unknown key `" + member.key + "`" + where +
                                        suggestion(member.key, known_, "the keys"));
  }
}

const Node* Reader::take(std::string_view key) {
  if (std::find(known_.begin(), known_.end(), key) == known_.end()) known_.emplace_back(key);
  const Node* node = table_.find(key);
  return node == nullptr || node->broken ? nullptr : node;
}

const Node* Reader::take_table(std::string_view key) {
  const Node* node = take(key);
  return node != nullptr && check_table(key, *node) ? node : nullptr;
}

const Node* Reader::take_table_list(std::string_view key) {
  const Node* node = take(key);
  if (node == nullptr || node->is(Node::Kind::list)) return node;
  const std::string name(key);
  report_type(*node, faults_, "a list of tables",
              "; write [[" + name + "]] in double brackets for each");
  return nullptr;
}

bool Reader::check_table(std::string_view key, const Node& node) {
  if (node.is(Node::Kind::table)) return true;
  if (node.broken) return false;
  report_type(node, faults_, "a table", "; its keys stand under " + child_title(key));
  return false;
}

bool Reader::check_named(std::string_view key, const Node& node) {
  if (!node.is(Node::Kind::table)) {
    faults_.error(node.key_place, child_title(key) + " needs a name of your choice: write " +
                                      child_title(key, "NAME") + " above `" + node.key + "`");
    return false;
  }
  const std::string fault = name_fault(node.key);
  if (!fault.empty()) faults_.error(node.key_place, "`" + node.key + "`: " + fault);
  return true;
}

void Reader::report_missing(std::string_view key, std::string_view why) {
  if (!faults_.surely_missing(key)) return;
  const std::string where = title_.empty() ? "" : " in " + title_;
  faults_.error(table_.place,
                "missing `" + std::string(key) + "`" + where + ": " + std::string(why));
}

std::string Reader::child_title(std::string_view key, std::string_view name) const {
  std::string path = title_;
  std::erase_if(path, [](char c) { return c == '[' || c == ']'; });
  if (!path.empty()) path += '.';
  path += key;
  if (!name.empty()) path += "." + std::string(name);
  return "[" + path + "]";
}

}  // namespace siding
