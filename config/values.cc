// Durations, sizes, names and header fields as text (see values.h; addresses are in addresses.cc).
#include "config/values.h"

#include <algorithm>
#include <array>
#include <limits>
#include <vector>

#include "base/text.h"
#include "config/faults.h"

namespace siding {
namespace {

struct Unit {
  std::string_view name;
  uint64_t factor;
};
// Both tables from large to small: printing takes the first unit that divides the value.
constexpr std::array<Unit, 8> kTimeUnits{{{"d", 86'400'000'000'000},
                                          {"h", 3'600'000'000'000},
                                          {"m", 60'000'000'000},
                                          {"s", 1'000'000'000},
                                          {"ms", 1'000'000},
                                          {"us", 1'000},
                                          {"ns", 1},
                                          {"", 0}}};
constexpr std::array<Unit, 9> kSizeUnits{{{"TiB", 1ull << 40},
                                          {"TB", 1'000'000'000'000},
                                          {"GiB", 1ull << 30},
                                          {"GB", 1'000'000'000},
                                          {"MiB", 1ull << 20},
                                          {"MB", 1'000'000},
                                          {"KiB", 1ull << 10},
                                          {"KB", 1'000},
                                          {"B", 1}}};

template <size_t N>
std::optional<uint64_t> parse_number_with_unit(std::string_view text,
                                               const std::array<Unit, N>& units) {
  const size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  const std::optional<uint64_t> number = parse_u64(text.substr(0, digits));
  for (const Unit& unit : units) {
    if (!number || unit.factor == 0 || unit.name != text.substr(digits)) continue;
    constexpr uint64_t kMax = std::numeric_limits<int64_t>::max();
    if (*number > kMax / unit.factor) return std::nullopt;
    return *number * unit.factor;
  }
  return std::nullopt;
}

template <size_t N>
std::string print_number_with_unit(uint64_t value, const std::array<Unit, N>& units,
                                   std::string_view zero) {
  for (const Unit& unit : units) {
    if (value == 0 || unit.factor == 0 || value % unit.factor != 0) continue;
    return std::to_string(value / unit.factor) + std::string(unit.name);
  }
  return std::string(zero);
}

// "cookie.sessionid" -> "cookie"
std::string_view before_dot(std::string_view text) { return text.substr(0, text.find('.')); }

bool is_token(std::string_view text) {  // RFC 9110 5.6.2
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return is_alpha(c) || is_digit(c) ||
           std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
  });
}

}  // namespace

std::optional<Duration> parse_duration(std::string_view text) {
  const auto ns = parse_number_with_unit(text, kTimeUnits);
  return ns ? std::optional<Duration>(Duration(static_cast<int64_t>(*ns))) : std::nullopt;
}

std::optional<uint64_t> parse_size(std::string_view text) {
  return parse_number_with_unit(text, kSizeUnits);
}

std::string format_duration(Duration d) {
  if (d < Duration::zero()) return "-" + format_duration(-d);
  return print_number_with_unit(static_cast<uint64_t>(d.count()), kTimeUnits, "0s");
}

std::string format_size(uint64_t bytes) { return print_number_with_unit(bytes, kSizeUnits, "0B"); }

Parsed<RateConfig> parse_rate(std::string_view text) {
  if (text == "none") return {RateConfig{}, ""};
  const size_t slash = text.find('/');
  const auto calls = parse_u64(text.substr(0, slash));
  const std::string_view unit = slash == std::string_view::npos ? "" : text.substr(slash + 1);
  if (calls && *calls >= 1 && *calls <= 1'000'000) {
    const auto n = static_cast<uint32_t>(*calls);
    if (unit == "s") return {RateConfig{n, 1s}, ""};
    if (unit == "m") return {RateConfig{n, 1min}, ""};
    if (unit == "h") return {RateConfig{n, 1h}, ""};
  }
  return {{},
          "`" + std::string(text) +
              "` is not a rate; write one such as \"100/s\", \"600/m\" or \"5000/h\", or \"none\""};
}

std::string print_rate(const RateConfig& rate) {
  if (rate.calls == 0) return "none";
  return std::to_string(rate.calls) + (rate.per == 1s ? "/s" : rate.per == 1min ? "/m" : "/h");
}

Parsed<HedgeConfig> parse_hedge(std::string_view text) {
  if (text == "off") return {HedgeConfig{}, ""};
  if (text == "p95") return {HedgeConfig{HedgeConfig::Kind::p95, {}}, ""};
  const auto after = parse_duration(text);
  if (after && *after >= 1ms) return {HedgeConfig{HedgeConfig::Kind::fixed, *after}, ""};
  return {
      {},
      "`" + std::string(text) +
          "` is no time for a second try; write \"off\", \"p95\" or a duration such as \"150ms\""};
}

std::string print_hedge(const HedgeConfig& hedge) {
  if (hedge.kind == HedgeConfig::Kind::off) return "off";
  return hedge.kind == HedgeConfig::Kind::p95 ? "p95" : format_duration(hedge.after);
}

Parsed<std::string> parse_pointer(std::string_view text) {
  if (text.empty() || text[0] == '/') return {std::string(text), ""};
  return {
      {},
      "`" + std::string(text) + "` is not a JSON pointer; write \"/" + std::string(text) + "\""};
}

Parsed<std::string> parse_method(std::string_view text) {
  if (!is_token(text)) return {{}, "a method is a word such as \"GET\""};
  if (std::any_of(text.begin(), text.end(), [](char c) { return c != ascii_lower(c); })) {
    return {std::string(text), ""};
  }
  return {{}, "methods are upper case, such as \"GET\""};
}

Parsed<std::string> parse_protocol(std::string_view text) {
  const size_t slash = std::min(text.find('/'), text.size());
  if (!is_token(text.substr(0, slash)) ||
      (slash < text.size() && !is_token(text.substr(slash + 1)))) {
    return {{}, "a protocol is a word of an Upgrade field, such as \"websocket\""};
  }
  std::string lower(text);
  for (char& c : lower) c = ascii_lower(c);
  // It would carry requests past everything that siding is for (RFC 9113 3.1).
  if (lower.starts_with("h2") || lower.starts_with("http/") || lower == "tls" ||
      lower.starts_with("tls/")) {
    return {{},
            "`" + std::string(text) + "` is HTTP itself, which clients speak with siding: " +
                "no Upgrade is needed for it"};
  }
  return {std::move(lower), ""};
}

Parsed<std::string> parse_condition(std::string_view text) {
  const std::vector<std::string> sources{"cookie", "header", "query"};
  const std::string source(before_dot(text));
  constexpr std::string_view kHow =
      "a condition is a value that must be there: \"cookie.NAME\", \"header.NAME\" or "
      "\"query.NAME\"";
  if (std::find(sources.begin(), sources.end(), source) == sources.end()) {
    const std::string near = nearest(source, sources);
    if (near.empty()) return {{}, std::string(kHow)};
    return {{}, std::string(kHow) + "; did you mean `" + near + "`?"};
  }
  const std::string_view name = text.substr(std::min(source.size() + 1, text.size()));
  const bool fits = source == "query" ? !name.empty() : is_token(name);
  if (!fits) return {{}, std::string(kHow)};
  return {std::string(text), ""};
}

Parsed<std::string> parse_parameter(std::string_view text) {
  if (!text.empty()) return {std::string(text), ""};
  return {{}, "the name of a parameter, such as \"utm_source\""};
}

Parsed<std::string> parse_word(std::string_view text) {
  const bool visible =
      std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c <= '~'; });
  if (visible) return {std::string(text), ""};
  return {{}, "a word of visible ASCII characters, without spaces"};
}

Parsed<std::string> parse_target(std::string_view text) {
  const bool visible =
      std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c <= '~' && c != '#'; });
  if (visible && text.starts_with('/')) return {std::string(text), ""};
  return {{},
          "a path begins with \"/\" and is written as it goes on the wire, such as \"/healthz\""};
}

