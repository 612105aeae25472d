"""One table, so that a view can hold a database connection while it waits."""
from django.db import models


class Word(models.Model):
    text = models.CharField(max_length=100)
