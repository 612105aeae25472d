// Filling templates; their grammar is in template_parse.cc. See template.h.
#include "http/template.h"

#include <algorithm>

#include "base/text.h"
#include "http/requote.h"
#include "http/uri.h"
#include "http/utf8.h"

namespace siding {

namespace {

bool has_control(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) {
    auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == 0x7f;
  });
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kSpace = " \t\n\v\f\r";
  size_t begin = text.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kSpace) - begin + 1);
}

std::string first_item(std::string_view list) {
  std::string_view first;
  for_each_item(list, [&](std::string_view item) {
    if (first.empty()) first = item;
  });
  return std::string(first);
}

/// RFC 8259 section 6; true and false too.
bool is_json_number(std::string_view text) {
  if (text == "true" || text == "false") return true;
  auto digits = [&text] {
    size_t n = 0;
    while (n < text.size() && is_digit(text[n])) ++n;
    text.remove_prefix(n);
    return n;
  };
  if (text.starts_with('-')) text.remove_prefix(1);
  const bool zero = text.starts_with('0');
  const size_t whole = digits();
  if (whole == 0 || (zero && whole > 1)) return false;
  if (text.starts_with('.')) {
    text.remove_prefix(1);
    if (digits() == 0) return false;
  }
  if (text.starts_with('e') || text.starts_with('E')) {
    text.remove_prefix(1);
    if (text.starts_with('+') || text.starts_with('-')) text.remove_prefix(1);
    if (digits() == 0) return false;
  }
  return text.empty();
}

}  // namespace

bool Template::Part::has(Filter filter) const {
  return std::find(filters.begin(), filters.end(), filter) != filters.end();
}

std::optional<std::string> Template::value_of(const Part& part, const TemplateValues& values) {
  std::optional<std::string> value;
  switch (part.source) {
    case Source::query: value = values.query(part.name); break;
    case Source::path: value = values.path(part.name); break;
    case Source::header: value = values.header(part.name); break;
    case Source::cookie: value = values.cookie(part.name); break;
    case Source::form: value = values.form(part.name); break;
    case Source::json: value = values.json(part.name); break;
    case Source::client_ip: value = values.client_ip(); break;
    case Source::leg: {
      size_t dot = part.name.find('.');
      value = values.leg(std::string_view(part.name).substr(0, dot), part.name.substr(dot + 1));
      break;
    }
  }
  if (!value) return part.default_value;
  for (Filter filter : part.filters) {
    switch (filter) {
      case Filter::trim: value = std::string(trimmed(*value)); break;
      case Filter::lower: value = lower(*value); break;
      case Filter::first: value = first_item(*value); break;
      case Filter::form:
      case Filter::requote:
      case Filter::number: break;  // append_value()
    }
  }
  return value;
}

/// False where the value must not stand there. What is appended to a target adds none of the
/// characters that part it, so that "?" and "/" there are those of the literals.
bool Template::append_value(const Part& part, std::string_view value, std::string& out) {
  if (!is_utf8(value)) return false;
  switch (part.slot) {
    case Slot::header:
      if (has_control(value)) return false;
      out += value;
      return true;
    case Slot::body:
      if (part.has(Filter::number) && !is_json_number(value)) return false;
      out += value;
      return true;
    case Slot::path:
      if (value.empty() || has_control(value)) return false;
      if (part.has(Filter::requote)) {
        if (value.find_first_of("/?#;") != std::string_view::npos) return false;
        out += value;  // until finish_target()
      } else {
        percent_encode(value, kUnreserved, out);
      }
      return true;
    case Slot::query:
      if (part.has(Filter::requote)) {
        if (value.find_first_of("&#;") != std::string_view::npos) return false;
        out += value;  // until finish_target()
      } else if (part.has(Filter::form)) {
        out += form_encode(value);
      } else {
        percent_encode(value, kUnreserved, out);
      }
      return true;
  }
  return false;
}

/// Whether all readers see in it the segments that are written there.
bool Template::is_fit_path(std::string_view path) {
  std::string decoded = percent_decode(path);
  return !has_dot_segment(decoded) && !has_control(decoded);
}

/// Requotes the components that hold a `requote` value.
std::string Template::finish_target(std::string filled) const {
  auto requoted = [this](Slot slot) {
    return std::any_of(parts_.begin(), parts_.end(), [slot](const Part& part) {
      return part.has_value && part.slot == slot && part.has(Filter::requote);
    });
  };
  bool path_too = requoted(Slot::path);
  bool query_too = requoted(Slot::query);
  if (!path_too && !query_too) return filled;

  size_t mark = std::min(filled.find('?'), filled.size());
  std::string path = filled.substr(0, mark);
  std::string query = filled.substr(std::min(mark + 1, filled.size()));
  if (path_too) path = requote_path(path);
  if (query_too) query = requote_query(query);
  return mark == filled.size() ? path : path + '?' + query;
}

std::optional<std::string> Template::render(const TemplateValues& values,
                                            const Part*& culprit) const {
  std::string out;
  for (const Part& part : parts_) {
    out += part.literal;
    if (!part.has_value) continue;
    std::optional<std::string> value = value_of(part, values);
    if (!value || !append_value(part, *value, out)) {
      culprit = &part;
      return std::nullopt;
    }
  }
  if (place_ == TemplatePlace::header_value) return std::string(trim_ows(out));
  if (place_ == TemplatePlace::body_value) return out;

  out = finish_target(std::move(out));
  // The literals are fit, so a value is to blame: the last one in the path, or one before it.
  if (!is_fit_path(std::string_view(out).substr(0, out.find('?')))) {
    for (const Part& part : parts_) {
      if (part.has_value && part.slot == Slot::path) culprit = &part;
    }
    return std::nullopt;
  }
  return out;
}

std::optional<std::string> Template::fill(const TemplateValues& values) const {
  const Part* culprit = nullptr;
  return render(values, culprit);
}

std::string Template::missing(const TemplateValues& values) const {
  const Part* culprit = nullptr;
  if (render(values, culprit) || culprit == nullptr) return {};
  if (culprit->source == Source::leg) return culprit->name;
  return std::string(to_string(culprit->source)) + '.' + culprit->name;
}

bool Template::uses(Source source) const { return !names(source).empty(); }

std::vector<std::string> Template::names(Source source) const {
  std::vector<std::string> out;
  for (const Part& part : parts_) {
    if (!part.has_value || part.source != source) continue;
    out.push_back(source == Source::leg ? part.name.substr(0, part.name.find('.')) : part.name);
  }
  return out;
}

bool Template::constant() const {
  return std::none_of(parts_.begin(), parts_.end(),
                      [](const Part& part) { return part.has_value; });
}

bool Template::is_number() const {
  return std::any_of(parts_.begin(), parts_.end(),
                     [](const Part& part) { return part.has_value && part.has(Filter::number); });
}

}  // namespace siding
