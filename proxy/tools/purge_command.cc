// `siding purge`: has a running siding drop answers from its cache, over its [admin] door.
#include <cstdio>

#include "proxy/admin/admin_client.h"
#include "proxy/tools/admin_address.h"
#include "proxy/tools/commands.h"

namespace siding {

int run_command(const PurgeOptions& options) {
  const auto address = admin_address("purge", options.admin, options.files);
  if (!address) return kExitBadInput;
  PurgeQuestion question;
  question.address = *address;
  question.purge = options.purge;
  question.json = options.json;
  const AdminAnswer answer = ask_purge(question);
  std::fputs(answer.text.c_str(), answer.ok ? stdout : stderr);
  return answer.ok ? kExitOk : kExitFailed;
}

}  // namespace siding
