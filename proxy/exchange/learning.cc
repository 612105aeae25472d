// See learning.h.
#include "proxy/exchange/learning.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "cache/key.h"
#include "http/uri.h"

namespace siding {

namespace {
constexpr size_t kMaxFields = 64;
/// A value that three different clients' calls carried is the application's, not a client's.
constexpr size_t kClients = 3;
constexpr size_t kMaxMarks = 128;

constexpr std::array<std::string_view, 3> kFromTheFirst{"user-agent", "accept", "accept-encoding"};
constexpr std::array<std::string_view, 9> kNeverLearned{
    "authorization", "cookie",          "range",        "x-request-id",   "traceparent",
    "tracestate",    "x-amzn-trace-id", "x-b3-traceid", "idempotency-key"};
constexpr std::array<std::string_view, 3> kNeverPrefixes{"proxy-", "if-", "content-"};

bool from_the_first(std::string_view name) {
  for (std::string_view n : kFromTheFirst) {
    if (n == name) return true;
  }
  return false;
}

bool never(std::string_view name) {
  for (std::string_view n : kNeverLearned) {
    if (n == name) return true;
  }
  for (std::string_view prefix : kNeverPrefixes) {
    if (name.starts_with(prefix)) return true;
  }
  return false;
}
}  // namespace

ClientMarks client_marks(const RequestHead& head, uint64_t address) {
  ClientMarks marks;
  marks.address = address;
  std::string credentials = head.fields.joined("authorization") + head.fields.joined("cookie");
  marks.credentials = credentials.empty() ? address : key_hash(credentials);
  auto add = [&](std::string_view value) {
    if (marks.values.size() < kMaxMarks && !value.empty()) marks.values.push_back(key_hash(value));
  };
  for_each_parameter(head.query(),
                     [&](std::string_view, std::string_view v) { add(form_decode(v)); });
  for (const Field& f : head.fields) {
    if (equals_ignore_case(f.name, "cookie")) {
      std::string_view rest = f.value;
      while (!rest.empty()) {
        std::string_view pair = rest.substr(0, rest.find(';'));
        size_t equals = pair.find('=');
        if (equals != std::string_view::npos) add(trim_ows(pair.substr(equals + 1)));
        rest.remove_prefix(std::min(rest.size(), pair.size() + 1));
      }
    } else {
      add(f.value);
    }
  }
  std::sort(marks.values.begin(), marks.values.end());
  return marks;
}

void LearnedFields::apply(Fields& prefetch) const {
  std::lock_guard lock(mutex_);
  apply_locked(prefetch);
}

void LearnedFields::apply_locked(Fields& prefetch) const {
  for (const auto& [name, seen] : seen_) {
    if (seen.known && !seen.varying && !prefetch.has(name)) prefetch.add(seen.name, seen.value);
  }
}

bool LearnedFields::matched() const {
  std::lock_guard lock(mutex_);
  return matched_;
}

std::string LearnedFields::obstacle() const {
  std::lock_guard lock(mutex_);
  return obstacle_;
}

std::string LearnedFields::learn(const Fields& call, const PinOffer& offer, bool certain) {
  std::lock_guard lock(mutex_);
  for (const Field& field : call) {
    std::string name = lower(field.name);
    bool first_counts = from_the_first(name);
    if (never(name) || (!first_counts && offer.ignored->ignores(name, field.value))) continue;
    std::string value = call.joined(field.name);
    auto [at, is_new] = seen_.try_emplace(name);
    Seen& seen = at->second;
    if (is_new) {
      if (seen_.size() > kMaxFields) {
        seen_.erase(at);
        continue;
      }
      seen.name = field.name;
      seen.value = value;
    } else if (seen.value != value) {
      // What is ignored in comparisons (User-Agent) stays as it was first; what counts must not.
      if (!offer.ignored->ignores(name, value)) seen.varying = true;
      continue;
    }
    const ClientMarks& client = *offer.client;
    if (first_counts) {
      seen.known = true;
    } else if (std::binary_search(client.values.begin(), client.values.end(), key_hash(value))) {
      seen.varying = true;  // passed on from the client: it needs a template
    } else if (!seen.known && certain) {
      seen.addresses.insert(client.address);
      seen.credentials.insert(client.credentials);
      seen.known = seen.addresses.size() >= kClients && seen.credentials.size() >= kClients;
    }
  }
  Fields would_send = offer.fields;
  apply_locked(would_send);
  std::string field = first_differing_field(would_send, call, *offer.ignored);
  if (field.empty()) {
    matched_ = true;
    obstacle_.clear();
  } else if (!matched_) {
    obstacle_ = "field:" + field + " not known";
  }
  return field;
}

}  // namespace siding
