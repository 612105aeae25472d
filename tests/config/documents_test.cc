// The documents: every TOML block in them is a configuration that loads, without a warning.
#include <fstream>
#include <string>
#include <vector>

#include "tests/config/loading.h"
#include "tests/harness/folder.h"
#include "tests/harness/tls_end.h"

namespace siding::config_test {
namespace {

/// A block with as many empty lines before it as the document has, so that the place of a fault is
/// the one in the document.
std::vector<ConfigSource> toml_blocks(const std::string& document) {
  std::ifstream file(SIDING_SOURCE_DIR "/" + document);
  EXPECT_TRUE(file.good()) << document << " cannot be read";
  std::vector<ConfigSource> blocks;
  std::string before;
  bool inside = false;
  for (std::string line; std::getline(file, line); before += '\n') {
    const size_t begin = line.find_first_not_of(' ');
    const std::string text = begin == std::string::npos ? "" : line.substr(begin);
    if (inside && text.starts_with("```")) {
      inside = false;
    } else if (inside) {
      blocks.back().text += line + '\n';
    } else if (text.starts_with("```toml")) {
      inside = true;
      blocks.push_back({document, before + '\n'});
    }
  }
  EXPECT_FALSE(inside) << document << ": the last block is not closed";
  return blocks;
}

/// The certificates of the documents are those of a folder.
void put_certificates(std::string& text, const test::Folder& folder) {
  constexpr std::string_view place = "/etc/siding/";
  for (size_t at = 0; (at = text.find(place, at)) != std::string::npos;) {
    text.replace(at, place.size(), folder.path() + "/");
  }
}

/// Whatever a block asks for is set. Files of secrets are not there: a block names none.
std::optional<std::string> any_variable(std::string_view) { return "1"; }

TEST(ConfigDocuments, EveryTomlBlockLoads) {
  test::Folder folder;
  const test::TlsIdentity identity("shop.example");
  for (const char* name : {"tls", "other"}) {
    folder.write(name + std::string(".crt"), identity.certificate_pem());
    folder.write(name + std::string(".key"), identity.key_pem());
  }
  folder.write("clients.pem", identity.authority_pem());
  size_t found = 0;
  for (const char* document :
       {"README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "docker/example/README.md"}) {
    for (ConfigSource& block : toml_blocks(document)) {
      put_certificates(block.text, folder);
      ++found;
      EXPECT_EQ(said(load_config({block}, any_variable)), "");
    }
  }
  EXPECT_GT(found, 0u);
}

}  // namespace
}  // namespace siding::config_test
