"""The composition root and the floor that all apps share."""

from jarvis_site.celery import app as celery_app

__all__ = ["celery_app"]
