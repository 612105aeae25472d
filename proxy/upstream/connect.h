// How a connection to an origin is opened: a backend's addresses one after the other, an upstream's in a
// race, with TLS where it is spoken.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "config/config.h"
#include "proxy/loop/task.h"
#include "proxy/net/resolver.h"
#include "proxy/net/socket.h"
#include "proxy/net/tls_client.h"
#include "proxy/upstream/endpoints.h"

namespace siding {

/// To a backend. Its addresses are tried in turn, each for `timeout` at most, all together until
/// `deadline`: a blocking worker would hang on a connection that lost a race. After a failure the name
/// is asked for again the next time. `origin` must outlive the call.
Task<Result<std::unique_ptr<Socket>>> connect_backend(const OriginUrl& origin, Resolver& resolver,
                                                      Duration timeout, TimePoint deadline);

/// With whom TLS is to be spoken; without a context it is not.
struct TlsPeer {
  std::shared_ptr<TlsContext> context;
  std::string name;  ///< in the certificate
};

/// To one address, TLS included. It is checked against `reach`.
Task<Result<std::unique_ptr<Socket>>> connect_address(SocketAddress address, Reach reach,
                                                      TlsPeer tls, TimePoint until);

/// To the first candidate of `turn` that takes it: one that does not within 250 ms gets company by the
/// next (RFC 8305, section 5). Each gets `timeout` at most, TLS included. The very address is checked
/// against `reach`. One whose certificate is not accepted has missed like one that is not there.
/// `turn` must outlive the call, learns who missed, and uses the winner.
Task<Result<std::unique_ptr<Socket>>> connect_first(Endpoints::Turn& turn, Reach reach, TlsPeer tls,
                                                    Duration timeout, TimePoint deadline);

}  // namespace siding
