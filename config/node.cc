// The tree of a configuration: looking up, merging of files, short forms (see node.h).
#include "config/node.h"

#include <algorithm>

#include "config/values.h"

namespace siding {
namespace {

bool list_of_tables(const Node& node) {
  return node.is(Node::Kind::list) && !node.children.empty() &&
         std::all_of(node.children.begin(), node.children.end(),
                     [](const Node& n) { return n.is(Node::Kind::table); });
}

// The continuation bytes of UTF-8 are no characters of their own.
size_t characters(std::string_view text) {
  return static_cast<size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

Node table_with(std::string key, Node value) {
  Node table;
  table.place = value.place;
  table.key = value.key;
  table.key_place = value.key_place;
  value.key = std::move(key);
  table.children.push_back(std::move(value));
  return table;
}

// "music:/s?word={query.q}" is named after its upstream.
std::string leg_name(const Node& call, const Node& calls) {
  const std::string& text = call.at("call").text;
  std::string upstream = text.substr(0, text.find(':'));
  if (!name_fault(upstream).empty()) upstream = "call";  // its text will be reported
  std::string name = upstream;
  for (int n = 2; calls.find(name) != nullptr; ++n) name = upstream + "-" + std::to_string(n);
  return name;
}

void expand_prefetch(Node& prefetch) {
  if (prefetch.is(Node::Kind::list)) {
    Node calls;
    calls.place = prefetch.place;
    for (Node& call : prefetch.children) {
      call.key = leg_name(call, calls);
      call.key_place = call.place;
      calls.children.push_back(std::move(call));
    }
    calls.key = prefetch.key;
    calls.key_place = prefetch.key_place;
    prefetch = table_with("calls", std::move(calls));
  }
  Node* calls = prefetch.find("calls");
  if (calls == nullptr) return;
  for (Node& call : calls->children) {
    if (!call.is(Node::Kind::table)) call = table_with("call", std::move(call));
  }
}

// cache = true is { enabled = true }, and so is any other table.
void expand_cache(Node& owner) {
  Node* cache = owner.find("cache");
  if (cache == nullptr) return;
  if (cache->is(Node::Kind::boolean)) {
    *cache = table_with("enabled", std::move(*cache));
  } else if (cache->is(Node::Kind::table) && cache->find("enabled") == nullptr) {
    Node& enabled = cache->children.emplace_back();
    enabled.kind = Node::Kind::boolean;
    enabled.number = 1;
    enabled.key = "enabled";
    enabled.place = enabled.key_place = cache->place;
  }
}

}  // namespace

const Node* Node::find(std::string_view name) const {
  auto it =
      std::find_if(children.begin(), children.end(), [&](const Node& n) { return n.key == name; });
  return kind == Kind::table && it != children.end() ? &*it : nullptr;
}

Node* Node::find(std::string_view name) {
  return const_cast<Node*>(static_cast<const Node*>(this)->find(name));
}

const Node& Node::at(std::string_view name) const {
  const Node* member = find(name);
  return member == nullptr ? *this : *member;
}

Place Node::place_of(size_t offset) const {
  // After an escape or an expanded variable, counting would point at the wrong character.
  return verbatim ? place.right(1 + characters(std::string_view(text).substr(0, offset))) : place;
}

std::string Node::description() const {
  switch (kind) {
    case Kind::string: return "the string \"" + text + "\"";
    case Kind::integer: return "the integer " + std::to_string(number);
    case Kind::boolean: return number != 0 ? "true" : "false";
    case Kind::list: return "a list";
    case Kind::table: return "a table";
    case Kind::other: break;
  }
  return text;
}

void merge(Node& into, Node&& from, Faults& faults) {
  for (Node& member : from.children) {
    Node* known = into.find(member.key);
    if (known == nullptr) {
      into.children.push_back(std::move(member));
    } else if (known->is(Node::Kind::table) && member.is(Node::Kind::table)) {
      merge(*known, std::move(member), faults);
    } else if (list_of_tables(*known) && list_of_tables(member)) {
      for (Node& item : member.children) known->children.push_back(std::move(item));
    } else {
      faults.error(member.key_place, "`" + member.key + "` was already given at " +
                                         faults.text(known->key_place) + "; keep one of the two");
    }
  }
}

void expand_short_forms(Node& root) {
  if (Node* upstreams = root.find("upstream")) {
    for (Node& upstream : upstreams->children) expand_cache(upstream);
  }
  Node* routes = root.find("route");
  if (routes == nullptr || !routes->is(Node::Kind::list)) return;
  for (Node& route : routes->children) {
    Node* prefetch = route.find("prefetch");
    if (prefetch != nullptr) expand_prefetch(*prefetch);
    expand_cache(route);
  }
}

}  // namespace siding
