// Stories in which the worker calls an upstream through siding.
#include <gtest/gtest.h>

#include "tests/cancel/stories.h"
#include "tests/cancel/worker.h"
#include "tests/harness/folder.h"

namespace siding::cancel {

using namespace std::chrono_literals;
using test::LoopPeer;
using test::LoopWorld;

namespace {
const std::string kServers =
    "listen = \"127.0.0.1:1\"\n[egress]\nlisten = \"127.0.0.1:2\"\n"
    "[backend.shop]\nurl = \"http://127.0.0.1:BACKEND\"\nconcurrency = 1\n"
    "[upstream.music]\nurl = \"http://127.0.0.1:UPSTREAM\"\ntimeout = \"500ms\"\n";
const std::string kTwoWorkers =
    "listen = \"127.0.0.1:1\"\n[egress]\nlisten = \"127.0.0.1:2\"\n"
    "[backend.shop]\nurl = \"http://127.0.0.1:BACKEND\"\nconcurrency = 2\n"
    "[upstream.music]\nurl = \"http://127.0.0.1:UPSTREAM\"\ntimeout = \"500ms\"\n";
const std::string kPlainRoute = "[[route]]\nbackend = \"shop\"\n";
const std::string kPrefetch = kPlainRoute + "[route.prefetch]\nmode = \"on\"\n";
const std::string kCalls = "[route.prefetch.calls.song]\ncall = \"music:/s?word={query.q}\"\n";

void upstream_answers(LoopPeer& peer) {
  while (std::optional<std::string> request = peer.take()) {
    peer.send(answer_with("song of " + word_in(*request)));
  }
}
bool worker_calls(LoopWorld& w) {
  for (auto& peer : w.backend.peers()) {
    if (peer->call) return true;
  }
  return false;
}

Story prefetch_ready() {
  Story s{"PrefetchReady",
          kServers + kPrefetch + kCalls,
          [](LoopWorld& w) {
            work(w);
            w.upstream.script = upstream_answers;
            w.add_client().send(search_for("x"));
          },
          {200}};
  s.check = [](LoopWorld& w) {
    EXPECT_EQ(w.upstream.accepted(), 1u);
    EXPECT_NE(w.clients[0]->in.find("song of x"), std::string::npos);
  };
  return s;
}

/// The worker's call has a body, which is held until it is whole, and means the same as the prefetch's.
Story prefetch_by_post() {
  Story s{"PrefetchByPost",
          kServers + kPrefetch + kCalls +
              "safe = true\nbody = { json = { a = 1, b = \"{query.q}\" } }\n",
          [](LoopWorld& w) {
            w.backend.script = [&w](LoopPeer& peer) {
              blocking_worker(peer, w,
                              "Content-Type: application/json\r\nContent-Length: 19\r\n\r\n"
                              "{\"b\": \"x\", \"a\": 1 }");
            };
            w.upstream.script = upstream_answers;
            w.add_client().send(search_for("x"));
          },
          {200}};
  s.check = [](LoopWorld& w) {
    EXPECT_EQ(w.upstream.accepted(), 1u);
    EXPECT_NE(w.clients[0]->in.find("song of x"), std::string::npos) << w.clients[0]->in;
  };
  return s;
}

/// An upstream that speaks TLS, with its authority in a file.
struct Secured {
  test::Folder folder;
  test::TlsIdentity identity;
  std::string tables =
      "listen = \"127.0.0.1:1\"\n[egress]\nlisten = \"127.0.0.1:2\"\n"
      "[backend.shop]\nurl = \"http://127.0.0.1:BACKEND\"\nconcurrency = 1\n"
      "[upstream.music]\nurl = \"https://127.0.0.1:UPSTREAM\"\ntimeout = \"500ms\"\n"
      "tls = { ca_file = \"" +
      folder.write("ca.pem", identity.authority_pem()) + "\", server_name = \"localhost\" }\n";
};
const Secured& secured() {
  static const Secured s;
  return s;
}

Story by_tls(const std::string& name, const std::string& route) {
  Story s{name,
          secured().tables + route,
          [](LoopWorld& w) {
            work(w);
            w.upstream.tls = &secured().identity;
            w.upstream.script = upstream_answers;
            w.add_client().send(search_for("x"));
          },
          {200}};
  s.check = [](LoopWorld& w) {
    EXPECT_EQ(w.upstream.accepted(), 1u);
    EXPECT_NE(w.clients[0]->in.find("song of x"), std::string::npos) << w.clients[0]->in;
  };
  return s;
}

Story certificate_refused() {
  Story s{"CertificateRefused",
          kServers + kPlainRoute,
          [](LoopWorld& w) {
            work(w);
            static const test::TlsIdentity stranger;
            w.upstream.tls = &stranger;
            w.upstream.script = upstream_answers;
            w.add_client().send(search_for("x"));
          },
          {200}};
  s.config = secured().tables + kPlainRoute;
  s.check = [](LoopWorld& w) {
    EXPECT_NE(w.clients[0]->in.find("upstream_tls"), std::string::npos) << w.clients[0]->in;
  };
  return s;
}

Story prefetch_joined() {
  Story s{"PrefetchJoined",
          kServers + kPrefetch + "wait = \"0ms\"\n" + kCalls,
          [](LoopWorld& w) {
            work(w);
            // Not before the worker waits for it.
            w.upstream.script = [&w](LoopPeer& peer) {
              bool waits = worker_calls(w) && w.egress_open > 0;
              if (waits && ++peer.stage > 3) upstream_answers(peer);
            };
            w.add_client().send(search_for("x"));
          },
          {200},
          5ms};
  s.check = [](LoopWorld& w) {
    EXPECT_EQ(w.upstream.accepted(), 1u) << "joined, not made twice";
    EXPECT_NE(w.clients[0]->in.find("song of x"), std::string::npos);
  };
  return s;
}

Story prefetch_timed_out() {
  Story s{"PrefetchTimedOut",
          kServers + kPrefetch + kCalls,
          [](LoopWorld& w) {
            work(w);
            w.add_client().send(search_for("x"));
          },
          {200},
          100ms};
  s.check = [](LoopWorld& w) {
    EXPECT_NE(w.clients[0]->in.find("library error"), std::string::npos);
    EXPECT_EQ(w.upstream.accepted(), 1u);
  };
  return s;
}

Story prefetch_refused() {
  Story s{"PrefetchRefused",
          kServers + kPrefetch + kCalls,
          [](LoopWorld& w) {
            work(w);
            w.upstream.stop();
            w.add_client().send(search_for("x"));
          },
          {200},
          20ms};  // it is tried again
  s.check = [](LoopWorld& w) {
    EXPECT_NE(w.clients[0]->in.find("library error"), std::string::npos);
  };
  return s;
}

/// The worker never calls: pins are left over.
Story prefetch_unused() {
  return {"PrefetchUnused",
          kServers + kPrefetch + kCalls,
          [](LoopWorld& w) {
            w.upstream.script = upstream_answers;
            w.backend.script = [](LoopPeer& peer) {
              if (peer.take()) peer.send(answer_with("no call"));
            };
            w.add_client().send(search_for("x"));
          },
          {200}};
}

/// One fetch for two requests; either may leave first.
Story prefetch_shared() {
  Story s{"PrefetchShared",
          kTwoWorkers + kPrefetch + "share = true\n" + kCalls,
          [](LoopWorld& w) {
            work(w);
            w.upstream.script = [](LoopPeer& peer) {
              if (++peer.stage > 3) upstream_answers(peer);
            };
            w.add_client().send(search_for("x"));
            w.add_client().send(search_for("x"));
          },
          {200, 200},
          50ms};
  s.check = [](LoopWorld& w) { EXPECT_LE(w.upstream.accepted(), 2u); };
  return s;
}

/// The second prefetch has no place within the upstream's concurrency when its request is dispatched.
Story upstream_busy() {
  return {"UpstreamBusy",
          kTwoWorkers + "concurrency = 1\n" + kPrefetch + "wait = \"20ms\"\n" + kCalls,
          [](LoopWorld& w) {
            work(w);
            w.upstream.script = [&w](LoopPeer& peer) {
              if (worker_calls(w)) upstream_answers(peer);
            };
            w.add_client().send(search_for("x"));
            w.add_client().send(search_for("y"));
          },
          {200, 200},
          10ms};
}

Story egress_forward() {
  Story s{"EgressForward",
          kServers + kPlainRoute,
          [](LoopWorld& w) {
            work(w);
            w.upstream.script = upstream_answers;
            w.add_client().send(search_for("x"));
          },
          {200}};
  s.check = [](LoopWorld& w) { EXPECT_NE(w.clients[0]->in.find("song of x"), std::string::npos); };
  return s;
}

Story egress_post() {
  return {"EgressPost",
          kServers + kPlainRoute,
          [](LoopWorld& w) {
            w.backend.script = [&w](LoopPeer& peer) {
              blocking_worker(peer, w, "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n");
            };
            w.upstream.script = upstream_answers;
            w.add_client().send(search_for("x"));
          },
          {200}};
}

/// The worker calls its own front door, and no worker is free for that.
Story self_call() {
  Story s{"SelfCall",
          kServers + kPlainRoute,
          [](LoopWorld& w) {
            w.backend.script = [&w](LoopPeer& peer) {
              if (peer.stage == 0) {
                if (!peer.take()) return;
                std::string host = "127.0.0.1:" + std::to_string(w.front_port());
                peer.call = LoopPeer::connect(w.egress_port());
                peer.call->send("GET http://" + host + "/ HTTP/1.1\r\nHost: " + host + "\r\n\r\n");
                peer.stage = 1;
              } else if (std::optional<std::string> answer = peer.call->take()) {
                peer.send(answer_with(std::to_string(test::status_of_message(*answer))));
                peer.call.reset();
                peer.stage = 0;
              } else if (peer.call->eof) {
                peer.close();
              }
            };
            w.add_client().send(search_for("x"));
          },
          {200}};
  s.check = [](LoopWorld& w) { EXPECT_TRUE(w.clients[0]->in.ends_with("508")); };
  return s;
}
}  // namespace

/// Two legs at once, and a third that needs the first; no backend is asked.
Story fan_out() {
  Story s{"FanOut",
          kServers +
              "[[route]]\n[route.fanout]\na = { call = \"music:/s?word={query.q}\" }\n"
              "b = { call = \"music:/b\" }\nc = { call = \"music:/s?word={a./id}\" }\n",
          [](LoopWorld& w) {
            w.upstream.script = [](LoopPeer& peer) {
              while (peer.take()) peer.send(answer_with("{\"id\":1}"));
            };
            w.add_client().send(search_for("x"));
          },
          {200}};
  s.check = [](LoopWorld& w) {
    EXPECT_NE(w.clients[0]->in.find(R"({"a":{"id":1},"b":{"id":1},"c":{"id":1}})"),
              std::string::npos)
        << w.clients[0]->in;
    EXPECT_EQ(w.backend.accepted(), 0u);
  };
  return s;
}

/// The second leg never answers: the first one wins, and the other is cancelled.
Story race() {
  return {"Race",
          kServers +
              "[[route]]\nrace = true\n[route.fanout]\na = { call = \"music:/quick\" }\n"
              "b = { call = \"music:/never\" }\n",
          [](LoopWorld& w) {
            w.upstream.script = [](LoopPeer& peer) {
              std::optional<std::string> request = peer.take();
              if (request && request->find("/quick") != std::string::npos) {
                peer.send(answer_with("1"));
              }
            };
            w.add_client().send(search_for("x"));
          },
          {200}};
}

/// A silent address first: the race of RFC 8305 is on, and is cut.
Story second_address() {
  return {"SecondAddress",
          kServers + "[upstream.twice]\nurl = \"http://localhost:UPSTREAM\"\n" +
              "[[route]]\n[route.fanout]\na = { call = \"twice:/s\" }\n",
          [](LoopWorld& w) {
            w.upstream.script = upstream_answers;
            w.add_client().send(search_for("x"));
          },
          {200},
          300ms};
}

std::vector<Story> upstream_stories() {
  return {prefetch_ready(),
          prefetch_joined(),
          prefetch_timed_out(),
          prefetch_refused(),
          prefetch_unused(),
          prefetch_shared(),
          prefetch_by_post(),
          upstream_busy(),
          egress_forward(),
          egress_post(),
          self_call(),
          by_tls("PrefetchByTls", kPrefetch + kCalls),
          by_tls("ForwardedByTls", kPlainRoute),
          certificate_refused(),
          fan_out(),
          race(),
          second_address()};
}

}  // namespace siding::cancel
