// See endpoint.h.
#include "proxy/upstream/endpoint.h"

#include <algorithm>

namespace siding {

Task<Result<std::unique_ptr<Socket>>> connect_origin(const OriginUrl& origin, TlsPeer tls,
                                                     Resolver& resolver, Duration timeout,
                                                     TimePoint deadline) {
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
    if (connected && tls.context) {
      Result<> secured = co_await start_tls(**connected, tls.context, tls.name, until);
      if (!secured) connected = secured.error();
    }
    if (connected) co_return std::move(connected);
    last = connected.error();
    if (last.kind == Failure::tls_certificate) co_return last;
    if (Loop::current().now() >= deadline) break;
  }
  resolver.forget(origin.host);
  co_return last;
}

}  // namespace siding
