// See help.h. Each command comes with a line that can be pasted.
#include "proxy/tools/help.h"

#include <cstdio>

#include "proxy/tools/commands.h"

namespace siding {

std::string help_text() {
  return R"(siding is a reverse-proxy sidecar that makes a blocking backend asynchronous: requests wait in
siding and not in your workers, and the slow calls they are about to make are made meanwhile.

  siding demo       see it: one blocking worker alone, and the same behind siding; takes 20 s
      siding demo --requests 40

  siding run        serve, by a file or by two flags
      siding run siding.toml
      siding run --backend http://127.0.0.1:8000 --concurrency 4

  siding check      every fault of a file at once; else what it means, with every default
      siding check siding.toml

  siding env        what the application's environment needs, so that its calls go through siding
      siding env siding.toml --for python

  siding try        load a URL of your own, directly and through siding, and compare
      siding try 'http://127.0.0.1:8000/search/?q={n}' -n 100 --through http://127.0.0.1:8080

  siding explain    what became of a request: its wait, its prefetches, why one missed
      siding explain last siding.toml

  siding purge      drop answers from the cache: of a URL, below a prefix, with a tag, or all
      siding purge http://example.org/catalogue/7 siding.toml
      siding purge --tag product-7 siding.toml

  siding health     whether a running siding is ready, by its exit code: for the health checks of containers
      siding health siding.toml

  siding completion a script that makes bash, fish or zsh complete all this
      source <(siding completion bash)

A file of ten lines does: `siding run --backend http://127.0.0.1:8000 --concurrency 1 --print-config`
prints one to begin with. `siding COMMAND --help` lists the flags. Exit codes: 0 well, 1 not, 2 a bad
configuration or command line.
)";
}

std::string version_text(std::string_view version) {
  return "siding " + std::string(version) +
         "\nHTTP/1.1 and HTTP/2 in and out; queue, cache, prefetch, egress. Built by "
#if defined(__clang__)
         "clang++ " __clang_version__
#else
         "g++ " __VERSION__
#endif
         ".\n";
}

int run_command(const ShowText& show) {
  std::fputs(show.text.c_str(), show.exit_code == kExitOk ? stdout : stderr);
  return show.exit_code;
}

}  // namespace siding
