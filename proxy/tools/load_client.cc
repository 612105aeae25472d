// See load_client.h. An epoll loop; the heads and bodies are read by siding's own strict parsers, so
// an answer that siding would refuse is an error here too.
#include "proxy/tools/load_client.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>

#include "http/h1_body.h"
#include "http/h1_head.h"
#include "proxy/net/socket.h"

namespace siding {
namespace {

constexpr uint64_t kMaxBody = 64 << 20;
constexpr Duration kLookForStop = std::chrono::milliseconds(50);

// One request on a connection of its own.
struct LoadCall {
  LoadCall(size_t i, const HeadLimits& limits) : index(i), parser(limits) {}
  LoadCall(const LoadCall&) = delete;
  LoadCall& operator=(const LoadCall&) = delete;
  ~LoadCall() {
    if (fd >= 0) close(fd);
  }

  const size_t index;
  int fd = -1;
  TimePoint began;
  std::string out;
  size_t sent = 0;
  std::string in;  // bytes of the head so far
  ResponseHeadParser parser;
  int status = 0;  // once the final head is there
  BodyDecoder decoder;
  Buffer body;
};

class LoadRun {
 public:
  LoadRun(const LoadPlan& plan, const Clock& clock, LoadProgress& progress)
      : plan_(plan), clock_(clock), progress_(progress), epoll_(epoll_create1(EPOLL_CLOEXEC)) {
    result_.samples.resize(plan.requests);
  }
  ~LoadRun() { close(epoll_); }
  LoadRun(const LoadRun&) = delete;
  LoadRun& operator=(const LoadRun&) = delete;

  LoadResult run();

 private:
  void fill();
  void open(size_t index);
  void on_event(LoadCall& call);
  bool send(LoadCall& call);
  bool receive(LoadCall& call);
  bool take(LoadCall& call, std::string_view bytes);
  bool take_head(LoadCall& call, std::string_view bytes);
  bool on_eof(LoadCall& call);
  void succeed(LoadCall& call);
  void fail(LoadCall& call, Failure failure);
  void end(LoadCall& call, LoadSample sample);
  void end_all(LoadSample::End end, std::optional<Failure> failure);

