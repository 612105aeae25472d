// How an origin is reached: its name resolved, its addresses tried one after the other, TLS agreed.
#pragma once

#include <memory>

#include "base/result.h"
#include "config/config.h"
#include "proxy/loop/task.h"
#include "proxy/net/resolver.h"
#include "proxy/net/socket.h"
#include "proxy/net/tls.h"

namespace siding {

/// With whom TLS is to be spoken; without a context it is not.
struct TlsPeer {
  std::shared_ptr<TlsContext> context;
  std::string name;  ///< in the certificate
};

/// Opens a connection to `origin`, which must outlive the call. Each address gets at most `timeout`,
/// TLS included, all together until `deadline`. After a failure the name is asked for again the next
/// time. A certificate that is not accepted ends it: another address would have no better one.
Task<Result<std::unique_ptr<Socket>>> connect_origin(const OriginUrl& origin, TlsPeer tls,
                                                     Resolver& resolver, Duration timeout,
                                                     TimePoint deadline);

}  // namespace siding
