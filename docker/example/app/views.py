"""The whole application: one blocking view, written as everybody writes it."""
import os

import requests
from django.http import JsonResponse

MUSIC_URL = os.environ.get("MUSIC_URL", "http://music.example")


def search(request):
    q = request.GET.get("q", "")
    answer = requests.get(MUSIC_URL + "/s?word=" + q)
    return JsonResponse({"q": q, "result": answer.json()})
