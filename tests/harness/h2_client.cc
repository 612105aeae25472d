// See h2_client.h.
#include "tests/harness/h2_client.h"

#include <algorithm>

namespace siding::test {

namespace {
std::string text(const uint8_t* data, size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

std::vector<nghttp2_nv> as_nv(const H2Client::Pairs& fields) {
  std::vector<nghttp2_nv> list;
  auto bytes = [](const std::string& s) {
    return reinterpret_cast<uint8_t*>(const_cast<char*>(s.data()));
  };
  for (const auto& [name, value] : fields) {
    list.push_back({bytes(name), bytes(value), name.size(), value.size(), NGHTTP2_NV_FLAG_NONE});
  }
  return list;
}
}  // namespace

std::string H2Client::Answer::field(std::string_view name) const {
  for (const auto& [n, v] : fields) {
    if (n == name) return v;
  }
  return {};
}

H2Client::H2Client(LoopPeer& peer, Options options) : peer_(peer) {
  nghttp2_session_callbacks* callbacks = nullptr;
  nghttp2_session_callbacks_new(&callbacks);
  nghttp2_session_callbacks_set_on_header_callback(callbacks, &H2Client::on_header);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(
      callbacks,
      [](nghttp2_session*, uint8_t, int32_t id, const uint8_t* data, size_t size, void* self) {
        of(self).answers_[id].body += text(data, size);
        return 0;
      });
  nghttp2_session_callbacks_set_on_frame_recv_callback(
      callbacks, [](nghttp2_session*, const nghttp2_frame* frame, void* self) {
        const int32_t id = frame->hd.stream_id;
        if (frame->hd.type == NGHTTP2_DATA) of(self).data_order.push_back(id);
        if (frame->hd.type == NGHTTP2_GOAWAY) {
          of(self).goaways.emplace_back(frame->goaway.last_stream_id, frame->goaway.error_code);
        }
        const bool carries = frame->hd.type == NGHTTP2_DATA || frame->hd.type == NGHTTP2_HEADERS;
        if (carries && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0) {
          of(self).answers_[id].ended = true;
        }
        return 0;
      });
  nghttp2_session_callbacks_set_on_stream_close_callback(
      callbacks, [](nghttp2_session*, int32_t id, uint32_t code, void* self) {
        of(self).answers_[id].closed = true;
        of(self).answers_[id].code = code;
        return 0;
      });
  nghttp2_option* option = nullptr;
  nghttp2_option_new(&option);
  nghttp2_option_set_no_auto_window_update(option, options.own_updates ? 0 : 1);
  nghttp2_option_set_no_http_messaging(option, options.http_messaging ? 0 : 1);
  nghttp2_session_client_new2(&session_, callbacks, this, option);
  nghttp2_option_del(option);
  nghttp2_session_callbacks_del(callbacks);
  const nghttp2_settings_entry settings[] = {{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, options.window},
                                             {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1}};
  nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, settings, options.extensible ? 2 : 1);
  peer_.on_pump = [this](LoopPeer&) { exchange(); };
}

H2Client::~H2Client() { nghttp2_session_del(session_); }

int32_t H2Client::ask(std::string_view method, std::string_view path, const Pairs& fields,
                      std::optional<std::string> body) {
  Pairs all{{":method", std::string(method)},
            {":scheme", "http"},
            {":authority", "a"},
            {":path", std::string(path)}};
  all.insert(all.end(), fields.begin(), fields.end());
  return ask_raw(all, std::move(body));
}

int32_t H2Client::ask_raw(const Pairs& fields, std::optional<std::string> body) {
  std::vector<nghttp2_nv> list = as_nv(fields);
  nghttp2_data_provider provider{};
  provider.read_callback = &H2Client::read_body;
  const int32_t id = nghttp2_submit_request(session_, nullptr, list.data(), list.size(),
                                            body ? &provider : nullptr, nullptr);
  if (body) bodies_[id].rest = *body;
  return id;
}

void H2Client::send(int32_t id, std::string_view more, bool last, const Pairs& trailers) {
  Body& body = bodies_[id];
  body.rest += more;
  body.last = last;
  body.trailers = trailers;
  nghttp2_session_resume_data(session_, id);
}

void H2Client::reset(int32_t id, uint32_t code) {
  nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, id, code);
}

void H2Client::consume(int32_t id, size_t bytes) { nghttp2_session_consume(session_, id, bytes); }

ssize_t H2Client::read_body(nghttp2_session* session, int32_t id, uint8_t* into, size_t most,
                            uint32_t* flags, nghttp2_data_source*, void* self) {
  Body& body = of(self).bodies_[id];
  if (body.rest.empty() && !body.last) return NGHTTP2_ERR_DEFERRED;
  const size_t size = std::min(most, body.rest.size());
  std::copy_n(body.rest.data(), size, into);
  body.rest.erase(0, size);
  if (body.rest.empty() && body.last) {
    *flags |= NGHTTP2_DATA_FLAG_EOF;
    if (!body.trailers.empty()) {
      *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
      std::vector<nghttp2_nv> list = as_nv(body.trailers);
      nghttp2_submit_trailer(session, id, list.data(), list.size());
    }
  }
  return static_cast<ssize_t>(size);
}

int H2Client::on_header(nghttp2_session*, const nghttp2_frame* frame, const uint8_t* name,
                        size_t name_size, const uint8_t* value, size_t value_size, uint8_t,
                        void* self) {
  Answer& answer = of(self).answers_[frame->hd.stream_id];
  const std::string n = text(name, name_size);
  const std::string v = text(value, value_size);
  if (n == ":status") {
    if (answer.status != 0 && answer.status < 200) answer.interim.push_back(answer.status);
    answer.status = std::stoi(v);
    answer.fields.clear();
  } else if (frame->headers.cat == NGHTTP2_HCAT_HEADERS && answer.status >= 200 &&
             !answer.body.empty()) {
    answer.trailers.emplace_back(n, v);
  } else {
    answer.fields.emplace_back(n, v);
  }
  return 0;
}

void H2Client::exchange() {
  if (!peer_.in.empty()) {
    const std::string in = std::exchange(peer_.in, {});
    nghttp2_session_mem_recv(session_, reinterpret_cast<const uint8_t*>(in.data()), in.size());
  }
  const uint8_t* data = nullptr;
  ssize_t size = 0;
  while ((size = nghttp2_session_mem_send(session_, &data)) > 0) {
    peer_.send(text(data, static_cast<size_t>(size)));
  }
}

}  // namespace siding::test
