"""gRPC as others wrote it (python3-grpcio): client and server, with siding between, which speaks HTTP/2 in clear with
both. The server has one worker, as the blocking services have for which siding is."""
import concurrent.futures
import threading
import unittest

import grpc
import harness

CALLS = 40


def text(message):
    return message.encode()


class Songs(grpc.GenericRpcHandler):
    """/songs/Find answers at once, /songs/All one message after the other, /songs/Lose fails."""

    def __init__(self):
        self.inside, self.most, self.lock = 0, 0, threading.Lock()

    def find(self, request, context):
        with self.lock:
            self.inside += 1
            self.most = max(self.most, self.inside)
        context.set_trailing_metadata((("x-songs", "1"),))
        with self.lock:
            self.inside -= 1
        return text("song of ") + request

    def all(self, request, context):
        for i in range(5):
            yield text("%d of " % i) + request

    def lose(self, request, context):
        context.abort(grpc.StatusCode.NOT_FOUND, "no song of that: \u00fc")

    def upload(self, requests, context):
        return text("%d" % sum(len(r) for r in requests))

    def service(self, details):
        return {"/songs/Find": grpc.unary_unary_rpc_method_handler(self.find),
                "/songs/All": grpc.unary_stream_rpc_method_handler(self.all),
                "/songs/Lose": grpc.unary_unary_rpc_method_handler(self.lose),
                "/songs/Upload": grpc.stream_unary_rpc_method_handler(self.upload)}.get(details.method)


class GrpcTest(harness.Case):
    def setUp(self):
        super().setUp()
        self.songs = Songs()
        server = grpc.server(concurrent.futures.ThreadPoolExecutor(max_workers=1), handlers=(self.songs,))
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        self.addCleanup(lambda: server.stop(None).wait())
        self.proxy = self.siding(
            backend={"songs": {"url": "http://127.0.0.1:%d" % port, "h2c": True, "concurrency": 1}},
            route=[{"backend": "songs"}])
        self.channel = grpc.insecure_channel("127.0.0.1:%d" % self.ports.front,
                                             options=[("grpc.enable_http_proxy", 0)])
        self.addCleanup(self.channel.close)

    def test_an_answer_and_its_trailers(self):
        answer, call = self.channel.unary_unary("/songs/Find").with_call(text("x"), timeout=20)
        self.assertEqual(answer, text("song of x"))
        self.assertIn(("x-songs", "1"), [(k, v) for k, v in call.trailing_metadata()])
        self.assertEqual(call.code(), grpc.StatusCode.OK)

    def test_answers_one_after_the_other(self):
        answers = list(self.channel.unary_stream("/songs/All")(text("x"), timeout=20))
        self.assertEqual(answers, [text("%d of x" % i) for i in range(5)])

    def test_a_stream_of_requests(self):
        sent = (bytes(20000) for _ in range(50))
        self.assertEqual(self.channel.stream_unary("/songs/Upload")(sent, timeout=20), text("1000000"))

    def test_a_failure_keeps_its_code_and_its_words(self):
        with self.assertRaises(grpc.RpcError) as lost:
            self.channel.unary_unary("/songs/Lose")(text("x"), timeout=20)
        self.assertEqual(lost.exception.code(), grpc.StatusCode.NOT_FOUND)
        self.assertEqual(lost.exception.details(), "no song of that: \u00fc")

    def test_many_at_once_over_one_connection(self):
        calls = [self.channel.unary_unary("/songs/Find").future(text(str(i)), timeout=30) for i in range(CALLS)]
        self.assertEqual([c.result() for c in calls], [text("song of %d" % i) for i in range(CALLS)])
        self.assertEqual(self.songs.most, 1, "the queue lets one in at a time")
        metrics = self.proxy.metrics()
        self.assertLessEqual(metrics.sum("siding_http2_connections", backend="songs"), 4)
        self.assertEqual(metrics.outcome("ok"), CALLS)


if __name__ == "__main__":
    unittest.main()
