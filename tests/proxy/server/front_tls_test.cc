// The front's certificates under a running siding: files that change, files that cannot be used, keys of
// tickets that grow old, and two threads at it.
#include "proxy/server/front_tls.h"

#include <gtest/gtest.h>

#include <atomic>
#include <ctime>
#include <map>
#include <thread>

#include "tests/harness/folder.h"
#include "tests/harness/tls_end.h"

namespace siding::test {
namespace {

using namespace std::chrono_literals;

class Samples final : public MetricSink {
 public:
  std::map<std::string, double> values;

 private:
  void add(Kind, std::string_view name, std::string_view, double value, const Labels&) override {
    values[std::string(name)] = value;
  }
};

struct FrontTlsTest : ::testing::Test {
  FrontTlsTest() {
    write(one);
    address.host = "127.0.0.1";
    address.port = 443;
    ListenTls config;
    config.certificate = folder.path("tls.crt");
    config.key = folder.path("tls.key");
    address.tls = config;
    ListenAddress clear;
    clear.host = "127.0.0.1";
    front = std::make_unique<FrontTls>(std::vector<ListenAddress>{clear, address}, clock);
  }
  void write(const TlsIdentity& identity) {
    folder.replace("tls.crt", identity.certificate_pem());
    folder.replace("tls.key", identity.key_pem());
  }
  double sample(const std::string& name) {
    Samples samples;
    front->collect(samples);
    return samples.values.at(name);
  }
  Folder folder;
  TlsIdentity one{"one.test"}, two{"two.test", nullptr, 7200};
  ManualClock clock;
  ListenAddress address;
  std::unique_ptr<FrontTls> front;
};

TEST_F(FrontTlsTest, TheNextConfigurationTakesOverWhatIsTheSame) {
  ListenAddress moved = address;
  moved.port = 444;
  const FrontTls next({address, moved}, clock, front.get());
  EXPECT_EQ(next.of(0), front->of(1)) << "by its address, wherever it stands";
  EXPECT_NE(next.of(1), front->of(1));
  address.tls->min_version = ListenTls::MinVersion::tls13;
  const FrontTls stricter({address}, clock, front.get());
  EXPECT_NE(stricter.of(0), front->of(1));
}

TEST_F(FrontTlsTest, ReadsWhatHasChanged) {
  EXPECT_EQ(front->fault(), "");
  EXPECT_TRUE(front->any());
  const auto before = front->of(1);
  const int64_t expires = before->certificate(0).expires;
  front->look();
  EXPECT_EQ(front->of(1), before) << "nothing has changed";
  write(two);
  front->look();
  EXPECT_NE(front->of(1), before);
  EXPECT_EQ(front->of(1)->certificate(0).expires, expires + 3600);
  EXPECT_EQ(before->certificate(0).expires, expires) << "who has it keeps it";
}

TEST_F(FrontTlsTest, KeepsTheLastGoodOnes) {
  const auto before = front->of(1);
  folder.replace("tls.key", two.key_pem());
  front->look();
  front->look();
  EXPECT_EQ(front->of(1), before);
  EXPECT_EQ(sample("siding_client_tls_read_failures_total"), 2);
  folder.replace("tls.crt", two.certificate_pem());
  front->look();
  EXPECT_NE(front->of(1), before);
  EXPECT_EQ(sample("siding_client_tls_read_failures_total"), 2);
  folder.remove("tls.crt");
  front->look();
  EXPECT_EQ(sample("siding_client_tls_read_failures_total"), 3);
  EXPECT_EQ(front->fault(), "");
}

TEST_F(FrontTlsTest, TellsWhenACertificateExpires) {
  const double left = sample("siding_certificate_expires_seconds");
  clock.advance(1h);
  EXPECT_EQ(sample("siding_certificate_expires_seconds"), left - 3600);
}

TEST_F(FrontTlsTest, SaysWhyItCannotStart) {
  folder.replace("tls.key", two.key_pem());
  FrontTls none({address}, clock);
  EXPECT_TRUE(none.fault().starts_with("no TLS at 127.0.0.1:443: `" + folder.path("tls.key")))
      << none.fault();
}

// Under TSan: one thread reads files and rotates keys, others serve with what is there.
using FrontTlsThreads = FrontTlsTest;
TEST_F(FrontTlsThreads, ServeWhileFilesAreRead) {
  std::atomic<bool> over{false};
  std::thread reader([&] {
    for (int i = 0; i < 40; ++i) {
      write(i % 2 == 0 ? two : one);
      clock.advance(13h);
      front->look();
    }
    over = true;
  });
  int seen = 0;
  while (!over) {
    seen += front->of(1)->certificates() == 1 ? 1 : 0;
    Samples samples;
    front->collect(samples);
  }
  reader.join();
  EXPECT_GT(seen, 0);
}

}  // namespace
}  // namespace siding::test
