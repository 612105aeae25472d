// Upstream calls by way of the upstream's cache, where it has one: what siding calls itself (legs,
// prefetch) and what workers call through egress find each other's answers, and share fetches.
// Invariant: without a cache it is call_upstream(), and nothing else.
#pragma once

#include "proxy/exchange/cache_lookup.h"
#include "proxy/exchange/call.h"

namespace siding {

/// The cache of an upstream; null without one.
const CacheOwner* cache_of(const LoopServices& services, const Upstream& upstream);
/// A lookup for a call whose `fields` are those of the caller: what the upstream's configuration adds is
/// no caller's own, and neither makes an answer private nor is part of a variant.
CacheLookup::Ask ask_for_call(const LoopServices& services, const CacheOwner& owner,
                              const Upstream& upstream, RequestHead head);

/// As call_upstream().
Task<Result<CallAnswer>> call_cached(LoopServices& services, Upstream& upstream,
                                     CallRequest request, CallOptions options);

}  // namespace siding
