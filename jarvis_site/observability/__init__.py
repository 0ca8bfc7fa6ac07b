"""What operators look at: health, metrics, logs with a request id. No app is imported here."""
