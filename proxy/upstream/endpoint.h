// How an origin is reached: its name resolved, its addresses tried one after the other.
#pragma once

#include <memory>

#include "base/result.h"
#include "config/config.h"
#include "proxy/loop/task.h"
#include "proxy/net/resolver.h"
#include "proxy/net/socket.h"

namespace siding {

/// Opens a connection to `origin`, which must outlive the call. Each address gets at most `timeout`,
/// all together until `deadline`. After a failure the name is asked for again the next time.
Task<Result<std::unique_ptr<Socket>>> connect_origin(const OriginUrl& origin, Resolver& resolver,
                                                     Duration timeout, TimePoint deadline);

}  // namespace siding
