// The other end of the doors: what `siding explain`, `siding purge` and `siding health` run in a process of
// their own. Blocking, with one timeout over all.
// Invariant: never throws and never hangs; what it returns is printed as it is (the door escapes).
#pragma once

#include <string>
#include <string_view>

#include "base/clock.h"
#include "cache/purge.h"

namespace siding {

struct ExplainQuestion {
  std::string address;        ///< "unix:/run/siding/admin.sock", "127.0.0.1:8082", "[::1]:8082"
  std::string what = "last";  ///< "last", "slow", "failed", or a request id
  uint32_t count = 0;         ///< of exchanges; 0 = the door's default
  bool json = false;
  Duration timeout = std::chrono::seconds(5);
};

struct PurgeQuestion {
  std::string address;
  Purge purge;
  bool json = false;
  Duration timeout = std::chrono::minutes(2);  ///< who gives up ends the purge
};

struct AdminAnswer {
  bool ok = false;   ///< an answer of status 200
  std::string text;  ///< to be printed; else what went wrong and what to do about it
};

struct HealthQuestion {
  std::string address;  ///< of the [health] door: IP:PORT, or unix:/PATH
  bool live = false;    ///< /healthz, else /readyz
  Duration timeout = std::chrono::seconds(5);
};

AdminAnswer ask_health(const HealthQuestion& question);
AdminAnswer ask_explain(const ExplainQuestion& question);
AdminAnswer ask_purge(const PurgeQuestion& question);

}  // namespace siding
