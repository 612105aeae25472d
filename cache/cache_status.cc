// See cache_status.h.
#include "cache/cache_status.h"

#include <algorithm>
#include <array>

#include "http/structured_fields.h"

namespace siding {

namespace {

constexpr std::array<std::string_view, static_cast<size_t>(Forward::count_)> kForwards{
    "", "bypass", "method", "uri-miss", "vary-miss", "miss", "request", "stale", "partial"};
static_assert(!kForwards.back().empty());

}  // namespace

std::string_view to_string(Forward f) { return kForwards[static_cast<size_t>(f)]; }

Forward forward_of(const ReuseDecision& decision) {
  switch (decision.kind) {
    case Reuse::bypass: return Forward::bypass;
    case Reuse::validate: return decision.by_request ? Forward::request : Forward::stale;
    default: return Forward::none;
  }
}

std::string cache_status(const CacheStatus& status) {
  std::string out;
  out.reserve(64);  // what it mostly is fits
  out += "siding";
  if (status.forward == Forward::none) {
    out += "; hit";
  } else {
    out.append("; fwd=").append(to_string(status.forward));
    if (status.forward_status != 0) {
      out.append("; fwd-status=").append(std::to_string(status.forward_status));
    }
  }
  if (status.ttl) {
    int64_t whole = std::chrono::floor<Seconds>(*status.ttl).count();
    out.append("; ttl=").append(
        std::to_string(std::clamp(whole, -kForever.count(), kForever.count())));
  }
  if (status.stored) out += "; stored";
  if (status.collapsed) out += "; collapsed";
  if (!status.detail.empty()) {
    out += "; detail=";
    append_sf_text(status.detail, out);
  }
  return out;
}

void add_cache_status(Fields& fields, const CacheStatus& status) {
  fields.add("Cache-Status", cache_status(status));
}

}  // namespace siding
