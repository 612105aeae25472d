// See race.h.
#include "proxy/tools/race.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <memory>
#include <thread>

namespace siding {
namespace {

constexpr Duration kRedraw = std::chrono::milliseconds(50);

// A contestant that runs, or has run.
struct Runner {
  explicit Runner(const Contestant& c) : contestant(c) {}

  const Contestant& contestant;
  LoadProgress progress;
  TimePoint began;
  LoadResult result;  // the thread's until `ended`
  std::atomic<bool> ended{false};
  std::thread thread;
};

class Race {
 public:
  Race(const Clock& clock, StopSignals& signals, ProgressView& view)
      : clock_(clock),
        signals_(signals),
        view_(view),
        bell_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}
  ~Race() { close(bell_); }
  Race(const Race&) = delete;
  Race& operator=(const Race&) = delete;

  RaceResult run(const std::vector<Contestant>& contestants, RaceOrder order);

 private:
  void start(Runner& runner);
  void watch();
  void draw();

  const Clock& clock_;
  StopSignals& signals_;
  ProgressView& view_;
  const int bell_;  // rung by each runner that ends
  std::vector<std::unique_ptr<Runner>> runners_;
  TimePoint began_{};
  bool interrupted_ = false;
};

void Race::start(Runner& runner) {
  runner.began = clock_.now();
  runner.thread = std::thread([this, &runner] {
    runner.result = run_load(runner.contestant.plan, clock_, runner.progress);
    runner.ended = true;
    const uint64_t one = 1;
    [[maybe_unused]] const ssize_t written = write(bell_, &one, sizeof(one));
  });
}

// Draws until all that were started have ended.
void Race::watch() {
  for (;;) {
    bool all = true;
    for (const auto& runner : runners_) all = all && runner->ended;
    draw();  // after the look, so that the last one shows the end
    if (all) return;
    uint64_t rung = 0;
    [[maybe_unused]] const ssize_t got = read(bell_, &rung, sizeof(rung));
    if (signals_.wait(kRedraw, {bell_}) == 0) continue;
    interrupted_ = true;
    for (const auto& runner : runners_) runner->progress.stop = true;
  }
}

void Race::draw() {
  std::vector<ProgressState> states;
  for (const auto& runner : runners_) {
    ProgressState state;
    state.name = runner->contestant.name;
    state.done = runner->progress.done;
    state.total = runner->contestant.plan.requests;
    state.ended = runner->ended;
    state.elapsed = state.ended ? runner->result.took : clock_.now() - runner->began;
    states.push_back(std::move(state));
  }
  view_.show(states, clock_.now() - began_);
}

RaceResult Race::run(const std::vector<Contestant>& contestants, RaceOrder order) {
  began_ = clock_.now();
  for (const Contestant& contestant : contestants) {
    runners_.push_back(std::make_unique<Runner>(contestant));
    if (interrupted_) continue;
    start(*runners_.back());
    if (order == RaceOrder::one_by_one) {
      watch();
      runners_.back()->thread.join();
    }
  }
  if (order == RaceOrder::together) watch();
  RaceResult out;
  out.interrupted = interrupted_;
  for (const auto& runner : runners_) {
    if (runner->thread.joinable()) runner->thread.join();
    out.results.push_back(std::move(runner->result));
  }
  return out;
}

}  // namespace

RaceResult race(const std::vector<Contestant>& contestants, RaceOrder order, const Clock& clock,
                StopSignals& signals, ProgressView& view) {
  return Race(clock, signals, view).run(contestants, order);
}

}  // namespace siding
