// `siding explain last|ID`: asks a running siding over its [admin] door what became of a request.
#include <cstdio>

#include "proxy/admin/admin_client.h"
#include "proxy/tools/admin_address.h"
#include "proxy/tools/commands.h"

namespace siding {

int run_command(const ExplainOptions& options) {
  ExplainQuestion question;
  question.what = options.what;
  question.count = options.count;
  question.json = options.json;
  const auto address = admin_address("explain", options.admin, options.files);
  if (!address) return kExitBadInput;
  question.address = *address;
  const AdminAnswer answer = ask_explain(question);
  std::fputs(answer.text.c_str(), answer.ok ? stdout : stderr);
  return answer.ok ? kExitOk : kExitFailed;
}

}  // namespace siding
