// See redis_client.h.
#include "proxy/upstream/redis_client.h"

#include <algorithm>
#include <array>

#include "proxy/net/tls_client.h"
#include "proxy/observe/log.h"
#include "proxy/upstream/connect.h"

namespace siding {

namespace {
constexpr Duration kConnectPatience = std::chrono::seconds(2);
constexpr Duration kFirstPause = std::chrono::milliseconds(250);
constexpr Duration kLongestPause = std::chrono::seconds(10);
/// How much later than its time an answer may be from a server that answers others meanwhile.
constexpr Duration kGrace = std::chrono::seconds(1);
constexpr size_t kMostPending = 10'000;
constexpr size_t kMostUnsent = 32 << 20;
constexpr size_t kReadPiece = 64 * 1024;
constexpr int kPiecesPerTurn = 16;  // others want a turn too

void append_command(const RedisCommand& command, Buffer& out) {
  const bool has_last = !command.last.empty();
  std::string text = "*" + std::to_string(command.words.size() + (has_last ? 1 : 0)) + "\r\n";
  for (const std::string& word : command.words) {
    text += "$" + std::to_string(word.size()) + "\r\n" + word + "\r\n";
  }
  if (has_last) text += "$" + std::to_string(command.last.size()) + "\r\n";
  out.append_copy(text);
  if (!has_last) return;
  out.append(command.last.share());
  out.append_copy("\r\n");
}

Error lost(std::string detail) {
  return Error(Failure::closed, Side::upstream, true, std::move(detail));
}
}  // namespace

RedisClient::RedisClient(Loop& loop, Resolver& resolver, RedisCounters& counters, Options options)
    : loop_(loop), resolver_(resolver), counters_(counters), options_(std::move(options)) {
  task_ = run();
}

RedisClient::~RedisClient() {
  task_.reset();
  if (up_) --counters_.up;
}

/// Connects and serves, again and again.
Task<> RedisClient::run() {
  while (true) {
    Result<> connected = co_await connect();
    if (connected) {
      co_await serve();
    } else {
      go_down(connected.error());
    }
    socket_.reset();
    reader_.reset();
    pause_ = std::clamp(pause_ * 2, kFirstPause, kLongestPause);
    co_await SleepUntil(after(loop_.now(), pause_));
  }
}

Task<Result<>> RedisClient::connect() {
  const RedisConfig& config = options_.config;
  const TimePoint until = after(loop_.now(), kConnectPatience);
  auto connected = co_await connect_backend(config.url, resolver_, kConnectPatience, until);
  if (!connected) co_return connected.error();
  if (config.url.scheme == "rediss") {
    Result<std::shared_ptr<TlsContext>> context = options_.tls();
    if (!context) co_return context.error();
    Result<> secured =
        co_await start_tls(**connected, *context, std::string(config.url.name()), until);
    if (!secured) co_return secured.error();
  }
  socket_ = std::move(*connected);
  broken_ = false;
  reader_ = std::make_unique<RedisReader>();
  co_return Result<>();
}

/// Until the connection ends.
Task<> RedisClient::serve() {
  Task<> greeting = greet();
  greeting.start();
  while (!broken_) {
    write_some();
    read_some();
    const TimePoint until = pending_.empty() ? kNever : hopeless_at(*pending_.front());
    if (!broken_ && until <= loop_.now()) {
      ++counters_.late;
      go_down(Error(Failure::timeout, Side::upstream, true, "no answer in time"));
    }
    if (broken_) break;
    if (!out_.empty()) writable_.listen(socket_->writable());
    co_await Wait(socket_->readable(), work_, until);
  }
  writable_.unlink();
}

/// What a new connection is told first.
Task<> RedisClient::greet() {
  const RedisConfig& config = options_.config;
  std::vector<RedisCommand> commands;
  const std::string password = options_.password();
  if (!password.empty()) {
    RedisCommand& auth = commands.emplace_back();
    auth.words = {"AUTH"};
    if (!config.user.empty()) auth.words.push_back(config.user);
    auth.words.push_back(password);
  }
  if (config.database() != 0) {
    commands.emplace_back().words = {"SELECT", std::to_string(config.database())};
  }
  commands.emplace_back().words = {"PING"};
  for (RedisCommand& command : commands) {
    const std::string name = command.words[0];
    PendingRef pending = put(std::move(command), kConnectPatience);
    while (!pending->ended) co_await Wait(pending->done);
    if (pending->error) co_return;
    if (auto fault = pending->reply.error()) {
      // Servers repeat what they do not understand, and here that is a password.
      const std::string said(name == "AUTH" ? fault->substr(0, fault->find(' ')) : *fault);
      go_down(Error(Failure::malformed, Side::upstream, true, name + ": " + said));
      co_return;
    }
  }
  up_ = true;
  ++counters_.up;
  pause_ = {};
  if (failing_) log_info("redis " + options_.config.url.text + " serves again");
  failing_ = false;
  changed_.notify();
}

RedisClient::PendingRef RedisClient::put(RedisCommand command, Duration patience) {
  append_command(command, out_);
  auto pending = std::make_shared<Pending>();
  pending->since = loop_.now();
  pending->deadline = after(pending->since, patience);
  pending_.push_back(pending);
  // Together with what else this turn of the loop has to say.
  work_.notify();
  return pending;
}

/// When the connection is given up for a command that is not answered.
TimePoint RedisClient::hopeless_at(const Pending& pending) const {
  return heard_ > pending.since ? after(pending.deadline, kGrace) : pending.deadline;
}

Task<Result<RedisReply>> RedisClient::ask(RedisCommand command, Duration patience) {
  if (!up_ || pending_.size() >= kMostPending || out_.size() > kMostUnsent) {
    ++counters_.refused;
    co_return Error(Failure::refused, Side::upstream, true, "redis does not serve");
  }
  PendingRef pending = put(std::move(command), patience);
  while (!pending->ended) {
    bool in_time = co_await Wait(pending->done, pending->deadline);
    if (in_time || pending->ended) continue;
    ++counters_.late;
    Error late(Failure::timeout, Side::upstream, true, "no answer in time");
    if (loop_.now() < hopeless_at(*pending)) co_return std::move(late);
    // Those behind it are late too, or will be.
    go_down(std::move(late));
  }
  if (pending->error) co_return *pending->error;
  if (auto fault = pending->reply.error()) {
    ++counters_.errors;
    warn_once("redis:" + std::string(fault->substr(0, fault->find(' '))),
              "redis " + options_.config.url.text + ": " + std::string(*fault));
    co_return Error(Failure::malformed, Side::upstream, false, std::string(*fault));
  }
  ++counters_.answered;
  co_return std::move(pending->reply);
}

bool RedisClient::tell(RedisCommand command, Duration patience) {
  if (!up_ || pending_.size() >= kMostPending || out_.size() > kMostUnsent) {
    ++counters_.refused;
    return false;
  }
  put(std::move(command), patience);
  return true;
}

void RedisClient::write_some() {
  if (broken_) return;
  const Io io = socket_->write(out_);
  if (io.state == Io::State::error) go_down(lost(socket_->fault_text(io)));
  if (io.state == Io::State::ok) socket_->disarm_write();
}

void RedisClient::read_some() {
  std::array<char, kReadPiece> bytes;
  for (int pieces = 0; !broken_ && pieces < kPiecesPerTurn; ++pieces) {
    const Io io = socket_->read(bytes.data(), bytes.size());
    if (io.state == Io::State::again) return;
    if (io.state != Io::State::ok) {
      go_down(lost(io.state == Io::State::eof ? "the server closed" : socket_->fault_text(io)));
      return;
    }
    heard_ = loop_.now();
    unanswered_bytes_ += io.bytes;
    reader_->feed({bytes.data(), io.bytes});
    take_replies();
  }
}

void RedisClient::take_replies() {
  while (std::optional<RedisReply> reply = reader_->next()) {
    unanswered_bytes_ = 0;
    if (pending_.empty()) {
      go_down(Error(Failure::malformed, Side::upstream, true, "an answer that nobody asked for"));
      return;
    }
    PendingRef pending = std::move(pending_.front());
    pending_.pop_front();
    pending->reply = std::move(*reply);
    pending->ended = true;
    pending->done.notify();
  }
  if (reader_->broken() || unanswered_bytes_ > options_.max_reply) {
    go_down(Error(Failure::malformed, Side::upstream, true,
                  reader_->broken() ? "what it sends is not RESP" : "an answer is too large"));
  }
}

void RedisClient::go_down(Error why) {
  if (up_) {
    up_ = false;
    --counters_.up;
  }
  ++counters_.failures;
  if (!failing_) {
    log_warning("redis " + options_.config.url.text + ": " + why.detail +
                "; the cache goes on without it");
  }
  failing_ = true;
  for (const PendingRef& pending : std::exchange(pending_, {})) {
    ++counters_.lost;
    pending->error = why;
    pending->ended = true;
    pending->done.notify();
  }
  out_.clear();
  unanswered_bytes_ = 0;
  // serve() may be waiting for the socket, so that it ends there.
  broken_ = true;
  work_.notify();
  changed_.notify();
}

}  // namespace siding
