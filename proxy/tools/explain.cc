// `siding explain last|ID`: asks a running siding over its [admin] door what became of a request.
#include <cstdio>

#include "proxy/admin/explain_client.h"
#include "proxy/tools/commands.h"
#include "proxy/tools/config_source.h"

namespace siding {

int run_command(const ExplainOptions& options) {
  ExplainQuestion question;
  question.what = options.what;
  question.count = options.count;
  question.json = options.json;
  question.address = options.admin;
  if (question.address.empty()) {
    if (options.files.empty()) {
      std::fprintf(stderr,
                   "siding explain: which siding? Name its configuration file, or its [admin] "
                   "listen: --admin 127.0.0.1:8082\n");
      return kExitBadInput;
    }
    const ConfigRef config = load_or_complain(options.files);
    if (config == nullptr) return kExitBadInput;
    if (config->admin.listen.empty()) {
      std::fprintf(stderr,
                   "siding explain: %s has no [admin] door. Add this, and start siding anew:\n\n"
                   "[admin]\nlisten = [\"127.0.0.1:8082\"]\n",
                   options.files.front().c_str());
      return kExitBadInput;
    }
    question.address = config->admin.listen.front().text();
  }
  const ExplainAnswer answer = ask_explain(question);
  std::fputs(answer.text.c_str(), answer.ok ? stdout : stderr);
  return answer.ok ? kExitOk : kExitFailed;
}

}  // namespace siding