Parsed<std::string> parse_absolute_path(std::string_view text) {
  if (text.empty() || text[0] != '/') return {{}, "a path begins with \"/\", such as \"/tmp\""};
  if (text.find('\0') != std::string_view::npos) return {{}, "a path ends at a NUL; leave it out"};
  return {std::string(text), ""};
}

std::string header_name_fault(std::string_view name) {
  if (is_token(name)) return "";
  return "a field name holds letters, digits and \"-\" only, such as X-Api-Key";
}

std::string added_header_fault(std::string_view name) {
  constexpr std::string_view kOwn[] = {
      "connection", "content-length", "expect",  "host", "keep-alive",       "proxy-connection",
      "te",         "trailer",        "upgrade", "via",  "transfer-encoding"};
  for (std::string_view own : kOwn) {
    if (equals_ignore_case(own, name)) {
      return "siding writes this field itself: it belongs to the connection, not to the call";
    }
  }
  return header_name_fault(name);
}

std::string header_value_fault(std::string_view value) {
  const bool control = std::any_of(value.begin(), value.end(), [](char c) {
    const auto u = static_cast<unsigned char>(c);
    return (u < 0x20 && c != '\t') || u == 0x7F;
  });
  if (control) return "a field value cannot hold line breaks or control characters";
  if (trim_ows(value) != value) return "a field value cannot begin or end with a space";
  return "";
}

std::string name_fault(std::string_view name) {
  const bool fits =
      !name.empty() && name.size() <= 64 && std::all_of(name.begin(), name.end(), [](char c) {
        return is_alpha(c) || is_digit(c) || c == '-' || c == '_';
      });
  return fits ? "" : "a name holds up to 64 letters, digits, \"-\" and \"_\"";
}

namespace {
std::string quoted(std::string_view text, std::string_view dollar) {
  constexpr char kHex[] = "0123456789ABCDEF";
  std::string out = "\"";
  for (char c : text) {
    const auto u = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += {'\\', c};
    } else if (c == '$') {
      out += dollar;
    } else if (u < 0x20 || u == 0x7F) {
      out += {'\\', 'u', '0', '0', kHex[u >> 4], kHex[u & 15]};
    } else {
      out += c;
    }
  }
  return out + "\"";
}
}  // namespace

std::string toml_string(std::string_view text) { return quoted(text, "$$"); }

std::string toml_key(std::string_view key) {
  return name_fault(key).empty() ? std::string(key) : quoted(key, "$");
}

}  // namespace siding
