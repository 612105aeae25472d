// Who may say what certificate a client has: siding, and proxies that it trusts.
#include "http/client_certificate.h"

#include <gtest/gtest.h>

namespace siding {
namespace {

Fields forged() {
  Fields fields;
  fields.add("Host", "shop");
  fields.add("Client-Cert", ":Zm9yZ2Vk:");
  fields.add("CLIENT-CERT", ":dHdpY2U=:");
  fields.add("client-cert-chain", ":Zm9yZ2Vk:");
  fields.add("X-Client-Subject", "CN=admin");
  fields.add("X-Client-Subjects", "another field");
  return fields;
}

TEST(ClientCertificate, NobodyMakesOneUp) {
  Fields fields = forged();
  set_client_certificate(fields, nullptr, false);
  EXPECT_FALSE(fields.has("client-cert"));
  EXPECT_FALSE(fields.has("client-cert-chain"));
  EXPECT_FALSE(fields.has("x-client-subject"));
  EXPECT_TRUE(fields.has("x-client-subjects"));
  EXPECT_TRUE(fields.has("host"));
}

TEST(ClientCertificate, ATrustedProxyMayTellOfIts) {
  Fields fields = forged();
  set_client_certificate(fields, nullptr, true);
  EXPECT_EQ(fields.count("client-cert"), 2u);
  EXPECT_EQ(fields.get("x-client-subject"), "CN=admin");
}

TEST(ClientCertificate, WhatIsSeenReplacesWhatIsSaid) {
  for (bool trusted : {false, true}) {
    Fields fields = forged();
    ClientCertificate seen{":c2Vlbg==:", "CN=ann"};
    set_client_certificate(fields, &seen, trusted);
    EXPECT_EQ(fields.count("client-cert"), 1u);
    EXPECT_EQ(fields.get("client-cert"), ":c2Vlbg==:");
    EXPECT_EQ(fields.get("x-client-subject"), "CN=ann");
    EXPECT_FALSE(fields.has("client-cert-chain"));
  }
}

}  // namespace
}  // namespace siding
