"""Pages of the administration about people and organizations; `jarvis_site.admin` puts them on its sites."""
