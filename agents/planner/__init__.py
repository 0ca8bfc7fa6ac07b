"""From words to a checked plan. Nothing in here carries anything out."""
