// The cache's decisions against a second reading of the RFCs (tests/cache/model.h), in random cases.
#include "tests/cache/model.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <functional>
#include <sstream>
#include <string>

#include "tests/cache/model_generate.h"
#include "tests/cache/model_render.h"

namespace siding::cache_model {
namespace {

/// SIDING_MODEL_SEED=N SIDING_MODEL_CASES=1 repeats one case, and more of them search longer.
uint64_t from_environment(const char* name, uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

/// How often each outcome was there: a test that never sees one says nothing of it.
struct Seen {
  std::array<uint64_t, static_cast<size_t>(StoreReason::count_)> reasons{};
  std::array<uint64_t, static_cast<size_t>(Reuse::count_)> kinds{};
  std::array<uint64_t, static_cast<size_t>(LifetimeSource::count_)> sources{};
  uint64_t unknown_age = 0, if_error = 0, if_unreachable = 0, by_request = 0;
};

std::optional<Duration> held(std::optional<Wide> t) {
  if (!t) return std::nullopt;
  return Duration(static_cast<int64_t>(std::clamp<Wide>(*t, INT64_MIN, INT64_MAX)));
}

/// Without the fields that are not stored, and with a Date if there was none, it lives as long. That
/// Date has whole seconds, so it may seem older by less than one.
bool means_the_same_when_stored(const Rendered& r, const Freshness& f) {
  ResponseHead stored;
  stored.status = r.response.status;
  stored.fields = fields_to_store(r.response.fields, r.times.response);
  const Freshness again = freshness_of(stored, r.policy, r.times);
  if (again.initial_age.has_value() != f.initial_age.has_value()) return false;
  const Duration older = f.initial_age ? *again.initial_age - *f.initial_age : Duration::zero();
  return older >= Duration::zero() && older < Seconds(1) &&
         again.lifetime.length == f.lifetime.length && again.lifetime.source == f.lifetime.source &&
         again.always_validate == f.always_validate && again.never_stale == f.never_stale &&
         again.shared_maxage == f.shared_maxage && again.immutable == f.immutable &&
         again.stale_while_revalidate == f.stale_while_revalidate &&
         again.stale_if_error == f.stale_if_error;
}

/// What they disagree about; nullptr if they agree.
const char* disagreement(const Case& c, Rendered& r, Seen* seen = nullptr) {
  Renderer(c, r);
  const Verdict model = Model(c.facts).verdict();
  const StoreReason reason = may_store(r.request, r.response, r.policy, r.times).reason;
  const Freshness f = freshness_of(r.response, r.policy, r.times);
  const ReuseDecision d = may_reuse(r.request, f, r.policy, r.now);
  if (seen != nullptr) {
    ++seen->reasons[static_cast<size_t>(reason)];
    ++seen->kinds[static_cast<size_t>(d.kind)];
    ++seen->sources[static_cast<size_t>(f.lifetime.source)];
    seen->unknown_age += current_age(f, r.now) ? 0 : 1;
    seen->if_error += d.stale_if_error ? 1 : 0;
    seen->if_unreachable += d.stale_if_unreachable ? 1 : 0;
    seen->by_request += d.by_request ? 1 : 0;
  }
  if (reason == StoreReason::stored ? model.refusals != 0
                                    : (model.refusals >> static_cast<unsigned>(reason) & 1) == 0) {
    return "stored or not, and why";
  }
  if (f.lifetime.length.count() != model.lifetime || f.lifetime.source != model.source) {
    return "lifetime";
  }
  if (current_age(f, r.now) != held(model.age)) return "age";
  if (reason == StoreReason::stored && !means_the_same_when_stored(r, f)) return "what is stored";
  if (d.kind != model.kind) return "reuse";
  if (!model.looked_at) return nullptr;
  if (d.age != current_age(f, r.now)) return "the age that is told";
  if (d.age && d.time_left != held(model.lifetime * kSecond - d.age->count())) return "time left";
  if (d.kind != Reuse::validate) return nullptr;
  if (d.by_request != model.by_request) return "by request";
  if (d.stale_if_error != model.stale_if_error) return "stale if error";
  if (d.stale_if_unreachable != model.stale_if_unreachable) return "stale if unreachable";
  return nullptr;
}

/// Leaves out facts, one at a time, as long as it still fails.
Case shrink(Case c, const std::function<bool(const Case&)>& fails) {
  for (bool smaller = true; smaller;) {
    smaller = false;
    for (size_t i = 0; i < c.facts.size(); ++i) {
      Case less = c;
      less.facts.erase(less.facts.begin() + static_cast<std::ptrdiff_t>(i));
      if (!fails(less)) continue;
      c = less;
      smaller = true;
      --i;
    }
  }
  Case plain = c;
  plain.style = 0;
  return fails(plain) ? plain : c;
}

std::string told(std::optional<Duration> d) {
  return d ? std::to_string(d->count()) + " ns" : "unknown";
}
std::string describe(const Case& c, uint64_t seed) {
  Rendered r;
  const char* what = disagreement(c, r);
  const Verdict model = Model(c.facts).verdict();
  const Freshness f = freshness_of(r.response, r.policy, r.times);
  const ReuseDecision d = may_reuse(r.request, f, r.policy, r.now);
  std::ostringstream out;
  out << "seed " << seed << ": they disagree about " << (what == nullptr ? "nothing" : what)
      << "\n";
  out << r.request.method << " /a\n";
  for (const Field& l : r.request.fields) out << "  " << l.name << ": " << l.value << "\n";
  out << r.response.status << "\n";
  for (const Field& l : r.response.fields) out << "  " << l.name << ": " << l.value << "\n";
  auto at = [](WallTime t) { return std::to_string((t - cache_test::kNow).count()) + " ns"; };
  out << "request at " << at(r.times.request) << ", response at " << at(r.times.response)
      << ", now " << at(r.now) << "\n";
  out << "enabled " << r.policy.enabled << ", set_cookie " << r.policy.store_set_cookie
      << ", heuristic " << r.policy.heuristic << ", ttl ";
  for (const StatusTtl& t : r.policy.ttl) out << t.status << "=" << t.ttl.count() << " ";
  out << ", stale_while_revalidate " << r.policy.stale_while_revalidate.count()
      << ", stale_if_error " << r.policy.stale_if_error.count() << ", stale_if_unreachable "
      << r.policy.stale_if_unreachable.count() << ", max_object " << r.policy.max_object << "\n";
  out << "model: refusals";
  for (size_t i = 0; i < static_cast<size_t>(StoreReason::count_); ++i) {
    if ((model.refusals >> i & 1) != 0) out << " " << to_string(static_cast<StoreReason>(i));
  }
  out << "; lifetime " << model.lifetime << " " << to_string(model.source) << "; age "
      << told(held(model.age)) << "; " << to_string(model.kind) << ", by request "
      << model.by_request << ", if error " << model.stale_if_error << ", if unreachable "
      << model.stale_if_unreachable << "\n";
  out << "cache: " << to_string(may_store(r.request, r.response, r.policy, r.times).reason)
      << "; lifetime " << f.lifetime.length.count() << " " << to_string(f.lifetime.source)
      << "; age " << told(current_age(f, r.now)) << "; " << to_string(d.kind) << ", by request "
      << d.by_request << ", if error " << d.stale_if_error << ", if unreachable "
      << d.stale_if_unreachable << "\n";
  return out.str();
}

TEST(CacheModel, AgreesWithTheCacheInRandomCases) {
  Case c;
  Rendered r;
  Seen seen;
  const uint64_t first = from_environment("SIDING_MODEL_SEED", 9111);
  const uint64_t cases = from_environment("SIDING_MODEL_CASES", 200'000);
  int failures = 0;
  for (uint64_t seed = first; seed != first + cases && failures < 3; ++seed) {
    Generator(seed, c);
    const char* what = disagreement(c, r, &seen);
    if (what == nullptr) continue;
    ++failures;
    // Smaller, but about the same.
    Case least = shrink(c, [&](const Case& less) {
      Rendered scratch;
      const char* now = disagreement(less, scratch);
      return now != nullptr && std::string_view(now) == what;
    });
    ADD_FAILURE() << describe(least, seed);
  }
  if (failures > 0 || cases < 200'000) return;
  for (size_t i = 0; i < seen.reasons.size(); ++i) {
    EXPECT_GE(seen.reasons[i], cases / 2000) << to_string(static_cast<StoreReason>(i));
  }
  for (size_t i = 0; i < seen.kinds.size(); ++i) {
    EXPECT_GE(seen.kinds[i], cases / 200) << to_string(static_cast<Reuse>(i));
  }
  for (size_t i = 0; i < seen.sources.size(); ++i) {
    EXPECT_GE(seen.sources[i], cases / 100) << to_string(static_cast<LifetimeSource>(i));
  }
  EXPECT_GE(seen.unknown_age, cases / 200);
  EXPECT_GE(seen.if_error, cases / 100);
  EXPECT_GE(seen.if_unreachable, cases / 100);
  EXPECT_GE(seen.by_request, cases / 100);
}

TEST(CacheModel, ASeedAlwaysMakesTheSameCase) {
  Case a, b;
  Rendered x, y;
  Generator(7, a);
  Generator(7, b);
  Renderer(a, x);
  Renderer(b, y);
  EXPECT_EQ(a.facts.size(), b.facts.size());
  EXPECT_EQ(a.style, b.style);
  ASSERT_EQ(x.response.fields.size(), y.response.fields.size());
  for (size_t i = 0; i < x.response.fields.size(); ++i) {
    EXPECT_EQ(x.response.fields[i].value, y.response.fields[i].value);
  }
}

TEST(CacheModel, ShrinkingLeavesWhatFails) {
  Case c;
  Generator(11, c);
  c.facts.push_back({.kind = Kind::status, .value = 404});
  c.facts.push_back({.kind = Kind::max_age, .form = Form::bare});
  auto has = [](const Case& in, Kind k) {
    return std::any_of(in.facts.begin(), in.facts.end(),
                       [&](const Fact& f) { return f.kind == k; });
  };
  Case least = shrink(
      c, [&](const Case& less) { return has(less, Kind::status) && has(less, Kind::max_age); });
  EXPECT_EQ(least.facts.size(), 2u);
  EXPECT_EQ(least.style, 0u);
}

}  // namespace
}  // namespace siding::cache_model
