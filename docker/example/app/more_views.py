"""Views that only the tests and the benches ask for; the application itself is views.py."""
import os
import time

import requests
from django.http import HttpResponseRedirect, JsonResponse

from .models import Word
from .views import MUSIC_URL

EXECUTIONS = os.environ.get("EXECUTIONS", "/tmp/siding-example.executions")
SELF_URL = os.environ.get("SELF_URL", "http://127.0.0.1:8080")


def music(q, **kwargs):
    return requests.get(MUSIC_URL + "/s?word=" + q, **kwargs).json()


def record(request):
    """Appends the caller's id to a file: a line twice means that a request was executed twice."""
    line = (request.method + " " + request.GET.get("id", "-") + "\n").encode()
    log = os.open(EXECUTIONS, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    os.write(log, line)
    os.close(log)


def plain(request):
    """Calls nobody."""
    return JsonResponse({"plain": request.GET.get("n", "")})


def row_search(request):
    """Reads a row first: the database connection stays open while the upstream is waited for."""
    words = Word.objects.count()
    q = request.GET.get("q", "")
    return JsonResponse({"q": q, "words": words, "result": music(q)})


def twice(request):
    """Makes the same call two times; each must get an answer of its own."""
    q = request.GET.get("q", "")
    return JsonResponse({"q": q, "first": music(q), "second": music(q)})


def params_search(request):
    """The same call, quoted by the library instead of by concatenation."""
    q = request.GET.get("q", "")
    answer = requests.get(MUSIC_URL + "/s", params={"word": q})
    return JsonResponse({"q": q, "result": answer.json()})


def user_search(request):
    """Hands on a credential of its client that only the application knows to be one."""
    q, user = request.GET.get("q", ""), request.headers.get("X-User-Id", "")
    result = music(q, headers={"X-User-Id": user})
    return JsonResponse({"q": q, "user": user, "result": result})


def login_search(request):
    """Sends strangers to the login page, and calls for those who have a session."""
    if "sessionid" not in request.COOKIES:
        return HttpResponseRedirect("/login/")
    q = request.GET.get("q", "")
    return JsonResponse({"q": q, "result": music(q)})


def login(request):
    return JsonResponse({"login": "please"})


def slow(request):
    """A worker that is busy by itself: a heavy query, a computation."""
    record(request)
    time.sleep(int(request.GET.get("ms", "100")) / 1000)
    return JsonResponse({"slept": request.GET.get("ms", "100"), "id": request.GET.get("id", "-")})


def post(request):
    """Echoes the body and leaves a trace of having been executed."""
    record(request)
    return JsonResponse({"id": request.GET.get("id", "-"), "length": len(request.body),
                         "body": request.body[:200].decode("latin-1")})


def post_search(request):
    """Takes a body, then calls."""
    record(request)
    q, length = request.GET.get("q", ""), len(request.body)
    return JsonResponse({"q": q, "length": length, "result": music(q)})


def hang(request):
    """Calls a path of the upstream that never answers."""
    try:
        answer = requests.get(MUSIC_URL + "/hang?word=" + request.GET.get("q", ""))
        return JsonResponse({"upstream": answer.status_code})
    except requests.RequestException as error:
        return JsonResponse({"upstream": type(error).__name__}, status=502)


def call_self(request):
    """A backend that calls the proxy in front of itself."""
    answer = requests.get(SELF_URL + "/plain/?n=self")
    return JsonResponse({"status": answer.status_code, "ms": answer.elapsed.total_seconds() * 1000})
