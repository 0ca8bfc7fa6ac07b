"""The administration: for an organization's own admins below `/o/<slug>/admin/`, for operators at `/ops/`.

Only `jarvis_site.urls` imports the sites, so that processes without pages do not load them.
"""
