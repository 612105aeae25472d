// See explain_text.h: the rendering for people.
#include "proxy/admin/explain_text.h"

#include <algorithm>
#include <initializer_list>

#include "proxy/observe/format.h"

namespace siding {

namespace {

constexpr size_t kBar = 40;     // columns of the timeline
constexpr size_t kShown = 88;   // columns of a key
constexpr size_t kBefore = 40;  // of them at least before the first difference

std::string plain(std::string_view text) {
  std::string out;
  append_plain(out, text);
  return out;
}

std::string ms(Duration d) {
  std::string out;
  append_ms(out, d);
  return out + " ms";
}

void line(std::string& out, std::initializer_list<std::string_view> parts) {
  for (std::string_view part : parts) out += part;
  out += '\n';
}

std::string padded(std::string_view text, size_t width) {
  std::string out(text);
  if (out.size() < width) out.append(width - out.size(), ' ');
  return out;
}

// One row of the timeline: from..to of the whole as a bar. What happened at all has one mark.
void bar(std::string& out, std::string_view name, Duration from, Duration to, Duration whole,
         std::string_view note) {
  if (to <= from) return;
  auto column = [&](Duration d) {
    double share =
        std::clamp(static_cast<double>(d.count()) / static_cast<double>(whole.count()), 0.0, 1.0);
    return static_cast<size_t>(share * kBar);
  };
  size_t begin = std::min(column(from), kBar - 1);
  size_t end = std::clamp(column(to), begin + 1, kBar);
  std::string took = ms(to - from);
  if (took.size() < 12) took.insert(0, 12 - took.size(), ' ');
  line(out, {"    ", padded(name, 9), "|", std::string(begin, ' '), std::string(end - begin, '#'),
             std::string(kBar - end, ' '), "|", took, note.empty() ? "" : "  ", note});
}

void timeline(std::string& out, const ExchangeRecord& r) {
  Duration entered = r.body_wait;
  Duration dispatched = entered + r.queue_wait;
  Duration worked = dispatched + r.worker;
  Duration whole = std::max(r.total, worked);
  for (const PrefetchRecord& p : r.prefetches) whole = std::max(whole, entered + p.took);
  if (whole <= Duration::zero()) return;
  line(out, {"  time, ", ms(r.total), " in all"});
  bar(out, "request", {}, entered, whole, "");
  std::string ahead;
  if (r.ahead > 0) ahead = std::to_string(r.ahead) + " ahead of it";
  bar(out, "queue", entered, dispatched, whole, ahead);
  for (size_t i = 0; i < r.prefetches.size(); ++i) {
    bar(out, "fetch " + std::to_string(i + 1), entered, entered + r.prefetches[i].took, whole, "");
  }
  bar(out, "worker", dispatched, worked, whole, "");
  bar(out, "other", worked, r.total, whole, "connecting, sending");
}

// Two keys above each other with a mark under their first difference; long ones are cut around it.
void key_pair(std::string& out, std::string_view expected, std::string_view actual) {
  std::string e = plain(expected);
  std::string a = plain(actual);
  size_t same = 0;
  while (same < e.size() && same < a.size() && e[same] == a[same]) ++same;
  size_t skip = 0;
  if (std::max(e.size(), a.size()) > kShown && same > kBefore) skip = same - kBefore;
  auto shown = [&](const std::string& key) {
    std::string part = key.substr(std::min(skip, key.size()), kShown);
    if (skip > 0) part.replace(0, std::min<size_t>(3, part.size()), "...");
    if (key.size() > skip + kShown) part.replace(kShown - 3, 3, "...");
    return part;
  };
  line(out, {"        expected  ", shown(e)});
  line(out, {"        actual    ", shown(a)});
  if (e != a) line(out, {"                  ", std::string(same - skip, ' '), "^"});
}

void remedy(std::string& out, std::string_view why) {
  constexpr std::string_view kField = "field:";
  if (!why.starts_with(kField)) return;
  std::string name = plain(why.substr(kField.size(), why.find(' ') - kField.size()));
  line(out, {"        remedy    give the call that field from a template, such as {header.", name,
             "},"});
  line(out, {"                  or, if the answer does not depend on it, name it in the "
             "upstream's ignore_headers"});
}

void prefetch(std::string& out, const PrefetchRecord& p, size_t number) {
  std::string note;
  auto add = [&](const std::string& part) { note += (note.empty() ? "  " : ", ") + part; };
  if (!p.why().empty()) add(plain(p.why()));
  if (p.status != 0) add("status " + std::to_string(p.status));
  if (p.took > Duration::zero()) add(ms(p.took));
  line(out, {"    ", std::to_string(number), " ", padded(p.word(), 14), " ", plain(p.call), note});
  bool missed = p.outcome == PrefetchOutcome::missed && !p.skip.has_value();
  if (!p.actual.empty()) {
    key_pair(out, p.expected, p.actual);
    if (!p.difference.empty()) line(out, {"        first difference: ", plain(p.difference)});
  } else if (!p.expected.empty()) {
    line(out,
         {"        ", missed ? "expected  " : "key       ", bounded(plain(p.expected), kShown)});
  }
  if (missed && p.actual.empty())
    line(out, {"        actual    no call of the worker was near it"});
  remedy(out, p.why());
}

void exchange(std::string& out, const ExchangeRecord& r) {
  std::string when;
  append_time(when, r.wall);
  line(out, {plain(r.method), " ", plain(r.host), bounded(plain(r.target), 200)});
  line(out, {"  id       ", r.request_id.empty() ? "-" : plain(r.request_id)});
  line(out, {"  from     ", plain(r.client), " at ", when});
  std::string status = r.status == 0 ? "no answer" : std::to_string(r.status);
  line(out, {"  answer   ", status, ", ", std::to_string(r.bytes_out), " bytes"});
  line(out, {"  outcome  ", to_string(r.outcome), ": ", meaning(r.outcome)});
  if (!r.detail.empty()) line(out, {"           ", plain(r.detail)});
  if (r.route.empty()) {
    line(out, {"  route    none"});
  } else {
    std::string tried;
    if (r.attempts > 1) tried = ", " + std::to_string(r.attempts) + " connections tried";
    line(out, {"  route    ", plain(r.route), " -> ",
               r.backend.empty() ? "siding itself" : "backend " + plain(r.backend), tried});
  }
  if (r.cache != CacheResult::none) {
    line(out, {"  cache    ", to_string(r.cache), ": ", meaning(r.cache)});
  }
  if (r.bytes_in > 0) {
    line(out, {"  body     ", std::to_string(r.bytes_in), " bytes",
               r.spilled ? ", through a temporary file" : ""});
  }
  timeline(out, r);
  if (!r.legs.empty()) line(out, {"  legs"});
  for (const LegRecord& leg : r.legs) {
    line(out, {"    ", padded(to_string(leg.outcome), 14), " ", plain(leg.name), "  ", ms(leg.took),
               leg.detail.empty() ? "" : ", " + plain(leg.detail)});
  }
  if (r.prefetches.empty()) return;
  line(out, {"  prefetch"});
  for (size_t i = 0; i < r.prefetches.size(); ++i) prefetch(out, r.prefetches[i], i + 1);
}

}  // namespace

std::string explain_text(const std::vector<Ring::Ref>& records) {
  std::string out;
  for (const Ring::Ref& record : records) {
    if (!out.empty()) out += '\n';
    exchange(out, *record);
  }
  return out;
}

}  // namespace siding
