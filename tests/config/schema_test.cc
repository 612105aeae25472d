// config/siding.schema.json against the loader: made from the same options, it takes whatever the
// loader takes, and refuses unknown keys and wrong types as it does.
#include "tests/config/schema.h"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <iterator>
#include <random>
#include <regex>
#include <sstream>

#include "config/node.h"
#include "tests/config/loading.h"

namespace siding::config_test {
namespace {

std::string file_text(const std::string& name) {
  std::ifstream file(SIDING_SOURCE_DIR "/config/" + name);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

const Json& shipped() {
  static const Json schema = Json::parse(file_text("siding.schema.json"));
  return schema;
}

/// What of JSON Schema the file uses, and nothing else.
bool fits(const Node& node, const Json& schema);

bool fits_type(const Node& node, const std::string& type) {
  static const std::map<std::string, Node::Kind> kKinds{{"string", Node::Kind::string},
                                                        {"integer", Node::Kind::integer},
                                                        {"boolean", Node::Kind::boolean},
                                                        {"array", Node::Kind::list},
                                                        {"object", Node::Kind::table}};
  return node.is(kKinds.at(type));
}

bool fits_members(const Node& node, const Json& schema) {
  const Json none = Json::object();
  const Json& known = schema.contains("properties") ? schema["properties"] : none;
  return std::all_of(node.children.begin(), node.children.end(), [&](const Node& member) {
    if (known.contains(member.key)) return fits(member, known[member.key]);
    const Json& others = schema["additionalProperties"];
    return others.is_object() && fits(member, others);
  });
}

bool fits_rule(const Node& node, const Json& schema, const std::string& rule, const Json& value) {
  const bool text = node.is(Node::Kind::string);
  const bool table = node.is(Node::Kind::table);
  auto fit = [&](const Json& s) { return fits(node, s); };
  if (rule == "anyOf") return std::any_of(value.begin(), value.end(), fit);
  if (rule == "type") return fits_type(node, value);
  if (rule == "const") return text && node.text == value;
  if (rule == "enum")
    return text && std::find(value.begin(), value.end(), node.text) != value.end();
  if (rule == "pattern") {
    return !text || std::regex_search(node.text, std::regex(value.get<std::string>()));
  }
  if (rule == "minimum") return node.number >= value.get<int64_t>();
  if (rule == "maximum") return node.number <= value.get<int64_t>();
  if (rule == "items") {
    return std::all_of(node.children.begin(), node.children.end(),
                       [&](const Node& n) { return fits(n, value); });
  }
  if (rule == "required") {
    return std::all_of(value.begin(), value.end(), [&](const Json& key) {
      return node.find(key.get<std::string>()) != nullptr;
    });
  }
  if (rule == "propertyNames") {
    const std::regex pattern(value["pattern"].get<std::string>());
    return std::all_of(node.children.begin(), node.children.end(),
                       [&](const Node& n) { return std::regex_match(n.key, pattern); });
  }
  if (rule == "additionalProperties") return !table || fits_members(node, schema);
  const bool says_nothing = rule == "properties" || rule == "description" || rule == "default" ||
                            rule == "title" || rule == "$schema";
  EXPECT_TRUE(says_nothing) << rule << " is new: teach it here";
  return true;
}

bool fits(const Node& node, const Json& schema) {
  if (schema.contains("type") && !fits_type(node, schema["type"])) return false;
  return std::all_of(schema.items().begin(), schema.items().end(), [&](const auto& rule) {
    return fits_rule(node, schema, rule.key(), rule.value());
  });
}

bool schema_takes(const std::string& text) {
  Faults faults;
  return fits(read_toml({"t.toml", text}, 0, faults), shipped());
}

TEST(ConfigSchema, IsMadeFromTheOptions) {
  const std::string made = make_schema(file_text("siding.example.toml")).dump(1) + "\n";
  const std::string path = SIDING_SOURCE_DIR "/config/siding.schema.json";
  if (std::getenv("SIDING_WRITE_GOLDEN") != nullptr) std::ofstream(path) << made;
  EXPECT_EQ(file_text("siding.schema.json"), made)
      << "write it anew: SIDING_WRITE_GOLDEN=1 ./dev test ConfigSchema";
}

TEST(ConfigSchema, EveryOptionIsDescribed) {
  const Json schema = make_schema(file_text("siding.example.toml"));
  int described = 0;
  std::function<void(const Json&, const std::string&)> look = [&](const Json& at,
                                                                  const std::string& path) {
    if (at.is_object() && at.contains("default")) {
      const bool inside =
          path.find("/queue/properties/") != std::string::npos;  // on one line there
      EXPECT_TRUE(inside || at.contains("description")) << path;
      ++described;
    }
    for (const auto& [key, value] : at.items()) {
      if (value.is_structured()) look(value, path + "/" + key);
    }
  };
  look(schema, "");
  EXPECT_GT(described, 40);
}

TEST(ConfigSchema, TakesWhatTheLoaderTakes) {
  EXPECT_TRUE(schema_takes(file_text("siding.example.toml")));
  for (const std::string& text :
       {kSmall, kFull, print_config(good(file_text("siding.example.toml"))),
        kFull + "prefetch = [\"music:/s\", { call = \"music:/t\", method = \"HEAD\" }]\n",
        kFull + "prefetch = { calls = { a = \"music:/s\" }, wait = \"${W:-1s}\" }\n",
        kFull + "queue = \"${Q:-true}\"\npriority = \"${P:-1}\"\nmethod = \"GET\"\n",
        "threads = \"${T:-auto}\"\ntrusted_proxies = \"private\"\n" + kSmall,
        kSmall +
            "[health]\nlisten = { address = \"127.0.0.1:1\" }\n[log]\nlevel = \"${L:-info}\"\n"}) {
    EXPECT_TRUE(load(text).ok()) << said(text);
    EXPECT_TRUE(schema_takes(text)) << text;
  }
}

// Each key of the example once misspelt, and once with a value that no option takes.
TEST(ConfigSchema, RefusesWhatTheLoaderRefuses) {
  std::istringstream lines(file_text("siding.example.toml"));
  std::vector<std::string> all;
  for (std::string line; std::getline(lines, line);) all.push_back(line);
  auto with = [&](size_t i, const std::string& line) {
    std::string text;
    for (size_t j = 0; j < all.size(); ++j) text += (j == i ? line : all[j]) + "\n";
    return text;
  };
  int options = 0;
  for (size_t i = 0; i < all.size(); ++i) {
    const size_t equals = all[i].find(" = ");
    if (equals == std::string::npos || std::string("#[").find(all[i][0]) != std::string::npos)
      continue;
    ++options;
    const std::string key = all[i].substr(0, equals);
    for (const std::string& line : {key + "x" + all[i].substr(equals), key + " = 1.5",
                                    key + " = [[1]]", key + " = { no = \"such\", table = 1 }"}) {
      EXPECT_FALSE(load(with(i, line)).ok()) << line;
      EXPECT_FALSE(schema_takes(with(i, line))) << line;
    }
  }
  EXPECT_GT(options, 60);
}

TEST(ConfigSchema, RefusesNothingThatLoads) {
  const std::string original = file_text("siding.example.toml");
  std::mt19937 random(20240301);  // always the same story
  auto below = [&](size_t n) { return std::uniform_int_distribution<size_t>(0, n - 1)(random); };
  int loaded = 0;
  for (int round = 0; round < 500; ++round) {
    std::string text = original;
    const size_t at = below(text.size());
    if (below(2) == 0) {
      text.erase(at, 1 + below(20));
    } else {
      text[at] = "\"0129s{}[]#= "[below(13)];
    }
    if (!load(text).ok()) continue;
    ++loaded;
    EXPECT_TRUE(schema_takes(text)) << text;
  }
  EXPECT_GT(loaded, 50);
}

}  // namespace
}  // namespace siding::config_test
