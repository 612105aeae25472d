"""The smallest settings that a production Django runs with: one sqlite file, no debug pages."""
import os

SECRET_KEY = os.environ.get("SECRET_KEY", "an example has no secrets")
DEBUG = False
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "app.urls"
WSGI_APPLICATION = "app.wsgi.application"
INSTALLED_APPS = ["app"]
MIDDLEWARE = ["django.middleware.common.CommonMiddleware"]
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": os.environ.get("DATABASE", "/tmp/siding-example.sqlite3"),
    }
}
