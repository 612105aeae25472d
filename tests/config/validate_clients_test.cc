// What comes before HTTP at a listener: which tables load, and what is said of the others. OCSP responses are
// in tests/real/tls_front_test.py, where there is somebody who makes them.
#include "tests/config/loading.h"
#include "tests/harness/folder.h"
#include "tests/harness/tls_end.h"

namespace siding::config_test {
namespace {

using test::Folder;
using test::TlsIdentity;

struct ConfigClients : ::testing::Test {
  std::string pair(const std::string& name, const TlsIdentity& whose) {
    return "certificate = \"" + folder.write(name + ".crt", whose.certificate_pem()) +
           "\", key = \"" + folder.write(name + ".key", whose.key_pem()) + "\"";
  }
  static std::string with(const std::string& tls, const std::string& more = "") {
    return "listen = { address = \"0.0.0.0:1\", tls = { " + tls + " }" + more + " }\n" + kShop +
           kRoute;
  }
  Folder folder;
  TlsIdentity identity{"shop.test"};
};

TEST_F(ConfigClients, TablesLoad) {
  const std::string ca = folder.write("ca.pem", identity.authority_pem());
  const Config config =
      good("trusted_proxies = \"private\"\n" + kShop + kRoute +
           "[[listen]]\naddress = \"0.0.0.0:1\"\n[[listen]]\naddress = \"0.0.0.0:2\"\n"
           "proxy_protocol = true\n[[listen]]\naddress = \"0.0.0.0:3\"\n[listen.tls]\n" +
           "certificate = \"" + folder.write("a.crt", identity.certificate_pem()) + "\"\nkey = \"" +
           folder.write("a.key", identity.key_pem()) + "\"\nmin_version = \"1.3\"\nclient_ca = \"" +
           ca + "\"\nclient = \"optional\"\n[[listen.tls.more]]\ncertificate = \"" +
           folder.path("a.crt") + "\"\nkey = \"" + folder.path("a.key") + "\"\n");
  ASSERT_EQ(config.listen.size(), 3u);
  EXPECT_FALSE(config.listen[0].tls || config.listen[0].proxy_protocol);
  EXPECT_TRUE(!config.listen[1].tls && config.listen[1].proxy_protocol);
  const ListenTls& tls = *config.listen[2].tls;
  EXPECT_EQ(tls.certificates().size(), 2u);
  EXPECT_EQ(tls.min_version, ListenTls::MinVersion::tls13);
  EXPECT_EQ(tls.client, ListenTls::Client::optional);
  // What is printed is the same again.
  const std::string printed = print_config(config);
  EXPECT_EQ(print_config(good(printed)), printed);
  EXPECT_NE(printed.find("listen = [\"0.0.0.0:1\", { address = \"0.0.0.0:2\""), std::string::npos);
}

TEST_F(ConfigClients, ClientsAreRequiredByDefault) {
  const std::string ca = folder.write("ca.pem", identity.authority_pem());
  const Config config = good(with(pair("a", identity) + ", client_ca = \"" + ca + "\""));
  EXPECT_EQ(config.listen[0].tls->client, ListenTls::Client::required);
}

TEST_F(ConfigClients, KeysThatAreMissing) {
  EXPECT_TRUE(one_fault(with("key = \"/k\""),
                        "t.toml:1:41: missing `certificate` in [listen.tls]: the PEM file with"));
  EXPECT_TRUE(
      one_fault(with(pair("a", identity) + ", more = [{ certificate = \"/c\" }]"), "t.toml:1:"));
  EXPECT_FALSE(load("listen = [{ tls = {} }]\n" + kShop + kRoute).ok());
}

TEST_F(ConfigClients, FilesThatCannotBeUsed) {
  const TlsIdentity other("other.test");
  const std::string own = pair("a", identity);
  pair("b", other);
  auto fault = [&](const std::string& text, const std::string& what) {
    const std::string out = said(text);
    EXPECT_NE(out.find(what), std::string::npos) << out;
    EXPECT_FALSE(load(text).ok());
  };
  const std::string a = folder.path("a."), b = folder.path("b.");
  fault(with("certificate = \"/nowhere.crt\", key = \"" + a + "key\""),
        "cannot read `/nowhere.crt`: No such file");
  fault(with("certificate = \"" + a + "key\", key = \"" + a + "key\""), "holds no certificate");
  fault(with("certificate = \"" + a + "crt\", key = \"" + b + "key\""), "is not the key of");
  fault(with("certificate = \"" + a + "crt\", key = \"" + a + "crt\""), "holds no private key");
  fault(with(own + ", ocsp = \"" + a + "crt\""), "holds no OCSP response in DER form");
  fault(with(own + ", more = [{ certificate = \"" + b + "crt\", key = \"" + a + "key\" }]"),
        "is not the key of");
  fault(with(own + ", client_ca = \"" + a + "key\""), "holds no certificate of an authority");
  fault(with(own + ", client = \"optional\""), "with `client_ca`");
  fault(with("certificate = \"a.crt\", key = \"" + a + "key\""), "a path begins with");
}

TEST_F(ConfigClients, WhatIsOnlyTooOldIsAWarning) {
  const TlsIdentity old("old.test", nullptr, -60);
  EXPECT_TRUE(one_warning(with(pair("old", old)), "t.toml:1:57: warning: the certificate in"));
}

TEST_F(ConfigClients, PlacesAreTheEntrys) {
  const TlsIdentity other("other.test");
  pair("b", other);
  const std::string text =
      "[[listen]]\naddress = \"0.0.0.0:1\"\n[[listen]]\naddress = \"0.0.0.0:2\"\n"
      "tls.certificate = \"" +
      folder.path("b.crt") + "\"\ntls.key = \"/nowhere\"\n";
  EXPECT_TRUE(one_fault(text + kShop + kRoute, "t.toml:6:11: cannot read `/nowhere`"));
}

TEST_F(ConfigClients, PROXYHeadersNeedWhomToTrust) {
  const std::string listen = "listen = { address = \"0.0.0.0:1\", proxy_protocol = true }\n";
  EXPECT_TRUE(one_fault(listen + kShop + kRoute,
                        "t.toml:1:52: nobody may send a PROXY header yet: name the networks"));
  good("trusted_proxies = \"10.0.0.0/8\"\n" + listen + kShop + kRoute);
  good("listen = { address = \"unix:/run/s\", proxy_protocol = true }\n" + kShop + kRoute);
}

TEST_F(ConfigClients, OtherDoorsHaveNoneOfIt) {
  EXPECT_TRUE(one_fault(
      kSmall + "[health]\nlisten = { address = \"127.0.0.1:1\", proxy_protocol = true }\n",
      "t.toml:8:37: `proxy_protocol` is for the listen of clients, at the top"));
  EXPECT_FALSE(load(kListen + "[egress]\nlisten = { address = \"127.0.0.1:1\", tls = { " +
                    pair("a", identity) + " } }\n" + kShop + kRoute)
                   .ok());
}

}  // namespace
}  // namespace siding::config_test
