"""Prometheus metrics of the HTTP side. Labels are route names, never paths: a path would make a series per object."""

from prometheus_client import Counter, Histogram

REQUESTS = Counter("jarvis_http_requests_total", "HTTP requests", ["route", "method", "status"])
SECONDS = Histogram("jarvis_http_request_seconds", "Duration of HTTP requests", ["route"])
