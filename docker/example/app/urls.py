"""Which path is which view; only the first is the application, the rest serve tests and benches."""
from django.urls import path

from . import more_views, views

urlpatterns = [
    path("search/", views.search),
    path("plain/", more_views.plain),
    path("row-search/", more_views.row_search),
    path("twice/", more_views.twice),
    path("params-search/", more_views.params_search),
    path("user-search/", more_views.user_search),
    path("login-search/", more_views.login_search),
    path("login/", more_views.login),
    path("slow/", more_views.slow),
    path("post/", more_views.post),
    path("post-search/", more_views.post_search),
    path("hang/", more_views.hang),
    path("self/", more_views.call_self),
]
