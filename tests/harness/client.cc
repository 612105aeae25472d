// See client.h.
#include "tests/harness/client.h"

namespace siding::test {

namespace {
std::string request(std::string_view method, std::string_view target, std::string_view fields) {
  std::string out(method);
  out.append(" ").append(target).append(" HTTP/1.1\r\nHost: shop.example\r\n");
  return out.append(fields).append("\r\n");
}
}  // namespace

Client& Client::send(std::string_view bytes) {
  wire_.send(bytes);
  return *this;
}

Client& Client::get(std::string_view target, std::string_view fields) {
  head_ = false;
  return send(request("GET", target, fields));
}

Client& Client::head(std::string_view target, std::string_view fields) {
  head_ = true;
  return send(request("HEAD", target, fields));
}

Client& Client::post(std::string_view target, std::string_view body, std::string_view fields) {
  head_ = false;
  std::string all = "Content-Length: " + std::to_string(body.size()) + "\r\n";
  all += fields;
  return send(request("POST", target, all) + std::string(body));
}

Message Client::answer() {
  Message m = read();
  while (m.whole() && m.status() / 100 == 1) m = read();
  return m;
}

Message get(uint16_t port, std::string_view target, std::string_view fields) {
  return Client(port).get(target, fields).answer();
}

Message post(uint16_t port, std::string_view target, std::string_view body,
             std::string_view fields) {
  return Client(port).post(target, body, fields).answer();
}

Message call_out(uint16_t egress, std::string_view url, std::string_view fields) {
  std::string host(url.substr(url.find("//") + 2));
  host.erase(host.find('/'));
  std::string out = "GET " + std::string(url) + " HTTP/1.1\r\nHost: " + host +
                    "\r\nUser-Agent: python-requests/2.28.1\r\n"
                    "Accept-Encoding: gzip, deflate\r\nAccept: */*\r\nConnection: keep-alive\r\n";
  out += fields;
  return Client(egress).send(out + "\r\n").answer();
}

}  // namespace siding::test