  const LoadPlan& plan_;
  const Clock& clock_;
  LoadProgress& progress_;
  const HeadLimits limits_;
  const int epoll_;
  LoadResult result_;
  std::vector<std::unique_ptr<LoadCall>> calls_{plan_.requests};  // by index; null unless open
  size_t next_ = 0;
  size_t open_ = 0;
  char buffer_[64 * 1024];
};

LoadResult LoadRun::run() {
  const TimePoint began = clock_.now();
  const TimePoint deadline = after(began, plan_.timeout);
  fill();
  while (open_ > 0) {
    const TimePoint now = clock_.now();
    if (now >= deadline) {
      end_all(LoadSample::End::failed, Failure::timeout);
      break;
    }
    if (progress_.stop) {
      end_all(LoadSample::End::unfinished, std::nullopt);
      break;
    }
    epoll_event events[128];
    const Duration nap = std::min(deadline - now, kLookForStop);
    const int n = epoll_wait(epoll_, events, 128, static_cast<int>(to_ms(nap)) + 1);
    for (int i = 0; i < n; ++i) on_event(*static_cast<LoadCall*>(events[i].data.ptr));
    fill();
  }
  result_.took = clock_.now() - began;
  return std::move(result_);
}

// Opens as many connections as the plan allows.
void LoadRun::fill() {
  const size_t most = plan_.concurrency == 0 ? plan_.requests : plan_.concurrency;
  while (open_ < most && next_ < plan_.requests) open(next_++);
}

void LoadRun::open(size_t index) {
  calls_[index] = std::make_unique<LoadCall>(index, limits_);
  LoadCall& call = *calls_[index];
  result_.most_at_once = std::max(result_.most_at_once, ++open_);
  call.began = clock_.now();
  call.out = "GET " + plan_.target(index) + " HTTP/1.1\r\nHost: " + plan_.host +
             "\r\nUser-Agent: siding-load\r\nAccept: */*\r\nConnection: close\r\n\r\n";
  call.fd = socket(plan_.address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (call.fd < 0) return fail(call, failure_of(errno));
  if (connect(call.fd, plan_.address.raw(), plan_.address.length()) != 0 && errno != EINPROGRESS) {
    return fail(call, failure_of(errno));
  }
  epoll_event event{};
  event.events = EPOLLIN | EPOLLOUT;
  event.data.ptr = &call;
  epoll_ctl(epoll_, EPOLL_CTL_ADD, call.fd, &event);
}

// A refused connection is an event too: the write then says why. Each step returns whether the call
// goes on; if not, it is gone.
void LoadRun::on_event(LoadCall& call) {
  if (call.sent < call.out.size() && !send(call)) return;
  receive(call);
}

bool LoadRun::send(LoadCall& call) {
  const ssize_t n =
      ::send(call.fd, call.out.data() + call.sent, call.out.size() - call.sent, MSG_NOSIGNAL);
  if (n < 0 && errno == EAGAIN) return true;
  // A server that refuses early may close before all was sent: its answer counts.
  if (n < 0 && errno == EPIPE) return receive(call);
  if (n < 0) return fail(call, failure_of(errno)), false;
  call.sent += static_cast<size_t>(n);
  if (call.sent < call.out.size()) return true;
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.ptr = &call;
  epoll_ctl(epoll_, EPOLL_CTL_MOD, call.fd, &event);
  return true;
}

bool LoadRun::receive(LoadCall& call) {
  for (;;) {
    const ssize_t n = recv(call.fd, buffer_, sizeof(buffer_), 0);
    if (n < 0 && (errno == EAGAIN || errno == ENOTCONN)) return true;
    if (n < 0) return fail(call, failure_of(errno)), false;
    if (n == 0) return on_eof(call);
    if (!take(call, {buffer_, static_cast<size_t>(n)})) return false;
  }
}

bool LoadRun::take(LoadCall& call, std::string_view bytes) {
  if (call.status == 0) return take_head(call, bytes);
  call.decoder.feed(Slice::copy_of(bytes), call.body);
  if (call.decoder.failed()) return fail(call, Failure::malformed), false;
  if (call.decoder.received() > kMaxBody) return fail(call, Failure::too_large), false;
  if (!plan_.check) call.body.clear();
  if (call.decoder.ended()) return succeed(call), false;
  return true;
}

bool LoadRun::take_head(LoadCall& call, std::string_view bytes) {
  call.in += bytes;
  const ParseStatus parsed = call.parser.feed(call.in);
  if (parsed == ParseStatus::incomplete) return true;
  if (parsed == ParseStatus::fault) return fail(call, Failure::malformed), false;
  const std::string rest = call.in.substr(call.parser.consumed());
  const ResponseHead head = call.parser.take();
  call.in.clear();
  if (head.interim()) return rest.empty() || take_head(call, rest);
  const Framing framing = response_framing("GET", head);
  if (!framing.ok()) return fail(call, Failure::malformed), false;
  call.status = head.status;
  call.decoder = BodyDecoder(framing.body);
  if (call.decoder.ended()) return succeed(call), false;
  return rest.empty() || take(call, rest);
}

bool LoadRun::on_eof(LoadCall& call) {
  if (call.status != 0 && call.decoder.finish_on_close()) {
    succeed(call);
  } else {
    fail(call, Failure::closed);
  }
  return false;
}

void LoadRun::succeed(LoadCall& call) {
  LoadSample sample;
  sample.end = LoadSample::End::ok;
  sample.status = call.status;
  if (call.status / 100 != 2) {
    sample.end = LoadSample::End::bad_status;
  } else if (plan_.check && !plan_.check(call.index, call.body.str())) {
    sample.end = LoadSample::End::wrong_answer;
  }
  end(call, sample);
}

void LoadRun::fail(LoadCall& call, Failure failure) {
  LoadSample sample;
  sample.end = LoadSample::End::failed;
  sample.failure = failure;
  end(call, sample);
}

void LoadRun::end(LoadCall& call, LoadSample sample) {
  sample.latency = clock_.now() - call.began;
  result_.samples[call.index] = sample;
  if (!sample.ok()) ++progress_.failed;
  ++progress_.done;
  --open_;
  calls_[call.index].reset();  // `call` is gone
}

// The rest, whether begun or not, ends like this.
void LoadRun::end_all(LoadSample::End how, std::optional<Failure> failure) {
  for (size_t i = 0; i < plan_.requests; ++i) {
    if (i < next_ && calls_[i] == nullptr) continue;
    LoadSample sample;
    sample.end = how;
    sample.failure = failure;
    if (calls_[i] != nullptr) {
      end(*calls_[i], sample);
    } else {
      result_.samples[i] = sample;
      ++progress_.failed;
      ++progress_.done;
    }
  }
}

}  // namespace

std::string LoadSample::reason() const {
  switch (end) {
    case End::unfinished: return "interrupted";
    case End::ok: return "";
    case End::failed: return std::string(to_string(failure.value_or(Failure::internal)));
    case End::bad_status: return "status " + std::to_string(status);
    case End::wrong_answer: return "wrong answer";
  }
  return "";
}

LoadResult run_load(const LoadPlan& plan, const Clock& clock, LoadProgress& progress) {
  return LoadRun(plan, clock, progress).run();
}

}  // namespace siding
