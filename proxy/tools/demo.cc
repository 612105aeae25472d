// See demo.h.
#include "proxy/tools/demo.h"

#include "config/load.h"
#include "proxy/tools/demo_words.h"

namespace siding {

std::string demo_toml(const SocketAddress& backend, const SocketAddress& upstream, size_t calls) {
  return "listen = [\"127.0.0.1:0\"]                  # where clients come in; 0: any free port\n"
         "\n"
         "[egress]                                  # where the backend sends its own calls\n"
         "listen = [\"127.0.0.1:0\"]\n"
         "\n"
         "[backend.shop]                            # the blocking service\n"
         "url = \"http://" +
         backend.text() +
         "\"\n"
         "concurrency = 1                           # one worker\n"
         "\n"
         "[upstream.music]                          # the slow service that it calls\n"
         "url = \"http://" +
         upstream.text() +
         "\"\n"
         "concurrency = " +
         std::to_string(calls) +
         "\n"
         "\n"
         "[[route]]\n"
         "path = \"/search/\"\n"
         "backend = \"shop\"\n"
         "prefetch = [\"music:/s?word={query.q}\"]    # the call that the view is going to make\n"
         "\n"
         "[[route]]                                 # everything else\n"
         "backend = \"shop\"\n"
         "\n"
         "[admin]\n"
         "listen = [\"127.0.0.1:0\"]                  # for `siding explain`\n"
         "\n"
         "[log]\n"
         "access = \"off\"\n"
         "level = \"warning\"\n";
}

DemoSide::DemoSide(Duration upstream_delay, const Clock& clock)
    : clock_(clock), upstream_(upstream_delay, clock), backend_(upstream_.address()) {}

DemoSide::~DemoSide() = default;

void DemoSide::start_alone() { backend_.start(std::nullopt); }

std::string DemoSide::start_behind_siding(size_t calls) {
  toml_ = demo_toml(backend_.address(), upstream_.address(), calls);
  // No environment: the demo's text has nothing to expand.
  const LoadedConfig loaded =
      load_config({{"demo.toml", toml_}}, [](std::string_view) { return std::nullopt; });
  if (!loaded.ok()) {
    std::string text;
    for (const Diagnostic& d : loaded.diagnostics) text += d.text() + "\n";
    return text;
  }
  server_ = std::make_unique<Server>(loaded.config, clock_);
  std::string failure = server_->start();
  if (!failure.empty()) {
    server_.reset();
    return failure;
  }
  backend_.start(server_->egress_addresses().front());
  return "";
}

SocketAddress DemoSide::front() const {
  return server_ ? server_->front_addresses().front() : backend_.address();
}

LoadPlan DemoSide::plan(size_t requests, Duration timeout) const {
  LoadPlan plan;
  plan.address = front();
  plan.host = plan.address.text();
  plan.target = [](size_t i) { return demo_target(demo_word(i)); };
  plan.requests = requests;
  plan.timeout = timeout;
  plan.check = [](size_t i, std::string_view body) {
    const std::string word = demo_word(i);
    return body == demo_page(word, demo_song(word));
  };
  return plan;
}

void DemoSide::reset_counts() {
  upstream_.reset_counts();
  backend_.reset_counts();
}

LoadColumn DemoSide::column(const std::string& head, const LoadResult& result) const {
  const DemoUpstream::Counts upstream = upstream_.counts();
  const DemoBackend::Counts backend = backend_.counts();
  LoadColumn out;
  out.head = head;
  out.summary = summarise(result);
  out.counted = {
      {"answers that matched their query",
       std::to_string(out.summary.ok) + " of " + std::to_string(out.summary.requests)},
      {"upstream: calls", std::to_string(upstream.calls)},
      {"upstream: most at once", std::to_string(upstream.most_at_once)},
      {"upstream: distinct words", std::to_string(upstream.distinct_words)},
      {"backend: requests", std::to_string(backend.requests)},
      {"backend: most at once", std::to_string(backend.most_at_once)},
  };
  return out;
}

}  // namespace siding
