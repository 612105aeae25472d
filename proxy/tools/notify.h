// Tells the supervisor that started this process how far it is, as sd_notify(3) has it: a datagram to the
// socket that NOTIFY_SOCKET names.
// Invariant: never blocks, and without a supervisor that asked for it does nothing.
#pragma once

#include <cstdint>
#include <string_view>

namespace siding {

/// Lines such as "READY=1". What cannot be sent is not: the supervisor has time-outs of its own.
void notify_supervisor(std::string_view lines);
/// For RELOADING=1 (MONOTONIC_USEC).
int64_t monotonic_us();

}  // namespace siding
