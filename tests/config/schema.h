// The JSON Schema of the configuration, made from the one list of options in config/sections.h: a visitor
// beside Reader and Printer. Its descriptions are the comments of the example.
// Invariant: it refuses nothing that the loader takes; an environment variable may stand for any value.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/sections.h"

namespace siding::config_test {

using Json = nlohmann::ordered_json;

/// "backend.shop.url" -> its comment.
using Comments = std::map<std::string, std::string>;

inline Json with_variable(Json schema) {
  Json variable{{"type", "string"}, {"pattern", R"(\$\{)"}};
  return {{"anyOf", {std::move(schema), std::move(variable)}}};
}
inline Json text_schema() { return {{"type", "string"}}; }
inline Json object_of(Json member) {
  return {{"type", "object"}, {"additionalProperties", std::move(member)}};
}
inline Json or_word(Json schema, std::string_view word) {
  if (word.empty()) return with_variable(std::move(schema));
  return {{"anyOf",
           {with_variable(std::move(schema))["anyOf"][0],
            {{"const", word}},
            {{"type", "string"}, {"pattern", R"(\$\{)"}}}}};
}

inline Json schema_of(const Flag&) { return with_variable({{"type", "boolean"}}); }
inline Json schema_of(const Count& k) {
  return or_word({{"type", "integer"}, {"minimum", k.min}, {"maximum", k.max}}, k.zero);
}
inline Json schema_of(const Size& k) {
  return or_word({{"type", "string"}, {"pattern", "^[0-9]+([KMGT]i?)?B$"}}, k.zero);
}
inline Json schema_of(const Time& k) {
  return or_word({{"type", "string"}, {"pattern", "^[0-9]+(ns|us|ms|s|m|h|d)$"}}, k.none);
}
template <class E>
Json schema_of(const OneOf<E>& k) {
  Json words = Json::array();
  for (const auto& [word, value] : k.words) words.push_back(word);
  return with_variable({{"enum", std::move(words)}});
}
template <class T>
Json schema_of(const Text<T>&) {
  return text_schema();
}
inline Json schema_of(const Networks&) {
  return {{"anyOf", {text_schema(), {{"type", "array"}, {"items", text_schema()}}}}};
}
inline Json text_or_table(const std::string& key) {
  return {{"anyOf",
           {text_schema(),
            {{"type", "object"},
             {"properties", {{key, text_schema()}}},
             {"required", {key}},
             {"additionalProperties", false}}}}};
}
inline Json schema_of(const ListenEntry&) { return text_or_table("address"); }
template <class S>
Json schema_of(const TableOf<S>&);
inline Json schema_of(const Secret&) { return text_or_table("file"); }
inline Json schema_of(const AddedHeaders&) { return object_of(schema_of(Secret{})); }
inline Json schema_of(const MatchedHeaders&) { return object_of(text_schema()); }
inline Json schema_of(const TemplateHeaders&) { return object_of(text_schema()); }
inline Json schema_of(const CallBody&) {
  Json form = object_of({{"anyOf", {text_schema(), {{"type", "integer"}}}}});
  return {{"type", "object"},
          {"properties", {{"json", Json::object()}, {"form", std::move(form)}}},
          {"additionalProperties", false}};
}
inline Json schema_of(const StatusTtls&) { return object_of(schema_of(Time{0s, 1h})); }
inline Json schema_of(const RoutePath&) { return text_schema(); }
inline Json schema_of(const CallText&) { return text_schema(); }

template <class Kind>
Json schema_of(const ListOf<Kind>& k) {
  Json item = schema_of(k.item);
  return {{"anyOf", {item, {{"type", "array"}, {"items", item}}}}};
}

template <class Kind>
inline constexpr bool kPrintsJson = false;  // what it prints as TOML is JSON too
template <>
inline constexpr bool kPrintsJson<Flag> = true;
template <>
inline constexpr bool kPrintsJson<Count> = true;
template <>
inline constexpr bool kPrintsJson<Size> = true;
template <>
inline constexpr bool kPrintsJson<Time> = true;
template <class E>
inline constexpr bool kPrintsJson<OneOf<E>> = true;

class SchemaWriter {
 public:
  SchemaWriter(const Comments& comments, std::string path)
      : comments_(comments), path_(std::move(path)) {}

  template <class T, class Kind>
  void option(std::string_view key, const T& field, const Kind& kind) {
    Json schema = describe(key);
    if constexpr (kPrintsJson<Kind>) schema["default"] = Json::parse(kind.print(field));
    put(key, std::move(schema), schema_of(kind));
  }
  template <class T, class Kind>
  void required(std::string_view key, const T&, const Kind& kind, std::string_view) {
    put(key, describe(key), in_full(key, kind));
    required_.push_back(key);
  }
  template <class T>
  void fallback(T&, T) {}
  void place(std::string&) {}

