// A siding in this process, from the TOML that a test writes, on ports that the kernel chooses.
#pragma once

#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "proxy/server/server.h"
#include "tests/harness/client.h"
#include "tests/harness/origin.h"

namespace siding::test {

/// The file, in pieces. What is not said is as short as it can be: one backend "shop" with
/// concurrency 1, one route to it, an egress listener.
struct Setup {
  std::string backend = "concurrency = 1\n";  ///< keys of [backend.shop], but for its url
  std::string route{};                        ///< keys of the last route, which takes everything
  std::string tables{};  ///< before that route: [upstream.x], [limits], other [[route]]s
  std::string top{};     ///< keys before the first table
  std::string egress{};  ///< keys of [egress], but for listen
  bool has_egress = true;
  std::string health{};                    ///< likewise of [health]
  std::string listen = "\"127.0.0.1:0\"";  ///< of clients
  int threads = 1;
  ManualClock* clock = nullptr;  ///< then time moves by Proxy::advance() only; for one thread
};

class Proxy {
 public:
  Proxy(const Origin& backend, Setup setup = {}) : Proxy(backend.url(), std::move(setup)) {}
  Proxy(const std::string& backend_url, Setup setup);
  /// Ends at once whatever is still inside.
  ~Proxy();
  Proxy(const Proxy&) = delete;
  Proxy& operator=(const Proxy&) = delete;

  uint16_t front() const { return server_->front_addresses().at(0).port(); }
  uint16_t egress() const { return server_->egress_addresses().at(0).port(); }
  uint16_t health() const { return server_->health_addresses().at(0).port(); }
  uint16_t admin() const { return server_->admin_addresses().at(0).port(); }

  /// The sum of a metric's series that have all `labels`, such as "outcome=ok".
  double metric(std::string_view name, std::initializer_list<std::string_view> labels = {});
  /// Waits until it is `value`: things are counted a moment after they are seen.
  bool metric_becomes(double value, std::string_view name,
                      std::initializer_list<std::string_view> labels = {});
  double ended(std::string_view outcome);  ///< exchanges, by outcome
  bool waits(int requests);                ///< until so many are queued
  bool inside(int requests);               ///< until so many are inside the backend
  /// Prefetches with this result, and reason; -1 if there is no such series.
  bool prefetched(double value, std::string_view result, std::string_view reason = "");

  /// What `siding explain` gets: "last", "failed", an id. As text, or JSON.
  std::string explain(std::string_view what, bool json = false);

  /// Puts another file in force; what speaks against it.
  std::string reload(const Setup& setup) { return reload(backend_url_, setup); }
  std::string reload(const std::string& backend_url, const Setup& setup);
  uint16_t front(size_t index) const { return server_->front_addresses().at(index).port(); }

  void drain() { server_->drain(); }
  int wait() { return server_->wait(); }
  /// Lets time pass, and the loop see it.
  void advance(Duration d);

 private:
  bool nudge();

  const std::string backend_url_;
  SystemClock system_clock_;
  ManualClock* manual_;
  std::unique_ptr<Server> server_;
  std::unique_ptr<Client> metrics_;
};

}  // namespace siding::test
