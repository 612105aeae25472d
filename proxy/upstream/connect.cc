// See connect.h.
#include "proxy/upstream/connect.h"

#include <algorithm>
#include <vector>

#include "proxy/loop/join.h"

namespace siding {

Task<Result<std::unique_ptr<Socket>>> connect_backend(const OriginUrl& origin, Resolver& resolver,
                                                      Duration timeout, TimePoint deadline) {
  if (!origin.unix_path.empty()) {
    std::optional<SocketAddress> address = SocketAddress::unix_socket(origin.unix_path);
    if (!address) co_return Error(Failure::internal, Side::local, false, "unix path too long");
    auto connected = co_await connect_socket(*address, deadline);
    co_return std::move(connected);
  }
  Result<Addresses> addresses = co_await resolver.resolve(origin.host, origin.port, deadline);
  if (!addresses) {
    Error error = addresses.error();
    error.retryable = true;
    co_return error;
  }
  Error last(Failure::dns_error, Side::upstream, true, origin.host + " has no address");
  for (const SocketAddress& address : *addresses) {
    TimePoint until = std::min(deadline, after(Loop::current().now(), timeout));
    auto connected = co_await connect_socket(address, until);
    if (connected) co_return std::move(connected);
    last = connected.error();
    if (Loop::current().now() >= deadline) break;
  }
  resolver.forget(origin.host);
  co_return last;
}

Task<Result<std::unique_ptr<Socket>>> connect_address(SocketAddress address, Reach reach,
                                                      TlsPeer tls, TimePoint until) {
  if (!within(reach, address)) {
    co_return Error(Failure::address_denied, Side::upstream, true,
                    address.text() + (is_loopback(address)
                                          ? " is this machine: a name may lead there only with "
                                            "`loopback = true` in its [upstream]"
                                          : " is a private address, and `public_only = true`"));
  }
  auto connected = co_await connect_socket(address, until);
  if (!connected || !tls.context) co_return std::move(connected);
  Result<> secured = co_await start_tls(**connected, tls.context, tls.name, until);
  if (!secured) co_return secured.error();
  co_return std::move(connected);
}

namespace {
/// RFC 8305, section 8: the recommended Connection Attempt Delay.
constexpr Duration kAttemptDelay = std::chrono::milliseconds(250);

struct Race {
  Race(Endpoints::Turn& t, Reach r, TlsPeer p)
      : turn(t), reach(r), tls(std::move(p)), running(t.size()) {}
  Endpoints::Turn& turn;
  const Reach reach;
  const TlsPeer tls;
  std::unique_ptr<Socket> socket;
  size_t winner = 0;
  std::vector<bool> running;  // by candidate
  Error last{Failure::dns_error, Side::upstream, true, "no address"};
};

/// Not a fault of the address.
bool is_ours(Failure kind) {
  return kind == Failure::address_denied || kind == Failure::no_descriptor;
}

Task<> attempt(Race& race, size_t i, TimePoint until) {
  auto connected = co_await connect_address(race.turn.address(i), race.reach, race.tls, until);
  race.running[i] = false;
  if (connected) {
    if (race.socket) co_return;  // in the same turn of the loop as another one
    race.socket = std::move(*connected);
    race.winner = i;
    co_return;
  }
  const Failure kind = connected.error().kind;
  // Of all reasons the one that a person has to do something about.
  if (race.last.kind != Failure::tls_certificate) race.last = connected.error();
  if (!is_ours(kind)) race.turn.missed(i, Loop::current().now());
}
}  // namespace

Task<Result<std::unique_ptr<Socket>>> connect_first(Endpoints::Turn& turn, Reach reach, TlsPeer tls,
                                                    Duration timeout, TimePoint deadline) {
  Race race(turn, reach, std::move(tls));
  Group attempts;
  size_t next = 0;  // candidate
  while (!race.socket) {
    TimePoint now = Loop::current().now();
    if (next > 0 && now >= deadline) next = turn.size();
    while (next < turn.size() && !turn.join(next)) ++next;
    const bool more = next < turn.size();
    if (!more && attempts.running() == 0) break;
    size_t running = attempts.running();
    TimePoint company = kNever;
    if (more) {
      race.running[next] = true;
      attempts.start(attempt(race, next, std::min(deadline, after(now, timeout))));
      ++next;
      running = attempts.running();
      if (next < turn.size()) company = after(now, kAttemptDelay);
    }
    // Until one ends, or the next one's time has come.
    while (!race.socket && attempts.running() == running && running > 0) {
      bool ended = co_await Wait(attempts.changed(), company);
      if (!ended) break;
    }
  }
  if (!race.socket) co_return race.last;
  // Who began earlier had the time that it takes.
  for (size_t i = 0; i < race.winner; ++i) {
    if (race.running[i]) turn.missed(i, Loop::current().now());
  }
  turn.use(race.winner);
  co_return std::move(race.socket);
}

}  // namespace siding