  template <class S>
  void table(std::string_view key, S&, bool = true) {
    Json schema = section<S>(key);
    if (key == "prefetch") {  // also as the list of its calls
      Json item = {{"anyOf", {text_schema(), section<CallConfig>("prefetch.calls.music")}}};
      Json list = {{"type", "array"}, {"items", std::move(item)}};
      schema = {{"anyOf", {std::move(list), std::move(schema)}}};
    }
    put(key, Json::object(), std::move(schema));
  }
  template <class S>
  void table(std::string_view key, std::optional<S>&) {
    put(key, Json::object(), section<S>(key));
  }
  template <class S>
  void inline_table(std::string_view key, std::optional<S>&) {
    put(key, describe(key), section<S>(key));
  }
  template <class S>
  void inline_table(std::string_view key, S&) {
    Json schema = section<S>(key);
    if (key == "cache") schema = {{"anyOf", {{{"type", "boolean"}}, std::move(schema)}}};
    put(key, describe(key), std::move(schema));
  }
  template <class S>
  void named_tables(std::string_view key, std::vector<S>&, std::string S::*) {
    const std::string example = std::string(key) + (key == "backend" ? ".shop" : ".music");
    Json one = section<S>(example);
    if (key == "calls") one = {{"anyOf", {text_schema(), std::move(one)}}};
    Json schema{{"type", "object"}, {"propertyNames", {{"pattern", "^[A-Za-z0-9_-]{1,64}$"}}}};
    schema["additionalProperties"] = std::move(one);
    put(key, Json::object(), std::move(schema));
  }
  template <class S>
  void table_list(std::string_view key, std::vector<S>&) {
    put(key, Json::object(), {{"type", "array"}, {"items", section<S>(key)}});
  }

  Json schema() const {
    Json out{{"type", "object"}, {"properties", properties_}};
    // A part of several files need not hold everything at its top.
    if (!required_.empty() && !path_.empty()) out["required"] = required_;
    out["additionalProperties"] = false;
    return out;
  }

 private:
  std::string path_to(std::string_view key) const {
    return path_.empty() ? std::string(key) : path_ + "." + std::string(key);
  }
  template <class S>
  Json section(std::string_view key) const {
    SchemaWriter writer(comments_, path_to(key));
    S defaults{};
    options(writer, defaults);
    return writer.schema();
  }
  template <class Kind>
  Json in_full(std::string_view, const Kind& kind) const {
    return schema_of(kind);
  }
  Json in_full(std::string_view key, const ListOf<ListenEntry>& kind) const {
    if (!kind.item.clients) return schema_of(kind);
    Json item = {{"anyOf", {text_schema(), section<ListenAddress>(key)}}};
    return {{"anyOf", {item, {{"type", "array"}, {"items", item}}}}};
  }
  Json describe(std::string_view key) const {
    const auto comment = comments_.find(path_to(key));
    return comment == comments_.end() ? Json::object() : Json{{"description", comment->second}};
  }
  void put(std::string_view key, Json about, Json schema) {
    about.update(schema);
    properties_[std::string(key)] = std::move(about);
  }

  const Comments& comments_;
  std::string path_;
  Json properties_ = Json::object();
  Json required_ = Json::array();
};

template <class S>
Json schema_of(const TableOf<S>&) {
  const Comments none;
  SchemaWriter writer(none, "table");
  S defaults{};
  options(writer, defaults);
  return writer.schema();
}

/// What stands behind the options of the example, and behind the keys of its comments.
inline Comments comments_of(std::string_view example) {
  Comments out;
  std::string table;
  while (!example.empty()) {
    std::string_view line = example.substr(0, example.find('\n'));
    example.remove_prefix(std::min(line.size() + 1, example.size()));
    const size_t hash = line.find("  # ");
    const size_t equals = line.find(" = ");
    if (line.starts_with('[')) {
      const size_t begin = line.find_first_not_of('[');
      table = std::string(line.substr(begin, line.find(']') - begin)) + ".";
    } else if (equals != std::string_view::npos && hash != std::string_view::npos) {
      const size_t begin = line.starts_with("# ") ? 2 : 0;
      out[table + std::string(line.substr(begin, equals - begin))] = line.substr(hash + 4);
    }
  }
  return out;
}

inline Json make_schema(std::string_view example) {
  const Comments comments = comments_of(example);
  SchemaWriter writer(comments, "");
  Config defaults;
  options(writer, defaults);
  Json out{{"$schema", "http://json-schema.org/draft-07/schema#"},
           {"title", "A configuration of siding, or a part of it"}};
  out.update(writer.schema());
  return out;
}

}  // namespace siding::config_test
