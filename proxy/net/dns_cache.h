// What a Resolver knows of names, and for how long: pure decisions on time that is handed in.
//  - An answer is fresh for its TTL, clamped to [min_ttl, max_ttl] and never below a second. It is asked
//    for anew in the background when nine tenths of that have passed, if somebody wants it then.
//  - When asking fails, the last good answer is kept: for a day while servers fail (RFC 8767), for ten
//    minutes when they say that the name is gone (a headless service of Kubernetes without a ready
//    pod is NXDOMAIN for a moment; later the address may be somebody else's).
//  - A failure is not asked about again for 1, 2, 4, then 8 s, plus up to a quarter of that.
// Invariants: at most `max_names` entries; one that somebody holds a Ref to is never dropped.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/list.h"
#include "base/result.h"
#include "proxy/loop/wait.h"
#include "proxy/net/address.h"

namespace siding {

using Addresses = std::vector<SocketAddress>;

struct DnsTtl {
  Duration min;
  Duration max;
};

/// One name. In the list of its cache by the time of its last use.
class DnsEntry : public Link<> {
 public:
  static constexpr Duration kBetweenLookups = std::chrono::seconds(1);
  static constexpr Duration kMaxBackOff = std::chrono::seconds(8);
  static constexpr Duration kKeepIfFailing = std::chrono::hours(24);
  static constexpr Duration kKeepIfGone = std::chrono::minutes(10);

  explicit DnsEntry(std::string key) : key_(std::move(key)) {}

  const std::string& key() const { return key_; }
  /// The last good answer, with port 0 unless it is a service's; worth something only if fresh() or
  /// kept().
  const Addresses& addresses() const { return addresses_; }
  /// Why the last lookup failed; nothing if it did not.
  const std::optional<Error>& failure() const { return failure_; }
  bool gone() const { return gone_; }

  bool fresh(TimePoint now) const { return !addresses_.empty() && now < fresh_until_; }
  /// Whether the last good answer may still be used, fresh or not.
  bool kept(TimePoint now) const {
    Duration keep = gone_ ? kKeepIfGone : kKeepIfFailing;
    return !addresses_.empty() && now < after(expires_, keep);
  }
  bool may_ask(TimePoint now) const { return now >= retry_at_ && (!fresh(now) || due(now)); }
  /// Fresh, but not for long: who asks in the background now lets nobody wait later.
  bool due(TimePoint now) const { return now >= refresh_at_; }

  void set_good(Addresses addresses, Duration ttl, TimePoint now);
  /// `gone`: a server says that there is no such name. `spread` in [0, 1) sets apart the loops and
  /// hosts that failed at the same moment.
  void set_failed(Error failure, bool gone, TimePoint now, double spread);
  /// The addresses did not take connections: ends their freshness, a second after they came.
  void forget(TimePoint now);

  bool busy = false;  ///< a lookup runs
  Signal settled;     ///< notified when it has ended

 private:
  friend class DnsCache;
  std::string key_;
  Addresses addresses_;
  TimePoint asked_at_{};     // when they came
  TimePoint expires_{};      // by their TTL
  TimePoint fresh_until_{};  // the same, or earlier after forget()
  TimePoint refresh_at_{};   // when nine tenths of its time have passed
  std::optional<Error> failure_;
  bool gone_ = false;
  uint32_t failures_ = 0;  // in a row
  TimePoint retry_at_{};
  uint32_t users_ = 0;  // Refs
};

class DnsCache {
 public:
  DnsCache(size_t max_names, DnsTtl ttl);
  DnsCache(const DnsCache&) = delete;
  DnsCache& operator=(const DnsCache&) = delete;

  /// Keeps an entry while somebody works with it or waits in it.
  class Ref {
   public:
    Ref() = default;
    explicit Ref(DnsEntry& entry) : entry_(&entry) { ++entry_->users_; }
    Ref(const Ref& o) : entry_(o.entry_) {
      if (entry_ != nullptr) ++entry_->users_;
    }
    Ref(Ref&& o) noexcept : entry_(std::exchange(o.entry_, nullptr)) {}
    Ref& operator=(Ref o) noexcept {
      std::swap(entry_, o.entry_);
      return *this;
    }
    ~Ref() {
      if (entry_ != nullptr) --entry_->users_;
    }
    explicit operator bool() const { return entry_ != nullptr; }
    DnsEntry* operator->() const { return entry_; }
    DnsEntry& operator*() const { return *entry_; }

   private:
    DnsEntry* entry_ = nullptr;
  };

  /// Finds or adds; an empty Ref if every entry is in use. The one that was used longest ago makes
  /// room.
  Ref get(const std::string& key);
  /// Empty if there is none.
  Ref find(std::string_view key);

  Duration clamp(uint32_t ttl_seconds) const;
  size_t size() const { return entries_.size(); }

 private:
  bool drop_oldest();

  size_t max_names_;
  DnsTtl ttl_;
  std::unordered_map<std::string_view, std::unique_ptr<DnsEntry>> entries_;  // key: of the entry
  List<DnsEntry> by_use_;  // the one used longest ago is first
};

}  // namespace siding
