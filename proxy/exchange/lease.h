// Connections for requests: a kept one, a new one to where the request belongs, or, where HTTP/2 is spoken,
// a stream of one that other requests use too.
#pragma once

#include <functional>

#include "proxy/exchange/services.h"
#include "proxy/upstream/pool.h"

namespace siding {

/// To a backend. `may_reuse`: a kept one will do.
Task<Result<Lease>> lease_backend(LoopServices& services, Pool& pool, const BackendConfig& backend,
                                  bool may_reuse, TimePoint deadline);

/// A stream of a connection to a backend with `h2c`, if one has room.
Lease take_stream(LoopServices& services, Pool& pool);

/// On whose behalf an upstream is called.
enum class Caller : uint8_t {
  siding,  ///< its own calls: breakers hold them off
  worker,  ///< the application's: they go out whatever siding thinks of it
};

/// To the address of an upstream that fares best, in clear or by TLS, as its url says. The lease's turn()
/// is to be told what came of the call. `begun`, if there is one, is called once there is an address with
/// room.
Task<Result<Lease>> lease_upstream(LoopServices& services, Upstream& upstream, Caller caller,
                                   bool may_reuse, TimePoint deadline,
                                   const std::function<void()>* begun = nullptr);

/// To that one of its addresses, for no call: it counts nowhere, and its turn() tells nobody.
Task<Result<Lease>> lease_address(LoopServices& services, Upstream& upstream, SocketAddress address,
                                  bool may_reuse, TimePoint deadline);

/// Its addresses: of the name, or the one that the url names.
Task<Result<Addresses>> addresses_of(LoopServices& services, const Upstream& upstream,
                                     TimePoint deadline);

/// A new one to a host that is no [upstream], for a worker. With `upstream`, a host and port of one: its
/// addresses may be where that says.
Task<Result<Lease>> lease_unlisted(LoopServices& services, const OriginUrl& origin,
                                   const UpstreamConfig* upstream = nullptr);

/// Whether an answer of this status says that the address serves.
inline bool serves(int status) { return status < 502 || status > 504; }

}  // namespace siding
