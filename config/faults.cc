// Collecting, ordering and wording of configuration faults (see faults.h).
#include "config/faults.h"

#include <algorithm>
#include <tuple>

#include "base/text.h"

namespace siding {
namespace {

// Edits that turn one word into the other: insert, delete, replace, swap neighbours.
size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<size_t> before(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replaced = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, replaced});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        row[j] = std::min(row[j], before[j - 2] + 1);
      }
    }
    std::swap(before, last);
    std::swap(last, row);
  }
  return last[b.size()];
}

// What others wrote goes to a terminal: no control characters, and no more than one can read.
std::string readable(std::string_view text) {
  constexpr size_t kMost = 1000;
  constexpr char kHex[] = "0123456789abcdef";
  std::string out;
  for (char c : text) {
    const auto u = static_cast<unsigned char>(c);
    const bool begins = (u & 0xC0) != 0x80;  // a character of UTF-8
    if (out.size() >= kMost && begins) return out + "...";
    if ((u < 0x20 && c != '\n') || u == 0x7F) {
      out += {'\\', 'x', kHex[u >> 4], kHex[u & 15]};
    } else {
      out += c;
    }
  }
  return out;
}

}  // namespace

size_t Faults::add_file(std::string name) {
  files_.push_back(std::move(name));
  return files_.size() - 1;
}

std::string Faults::text(Place place) const {
  std::string out = place.file < files_.size() ? files_[place.file] : "configuration";
  if (place.line == 0) return out;
  return out + ":" + std::to_string(place.line) + ":" + std::to_string(place.column);
}

void Faults::add(Place place, std::string_view message, bool warning) {
  faults_.push_back({place, readable(message), warning});
}

bool Faults::any_error() const {
  return std::any_of(faults_.begin(), faults_.end(), [](const Fault& f) { return !f.warning; });
}

std::vector<Diagnostic> Faults::take() {
  auto order = [](const Fault& f) {
    return std::tuple(f.place.file, f.place.line, f.place.column);
  };
  std::stable_sort(faults_.begin(), faults_.end(),
                   [&](const Fault& a, const Fault& b) { return order(a) < order(b); });
  std::vector<Diagnostic> out;
  for (Fault& f : faults_) out.push_back({text(f.place), std::move(f.message), f.warning});
  faults_.clear();
  return out;
}

std::string nearest(std::string_view word, const std::vector<std::string>& candidates) {
  // A third of the letters may be wrong: more would offer words that have nothing in common.
  size_t allowed = std::max<size_t>(1, (word.size() + 1) / 3);
  if (word.size() > 64) return "";
  std::string best;
  for (const std::string& candidate : candidates) {
    if (word.size() >= 3 && lower(candidate).starts_with(lower(word))) return candidate;
    const size_t distance = edit_distance(lower(word), lower(candidate));
    if (distance > allowed || (distance == allowed && !best.empty())) continue;
    best = candidate;
    allowed = distance;
  }
  return best;
}

std::string suggestion(std::string_view word, const std::vector<std::string>& candidates,
                       std::string_view what) {
  const std::string near = nearest(word, candidates);
  if (!near.empty()) return "; did you mean `" + near + "`?";
  if (candidates.empty()) return "";
  return "; " + std::string(what) + " are " + join_quoted(candidates);
}

std::string join_quoted(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) {
    if (!out.empty()) out += ", ";
    out += "`" + word + "`";
  }
  return out;
}

}  // namespace siding
