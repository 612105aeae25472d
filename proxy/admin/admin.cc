// See admin.h.
#include "proxy/admin/admin.h"

#include "proxy/admin/guard.h"
#include "proxy/admin/reply.h"

namespace siding {

namespace {
constexpr std::string_view kUsage =
    "there is /explain/last?n=1, /explain/slow?n=10, /explain/failed?n=10 and /explain/REQUEST-ID, "
    "and POST /cache/purge?url=URL, ?prefix=URL, ?tag=TAG or ?all=1\n";
}  // namespace

Task<> AdminDoor::handle(Stream& stream) {
  if (refuse_host(stream)) co_return;
  const std::string_view path = stream.head.path();
  if (ExplainDoor::serves(path)) {
    explain_.answer(stream);
  } else if (path == PurgeDoor::kPath) {
    co_await purge_.answer(stream);
  } else {
    send_reply(stream, 404, kUsage);
  }
}

}  // namespace siding
